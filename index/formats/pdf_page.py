"""A page of a PDF as a picture, with rectangles of it highlighted. Runs in a worker process, as the parsers do."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ...errors import PageNotFoundError, SourceError
from ..loading import id_of_path
from ..records import Source
from .dispatch import Dispatch
from .kinds import MAIL, PDF, SUFFIXES, ZIP, is_pdf, kind_of
from .names import posix
from .pdf_pdfium import rendered

Pixels = npt.NDArray[np.uint8]
_MARK = np.array((255, 224, 102), np.uint16)
_EDGE = (214, 120, 0)
_MARGIN = 1.0
"""Points around each rectangle that are highlighted too."""


def page_png(
    data: bytes,
    name: str,
    dispatch: Dispatch,
    *,
    document_id: str,
    page: int,
    width: int,
    rectangles: Sequence[Sequence[float]],
) -> bytes:
    """PNG of page `page` (from 1) of the document with that id in the file `data`, `width` pixels wide.

    `rectangles` are left, top, right, bottom in points from the top left corner of the page as it is shown.
    Raises SourceError, PageNotFoundError.
    """
    pixels, scale = rendered(_pdf_in(data, name, document_id, dispatch), name, page, width)
    for rectangle in rectangles:
        _highlight(pixels, [edge * scale for edge in rectangle], max(1, round(_MARGIN * scale)))
    return _png(pixels)


class _Found(Exception):
    def __init__(self, data: bytes) -> None:
        self.data = data


class _Finder(Dispatch):
    """Goes into archives and attachments for one PDF, and parses nothing else."""

    wanted = ""

    def _sources(self, kind: str, data: bytes, name: str) -> list[Source]:
        if kind == PDF and id_of_path(posix(name)) == self.wanted:
            raise _Found(data)
        return super()._sources(kind, data, name) if kind in (ZIP, MAIL) else []


def _pdf_in(data: bytes, name: str, document_id: str, dispatch: Dispatch) -> bytes:
    """The bytes of the PDF that `document_id` names: those of the file, or of a member of it.

    Raises PageNotFoundError, SourceError.
    """
    if is_pdf(data):
        return data
    for container in _containers(document_id):
        finder = _Finder(dispatch.limits)
        finder.wanted = document_id
        try:
            finder.sources(kind_of(data, container), data, container)
        except _Found as found:
            return found.data
        except SourceError:
            continue
    raise PageNotFoundError(f"{name} is no PDF and holds none of that name.", subject=name, way_out="Read its text.")


def _containers(document_id: str) -> list[str]:
    """The names that the file around a document may have; those that end like an archive first."""
    parts = document_id.split("/")
    names = ["/".join(parts[:count]) for count in range(1, len(parts))]
    return sorted(names, key=lambda name: SUFFIXES.get(posix(name.lower()).suffix) not in (ZIP, MAIL))


def _highlight(pixels: Pixels, edges: Sequence[float], margin: int) -> None:
    """Multiply with the colour of a marker, which keeps the words legible, and draw an edge for dark pages."""
    height, width = pixels.shape[:2]
    left, right = (min(max(0, round(edge)), width) for edge in (edges[0] - margin, edges[2] + margin))
    top, bottom = (min(max(0, round(edge)), height) for edge in (edges[1] - margin, edges[3] + margin))
    if left >= right or top >= bottom:
        return
    part = pixels[top:bottom, left:right]
    part[:] = (part.astype(np.uint16) * _MARK // 255).astype(np.uint8)
    part[-max(1, margin // 2) :] = _EDGE


def _png(pixels: Pixels) -> bytes:
    """An RGB picture as PNG: rows with filter 0, deflated (PNG specification, 3rd edition, chapters 4 and 11)."""
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = pixels.reshape(height, 3 * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
