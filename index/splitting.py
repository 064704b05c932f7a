"""Splits a document into passages: sentence-aligned, lossless, within the token limits of the models.

The text is cut into units (sentences; an over-long sentence into pieces by `splitting_langchain`), and neighbouring
units are packed. Every unit starts where the one before ended, so offsets are running sums and nothing is lost.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .markup import blank_markup
from .records import Heading, Span
from .sentences import sentence_spans

_WORD = re.compile(r"\w+")

TokenCounter = Callable[[Sequence[str]], list[int]]


@dataclass(frozen=True, slots=True)
class SplitLimits:
    """Passage lengths, in tokens of the embedding model, special tokens not counted.

    `target` is about 110 to 150 words of English; `most` is never passed.
    """

    target: int = 170
    most: int = 220
    prefix: int = 34
    """Longest title and heading prefix."""
    most_characters: int = 2_000
    """Bounds what tokens do not: a word of 10,000 letters is one unknown token."""
    piece_characters: int = 200
    """Length of the pieces that an over-long sentence is cut into before packing."""

    @classmethod
    def for_model(cls, max_tokens: int) -> SplitLimits:
        """The limits for an embedding model that reads `max_tokens`, two special tokens included."""
        usual = cls()
        room = max_tokens - 2
        most = min(usual.most, room - min(usual.prefix, room // 6))
        return cls(target=min(usual.target, most * 3 // 4), most=most, prefix=min(usual.prefix, room - most))


@dataclass(frozen=True, slots=True)
class PassageSpan:
    """Where a passage lies, and the headings above it, outermost first."""

    span: Span
    heading: tuple[str, ...]


@dataclass(slots=True)
class _Unit:
    start: int
    end: int
    tokens: int
    opens_section: bool  # a heading, or what follows an excluded range: never packed with what stands before
    opens_paragraph: bool
    bare: bool = False  # of a heading with nothing below it but a lower heading, which it is packed with
    ahead: int = 0  # tokens of the list that it opens


def split(
    text: str,
    headings: Sequence[Heading],
    count_tokens: TokenCounter,
    limits: SplitLimits,
    *,
    excluded: Sequence[Span] = (),
    unbroken: Sequence[Span] = (),
    together: Sequence[Span] = (),
) -> list[PassageSpan]:
    """The passages of `text`, in order; together they hold every non-space character outside `excluded`.

    The ranges of each kind are in order and do not overlap. A range of `unbroken` is one unit as long as it fits. A
    range of `together` begins a new passage where it fits into that and not into the rest of the one before.
    """
    units = _units(text, headings, count_tokens, limits, excluded, unbroken, together)
    passages = []
    section_starts = [heading.start for heading in headings]
    paths = heading_paths(headings)
    for group in _pack(units, limits):
        start, end = _trim(text, group[0].start, group[-1].end)
        if start < end:
            below = next((unit.start for unit in group if not unit.bare), start)
            passages.append(PassageSpan(Span(start, end), paths[bisect_right(section_starts, max(start, below))]))
    return passages


def heading_paths(headings: Sequence[Heading]) -> list[tuple[str, ...]]:
    """The headings that a position stands under, outermost first: before the first heading, then after each."""
    path: list[Heading] = []
    paths: list[tuple[str, ...]] = [()]
    for heading in headings:
        while path and path[-1].level >= heading.level:
            path.pop()
        path.append(heading)
        paths.append(tuple(one.text for one in path))
    return paths


def indexed_prefix(
    title: str | None,
    heading: Sequence[str],
    count_tokens: TokenCounter,
    limits: SplitLimits,
    columns: str = "",
) -> str:
    """Title, heading path and names of columns as they are prefixed to the indexed text.

    Outer parts give way when it is too long, and names of columns that are too long on their own.
    """
    above = [part for part in ([title] if title else []) if part not in heading] + list(heading)
    for last in [[columns], []] if columns else [[]]:
        parts = above + last
        while parts:
            prefix = " › ".join(parts)
            if len(prefix) <= 400 and count_tokens([prefix])[0] <= limits.prefix:
                return prefix
            parts.pop(0)
    return ""


def _units(
    text: str,
    headings: Sequence[Heading],
    count_tokens: TokenCounter,
    limits: SplitLimits,
    excluded: Sequence[Span],
    unbroken: Sequence[Span],
    together: Sequence[Span],
) -> list[_Unit]:
    seen = blank_markup(text)
    edges = {edge for span in (*excluded, *unbroken, *together) for edge in (span.start, span.end)}
    cuts = sorted({0, *(heading.start for heading in headings), *edges, len(text)})
    sentences = _cut_at(_outside(sentence_spans(text), unbroken), cuts)
    if excluded:
        left_out = {span.start: span.end for span in excluded}
        sentences = _without(sentences, left_out)
    counts = count_tokens([seen[start:end] for start, end in sentences])
    spans: list[tuple[int, int, int]] = []  # start, end, tokens
    for (start, end), tokens in zip(sentences, counts, strict=True):
        if tokens <= limits.most and end - start <= limits.most_characters:
            spans.append((start, end, tokens))
        else:
            spans.extend(_pieces(seen, start, end, count_tokens, limits))
    section_starts = {heading.start for heading in headings} | {span.end for span in excluded}
    bare = _bare(seen, headings)
    units = []
    for start, end, tokens in spans:
        gap = text[max(0, start - 4) : start] if start else "\n\n"
        above = bisect_right(bare, start, key=lambda span: span.start) - 1
        under = above >= 0 and start < bare[above].end
        units.append(_Unit(start, end, tokens, start in section_starts, gap.count("\n") > 1, bare=under))
    _look_ahead(units, together)
    return units


def _bare(seen: str, headings: Sequence[Heading]) -> list[Span]:
    """Where a heading stands directly above a lower one."""
    return [
        Span(one.start, following.start)
        for one, following in pairwise(headings)
        if one.level < following.level
        and len(_WORD.findall(seen, one.start, following.start)) <= len(_WORD.findall(one.text))
    ]


def _look_ahead(units: list[_Unit], together: Sequence[Span]) -> None:
    """Tell the first unit of each range how many tokens the range has."""
    starts = [unit.start for unit in units]
    for span in together:
        first, behind = bisect_left(starts, span.start), bisect_left(starts, span.end)
        if first < behind:
            units[first].ahead = sum(unit.tokens for unit in units[first:behind])


def _cut_at(spans: list[tuple[int, int]], cuts: list[int]) -> list[tuple[int, int]]:
    """`spans` with further boundaries at `cuts`."""
    boundaries = sorted({*cuts, *(start for start, _ in spans)})
    return list(pairwise(boundaries))


def _outside(spans: list[tuple[int, int]], unbroken: Sequence[Span]) -> list[tuple[int, int]]:
    """`spans` without the boundaries that lie inside a range of `unbroken`."""
    starts = [span.start for span in unbroken]

    def inside(position: int) -> bool:
        number = bisect_right(starts, position) - 1
        return number >= 0 and starts[number] < position < unbroken[number].end

    return [span for span in spans if not inside(span[0])] if starts else spans


def _without(spans: list[tuple[int, int]], left_out: dict[int, int]) -> list[tuple[int, int]]:
    """`spans` (cut at the edges of the ranges) that do not lie in a range of `left_out`, start to end."""
    kept = []
    until = 0
    for start, end in spans:
        until = max(until, left_out.get(start, 0))
        if start >= until:
            kept.append((start, end))
    return kept


def _pieces(
    seen: str, start: int, end: int, count_tokens: TokenCounter, limits: SplitLimits
) -> list[tuple[int, int, int]]:
    """An over-long sentence in pieces; what is still too long (a Hangul syllable can be three tokens) is halved."""
    from .splitting_langchain import lossless_pieces

    pieces = lossless_pieces(seen[start:end], min(limits.piece_characters, limits.most))
    counts = count_tokens(pieces)
    while any(tokens > limits.most and len(piece) > 1 for piece, tokens in zip(pieces, counts, strict=True)):
        pieces = [half for piece, tokens in zip(pieces, counts, strict=True) for half in _halves(piece, tokens, limits)]
        counts = count_tokens(pieces)
    spans = []
    for piece, tokens in zip(pieces, counts, strict=True):
        spans.append((start, start + len(piece), tokens))
        start += len(piece)
    return spans


def _halves(piece: str, tokens: int, limits: SplitLimits) -> list[str]:
    middle = len(piece) // 2
    return [piece[:middle], piece[middle:]] if tokens > limits.most and middle else [piece]


def _pack(units: list[_Unit], limits: SplitLimits) -> list[list[_Unit]]:
    groups: list[list[_Unit]] = []
    tokens = 0
    for unit in units:
        # Full: at the target, or well filled where a paragraph starts. A heading opens a new passage, but for a lower
        # one that follows it at once: a heading alone says nothing, and what stands below is read with both.
        opens = unit.opens_section and not (groups and groups[-1][-1].bare)
        full = not groups or opens or tokens + unit.tokens > limits.target
        if not full and unit.opens_paragraph:
            full = tokens > limits.target * 0.6
        if not full:
            full = tokens + unit.ahead > limits.target >= unit.ahead > 0
        if not full:
            full = unit.end - groups[-1][0].start > limits.most_characters
        if full:
            groups.append([])
            tokens = 0
        groups[-1].append(unit)
        tokens += unit.tokens
    return _join_stubs(groups, limits)


def _join_stubs(groups: list[list[_Unit]], limits: SplitLimits) -> list[list[_Unit]]:
    """A last line of a few words joins the passage before it where that stays within the limits."""
    joined: list[list[_Unit]] = []
    for group in groups:
        size = sum(unit.tokens for unit in group)
        if joined and size < 25 and not group[0].opens_section:
            whole = joined[-1] + group
            fits = sum(unit.tokens for unit in whole) <= limits.most
            if fits and whole[-1].end - whole[0].start <= limits.most_characters:
                joined[-1] = whole
                continue
        joined.append(group)
    return joined


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end
