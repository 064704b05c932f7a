"""Sources as JSON between the worker process and its owner. Not pickle: what comes back was made of hostile bytes."""

from __future__ import annotations

from typing import Any

from ..places import block_json, line_json, pages_json, spans_json, tables_json
from ..records import Block, GlyphLine, Heading, Layout, PageSpan, Source, Span, TableRows

Json = dict[str, Any]


def source_json(source: Source) -> Json:
    """`source` with everything that is known of it."""
    layout = source.layout
    return {
        "text": source.text,
        "id": source.id,
        "title": source.title,
        "uri": source.uri,
        "metadata": dict(source.metadata),
        "media_type": source.media_type,
        "encoding": source.encoding,
        "layout": _layout_json(layout) if layout is not None else None,
    }


def source_of(value: Json) -> Source:
    """The reverse of `source_json`."""
    layout = value["layout"]
    return Source(**{**value, "layout": _layout_of(layout) if layout is not None else None})


def _layout_json(layout: Layout) -> Json:
    return {
        "headings": [[one.start, one.level, one.text] for one in layout.headings],
        "pages": pages_json(layout.pages),
        "excluded": spans_json(layout.excluded),
        "unbroken": spans_json(layout.unbroken),
        "together": spans_json(layout.together),
        "tables": tables_json(layout.tables),
        "blocks": [block_json(block) for block in layout.blocks],
        "lines": [line_json(line) for line in layout.lines],
    }


def _layout_of(value: Json) -> Layout:
    return Layout(
        headings=tuple(Heading(*one) for one in value["headings"]),
        pages=tuple(PageSpan(*one) for one in value["pages"]),
        excluded=tuple(Span(*one) for one in value["excluded"]),
        unbroken=tuple(Span(*one) for one in value["unbroken"]),
        together=tuple(Span(*one) for one in value["together"]),
        tables=tuple(TableRows(*one) for one in value["tables"]),
        blocks=tuple(Block(*one) for one in value["blocks"]),
        lines=tuple(
            GlyphLine(start, page, top, bottom, tuple(edges)) for start, page, top, bottom, edges in value["lines"]
        ),
    )
