"""The page again: a page of a kept PDF as a picture, with the places of spans drawn on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..errors import CorruptDataError, LimitError, PageNotFoundError
from .caching import LruCache
from .formats.limits import ParseLimits
from .records import Document, Rectangle, Span
from .store import PassageStore, View

DEFAULT_WIDTH, LEAST_WIDTH, MOST_WIDTH = 1000, 100, 2400
"""Width of a picture in pixels."""
MOST_SPANS = 100
_MOST_SECONDS = 30.0
_CACHED_BYTES = 32 * 1024 * 1024

Key = tuple[str, str, int, int, tuple[Rectangle, ...]]


class PageImages:
    """Pictures of the pages of one collection; those shown last are kept. Safe to use from many threads."""

    def __init__(self, store: PassageStore, limits: ParseLimits) -> None:
        self._store = store
        self._limits = replace(limits, seconds=min(limits.seconds, _MOST_SECONDS))
        self._kept: LruCache[Key, bytes] = LruCache(_CACHED_BYTES)

    def image(self, document_id: str, page: int, spans: Sequence[Span], width: int, content_hash: str | None) -> bytes:
        """See `DocumentCollection.page_image`."""
        check_width(width)
        if len(spans) > MOST_SPANS:
            raise LimitError(f"{len(spans)} spans are too many.", way_out=f"Give at most {MOST_SPANS}.")
        while True:
            with self._store.reading() as view:
                document = view.document(document_id)
                document.info.check_version(content_hash)
                _check_page(document, page)
                rectangles = tuple(one for span in spans for one in _on_page(view, document, span, page))
                key = (str(document.info.original), document_id, page, width, rectangles)
                if (kept := self._kept.get(key)) is not None:
                    return kept
                try:
                    data = view.original(document_id)
                    break
                except CorruptDataError:
                    read = document.info
            with self._store.reading() as view:  # it may have been replaced meanwhile, and its file with it
                if view.known([document_id]).get(document_id) == read:
                    view.original(document_id)  # it was not: say what is wrong
        if data is None:
            raise PageNotFoundError(
                f"The file of {document_id!r} was not kept.",
                subject=document_id,
                way_out="Add it again with SPANWISE_KEEP_ORIGINALS on.",
            )
        from .formats.client import draw_page

        png = draw_page(data, document_id, page, width, rectangles, self._limits)
        self._kept.put(key, png, len(png))
        return png


def check_width(width: int) -> None:
    """Raises LimitError."""
    if not isinstance(width, int) or isinstance(width, bool) or not LEAST_WIDTH <= width <= MOST_WIDTH:
        raise LimitError(
            f"A picture cannot be {width!r} pixels wide.",
            subject=width,
            way_out=f"Give {LEAST_WIDTH} to {MOST_WIDTH}.",
        )


def _check_page(document: Document, page: int) -> None:
    if not document.pages:
        raise PageNotFoundError(
            f"Document {document.id!r} has no pages: it is {document.info.media_type}.",
            subject=document.id,
            way_out="Read its text.",
        )
    if not 1 <= page <= len(document.pages):
        raise PageNotFoundError(
            f"There is no page {page} in {document.id!r}.", subject=page, way_out=f"It has {len(document.pages)}."
        )


def _on_page(view: View, document: Document, span: Span, page: int) -> list[Rectangle]:
    place = view.locate(document.info, document.info.span(span.start, span.end))
    return [one for one in place.rectangles if one.page == page] if place else []
