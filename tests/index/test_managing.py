"""Collections are made, listed, renamed and dropped, also under the hands of those who use them."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import spanwise
from spanwise import (
    CollectionBusyError,
    CollectionExistsError,
    CollectionNotFoundError,
    DocumentIdError,
    Settings,
    Source,
)
from spanwise.index import managing
from spanwise.qa.collection import Collection

Open = Callable[..., Collection]


def test_dropping_removes_everything_and_nothing_else(opened: Open, data: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The bridge is wide.")
    opened("one").add(tmp_path / "a.txt")
    opened("two").add("The tower is tall.")
    spanwise.drop(data, "one")
    assert spanwise.collections(data) == ["two"]
    assert [path.name for path in (data / "collections").iterdir()] == ["two"]
    assert len(opened("two").search("tower")) == 1
    with pytest.raises(CollectionNotFoundError):
        spanwise.drop(data, "one")
    with pytest.raises(DocumentIdError):
        spanwise.drop(data, "../two")


def test_a_dropped_collection_shows_and_takes_nothing_though_it_is_open(opened: Open, data: Path) -> None:
    library = opened()
    library.add(Source("The bridge is wide.", id="a"))
    library.search("bridge")
    spanwise.drop(data, "default")
    assert library.moved
    for act in (
        lambda: library.search("bridge"),
        lambda: library.add("The tower is tall."),
        lambda: library.documents(),
        lambda: library.remove("a"),
    ):
        with pytest.raises(CollectionNotFoundError, match=r"dropped, renamed or restored.*Open it again"):
            act()
    assert spanwise.collections(data) == []


def test_a_new_collection_of_the_same_name_has_nothing_of_the_old_one(opened: Open, data: Path) -> None:
    old = opened()
    old.add(Source("The bridge is wide.", id="a"))
    old.search("bridge")
    spanwise.drop(data, "default")
    new = opened()
    new.add(Source("The tower is tall.", id="b"))
    with pytest.raises(CollectionNotFoundError):
        old.search("tower")
    with pytest.raises(CollectionNotFoundError):
        old.add("Words for nobody.")
    old.close()  # takes nothing of the new one with it
    assert [info.id for info in new.documents()] == ["b"]
    assert [info.id for info in opened().documents()] == ["b"]
    assert [hit.text for hit in opened().search("bridge tower")] == ["The tower is tall."]


def test_renaming_keeps_everything(opened: Open, data: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The bridge is wide.")
    library = opened("one")
    library.add(tmp_path / "a.txt")
    spanwise.rename(data, "one", "two")
    assert spanwise.collections(data) == ["two"]
    assert opened("two").original("a.txt") == b"The bridge is wide."
    assert [hit.text for hit in opened("two").search("bridge")] == ["The bridge is wide."]
    with pytest.raises(CollectionNotFoundError):
        library.documents()
    opened("one").add("The tower is tall.")
    with pytest.raises(CollectionExistsError, match="a collection 'two' already"):
        spanwise.rename(data, "one", "two")
    assert spanwise.collections(data) == ["one", "two"]


def test_a_collection_is_made_once(data: Path) -> None:
    managing.make(data, "one", Settings())
    with pytest.raises(CollectionExistsError):
        managing.make(data, "one", Settings())
    assert spanwise.collections(data) == ["one"]


def test_who_writes_is_waited_for(opened: Open, data: Path) -> None:
    library = opened()
    library.add(Source("The bridge is wide.", id="a"))
    inside, leave = threading.Event(), threading.Event()

    def write() -> None:
        with library._store._database.writing():  # type: ignore[attr-defined]
            inside.set()
            leave.wait()

    writer = threading.Thread(target=write)
    writer.start()
    inside.wait()
    with pytest.raises(CollectionBusyError):
        spanwise.drop(data, "default", settings=Settings(write_wait_seconds=0.05))
    leave.set()
    writer.join()
    assert [info.id for info in library.documents()] == ["a"]
    spanwise.drop(data, "default")


def test_a_damaged_collection_can_be_dropped(opened: Open, data: Path) -> None:
    opened().close()
    (data / "collections" / "default" / "collection.sqlite").write_bytes(b"garbage" * 1_000)
    spanwise.drop(data, "default")
    assert spanwise.collections(data) == []


DIE_WHILE_DROPPING = """
import os, sys
import spanwise
from spanwise.index import managing
managing.sweep = lambda data: os._exit(9)
spanwise.drop(sys.argv[1], "default")
"""


@pytest.mark.slow
def test_a_drop_that_was_cut_off_is_a_drop(opened: Open, data: Path) -> None:
    opened().add("The bridge is wide.")
    child = subprocess.run([sys.executable, "-c", DIE_WHILE_DROPPING, str(data)], check=False)
    assert child.returncode == 9
    assert spanwise.collections(data) == []
    assert len(list((data / "collections").iterdir())) == 1  # the files are still there
    opened("other")
    assert [path.name for path in (data / "collections").iterdir()] == ["other"]
