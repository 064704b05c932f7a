"""Cursors: where the next page of a search begins. Opaque to callers; they hold no words of the query."""

from __future__ import annotations

import base64
import hashlib
import json

from ..errors import CursorError, StaleCursorError

MOST_POSITION = 10_000
"""Passages of one ranking that can be paged through."""


def make_cursor(request: object, generation: int, position: int) -> str:
    """A cursor to the passages from `position` on (from 0) of the ranking that `request` has in that generation."""
    said = json.dumps([_digest(request), generation, position], separators=(",", ":"))
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def position_of(cursor: str, request: object, generation: int) -> int:
    """Where the page that `cursor` asks for begins.

    Raises CursorError when no search like `request` gave it, StaleCursorError when the collection has changed since.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        digest, made_in, position = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        sound = type(made_in) is int and type(position) is int and 0 < position <= MOST_POSITION
    except (ValueError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise CursorError(
            "The cursor is not one that a search gave.", subject=cursor, way_out="Pass `next` of the page before."
        )
    if digest != _digest(request):
        raise CursorError(
            "The cursor was given by another search.",
            subject=cursor,
            way_out="Pass the same query, mode, filter, rerank and merge with it; top_k may differ.",
        )
    if made_in != generation:
        raise StaleCursorError(
            f"The collection has changed since the cursor was given (generation {made_in}, now {generation}).",
            subject=cursor,
            way_out="Search again without a cursor.",
        )
    return int(position)


def _digest(request: object) -> str:
    return hashlib.sha256(repr(request).encode()).hexdigest()[:16]
