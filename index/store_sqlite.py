"""The passage store of one machine: SQLite for truth and BM25, a vector index in memory.

The vector index is a cache of the truth, immutable, tied to a generation, and brought up to date by the first read that
finds it behind.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DocumentExistsError, DocumentNotFoundError, SpanInvariantError
from .embedding import Fingerprint, Vectors
from .filters import Where
from .filters_sql import condition
from .locating import locate
from .matching_sqlite import any_of, matches, shares
from .places import insert_places, pages_json, read_places, spans_json
from .records import Document, DocumentInfo, Heading, Layout, Location, PageSpan, Passage, Span
from .storage import Database, damaged
from .store import Counts, DocumentDraft, PassageKey, Ranges, Scored, Stored, Terms, View
from .vectors import VectorIndex, VectorIndexFactory, inner_products

# What FTS5 takes for one phrase; combining accents belong to their word, and FTS5 drops them as it drops composed ones.
_WORDS = re.compile(r"[\w\u0300-\u036f]+(?:[-.@/'’][\w\u0300-\u036f]+)*")


@dataclass(frozen=True, slots=True)
class _Snapshot:
    generation: int
    keys: NDArray[np.int64]  # ascending, one per row of the index
    index: VectorIndex


class SqlitePassageStore:
    """The store of one machine: SQLite for truth and BM25, a flat vector index in memory."""

    def __init__(
        self, folder: Path, index_factory: VectorIndexFactory, *, create: bool = True, write_wait_seconds: float = 10.0
    ) -> None:
        self.name = folder.name
        self._database = Database(folder, create=create, write_wait_seconds=write_wait_seconds)
        self._index_factory = index_factory
        self._snapshot: _Snapshot | None = None
        self._refreshing = threading.Lock()
        self._texts = _TextCache()

    @contextmanager
    def reading(self) -> Iterator[View]:
        held = self._snapshot  # taken before the transaction begins, so it is never later than what the view sees
        with self._database.reading() as connection:
            yield _SqliteView(connection, self, held)

    def add(self, drafts: Sequence[DocumentDraft], *, replace: bool) -> Stored:
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        with self._database.writing() as connection:
            for draft in drafts:
                row = connection.execute("SELECT key FROM documents WHERE id = ?", (draft.id,)).fetchone()
                if row and not replace:
                    raise DocumentExistsError(
                        f"Document {draft.id!r} exists.", subject=draft.id, way_out="PUT or `add` replaces it."
                    )
                if row:
                    _delete_document(connection, row[0])
                _insert_document(connection, draft, now)
            return Stored(_advance(connection), tuple(_drafted_info(draft, now) for draft in drafts))

    def delete(self, ids: Sequence[str]) -> int:
        with self._database.writing() as connection:
            for document_id in ids:
                row = connection.execute("SELECT key FROM documents WHERE id = ?", (document_id,)).fetchone()
                if row is None:
                    raise _not_found(document_id)
                _delete_document(connection, row[0])
            return _advance(connection)

    def fingerprint(self) -> Fingerprint | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'fingerprint'").fetchone()
            return Fingerprint.from_dict(json.loads(row[0])) if row else None

    def set_fingerprint(self, fingerprint: Fingerprint) -> None:
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO meta VALUES ('fingerprint', ?)", (json.dumps(fingerprint.as_dict()),)
            )

    def close(self) -> None:
        self._database.close()

    def _bytes_on_disk(self) -> int:
        return sum(file.stat().st_size for file in self._database.file.parent.iterdir() if file.is_file())

    def _current(self, view: _SqliteView, held: _Snapshot | None) -> _Snapshot | None:
        """The vector index of exactly the view's generation; None while there are no vectors."""
        if held and held.generation == view.generation:
            return held
        with self._refreshing:
            latest = self._snapshot
            if latest is None or latest.generation < view.generation:
                self._snapshot = latest = _refreshed(latest, view, self._index_factory)
            if latest is None or latest.generation == view.generation:
                return latest
        # Another thread has published a later one, which may lack what this view still holds.
        return _refreshed(held if held and held.generation < view.generation else None, view, self._index_factory)


