"""From readings to answers: one ranking over all passages, equal answers merged, each with its support."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from unicodedata import category

from ..errors import SpanInvariantError
from ..index.records import Passage, Span
from ..index.results import Hit
from ..index.sentences import sentence_spans
from ..index.words import spoken_words
from .reading import Reading
from .records import Support
from .same_answer import contains_answer, same_answer_key
from .spans import complete

_BARE = frozenset(
    "a an the in on at of to for from by with as and or but if is are was were be i me we us he him she her it they "
    "them this that these those which who whom what my our your his its their".split()
)
_SHINGLE = 5
"""Words in a row that are compared to tell near-duplicate passages."""
_NEAR_DUPLICATE = 0.8
"""Share of the shorter passage's shingles that the other holds too."""


@dataclass(slots=True)
class Decided:
    """An answer before its probability is known, with the places that say the same."""

    hit: Hit
    reading: Reading
    rank: int
    """Of the passage among those read, from 0."""
    start: int
    """Code points of the passage text, as `end`."""
    end: int
    score: float
    """Of the span alone, as the reader gave it."""
    key: str
    sentence: tuple[int, int]
    """The sentence (or sentences) the answer lies in, in code points of the passage text."""
    support: list[Support] = field(default_factory=list)
    copies: set[int] = field(default_factory=set)
    """The near-duplicate groups whose voice has been counted."""

    @property
    def standing(self) -> float:
        return standing(self.score, self.reading, self.rank)

    @property
    def passage(self) -> Passage:
        return self.hit.passage

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]

    @property
    def span(self) -> Span:
        """Code points of the document."""
        shift = self.passage.span.start
        return Span(shift + self.start, shift + self.end)

    def says_the_same(self, other: Decided) -> bool:
        """Equal keys anywhere; in one sentence also one within the other, and at one place any overlap."""
        if self.key == other.key:
            return True
        if self.passage.document.id != other.passage.document.id:
            return False
        apart = other.passage.span.start - self.passage.span.start
        if self.start < other.end + apart and other.start + apart < self.end:
            return True
        if not (self.sentence[0] < other.sentence[1] + apart and other.sentence[0] + apart < self.sentence[1]):
            return False
        return contains_answer(self.key, other.key) or contains_answer(other.key, self.key)


def standing(score: float, reading: Reading, rank: int) -> float:
    """What a span with `score` in the passage at `rank` (from 0) of the search is ranked by.

    The relevance of its passage weighs as much as the span, and the search is believed a little: a good span in a
    passage about something else is the commonest wrong answer. The weights lie in the middle of a flat top, on the
    titles that the calibration is fitted on; see benchmarks/results/errors-by-kind.md.
    """
    return score + reading.relevance - math.log1p(rank)


def decide(hits: Sequence[Hit], readings: Sequence[Reading], question: str = "") -> list[Decided]:
    """Distinct answers to `question` of all passages in one ranking, best first; no two overlap.

    Scores compare across passages: each is a span's logits minus the null score of its own pass. The ranking goes by
    `standing`; ties break by (document id, start). An answer's support is one place per passage that says the same,
    copies of a passage aside.
    """
    distinct: list[Decided] = []
    copies = _near_duplicates([hit.text for hit in hits])
    for one in _found(question, hits, readings):
        best = next((other for other in distinct if other.says_the_same(one)), None)
        if best is None:
            one.copies.add(copies[one.rank])
            distinct.append(one)
        elif copies[one.rank] not in best.copies and not _known_place(best, one):
            best.copies.add(copies[one.rank])
            best.support.append(Support(one.passage.document.id, one.span))
    return distinct


def _found(question: str, hits: Sequence[Hit], readings: Sequence[Reading]) -> list[Decided]:
    found = []
    for rank, (hit, reading) in enumerate(zip(hits, readings, strict=True)):
        text = hit.passage.text
        sentences = sentence_spans(text) if reading.candidates else []
        for candidate in reading.candidates:
            if not 0 <= candidate.start < candidate.end <= len(text):
                raise SpanInvariantError(
                    f"The reader gave the span ({candidate.start}, {candidate.end}) "
                    f"in a passage of {len(text)} characters.",
                    subject=candidate,
                    way_out="Report this with the question and the passage.",
                )
            start, end = complete(question, text, candidate.start, candidate.end)
            if _says_nothing(text[start:end], best=candidate is reading.candidates[0]):
                continue
            around = (
                max((begin for begin, _ in sentences if begin <= start), default=0),
                min((finish for _, finish in sentences if finish >= end), default=len(text)),
            )
            key = same_answer_key(text[start:end])
            found.append(Decided(hit, reading, rank, start, end, candidate.score, key, around))
    found.sort(key=lambda one: (-one.standing, one.passage.document.id, one.span.start))
    return found


def _says_nothing(text: str, best: bool) -> bool:
    """Punctuation, and words like “in” or “We” unless the reading model would choose them first: “It” is a novel."""
    if all(category(character)[0] in "PZ" for character in text):
        return True
    words = spoken_words(text)
    return bool(words) and not best and all(word[0].lower() in _BARE for word in words)


def _known_place(best: Decided, one: Decided) -> bool:
    places = [(best.passage.document.id, best.span), *((place.document_id, place.span) for place in best.support)]
    return any(name == one.passage.document.id and _overlap(span, one.span) for name, span in places)


def _overlap(first: Span, second: Span) -> bool:
    return first.start < second.end and second.start < first.end


def _near_duplicates(texts: Sequence[str]) -> list[int]:
    """For each text the number of its group: texts that hold mostly the same runs of words."""
    groups: list[int] = []
    shingles: list[frozenset[tuple[str, ...]]] = []
    for place, text in enumerate(texts):
        words = re.findall(r"\w+", text.casefold())
        mine = frozenset(tuple(words[i : i + _SHINGLE]) for i in range(max(len(words) - _SHINGLE + 1, 1)))
        same = (
            other
            for other, theirs in enumerate(shingles)
            if len(mine & theirs) >= _NEAR_DUPLICATE * min(len(mine), len(theirs))
        )
        groups.append(groups[first] if (first := next(same, None)) is not None else place)
        shingles.append(mine)
    return groups
