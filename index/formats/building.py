"""Builds a canonical text block by block and keeps what leads back from it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..records import Block, Heading, Layout, Metadata, Source, Span, TableRows

# Invisible to readers and in the way of searching: NUL, soft hyphen, zero-width space, word joiner, byte order mark,
# half surrogates. Zero-width (non-)joiners stay: scripts need them.
_INVISIBLE = re.compile("[\0\u00ad\u200b\u2060\ufeff\ud800-\udfff]")
_MOST_HEADING = 200
_BETWEEN_CELLS = " | "
_LONGEST_INTRODUCTION = 300


def visible(text: str) -> str:
    """`text` without characters that no reader sees."""
    return _INVISIBLE.sub("", text)


def one_line(text: str) -> str:
    """`text` with every run of white space as one space, as browsers show it."""
    return " ".join(visible(text).split())


class TextBuilder:
    """Blocks in reading order become one text; offsets are running sums."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._excluded: list[Span] = []
        self._unbroken: list[Span] = []
        self._blocks: list[Block] = []
        self._together: list[Span] = []
        self._tables: list[TableRows] = []
        self._columns = ""
        self._list_from = 0

    def __len__(self) -> int:
        return self._length

    def add(
        self,
        text: str,
        *,
        element: str | None = None,
        paragraph: int | None = None,
        level: int | None = None,
        excluded: bool = False,
        apart: bool = False,
        gap: str = "\n\n",
    ) -> None:
        """One block; `gap` separates it from what stands before. `level` makes it a heading; `apart` begins
        a new passage with it."""
        if not text.strip():
            return
        before = self._length
        start = self._put(text, gap)
        self._blocks.append(Block(start, self._length, element, paragraph))
        if apart:
            self._excluded.append(Span(before, start))
        if level is not None:
            self._headings.append(Heading(start, level, one_line(text)[:_MOST_HEADING]))
        if excluded:
            self._excluded.append(Span(start, self._length))

    def add_lines(self, lines: list[str], *, element: str | None = None, paragraph: int | None = None) -> None:
        """A block of code: each line stays whole."""
        while lines and not lines[-1].strip():
            lines.pop()
        while lines and not lines[0].strip():
            lines.pop(0)
        if not lines:
            return
        start = self._put(lines[0], "\n\n")
        self._unbroken.append(Span(start, self._length))
        for line in lines[1:]:
            self._unbroken.append(Span(self._put(line, "\n"), self._length))
        self._blocks.append(Block(start, self._length, element, paragraph))

    def add_row(
        self,
        cells: list[str],
        *,
        element: str | None = None,
        elements: Sequence[str] = (),
        paragraph: int | None = None,
        first: bool = False,
        names_columns: bool = False,
        named: bool = False,
    ) -> None:
        """A row of a table on a line of its own; `first` in its table. Rows that name the columns come first, unless
        each cell is `named` by its own words. With `elements` each cell is a block."""
        row = _BETWEEN_CELLS.join(cells)
        if first:
            self._columns = ""
        if not any(cells):
            return
        start = self._put(row, "\n\n" if first else "\n")
        self._unbroken.append(Span(start, self._length))
        if elements:
            begin = start
            for cell, of_cell in zip(cells, elements, strict=True):
                self._blocks.append(Block(begin, begin + len(cell), of_cell, paragraph))
                begin += len(cell) + len(_BETWEEN_CELLS)
        else:
            self._blocks.append(Block(start, self._length, element, paragraph))
        if names_columns:
            self._columns = f"{self._columns}{_BETWEEN_CELLS}{row}".removeprefix(_BETWEEN_CELLS)
        elif self._columns or named:
            goes_on = bool(self._tables) and self._tables[-1].end + 1 == start
            begin = self._tables.pop().start if goes_on else start
            self._tables.append(TableRows(begin, self._length, self._columns))

    def begin_list(self) -> None:
        """The blocks from here to `end_list` are a list; so is a short paragraph before it that ends with a colon."""
        self._list_from = len(self._blocks)
        if self._blocks and self._pieces[-1].endswith(":") and len(self._pieces[-1]) < _LONGEST_INTRODUCTION:
            self._list_from -= 1

    def end_list(self) -> None:
        """Keeps the list that `begin_list` began in one passage where it fits."""
        blocks = self._blocks[self._list_from :]
        if len(blocks) > 1:
            self._together.append(Span(blocks[0].start, blocks[-1].end))

    def add_heading(self, start: int, level: int, text: str) -> None:
        """A heading of what was added from `start` on, which says none itself."""
        self._headings.append(Heading(start, level, one_line(text)[:_MOST_HEADING]))

    @property
    def headings(self) -> int:
        """How many there are."""
        return len(self._headings)

    def first_heading(self) -> str | None:
        """The words of the first heading of the highest level; None where there is none."""
        return next((heading.text for heading in self._headings if heading.level == 1 and heading.text), None)

    def source(
        self,
        name_id: str,
        uri: str,
        media_type: str,
        *,
        title: str | None = None,
        metadata: Metadata | None = None,
        encoding: str | None = None,
    ) -> Source:
        """What was built."""
        layout = Layout(
            headings=tuple(heading for heading in self._headings if heading.text),
            excluded=tuple(self._excluded),
            unbroken=tuple(self._unbroken),
            together=tuple(self._together),
            tables=tuple(self._tables),
            blocks=tuple(self._blocks),
        )
        text = "".join(self._pieces)
        return Source(text, name_id, title or None, uri, dict(metadata or {}), media_type, encoding, layout)

    def _put(self, text: str, gap: str) -> int:
        if self._length:
            self._pieces.append(gap)
            self._length += len(gap)
        start = self._length
        self._pieces.append(text)
        self._length += len(text)
        return start
