"""Judging the reading model alone: given the gold passage, it finds the words that answer, or sees there are none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import SpanInvariantError
from ...index.markup import blank_markup
from .datasets import Row
from .metrics import TextScore, aggregate, confidence, mean_text, score_text
from .progress import Step, unseen

if TYPE_CHECKING:
    from ..reading import Reader


@dataclass(frozen=True, slots=True)
class ReadOutcome:
    """What the reader said to one question, scored."""

    row: Row
    prediction: str
    """As shipped: empty where the best score is not above the reader's threshold."""
    forced: str
    """The best span whatever its score; empty only where there is no candidate at all."""
    score: float | None
    """Score of the best span, None without one."""

    @property
    def shipped_score(self) -> TextScore:
        return score_text(self.prediction, self.row.golds)

    @property
    def forced_score(self) -> TextScore:
        return score_text(self.forced, self.row.golds)


def evaluate_reading(
    rows: Sequence[Row],
    reader: Reader,
    *,
    probability: Callable[[float], float] | None = None,
    on_step: Step = unseen,
) -> dict[str, Any]:
    """The reader's figures on `rows`, each context handed over whole as one passage.

    `probability` maps a span score to P(the span is right), 0 to 1; given, `confidence` reports on it. For the keys see
    `summarise_reading`. Raises SpanInvariantError for a span outside its passage.
    """
    outcomes = []
    for row in rows:
        outcomes.append(read_passage(row, row.context, reader))
        on_step()
    return summarise_reading(outcomes, probability)


def read_passage(row: Row, passage: str, reader: Reader) -> ReadOutcome:
    """What `reader` finds in `passage` for the question of `row`, at its own threshold.

    It sees what the engine shows it, a copy with markup blanked. Raises SpanInvariantError for a span outside.
    """
    (reading,) = reader.read(blank_markup(row.question), [blank_markup(passage)])
    if not reading.candidates:
        return ReadOutcome(row, prediction="", forced="", score=None)
    best = reading.candidates[0]
    if not 0 <= best.start < best.end <= len(passage):
        raise SpanInvariantError(
            f"The reader gave the span ({best.start}, {best.end}) in a passage of {len(passage)} characters.",
            subject=best,
            way_out="Report this with the question and the passage.",
        )
    words = passage[best.start : best.end]
    return ReadOutcome(row, words if best.score > reader.threshold else "", words, best.score)


def summarise_reading(
    outcomes: Sequence[ReadOutcome], probability: Callable[[float], float] | None = None
) -> dict[str, Any]:
    """`{n, em, f1, has_ans, no_ans, forced: {n, em, f1}, confidence}`.

    The first five are the shipped threshold's; `forced` is of the answerable questions when an answer must be given;
    `confidence` is of the best span of every question (to an unanswerable one it is wrong), or None.
    """
    forced = [outcome.forced_score for outcome in outcomes]
    report = aggregate([outcome.shipped_score for outcome in outcomes])
    report["forced"] = mean_text([score for score in forced if score.answerable])
    report["confidence"] = None
    if probability is not None:
        chances = [0.0 if outcome.score is None else probability(outcome.score) for outcome in outcomes]
        report["confidence"] = confidence(chances, [score.right for score in forced])
    return report
