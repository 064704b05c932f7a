"""The passage store of one machine: SQLite for truth and BM25, and beside it a vector index (`indexing`).

The vector index is a cache of the truth, immutable, tied to a generation, and brought up to date by the first read that
finds it behind.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from ..errors import CollectionBusyError, DocumentExistsError, ModelMismatchError, StorageError
from . import verifying, work
from .backup import backup
from .caching import LruCache
from .durable import file_sizes
from .embedding import Fingerprint
from .indexing import Indexes
from .ingest import BATCH_CHARACTERS
from .layout_json import rows
from .lexical_sqlite import KnownWords, count_words
from .marks import Mark, insert_mark, read_marks
from .originals import Originals
from .places import insert_places
from .records import DocumentInfo, Layout, Original, Source
from .reindexing import Rebuild, pack, runs
from .reports import Compacted, Finding, Work
from .storage import Database, translated
from .store import DocumentDraft, FileRecord, Sampled, Stored
from .vectors import LargeIndexes, VectorIndexFactory
from .view_sqlite import REMEMBERED, TEXTS_KEPT, SqliteView, not_found
from .words import forms_of, plain_words


class SqlitePassageStore:
    """The store of one machine: SQLite for truth and BM25, and a vector index."""

    def __init__(
        self,
        folder: Path,
        index_factory: VectorIndexFactory,
        large_indexes: LargeIndexes | None = None,
        *,
        create: bool = True,
        write_wait_seconds: float = 10.0,
    ) -> None:
        self.name = folder.name
        self._database = Database(folder, create=create, write_wait_seconds=write_wait_seconds)
        self._indexes = Indexes(self._database, self.reading, self.fingerprint, index_factory, large_indexes)
        self._texts: LruCache[int, str] = LruCache(TEXTS_KEPT)
        self._known_words = KnownWords()
        self.originals = Originals(folder)
        self._sweep_leftovers()

    @contextmanager
    def reading(self) -> Iterator[SqliteView]:
        held = self._indexes.held  # taken before the transaction begins, so it is never later than what the view sees
        with self._database.reading() as connection:
            yield SqliteView(connection, self, held)

    def add(
        self,
        drafts: Sequence[DocumentDraft],
        *,
        replace: bool,
        originals: Mapping[str, Original] = MappingProxyType({}),
        files: Sequence[FileRecord] = (),
        fingerprint: Fingerprint | None = None,
    ) -> Stored:
        now = _now()
        words: Counter[str] = Counter()
        with self._writing() as (connection, dropped):
            if fingerprint is not None and fingerprint != self.fingerprint():
                raise ModelMismatchError(
                    f"Collection {self.name!r} was reindexed under another model meanwhile.",
                    subject=self.name,
                    way_out="Add the documents again.",
                )
            self.originals.keep([*(draft.original for draft in drafts if draft.original), *originals.values()])
            for draft in drafts:
                row = connection.execute("SELECT key FROM documents WHERE id = ?", (draft.id,)).fetchone()
                if row and not replace:
                    raise DocumentExistsError(
                        f"Document {draft.id!r} exists.", subject=draft.id, way_out="PUT or `add` replaces it."
                    )
                if row:
                    dropped.add(_delete_document(connection, row[0], words))
                _insert_document(connection, draft, now, words)
            for document_id, original in originals.items():
                dropped.add(_replace_original(connection, document_id, original))
            for file in files:
                _record_file(connection, file)
            generation = _advance(connection) if drafts else _generation(connection)
            count_words(connection, words, generation)
        return Stored(generation, tuple(_drafted_info(draft, now) for draft in drafts))

    def delete(self, ids: Sequence[str]) -> int:
        words: Counter[str] = Counter()
        with self._writing() as (connection, dropped):
            for document_id in ids:
                row = connection.execute("SELECT key FROM documents WHERE id = ?", (document_id,)).fetchone()
                if row is None:
                    raise not_found(document_id)
                dropped.add(_delete_document(connection, row[0], words))
                connection.execute("DELETE FROM marks WHERE document = ?", (document_id,))  # they hold words of it
            generation = _advance(connection)
            count_words(connection, words, generation)
        return generation

    def mark(self, mark: Mark) -> None:
        with self._database.writing() as connection:
            insert_mark(connection, mark)

    def marks(self) -> list[Mark]:
        with self._database.reading() as connection:
            return read_marks(connection)

    def forget_marks(self) -> int:
        with self._database.writing() as connection:
            return connection.execute("DELETE FROM marks").rowcount

    def announced(self, what: str, subject: str) -> AbstractContextManager[Callable[[int, int], None]]:
        return work.announced(self._database.file.parent, what, subject)

    def work(self) -> list[Work]:
        return work.found(self._database.file.parent)

    @property
    def indexed_generation(self) -> int | None:
        held = self._indexes.held
        return held.generation if held else None

    @property
    def search_kind(self) -> str:
        return self._indexes.kind

    @property
    def index_file(self) -> str | None:
        return self._indexes.state()

    def build_index(self) -> bool:
        with translated(self.name):
            return self._indexes.build()

    def verify(self, sample: int) -> tuple[list[Finding], list[Sampled]]:
        fingerprint = self.fingerprint()
        with self.reading() as view, self._database.reading() as connection:
            findings = list(verifying.check(connection, self.originals, fingerprint.dimension if fingerprint else None))
            findings.extend(self._indexes.check(view))
            samples = verifying.sampled(connection, sample) if not findings else []
        with self._database.writing() as connection:
            findings.extend(verifying.check_words(connection))
        return findings, samples

    def backup(self, target: Path) -> None:
        backup(self._database, self.originals, target)

    def compact(self) -> Compacted:
        before = self._bytes_on_disk()
        self._database.compact()
        self._sweep_leftovers()
        self.build_index()
        work.forget_cut_off(self._database.file.parent)
        return Compacted(before, self._bytes_on_disk())

    def fingerprint(self) -> Fingerprint | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'fingerprint'").fetchone()
            return Fingerprint.from_dict(json.loads(row[0])) if row else None

    def set_fingerprint(self, fingerprint: Fingerprint) -> None:
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO meta VALUES ('fingerprint', ?)", (json.dumps(fingerprint.as_dict()),)
            )

    @property
    def moved(self) -> bool:
        return self._database.moved

    def rebuild(
        self,
        fingerprint: Fingerprint,
        prepare: Callable[[Sequence[Source]], Sequence[DocumentDraft]],
        step: Callable[[int, int], None],
    ) -> int:
        rebuild = Rebuild(self._database, fingerprint)
        done = False
        try:
            while not done:
                waiting = rebuild.waiting()
                total = self._count_documents()
                step(total - len(waiting), total)
                for keys, sources in runs(waiting, rebuild, BATCH_CHARACTERS):
                    rebuild.prepare(keys, prepare(sources))
                    waiting = waiting[len(keys) :]
                    step(total - len(waiting), total)
                with self._database.writing() as connection:
                    done = rebuild.publish(connection)
                    generation = _advance(connection) if done else 0
            return generation
        finally:
            rebuild.close(forget=done)

    def _count_documents(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM documents").fetchone()[0])

    def close(self) -> None:
        self._indexes.close()
        self._database.close()

    @contextmanager
    def _writing(self) -> Iterator[tuple[sqlite3.Connection, set[str | None]]]:
        """A write transaction, and a set for the originals that a document of it no longer has: behind the commit,
        those that no other document has are removed."""
        dropped: set[str | None] = set()
        with self._database.writing() as connection:
            yield connection, dropped
        if names := {name for name in dropped if name is not None}:
            with suppress(CollectionBusyError):  # then the next opening removes them
                self._remove_unreferenced(names)

    def _sweep_leftovers(self) -> None:
        """Remove what a crash has left among the originals; another writer's turn is not waited for."""
        if names := self.originals.names():
            with suppress(StorageError):
                with self._database.reading() as connection:
                    names -= _referenced(connection)
                if names:
                    self._remove_unreferenced(names, wait_seconds=0)

    def _remove_unreferenced(self, names: set[str], wait_seconds: float | None = None) -> None:
        # Under the write lock: nobody is about to commit a document that refers to one of them.
        with self._database.writing(wait_seconds) as connection:
            self.originals.remove(names - _referenced(connection, names))

    def _bytes_on_disk(self) -> int:
        database = sum(file_sizes(self._database.file.parent).values())
        return database + sum(self.originals.sizes().values()) + self._indexes.bytes()


