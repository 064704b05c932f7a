"""The truth on disk: one SQLite file per collection, opened, migrated and guarded here.

`DATA_DIR/collections/<name>/collection.sqlite` in WAL mode with `synchronous=FULL`. Every error of SQLite leaves as one
of ours, translated in one place.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ..errors import (
    CollectionBusyError,
    CollectionNotFoundError,
    CorruptDataError,
    DocumentIdError,
    FormatVersionError,
    InputError,
    SpanwiseError,
    StorageError,
)
from .durable import make_folder
from .migrations import FORMAT_VERSION, migrate, parts, schema_of

DATABASE = "collection.sqlite"
ORIGINALS = "originals"
"""The folder of the files that documents were read from, beside the database."""
_RESTORE = "Restore it with `spanwise restore BACKUP --replace`, or drop it and add the documents again."
_COLLECTION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_data_folder(data: Path) -> None:
    """Raises StorageError where `data` is, stands below or holds as `collections` something else than a folder. It need
    not exist."""
    nearest = next((one for one in (data / "collections", data, *data.parents) if os.path.lexists(one)), data)
    if os.path.lexists(nearest) and not os.path.isdir(nearest):  # noqa: PTH112  # Path's raises where the way is closed
        what = "a file" if nearest.exists() else "a link that leads nowhere"
        raise StorageError(
            f"The data folder cannot be {str(data)!r}, because {str(nearest)!r} is {what}.",
            subject=data,
            way_out="Name a folder with --data or SPANWISE_DATA.",
        )


def collections(data: Path) -> list[str]:
    """The names of the collections in the data folder `data`, sorted. Raises StorageError where it is no folder."""
    check_data_folder(data)
    names = (file.parent.name for file in (data / "collections").glob(f"*/{DATABASE}"))
    return sorted(name for name in names if _COLLECTION_NAME.fullmatch(name))


def collection_folder(data: Path, name: str) -> Path:
    """Where collection `name` lies, also when the process goes to another folder. Raises DocumentIdError for a name
    that is not allowed, StorageError where `data` is no folder."""
    if not isinstance(name, str) or not _COLLECTION_NAME.fullmatch(name):
        raise DocumentIdError(
            f"{str(name)[:80]!r} is not a collection name.",
            subject=name,
            way_out="Use 1 to 64 characters of A-Z a-z 0-9 . _ - and begin with a letter or digit.",
        )
    check_data_folder(data)
    return data.absolute() / "collections" / name


class Database:
    """Connections to one collection's SQLite file: each for one thread at a time, and one write at a time."""

    def __init__(self, folder: Path, *, create: bool, write_wait_seconds: float) -> None:
        """Open the file in `folder`, making or migrating it.

        Raises CollectionNotFoundError (absent and not `create`), CorruptDataError, FormatVersionError, StorageError.
        """
        self.file = folder / DATABASE
        self._write_wait = write_wait_seconds
        self._local = threading.local()
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._closed = False
        self._process = os.getpid()
        self._identity: tuple[int, int] | None = None
        with translated(folder.name):
            missing = not self.file.is_file()
            if (missing or not self.file.stat().st_size) and any((folder / ORIGINALS).glob("[0-9a-f]*")):
                raise CorruptDataError(  # in a new database nothing would refer to these files, and they were removed
                    f"The database of collection {folder.name!r} is {'missing' if missing else 'empty'}, though "
                    "files of its documents are there.",
                    subject=folder.name,
                    way_out=f"{_RESTORE} The files are in {str(folder / ORIGINALS)!r}.",
                )
        if missing and not create:
            others = ", ".join(collections(folder.parent.parent)[:20])
            raise CollectionNotFoundError(
                f"There is no collection {folder.name!r}.",
                subject=folder.name,
                way_out="Add documents to make it"
                + (f", or choose one of: {others}" if others else "")
                + f". The data folder is {str(folder.parent.parent)!r}.",
            )
        with translated(folder.name):
            make_folder(folder)
            try:
                with self._borrowed() as connection:
                    self._migrate(connection)
                self._identity = self._found_identity()
            except BaseException:
                self.close()
                raise

    @property
    def moved(self) -> bool:
        """Whether the file is no longer the one that was opened: dropped, renamed, or another one restored."""
        return self._identity is not None and self._found_identity() != self._identity

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One read transaction: everything read inside it is of one generation."""
        with translated(self.file.parent.name), self._borrowed() as connection:
            if connection.in_transaction:  # nested: the outer transaction's view
                yield connection
                return
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def writing(self, wait_seconds: float | None = None) -> Iterator[sqlite3.Connection]:
        """One write transaction: committed and on disk when the block ends, undone if it raises.

        Raises CollectionBusyError when another writer does not finish within `wait_seconds` (default: the setting).
        """
        name = self.file.parent.name
        wait = self._write_wait if wait_seconds is None else wait_seconds
        if not self._writing.acquire(timeout=wait):
            raise _busy(name)
        try:
            with translated(name), self._borrowed() as connection:
                connection.execute(f"PRAGMA busy_timeout = {round(1000 * wait)}")
                try:
                    connection.execute("BEGIN IMMEDIATE")
                finally:  # whoever borrows the connection next waits as long as is set
                    connection.execute(f"PRAGMA busy_timeout = {round(1000 * self._write_wait)}")
                try:
                    self._check_in_place()  # again, for it may have moved while the lock was waited for
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.rollback()
                    raise
        finally:
            self._writing.release()

    def copy_to(self, file: Path) -> None:
        """Write one generation to a new database file, while others read and write."""
        with translated(self.file.parent.name), closing(self._connect()) as source:
            source.execute("BEGIN")
            source.execute("SELECT 1 FROM meta").fetchone()  # from here on what is read is of one generation
            with closing(sqlite3.connect(file)) as copy:
                source.backup(copy)

    def compact(self) -> None:
        """Give back the space of what was deleted. Readers go on in what they see; writers wait.

        Raises CollectionBusyError.
        """
        with self.writing() as connection:
            connection.execute("INSERT INTO lexical (lexical) VALUES ('optimize')")
        name = self.file.parent.name
        if not self._writing.acquire(timeout=self._write_wait):
            raise _busy(name)
        try:
            with translated(name), self._borrowed() as connection:
                connection.execute("VACUUM")
                connection.execute("PRAGMA busy_timeout = 0")  # a reader may hold the log: then it stays for now
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.execute(f"PRAGMA busy_timeout = {round(1000 * self._write_wait)}")
        finally:
            self._writing.release()

    def close(self) -> None:
        """Close every connection, those in use as soon as they are not. Safe to call twice."""
        with self._guard:
            self._closed = True
            while self._idle:
                self._idle.pop().close()

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        """A connection for this thread alone until the block ends; blocks inside it get the same one."""
        if os.getpid() != self._process:  # SQLite's connections do not survive a fork, and FAISS hangs behind one
            raise StorageError(
                "The collection was opened before this process was forked.",
                subject=self.file.parent.name,
                way_out="Start processes with multiprocessing's “spawn” context, and open the collection in each.",
            )
        held: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if held is not None:
            yield held
            return
        self._check_in_place()
        with self._guard:
            if self._closed:
                raise StorageError("The collection is closed.", way_out="Open it again.")
            connection = self._idle.pop() if self._idle else None
        self._local.connection = connection = connection or self._connect()
        try:
            yield connection
        finally:
            self._local.connection = None
            with self._guard:
                if self._closed or connection.in_transaction:  # the latter when even the rollback failed
                    connection.close()
                else:
                    self._idle.append(connection)

    def _found_identity(self) -> tuple[int, int] | None:
        try:
            found = self.file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_dev, found.st_ino

    def _check_in_place(self) -> None:
        # A read that passes this has begun before the move was reported as done.
        if self.moved:
            name = self.file.parent.name
            raise CollectionNotFoundError(
                f"Collection {name!r} was dropped, renamed or restored since it was opened.",
                subject=name,
                way_out="Open it again.",
            )

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, timeout=self._write_wait, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            self._check_in_place()  # or this would be a connection to whatever stands there now
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        version = self._version(connection)
        self._switch_to_wal(connection)
        if version == FORMAT_VERSION:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = self._version(connection)  # another process may have been first
            migrate(connection, version)
            connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.rollback()
            raise

    def _switch_to_wal(self, connection: sqlite3.Connection) -> None:
        # SQLite does not wait here as it does for other locks: of two processes that switch a new file at once, one
        # is told that it is busy.
        ends = time.monotonic() + self._write_wait
        while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > ends:
                    raise
                time.sleep(0.01)

    def _version(self, connection: sqlite3.Connection) -> int:
        # One statement, so that another process that is just making the tables is seen before or after it.
        version, tables, ours = connection.execute(
            "SELECT (SELECT user_version FROM pragma_user_version), count(*), sum(name = 'meta') FROM sqlite_master"
        ).fetchone()
        if (tables or version) and not (ours and version > 0):
            raise CorruptDataError(
                f"The database of collection {self.file.parent.name!r} was not made by Spanwise.",
                subject=self.file.parent.name,
                way_out="Choose another data folder, or restore this one from a backup.",
            )
        if version > FORMAT_VERSION:
            raise FormatVersionError(
                f"Collection {self.file.parent.name!r} has format {version}; this one reads up to {FORMAT_VERSION}.",
                subject=self.file.parent.name,
                way_out="Upgrade Spanwise: pip install --upgrade spanwise",
            )
        if missing := parts(version) - set(schema_of(connection)):
            raise CorruptDataError(
                f"The database of collection {self.file.parent.name!r} lacks {', '.join(sorted(missing))}.",
                subject=self.file.parent.name,
                way_out=_RESTORE,
            )
        return int(version)


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turns errors of SQLite and the file system into ours; `name` is the collection at fault."""
    try:
        yield
    except SpanwiseError:
        raise
    except sqlite3.Error as error:
        raise _translate(error, name) from error
    except (UnicodeDecodeError, json.JSONDecodeError, zlib.error) as error:  # what was read is not what was written
        raise damaged(name) from error
    except (UnicodeEncodeError, OverflowError) as error:  # an id with half a surrogate pair, a number beyond 64 bits
        raise InputError(
            f"Collection {name!r} cannot be asked for that: {error}.",
            subject=name,
            way_out="Give text that UTF-8 can hold, and numbers of at most 64 bits.",
        ) from error
    except OSError as error:
        raise StorageError(
            f"The data folder of collection {name!r} cannot be used: {error.strerror or error}.",
            subject=name,
            way_out="Check that the folder exists, has space and can be written.",
        ) from error


