"""PDF with pypdfium2 (Apache-2.0 / BSD-3-Clause): every glyph with its box, the outline, the file's own metadata.

pdfium is C++ and meets hostile bytes: it runs only in the worker process.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import re
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pypdfium2 as pdfium  # type: ignore[import-untyped, unused-ignore]
import pypdfium2.raw as raw  # type: ignore[import-untyped, unused-ignore]

from ...errors import PageNotFoundError, SourceError
from ..loading import id_of_path
from ..records import MetadataValue, Source
from .building import one_line
from .names import posix
from .pdf_furniture import furniture
from .pdf_glyphs import Stretch
from .pdf_order import in_reading_order
from .pdf_text import OutlineEntry, PageLines, assemble, mark_headings, title_of

MEDIA_TYPE = "application/pdf"
_HYPHENS = ("\x02", "\ufffe", "\u00ad", "-", "\u2010")
_GAP = 1.1
"""Gaps of so many font sizes end a stretch."""
_MONO = re.compile(r"mono|courier|consol|typewriter|cmtt|menlo|code", re.I)
_FIXED_PITCH = 1
_MOST_PIXELS = 8_000_000
_NO_TITLE = re.compile(r"(?i)^(?:untitled|microsoft (?:word|powerpoint).*|.*\.(?:docx?|indd|tex|dvi|pdf|rtf|qxd))$")
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?")

ToShown = Callable[[float, float], tuple[int, int]]


def pdf_source(data: bytes, name: str) -> Source:
    """The Source of a PDF. Raises SourceError."""
    document = _open(data, name)
    try:
        stretches: list[list[Stretch]] = []
        sizes: list[tuple[float, float]] = []
        for number in range(len(document)):
            found, size = _page(document, number)
            stretches.append(found)
            sizes.append(size)
        pages = _read(stretches, sizes)
        mark_headings(pages, _outline(document))
        text, layout = assemble(pages)
        empty = [number for number, page in enumerate(pages, 1) if not page.lines and not page.furniture]
        if not text.strip():
            raise SourceError(
                f"{name} holds no text: {len(pages)} page{'s' * (len(pages) != 1)} of pictures, as of a scan.",
                subject=name,
                way_out="Run it through OCR first.",
            )
        title, metadata = _metadata(document)
    except pdfium.PdfiumError as error:
        raise SourceError(f"{name} is damaged: {error}", subject=name, way_out="Fetch or make it again.") from error
    finally:
        document.close()
    metadata["pages"] = len(pages)
    if empty:
        metadata["pages_without_text"] = len(empty)
    title = title or title_of(pages)
    return Source(text, id_of_path(posix(name)), title, name, metadata, MEDIA_TYPE, None, layout)


def rendered(data: bytes, name: str, number: int, width: int) -> tuple[npt.NDArray[np.uint8], float]:
    """Page `number` (from 1) as RGB pixels [height, width, 3], and how many of them a point has.

    Raises SourceError, PageNotFoundError for a page that there is not.
    """
    document = _open(data, name)
    try:
        if not 1 <= number <= len(document):
            raise PageNotFoundError(
                f"There is no page {number} in {name}.", subject=number, way_out=f"It has {len(document)}."
            )
        page = document[number - 1]
        across, down = page.get_size()
        if min(across, down) < 1:
            raise pdfium.PdfiumError("the page has no size.")
        scale = min(width / across, math.sqrt(_MOST_PIXELS / (across * down)))
        bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=False)
        return np.array(bitmap.to_numpy()[:, :, :3]), scale
    except pdfium.PdfiumError as error:
        raise SourceError(f"{name} is damaged: {error}", subject=name, way_out="Fetch or make it again.") from error
    finally:
        document.close()


def _open(data: bytes, name: str) -> pdfium.PdfDocument:
    try:
        document = pdfium.PdfDocument(data)
        if len(document) == 0:
            raise pdfium.PdfiumError("it has no pages.")
    except pdfium.PdfiumError as error:
        locked = "assword" in str(error)
        raise SourceError(
            f"{name} is protected by a password." if locked else f"{name} is not a sound PDF: it may be cut off.",
            subject=name,
            way_out="Save it without one." if locked else "Fetch or make it again.",
        ) from error
    return document


def _read(stretches: list[list[Stretch]], sizes: list[tuple[float, float]]) -> list[PageLines]:
    around = furniture(stretches, [int(height * 10) for _, height in sizes])
    parts = itertools.count()
    pages = []
    for found, (width, height) in zip(stretches, sizes, strict=True):
        aside = [one for one in found if id(one) in around or one.rotated]
        body = [one for one in found if id(one) not in around and not one.rotated]
        pages.append(PageLines(in_reading_order(body, parts), aside, width, height))
    return pages


def _page(document: pdfium.PdfDocument, number: int) -> tuple[list[Stretch], tuple[float, float]]:
    try:
        page = document[number]
    except pdfium.PdfiumError:  # one broken page does not lose the others
        return [], (0.0, 0.0)
    try:
        size = page.get_size()
        text = page.get_textpage()
        try:
            turned = math.radians(page.get_rotation())
            return _stretches(text, number + 1, _to_shown(page, size), turned), size
        finally:
            text.close()
    finally:
        page.close()


def _to_shown(page: pdfium.PdfPage, size: tuple[float, float]) -> ToShown:
    """From the page's own coordinates to tenths of a point from the top left corner as shown, rotation included."""
    width, height = int(size[0] * 100), int(size[1] * 100)

    def device(x: float, y: float) -> tuple[int, int]:
        across, down = ctypes.c_int(), ctypes.c_int()
        raw.FPDF_PageToDevice(page.raw, 0, 0, width, height, 0, x, y, across, down)
        return across.value, down.value

    (ox, oy), (ax, ay), (bx, by) = device(0, 0), device(1000, 0), device(0, 1000)
    xx, xy, yx, yy = (ax - ox) / 1e4, (bx - ox) / 1e4, (ay - oy) / 1e4, (by - oy) / 1e4

    def shown(x: float, y: float) -> tuple[int, int]:
        return round(xx * x + xy * y + ox / 10), round(yx * x + yy * y + oy / 10)

    return shown


