"""Big folders: what has not changed is neither read nor embedded again, and a killed run is taken up where it was."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import spanwise
from spanwise import Settings
from spanwise.index import folders
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder

Open = Callable[..., Collection]
LONG_AGO = time.time() - 3600


def write(file: Path, text: str, changed: float = LONG_AGO) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    os.utime(file, (changed, changed))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(5):
        write(tmp_path / "files" / f"{number}.txt", f"Unit {number} is stored.")
    return tmp_path / "files"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read."""
    names: list[str] = []
    really = folders.read_file

    def reading(path: Path, *rest: object) -> bytes:
        names.append(path.name)
        return really(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(folders, "read_file", reading)
    return names


def test_files_that_look_the_same_are_not_read_again(library: Collection, folder: Path, read: list[str]) -> None:
    first = library.add(folder)
    assert len(read) == 5
    read.clear()
    second = library.add(folder)
    assert read == []
    assert second.unchanged == first.added
    assert {info.id: info for info in second.documents} == {info.id: info for info in first.documents}
    assert second.generation == first.generation
    assert library.sync(folder).removed == ()
    assert read == []
    assert library.verify() == []


def test_a_changed_file_is_read_and_the_others_are_not(library: Collection, folder: Path, read: list[str]) -> None:
    library.sync(folder)
    read.clear()
    write(folder / "3.txt", "Unit 3 is gone.", LONG_AGO + 1)
    (folder / "4.txt").unlink()
    write(folder / "5.txt", "Unit 5 is new.")
    result = library.sync(folder)
    assert read == ["3.txt", "5.txt"]
    assert (result.added, result.replaced, result.removed) == (("5.txt",), ("3.txt",), ("4.txt",))
    assert library.document("3.txt").text == "Unit 3 is gone."
    assert library.verify() == []


def test_a_touched_file_is_read_once_and_not_embedded(
    library: Collection, folder: Path, read: list[str], embedder: object
) -> None:
    library.add(folder)
    embedded = len(embedder.embedded)  # type: ignore[attr-defined]
    read.clear()
    os.utime(folder / "2.txt", (LONG_AGO + 5, LONG_AGO + 5))
    assert len(library.add(folder).unchanged) == 5
    assert read == ["2.txt"]
    assert len(library.add(folder).unchanged) == 5
    assert read == ["2.txt"]
    assert len(embedder.embedded) == embedded  # type: ignore[attr-defined]


def test_the_content_is_compared_on_request(library: Collection, folder: Path) -> None:
    library.add(folder)
    write(folder / "2.txt", "Unit 9 is stored.")  # of the same size, and dated back
    assert library.add(folder).replaced == ()
    assert library.add(folder, check_content=True).replaced == ("2.txt",)
    assert library.document("2.txt").text == "Unit 9 is stored."


def test_a_file_that_has_just_changed_is_compared_by_content(library: Collection, folder: Path) -> None:
    now = time.time()
    write(folder / "2.txt", "Unit 2 is stored.", now)
    library.add(folder)
    write(folder / "2.txt", "Unit 8 is stored.", now)  # within the same tick of the clock
    assert library.add(folder).replaced == ("2.txt",)


def test_what_was_removed_or_replaced_by_hand_is_read_again(library: Collection, folder: Path, read: list[str]) -> None:
    from spanwise import Source

    library.add(folder)
    library.remove("1.txt")
    library.add(Source("Other words.", id="2.txt"))
    read.clear()
    result = library.sync(folder)
    assert read == ["1.txt", "2.txt"]
    assert (result.added, result.replaced) == (("1.txt",), ("2.txt",))


def test_other_options_of_reading_read_again(library: Collection, folder: Path, read: list[str]) -> None:
    library.add(folder)
    read.clear()
    assert len(library.add(folder, encoding="utf-8").ids) == 5
    assert len(read) == 5


def test_originals_are_kept_when_that_is_switched_on(opened: Open, folder: Path) -> None:
    opened(settings=Settings(keep_originals=False)).add(folder)
    library = opened()
    library.add(folder)
    assert library.original("3.txt") == b"Unit 3 is stored."


def test_what_failed_is_said_again(library: Collection, folder: Path) -> None:
    (folder / "bad.txt").write_bytes(b"\x00\x01")
    assert [failure.source for failure in library.add(folder).failed] == ["bad.txt"]
    assert [failure.source for failure in library.add(folder).failed] == ["bad.txt"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_folder_whose_name_is_not_utf8_is_read_as_any_other(library: Collection, folder: Path) -> None:
    for name in (b"odd \xff", b"odd \xfe"):
        odd = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
        write(odd / "0.txt", f"Unit {name!r} is stored.")
        assert library.add(odd).ids == ("0.txt",)
        assert library.add(odd).unchanged == ("0.txt",)
        assert "odd" not in library.document("0.txt").id
    assert library.document("0.txt").text == "Unit b'odd \\xfe' is stored."
    assert library.sync(odd).unchanged == ("0.txt",)


def test_two_folders_with_the_same_names_do_not_hide_each_other(
    library: Collection, folder: Path, tmp_path: Path
) -> None:
    library.add(folder)
    write(tmp_path / "other" / "1.txt", "Unit 7 is stored.")  # the same name, size and time
    assert library.add(tmp_path / "other").replaced == ("1.txt",)
    assert library.add(folder).replaced == ("1.txt",)
    assert library.document("1.txt").text == "Unit 1 is stored."


ADD = """
import os, sys
from pathlib import Path
import spanwise
from spanwise.index import folders
from spanwise.testing import HashEmbedder, ScriptedReader
folders.BATCH_FILES = 10
library = spanwise.open(sys.argv[1], embedder=HashEmbedder(), reader=ScriptedReader())
def report(progress):
    if progress.done == 57:
        os.kill(os.getpid(), 9)
library.add(Path(sys.argv[2]), on_progress=report)
"""


@pytest.mark.slow
def test_a_killed_run_is_taken_up_where_it_was(
    opened: Open, data: Path, tmp_path: Path, read: list[str], embedder: object
) -> None:
    for number in range(100):
        write(tmp_path / "many" / f"{number:03}.txt", f"Unit {number} is stored.")
    child = subprocess.run([sys.executable, "-c", ADD, str(data), str(tmp_path / "many")], check=False)
    assert child.returncode == -9
    library = opened()
    assert len(library.documents()) == 50
    result = library.add(tmp_path / "many")
    assert (len(result.unchanged), len(result.added)) == (50, 50)
    assert read == [f"{number:03}.txt" for number in range(50, 100)]
    assert len(embedder.embedded) == 50  # type: ignore[attr-defined]
    assert library.verify() == []


@pytest.mark.parametrize("inside", ["", "spanwise-data"])
def test_what_is_kept_in_a_data_folder_is_no_document(folder: Path, embedder: HashEmbedder, inside: str) -> None:
    """As with `spanwise add .`, whose data folder is made in the same place."""
    data = folder / inside
    with spanwise.open(data, embedder=embedder) as library:
        for _ in range(2):
            assert library.sync(folder).failed == ()
        (data / "keys.json").write_text('{"keys": [{"text": "no document"}]}')
        (data / "jobs" / "a").mkdir(parents=True)
        (data / "jobs" / "a" / "0.txt").write_text("An upload that waits.")
        (folder / "collections").mkdir(exist_ok=True)
        (folder / "else").mkdir()
        write(folder / "else" / "keys.json", '[{"text": "These are keys of something else."}]')
        found = library.sync(folder)
        assert (found.added, found.failed) == (("else/keys.json/1",), ())
        assert [info.id for info in library.documents()] == [*(f"{n}.txt" for n in range(5)), "else/keys.json/1"]