class _SqliteView:
    def __init__(self, connection: sqlite3.Connection, store: SqlitePassageStore, held: _Snapshot | None) -> None:
        self._connection = connection
        self._store = store
        self._snapshot = held
        row = connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
        if row is None or not str(row[0]).isdecimal():
            raise damaged(store.name)
        self.generation = int(row[0])

    def dense(self, vector: Vectors, k: int, where: Where | None = None) -> Scored:
        self._snapshot = snapshot = self._store._current(self, self._snapshot)
        if snapshot is None:
            return []
        among = None if where is None else np.searchsorted(snapshot.keys, self._allowed(where))
        scores, positions = snapshot.index.search(vector, k, among)
        return list(zip(snapshot.keys[positions].tolist(), scores.tolist(), strict=True))

    def similarities(self, vector: Vectors, keys: Sequence[PassageKey]) -> dict[PassageKey, float]:
        rows = self._connection.execute(
            "SELECT passage, vector FROM vectors WHERE passage IN (SELECT value FROM json_each(?))",
            (json.dumps(list(keys)),),
        )
        found = list(rows)
        if not found:
            return {}
        scores = inner_products(_unpacked([blob for _, blob in found], self._store.name), vector)
        return dict(zip((key for key, _ in found), scores.tolist(), strict=True))

    def lexical(self, query: str, k: int, where: Where | None = None) -> Scored:
        counted, _ = self._terms(query)
        if not counted:
            return []
        # The plus keeps SQLite from searching the words once for each passage that is allowed.
        allowed, parameters = ("1", []) if where is None else condition(where)
        only = "" if where is None else f"AND +rowid IN (SELECT p.key FROM passages p WHERE {allowed}) "
        rows = self._connection.execute(
            f"SELECT rowid, -bm25(lexical) FROM lexical WHERE lexical MATCH ? {only}"
            "ORDER BY bm25(lexical), rowid LIMIT ?",
            [any_of(counted), *parameters, k],
        )
        return [(key, score) for key, score in rows]

    def matches(self, query: str, texts: Mapping[PassageKey, str]) -> dict[PassageKey, Ranges]:
        return matches(self._connection, self._terms(query)[0], texts)

    def terms(self, query: str, key: PassageKey) -> Terms:
        counted, left_out = self._terms(query)
        return Terms(shares(self._connection, counted, key), tuple(left_out))

    def passages(self, keys: Sequence[PassageKey]) -> dict[PassageKey, Passage]:
        marks = ",".join("?" * len(keys))
        rows = self._connection.execute(
            f'SELECT p.key, p.document, p.start, p."end", p.page, p.heading, p.text, {_INFO} '
            f"FROM passages p JOIN documents d ON d.key = p.document WHERE p.key IN ({marks})",
            list(keys),
        )
        found = {}
        for key, document_key, start, end, page, heading, stored, *info_row in rows:
            span = Span(start, end)
            text = self._text(document_key)
            if span.of(text) != stored:
                raise SpanInvariantError(
                    f"Passage {key} of document {info_row[0]!r} does not equal its slice of the text.",
                    subject=info_row[0],
                    way_out="Add the document again.",
                )
            found[key] = Passage(_info(info_row), span, stored, span.utf16(text), tuple(json.loads(heading)), page)
        return found

    def slice(self, document: DocumentInfo, span: Span) -> str | None:
        key = self._key_of(document)
        return None if key is None else span.of(self._text(key))

    def locate(self, document: DocumentInfo, span: Span) -> Location | None:
        key = self._key_of(document)
        if key is None:
            return None
        row = self._connection.execute("SELECT pages FROM documents WHERE key = ?", (key,)).fetchone()
        blocks, lines = read_places(self._connection, key, span)
        pages = _pages(row[0])
        return locate(self._text(key), span, document.media_type, pages=pages, blocks=blocks, lines=lines)

    def document(self, document_id: str) -> Document:
        row = self._connection.execute(
            f"SELECT d.text, d.headings, d.pages, d.excluded, {_INFO} FROM documents d WHERE d.id = ?", (document_id,)
        ).fetchone()
        if row is None:
            raise _not_found(document_id)
        headings = tuple(Heading(*heading) for heading in json.loads(row[1]))
        excluded = tuple(Span(*span) for span in json.loads(row[3]))
        return Document(_info(row[4:]), row[0], headings, _pages(row[2]), excluded)

    def documents(self, after: str | None, limit: int | None) -> list[DocumentInfo]:
        rows = self._connection.execute(
            f"SELECT {_INFO} FROM documents d WHERE d.id > ? ORDER BY d.id LIMIT ?",
            (after or "", -1 if limit is None else limit),
        )
        return [_info(row) for row in rows]

    def known(self, ids: Sequence[str]) -> dict[str, DocumentInfo]:
        rows = self._connection.execute(
            f"SELECT {_INFO} FROM documents d WHERE d.id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)
        )
        return {row[0]: _info(row) for row in rows}

    def counts(self) -> Counts:
        documents, passages, characters = self._connection.execute(
            "SELECT count(*), coalesce(sum(passages), 0), coalesce(sum(characters), 0) FROM documents"
        ).fetchone()
        return Counts(documents, passages, characters, self._store._bytes_on_disk())

    def _terms(self, query: str) -> tuple[list[str], list[str]]:
        """The words of `query` that count, and those that stand in too many passages. If all do, all count."""
        words = list({word.lower(): word for word in _WORDS.findall(query)}.values())
        total = self._connection.execute("SELECT count(*) FROM vectors").fetchone()[0]
        common = [word for word in words if self._is_common(any_of([word]), max(total // 10, 20))]
        return ([word for word in words if word not in common], common) if len(common) < len(words) else (words, [])

    def _allowed(self, where: Where) -> NDArray[np.int64]:
        """The keys of the passages that `where` allows, ascending."""
        allowed, parameters = condition(where)
        rows = self._connection.execute(f"SELECT p.key FROM passages p WHERE {allowed}", parameters)
        return np.sort(np.fromiter((key for (key,) in rows), dtype=np.int64))

    def _is_common(self, term: str, limit: int) -> bool:
        """Whether more than `limit` passages hold `term`. Such words cost an OR query most and rank least."""
        row = self._connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM lexical WHERE lexical MATCH ? LIMIT ?)", (term, limit + 1)
        ).fetchone()
        return bool(row[0] > limit)

    def _key_of(self, document: DocumentInfo) -> int | None:
        row = self._connection.execute(
            "SELECT key FROM documents WHERE id = ? AND content_hash = ?", (document.id, document.content_hash)
        ).fetchone()
        return row[0] if row else None

    def _text(self, document_key: int) -> str:
        text = self._store._texts.get(document_key)
        if text is None:
            text = self._connection.execute("SELECT text FROM documents WHERE key = ?", (document_key,)).fetchone()[0]
            self._store._texts.put(document_key, text)
        return text


class _TextCache:
    """Texts of the documents last shown. Keys are never reused and a version never changes, so nothing goes stale."""

    _most_characters = 16_000_000

    def __init__(self) -> None:
        self._texts: OrderedDict[int, str] = OrderedDict()
        self._characters = 0
        self._lock = threading.Lock()

    def get(self, key: int) -> str | None:
        with self._lock:
            if key in self._texts:
                self._texts.move_to_end(key)
            return self._texts.get(key)

    def put(self, key: int, text: str) -> None:
        with self._lock:
            if key not in self._texts:
                self._texts[key] = text
                self._characters += len(text)
            while self._characters > self._most_characters and len(self._texts) > 1:
                self._characters -= len(self._texts.popitem(last=False)[1])


_INFO = (
    "d.id, d.title, d.uri, d.metadata, d.content_hash, d.media_type, d.characters, d.passages, d.added_at, "
    "d.encoding, d.layout_hash"
)


def _info(row: Sequence[object]) -> DocumentInfo:
    document_id, title, uri, metadata, *rest = row
    return DocumentInfo(document_id, title, uri, json.loads(str(metadata)), *rest)  # type: ignore[arg-type]


def _pages(stored: str) -> tuple[PageSpan, ...]:
    return tuple(PageSpan(*page) for page in json.loads(stored))


def _drafted_info(draft: DocumentDraft, now: str) -> DocumentInfo:
    return DocumentInfo(
        draft.id, draft.title, draft.uri, draft.metadata, draft.content_hash, draft.media_type, len(draft.text),
        len(draft.passages), now, draft.encoding, draft.layout_hash,
    )  # fmt: skip


def _insert_document(connection: sqlite3.Connection, draft: DocumentDraft, now: str) -> None:
    headings = [[heading.start, heading.level, heading.text] for heading in draft.headings]
    layout = draft.layout or Layout()
    document = connection.execute(
        "INSERT INTO documents (id, title, uri, metadata, content_hash, media_type, headings, added_at, characters, "
        "passages, text, encoding, layout_hash, pages, excluded) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            draft.id, draft.title, draft.uri, json.dumps(dict(draft.metadata), ensure_ascii=False), draft.content_hash,
            draft.media_type, json.dumps(headings), now, len(draft.text), len(draft.passages), draft.text,
            draft.encoding, draft.layout_hash, json.dumps(pages_json(layout.pages)),
            json.dumps(spans_json(layout.excluded)),
        ),
    ).lastrowid  # fmt: skip
    assert document is not None
    insert_places(connection, document, layout)
    for passage, vector in zip(draft.passages, draft.vectors, strict=True):
        key = connection.execute(
            'INSERT INTO passages (document, start, "end", page, heading, prefix, text) VALUES (?, ?, ?, ?, ?, ?, ?)',
            (
                document, passage.span.start, passage.span.end, passage.page, json.dumps(passage.heading),
                passage.prefix, passage.span.of(draft.text),
            ),
        ).lastrowid  # fmt: skip
        connection.execute("INSERT INTO vectors VALUES (?, ?)", (key, _pack(vector)))


