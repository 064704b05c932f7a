"""The order in which people read a PDF page: columns one after the other, rows of tables as rows."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import count, pairwise
from statistics import median

from .pdf_glyphs import Stretch, rows_of

_FEWEST_LINES = 3
"""A column has at least so many lines."""
_FEWEST_CHARACTERS = 16
"""Lines of a column are at least so long in the middle; cells of tables are shorter."""
_WIDE_GAP = 2.0
"""Gaps of so many font sizes separate the cells of a table."""
_SAME_EDGE = 10
"""Cells of a column begin so near to each other, in tenths of a point."""
_DEEPEST = 8
_MARK = re.compile(r"\W|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)]|(?:\d+\.)+\d*")
"""What stands before an item of a list or a heading."""


def in_reading_order(stretches: list[Stretch], parts: count[int]) -> list[Stretch]:
    """The lines of one page in reading order; stretches side by side in one column become one line."""
    return list(_ordered(stretches, parts, 0))


def _ordered(stretches: list[Stretch], parts: count[int], depth: int) -> Iterator[Stretch]:
    gutter = _gutter(stretches) if depth < _DEEPEST else None
    if gutter is None:
        yield from _lines(stretches, next(parts))
        return
    crossing = [one for one in stretches if one.left < gutter < one.right]
    zone_tops = sorted(one.top for one in crossing)
    # What crosses the gutter (titles, wide figures' captions) divides the page into zones read one after the other.
    zones: dict[int, tuple[list[Stretch], list[Stretch], list[Stretch]]] = {}
    for one in stretches:
        zone = bisect_right(zone_tops, one.top)
        side = 0 if one.left < gutter < one.right else 1 if one.right <= gutter else 2
        zones.setdefault(zone, ([], [], []))[side].append(one)
    pending: list[Stretch] = []
    for _, (across, left, right) in sorted(zones.items()):
        pending += across
        if left or right:
            if pending:
                yield from _ordered(pending, parts, depth + 1)
                pending = []
            # A few words beside nothing are a row, not a column.
            if left and right and min(len(left), len(right)) >= _FEWEST_LINES:
                yield from _ordered(left, parts, depth + 1)
                yield from _ordered(right, parts, depth + 1)
            else:
                yield from _side_by_side(left, right, parts, depth)
    if pending:
        yield from _ordered(pending, parts, depth + 1)


def _side_by_side(left: list[Stretch], right: list[Stretch], parts: count[int], depth: int) -> Iterator[Stretch]:
    """Short zones: columns when their lines are as long as a column's, else rows."""
    long = all(median(len(one.text) for one in side) >= _FEWEST_CHARACTERS * 1.5 for side in (left, right) if side)
    if long:
        for side in (left, right):
            if side:
                yield from _ordered(side, parts, depth + 1)
    else:
        yield from _lines(left + right, next(parts))


def _gutter(stretches: list[Stretch]) -> float | None:
    """Where a vertical white band has columns on both sides; None in text of one column and in tables."""
    if len(stretches) < 2 * _FEWEST_LINES:
        return None
    left = min(one.left for one in stretches)
    right = max(one.right for one in stretches)
    narrow = [one for one in stretches if one.right - one.left < 0.62 * (right - left)]
    if len(narrow) < 0.3 * len(stretches):
        return None
    least = 7 * median(one.size for one in stretches)  # tenths of a point: 0.7 font sizes
    edges = sorted({(one.left, one.right) for one in narrow})
    reach = edges[0][1]
    best: tuple[float, float] | None = None
    for start, end in edges:
        if start - reach >= least:
            middle = (reach + start) / 2
            score = _columns_at(stretches, middle)
            if score and (best is None or score > best[0]):
                best = (score, middle)
        reach = max(reach, end)
    return best[1] if best else None


def _columns_at(stretches: list[Stretch], middle: float) -> float:
    """How many lines the smaller side of `middle` has when both sides are columns, else 0."""
    sides = [one for one in stretches if one.right <= middle], [one for one in stretches if one.left >= middle]
    fewest = min(len(side) for side in sides)
    if fewest < _FEWEST_LINES:
        return 0
    if any(median(len(one.text) for one in side) < _FEWEST_CHARACTERS for side in sides):
        return 0
    top = max(min(one.top for one in side) for side in sides)
    bottom = min(max(one.bottom for one in side) for side in sides)
    return fewest if bottom > top else 0


def _lines(stretches: list[Stretch], part: int) -> Iterator[Stretch]:
    """Rows from the top down, each as one line."""
    if not stretches:
        return
    size = median(one.size for one in stretches)
    usual = [one for one in stretches if abs(one.size - size) < 0.15 * size] or stretches  # a heading may reach farther
    column = (min(one.left for one in usual), max(one.right for one in usual))
    rows = list(rows_of(stretches))
    for number, row in enumerate(rows):
        near = rows[max(0, number - 2) : number + 3]
        line = row[0]
        for before, one in pairwise(row):
            wide = one.left - before.right > _WIDE_GAP * 10 * one.size or _in_a_column(one, near)
            # 89.00 at the start of a line may number a heading; behind another cell it is a price.
            wide = wide and not (before is row[0] and _MARK.fullmatch(before.text))
            line.cells += wide
            line.join(one, " | " if wide else " ")
        line.column, line.part = column, part
        yield line


def _in_a_column(cell: Stretch, near: list[list[Stretch]]) -> bool:
    """Whether three rows one after the other, of the five around that of `cell`, have a stretch that begins where it
    does, behind another. Lines of justified text have gaps as wide, but not below each other; lines of code stay as
    they are."""
    begins = [any(abs(one.left - cell.left) <= _SAME_EDGE for one in row[1:]) for row in near]
    return not cell.mono and any(all(begins[start : start + 3]) for start in range(len(near) - 2))
