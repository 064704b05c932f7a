"""One generation of a collection in SQLite: everything that is read, in one read transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptDataError, DocumentNotFoundError, SpanInvariantError
from .durable import file_sizes
from .embedding import Vectors
from .filters import Where
from .filters_sql import condition
from .layout_json import layout_from_json
from .lexical_sqlite import Lexicon
from .locating import locate
from .matching_sqlite import matches, shares
from .places import read_places
from .records import Document, DocumentInfo, Location, Passage, Span
from .results import Suggestion
from .storage import damaged
from .store import Counts, FileRecord, PassageKey, Ranges, Scored, Terms, WordQuery
from .suggesting_sqlite import suggest
from .vectors import Rows16, inner_products

if TYPE_CHECKING:
    from .snapshot import Keys, Snapshot
    from .store_sqlite import SqlitePassageStore


REMEMBERED = 1_000
"""Generations whose deletions are remembered in the database, for indexes that are behind by fewer."""


TEXTS_KEPT = 16_000_000
"""Characters of the documents last shown that are kept. Keys are never reused and a version never changes, so nothing
goes stale."""


class SqliteView:
    def __init__(self, connection: sqlite3.Connection, store: SqlitePassageStore, held: Snapshot | None) -> None:
        self._connection = connection
        self._store = store
        self._snapshot = held
        row = connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
        if row is None or not str(row[0]).isdecimal():
            raise damaged(store.name)
        self.generation = int(row[0])
        self._lexicon = Lexicon(connection, store._known_words, self.generation)

    def dense(self, vector: Vectors, k: int, where: Where | None = None) -> Scored:
        self._snapshot = snapshot = self._store._indexes.current(self, self._snapshot)
        if snapshot is None:
            return []
        return snapshot.search(vector, k, self, None if where is None else self._allowed(where))

    def count_behind(self, key: int) -> int:
        # Not of `vectors`: its rows are large, and counting would read them.
        question = "SELECT passages FROM totals" if key < 0 else "SELECT count(*) FROM passages WHERE key > ?"
        return int(self._connection.execute(question, () if key < 0 else (key,)).fetchone()[0])

    def vectors_behind(self, key: int) -> Iterator[tuple[Keys, Rows16]]:
        rows = self._connection.execute(
            "SELECT passage, vector FROM vectors WHERE passage > ? ORDER BY passage", (key,)
        )
        while some := rows.fetchmany(2_000):
            yield np.array([key for key, _ in some], np.int64), unpacked([blob for _, blob in some], self._store.name)

    def vectors_of(self, keys: Keys) -> Rows16:
        rows = dict(
            self._connection.execute(
                "SELECT passage, vector FROM vectors WHERE passage IN (SELECT value FROM json_each(?))",
                (json.dumps(np.sort(keys).tolist()),),  # read as they lie in the file
            )
        )
        if len(rows) != len(keys):
            raise damaged(self._store.name)
        return unpacked([rows[key] for key in keys.tolist()], self._store.name)

    def deleted_since(self, generation: int) -> Keys | None:
        if generation < self.generation - REMEMBERED:
            return None
        rows = self._connection.execute(
            "SELECT passage FROM tombstones WHERE generation > ? ORDER BY passage", (generation,)
        )
        return np.fromiter((key for (key,) in rows), dtype=np.int64)

    def keys(self) -> Keys:
        rows = self._connection.execute("SELECT key FROM passages INDEXED BY passages_of_document")
        found = np.fromiter((key for (key,) in rows), dtype=np.int64)
        found.sort()
        return found

    def similarities(self, vector: Vectors, keys: Sequence[PassageKey]) -> dict[PassageKey, float]:
        rows = self._connection.execute(
            "SELECT passage, vector FROM vectors WHERE passage IN (SELECT value FROM json_each(?))",
            (json.dumps(list(keys)),),
        )
        found = list(rows)
        if not found:
            return {}
        scores = inner_products(unpacked([blob for _, blob in found], self._store.name), vector)
        return dict(zip((key for key, _ in found), scores.tolist(), strict=True))

    def read(self, query: str, *, prefix: bool = False, known: Callable[[str], bool] = lambda word: False) -> WordQuery:
        return self._lexicon.read(query, known, prefix=prefix)

    def lexical(self, words: WordQuery, k: int, where: Where | None = None) -> Scored:
        return self._lexicon.search(words, k, where)

    def exact(self, words: WordQuery, keys: Collection[PassageKey]) -> frozenset[PassageKey]:
        return self._lexicon.exact(words, keys)

    def suggest(self, text: str, limit: int) -> list[Suggestion]:
        return suggest(self._connection, self._lexicon, text, limit)

    def matches(self, words: WordQuery, texts: Mapping[PassageKey, str]) -> dict[PassageKey, Ranges]:
        return matches(self._connection, self._lexicon.counted(words)[0], texts)

    def terms(self, words: WordQuery, key: PassageKey) -> Terms:
        counted, left_out = self._lexicon.counted(words)
        return Terms(shares(self._connection, counted, key), left_out)

    def passages(self, keys: Sequence[PassageKey]) -> dict[PassageKey, Passage]:
        marks = ",".join("?" * len(keys))
        rows = self._connection.execute(
            f'SELECT p.key, p.document, p.start, p."end", p.page, p.heading, p.prefix, p.text, {_TABLES}, {_INFO} '
            f"FROM passages p JOIN documents d ON d.key = p.document WHERE p.key IN ({marks})",
            list(keys),
        )
        found = {}
        for key, document_key, start, end, page, heading, prefix, stored, tables, *info_row in rows:
            span = Span(start, end)
            text = self._text(document_key)
            if span.of(text) != stored:
                raise SpanInvariantError(
                    f"Passage {key} of document {info_row[0]!r} does not equal its slice of the text.",
                    subject=info_row[0],
                    way_out="Add the document again.",
                )
            above = tuple(json.loads(heading))
            rows_of = layout_from_json({"tables": json.loads(tables)}).tables
            found[key] = Passage(_info(info_row), span, stored, span.utf16(text), above, page, prefix, rows_of)
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
        pages = layout_from_json({"pages": json.loads(row[0])}).pages
        return locate(self._text(key), span, document.media_type, pages=pages, blocks=blocks, lines=lines)

    def document(self, document_id: str) -> Document:
        row = self._connection.execute(
            f"SELECT d.text, d.headings, d.pages, d.excluded, {_INFO} FROM documents d WHERE d.id = ?", (document_id,)
        ).fetchone()
        if row is None:
            raise not_found(document_id)
        text, headings, pages, excluded, *info_row = row
        layout = layout_from_json(
            {"headings": json.loads(headings), "pages": json.loads(pages), "excluded": json.loads(excluded)}
        )
        return Document(_info(info_row), text, layout.headings, layout.pages, layout.excluded)

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

    def original(self, document_id: str) -> bytes | None:
        row = self._connection.execute("SELECT original FROM documents WHERE id = ?", (document_id,)).fetchone()
        if row is None:
            raise not_found(document_id)
        if row[0] is None:
            return None
        try:
            return self._store.originals.read(row[0])
        except FileNotFoundError as error:
            raise CorruptDataError(
                f"The original of document {document_id!r} is lost.",
                subject=document_id,
                way_out="Remove the document and add its file again, or restore the collection from a backup.",
            ) from error

    def files(self, folder: str) -> dict[str, FileRecord]:
        rows = self._connection.execute(
            "SELECT f.path, f.size, f.mtime_ns, f.sha256, f.read_with, json_group_array(d.id), "
            "count(d.original) = count(*) "
            "FROM files f JOIN documents d ON d.file = f.key WHERE f.folder = ? GROUP BY f.key",
            (folder,),
        )
        return {
            path: FileRecord(folder, path, size, mtime_ns, sha256, read_with, tuple(json.loads(ids)), bool(kept))
            for path, size, mtime_ns, sha256, read_with, ids, kept in rows
        }

    def counts(self) -> Counts:
        documents, passages, characters = self._connection.execute(
            "SELECT documents, passages, characters FROM totals"
        ).fetchone()
        row = self._connection.execute("SELECT value FROM meta WHERE key = 'changed_at'").fetchone()
        file = self._store._database.file
        sizes = file_sizes(file.parent)
        originals = self._store.originals.sizes()
        return Counts(
            documents, passages, characters, self._store._bytes_on_disk(), sizes.get(file.name, 0),
            sizes.get(f"{file.name}-wal", 0), len(originals), sum(originals.values()), row[0] if row else None,
        )  # fmt: skip

    def allows(self, where: Where) -> bool:
        allowed, parameters = condition(where)
        row = self._connection.execute(f"SELECT EXISTS (SELECT 1 FROM passages p WHERE {allowed})", parameters)
        return bool(row.fetchone()[0])

    def has_metadata(self, name: str) -> bool:
        row = self._connection.execute("SELECT EXISTS (SELECT 1 FROM metadata WHERE name = ?)", (name,))
        return bool(row.fetchone()[0])

    def metadata_names(self, most: int) -> list[str]:
        # DISTINCT would read the whole index; this steps from each name to the next.
        rows = self._connection.execute(
            "WITH RECURSIVE found (name) AS (SELECT min(name) FROM metadata UNION ALL "
            "SELECT (SELECT min(name) FROM metadata WHERE name > found.name) FROM found WHERE found.name IS NOT NULL) "
            "SELECT name FROM found WHERE name IS NOT NULL LIMIT ?",
            (most,),
        )
        return [name for (name,) in rows]

    def _allowed(self, where: Where) -> NDArray[np.int64]:
        """The keys of the passages that `where` allows, ascending."""
        allowed, parameters = condition(where)
        rows = self._connection.execute(f"SELECT p.key FROM passages p WHERE {allowed}", parameters)
        return np.sort(np.fromiter((key for (key,) in rows), dtype=np.int64))

    def _key_of(self, document: DocumentInfo) -> int | None:
        row = self._connection.execute(
            "SELECT key FROM documents WHERE id = ? AND content_hash = ?", (document.id, document.content_hash)
        ).fetchone()
        return row[0] if row else None

    def _text(self, document_key: int) -> str:
        text = self._store._texts.get(document_key)
        if text is None:
            text = self._connection.execute("SELECT text FROM documents WHERE key = ?", (document_key,)).fetchone()[0]
            self._store._texts.put(document_key, text, min(len(text), TEXTS_KEPT))  # the largest, alone
        return text


_TABLES = (
    "CASE WHEN d.tables = '[]' THEN d.tables ELSE (SELECT json_group_array(json(value)) FROM json_each(d.tables) "
    "WHERE json_extract(value, '$[0]') < p.\"end\" AND json_extract(value, '$[1]') > p.start) END"
)
"""Those of a document's tables that reach into a passage."""
_INFO = (
    "d.id, d.title, d.uri, d.metadata, d.content_hash, d.media_type, d.characters, d.passages, d.added_at, "
    "d.encoding, d.layout_hash, d.original"
)


def _info(row: Sequence[object]) -> DocumentInfo:
    document_id, title, uri, metadata, *rest = row
    return DocumentInfo(document_id, title, uri, json.loads(str(metadata)), *rest)  # type: ignore[arg-type]


def unpacked(blobs: Sequence[bytes], name: str) -> Rows16:
    """Stored vectors as rows. Raises CorruptDataError for collection `name` when their lengths differ."""
    if any(not isinstance(blob, bytes) or len(blob) != len(blobs[0]) or len(blob) % 2 for blob in blobs):
        raise damaged(name)
    return np.frombuffer(b"".join(blobs), dtype="<f2").reshape(len(blobs), -1)


def not_found(document_id: str) -> DocumentNotFoundError:
    """What to raise for an id that nothing has."""
    return DocumentNotFoundError(
        f"There is no document {document_id!r}.",
        subject=document_id,
        way_out="`documents()` and `spanwise list` name those there are.",
    )
