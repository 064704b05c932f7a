"""Headings, tables and code of AsciiDoc and Org texts, found line by line."""

from __future__ import annotations

import re

from .layout_tables import Lines, heading_text
from .records import Heading, Layout, Span, TableRows

_ASCIIDOC = re.compile(r"(={1,6}|#{1,6})[ \t]+(\S.*)")
_UNDERLINES = "=-~^+"
_FENCE = re.compile(r"(?:-{4,}|\.{4,}|\+{4,}|/{4,}|`{3}|[|!,:]={3,})")
_BEGIN = re.compile(r"`{3}[\w+-]{0,40}")
_TITLED = re.compile(r"(?![.\[/|])[^\n]*?\w")
_ORG = re.compile(r"(\*+)[ \t]+(\S.*)")
_ORG_KEYWORD = re.compile(r"(?:(?:TODO|DONE|NEXT|WAITING|CANCELLED)[ \t]+)?(?:\[#\w\][ \t]*)?")
_ORG_TAGS = re.compile(r"[ \t]+:[\w@#%:]{1,200}:[ \t]*$")
_ORG_LINK = re.compile(r"\[\[[^\[\]]{1,500}\](?:\[([^\[\]]{1,500})\])?\]")
_ORG_SWITCH = re.compile(r"[ \t]*#\+(begin_(?:src|example|export)|end_(?:src|example|export)|title:)[ \t]*(.*)", re.I)


def asciidoc_layout(text: str) -> Layout:
    """The headings of an AsciiDoc text (`== Section`, or underlined), and its lines of code, rows and headings, which
    stay whole; nothing inside a block of code is a heading."""
    lines = Lines(text)
    headings: list[Heading] = []
    unbroken: list[Span] = []
    fence = ""
    number = 0
    while number < len(lines):
        line = lines[number].rstrip()
        behind = number + 1
        below = lines[behind].rstrip() if behind < len(lines) else ""
        above = lines[number - 1].strip() if number else ""
        if fence:
            fence = "" if line == fence else fence
            unbroken.append(lines.span(number, behind))
        elif heading := _ASCIIDOC.fullmatch(line):
            headings.append(Heading(lines.starts[number], len(heading[1]), heading_text(heading[2].rstrip(" =#"))))
            unbroken.append(lines.span(number, behind))
        elif (not above or above.startswith(("[", "//"))) and _underlined(line, below):
            behind += 1
            headings.append(Heading(lines.starts[number], _UNDERLINES.index(below[0]) + 1, heading_text(line)))
            unbroken.append(lines.span(number, behind))
        elif _FENCE.fullmatch(line) or _BEGIN.fullmatch(line):
            fence = line[:3] if line.startswith("`") else line
            unbroken.append(lines.span(number, behind))
        number = behind
    return Layout(tuple(heading for heading in headings if heading.text), unbroken=tuple(unbroken))


def _underlined(line: str, below: str) -> bool:
    """Whether `below` is as long as the words of `line`, give or take one, and one character again and again."""
    drawn = len(below) > 1 and below[0] in _UNDERLINES and not below.strip(below[0])
    return drawn and abs(len(line) - len(below)) < 2 and not line[0].isspace() and bool(_TITLED.match(line))


def org_layout(text: str) -> Layout:
    """The headings of an Org text, below its `#+TITLE:`, its tables, and its lines of code and rows."""
    lines = Lines(text)
    headings: list[Heading] = []
    unbroken: list[Span] = []
    tables: list[TableRows] = []
    code = False
    number = 0
    while number < len(lines):
        line = lines[number]
        behind = number + 1
        switch = _ORG_SWITCH.fullmatch(line)
        if heading := _ORG.fullmatch(line):  # also inside a block: Org wants a comma before it there
            code = False
            words = _ORG_LINK.sub(lambda link: link[1] or link[0], _ORG_TAGS.sub("", heading[2][:1_000]))
            words = _ORG_KEYWORD.sub("", words, count=1)
            headings.append(Heading(lines.starts[number], len(heading[1]) + 1, heading_text(words)))
            unbroken.append(lines.span(number, behind))
        elif switch and switch[1].lower() == "title:" and not headings:
            headings.append(Heading(lines.starts[number], 1, heading_text(switch[2])))
        elif switch and switch[1].lower() != "title:":
            code = switch[1].lower().startswith("begin")
        elif code:
            unbroken.append(lines.span(number, behind))
        elif line.lstrip(" \t").startswith("|"):
            while behind < len(lines) and lines[behind].lstrip(" \t").startswith("|"):
                behind += 1
            unbroken += [lines.span(row, row + 1) for row in range(number, behind)]
            tables += _org_table(lines, number, behind)
        number = behind
    return Layout(
        tuple(heading for heading in headings if heading.text), unbroken=tuple(unbroken), tables=tuple(tables)
    )


def _org_table(lines: Lines, first: int, behind: int) -> list[TableRows]:
    """The rows below the line that is drawn under the first row, which names the columns."""
    if behind - first < 3 or not lines[first + 1].lstrip(" \t").startswith("|-"):
        return []
    columns = lines[first].strip(" \t|")
    span = lines.span(first + 2, behind)
    return [TableRows(span.start, span.end, columns)] if columns else []
