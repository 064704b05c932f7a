"""The truth on disk: one SQLite file per collection, opened, migrated and guarded here.

`DATA_DIR/collections/<name>/collection.sqlite` in WAL mode with `synchronous=FULL`. Every error of SQLite leaves as one
of ours, translated in one place.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import (
    CollectionBusyError,
    CollectionNotFoundError,
    CorruptDataError,
    DocumentIdError,
    FormatVersionError,
    SpanwiseError,
    StorageError,
)
from .durable import make_folder

DATABASE = "collection.sqlite"
_COLLECTION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

# Append only: a collection at version n gets every migration after n. Never edit one that has been released.
MIGRATIONS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('generation', '0');

    CREATE TABLE documents (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        title TEXT,
        uri TEXT,
        metadata TEXT NOT NULL,         -- JSON object
        content_hash TEXT NOT NULL,
        media_type TEXT NOT NULL,
        headings TEXT NOT NULL,         -- JSON: [[start, level, text], ...]
        added_at TEXT NOT NULL,
        characters INTEGER NOT NULL,    -- code points
        passages INTEGER NOT NULL,
        text TEXT NOT NULL
    );

    CREATE TABLE passages (
        key INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused, so a stale key finds nothing
        document INTEGER NOT NULL REFERENCES documents (key),
        start INTEGER NOT NULL,         -- code points of documents.text
        "end" INTEGER NOT NULL,
        page INTEGER,
        heading TEXT NOT NULL,          -- JSON: [outermost, ..., innermost]
        prefix TEXT NOT NULL,           -- title and headings, indexed with the text, never part of a span
        text TEXT NOT NULL
    );
    CREATE INDEX passages_of_document ON passages (document, start);

    CREATE TABLE vectors (
        passage INTEGER PRIMARY KEY REFERENCES passages (key),
        vector BLOB NOT NULL            -- float16, little endian, unit length
    );

    CREATE VIRTUAL TABLE lexical USING fts5 (
        prefix, text, content = 'passages', content_rowid = 'key', tokenize = 'porter unicode61 remove_diacritics 2'
    );
    CREATE TRIGGER lexical_insert AFTER INSERT ON passages BEGIN
        INSERT INTO lexical (rowid, prefix, text) VALUES (new.key, new.prefix, new.text);
    END;
    CREATE TRIGGER lexical_delete AFTER DELETE ON passages BEGIN
        INSERT INTO lexical (lexical, rowid, prefix, text) VALUES ('delete', old.key, old.prefix, old.text);
    END;
    """,
    """
    ALTER TABLE documents ADD COLUMN encoding TEXT;
    ALTER TABLE documents ADD COLUMN layout_hash TEXT NOT NULL DEFAULT '';
    ALTER TABLE documents ADD COLUMN pages TEXT NOT NULL DEFAULT '[]';      -- JSON: [[start, end, width, height], ...]
    ALTER TABLE documents ADD COLUMN excluded TEXT NOT NULL DEFAULT '[]';   -- JSON: [[start, end], ...]

    CREATE TABLE places (               -- which part of the source each part of the text stands in
        document INTEGER NOT NULL REFERENCES documents (key),
        start INTEGER NOT NULL,         -- code points of documents.text
        "end" INTEGER NOT NULL,
        map BLOB NOT NULL               -- zlib of JSON: {"blocks": [...], "lines": [...]}
    );
    CREATE INDEX places_of_document ON places (document, start);
    """,
    """
    CREATE TABLE files (                -- of folders that were added: what looks the same need not be read again
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        folder TEXT NOT NULL,
        path TEXT NOT NULL,             -- relative to the folder
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,      -- 0: too young to be trusted
        sha256 TEXT NOT NULL,
        read_with TEXT NOT NULL,
        UNIQUE (folder, path)
    );
    ALTER TABLE documents ADD COLUMN file INTEGER REFERENCES files (key) ON DELETE SET NULL;
    ALTER TABLE documents ADD COLUMN original TEXT;     -- hex sha256: its file is originals/<sha256>
    ALTER TABLE documents ADD COLUMN unbroken TEXT NOT NULL DEFAULT '[]';   -- JSON: [[start, end], ...]
    CREATE INDEX documents_of_file ON documents (file) WHERE file IS NOT NULL;
    CREATE INDEX documents_of_original ON documents (original) WHERE original IS NOT NULL;
    CREATE TRIGGER file_changed AFTER DELETE ON documents WHEN old.file IS NOT NULL BEGIN
        DELETE FROM files WHERE key = old.file;
    END;
    """,
    """
    CREATE TABLE marks (                -- what people said of answers
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        question TEXT NOT NULL,
        verdict TEXT NOT NULL,          -- right, wrong, absent
        document TEXT,                  -- its id; no reference: a mark outlives the version it is about
        content_hash TEXT,
        start INTEGER,                  -- code points of that version
        "end" INTEGER,
        text TEXT,
        marked_at TEXT NOT NULL
    );
    CREATE INDEX marks_of_question ON marks (question);
    CREATE INDEX marks_of_document ON marks (document);
    """,
    """
    CREATE TABLE metadata (             -- one row for each value in documents.metadata; lists have several
        name TEXT NOT NULL,
        kind TEXT NOT NULL,             -- n number, t text, b true or false; null is no row
        value NOT NULL,
        document INTEGER NOT NULL,      -- no reference: triggers keep it
        PRIMARY KEY (name, kind, value, document)
    ) WITHOUT ROWID;
    CREATE INDEX metadata_of_document ON metadata (document);
    -- Text that is a number, as all of CSV is text, counts as a number too.
    INSERT OR IGNORE INTO metadata SELECT e.key, CASE e.type WHEN 'text' THEN 't' WHEN 'true' THEN 'b' WHEN 'false' THEN 'b' ELSE 'n' END,
        e.value, new.key FROM documents AS new, json_each(new.metadata) e
        WHERE e.type IN ('text', 'integer', 'real', 'true', 'false');
    INSERT OR IGNORE INTO metadata SELECT e.key, CASE i.type WHEN 'text' THEN 't' WHEN 'true' THEN 'b' WHEN 'false' THEN 'b' ELSE 'n' END,
        i.value, new.key FROM documents AS new, json_each(new.metadata) e, json_each(e.value) i
        WHERE e.type = 'array' AND i.type IN ('text', 'integer', 'real', 'true', 'false');
    INSERT OR IGNORE INTO metadata SELECT name, 'n', json_extract(value, '$'), document FROM metadata
        WHERE kind = 't' AND CASE WHEN json_valid(value) THEN json_type(value) END IN ('integer', 'real');
    CREATE TRIGGER metadata_insert AFTER INSERT ON documents BEGIN
        INSERT OR IGNORE INTO metadata SELECT e.key, CASE e.type WHEN 'text' THEN 't' WHEN 'true' THEN 'b' WHEN 'false' THEN 'b' ELSE 'n' END,
            e.value, new.key FROM json_each(new.metadata) e
            WHERE e.type IN ('text', 'integer', 'real', 'true', 'false');
        INSERT OR IGNORE INTO metadata SELECT e.key, CASE i.type WHEN 'text' THEN 't' WHEN 'true' THEN 'b' WHEN 'false' THEN 'b' ELSE 'n' END,
            i.value, new.key FROM json_each(new.metadata) e, json_each(e.value) i
            WHERE e.type = 'array' AND i.type IN ('text', 'integer', 'real', 'true', 'false');
        INSERT OR IGNORE INTO metadata SELECT name, 'n', json_extract(value, '$'), document FROM metadata
            WHERE document = new.key AND kind = 't' AND CASE WHEN json_valid(value) THEN json_type(value) END IN ('integer', 'real');
    END;
    CREATE TRIGGER metadata_delete AFTER DELETE ON documents BEGIN
        DELETE FROM metadata WHERE document = old.key;
    END;
    """,
)
FORMAT_VERSION = len(MIGRATIONS)