def _drafted_info(draft: DocumentDraft, now: str) -> DocumentInfo:
    return DocumentInfo(
        draft.id, draft.title, draft.uri, draft.metadata, draft.content_hash, draft.media_type, len(draft.text),
        len(draft.passages), now, draft.encoding, draft.layout_hash,
        draft.original.sha256 if draft.original else None,
    )  # fmt: skip


def _insert_document(connection: sqlite3.Connection, draft: DocumentDraft, now: str, words: Counter[str]) -> None:
    """Store a document with everything of it; `words` gains in how many of its passages each stands."""
    layout = draft.layout or Layout()
    document = connection.execute(
        "INSERT INTO documents (id, title, uri, metadata, content_hash, media_type, headings, added_at, characters, "
        "passages, text, encoding, layout_hash, pages, excluded, unbroken, together, tables, original) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            draft.id, draft.title, draft.uri, json.dumps(dict(draft.metadata), ensure_ascii=False), draft.content_hash,
            draft.media_type, json.dumps(rows(draft.headings)), now, len(draft.text), len(draft.passages), draft.text,
            draft.encoding, draft.layout_hash, json.dumps(rows(layout.pages)),
            json.dumps(rows(layout.excluded)), json.dumps(rows(layout.unbroken)),
            json.dumps(rows(layout.together)), json.dumps(rows(layout.tables), ensure_ascii=False),
            draft.original.sha256 if draft.original else None,
        ),
    ).lastrowid  # fmt: skip
    assert document is not None
    insert_places(connection, document, layout)
    for passage, vector in zip(draft.passages, draft.vectors, strict=True):
        text = passage.span.of(draft.text)
        indexed = f"{passage.prefix}\n{text}"
        words.update(plain_words(indexed))
        key = connection.execute(
            'INSERT INTO passages (document, start, "end", page, heading, prefix, text, forms) '
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                document, passage.span.start, passage.span.end, passage.page, json.dumps(passage.heading),
                passage.prefix, text, forms_of(indexed),
            ),
        ).lastrowid  # fmt: skip
        connection.execute("INSERT INTO vectors VALUES (?, ?)", (key, pack(vector)))


