"""The vector index of large collections: made once, kept in files, never trusted further than the database goes."""

from __future__ import annotations

import json
import logging
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import spanwise
from spanwise import Source
from spanwise.index import collection, index_files, indexing, snapshot
from spanwise.index.index_files import Manifest
from spanwise.index.store import DocumentDraft
from spanwise.index.store_sqlite import SqlitePassageStore
from spanwise.index.vectors import VectorIndex
from spanwise.index.vectors_faiss import FaissFlatIndex, FaissInverted
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder

Draft = Callable[..., DocumentDraft]
Open = Callable[[], SqlitePassageStore]
ABOVE = 60
TREES = ("alder", "birch", "elm", "fir", "hazel")


@pytest.fixture
def open_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens one store, as another process would, that has a large index from 60 vectors on."""
    monkeypatch.setattr(snapshot, "SMALL", 12)
    monkeypatch.setattr(indexing, "SMALL", 12)
    with ExitStack() as stack:

        def open_one() -> SqlitePassageStore:
            place = tmp_path / "store"
            store = SqlitePassageStore(place, FaissFlatIndex, FaissInverted(above=ABOVE), write_wait_seconds=5)
            stack.callback(store.close)
            return store

        yield open_one


def rows_of(number: int, count: int = 1) -> np.ndarray:
    rows = np.random.default_rng(number).standard_normal((count, 16)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def filled(store: SqlitePassageStore, draft: Draft, count: int = 100) -> None:
    store.set_fingerprint(HashEmbedder(16).fingerprint)
    store.add([draft(f"d{number}", f"alba unit{number}", vectors=rows_of(number)) for number in range(count)],
              replace=True)  # fmt: skip


def near(store: SqlitePassageStore, number: int, k: int = 1) -> list[str]:
    """Ids of the documents nearest to the vector of document `number`."""
    with store.reading() as view:
        keys = [key for key, _ in view.dense(rows_of(number)[0], k)]
        found = view.passages(keys)
    return [found[key].document.id for key in keys]


def is_approximate(store: SqlitePassageStore) -> bool:
    return store.search_kind.startswith("approximate")


def test_few_vectors_have_no_file(open_large: Open, draft: Draft, tmp_path: Path) -> None:
    store = open_large()
    filled(store, draft, ABOVE - 1)
    assert not store.build_index()
    assert near(store, 7) == ["d7"]
    assert (store.search_kind, store.index_file) == ("exact, every vector compared", None)
    assert not (tmp_path / "store" / "search").exists()


def test_many_vectors_have_one_and_status_says_so(open_large: Open, draft: Draft) -> None:
    store = open_large()
    filled(store, draft)
    assert near(store, 7) == ["d7"]
    assert store.search_kind == "exact, every vector compared"
    assert store.index_file == "not made yet; every vector is compared meanwhile"
    assert store.build_index()
    assert is_approximate(store)
    assert store.index_file is not None
    assert store.index_file.startswith("generation 1, 100 vectors, ")
    assert not store.build_index(), "it is there"
    assert near(store, 7) == ["d7"]
    other = open_large()
    assert is_approximate(other), "said before anything is searched"
    assert near(other, 8) == ["d8"]
    assert is_approximate(other)
    assert store.verify(0)[0] == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_changes_on_top_of_files_are_searched_as_they_are(open_large: Open, draft: Draft, seed: int) -> None:
    """Indexes of so few vectors have one or two lists, so nothing may be missed."""
    numbers = np.random.default_rng(seed)
    here, elsewhere = open_large(), open_large()
    filled(here, draft)
    present = set(range(100))
    assert here.build_index()
    kinds = set()
    for step in range(25):
        changing = (here, elsewhere)[numbers.integers(2)]
        if numbers.random() < 0.5:
            gone = [int(one) for one in numbers.choice(sorted(present), 3, replace=False)]
            changing.delete([f"d{number}" for number in gone])
            present -= set(gone)
        else:
            new = 100 + step
            changing.add([draft(f"d{new}", f"birk unit{new}", vectors=rows_of(new))], replace=True)
            present.add(new)
        if numbers.random() < 0.2:
            changing.build_index()
        third = open_large()  # what a new process reads from the files
        for store in (here, elsewhere, third):
            expected = sorted(present, key=lambda one: -float(rows_of(one)[0].astype(np.float16) @ rows_of(500)[0]))
            assert near(store, 500, 200) == [f"d{one}" for one in expected]
            assert near(store, 500, 5) == [f"d{one}" for one in expected[:5]]
            kinds.add(store.search_kind.split(":")[0])
        third.close()
    assert kinds >= {"approximate"}


@pytest.mark.slow
def test_a_filter_searches_exactly(open_large: Open, draft: Draft) -> None:
    from spanwise.index.filters import parse_where

    store = open_large()
    filled(store, draft, 2_000)
    assert store.build_index()
    where = parse_where({"document.id": [f"d{number}" for number in range(0, 2000, 100)]})
    with store.reading() as view:
        found = view.passages([key for key, _ in view.dense(rows_of(300)[0], 10, where)])
    wanted = sorted(range(0, 2000, 100), key=lambda one: -float(rows_of(one)[0] @ rows_of(300)[0]))[:10]
    assert {passage.document.id for passage in found.values()} == {f"d{one}" for one in wanted}


def _damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, draft: Draft) -> Path:
    """The folder of a closed store with an index in files, to be copied."""
    folder = tmp_path_factory.mktemp("closed") / "store"
    store = SqlitePassageStore(folder, FaissFlatIndex, FaissInverted(above=ABOVE))
    filled(store, draft)
    assert store.build_index()
    store.close()
    return folder


@pytest.mark.parametrize("part", ["index", "keys", "manifest"])
@pytest.mark.parametrize("how", [_damage, Path.unlink, _empty], ids=["bit", "gone", "empty"])
def test_damaged_files_are_passed_over_said_and_made_again(
    open_large: Open, closed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, part: str,
    how: Callable[[Path], object],
) -> None:  # fmt: skip
    shutil.copytree(closed, tmp_path / "store")
    folder = tmp_path / "store" / "search"
    manifest = folder / "manifest.json"
    how(manifest if part == "manifest" else folder / json.loads(manifest.read_text())["manifest"][part])
    harmless = part == "manifest" and how is Path.unlink  # the same as none
    later = open_large()
    if not harmless:
        assert [finding.kind for finding in later.verify(0)[0]] == ["index"]
    with caplog.at_level(logging.WARNING, logger="spanwise.index"):
        assert near(later, 7) == ["d7"]
    assert not is_approximate(later)
    if not harmless:
        assert "is damaged" in caplog.text
        assert later.index_file is not None
        assert "made again" in later.index_file
    assert later.build_index()
    assert is_approximate(later)
    assert near(later, 7) == ["d7"]
    assert later.verify(0)[0] == []
    assert sorted(file.suffix for file in folder.iterdir()) == [".index", ".json", ".keys"]


def _restate(file: Path, **values: object) -> None:
    manifest = Manifest(**json.loads(file.read_text())["manifest"])
    file.write_bytes(index_files.sealed(replace(manifest, **values)))  # type: ignore[arg-type]


@pytest.mark.parametrize("said", [{"fingerprint": '{"model": "another"}'}, {"generation": 99}])
def test_files_of_another_model_or_ahead_of_the_database_are_not_used(
    open_large: Open, closed: Path, tmp_path: Path, said: dict[str, object]
) -> None:
    """The latter as when somebody has put an older database file back by hand."""
    shutil.copytree(closed, tmp_path / "store")
    _restate(tmp_path / "store" / "search" / "manifest.json", **said)
    later = open_large()
    assert near(later, 7) == ["d7"]
    assert not is_approximate(later)


def test_files_far_behind_are_compared_with_the_database(
    open_large: Open, draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spanwise.index import store_sqlite, view_sqlite

    for module in (store_sqlite, view_sqlite):
        monkeypatch.setattr(module, "REMEMBERED", 2)
    store = open_large()
    filled(store, draft)
    store.build_index()
    for number in range(4):
        store.delete([f"d{number}"])
    with store._database.reading() as connection:  # what is remembered is no more than that
        assert connection.execute("SELECT count(*) FROM tombstones").fetchone() == (2,)
    later = open_large()
    assert is_approximate(later)
    assert set(near(later, 0, 100)) == {f"d{number}" for number in range(4, 100)}
    assert is_approximate(later)


def test_it_is_made_in_the_background_of_a_process_that_searches(
    open_large: Open, draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "PATIENCE_SECONDS", 0.0)
    made, build = threading.Event(), indexing.Indexes._build

    def watched(*arguments: object) -> None:
        build(*arguments)  # type: ignore[arg-type]
        made.set()

    monkeypatch.setattr(indexing.Indexes, "_build", watched)
    store = open_large()
    filled(store, draft)
    assert near(store, 7) == ["d7"]
    assert made.wait(60)
    assert is_approximate(store)
    assert near(store, 7) == ["d7"]


def test_a_change_while_it_is_made_is_not_lost(open_large: Open, draft: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    store, other = open_large(), open_large()
    filled(store, draft)
    build = FaissInverted.build

    def disturbed(*arguments: object) -> VectorIndex:
        other.delete(["d7"])
        other.add([draft("new", "birk", vectors=rows_of(7))], replace=True)
        return build(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(FaissInverted, "build", disturbed)
    assert store.build_index()
    for one in (store, other, open_large()):
        assert near(one, 7) == ["new"]
        assert len(near(one, 7, 200)) == 100
        assert is_approximate(one) or one is other


def test_closing_stops_the_making(open_large: Open, draft: Draft, tmp_path: Path) -> None:
    store = open_large()
    filled(store, draft)
    store._indexes._stop.set()
    assert not store.build_index()
    assert not (tmp_path / "store" / "search" / "manifest.json").exists()


def test_few_that_are_left_are_compared_again(open_large: Open, draft: Draft) -> None:
    store = open_large()
    filled(store, draft)
    store.build_index()
    near(store, 7)
    store.delete([f"d{number}" for number in range(80)])
    assert near(store, 90) == ["d90"]
    assert store.search_kind.startswith("exact")


def test_backups_leave_it_out_and_renames_take_it_along(
    opened: Callable[..., Collection], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "FaissInverted", partial(FaissInverted, above=3))
    library = opened()
    library.add([Source(f"The {tree} is here.", id=tree) for tree in TREES])
    assert library.build_index()
    status = library.status()
    assert (status.index_file or "").startswith("generation 1, 5 vectors, ")
    files = [file for file in (data / "collections" / "default").rglob("*") if file.is_file()]
    assert status.bytes_on_disk == sum(file.stat().st_size for file in files)
    library.backup(tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar") as archive:
        assert sorted(archive.getnames()) == ["collection.sqlite", "manifest.json"]
    spanwise.rename(data, "default", "other")
    other = opened("other", create=False)
    assert other.status().search.startswith("approximate")
    assert other.search("elm", 1, mode="dense")[0].document.id == "elm"
    spanwise.restore(data, tmp_path / "backup.tar", "copy")
    copy = opened("copy", create=False)
    assert (copy.status().search.split(",")[0], copy.status().index_file) == ("exact", None)
    assert copy.build_index()
    assert copy.search("elm", 1, mode="dense")[0].document.id == "elm"
    spanwise.drop(data, "other")
    assert not (data / "collections" / "other").exists()


def test_compacting_makes_it(opened: Callable[..., Collection], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "FaissInverted", partial(FaissInverted, above=3))
    library = opened()
    library.add([Source(f"The {tree} is here.", id=tree) for tree in TREES])
    library.compact()
    assert library.status().search.startswith("approximate")


def test_another_model_begins_anew(opened: Callable[..., Collection], monkeypatch: pytest.MonkeyPatch) -> None:
    """The vectors of a reindexed collection have another dimension, and none of those in the files is left."""
    monkeypatch.setattr(collection, "FaissInverted", partial(FaissInverted, above=3))
    library = opened()
    library.add([Source(f"The {tree} is here.", id=tree) for tree in TREES])
    assert library.build_index()
    assert library.search("elm", 1, mode="dense")[0].document.id == "elm"
    library.reindex(embedder=HashEmbedder(24, model="other"))
    assert library.search("elm", 1, mode="dense")[0].document.id == "elm"
    assert library.status().search.startswith("exact")
    assert library.build_index()
    assert library.search("elm", 1, mode="dense")[0].document.id == "elm"
    assert library.status().search.startswith("approximate")
    assert library.verify() == []


def test_two_that_make_it_at_once_do_no_harm(open_large: Open, draft: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    store, other = open_large(), open_large()
    filled(store, draft)
    build = FaissInverted.build

    def both(*arguments: object) -> VectorIndex:
        monkeypatch.setattr(FaissInverted, "build", build)
        monkeypatch.setattr(indexing.Indexes, "_is_made_elsewhere", lambda self: False)
        found = build(*arguments)  # type: ignore[arg-type]
        assert other.build_index()
        return found

    monkeypatch.setattr(FaissInverted, "build", both)
    store.build_index()
    for one in (store, other, open_large()):
        assert near(one, 7) == ["d7"]
        assert one.verify(0)[0] == []
        assert is_approximate(one)


def test_a_draft_that_another_process_sweeps_away_is_no_trouble(
    open_large: Open, draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_large()
    filled(store, draft)
    write = index_files.IndexFiles.write

    def swept(*arguments: object) -> index_files.Draft:
        made = write(*arguments)  # type: ignore[arg-type]
        made.discard()
        return made

    monkeypatch.setattr(index_files.IndexFiles, "write", swept)
    assert not store.build_index()
    monkeypatch.setattr(index_files.IndexFiles, "write", write)
    assert store.build_index()


def test_a_file_replaced_while_it_is_read_is_not_called_damaged(
    open_large: Open, draft: Draft, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store, other = open_large(), open_large()
    filled(store, draft)
    assert store.build_index()
    read = FaissInverted.read

    def replaced(self: FaissInverted, file: Path) -> VectorIndex:
        monkeypatch.setattr(FaissInverted, "read", read)
        store.add([draft(f"n{number}", f"nova {number}", vectors=rows_of(500 + number)) for number in range(40)],
                  replace=True)  # fmt: skip
        assert store.build_index()
        assert not file.exists()
        return read(self, file)

    monkeypatch.setattr(FaissInverted, "read", replaced)
    assert near(other, 7) == ["d7"]
    assert near(other, 501) == ["n1"]
    assert "damaged" not in caplog.text
    assert other.index_file is not None
    assert "again" not in other.index_file
