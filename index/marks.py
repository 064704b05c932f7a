"""What people said of answers: kept in the collection, in its own table, so that probabilities can be fitted to it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

from .records import Span

Verdict = Literal["right", "wrong", "absent"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A verdict on an answer; on a whole document where `span` is None; `absent`: the documents do not answer it."""

    question: str
    verdict: Verdict
    document_id: str | None = None
    content_hash: str | None = None
    """The version of the document that was judged."""
    span: Span | None = None
    """In code points of that version."""
    text: str | None = None
    """The words at `span`."""
    marked_at: str = ""
    """UTC, ISO 8601."""


def insert_mark(connection: sqlite3.Connection, mark: Mark) -> None:
    """Keep `mark` in the place of an earlier one on the same words."""
    span = (mark.span.start, mark.span.end) if mark.span else (None, None)
    connection.execute(
        'DELETE FROM marks WHERE question = ? AND document IS ? AND start IS ? AND "end" IS ?',
        (mark.question, mark.document_id, *span),
    )
    connection.execute(
        'INSERT INTO marks (question, verdict, document, content_hash, start, "end", text, marked_at) '
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (mark.question, mark.verdict, mark.document_id, mark.content_hash, *span, mark.text, mark.marked_at),
    )


def read_marks(connection: sqlite3.Connection) -> list[Mark]:
    """Every mark, in the order they were made."""
    rows = connection.execute(
        'SELECT question, verdict, document, content_hash, start, "end", text, marked_at FROM marks ORDER BY key'
    )
    return [
        Mark(question, verdict, document, version, None if start is None else Span(start, end), text, at)
        for question, verdict, document, version, start, end, text, at in rows
    ]
