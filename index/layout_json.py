"""The parts of a layout as rows of their fields, for JSON: between processes, in documents and in chunks of places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .records import Block, GlyphLine, Heading, Layout, PageSpan, Span, TableRows

Rows = list[list[Any]]


def _glyph_line(start: int, page: int, top: int, bottom: int, edges: Sequence[int]) -> GlyphLine:
    return GlyphLine(start, page, top, bottom, tuple(edges))


_MADE_BY: Mapping[str, Callable[..., Any]] = {
    "headings": Heading,
    "pages": PageSpan,
    "excluded": Span,
    "unbroken": Span,
    "together": Span,
    "tables": TableRows,
    "blocks": Block,
    "lines": _glyph_line,
}


def rows(parts: Sequence[Heading | PageSpan | Span | TableRows | Block | GlyphLine]) -> Rows:
    """The fields of each, in order."""
    return [[getattr(part, name) for name in part.__slots__] for part in parts]


def layout_json(layout: Layout) -> dict[str, Rows]:
    """The rows of all parts, by the name of the field."""
    return {name: rows(getattr(layout, name)) for name in _MADE_BY}


def layout_from_json(said: Mapping[str, Rows]) -> Layout:
    """The reverse of `layout_json`; parts that are not named are empty."""
    return Layout(**{name: tuple(_MADE_BY[name](*row) for row in parts) for name, parts in said.items()})
