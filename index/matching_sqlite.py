"""What of a query stands in a passage, and what it counts. FTS5 says both, so that they follow its words and stems;
for what it does not see in a text, `words` does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from itertools import islice

from .store import PassageKey, Ranges
from .words import places_of_forms, to_mark


def matches(
    connection: sqlite3.Connection, terms: Mapping[str, str], texts: Mapping[PassageKey, str]
) -> dict[PassageKey, Ranges]:
    """Where `terms`, each with the FTS5 query for it, stand in the texts of passages: code points of each text, in
    order. Others are left out."""
    found: dict[PassageKey, Ranges] = {}
    for key, text in texts.items() if terms else ():
        begin, end = islice(_absent(text), 2)
        shown = to_mark(terms, text)
        row = connection.execute(
            "SELECT highlight(lexical, 1, ?, ?) FROM lexical WHERE lexical MATCH ? AND rowid = ?",
            (begin, end, " OR ".join(terms[term] for term in shown), key),
        ).fetchone()
        ranges = set(_marked(row[0], begin, end)) if row else set()
        if ranges := ranges | set(places_of_forms(shown, text)):
            found[key] = tuple(sorted(ranges))
    return found


def shares(connection: sqlite3.Connection, terms: Mapping[str, str], key: PassageKey) -> tuple[tuple[str, float], ...]:
    """What each of `terms` adds to the BM25 score of a passage; the sum is the score of all together."""
    found = []
    for term, match in terms.items():
        row = connection.execute(
            "SELECT -bm25(lexical) FROM lexical WHERE lexical MATCH ? AND rowid = ?", (match, key)
        ).fetchone()
        found.append((term, row[0] if row else 0.0))
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
