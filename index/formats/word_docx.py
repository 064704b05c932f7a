"""DOCX with python-docx: paragraphs and tables in order, headings by style, running headers and footers set apart.

python-docx parses with `resolve_entities=False`; the size of the package is checked before it is opened.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zipfile import BadZipFile

from docx import Document
from docx.opc.exceptions import OpcError
from docx.table import Table
from docx.text.paragraph import Paragraph

from ...errors import SourceError
from ..loading import id_of_path
from ..records import MetadataValue, Source
from .building import TextBuilder, one_line, visible
from .names import posix

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_HEADING = re.compile(r"heading (\d)", re.I)
_CODE = re.compile(r"\b(?:code|source|preformatted|listing|macro)", re.I)


def docx_source(data: bytes, name: str) -> Source:
    """The Source of a Word document. Raises SourceError."""
    try:
        document = Document(io.BytesIO(data))
        builder = TextBuilder()
        _running(document, builder, "header")
        for number, item in enumerate(document.iter_inner_content(), 1):
            if isinstance(item, Table):
                _table(item, builder, number)
            else:
                _paragraph(item, builder, number)
        _running(document, builder, "footer")
        title, metadata = _properties(document)
    except (
        OpcError,
        BadZipFile,
        zlib.error,
        KeyError,
        ValueError,
        AttributeError,
        IndexError,
        TypeError,
        SyntaxError,
    ) as error:
        macros = "macroEnabled" in str(error)
        raise SourceError(
            f"{name} holds macros and is not read." if macros else f"{name} is not a sound Word document.",
            subject=name,
            way_out="Save it as DOCX." if macros else "Open it in a word processor and save it again.",
        ) from error
    return builder.source(id_of_path(posix(name)), name, MEDIA_TYPE, title=title, metadata=metadata)


def _paragraph(paragraph: Paragraph, builder: TextBuilder, number: int) -> None:
    text = visible(paragraph.text)
    style = str(paragraph.style.name) if paragraph.style is not None else ""
    if _CODE.search(style):
        builder.add_lines(text.split("\n"), paragraph=number)
        return
    text = "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()
    heading = _HEADING.match(style)
    level = int(heading[1]) if heading else 1 if style == "Title" else None
    listed = style.startswith("List") or (paragraph._p.pPr is not None and paragraph._p.pPr.numPr is not None)
    if listed and text and level is None:
        text = f"- {text}"
    builder.add(text, paragraph=number, level=level, gap="\n" if listed and level is None else "\n\n")


def _table(table: Table, builder: TextBuilder, number: int) -> None:
    for position, row in enumerate(table.rows):
        cells = [one_line(" ".join(_words(cell))) for cell in _distinct(row)]
        element = f"table[{number}]/row[{position + 1}]"
        builder.add_row(cells, element=element, paragraph=number, first=position == 0)


def _distinct(row: Any) -> Iterator[Any]:
    """The cells of a row, each once: merged ones are reported for every column they span."""
    seen = None
    for cell in row.cells:
        if cell._tc is not seen:
            yield cell
        seen = cell._tc


def _words(cell: Any) -> Iterator[str]:
    for item in cell.iter_inner_content():
        if isinstance(item, Table):
            for row in item.rows:
                yield " ; ".join(one_line(inner.text) for inner in _distinct(row))
        else:
            yield item.text


def _running(document: Any, builder: TextBuilder, kind: str) -> None:
    said: set[str] = set()
    for section in document.sections:
        part = getattr(section, kind)
        if part.is_linked_to_previous:
            continue
        text = "\n".join(one_line(paragraph.text) for paragraph in part.paragraphs if paragraph.text.strip())
        if text and text not in said:
            said.add(text)
            builder.add(text, element=kind, excluded=True)


def _properties(document: Any) -> tuple[str | None, dict[str, MetadataValue]]:
    properties = document.core_properties
    found: dict[str, MetadataValue] = {}
    for name in ("author", "language", "subject", "keywords"):
        if value := one_line(str(getattr(properties, name) or "")):
            found[name] = value[:500]
    for name in ("created", "modified"):
        value = getattr(properties, name)
        if isinstance(value, datetime):
            found[name] = value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return one_line(properties.title or "") or None, found