def _stretches(text: pdfium.PdfTextPage, page: int, shown: ToShown, turned: float) -> list[Stretch]:
    found: list[Stretch] = []
    current: Stretch | None = None
    box = raw.FS_RECTF()
    space = False
    handle, unicode_of, box_of = text.raw, raw.FPDFText_GetUnicode, raw.FPDFText_GetLooseCharBox
    for index in range(text.count_chars()):
        code = unicode_of(handle, index)
        character = chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
        if character in "\r\n":
            _close(text, current, index)
            current, space = None, False
            continue
        if character.isspace() or code == 0:
            space = True
            continue
        if not box_of(handle, index, box):
            continue
        x0, y0 = shown(box.left, box.top)
        x1, y1 = shown(box.right, box.bottom)
        left, right = (x0, x1) if x0 <= x1 else (x1, x0)
        top, bottom = (y0, y1) if y0 <= y1 else (y1, y0)
        if current is None or not _continues(current, left, right, top, bottom):
            rotated = abs(math.sin(raw.FPDFText_GetCharAngle(text.raw, index) - turned)) > 0.2
            if not (current is not None and rotated and current.rotated):
                _close(text, current, index)
                current = Stretch(page, top, bottom, _size(text, index, bottom - top), False, rotated, first=index)
                found.append(current)
                space = False
        if space and current.text:
            previous = current.rights[-1]
            current.put(" ", min(previous, left), max(previous, left) if left >= previous else min(previous, left))
        space = False
        # The last one at the end of a stretch is told apart from a hyphen inside a line below.
        current.put("-" if character in ("\x02", "\ufffe", "\u00ad") else character, left, right)
        if top < current.top or bottom > current.bottom:
            current.top, current.bottom = min(current.top, top), max(current.bottom, bottom)
    _close(text, current, text.count_chars())
    return [one for one in found if _finished(one)]


