"""From lines in reading order to one text: paragraphs joined, hyphenation undone, headings found, the map kept."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from ..records import GlyphLine, Heading, Layout, PageSpan, Span
from .pdf_glyphs import Stretch
from .pdf_tables import tables_of

_ITEM = re.compile(r"(?:[•●○■▪◦‣–—*·-]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)])\s+\S")
_ENDS = re.compile(r"[.!?:;…。！？][\"'”’»)\]]*$")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LEADERS = re.compile(r"(?:\s?[.·…]){4,}\s*[\divxlc]+$")
"""An entry of a table of contents: dots lead to the number of its page."""
_HEADING_LENGTH = 150


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """A bookmark: its level from 1, its words, and its page from 1."""

    level: int
    title: str
    page: int


@dataclass(slots=True)
class PageLines:
    """The lines of one page in reading order, its furniture, and its size in points."""

    lines: list[Stretch]
    furniture: list[Stretch]
    width: float
    height: float


def mark_headings(pages: Sequence[PageLines], outline: Sequence[OutlineEntry]) -> None:
    """Give headings their level: by the outline; without a usable one by font size, where few lines are large."""
    matched = sum(_mark_entry(pages, entry) for entry in outline)
    if matched < max(1, len(outline) // 3):
        _mark_by_size([line for page in pages for line in page.lines])


def _mark_entry(pages: Sequence[PageLines], entry: OutlineEntry) -> bool:
    wanted = _letters(entry.title)
    if not wanted or not 1 <= entry.page <= len(pages):
        return False
    lines = pages[entry.page - 1].lines
    for number, line in enumerate(lines):
        said = _letters(line.text)
        # The text may number what the outline does not: "2.1 Scope" for "Scope"; a long title runs over lines.
        if line.level is None and said and (said == wanted or re.fullmatch(r"\w{0,10}?\d" + re.escape(wanted), said)):
            line.level = entry.level
            return True
        if line.level is None and len(said) > 7 and wanted.startswith(said):
            whole, run = said, [line]
            for following in lines[number + 1 : number + 4]:
                whole += _letters(following.text)
                run.append(following)
                if whole == wanted:
                    for one in run:
                        one.level = entry.level
                    return True
    return False


def _mark_by_size(lines: list[Stretch]) -> None:
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[_rounded(line.size)] += len(line.text)
    if not sizes:
        return
    body = sizes.most_common(1)[0][0]
    large = [line for line in lines if _rounded(line.size) >= body * 1.12 and len(line.text) <= _HEADING_LENGTH]
    if sum(len(line.text) for line in large) > 0.15 * sum(sizes.values()):
        return
    used = sorted({_rounded(line.size) for line in large}, reverse=True)
    levels = {size: min(number, 6) for number, size in enumerate(used, 1)}
    for line in large:
        if _says_something(line.text):
            line.level = levels[_rounded(line.size)]


def title_of(pages: Sequence[PageLines]) -> str | None:
    """The largest words of the first page, where they are much larger than the text; else the first heading."""
    lines = [line for page in pages for line in page.lines]
    first = [line for line in pages[0].lines if _says_something(line.text)] if pages else []
    if first:
        size = max(line.size for line in first)
        if size >= 1.25 * median(line.size for line in lines):
            start = next(number for number, line in enumerate(first) if line.size == size)
            run = [line.text for line in first[start : start + 3] if abs(line.size - size) < 0.5]
            if 3 < len(title := " ".join(run)) <= 2 * _HEADING_LENGTH:
                return title
    return next((line.text for line in lines if line.level == 1), None)


def _says_something(text: str) -> bool:
    """Whether more than half of it is letters: no formula, no number."""
    return sum(character.isalpha() for character in text) * 2 > len("".join(text.split()))


@dataclass(slots=True)
class _Text:
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    lines: list[GlyphLine] = field(default_factory=list)

    def put(self, text: str) -> None:
        self.pieces.append(text)
        self.length += len(text)

    def put_line(self, line: Stretch) -> Span:
        start = self.length
        self.lines.append(GlyphLine(start, line.page, line.top, line.bottom, line.edges()))
        self.put(line.text)
        return Span(start, self.length)

    def cover_hyphen(self, line: Stretch) -> None:
        """Let the rectangle of the character before an undone hyphen cover the hyphen."""
        self._change_edges(line, added=False)

    def keep_hyphen(self, line: Stretch) -> None:
        """Put back the hyphen at the end of the line that was put last."""
        self._change_edges(line, added=True)
        self.put("-")

    def _change_edges(self, line: Stretch, *, added: bool) -> None:
        last = self.lines[-1]
        width = max(0, (line.hyphen or 0) - line.rights[-1])
        edges = (*last.edges, 0, width) if added else (*last.edges[:-1], last.edges[-1] + width)
        self.lines[-1] = GlyphLine(last.start, last.page, last.top, last.bottom, edges)


def assemble(pages: Sequence[PageLines]) -> tuple[str, Layout]:
    """The canonical text and its layout.

    Furniture stands at the start of its page, or behind the paragraph that runs on from the page before, so that
    no sentence is cut in two by it.
    """
    words = Counter(word.lower() for page in pages for line in page.lines for word in _WORD.findall(line.text))
    pitch = _pitch(pages)
    text = _Text()
    headings: list[Heading] = []
    excluded: list[Span] = []
    unbroken: list[Span] = []
    spans: list[PageSpan] = []
    put: list[tuple[Span, Stretch]] = []
    before: Stretch | None = None
    opening: Stretch | None = None  # the first line of the paragraph that `before` belongs to
    for page in pages:
        start: int | None = None
        due = list(page.furniture)
        for line in page.lines:
            gap = "" if before is None else _gap(before, line, opening, pitch, words, text)
            if due and gap != " " and (gap or before is None):
                furniture_start = _put_furniture(text, due, excluded)
                start = furniture_start if start is None else start
                due, gap = [], "\n\n"
            if text.length:
                text.put(gap)
            span = text.put_line(line)
            put.append((span, line))
            start = span.start if start is None else start
            fresh = before is None or gap not in ("", " ")
            opening = line if fresh else opening
            if line.level is not None and (fresh or not headings):
                headings.append(Heading(span.start, line.level, line.text[:200]))
            elif line.level is not None:
                last = headings[-1]
                headings[-1] = Heading(last.start, last.level, f"{last.text} {line.text}"[:200])
            if _LEADERS.search(line.text) and line.level is None:
                excluded.append(span)
            elif line.mono or line.cells > 1:
                unbroken.append(span)
            before = line
        if due:
            furniture_start = _put_furniture(text, due, excluded)
            start = furniture_start if start is None else start
        spans.append(PageSpan(text.length if start is None else start, text.length, page.width, page.height))
    if before is not None and before.hyphen is not None:
        text.keep_hyphen(before)
    layout = Layout(
        headings=tuple(headings),
        pages=tuple(spans),
        excluded=tuple(excluded),
        unbroken=tuple(unbroken),
        tables=tables_of(put),
        lines=tuple(text.lines),
    )
    return "".join(text.pieces), layout


def _put_furniture(text: _Text, due: list[Stretch], excluded: list[Span]) -> int:
    """Where it starts."""
    first = len(excluded)
    for line in due:
        if text.length:
            text.put("\n\n")
        excluded.append(text.put_line(line))
        if line.hyphen is not None:
            text.keep_hyphen(line)
            excluded[-1] = Span(excluded[-1].start, text.length)
    return excluded[first].start


def _gap(
    before: Stretch, line: Stretch, opening: Stretch | None, pitch: float, words: Counter[str], text: _Text
) -> str:
    """What stands between two lines: nothing (a word runs on), a space, a line end, or a blank line.

    A hyphen at the end of `before` is undone or put back here.
    """
    kind = _break(before, line, opening, pitch)
    if before.hyphen is None:
        return kind
    if kind == " ":
        kind = ""
        first = _WORD.findall(line.text[:60])[:1]
        last = _WORD.findall(before.text[-60:])[-1:]
        if first and last and line.text[0].islower():
            joined, dashed = (last[0] + first[0]).lower(), f"{last[0]}-{first[0]}".lower()
            if words[joined] or not words[dashed]:  # else a compound that happened to break at its own hyphen
                text.cover_hyphen(before)
                return ""
    text.keep_hyphen(before)
    return kind


def _break(before: Stretch, line: Stretch, opening: Stretch | None, pitch: float) -> str:
    if before.level != line.level:
        return "\n\n"
    if before.cells > 1 or line.cells > 1:
        return "\n" if before.part == line.part else "\n\n"
    if _LEADERS.search(before.text) or _LEADERS.search(line.text):
        return "\n"
    if before.mono != line.mono:
        return "\n\n"
    if before.mono:
        return "\n"
    size = 10 * min(before.size, line.size)  # tenths of a point
    if abs(before.size - line.size) > 0.15 * max(before.size, line.size) and line.level is None:
        return "\n\n"
    item = _ITEM.match(line.text) is not None
    if before.part != line.part:
        if item or line.level is not None:
            return "\n\n"
        runs_on = before.hyphen is not None or not _ENDS.search(before.text)
        return " " if runs_on and not _forced(before, line, size) else "\n\n"
    step = line.top - before.top
    if step > 1.4 * pitch * max(before.size, line.size) and step > 1.2 * before.height:
        return "\n\n"
    if item:
        return "\n"
    hanging = opening is not None and _ITEM.match(opening.text) is not None
    if line.left > before.left + 0.8 * size and not hanging and not (opening is not None and before is not opening):
        return "\n" if _ENDS.search(before.text) else " "
    if line.left > before.left + 0.8 * size and before is not opening and _ENDS.search(before.text):
        return "\n\n"
    if _forced(before, line, size):
        return "\n\n" if _ENDS.search(before.text) else "\n"
    return " "


def _forced(before: Stretch, line: Stretch, size: float) -> bool:
    """Whether the first word of `line` would have fitted behind `before`: then the line ended on purpose."""
    if before.hyphen is not None:
        return False
    word = len(line.text.split(None, 1)[0])
    first = line.rights[word - 1] - line.lefts[0]
    return before.column[1] - before.right > abs(first) + 1.2 * size


def _pitch(pages: Sequence[PageLines]) -> float:
    """Usual distance from line to line in tenths of a point, for each point of font size."""
    steps = []
    for page in pages[:50]:
        for before, line in zip(page.lines, page.lines[1:], strict=False):
            step = line.top - before.top
            if before.part == line.part and 0 < step < 25 * line.size:
                steps.append(step / max(line.size, 1.0))
    return median(steps) if steps else 12.0


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _rounded(size: float) -> float:
    return round(size * 2) / 2
