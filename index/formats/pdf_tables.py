"""Tables of a PDF among its lines: which rows stand below the names of columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..records import Span, TableRows
from .pdf_glyphs import Stretch

_FEWEST_ROWS = 3
_LONGEST_HEAD = 120
_NAMES = re.compile(r"[^\d]+")


def tables_of(lines: Sequence[tuple[Span, Stretch]]) -> tuple[TableRows, ...]:
    """The tables among `lines`, which are in the order of the text.

    The first row names the columns when it is short and holds no digit; a table has at least three rows.
    """
    found: list[TableRows] = []
    run: list[tuple[Span, Stretch]] = []
    for span, line in [*lines, (None, None)]:
        if run and (span is None or line is None or not _goes_on(run[-1][1], line)):
            found += _table(run)
            run = []
        if span is not None and line is not None and (run or line.cells > 1):
            run.append((span, line))
    return tuple(found)


def _goes_on(before: Stretch, line: Stretch) -> bool:
    if before.page != line.page or before.part != line.part:
        return False
    # A cell of several lines leaves lines of one cell between the rows.
    return line.cells > 1 or line.top - before.bottom < 0.4 * before.height


def _table(run: list[tuple[Span, Stretch]]) -> list[TableRows]:
    while run and run[-1][1].cells == 1:
        run.pop()
    rows = [(span, line) for span, line in run if line.cells > 1]
    if len(rows) < _FEWEST_ROWS:
        return []
    (head, first), (below, _) = rows[:2]
    if len(first.text) > _LONGEST_HEAD or not _NAMES.fullmatch(first.text):
        return []
    return [TableRows(max(below.start, head.end), run[-1][0].end, first.text)]
