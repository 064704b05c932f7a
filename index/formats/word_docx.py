"""DOCX with python-docx: paragraphs, tables and notes in order, headings by style, running headers set apart.

python-docx parses with `resolve_entities=False`; the size of the package is checked before it is opened.
"""

from __future__ import annotations

import io
import re
import zlib
from collections import Counter
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
from .html_lxml import parse_xml
from .names import posix
from .word_text import W, blocks_of, paragraph_text, plain_text

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_HEADING = re.compile(r"heading (\d)", re.I)
_CODE = re.compile(r"\b(?:code|source|preformatted|listing|macro)", re.I)
_CONTENTS = re.compile(r"(?:toc \d|table of figures)", re.I)
_FIRST_ROW = 0x20


def docx_source(data: bytes, name: str) -> Source:
    """The Source of a Word document. Raises SourceError."""
    try:
        document = Document(io.BytesIO(data))
        builder = TextBuilder()
        _Body(document, name, builder).add()
        title, metadata = _properties(document, name)
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
        if isinstance(error, SourceError):
            raise
        macros = "macroEnabled" in str(error)
        raise SourceError(
            f"{name} holds macros and is not read." if macros else f"{name} is not a sound Word document.",
            subject=name,
            way_out="Save it as DOCX." if macros else "Open it in a word processor and save it again.",
        ) from error
    title = title or builder.first_heading()
    return builder.source(id_of_path(posix(name)), name, MEDIA_TYPE, title=title, metadata=metadata)


class _Body:
    def __init__(self, document: Any, name: str, builder: TextBuilder) -> None:
        self._document = document
        self._builder = builder
        self._notes = {kind: _notes(document, kind, name) for kind in ("footnote", "endnote")}
        self._said: Counter[str] = Counter()
        self._due: list[tuple[str, str]] = []
        self._listed = False

    def add(self) -> None:
        _running(self._document, self._builder, "header")
        body = self._document.element.body
        for number, element in enumerate(blocks_of(body), 1):
            if element.tag == f"{W}tbl":
                self._end_list()
                self._table(Table(element, self._document._body), number)
            else:
                self._paragraph(Paragraph(element, self._document._body), number)
        self._end_list()
        _running(self._document, self._builder, "footer")

    def _paragraph(self, paragraph: Paragraph, number: int) -> None:
        read = paragraph_text(paragraph._p)
        text = visible(read.text)
        style = str(paragraph.style.name) if paragraph.style is not None else ""
        heading = _HEADING.match(style)
        level = int(heading[1]) if heading else 1 if style == "Title" else None
        code = _CODE.search(style) is not None
        numbered = paragraph._p.pPr is not None and paragraph._p.pPr.numPr is not None
        listed = (style.startswith("List") or numbered) and level is None and not code and bool(text.strip())
        if listed and not self._listed:
            self._builder.begin_list()
        elif not listed:
            self._end_list()
        self._listed = listed
        if code:
            self._builder.add_lines(text.split("\n"), paragraph=number)
        else:
            text = "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()
            self._builder.add(
                f"- {text}" if listed else text,
                paragraph=number,
                level=level,
                excluded=_CONTENTS.match(style) is not None,
                gap="\n" if listed else "\n\n",
            )
        for box in read.boxes:
            self._builder.add(visible(plain_text(box)), element="box", paragraph=number)
        self._due += read.notes
        if not listed:
            self._add_notes(number)

    def _table(self, table: Table, number: int) -> None:
        named = _names_columns(table)
        for position, row in enumerate(table.rows):
            cells = [one_line(" ".join(self._words(cell))) for cell in _distinct(row)]
            element = f"table[{number}]/row[{position + 1}]"
            self._builder.add_row(
                cells, element=element, paragraph=number, first=position == 0, names_columns=named and position == 0
            )
        self._add_notes(number)

    def _words(self, cell: Any) -> Iterator[str]:
        for item in blocks_of(cell._tc):
            if item.tag == f"{W}tbl":
                for row in Table(item, cell).rows:
                    yield " ; ".join(one_line(plain_text(inner._tc)) for inner in _distinct(row))
            else:
                read = paragraph_text(item)
                self._due += read.notes
                yield visible(read.text)

    def _end_list(self) -> None:
        if self._listed:
            self._builder.end_list()
            self._listed = False
            self._add_notes(None)

    def _add_notes(self, number: int | None) -> None:
        """The notes whose marks stand in the block before, which they must not cut in two."""
        for kind, key in self._due:
            if text := self._notes[kind].get(key):
                self._said[kind] += 1
                self._builder.add(text, element=f"{kind}[{self._said[kind]}]", paragraph=number)
        self._due.clear()


def _notes(document: Any, kind: str, name: str) -> dict[str, str]:
    """The texts of all footnotes or endnotes by their id."""
    part = next((one.target_part for one in document.part.rels.values() if one.reltype.endswith(f"/{kind}s")), None)
    if part is None:
        return {}
    notes = parse_xml(part.blob, name).iter(f"{W}{kind}")
    return {str(note.get(f"{W}id")): visible(plain_text(note)) for note in notes if note.get(f"{W}type") is None}


def _names_columns(table: Table) -> bool:
    """Whether the document says that the first row of a table is its head."""
    properties = table._tbl.find(f"{W}tblPr/{W}tblLook")
    if table._tbl.find(f"{W}tr/{W}trPr/{W}tblHeader") is not None:
        return True
    if properties is None:
        return False
    stated = properties.get(f"{W}firstRow")
    return stated in ("1", "true") if stated else bool(int(properties.get(f"{W}val", "0"), 16) & _FIRST_ROW)


def _distinct(row: Any) -> Iterator[Any]:
    """The cells of a row, each once: merged ones are reported for every column they span."""
    seen = None
    for cell in row.cells:
        if cell._tc is not seen:
            yield cell
        seen = cell._tc


def _running(document: Any, builder: TextBuilder, kind: str) -> None:
    """The headers or footers of all sections, each once."""
    said: set[str] = set()
    for section in document.sections:
        parts = [getattr(section, kind)]
        if section.different_first_page_header_footer:
            parts.insert(0, getattr(section, f"first_page_{kind}"))
        if document.settings.odd_and_even_pages_header_footer:
            parts.append(getattr(section, f"even_page_{kind}"))
        for part in parts:
            if part.is_linked_to_previous:
                continue
            text = "\n".join(one_line(line) for line in plain_text(part._element).split("\n"))
            if text.strip() and text not in said:
                said.add(text)
                builder.add(text, element=kind, excluded=True)


def _properties(document: Any, name: str) -> tuple[str | None, dict[str, MetadataValue]]:
    properties = document.core_properties
    found: dict[str, MetadataValue] = {}
    for what in ("author", "language", "subject", "keywords"):
        if value := one_line(str(getattr(properties, what) or "")):
            found[what] = value[:500]
    for what in ("created", "modified"):
        value = getattr(properties, what)
        if isinstance(value, datetime):
            found[what] = value.strftime("%Y-%m-%dT%H:%M:%SZ")
    language = document.styles.element.find(f"{W}docDefaults/{W}rPrDefault/{W}rPr/{W}lang")
    if "language" not in found and language is not None and language.get(f"{W}val"):
        found["language"] = language.get(f"{W}val")[:35]
    extended = (
        one.target_part for one in document.part.package.rels.values() if one.reltype.endswith("/extended-properties")
    )
    for part in extended:
        pages = parse_xml(part.blob, name).findtext("{*}Pages", "")
        if pages.isdecimal() and 0 < int(pages) < 10**6:
            found["pages"] = int(pages)
    return one_line(properties.title or "") or None, found