def collections(data: Path) -> list[str]:
    """The names of the collections in the data folder `data`, sorted."""
    names = (file.parent.name for file in (data / "collections").glob(f"*/{DATABASE}"))
    return sorted(name for name in names if _COLLECTION_NAME.fullmatch(name))


def collection_folder(data: Path, name: str) -> Path:
    """Where collection `name` lies. Raises DocumentIdError for a name that is not allowed."""
    if not isinstance(name, str) or not _COLLECTION_NAME.fullmatch(name):
        raise DocumentIdError(
            f"{str(name)[:80]!r} is not a collection name.",
            subject=name,
            way_out="Use 1 to 64 characters of A-Z a-z 0-9 . _ - and begin with a letter or digit.",
        )
    return data / "collections" / name


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
        self._identity: tuple[int, int] | None = None
        with translated(folder.name):
            missing = not self.file.is_file()
        if missing and not create:
            others = ", ".join(collections(folder.parent.parent)[:20])
            raise CollectionNotFoundError(
                f"There is no collection {folder.name!r}.",
                subject=folder.name,
                way_out="Add documents to make it" + (f", or choose one of: {others}." if others else "."),
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
                connection.execute("BEGIN IMMEDIATE")
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

    def close(self) -> None:
        """Close every connection, those in use as soon as they are not. Safe to call twice."""
        with self._guard:
            self._closed = True
            while self._idle:
                self._idle.pop().close()

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        """A connection for this thread alone until the block ends; blocks inside it get the same one."""
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
        if version == FORMAT_VERSION:
            return
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = self._version(connection)  # another process may have been first
            for number in range(version, FORMAT_VERSION):
                for statement in _statements(MIGRATIONS[number]):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.rollback()
            raise

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
    return StorageError(f"{problem} (collection {name!r}).", subject=name, way_out=way_out)


def damaged(name: str) -> CorruptDataError:
    """What to raise when the database of collection `name` holds what nobody stored."""
    return CorruptDataError(
        f"The database of collection {name!r} is damaged.",
        subject=name,
        way_out="Restore the folder from a backup, or remove it and add the documents again.",
    )


def _busy(name: str) -> CollectionBusyError:
    return CollectionBusyError(
        f"Another writer is changing collection {name!r}.",
        subject=name,
        way_out="Try again shortly, or raise SPANWISE_WRITE_WAIT_SECONDS.",
    )


def _statements(script: str) -> Iterator[str]:
    """The statements of `script` one by one: `executescript` would commit the transaction they belong to."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