def _delete_document(connection: sqlite3.Connection, key: int) -> None:
    connection.execute("DELETE FROM vectors WHERE passage IN (SELECT key FROM passages WHERE document = ?)", (key,))
    connection.execute("DELETE FROM passages WHERE document = ?", (key,))
    connection.execute("DELETE FROM places WHERE document = ?", (key,))
    connection.execute("DELETE FROM documents WHERE key = ?", (key,))


def _advance(connection: sqlite3.Connection) -> int:
    row = connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation' RETURNING value").fetchone()
    return int(row[0])


def _refreshed(old: _Snapshot | None, view: _SqliteView, factory: VectorIndexFactory) -> _Snapshot | None:
    """The snapshot of the view's generation: rows of the old one that still exist, and the vectors that are new."""
    rows = view._connection.execute("SELECT passage FROM vectors ORDER BY passage")
    keys = np.fromiter((key for (key,) in rows), dtype=np.int64)
    if not len(keys):
        return None
    last = int(old.keys[-1]) if old else -1
    blobs = [blob for (blob,) in view._connection.execute(
        "SELECT vector FROM vectors WHERE passage > ? ORDER BY passage", (last,)
    )]  # fmt: skip
    if old is not None and not blobs and len(keys) == len(old.keys):
        return _Snapshot(view.generation, keys, old.index)
    parts = []
    if old is not None:
        parts.append(old.index.vectors()[np.isin(old.keys, keys, assume_unique=True)])
    if blobs:
        parts.append(_unpacked(blobs, view._store.name))
    return _Snapshot(view.generation, keys, factory(np.concatenate(parts)))


def _pack(vector: Vectors) -> bytes:
    return vector.astype("<f2").tobytes()


def _unpacked(blobs: Sequence[bytes], name: str) -> Vectors:
    if any(not isinstance(blob, bytes) or len(blob) != len(blobs[0]) or len(blob) % 2 for blob in blobs):
        raise damaged(name)
    return np.frombuffer(b"".join(blobs), dtype="<f2").astype(np.float32).reshape(len(blobs), -1)


def _not_found(document_id: str) -> DocumentNotFoundError:
    return DocumentNotFoundError(
        f"There is no document {document_id!r}.", subject=document_id, way_out="List the ids with `documents`."
    )
