"""Running headers, footers and page numbers: what stands at the same place of page after page."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from statistics import median

from .pdf_glyphs import Stretch, rows_of

_ZONE = 0.15
"""Share of a page's height, at the top and at the bottom, in which they stand."""
_OUTERMOST = 2
"""Rows from the edge that can be furniture."""
_SAME_PLACE = 60  # tenths of a point
_NUMBER = re.compile(r"\d+|\b[ivxlcdm]+\b")
_PAGE_NUMBER = re.compile(r"\W*(?:page|seite|p\.)?\W*#(?:\W*(?:of|/|von|\|)\W*#)?\W*")

Row = tuple[int, int, str, list[Stretch]]  # page, distance from the edge, words with numbers as #, its stretches


def furniture(pages: list[list[Stretch]], heights: list[int]) -> set[int]:
    """The `id`s of the stretches that are furniture; `heights` are the pages' in tenths of a point."""
    if len(pages) < 2:
        return set()
    found: set[int] = set()
    for top in (True, False):
        rows: list[list[Row]] = [[] for _ in range(_OUTERMOST)]
        for number, (stretches, height) in enumerate(zip(pages, heights, strict=True)):
            for depth, row in enumerate(_edge_rows(stretches, height, top)):
                distance = row[0].top if top else height - row[0].bottom
                rows[depth].append((number, distance, _shape(row), row))
        everything = [row for depth in rows for row in depth]
        repeated = _repeated(everything, len(pages))
        repeated |= _band(rows[0], len(pages))
        found |= repeated
    return found


def _edge_rows(stretches: list[Stretch], height: int, top: bool) -> list[list[Stretch]]:
    limit = height * _ZONE
    near = [one for one in stretches if (one.bottom < limit if top else one.top > height - limit)]
    rows = rows_of(near)
    rows = rows[:_OUTERMOST] if top else rows[::-1][:_OUTERMOST]
    if len(rows) > 1:  # the second row counts when it belongs to the first: no head of a table that goes on
        first, second = rows[0][0], rows[1][0]
        apart = max(first.top, second.top) - min(first.bottom, second.bottom)
        return rows if apart < 1.5 * first.height else rows[:1]
    return rows


def _shape(row: list[Stretch]) -> str:
    return _NUMBER.sub("#", " ".join(one.text for one in row).casefold())


def _repeated(rows: list[Row], pages: int) -> set[int]:
    """Rows that say the same, numbers aside, at the same place of several pages."""
    needed = 3 if pages > 4 else 2
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[2]].append(row)
    found: set[int] = set()
    for shape, group in groups.items():
        middle = median(row[1] for row in group)
        same = [row for row in group if abs(row[1] - middle) < _SAME_PLACE]
        enough = 2 if _PAGE_NUMBER.fullmatch(shape) else needed
        if len({row[0] for row in same}) >= enough and len(shape) < 200:
            found |= {id(one) for row in same for one in row[3]}
    return found


def _band(rows: list[Row], pages: int) -> set[int]:
    """Headers that change with the chapter: the outermost rows, when most pages have one there and most repeat."""
    if pages < 5 or not rows:
        return set()
    place = median(row[1] for row in rows)
    same = [row for row in rows if abs(row[1] - place) < _SAME_PLACE / 2]
    shapes = Counter(row[2] for row in same)
    repeating = sum(times for times in shapes.values() if times > 1)
    if len(same) < 0.6 * pages or repeating < 0.6 * len(same):
        return set()
    return {id(one) for row in same for one in row[3]}
