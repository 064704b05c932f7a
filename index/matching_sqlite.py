"""What of a query stands in a passage, and what it counts. FTS5 says both, so that they follow its words and stems."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from .store import PassageKey, Ranges


def any_of(words: Sequence[str]) -> str:
    """The FTS5 query for passages that hold one of `words`."""
    return " OR ".join(f'"{word}"' for word in words)


def matches(
    connection: sqlite3.Connection, words: Sequence[str], texts: Mapping[PassageKey, str]
) -> dict[PassageKey, Ranges]:
    """Where `words` stand in the texts of passages: code points of each text, in order. Others are left out."""
    found: dict[PassageKey, Ranges] = {}
    for key, text in texts.items() if words else ():
        begin, end = islice(_absent(text), 2)
        row = connection.execute(
            "SELECT highlight(lexical, 1, ?, ?) FROM lexical WHERE lexical MATCH ? AND rowid = ?",
            (begin, end, any_of(words), key),
        ).fetchone()
        if row and begin in row[0]:
            found[key] = _marked(row[0], begin, end)
    return found


def shares(connection: sqlite3.Connection, words: Sequence[str], key: PassageKey) -> tuple[tuple[str, float], ...]:
    """What each of `words` adds to the BM25 score of a passage; the sum is the score of all together."""
    found = []
    for word in words:
        row = connection.execute(
            "SELECT -bm25(lexical) FROM lexical WHERE lexical MATCH ? AND rowid = ?", (any_of([word]), key)
        ).fetchone()
        found.append((word, row[0] if row else 0.0))
    return tuple(found)


def _absent(text: str) -> Iterator[str]:
    """Characters for private use that `text` does not hold."""
    held = set(text)
    return (mark for mark in map(chr, range(0xE000, 0xF8FF)) if mark not in held)


def _marked(text: str, begin: str, end: str) -> Ranges:
    """The ranges between the marks `begin` and `end` in `text`, in code points of the text without them."""
    ranges = []
    length = 0
    for piece in text.split(begin):
        inside, closed, after = piece.partition(end)
        if closed:
            ranges.append((length, length + len(inside)))
        length += len(inside) + len(after)
    return tuple(ranges)
