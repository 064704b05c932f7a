"""The files that documents were read from: kept, shared, and gone with the last document that was read from them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import spanwise
from spanwise import CorruptDataError, DocumentNotFoundError, NotFoundError, Settings, Source
from spanwise.index.durable import PART
from spanwise.index.loading import load_bytes
from spanwise.index.originals import Originals
from spanwise.qa.collection import Collection

Open = Callable[..., Collection]


@pytest.fixture
def kept(data: Path) -> Callable[[], set[str]]:
    """The names of the files that are kept."""
    return lambda: Originals(data / "collections" / "default").names()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_the_bytes_of_a_file_come_back_as_they_were(library: Collection, tmp_path: Path) -> None:
    raw = b"\xef\xbb\xbfThe bridge\r\nis wide.\xe2\x82\xac"
    (tmp_path / "bridge.txt").write_bytes(raw)
    library.add(tmp_path / "bridge.txt")
    assert library.original("bridge.txt") == raw
    assert library.document("bridge.txt").info.original == digest(raw)
    uploaded = load_bytes(b"The tower is tall.", "tower.md").sources
    library.add(uploaded)
    assert library.original("tower.md") == b"The tower is tall."


def test_text_has_no_original_and_says_so(library: Collection) -> None:
    library.add(Source("The bridge is wide.", id="a"))
    with pytest.raises(NotFoundError, match=r"no original of document 'a'.*KEEP_ORIGINALS"):
        library.original("a")
    with pytest.raises(DocumentNotFoundError):
        library.original("b")


def test_equal_files_are_kept_once_and_until_the_last_is_gone(
    library: Collection, tmp_path: Path, kept: Callable[[], set[str]]
) -> None:
    (tmp_path / "files").mkdir()
    for name in ("a.txt", "b.txt"):
        (tmp_path / "files" / name).write_bytes(b"The bridge is wide.")
    library.add(tmp_path / "files")
    assert kept() == {digest(b"The bridge is wide.")}
    library.remove("a.txt")
    assert library.original("b.txt") == b"The bridge is wide."
    library.remove("b.txt")
    assert kept() == set()


def test_documents_of_one_archive_share_it(library: Collection, tmp_path: Path, kept: Callable[[], set[str]]) -> None:
    with zipfile.ZipFile(tmp_path / "notes.zip", "w") as archive:
        archive.writestr("a.txt", "The bridge is wide.")
        archive.writestr("b.txt", "The tower is tall.")
    ids = library.add(tmp_path / "notes.zip").ids
    raw = (tmp_path / "notes.zip").read_bytes()
    assert [library.original(one) for one in ids] == [raw, raw]
    library.remove(ids[0])
    assert library.original(ids[1]) == raw
    library.remove(ids[1])
    assert kept() == set()


def test_a_replaced_document_has_the_new_original(
    library: Collection, tmp_path: Path, kept: Callable[[], set[str]]
) -> None:
    file = tmp_path / "a.txt"
    for raw in (b"The bridge is wide.", b"The tower is tall."):
        file.write_bytes(raw)
        library.add(file)
        assert library.original("a.txt") == raw
        assert kept() == {digest(raw)}


def test_other_bytes_of_the_same_text_replace_the_original_alone(
    library: Collection, tmp_path: Path, kept: Callable[[], set[str]]
) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"The bridge is wide.")
    before = library.add(file)
    file.write_bytes(b"\xef\xbb\xbfThe bridge is wide.")
    after = library.add(file)
    assert after.unchanged == ("a.txt",)
    assert after.generation == before.generation
    assert library.original("a.txt") == file.read_bytes()
    assert kept() == {digest(file.read_bytes())}
    assert after.documents[0].original == digest(file.read_bytes())


def test_keeping_can_be_switched_off_and_on(opened: Open, tmp_path: Path, kept: Callable[[], set[str]]) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"The bridge is wide.")
    library = opened(settings=Settings(keep_originals=False))
    library.add(file)
    assert kept() == set()
    with pytest.raises(NotFoundError):
        library.original("a.txt")
    assert opened().add(file).unchanged == ("a.txt",)  # kept now, and nothing was read or embedded again
    assert library.original("a.txt") == b"The bridge is wide."
    assert Settings.from_environment({"SPANWISE_KEEP_ORIGINALS": "false"}).keep_originals is False
    with pytest.raises(spanwise.InputError, match="'maybe', which is not yes or no"):
        Settings.from_environment({"SPANWISE_KEEP_ORIGINALS": "maybe"})


def test_a_damaged_or_lost_original_is_named_and_adding_it_again_heals(
    library: Collection, tmp_path: Path, data: Path
) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"The bridge is wide.")
    library.add(file)
    stored = data / "collections" / "default" / "originals" / digest(file.read_bytes())
    stored.write_bytes(b"The bridge is wild.")
    with pytest.raises(CorruptDataError, match=r"original .* is damaged.*add its file again"):
        library.original("a.txt")
    stored.unlink()
    with pytest.raises(CorruptDataError, match=r"original of document 'a.txt' is lost"):
        library.original("a.txt")
    library.remove("a.txt")
    library.add(file)
    assert library.original("a.txt") == b"The bridge is wide."


def test_a_damaged_original_that_others_share_is_written_anew(library: Collection, tmp_path: Path, data: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_bytes(b"The bridge is wide.")
    library.add([tmp_path / "a.txt", tmp_path / "b.txt"])
    (data / "collections" / "default" / "originals" / digest(b"The bridge is wide.")).write_bytes(b"other")
    library.remove("a.txt")
    library.add(tmp_path / "a.txt")
    assert library.original("b.txt") == b"The bridge is wide."
    assert library.verify() == []


def test_a_refused_change_keeps_what_was_there(
    library: Collection, tmp_path: Path, kept: Callable[[], set[str]], opened: Open
) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_bytes(b"The bridge is wide.")
    two.write_bytes(b"The tower is tall.")
    library.add(one)
    with pytest.raises(spanwise.DocumentExistsError):
        library.add([two, one], replace=False)
    assert library.original("one.txt") == b"The bridge is wide."
    opened()  # the next opening removes what the refused change has left
    assert kept() == {digest(b"The bridge is wide.")}


DIE_BEFORE = """
import os, sys
from pathlib import Path
import spanwise
from spanwise.index.originals import Originals
from spanwise.testing import HashEmbedder, ScriptedReader
library = spanwise.open(sys.argv[1], embedder=HashEmbedder(), reader=ScriptedReader())
def die(*_):
    os._exit(9)
