"""From a span of the text back to its place in the source: page and rectangles, element and link, line and column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from urllib.parse import quote

from .loading import TEXT_TYPES
from .records import Block, GlyphLine, Location, PageSpan, Rectangle, Span

_LINE_END = re.compile(r"\r\n?|\n")
_LONG_FRAGMENT = 80
"""Longer quotations are named by their first and last words."""


def locate(
    text: str,
    span: Span,
    media_type: str,
    *,
    pages: Sequence[PageSpan] = (),
    blocks: Sequence[Block] = (),
    lines: Sequence[GlyphLine] = (),
) -> Location:
    """Where `span` of `text` stands in a source of `media_type`.

    `blocks` and `lines` are those that touch the span, in order; more do no harm.
    """
    block = next((one for one in blocks if one.start < span.end and span.start < one.end), None)
    rectangles = tuple(rectangles_of(span, lines))
    page = rectangles[0].page if rectangles else page_at(pages, span.start)
    fragment = None
    if page is not None:
        fragment = f"#page={page}"
    elif media_type in ("text/html", "application/xhtml+xml"):
        fragment = text_fragment(text, span, block)
    line = column = None
    if media_type in TEXT_TYPES.values() and not pages and not blocks:
        line, column = line_and_column(text, span.start)
    return Location(
        page=page,
        rectangles=rectangles,
        element=block.element if block else None,
        fragment=fragment,
        paragraph=block.paragraph if block else None,
        line=line,
        column=column,
    )


def page_at(pages: Sequence[PageSpan], position: int) -> int | None:
    """The number, from 1, of the page that `position` stands on; None without pages."""
    number = None
    for count, page in enumerate(pages, 1):
        if page.start <= position < page.end:
            return count
        if page.start <= position:
            number = count
    return number


def rectangles_of(span: Span, lines: Sequence[GlyphLine]) -> list[Rectangle]:
    """What the characters of `span` cover: one rectangle for each stretch on one line of a page."""
    parts: list[tuple[tuple[int, int, int], int, int]] = []
    for line in lines:
        if line.start >= span.end or line.end <= span.start:
            continue
        left, right = _extent(line, max(span.start, line.start), min(span.end, line.end))
        if right > left:
            parts.append(((line.page, line.top, line.bottom), left, right))
    found = []
    for (page, top, bottom), grouped in groupby(parts, key=lambda part: part[0]):
        group = list(grouped)
        left, right = min(one[1] for one in group), max(one[2] for one in group)
        found.append(Rectangle(page, left / 10, top / 10, right / 10, bottom / 10))
    return found


def _extent(line: GlyphLine, start: int, end: int) -> tuple[int, int]:
    position = 0
    lefts, rights = [], []
    for number in range(end - line.start):
        left = position + line.edges[2 * number]
        position = left + line.edges[2 * number + 1]
        if number >= start - line.start and position > left:
            lefts.append(left)
            rights.append(position)
    return (min(lefts), max(rights)) if lefts else (0, 0)


def line_and_column(text: str, position: int) -> tuple[int, int]:
    """Line and column of `position`, both from 1; a line ends at LF, CR LF or CR."""
    number, start = 1, 0
    for match in _LINE_END.finditer(text, 0, position):
        if match.end() > position:  # between CR and LF
            break
        number, start = number + 1, match.end()
    return number, position - start + 1


def text_fragment(text: str, span: Span, block: Block | None) -> str | None:
    """A link fragment that makes browsers scroll to the words of `span` (WICG scroll-to-text-fragment).

    Words around the span in the same block are added where the span alone is not unique in the text.
    """
    words = " ".join(span.of(text).split())
    if not words:
        return None
    bounds = Span(block.start, block.end) if block and block.end >= span.end else span
    prefix = suffix = ""
    if text.lower().count(span.of(text).lower()) > 1:
        prefix = " ".join(text[bounds.start : span.start].split()[-3:])
        suffix = " ".join(text[span.end : bounds.end].split()[:3])
    middle = _quoted(words)
    crosses = "\n" in span.of(text).strip()
    if (len(words) > _LONG_FRAGMENT or crosses) and len(parts := words.split()) > 3:
        ends = min(4, len(parts) // 2)
        middle = f"{_quoted(' '.join(parts[:ends]))},{_quoted(' '.join(parts[-ends:]))}"
    before = f"{_quoted(prefix)}-," if prefix else ""
    after = f",-{_quoted(suffix)}" if suffix else ""
    return f"#:~:text={before}{middle}{after}"


def _quoted(words: str) -> str:
    return quote(words, safe="").replace("-", "%2D")
