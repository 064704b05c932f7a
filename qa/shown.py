"""What the reading model is shown of a passage, and its reading told in code points of the passage alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..index.markup import blank_markup
from ..index.records import Passage
from .blocks import NAMED_CELL, row_cells
from .reading import Candidate, Reader, Reading

_MORE = 3
"""Spans asked for besides, since some may lie in what was put in."""
_MOST_SHOWN = 4_000
"""Characters; a table that takes more when each cell has its names is shown as it stands."""
_LINE = re.compile(r"[^\n]+")
_APART = re.compile(r"\S+(?: \S+)*+")
"""A cell between gaps of two spaces or more, as in tables of reStructuredText without bars."""
_CODE = re.compile(r"\S*\d\S*")
_WORDS = re.compile(r"[^\W\d][^\d|]{0,60}")
"""Of a row that begins with a code (`0x7F | BYE | closes it`), what names it too."""


def read_passages(reader: Reader, question: str, passages: Sequence[Passage], *, top_n: int = 5) -> list[Reading]:
    """What `reader` finds in each of `passages`, shown as `Shown.of` has it; markup is blanked in all that is read."""
    shown = [Shown.of(passage, question) for passage in passages]
    asked_for = top_n if all(one.as_it_stands for one in shown) else top_n + _MORE
    readings = reader.read(blank_markup(question), [one.text for one in shown], top_n=asked_for)
    return [one.told(reading) for one, reading in zip(shown, readings, strict=True)]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Words of a passage among what is shown."""

    shown: int
    """Where they stand there; `start` in the passage."""
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Shown:
    """The words of a passage among others that say what they belong to; no answer lies in those."""

    text: str
    pieces: tuple[_Piece, ...]

    @classmethod
    def of(cls, passage: Passage, question: str = "") -> Shown:
        """`passage` below its title and headings: “Two years.” may answer a question only below “Netbox 210”. In tables
        each cell stands behind the names of its row and column: a model that reads words in a line sees no columns.
        A row that begins with a code is named by the cell behind it too, unless `question` has the code."""
        text = blank_markup(passage.text)
        # The model learned from sentences, and reads them a little better than a path with arrows.
        above = blank_markup(passage.prefix).replace(" › ", ". ") + ". " if passage.prefix else ""
        shown = cls._joined(above, text, _named_cells(passage, text, question))
        return shown if len(shown.text) <= _MOST_SHOWN else cls._joined(above, text, [(0, len(text), "")])

    @classmethod
    def _joined(cls, above: str, text: str, parts: Iterable[tuple[int, int, str]]) -> Shown:
        """`above`, then of each part `(start, end, behind)` those words of `text` and what is put behind them."""
        written, pieces, length = [above], [], len(above)
        for start, end, behind in parts:
            if start < end:
                pieces.append(_Piece(length, start, end - start))
            written += [text[start:end], behind]
            length += end - start + len(behind)
        return cls("".join(written), tuple(pieces))

    @property
    def as_it_stands(self) -> bool:
        """Whether nothing was put in."""
        return len(self.pieces) == 1 and self.pieces[0].length == len(self.text)

    def told(self, reading: Reading) -> Reading:
        """`reading` in code points of the passage: spans in what was put in are dropped, those that reach into it cut,
        and of any that then overlap the best stays."""
        spans: list[Candidate] = []
        for one in reading.candidates:
            told = self._told(one)
            if told and all(told.end <= other.start or told.start >= other.end for other in spans):
                spans.append(told)
        return replace(reading, candidates=tuple(spans))

    def _told(self, one: Candidate) -> Candidate | None:
        if not 0 <= one.start < one.end <= len(self.text):
            return one  # an error of the reader, which `decide` refuses
        inside = [piece for piece in self.pieces if piece.shown < one.end and one.start < piece.shown + piece.length]
        if not inside:
            return None
        first, last = inside[0], inside[-1]
        start = first.start + max(one.start - first.shown, 0)
        if last.start < first.start:  # from a cell into the name of its row, which stands before it
            last = first
        return Candidate(start, last.start + min(one.end - last.shown, last.length), one.score)


def _named_cells(passage: Passage, text: str, question: str) -> Iterator[tuple[int, int, str]]:
    """`text` in parts: each cell of a table with named columns as “row column: cell. ”, the rest as it stands."""
    told = 0
    for row, names, cells, naming in _rows(passage, text, question):
        yield told, row.start(), ""
        for column, (start, end) in zip(names, cells, strict=True):
            others = [cell for cell in cells[:naming] if cell != (start, end)]
            if others and start < end:
                for cell in others:
                    yield *cell, " "
                yield start, start, f"{column}: " if column else ""
                yield start, end, ". "
        told = row.end()
    yield told, len(text), ""


class _Row(NamedTuple):
    """A line of a passage that is a row of a table."""

    line: re.Match[str]
    columns: list[str]
    cells: list[tuple[int, int]]
    """Where the value of each column stands."""
    naming: int
    """How many of the first cells say what the row is about."""


def _rows(passage: Passage, text: str, question: str) -> Iterator[_Row]:
    """Each line of `text` that is a row of a table. Lines with more or fewer cells than columns, or with nothing but a
    name, are passed over."""
    for table in passage.tables:
        names = [name.strip() for name in table.columns.split("|")]
        begin, end = (max(place - passage.span.start, 0) for place in (table.start, table.end))
        for line in _LINE.finditer(text, begin, min(end, len(text))):
            cells = row_cells(text, *line.span())
            if len(cells) == 1 and len(names) > 1:
                apart = [cell.span() for cell in _APART.finditer(text, *line.span())]
                cells = apart if len(apart) == len(names) else cells
            columns = names if table.columns else [""] * len(cells)
            if not table.columns and (record := _record(text, cells)):
                yield _Row(line, *record)
                continue
            if len(cells) == len(columns) + 1:  # the first one often has no name
                columns = ["", *columns]
            if len(cells) == len(columns) and any(start < end for start, end in cells[1:]):
                code = _CODE.fullmatch(text, *cells[0])
                two = len(cells) > 2 and code and code[0] not in question and _WORDS.fullmatch(text, *cells[1])
                yield _Row(line, columns, cells, 2 if two else 1)


def _record(text: str, cells: list[tuple[int, int]]) -> tuple[list[str], list[tuple[int, int]], int] | None:
    """Of a row that names the column in each cell, as those of CSV and JSON do (`part_no: X-7740 | part: Drive belt`),
    the columns, where the values stand, and how many of them name it: two where the first is a number or a code."""
    named = [NAMED_CELL.match(text, *cell) for cell in cells]
    found = [one for one in named if one]
    if len(found) < 2 or len(found) < len(cells):
        return None
    columns = [one[0].strip().removesuffix(":").replace("_", " ") for one in found]
    values = [(one.end(), end) for one, (_, end) in zip(found, cells, strict=True)]
    return columns, values, 2 if _CODE.fullmatch(text, *values[0]) else 1
