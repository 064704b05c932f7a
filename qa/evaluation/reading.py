"""Judging the reading model alone: given the gold passage, it finds the words that answer, or sees there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..calibration import Calibration
from ..handed_over import judge_handed_over, read_handed_over
from .datasets import Row
from .metrics import TextScore, aggregate, confidence, mean_text, score_text
from .progress import Step, unseen

if TYPE_CHECKING:
    from ..reading import Reader


@dataclass(frozen=True, slots=True)
class ReadOutcome:
    """What was said to one question, scored."""

    row: Row
    prediction: str
    """The reader's own: empty where the best score is not above its threshold."""
    forced: str
    """The best span whatever its score; empty only where there is no candidate at all."""
    judged: str
    """What is shown to a caller: the best answer, empty where it is less probable than the calibration asks for."""
    probability: float
    """Of the best answer being right, 0 without one."""

    @property
    def shipped_score(self) -> TextScore:
        return score_text(self.prediction, self.row.golds)

    @property
    def forced_score(self) -> TextScore:
        return score_text(self.forced, self.row.golds)

    @property
    def judged_score(self) -> TextScore:
        return score_text(self.judged, self.row.golds)


def evaluate_reading(
    rows: Sequence[Row], reader: Reader, *, calibration: Calibration | None = None, on_step: Step = unseen
) -> dict[str, Any]:
    """The reader's figures on `rows`, each context handed over whole as one passage.

    Without a `calibration` probabilities are `calibration.uncalibrated`. For the keys see `summarise_reading`. Raises
    SpanInvariantError for a span outside its passage.
    """
    outcomes = []
    for row in rows:
        outcomes.append(read_passage(row, row.context, reader, calibration))
        on_step()
    return summarise_reading(outcomes)


def read_passage(row: Row, passage: str, reader: Reader, calibration: Calibration | None = None) -> ReadOutcome:
    """What `reader` finds in `passage` for the question of `row`, at its own threshold and as it is judged.

    Raises SpanInvariantError for a span outside.
    """
    reading, ranking = read_handed_over(row.question, passage, reader)
    if not reading.candidates:
        return ReadOutcome(row, prediction="", forced="", judged="", probability=0.0)
    best = reading.candidates[0]
    words = passage[best.start : best.end]
    judged = judge_handed_over(row.question, ranking, reader.threshold, calibration)
    shown = bool(ranking) and judged.right[0] >= judged.answer_above
    return ReadOutcome(
        row,
        prediction=words if best.score > reader.threshold else "",
        forced=words,
        judged=ranking[0].text if shown else "",
        probability=judged.right[0] if ranking else 0.0,
    )


def summarise_reading(outcomes: Sequence[ReadOutcome]) -> dict[str, Any]:
    """`{n, em, f1, has_ans, no_ans, forced: {n, em, f1}, judged: {n, em, f1, has_ans, no_ans}, confidence}`.

    The first five are the reader's threshold's, `judged` are those of the probability that decides what is shown;
    `forced` is of the answerable questions when an answer must be given; `confidence` is of the best answer of every
    question (to an unanswerable one it is wrong).
    """
    forced = [outcome.forced_score for outcome in outcomes]
    report = aggregate([outcome.shipped_score for outcome in outcomes])
    report["forced"] = mean_text([score for score in forced if score.answerable])
    report["judged"] = aggregate([outcome.judged_score for outcome in outcomes])
    report["confidence"] = confidence([outcome.probability for outcome in outcomes], [score.right for score in forced])
    return report
