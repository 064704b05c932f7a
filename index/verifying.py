"""Checks that a collection is what it promises to be: every invariant that its database can be asked about."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from .durable import file_sha256
from .embedding import Vectors
from .ingest import content_hash
from .markup import blank_markup
from .migrations import migrate, schema_of
from .originals import Originals
from .records import Span
from .reports import Finding
from .store import Sampled

_NORM_ERROR = 0.01  # float16 rounds a unit vector's length by less than 0.001
NEAR_ENOUGH = 0.98
"""Cosine of a stored vector with that of its text embedded again. float16 and batches of other sizes cost less."""
_ROWS = 4_096


def check(connection: sqlite3.Connection, originals: Originals, dimension: int | None) -> Iterator[Finding]:
    """What is wrong in one generation; nothing when all is well. `dimension` is that of the stored model."""
    try:
        yield from _check_file(connection)
        yield from _check_counts(connection)
        yield from _check_vectors(connection, dimension)
        for (key,) in connection.execute("SELECT key FROM documents ORDER BY key").fetchall():
            yield from _check_document(connection, key)
        yield from _check_originals(connection, originals)
    except sqlite3.DatabaseError as error:  # nothing behind it can be asked
        yield Finding("database", "collection.sqlite", f"It cannot be read further: {error}.")


def check_words(connection: sqlite3.Connection) -> Iterator[Finding]:
    """What is wrong between the word index and the passages. FTS5 asks for a write transaction; nothing is written."""
    try:
        connection.execute("INSERT INTO lexical (lexical, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError as error:
        yield Finding("words", "lexical", f"The word index differs from the passages: {error}.")


def sampled(connection: sqlite3.Connection, count: int) -> list[Sampled]:
    """`count` passages, always the same of the same collection."""
    keys = [key for (key,) in connection.execute("SELECT key FROM passages ORDER BY key")]
    chosen = sorted(random.Random(0).sample(keys, min(count, len(keys))))
    rows = connection.execute(
        'SELECT d.id, p.start, p."end", p.prefix, d.text, v.vector '
        "FROM passages p JOIN documents d ON d.key = p.document "
        "JOIN vectors v ON v.passage = p.key WHERE p.key IN (SELECT value FROM json_each(?))",
        (json.dumps(chosen),),
    )
    return [
        Sampled(
            _place(document, start, end),
            f"{prefix}\n{blank_markup(text)[start:end]}".lstrip("\n"),
            np.frombuffer(vector, dtype="<f2").astype(np.float32),
        )
        for document, start, end, prefix, text, vector in rows
    ]


def compare(samples: Sequence[Sampled], embedded: Vectors) -> Iterator[Finding]:
    """Which samples have another vector than their text; `embedded` has a row for each."""
    for one, vector in zip(samples, embedded, strict=True):
        if one.vector.shape != vector.shape or not float(one.vector @ vector) >= NEAR_ENOUGH:
            yield Finding("vector", one.subject, "Its vector is not that of its text.")


def _check_file(connection: sqlite3.Connection) -> Iterator[Finding]:
    for (said,) in connection.execute("PRAGMA integrity_check(20)"):
        if said != "ok":
            yield Finding("database", "collection.sqlite", f"SQLite: {said}.")
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield Finding("database", f"{table} {row}", f"It refers to a row of {parent} that is not there.")
    found, expected = schema_of(connection), _expected_schema()
    for name in sorted(expected.keys() | found.keys()):
        if found.get(name) != expected.get(name):
            what = "is missing" if name not in found else "is not ours" if name not in expected else "was changed"
            yield Finding("schema", name, f"This part of the schema {what}.")


def _check_counts(connection: sqlite3.Connection) -> Iterator[Finding]:
    counts = (
        ("passages that belong to no document", "passages", "document NOT IN (SELECT key FROM documents)"),
        ("passages without a vector", "passages", "key NOT IN (SELECT passage FROM vectors)"),
        ("vectors without a passage", "vectors", "passage NOT IN (SELECT key FROM passages)"),
        ("places that belong to no document", "places", "document NOT IN (SELECT key FROM documents)"),
        ("file records without a document", "files", "key NOT IN (SELECT file FROM documents WHERE file IS NOT NULL)"),
    )
    for what, table, where in counts:
        if wrong := connection.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0]:
            yield Finding("count", table, f"There are {wrong:,} {what}.")
    for name, counted in (
        ("documents", "SELECT count(*) FROM documents"),
        ("passages", "SELECT count(*) FROM passages"),
        ("characters", "SELECT coalesce(sum(characters), 0) FROM documents"),
    ):
        found, said = connection.execute(f"SELECT ({counted}), (SELECT {name} FROM totals)").fetchone()
        if found != said:
            yield Finding("count", "totals", f"There are {found:,} {name}, not {said}.")
    row = connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
    if row is None or not str(row[0]).isdecimal():
        yield Finding("count", "generation", "The generation is not a number.")


def _check_vectors(connection: sqlite3.Connection, dimension: int | None) -> Iterator[Finding]:
    rows = connection.execute("SELECT passage, vector FROM vectors ORDER BY passage")
    if dimension is None:
        if rows.fetchone():
            yield Finding("vector", "vectors", "There are vectors, and no embedding model is recorded.")
        return
    while chunk := rows.fetchmany(_ROWS):
        good = []
        for passage, blob in chunk:
            if isinstance(blob, bytes) and len(blob) == 2 * dimension:
                good.append((passage, blob))
            else:
                yield Finding("vector", f"passage {passage}", f"Its vector has not {dimension} dimensions.")
        if not good:
            continue
        vectors = np.frombuffer(b"".join(blob for _, blob in good), dtype="<f2").reshape(len(good), -1)
        with np.errstate(invalid="ignore", over="ignore"):
            lengths = np.linalg.norm(vectors.astype(np.float32), axis=1)
        for (passage, _), length in zip(good, lengths.tolist(), strict=True):
            if not abs(length - 1) <= _NORM_ERROR:  # NaN and infinity are not, either
                yield Finding("vector", f"passage {passage}", f"Its vector has the length {length:.4g}, not 1.")


def _check_document(connection: sqlite3.Connection, key: int) -> Iterator[Finding]:
    document_id, text, stored_hash, characters, count, headings, metadata, pages, excluded_json = connection.execute(
        "SELECT id, text, content_hash, characters, passages, headings, metadata, pages, excluded FROM documents "
        "WHERE key = ?",
        (key,),
    ).fetchone()
    if stored_hash != content_hash(text):
        yield Finding("text", document_id, "Its text does not match its content hash.")
    if characters != len(text):
        yield Finding("count", document_id, f"It has {len(text):,} characters and says {characters:,}.")
    try:
        json.loads(headings), json.loads(metadata), json.loads(pages)
        covered = [Span(*span) for span in json.loads(excluded_json)]
    except (ValueError, TypeError):
        yield Finding("document", document_id, "Its headings, metadata, pages or excluded ranges cannot be read.")
        covered = []
    passages = connection.execute(
        'SELECT start, "end", text FROM passages WHERE document = ? ORDER BY start', (key,)
    ).fetchall()
    if len(passages) != count:
        yield Finding("count", document_id, f"It has {len(passages):,} passages and says {count:,}.")
    behind = 0
    for start, end, words in passages:
        if not 0 <= start < end <= len(text) or text[start:end] != words:
            yield Finding("span", _place(document_id, start, end), "The passage does not equal its slice of the text.")
            continue
        if start < behind:
            yield Finding("span", _place(document_id, start, end), "The passage overlaps the one before it.")
        behind = max(behind, end)
        covered.append(Span(start, end))
    behind = 0
    for span in [*sorted(covered), Span(len(text), len(text))]:
        if text[behind : span.start].strip():
            yield Finding("coverage", _place(document_id, behind, span.start), "These characters are in no passage.")
        behind = max(behind, span.end)


def _check_originals(connection: sqlite3.Connection, originals: Originals) -> Iterator[Finding]:
    rows = connection.execute("SELECT original, min(id) FROM documents WHERE original IS NOT NULL GROUP BY original")
    for name, document_id in rows.fetchall():
        try:
            whole = file_sha256(originals.folder / name) == name
        except OSError as error:
            yield Finding("original", document_id, f"Its original cannot be read: {error.strerror}.")
            continue
        if not whole:
            yield Finding("original", document_id, "Its original is damaged: other bytes than were kept.")


@cache
def _expected_schema() -> dict[str, str]:
    connection = sqlite3.connect(":memory:")
    try:
        migrate(connection, 0)
        return schema_of(connection)
    finally:
        connection.close()


def _place(document_id: str, start: int, end: int) -> str:
    return f"{document_id}, characters {start} to {end}"