if sys.argv[3] == "commit":
    from spanwise.index import store_sqlite
    store_sqlite._advance = die
else:
    Originals.remove = die
library.add(Path(sys.argv[2])) if sys.argv[3] == "commit" else library.remove("a.txt")
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", ["commit", "remove"])
def test_a_crash_leaves_no_document_without_its_file_and_no_file_without_a_document(
    opened: Open, data: Path, tmp_path: Path, kept: Callable[[], set[str]], before: str
) -> None:
    kept_file, new_file = tmp_path / "a.txt", tmp_path / "b.txt"
    kept_file.write_bytes(b"The bridge is wide.")
    new_file.write_bytes(b"The tower is tall.")
    opened().add(kept_file)
    child = subprocess.run([sys.executable, "-c", DIE_BEFORE, str(data), str(new_file), before], check=False)
    assert child.returncode == 9
    assert len(kept()) == (2 if before == "commit" else 1)  # the orphan is there
    (data / "collections" / "default" / "originals" / f"{PART}x").write_bytes(b"half")
    library = opened()
    if before == "commit":
        assert [info.id for info in library.documents()] == ["a.txt"]
        assert library.original("a.txt") == b"The bridge is wide."
        assert kept() == {digest(b"The bridge is wide.")}
    else:
        assert library.documents() == []
        assert kept() == set()


@pytest.mark.parametrize("how", ["missing", "empty"])
def test_files_of_a_database_that_is_lost_are_not_swept_away(
    opened: Open, data: Path, tmp_path: Path, kept: Callable[[], set[str]], how: str
) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"The bridge is wide.")
    library = opened()
    library.add(file)
    library.backup(tmp_path / "backup.tar")
    library.close()
    database = data / "collections" / "default" / "collection.sqlite"
    database.unlink() if how == "missing" else database.write_bytes(b"")
    for create in (True, False):
        with pytest.raises(CorruptDataError, match=f"is {how}, though files of its documents are there.*restore"):
            opened(create=create)
    assert kept() == {digest(b"The bridge is wide.")}
    spanwise.restore(data, tmp_path / "backup.tar", replace=True)
    assert opened().original("a.txt") == b"The bridge is wide."
    opened().close()
    database.unlink()
    spanwise.drop(data, "default")
    assert opened().documents() == []
