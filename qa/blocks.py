"""Answers in tables and in code: the cell in the column that was asked for, and commands that are whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .question_kinds import question_kind

_WORD = re.compile(r"[^\W_]{3,}")
_SMALL = frozenset("and are did does for from how many much per the was were what which with".split())
NAMED_CELL = re.compile(r"[^\s:|][^:|]{0,60}: +(?=\S)")
"""A cell that holds the name of its column: `price: 12`."""
_FENCED = re.compile(  # with its end, which would else begin the next; an end whose beginning is cut off begins none
    r"^[ \t]*(?P<fence>```|~~~(?!~+[ \t]*$))[^\n]*\n(?![ \t]*\n)(?P<code>.*?)(?:^[ \t]*(?P=fence)[^\n]*|\Z)",
    re.MULTILINE | re.DOTALL,
)
_PROMPT = re.compile(r"[ \t]*(?:[$>%#] )?")
_TYPED = re.compile(r"^[ \t]*\$ [^\n]+(?:\n[ \t]*\$ [^\n]+)*", re.MULTILINE)
"""Lines behind the prompt of a shell, which is how commands stand in pages that were HTML."""
_LEADS_TO_CODE = re.compile(
    r"(?:[^\n.!?]|[.!?](?=\S)|\n(?=[^\s`~$-])){0,300}:[ \t]*\n\s{0,20}?(?=[ \t]*(?:```|~~~|\$ ))"
)
_COMMAND = re.compile(r"\bcommands?\b", re.IGNORECASE)
_LONGEST_CODE = 300


def one_cell(question: str, text: str, start: int, end: int) -> tuple[int, int]:
    """`[start, end)` of `text`, or where it lies in several cells of a table row (`75 € | 182 €`) the cell whose column
    shares most words with `question`. Columns are named in the first row, or as `name: value` in each cell; of these
    the value is the answer. Of what runs on into the next row only the beginning counts, of
    what runs on from such a row into the text below it the longer part."""
    begin, stop = text.rfind("\n", 0, start) + 1, (text + "\n").index("\n", start)
    alone = begin == 0 and end > stop and text.startswith("\n\n", stop)  # as the one short cell of a record
    if "|" not in text[begin:stop] and not alone:
        return start, end
    cells = row_cells(text, begin, stop)
    named = [NAMED_CELL.match(text, *cell) for cell in cells]
    inline = (len(cells) > 1 or alone) and all(named)
    if end > stop:
        if "|" not in text[stop : (text + "\n").index("\n", stop + 1)]:
            below = end - len(text[stop:end].lstrip())
            if not inline or end - below > stop - start:
                return (below if inline else start), end
        end = stop  # it ran on into what stands below
    touched = [number for number, (first, last) in enumerate(cells) if first < end and start < last]
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


def asks_for_command(question: str) -> bool:
    """Whether `question` is how to do something, or names a command."""
    return question_kind(question) == "how" or _COMMAND.search(question) is not None


def whole_commands(question: str, text: str, start: int, end: int) -> tuple[int, int]:
    """`[start, end)` of `text`; of what begins above a block of code and ends in it only the code. Where the question
    is how to do something or names a command, lines of code are whole, and a sentence that leads to code with a colon
    (“Issue the following command:”) gives way to it."""
    asked = asks_for_command(question)
    led = _LEADS_TO_CODE.match(text, end) if asked else None
    for begin, stop in code_spans(text, start, led.end() if led else end):
        inside, next_to_it = begin <= start and end <= stop, led is not None and begin >= led.end()
        if (start < begin < end <= stop) or (asked and inside) or (next_to_it and stop - begin <= _LONGEST_CODE):
            first = text.rfind("\n", begin, start) + 1 if inside else begin
            first = max(first, begin)
            prompt = _PROMPT.match(text, first)
            first = prompt.end() if prompt else first
            last = stop if next_to_it else (text + "\n").index("\n", end)
            last = first + len(text[first:last].rstrip())
            return (first, last) if first < last else (start, end)
    return start, end


def code_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the code that `[start, end)` of `text` touches or ends before stands: what is fenced, and lines typed in a
    shell."""
    for block in _FENCED.finditer(text):
        if block.start() <= end and start <= block.end():
            yield block.span("code")
    for line in _TYPED.finditer(text, text.rfind("\n", 0, start) + 1):
        if line.start() > end:
            break
        yield line.span()


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
