"""Answers in tables and in code: the cell in the column that was asked for, and commands that are whole."""

from __future__ import annotations

import re

from .question_kinds import question_kind

_WORD = re.compile(r"[^\W_]{3,}")
_SMALL = frozenset("and are did does for from how many much per the was were what which with".split())
NAMED_CELL = re.compile(r"[^\s:|][^:|]{0,60}: +(?=\S)")
"""A cell that holds the name of its column: `price: 12`."""
_FENCED = re.compile(
    r"^[ \t]*(?P<fence>```|~~~)[^\n]*\n(?P<code>.*?)(?=^[ \t]*(?P=fence)|\Z)", re.MULTILINE | re.DOTALL
)
_PROMPT = re.compile(r"[ \t]*(?:[$>%#] )?")


def one_cell(question: str, text: str, start: int, end: int) -> tuple[int, int]:
    """`[start, end)` of `text`, or where it lies in several cells of a table row (`75 € | 182 €`) the cell whose column
    shares most words with `question`. Columns are named in the first row, or as `name: value` in each cell; of these
    the value is the answer."""
    begin, stop = text.rfind("\n", 0, start) + 1, (text + "\n").index("\n", start)
    if end > stop or "|" not in text[begin:stop]:
        return start, end
    cells = row_cells(text, begin, stop)
    touched = [number for number, (first, last) in enumerate(cells) if first < end and start < last]
    named = [NAMED_CELL.match(text, *cell) for cell in cells]
    inline = len(cells) > 1 and all(named)
    if len(touched) > 1:
        columns = [name[0] for name in named if name] if inline else _first_row(text, begin)
        shared = [len(_stems(question) & _stems(column)) for column in columns[: len(cells)]]
        best = max(shared, default=0)
        if not best or shared.count(best) > 1:
            return start, end
        touched = [shared.index(best)]
    elif not touched or not inline:
        return start, end
    first, last = cells[touched[0]]
    name = named[touched[0]] if inline else None
    if name and first <= start and name.end() <= start and end <= last:
        return start, end  # words of the value alone
    first = name.end() if name else first
    return (first, last) if first < last else (start, end)


def whole_commands(question: str, text: str, start: int, end: int) -> tuple[int, int]:
    """`[start, end)` of `text`; of what begins above a block of code and ends in it only the code, and there, as for
    questions how to do something, lines that are whole."""
    for block in _FENCED.finditer(text):
        begin, stop = block.span("code")
        above = start < begin < end
        if end <= stop and (above or (begin <= start and question_kind(question) == "how")):
            first = begin if above else text.rfind("\n", 0, start) + 1
            prompt = _PROMPT.match(text, first)
            first = prompt.end() if prompt else first
            last = first + len(text[first : (text + "\n").index("\n", end)].rstrip())
            return (first, last) if first < last else (start, end)
    return start, end


def row_cells(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Where the cells of the row `text[start:end]` of a table stand, without the space around them."""
    line = text[start:end]
    start += len(line) - len(line.lstrip())
    end -= len(line) - len(line.rstrip())
    if text.startswith("|", start) and text.endswith("|", start + 1, end):  # as in Markdown
        start, end = start + 1, end - 1
    cells = []
    for cell in text[start:end].split("|"):
        begin = start + len(cell) - len(cell.lstrip())
        cells.append((begin, begin + len(cell.strip())))
        start += len(cell) + 1
    return cells


def _first_row(text: str, begin: int) -> list[str]:
    """The cells of the first row of the table whose row begins at `begin`; none where that is the first."""
    first = begin
    while first and "|" in text[(above := text.rfind("\n", 0, first - 1) + 1) : first]:
        first = above
    return [text[slice(*cell)] for cell in row_cells(text, first, text.index("\n", first))] if first < begin else []


def _stems(words: str) -> set[str]:
    return {word.rstrip("s") for word in _WORD.findall(words.casefold()) if word not in _SMALL}
