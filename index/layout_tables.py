"""Tables that are drawn with characters: `+---+` with bars, in reStructuredText and plain text, and `====  ====`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from .records import Span, TableRows

_LINE_END = re.compile(r"\r\n?|\n")
_MOST_HEADING = 200
_GRID_BORDER = re.compile(r"[ \t]*\+(?:[-=]++\+)++[ \t]*")
_SIMPLE_BORDER = re.compile(r"[ \t]*=++(?: ++=++)++[ \t]*")


class Lines(list[str]):
    """The lines of a text without their ends, and where they stand in it."""

    def __init__(self, text: str) -> None:
        self.starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
        if self.starts[-1] < len(text):
            self.starts.append(len(text))
        super().__init__(text[start:end].rstrip("\r\n") for start, end in pairwise(self.starts))

    def span(self, first: int, behind: int) -> Span:
        """The range of the text from line `first` on that ends before line `behind`."""
        return Span(self.starts[first], self.starts[behind])


def heading_text(words: str) -> str:
    """`words` as the text of a heading."""
    return words.strip()[:_MOST_HEADING].strip()


@dataclass(frozen=True, slots=True)
class DrawnTable:
    """A table in lines: those of each row, and, where its columns have names, those of the rows below them."""

    behind: int
    """Number of the line behind it."""
    rows: tuple[tuple[int, int], ...] = ()
    body: tuple[int, int] = (0, 0)
    columns: str = ""

    def unbroken(self, lines: Lines) -> list[Span]:
        """The ranges of its rows."""
        return [lines.span(*row) for row in self.rows]

    def named(self, lines: Lines) -> list[TableRows]:
        """Its rows below the names of the columns; none where the columns have none."""
        span = lines.span(*self.body)
        return [TableRows(span.start, span.end, self.columns)] if self.columns else []


def drawn_table(lines: Lines, first: int, *, simple: bool = True) -> DrawnTable | None:
    """The table that begins in line `first`; `simple`: also one of `====  ====`, as reStructuredText has them."""
    if _GRID_BORDER.fullmatch(lines[first]):
        return _grid(lines, first)
    return _simple(lines, first) if simple and _SIMPLE_BORDER.fullmatch(lines[first]) else None


def _grid(lines: Lines, first: int) -> DrawnTable:
    rows: list[tuple[int, int]] = []
    borders: list[int] = []
    behind = first
    while behind < len(lines) and lines[behind].lstrip(" \t").startswith(("+", "|")):
        if _GRID_BORDER.fullmatch(lines[behind]):
            borders.append(behind)
        elif borders[-1] == behind - 1:
            rows.append((behind, behind + 1))
        else:
            rows[-1] = (rows[-1][0], behind + 1)
        behind += 1
    head = next((border for border in borders if "=" in lines[border]), 0)
    if not head and len(borders) == 3 == len(rows) + 1 and rows[1][1] - rows[1][0] > 1:
        each = [(number, number + 1) for number in range(*rows[1])]
        if all(_cells(lines[number])[0] for number, _ in each):  # a row a line, as databases print them
            head, rows = borders[1], [rows[0], *each]
    body = [row for row in rows if row[0] > head]
    named = head and body and all(end - start == 1 for start, end in body)  # cells of several lines are no sentence
    columns = _joined([_cells(lines[number]) for start, end in rows if start < head for number in range(start, end)])
    if not named or not columns:
        return DrawnTable(behind, tuple(rows))
    return DrawnTable(behind, tuple(rows), (body[0][0], body[-1][1]), columns)


def _simple(lines: Lines, first: int) -> DrawnTable | None:
    borders = [first]
    for number in range(first + 1, len(lines)):
        if _SIMPLE_BORDER.fullmatch(lines[number]):
            borders.append(number)
            if len(borders) == 3 or number + 1 == len(lines) or not lines[number + 1].strip():
                break
    else:
        return None
    columns = [match.span() for match in re.finditer("=+", lines[first])]
    columns = [(start, following) for (start, _), (following, _) in pairwise([*columns, (len(lines[first]), 0)])]
    rows: list[tuple[int, int]] = []
    for number in range(first + 1, borders[-1]):
        if lines[number].strip() and number not in borders:
            if rows and rows[-1][1] == number and not lines[number][slice(*columns[0])].strip():
                rows[-1] = (rows[-1][0], number + 1)  # it goes on in the line below
            else:
                rows.append((number, number + 1))
    head = borders[1] if len(borders) == 3 else first
    last = columns[-1][0]
    names = [
        [*(line[slice(*column)].strip() for column in columns[:-1]), line[last:].strip()]
        for line in lines[first + 1 : head]
        if line.strip(" \t-")
    ]
    return DrawnTable(borders[-1] + 1, tuple(rows), (head + 1, borders[-1]), _joined(names))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _joined(lines: list[list[str]]) -> str:
    """The names of the columns that stand in one or more lines; none where these have other numbers of cells."""
    if not lines or len({len(cells) for cells in lines}) > 1:
        return ""
    return " | ".join(" ".join(filter(None, column)).replace("``", "") for column in zip(*lines, strict=True))
