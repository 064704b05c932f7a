"""Backups: whole, checked, made while others write, restored as a whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import spanwise
from spanwise import (
    CollectionExistsError,
    CollectionNotFoundError,
    CorruptDataError,
    FormatVersionError,
    SourceError,
    StorageError,
)
from spanwise import Source as Text
from spanwise.index import managing
from spanwise.qa.collection import Collection

Open = Callable[..., Collection]


@pytest.fixture
def filled(opened: Open, tmp_path: Path) -> Collection:
    library = opened()
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfThe bridge is wide.")
    library.add(tmp_path / "a.txt")
    library.add(Text("The tower is tall.", id="b"))
    return library


@pytest.fixture
def archive(filled: Collection, tmp_path: Path) -> Path:
    (tmp_path / "data" / "collections" / "default" / "calibration.json").write_text("{}")
    filled.backup(tmp_path / "backup.tar")
    return tmp_path / "backup.tar"


def test_what_is_restored_is_what_was_there(filled: Collection, archive: Path, data: Path, opened: Open) -> None:
    spanwise.restore(data, archive, "copy")
    copy = opened("copy", create=False)
    assert copy.documents() == filled.documents()
    assert copy.status().generation == filled.status().generation
    assert copy.original("a.txt") == b"\xef\xbb\xbfThe bridge is wide."
    assert [hit.text for hit in copy.search("tower")] == [hit.text for hit in filled.search("tower")]
    assert (data / "collections" / "copy" / "calibration.json").read_text() == "{}"
    assert copy.verify() == []
    copy.add("It takes changes, too.")
    assert len(copy.documents()) == 3


def test_a_collection_is_replaced_only_on_request(filled: Collection, archive: Path, data: Path, opened: Open) -> None:
    filled.add(Text("Later words.", id="c"))
    filled.search("words")
    with pytest.raises(CollectionExistsError, match="--replace"):
        spanwise.restore(data, archive)
    assert len(filled.documents()) == 3
    spanwise.restore(data, archive, replace=True)
    with pytest.raises(CollectionNotFoundError, match="restored since it was opened"):
        filled.search("words")
    again = opened()
    assert [info.id for info in again.documents()] == ["a.txt", "b"]
    assert again.search("later")[0].text != "Later words."
    assert [path.name for path in (data / "collections").iterdir()] == ["default"]


def test_nothing_in_it_can_change_unseen(archive: Path, data: Path, tmp_path: Path) -> None:
    raw = archive.read_bytes()
    (tmp_path / "bad.tar").write_bytes(raw)
    with tarfile.open(archive) as tar:
        places = [(member.offset_data, member.size) for member in tar]
    for start, size in places:
        for at in {start, start + size // 2, start + size - 1}:
            damaged = bytearray(raw)
            damaged[at] ^= 0x01
            (tmp_path / "bad.tar").write_bytes(damaged)
            try:
                spanwise.restore(data, tmp_path / "bad.tar", "copy")
            except (CorruptDataError, SourceError):
                assert spanwise.collections(data) == ["default"]
            else:  # a byte of the manifest that says nothing, such as a space
                assert start == places[0][0]
                spanwise.drop(data, "copy")
    assert [path.name for path in (data / "collections").iterdir()] == ["default"]


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9])
def test_a_part_of_it_is_no_backup(archive: Path, data: Path, tmp_path: Path, share: float) -> None:
    raw = archive.read_bytes()
    (tmp_path / "part.tar").write_bytes(raw[: int(share * len(raw))])
    with pytest.raises((CorruptDataError, SourceError)):
        spanwise.restore(data, tmp_path / "part.tar", "copy")
    assert [path.name for path in (data / "collections").iterdir()] == ["default"]


def test_other_files_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file"):
        spanwise.restore(data, tmp_path / "none.tar")
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("x"), io.BytesIO(b""))
    with pytest.raises(SourceError, match="not a backup"):
        spanwise.restore(data, tmp_path / "other.tar")
    for name, raw in {"../evil": b"x", "sub/collection.sqlite": b"x", "originals/nothex": b"x"}.items():
        files = {one: {"size": 1, "sha256": hashlib.sha256(raw).hexdigest()} for one in ("collection.sqlite", name)}
        described = json.dumps({"format": 1, "files": files}).encode()
        with tarfile.open(tmp_path / "evil.tar", "w") as tar:
            for member, content in (("manifest.json", described), (name, raw)):
                info = tarfile.TarInfo(member)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        with pytest.raises(CorruptDataError, match="not as it was written"):
            spanwise.restore(data, tmp_path / "evil.tar")
    with tarfile.open(tmp_path / "newer.tar", "w") as tar:
        described = json.dumps({"format": 99, "files": {}}).encode()
        info = tarfile.TarInfo("manifest.json")
        info.size = len(described)
        tar.addfile(info, io.BytesIO(described))
    with pytest.raises(FormatVersionError, match="newer version"):
        spanwise.restore(data, tmp_path / "newer.tar")
    for folder in (tmp_path, tmp_path / "newer.tar" / "below"):
        with pytest.raises(SourceError, match="There is no file"):
            spanwise.restore(data, folder)
    assert spanwise.collections(data) == []
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("place", ["collection.sqlite", "backup.tar"])
def test_a_backup_does_not_go_among_the_files_of_a_collection(
    filled: Collection, opened: Open, data: Path, place: str
) -> None:
    target = data / "collections" / "default" / place
    with pytest.raises(StorageError, match=r"is among the files of the collections\. Give a file elsewhere"):
        filled.backup(target)
    assert len(opened().documents()) == 2
    assert not (target.parent / "backup.tar").exists()


def test_a_backup_replaces_backups_and_nothing_else(filled: Collection, archive: Path, tmp_path: Path) -> None:
    filled.backup(archive)
    (tmp_path / "empty").touch()
    filled.backup(tmp_path / "empty")
    (tmp_path / "thesis.txt").write_text("Years of work.")
    for target in (tmp_path / "thesis.txt", Path("/dev/null")):
        with pytest.raises(StorageError, match=r"is there, and is no backup\. Give another name, or remove it first"):
            filled.backup(target)
    assert (tmp_path / "thesis.txt").read_text() == "Years of work."


def test_a_backup_is_there_as_a_whole_or_not_at_all(filled: Collection, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"no folder '.*nowhere' to write the backup in"):
        filled.backup(tmp_path / "nowhere" / "backup.tar")
    with pytest.raises(StorageError, match=r"'.*' is a folder. Give a file"):
        filled.backup(tmp_path)
    filled.backup(tmp_path / "backup.tar")
    before = (tmp_path / "backup.tar").read_bytes()
    original = next((tmp_path / "data" / "collections" / "default" / "originals").iterdir())
    original.write_bytes(b"The bridge is wild.   ")
    with pytest.raises(CorruptDataError, match="damaged"):
        filled.backup(tmp_path / "backup.tar")
    assert (tmp_path / "backup.tar").read_bytes() == before
    assert not list(tmp_path.glob(".part*"))


@pytest.mark.slow
def test_backups_made_while_others_write_are_whole(opened: Open, data: Path, tmp_path: Path) -> None:
    library = opened()
    stop = threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        try:
            for number in range(100_000):
                file = tmp_path / f"{number % 3}.txt"
                file.write_text(f"Unit {number} is stored.")
                library.add(file)
                if number % 2:
                    library.remove(file.name)
                if stop.is_set():
                    return
        except BaseException as error:
            failed.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(8):
            library.backup(tmp_path / f"{number}.tar")
    finally:
        stop.set()
        writer.join()
    assert not failed
    for number in range(8):
        spanwise.restore(data, tmp_path / f"{number}.tar", "copy", replace=True)
        with opened("copy", create=False) as copy:
            assert copy.verify() == []
            for info in copy.documents():
                assert copy.original(info.id).decode() == copy.document(info.id).text


def test_a_replacement_that_was_cut_off_leaves_the_old_one(filled: Collection, data: Path, opened: Open) -> None:
    place = data / "collections" / "default"
    filled.close()
    place.rename(place.with_name(f"{managing.REPLACED}default"))  # and then the power went
    assert [info.id for info in opened("default", create=False).documents()] == ["a.txt", "b"]
    assert [path.name for path in (data / "collections").iterdir()] == ["default"]


@pytest.mark.slow
def test_compacting_gives_space_back_and_readers_go_on(opened: Open) -> None:
    library = opened()
    library.add([Text("The bridge is wide. " * 3_000, id=f"d{number}") for number in range(4)])
    library.remove("d0", "d1", "d2")
    with library._store.reading() as view:
        assert view.counts().documents == 1
        opened().compact()
        assert len(view.documents(None, None)) == 1
    library.compact()  # nobody reads: the log is folded in, too
    assert library.status().bytes_on_disk < 500_000
    assert library.verify() == []
    assert library.search("bridge")[0].document.id == "d3"
