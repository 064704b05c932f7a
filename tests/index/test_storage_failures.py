"""Disks that are full or read-only, writers that are busy, processes that die: an error that says so, nothing lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import spanwise
from spanwise import CollectionBusyError, Settings, Source, StorageError
from spanwise.index.storage import translated
from spanwise.index.store_sqlite import SqlitePassageStore
from spanwise.index.vectors import NumpyIndex
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder, ScriptedReader

Open = Callable[..., Collection]


def test_a_full_disk_stores_nothing(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    opened().add(Source("The bridge is wide.", id="a"))
    connect = sqlite3.connect

    def full(*arguments: object, **options: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)  # type: ignore[call-overload]
        connection.execute("PRAGMA max_page_count = 1")  # no page more than there are
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", full)
        library = opened()
        with pytest.raises(StorageError, match=r"disk is full.*repeat the change"):
            library.add([Source("The tower is tall. " * 800, id="b"), Source("Gone.", id="a")])
        assert [info.id for info in library.documents()] == ["a"]
        assert [hit.text for hit in library.search("tower gone bridge")] == ["The bridge is wide."]
    assert opened().add(Source("The tower is tall. " * 800, id="b")).added == ("b",)


def test_a_disk_too_full_to_read_from_is_told_as_full() -> None:
    """SQLite keeps a file of memory beside the database that readers need, and says that the disk is at fault."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    with pytest.raises(StorageError, match=r"disk is full.*Free some space"), translated("default"):
        raise error


# Permissions


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user whom permissions bind; root is not bound by them."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user can reach."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def open_in(folder: Path, **options: bool) -> Collection:
    return spanwise.open(folder, settings=Settings(), embedder=HashEmbedder(), reader=ScriptedReader(), **options)


def test_a_read_only_folder_cannot_get_a_collection(shared: Path) -> None:
    shared.chmod(0o555)
    with unprivileged(), pytest.raises(StorageError, match="cannot be used: Permission denied"):
        open_in(shared / "data")
    shared.chmod(0o755)


def test_a_collection_in_a_read_only_folder_says_so(shared: Path) -> None:
    with open_in(shared) as library:
        library.add("The bridge is wide.")
    database = shared / "collections" / "default" / "collection.sqlite"
    before = database.read_bytes()
    database.chmod(0o444)
    database.parent.chmod(0o555)
    with unprivileged():
        try:
            with pytest.raises(StorageError, match=r"permissions|read-only"), open_in(shared) as library:
                library.add("The tower is tall.")
        finally:
            if os.getuid() != 0:
                database.parent.chmod(0o755)
    assert database.read_bytes() == before


@pytest.mark.parametrize("create", [True, False])
def test_a_folder_that_may_not_be_entered(shared: Path, create: bool) -> None:
    with open_in(shared) as library:
        library.add("The bridge is wide.")
    (shared / "collections").chmod(0)
    with unprivileged():
        try:
            with pytest.raises(StorageError, match="cannot be used: Permission denied"):
                open_in(shared, create=create)
        finally:
            if os.getuid() != 0:
                (shared / "collections").chmod(0o755)


def test_unreadable_files_and_folders_are_reported(library: Collection, shared: Path) -> None:
    (shared / "a.txt").write_text("Good.")
    (shared / "locked.txt").write_text("Locked.")
    (shared / "closed.d").mkdir()
    (shared / "closed.d" / "b.txt").write_text("Out of reach.")
    (shared / "locked.txt").chmod(0)
    (shared / "closed.d").chmod(0)
    library.warm()
    found = []
    with unprivileged():
        from spanwise.index.formats.limits import ParseLimits
        from spanwise.index.loading import files_below, read_file

        for path in files_below(shared):
            try:
                found.append((path.name, read_file(path, shared, ParseLimits()).decode()))
            except spanwise.SourceError as error:
                found.append((path.name, error.problem))
    (shared / "closed.d").chmod(0o755)
    assert found == [
        ("a.txt", "Good."),
        ("locked.txt", "locked.txt cannot be read: Permission denied."),
        ("closed.d", "closed.d is not a file that can be read."),
    ]