def _close(text: pdfium.PdfTextPage, one: Stretch | None, behind: int) -> None:
    """Take size and kind of a stretch from its middle: it may begin with a raised number or a word of code."""
    if one is not None:
        one.size = _size(text, (one.first + behind) // 2, one.height)
        length = behind - one.first
        places = {_glyph_from(text, one.first + length * share // 6, behind) for share in (0, 2, 3)}
        one.mono = all(_is_mono(text, place) for place in places)


def _glyph_from(text: pdfium.PdfTextPage, index: int, behind: int) -> int:
    """The first character from `index` on that was drawn; spaces that pdfium made up have no font."""
    drawn = (place for place in range(index, behind) if raw.FPDFText_IsGenerated(text.raw, place) == 0)
    return next(drawn, index)


def _continues(current: Stretch, left: int, right: int, top: int, bottom: int) -> bool:
    reach = _GAP * 10 * max(current.size, 4.0)
    if top >= current.top and bottom <= current.bottom and -20 <= left - current.rights[-1] <= reach:
        return True  # most glyphs: the rest of this function says the same, slower
    if not current.same_row(top, bottom):
        return False
    return (
        left - current.rights[-1] <= reach
        and current.lefts[-1] - right <= reach
        and (left >= current.lefts[-1] - reach / 2 or right <= current.rights[-1] + reach / 2)
    )


def _finished(one: Stretch) -> bool:
    """Trim a stretch and take a hyphen off its end. False when nothing is left."""
    one.trim()
    if len(one.text) > 1 and one.text[-1] in _HYPHENS and one.text[-2].isalpha() and not one.mono and not one.rotated:
        one.hyphen = one.rights.pop()
        one.lefts.pop()
        one.text = one.text[:-1]
    return bool(one.text)


def _size(text: pdfium.PdfTextPage, index: int, height: int) -> float:
    size = float(raw.FPDFText_GetFontSize(text.raw, index))
    # Printed from a browser, 16 units are scaled by three quarters: the size on the page is 12 points.
    matrix = raw.FS_MATRIX()
    if raw.FPDFText_GetMatrix(text.raw, index, matrix):
        size *= math.hypot(matrix.c, matrix.d)
    # Where that says nothing, the box tells the truth (it is about 1.15 sizes high).
    shown = height / 11.5
    return size if shown and 0.6 < size / shown < 1.7 else shown


def _is_mono(text: pdfium.PdfTextPage, index: int) -> bool:
    flags = ctypes.c_int(0)
    name = ctypes.create_string_buffer(128)
    raw.FPDFText_GetFontInfo(text.raw, index, name, 128, flags)
    return bool(flags.value & _FIXED_PITCH) or _MONO.search(name.value.decode("utf-8", "replace")) is not None


def _outline(document: pdfium.PdfDocument) -> list[OutlineEntry]:
    entries = []
    for bookmark in itertools.islice(document.get_toc(max_depth=6), 20_000):
        target = bookmark.get_dest()
        index = target.get_index() if target is not None else None
        title = one_line(bookmark.get_title() or "")
        if index is not None and title:
            entries.append(OutlineEntry(bookmark.level + 1, title, index + 1))
    return entries


def _metadata(document: pdfium.PdfDocument) -> tuple[str | None, dict[str, MetadataValue]]:
    stated = {key: one_line(value) for key, value in document.get_metadata_dict(skip_empty=True).items()}
    found: dict[str, MetadataValue] = {}
    for name, key in (("author", "Author"), ("subject", "Subject"), ("keywords", "Keywords")):
        if stated.get(key):
            found[name] = stated[key][:500]
    for name, key in (("created", "CreationDate"), ("modified", "ModDate")):
        if match := _DATE.match(stated.get(key, "")):
            year, month, day, hour, minute, second = (part or "" for part in match.groups())
            found[name] = f"{year}-{month or '01'}-{day or '01'}" + (
                f"T{hour}:{minute or '00'}:{second or '00'}" if hour else ""
            )
    if language := _language(document):
        found["language"] = language
    title = stated.get("Title", "")
    return (None if not title or _NO_TITLE.match(title) else title[:500]), found


def _language(document: pdfium.PdfDocument) -> str:
    """The language that the catalogue names, as `en-GB`; empty without one."""
    read = getattr(raw, "FPDFCatalog_GetLanguage", None)  # pdfium has it since 2025
    if read is None:
        return ""
    stated = (ctypes.c_ushort * 64)()
    size = read(document.raw, stated, ctypes.sizeof(stated))
    return one_line(bytes(stated)[: size - 2].decode("utf-16-le", "replace")) if 2 < size <= 128 else ""
