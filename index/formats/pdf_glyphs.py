"""What a PDF page is made of before it is text: glyphs with their boxes, in stretches of one line.

All lengths are tenths of a point from the top left corner of the page as it is shown, y downwards.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

_LIGATURES = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}


@dataclass(slots=True)
class Stretch:
    """Characters of one line without a gap, or a whole line of them once rows are joined."""

    page: int
    top: int
    bottom: int
    size: float
    """Font size in points."""
    mono: bool = False
    rotated: bool = False
    text: str = ""
    lefts: list[int] = field(default_factory=list)
    rights: list[int] = field(default_factory=list)
    hyphen: int | None = None
    """Right edge of a hyphen at the end of the line, which is not part of `text` then."""
    first: int = 0
    """Index of the first glyph on its page, as pdfium counts."""
    cells: int = 1
    """How many stretches with wide gaps between them this one was joined from."""
    column: tuple[int, int] = (0, 0)
    """Left and right edge of the column it stands in."""
    level: int | None = None
    """Level when it is a heading."""
    part: int = 0
    """Equal for lines of the same column, in the same zone of a page."""

    @property
    def left(self) -> int:
        return min(self.lefts)

    @property
    def right(self) -> int:
        return max(self.rights)

    @property
    def height(self) -> int:
        return self.bottom - self.top

    def put(self, characters: str, left: int, right: int) -> None:
        """Append a glyph; a ligature becomes its letters, which share its width."""
        letters = _LIGATURES.get(characters)
        if letters is None:
            self.text += characters
            self.lefts.append(left)
            self.rights.append(right)
            return
        width = right - left
        for number in range(len(letters)):
            self.lefts.append(left + width * number // len(letters))
            self.rights.append(left + width * (number + 1) // len(letters))
        self.text += letters

    def trim(self) -> None:
        """Drop white space at both ends."""
        text = self.text.rstrip()
        del self.lefts[len(text) :], self.rights[len(text) :]
        blank = len(text) - len(text.lstrip())
        del self.lefts[:blank], self.rights[:blank]
        self.text = text[blank:]

    def join(self, other: Stretch, between: str) -> None:
        """Append another stretch of the same row."""
        for _ in between:
            self.lefts.append(self.rights[-1])
            self.rights.append(self.rights[-1])
        self.text += between + other.text
        self.lefts += other.lefts
        self.rights += other.rights
        self.top, self.bottom = min(self.top, other.top), max(self.bottom, other.bottom)
        self.hyphen = other.hyphen

    def edges(self) -> tuple[int, ...]:
        """The glyph boxes as `GlyphLine.edges`."""
        found = []
        position = 0
        for left, right in zip(self.lefts, self.rights, strict=True):
            found += [left - position, right - left]
            position = right
        return tuple(found)

    def same_row(self, top: int, bottom: int) -> bool:
        """Whether something from `top` to `bottom` stands on this line."""
        overlap = min(self.bottom, bottom) - max(self.top, top)
        return overlap * 2 > min(self.height, bottom - top)


def rows_of(stretches: list[Stretch]) -> list[list[Stretch]]:
    """Stretches that stand beside each other, from the top down; each row from left to right."""
    rows: list[list[Stretch]] = []
    for one in sorted(stretches, key=lambda one: (one.top + one.bottom, one.left)):
        if rows and rows[-1][0].same_row(one.top, one.bottom):
            rows[-1].append(one)
        else:
            rows.append([one])
    for row in rows:
        row.sort(key=lambda one: one.left)
    return rows