# Other processes

HOLD_THE_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def process(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", script, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


@pytest.mark.slow
def test_a_busy_writer_is_waited_for_and_then_reported(opened: Open, data: Path) -> None:
    library = opened(settings=Settings(write_wait_seconds=0.15))
    library.add(Source("The bridge is wide.", id="a"))
    with process(HOLD_THE_LOCK, str(data / "collections" / "default" / "collection.sqlite")) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        started = time.monotonic()
        with pytest.raises(CollectionBusyError, match="SPANWISE_WRITE_WAIT_SECONDS"):
            library.add(Source("The tower is tall.", id="b"))
        assert time.monotonic() - started >= 0.15
        with pytest.raises(CollectionBusyError):
            library.remove("a")
        assert [hit.text for hit in library.search("bridge")] == ["The bridge is wide."]  # readers go on
        assert [hit.text for hit in opened().search("bridge")] == ["The bridge is wide."]  # and new ones come
    assert library.add(Source("The tower is tall.", id="b")).added == ("b",)


WRITE_FOR_EVER = """
import sys
from pathlib import Path
import numpy as np
from spanwise import Span
from spanwise.index.store import DocumentDraft, PassageDraft
from spanwise.index.store_sqlite import SqlitePassageStore
from spanwise.index.vectors import NumpyIndex

store = SqlitePassageStore(Path(sys.argv[1]), NumpyIndex)
for number in range(100_000):
    line = f"unit{number} is stored.\\n"
    text = 20 * line
    passages = tuple(PassageDraft(Span(n * len(line), (n + 1) * len(line)), (), "") for n in range(20))
    vectors = tuple(np.full(16, 0.25, np.float32) for _ in passages)
    fields = (f"sha256:{number}", None, None, {}, "text/plain", (), passages, vectors)
    store.add([DocumentDraft("replaced", text, *fields), DocumentDraft(f"d{number}", text, *fields)], replace=True)
    print(number, flush=True)
"""


@pytest.mark.slow
def test_a_killed_process_loses_nothing_it_was_told_is_stored(tmp_path: Path) -> None:
    with process(WRITE_FOR_EVER, str(tmp_path / "store")) as child:
        assert child.stdout is not None
        acknowledged = [int(child.stdout.readline()) for _ in range(6)]
        child.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in child.stdout.read().split()]
    store = SqlitePassageStore(tmp_path / "store", NumpyIndex)
    with closing(store), store.reading() as view:
        ids = {info.id for info in view.documents(None, None)}
        last = max(int(id_.removeprefix("d")) for id_ in ids - {"replaced"})
        assert last in (acknowledged[-1], acknowledged[-1] + 1)
        assert ids == {"replaced", *(f"d{number}" for number in range(last + 1))}
        assert view.generation == last + 1
        assert view.document("replaced").text.startswith(f"unit{last} ")
        assert view.counts().passages == 20 * len(ids)
        for number in range(last + 1):
            holders = 2 if number == last else 1  # the document itself, and the one that is replaced each time
            assert len(view.lexical(view.read(f"unit{number}"), 10_000)) == 20 * holders
        assert len(
            view.passages([key for key, _ in view.dense(HashEmbedder(16).embed_query("unit"), 10_000)])
        ) == 20 * len(ids)
    with closing(sqlite3.connect(tmp_path / "store" / "collection.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.execute("INSERT INTO lexical (lexical) VALUES ('integrity-check')")


@pytest.mark.slow
def test_the_lock_of_a_writer_that_died_is_free(opened: Open, data: Path) -> None:
    library = opened(settings=Settings(write_wait_seconds=5))
    library.add(Source("The bridge is wide.", id="a"))
    with process(HOLD_THE_LOCK, str(data / "collections" / "default" / "collection.sqlite")) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        child.kill()
        child.wait()
        library.remove("a")
    assert library.documents() == []
