"""Sources as JSON between the worker process and its owner. Not pickle: what comes back was made of hostile bytes."""

from __future__ import annotations

from typing import Any

from ..layout_json import layout_from_json, layout_json
from ..records import Source

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
        "layout": layout_json(layout) if layout is not None else None,
    }


def source_of(value: Json) -> Source:
    """The reverse of `source_json`."""
    layout = value["layout"]
    return Source(**{**value, "layout": layout_from_json(layout) if layout is not None else None})
