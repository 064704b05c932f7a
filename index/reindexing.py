"""Passages and vectors of another embedding model, prepared beside the collection and then put in place at once.

What is prepared lies in `reindex.sqlite`, document by document: a run that was cut off is taken up where it was. The
collection serves what it has until one transaction replaces all of it: passages, vectors, words and the model.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from .embedding import Fingerprint, Vectors
from .layout_json import layout_from_json
from .lexical_sqlite import count_words
from .records import Source
from .storage import Database, translated
from .store import DocumentDraft
from .words import forms_of, plain_words

FILE = "reindex.sqlite"
_SCHEMA = """
CREATE TABLE meta (fingerprint TEXT NOT NULL);
CREATE TABLE documents (key INTEGER PRIMARY KEY, passages INTEGER NOT NULL);
CREATE TABLE passages (
    document INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, page INTEGER, heading TEXT NOT NULL,
    prefix TEXT NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (document, start)
) WITHOUT ROWID;
"""


class Rebuild:
    """What is prepared for one collection under the model of `fingerprint`. For one thread."""

    def __init__(self, database: Database, fingerprint: Fingerprint) -> None:
        self._database = database
        self._fingerprint = json.dumps(fingerprint.as_dict())
        self._file = database.file.with_name(FILE)
        with translated(database.file.parent.name):
            self._beside = self._opened()

    def waiting(self) -> list[int]:
        """The keys of the documents that are not prepared; those that are gone are forgotten."""
        with self._database.reading() as connection:
            return self._waiting(connection)

    def source(self, key: int) -> Source | None:
        """A stored document as it was handed in, as far as passages depend on it; None when it is gone."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT id, text, title, media_type, layout_hash, headings, pages, excluded, unbroken, together, "
                "tables FROM documents WHERE key = ?",
                (key,),
            ).fetchone()
        if row is None:
            return None
        document_id, text, title, media_type, layout_hash, *parts = row
        names = ("headings", "pages", "excluded", "unbroken", "together", "tables")
        layout = layout_from_json({name: json.loads(part) for name, part in zip(names, parts, strict=True)})
        return Source(text, document_id, title, media_type=media_type, layout=layout if layout_hash else None)

    def prepare(self, keys: Sequence[int], drafts: Sequence[DocumentDraft]) -> None:
        """Keep the passages and vectors of the documents `keys`."""
        with translated(self._database.file.parent.name), self._beside:
            for key, draft in zip(keys, drafts, strict=True):
                self._beside.execute("DELETE FROM passages WHERE document = ?", (key,))
                self._beside.executemany(
                    "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        (
                            key, passage.span.start, passage.span.end, passage.page, json.dumps(passage.heading),
                            passage.prefix, passage.span.of(draft.text), pack(vector),
                        )
                        for passage, vector in zip(draft.passages, draft.vectors, strict=True)
                    ),
                )  # fmt: skip
                self._beside.execute("INSERT OR REPLACE INTO documents VALUES (?, ?)", (key, len(draft.passages)))

    def publish(self, connection: sqlite3.Connection) -> bool:
        """Put everything in place, in the write transaction of `connection`; False, and nothing is done, when documents
        came meanwhile that are not prepared."""
        if self._waiting(connection):
            return False
        connection.execute("DELETE FROM vectors")
        connection.execute("DELETE FROM passages")
        connection.execute("DELETE FROM words")
        words: Counter[str] = Counter()
        for document, start, end, page, heading, prefix, text, vector in self._beside.execute(
            "SELECT * FROM passages ORDER BY document, start"
        ):
            indexed = f"{prefix}\n{text}"
            words.update(plain_words(indexed))
            key = connection.execute(
                'INSERT INTO passages (document, start, "end", page, heading, prefix, text, forms) '
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (document, start, end, page, heading, prefix, text, forms_of(indexed)),
            ).lastrowid
            connection.execute("INSERT INTO vectors VALUES (?, ?)", (key, vector))
        generation = connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()[0]
        count_words(connection, words, int(generation) + 1)
        connection.executemany(
            "UPDATE documents SET passages = ? WHERE key = ?",
            self._beside.execute("SELECT passages, key FROM documents").fetchall(),
        )
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('fingerprint', ?)", (self._fingerprint,))
        return True

    def close(self, *, forget: bool) -> None:
        """Close the file; with `forget` nothing of it is left."""
        self._beside.close()
        if forget:
            _remove(self._file)

    def _waiting(self, connection: sqlite3.Connection) -> list[int]:
        stored = {key for (key,) in connection.execute("SELECT key FROM documents")}
        prepared = {key for (key,) in self._beside.execute("SELECT key FROM documents")}
        with self._beside:
            for table, column in (("documents", "key"), ("passages", "document")):
                self._beside.executemany(
                    f"DELETE FROM {table} WHERE {column} = ?", [(key,) for key in prepared - stored]
                )
        return sorted(stored - prepared)

    def _opened(self) -> sqlite3.Connection:
        """What was prepared before, if it is sound and of the same model; else an empty file."""
        with suppress(sqlite3.DatabaseError):
            connection = sqlite3.connect(self._file)
            try:
                sound = connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
                if sound and connection.execute("SELECT fingerprint FROM meta").fetchone() == (self._fingerprint,):
                    return connection
            except sqlite3.DatabaseError:
                pass
            connection.close()
        _remove(self._file)
        connection = sqlite3.connect(self._file)
        connection.executescript(_SCHEMA)
        with connection:
            connection.execute("INSERT INTO meta VALUES (?)", (self._fingerprint,))
        return connection


def pack(vector: Vectors) -> bytes:
    """A vector as it is stored: float16, little endian."""
    return vector.astype("<f2").tobytes()


def _remove(file: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def runs(keys: Sequence[int], rebuild: Rebuild, most_characters: int) -> Iterator[tuple[list[int], list[Source]]]:
    """The documents `keys` in runs of about `most_characters`; those that are gone are left out."""
    taken: list[int] = []
    sources: list[Source] = []
    for key in keys:
        if source := rebuild.source(key):
            taken.append(key)
            sources.append(source)
        if sum(len(one.text) for one in sources) >= most_characters:
            yield taken, sources
            taken, sources = [], []
    if sources:
        yield taken, sources
