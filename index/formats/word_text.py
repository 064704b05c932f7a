"""What a paragraph of WordprocessingML shows: its words, its notes and the text boxes anchored in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Element = Any  # lxml's and python-docx's elements

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
# Deleted and moved-away words, codes of fields, properties, and the second copy of what newer versions draw.
_UNSEEN = {f"{W}{name}" for name in ("del", "moveFrom", "instrText", "delText", "delInstrText", "pPr", "rt")} | {
    _FALLBACK
}
_AROUND_BLOCKS = {f"{W}{name}" for name in ("sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag")}
_NOTES = {f"{W}footnoteReference": "footnote", f"{W}endnoteReference": "endnote"}


@dataclass(slots=True)
class ParagraphText:
    """`notes` are (kind, id in its part) in the order of their marks; `boxes` are elements that hold paragraphs."""

    pieces: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def blocks_of(parent: Element) -> Iterator[Element]:
    """The paragraphs and tables in `parent`, those in content controls and in insertions too."""
    for child in parent:
        if child.tag in (f"{W}p", f"{W}tbl"):
            yield child
        elif child.tag in _AROUND_BLOCKS:
            yield from blocks_of(child)


def paragraph_text(paragraph: Element) -> ParagraphText:
    """What a `w:p` shows, tracked insertions included, deletions and hidden words not."""
    found = ParagraphText()
    _read(paragraph, found)
    return found


def plain_text(parent: Element) -> str:
    """The paragraphs in `parent`, tables included, a line each."""
    lines = (paragraph_text(one).text.strip() for one in parent.iter(f"{W}p"))
    return "\n".join(line for line in lines if line)


def _read(element: Element, found: ParagraphText) -> None:
    for child in element:
        tag = child.tag
        if tag in (f"{W}t", f"{_MATH}t"):
            found.pieces.append(child.text or "")
        elif tag in (f"{W}tab", f"{W}ptab"):
            found.pieces.append("\t")
        elif tag in (f"{W}br", f"{W}cr"):
            found.pieces.append("\n" if child.get(f"{W}type", "textWrapping") == "textWrapping" else " ")
        elif tag == f"{W}noBreakHyphen":
            found.pieces.append("-")
        elif tag in _NOTES:
            found.notes.append((_NOTES[tag], str(child.get(f"{W}id"))))
        elif tag == f"{W}txbxContent":
            found.boxes.append(child)
        elif isinstance(tag, str) and tag not in _UNSEEN and not (tag == f"{W}r" and _is_hidden(child)):
            _read(child, found)


def _is_hidden(run: Element) -> bool:
    mark = run.find(f"{W}rPr/{W}vanish")
    return mark is not None and mark.get(f"{W}val", "true") not in ("0", "false", "off")
