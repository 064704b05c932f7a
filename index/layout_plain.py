"""What a plain text says of its layout: tables drawn with characters, and headings where it is a manual page or an RFC.

Other plain texts have lines in capitals and numbered lines that are no headings, so these say first what they are.
"""

from __future__ import annotations

import re

from .layout_tables import Lines, drawn_table
from .records import Heading, Layout, Span, TableRows

_MANUAL = re.compile(r"\s{0,20}([^\s()]{1,80}\(\d\w{0,9}\))[^\r\n]{0,300}[ \t]\1[ \t]*(?=[\r\n])")
"""How the first line of a manual page begins and ends: `LS(1)   User Commands   LS(1)`."""
_MANUAL_HEADING = re.compile(r"(?: {3})?[^\W\d_][^\r\n]{0,77}")
_RFC = re.compile(r"^(?:Request for Comments: \d|Internet[- ]Draft\b)", re.MULTILINE)
_RFC_HEADING = re.compile(
    r"((?:\d{1,2}|(?:Appendix )?[A-Z])(?:\.\d{1,2}){0,5})\.? {1,4}(?![^\r\n]*(?:\. ?\.|  ))\S[^\r\n]{0,77}"
)
_RFC_BEGINS = 2_000


def plain_layout(text: str) -> Layout:
    """The tables of a plain text, and the headings of a manual page or an RFC."""
    manual = _MANUAL.match(text)
    rfc = not manual and _RFC.search(text, 0, _RFC_BEGINS) is not None
    if not manual and not rfc and "-+" not in text:
        return Layout()
    lines = Lines(text)
    headings = [Heading(manual.start(1), 1, manual[1])] if manual else []
    unbroken: list[Span] = []
    tables: list[TableRows] = []
    number = 0
    while number < len(lines):
        table = drawn_table(lines, number, simple=False)
        if table:
            unbroken += table.unbroken(lines)
            tables += table.named(lines)
        elif manual and lines.starts[number] > manual.start(1) and _is_manual_heading(lines, number):
            level = 3 if lines[number].startswith(" ") else 2
            headings.append(Heading(lines.starts[number], level, lines[number].strip()))
        elif rfc and (words := _RFC_HEADING.fullmatch(lines[number])) and _stands_alone(lines, number):
            headings.append(Heading(lines.starts[number], words[1].count(".") + 1, words[0].strip()))
        number = table.behind if table else number + 1
    return Layout(tuple(headings), unbroken=tuple(unbroken), tables=tuple(tables))


def _is_manual_heading(lines: Lines, number: int) -> bool:
    """Whether a line that is not indented, or by three, stands behind an empty one or one that is indented by less, and
    above one that is indented by more."""
    if not _MANUAL_HEADING.fullmatch(lines[number]):
        return False
    above, own, below = (
        len(line) - len(line.lstrip()) if line.strip() else -1 for line in ([*lines[number - 1 : number + 2], ""][:3])
    )
    return above < own < below


def _stands_alone(lines: Lines, number: int) -> bool:
    return number > 0 and not lines[number - 1].strip() and not "".join(lines[number + 1 : number + 2]).strip()
