"""How the way from a text back to its source is stored: compact JSON in chunks, so that one answer reads one chunk."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterator
from itertools import groupby

from .layout_json import Rows, layout_from_json, rows
from .records import Block, GlyphLine, Layout, Span

_BLOCKS_PER_CHUNK = 400


def layout_hash(layout: Layout | None) -> str:
    """Hex digest of everything in `layout`; empty for none."""
    if layout is None:
        return ""
    digest = hashlib.sha256()
    digest.update(json.dumps([rows(layout.excluded), rows(layout.pages)]).encode())
    digest.update(json.dumps(rows(layout.headings)).encode())
    for _, _, places in _chunks(layout):
        digest.update(places)
    return digest.hexdigest()[:32]


def insert_places(connection: sqlite3.Connection, document: int, layout: Layout) -> None:
    """Store blocks and lines of the document with the key `document`."""
    connection.executemany(
        "INSERT INTO places VALUES (?, ?, ?, ?)",
        ((document, start, end, zlib.compress(places, 6)) for start, end, places in _chunks(layout)),
    )


def read_places(connection: sqlite3.Connection, document: int, span: Span) -> tuple[list[Block], list[GlyphLine]]:
    """The blocks and lines that touch `span`, in order."""
    blocks: list[Block] = []
    lines: list[GlyphLine] = []
    chunks = connection.execute(
        'SELECT map FROM places WHERE document = ? AND start < ? AND "end" > ? ORDER BY start',
        (document, max(span.end, span.start + 1), span.start),
    )
    for (packed,) in chunks:
        places = layout_from_json(json.loads(zlib.decompress(packed)))
        blocks.extend(places.blocks)
        lines.extend(places.lines)
    return (
        [block for block in blocks if block.start < span.end and block.end > span.start],
        [line for line in lines if line.start < span.end and line.end > span.start],
    )


def _chunks(layout: Layout) -> Iterator[tuple[int, int, bytes]]:
    """(start, end, JSON) of each chunk: some hundred blocks, or the lines of one page."""
    for first in range(0, len(layout.blocks), _BLOCKS_PER_CHUNK):
        blocks = layout.blocks[first : first + _BLOCKS_PER_CHUNK]
        yield blocks[0].start, blocks[-1].end, _dump(rows(blocks), [])
    for _, grouped in groupby(layout.lines, key=lambda line: line.page):
        lines = list(grouped)
        yield lines[0].start, lines[-1].end, _dump([], rows(lines))


def _dump(blocks: Rows, lines: Rows) -> bytes:
    return json.dumps({"blocks": blocks, "lines": lines}, separators=(",", ":")).encode()