def _delete_document(connection: sqlite3.Connection, key: int, words: Counter[str]) -> str | None:
    """Remove a document with everything of it; the digest of its original, which stays. `words` loses its own."""
    for (indexed,) in connection.execute("SELECT prefix || char(10) || text FROM passages WHERE document = ?", (key,)):
        words.subtract(plain_words(indexed))
    original: str | None = connection.execute("SELECT original FROM documents WHERE key = ?", (key,)).fetchone()[0]
    connection.execute("DELETE FROM vectors WHERE passage IN (SELECT key FROM passages WHERE document = ?)", (key,))
    connection.execute("DELETE FROM passages WHERE document = ?", (key,))
    connection.execute("DELETE FROM places WHERE document = ?", (key,))
    connection.execute("DELETE FROM documents WHERE key = ?", (key,))
    return original


def _replace_original(connection: sqlite3.Connection, document_id: str, original: Original) -> str | None:
    """Give a document another original; the digest of the one it had."""
    row = connection.execute("SELECT original FROM documents WHERE id = ?", (document_id,)).fetchone()
    connection.execute("UPDATE documents SET original = ? WHERE id = ?", (original.sha256, document_id))
    return row[0] if row else None


def _record_file(connection: sqlite3.Connection, file: FileRecord) -> None:
    key = connection.execute(
        "INSERT INTO files (folder, path, size, mtime_ns, sha256, read_with) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (folder, path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, "
        "sha256 = excluded.sha256, read_with = excluded.read_with RETURNING key",
        (file.folder, file.path, file.size, file.mtime_ns, file.sha256, file.read_with),
    ).fetchone()[0]
    connection.execute("UPDATE documents SET file = NULL WHERE file = ?", (key,))
    connection.executemany("UPDATE documents SET file = ? WHERE id = ?", ((key, one) for one in file.documents))


def _referenced(connection: sqlite3.Connection, names: set[str] | None = None) -> set[str]:
    """The originals that documents refer to; only those of `names` where these are given."""
    if names is None:
        found = connection.execute("SELECT DISTINCT original FROM documents WHERE original IS NOT NULL")
    else:
        found = connection.execute(
            "SELECT DISTINCT original FROM documents WHERE original IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(names)),),
        )
    return {name for (name,) in found}


def _advance(connection: sqlite3.Connection) -> int:
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('changed_at', ?)", (_now(),))
    row = connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation' RETURNING value").fetchone()
    generation = int(row[0])
    connection.execute("DELETE FROM tombstones WHERE generation <= ?", (generation - REMEMBERED,))
    return generation


def _generation(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()[0])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
