"""Headings, tables and code of reStructuredText, found line by line.

As docutils does: a line below the words, or one above and below, makes them a heading, and the first kind of line that
appears is that of the highest level.
"""

from __future__ import annotations

import re

from .layout_tables import Lines, drawn_table, heading_text
from .records import Heading, Layout, Span, TableRows

_RULE = re.compile(r"([!-/:-@\[-`{-~])\1*+")
_ITEM = re.compile(r"(?:[-+*•‣⁃]|>>>|\||\.\.|__)(?:[ \t]|$)|:(?![: ])[^:]{1,200}:(?:[ \t]|$)")
_MARKER = re.compile(r"[ \t]*(?:(?:[-+*•‣⁃]|\(?(?:\w{1,4}|#)[.)])[ \t]+)?")
_CODE = re.compile(
    r"[ \t]*\.\.[ \t]+(?:code|code-block|sourcecode|parsed-literal|prompt|highlight|testcode|testoutput|productionlist)"
    r"[ \t]*::"
)
_HIDDEN = re.compile(  # an internal target; a directive that shows nothing; a comment
    r"\.\.(?:[ \t]+(?:(?P<target>_[^:]{0,200}:[ \t]*$)|(?:index|highlight|module|currentmodule|py:\w{1,20})::"
    r"|(?!_|\||\[|[\w:+.-]{1,100}[ \t]?::))|(?P<empty>[ \t]*$))"
)
_INLINE = (
    (re.compile(r":[A-Za-z][\w:+.-]{0,60}:(?=`)"), ""),
    (
        re.compile(r"(?::[A-Za-z][\w:+.-]{0,60}:)?(?<!`)`(?!`)([^`<>]{1,500}?)\s?(?:<[^<>`]{0,500}>)?`(?!`)_{0,2}"),
        r"\1",
    ),
    (re.compile(r"``([^`]{1,500})``"), r"\1"),
    (re.compile(r"(?<![\w*\\])(\*{1,2})(?![\s*])([^*]{1,500})(?<!\s)\1(?![\w*])"), r"\2"),
    (re.compile(r"(?<![\w|\\])\|(?![\s|])([^|]{1,500})(?<!\s)\|(?![\w|])"), r"\1"),
    (re.compile(r"\\(?:\s|(.))"), r"\1"),
)


def rst_layout(text: str) -> Layout:
    """The headings of a reStructuredText, its tables, and its lines of code, rows and headings, which stay whole.

    What shows nothing and stands directly above a heading (`.. _label:`, comments) is excluded."""
    lines = Lines(text)
    headings: list[Heading] = []
    excluded: list[Span] = []
    unbroken: list[Span] = []
    tables: list[TableRows] = []
    styles: list[str] = []
    number = 0
    fresh = True  # a heading may begin here: no paragraph runs on
    hidden: int | None = None  # from this line on nothing is shown
    comment = False  # what is indented now belongs to it
    code: int | None = None  # lines indented by more are code
    while number < len(lines):
        line = lines[number]
        if not line or line.isspace():
            fresh = True
            number += 1
            continue
        indent = len(line) - len(line.lstrip())
        if code is not None and indent > code:
            unbroken.append(lines.span(number, number + 1))
            number += 1
            continue
        code = _opens_code(lines, number)
        if table := drawn_table(lines, number):
            unbroken += table.unbroken(lines)
            tables += table.named(lines)
            number, hidden, fresh = table.behind, None, True
        elif not indent and fresh and (heading := _heading(lines, number)):
            style, words, behind = heading
            if style not in styles:
                styles.append(style)
            if hidden is not None:
                excluded.append(lines.span(hidden, number))
            headings.append(Heading(lines.starts[number], styles.index(style) + 1, _plain(words)))
            unbroken.append(lines.span(number, behind))
            number, hidden, fresh = behind, None, True
        else:
            if not indent:
                hides = _HIDDEN.match(line)
                hidden = (number if hidden is None else hidden) if hides else None
                below = lines[number + 1 : number + 2]
                comment = bool(hides and not hides["target"] and not (hides["empty"] is not None and below == [""]))
            elif not comment:
                hidden = None
            fresh = indent > 0 or line.startswith(("..", "__"))
            number += 1
    return Layout(
        tuple(heading for heading in headings if heading.text),
        excluded=tuple(excluded),
        unbroken=tuple(unbroken),
        tables=tuple(tables),
    )


def _heading(lines: Lines, number: int) -> tuple[str, str, int] | None:
    """The style and words of the heading that begins in a line, and the number of the line behind it."""
    line, below, last = (one.rstrip() for one in [*lines[number : number + 3], "", ""][:3])
    if _RULE.fullmatch(line):
        long_enough = len(line) > 3 or len(below) <= len(line)
        if below and last == line and long_enough and not _RULE.fullmatch(below):
            return line[0] * 2, below.strip(), number + 3
        return None
    # docutils only warns of a line of at least four that is shorter than the words.
    if _RULE.fullmatch(below) and len(below) >= min(4, len(line)) and not _ITEM.match(line):
        return below[0], line, number + 2
    return None


def _opens_code(lines: Lines, number: int) -> int | None:
    """By how much the line is indented that code follows, which is indented by more; None where none does."""
    line = lines[number].rstrip()
    explicit = line.lstrip().startswith("..")
    if explicit and _CODE.match(line):
        return len(line) - len(line.lstrip())
    below = lines[number + 1] if number + 1 < len(lines) else ""
    if explicit or not line.endswith("::") or below.strip():
        return None
    marker = _MARKER.match(line)
    return marker.end() if marker else 0


def _plain(words: str) -> str:
    """`words` as a reader sees them, without marks and the targets of links."""
    words = words[:1_000]
    for pattern, shown in _INLINE:
        words = pattern.sub(shown, words)
    return heading_text(words)
