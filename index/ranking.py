"""From a query to its ranking: one fixed sequence of passages for a generation, of which every page is a slice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .embedding import Vectors
from .filters import Where
from .fusion import Fused, exact_first, fuse
from .records import Passage, Span
from .results import Scores
from .store import PassageKey, View, WordQuery
from .timings import stage

Mode = Literal["hybrid", "dense", "lexical"]
CANDIDATES = 50
"""Passages taken from each ranking before they are fused; four times as many in each further round."""
SEARCH_WEIGHT = 6.0
"""Logits of relevance that a whole point of the search's score counts for, where a reading model re-ranks. Chosen on
development corpora, see `docs/decisions/0003-fusion.md`."""
_READ_TOGETHER = 16
_WIDEST_GAP = 100


@dataclass(frozen=True, slots=True)
class Ranked:
    """A passage of a ranking and how it got there."""

    candidate: Fused
    passage: Passage
    relevance: float | None = None

    @property
    def scores(self) -> Scores:
        return Scores(self.candidate.fused, self.candidate.dense, self.candidate.lexical, self.relevance)

    @property
    def place(self) -> tuple[str, int]:
        """What ties break by."""
        return self.passage.document.id, self.passage.span.start


def rank(
    view: View, words: WordQuery, vector: Callable[[], Vectors] | None, mode: Mode, where: Where | None = None
) -> Iterator[Ranked]:
    """The passages that `where` allows, best first, each once. `words` and `vector` are those of the query; the vector
    is asked for when the words have been looked for, and is None only for `lexical`. Passages with the exact words come
    first, but in `dense`.

    The nearest 50 of either way of searching are fused and ranked; whoever reads on gets what further rounds find
    beyond them. Fused scores of one round compare with each other.
    """
    ranked: set[int] = set()
    depth = CANDIDATES
    meaning: Vectors | None = None
    while True:
        lexical: dict[PassageKey, float] = {}
        dense: dict[PassageKey, float] = {}
        if mode != "dense":
            with stage("lexical"):
                lexical = dict(view.lexical(words, depth, where))
        if mode != "lexical" and vector is not None:
            meaning = vector() if meaning is None else meaning
            with stage("dense"):
                dense = dict(view.dense(meaning, depth, where))
        more = max(len(lexical), len(dense)) == depth
        if dense and meaning is not None:
            with stage("dense"):
                dense |= view.similarities(meaning, [key for key in lexical if key not in dense])
        with stage("fuse"):
            candidates = fuse(dense, lexical)
            if mode != "dense":
                candidates = exact_first(candidates, view.exact(words, [candidate.key for candidate in candidates]))
            candidates = [candidate for candidate in candidates if candidate.key not in ranked]
        yield from _placed(view, candidates)
        if not more:
            return
        ranked |= {candidate.key for candidate in candidates}
        depth *= 4


def _placed(view: View, candidates: list[Fused]) -> Iterator[Ranked]:
    """The candidates with their passages; equal scores in the order of document and place, however they were stored."""
    start = 0
    while start < len(candidates):
        end = min(start + _READ_TOGETHER, len(candidates))
        while end < len(candidates) and candidates[end].fused == candidates[end - 1].fused:
            end += 1
        with stage("fuse"):
            passages = view.passages([candidate.key for candidate in candidates[start:end]])
            found = [Ranked(one, passages[one.key]) for one in candidates[start:end] if one.key in passages]
            found.sort(key=lambda ranked: (-ranked.candidate.fused, ranked.place))
        yield from found
        start = end


def reranked(head: Sequence[Ranked], relevance: Sequence[float]) -> list[Ranked]:
    """The passages of `head` by the `relevance` (a logit) that a reading model gives each, plus `SEARCH_WEIGHT` times
    the score of the search: what a passage says and how it was found are two witnesses."""
    judged = [replace(one, relevance=logit) for one, logit in zip(head, relevance, strict=True)]
    return sorted(judged, key=lambda one: (-(one.relevance or 0.0) - SEARCH_WEIGHT * one.candidate.fused, one.place))


def take(view: View, ranking: Iterable[Ranked], most: int, *, merge: bool) -> tuple[list[list[Ranked]], int, bool]:
    """The first `most` groups of `ranking`, how many passages they took, and whether there are more.

    A group is a passage and, with `merge`, those behind it in the ranking that adjoin it in its section: at most what
    stands directly before and after the best one, so that a group does not grow along a whole document.
    """
    groups: list[list[Ranked]] = []
    taken = 0
    for one in ranking:
        group = next((group for group in groups if merge and _adjoin(view, group[0].passage, one.passage)), None)
        if group is not None:
            group.append(one)
        elif len(groups) < most:
            groups.append([one])
        else:
            return groups, taken, True
        taken += 1
    return groups, taken, False


def _adjoin(view: View, one: Passage, other: Passage) -> bool:
    if (one.document.id, one.heading) != (other.document.id, other.heading):
        return False
    end, start = min(one.span.end, other.span.end), max(one.span.start, other.span.start)
    if end >= start:
        return True
    between = view.slice(one.document, Span(end, start)) if start - end <= _WIDEST_GAP else None
    return between is not None and not between.strip()


def union(view: View, group: list[Ranked]) -> Passage:
    """The passage that covers those of `group`."""
    best = group[0].passage
    first = min((one.passage for one in group), key=lambda passage: passage.span.start)
    last = max((one.passage for one in group), key=lambda passage: passage.span.end)
    span = Span(first.span.start, last.span.end)
    text = best.text if span == best.span else view.slice(best.document, span)
    assert text is not None  # of the same view
    utf16 = Span(first.span_utf16.start, last.span_utf16.end)
    tables = tuple(dict.fromkeys(table for one in group for table in one.passage.tables))
    return Passage(best.document, span, text, utf16, best.heading, first.page, best.prefix, tables)