def _translate(error: sqlite3.Error, name: str) -> SpanwiseError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return _busy(name)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "Could not decode to UTF-8" in str(error):
        return damaged(name)
    reasons = {
        # When the last sync of a commit fails and the process dies, the next opening may find the whole change.
        sqlite3.SQLITE_FULL: ("The disk is full", "Free some space and repeat the change: it is stored whole or not."),
        sqlite3.SQLITE_READONLY: ("The data folder is read-only", "Make it writable, or choose another with --data."),
        sqlite3.SQLITE_CANTOPEN: ("The database cannot be opened", "Check the permissions of the data folder."),
        sqlite3.SQLITE_IOERR: (
            "The disk reported an error",
            "Check the disk and repeat the change: it is stored whole or not.",
        ),
    }
    problem, way_out = reasons.get(code, (f"The database failed ({error})", "Check the data folder, then try again."))
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHMSIZE:  # readers, too, need a little
        problem, way_out = reasons[sqlite3.SQLITE_FULL]
    return StorageError(f"{problem} (collection {name!r}).", subject=name, way_out=way_out)


def damaged(name: str) -> CorruptDataError:
    """What to raise when the database of collection `name` holds what nobody stored."""
    return CorruptDataError(
        f"The database of collection {name!r} is damaged.",
        subject=name,
        way_out=_RESTORE,
    )


def _busy(name: str) -> CollectionBusyError:
    return CollectionBusyError(
        f"Another writer is changing collection {name!r}.",
        subject=name,
        way_out="Try again shortly, or raise SPANWISE_WRITE_WAIT_SECONDS.",
    )
