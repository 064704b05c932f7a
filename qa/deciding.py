"""From readings to answers: one ranking over all passages, equal answers merged, a probability for each."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import SpanInvariantError
from ..index.records import Passage, Span
from .reading import Reading
from .records import Answer, Support


@dataclass(slots=True)
class Decided:
    """An answer before its probability is known, with the places that say the same."""

    passage: Passage
    start: int
    """Code points of the passage text, as `end`."""
    end: int
    score: float
    support: list[Support] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]

    @property
    def span(self) -> Span:
        """Code points of the document."""
        return Span(self.passage.span.start + self.start, self.passage.span.start + self.end)


def decide(passages: Sequence[Passage], readings: Sequence[Reading]) -> list[Decided]:
    """Distinct answers of all passages in one ranking, best first.

    Scores compare across passages: each is a span's logits minus the null score of its own pass. Ties break by
    (document id, start).
    """
    found = []
    for passage, reading in zip(passages, readings, strict=True):
        for candidate in reading.candidates:
            if not 0 <= candidate.start < candidate.end <= len(passage.text):
                raise SpanInvariantError("The reading model named characters outside its passage.", subject=candidate)
            found.append(Decided(passage, candidate.start, candidate.end, candidate.score))
    found.sort(key=lambda one: (-one.score, one.passage.document.id, one.span.start))
    distinct: dict[str, Decided] = {}
    for one in found:
        best = distinct.setdefault(same_answer_key(one.text), one)
        if best is not one:
            best.support.append(Support(one.passage.document.id, one.span))
    return list(distinct.values())


def as_answer(decided: Decided, threshold: float) -> Answer:
    """The answer with its probability: until a calibrator is fitted, the logistic of the score above the threshold."""
    inner = Span(decided.start, decided.end).utf16(decided.passage.text)
    shift = decided.passage.span_utf16.start
    return Answer(
        text=decided.text,
        probability=probability(decided.score, threshold),
        span=decided.span,
        span_utf16=Span(shift + inner.start, shift + inner.end),
        passage=decided.passage,
        support=tuple(decided.support),
    )


def probability(score: float, threshold: float) -> float:
    """0.5 at the threshold. Not fitted on labels yet: `AskResult.calibrated` says so."""
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, score - threshold))))


def same_answer_key(text: str) -> str:
    """Equal for answers that say the same in the same words: case, punctuation, spacing and leading articles aside."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(character if character.isalnum() else " " for character in folded).split()
    while len(words) > 1 and words[0] in ("the", "a", "an"):
        words.pop(0)
    return " ".join(words) or folded
