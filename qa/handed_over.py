"""Answers from one passage that was handed over, without a collection or a search."""

from __future__ import annotations

from ..index.records import DocumentInfo, Passage, Span
from ..index.results import Hit, Scores
from .calibration import Calibration, Judged, judge_ranking
from .correcting import corrected_reading
from .deciding import Decided, decide
from .reading import Reader, Reading
from .shown import read_passages

_NOWHERE = DocumentInfo("context", None, None, {}, "", "text/plain", 0, 1, "")


def read_handed_over(question: str, context: str, reader: Reader, *, top_n: int = 5) -> tuple[Reading, list[Decided]]:
    """What `reader` finds in `context`, whole: as it read it, and its distinct answers, best first.

    It sees what the engine shows it, a copy with markup blanked. Raises SpanInvariantError for a span outside.
    """
    passage = Passage(_NOWHERE, Span(0, len(context)), context, Span(0, 0))
    (reading,) = read_passages(reader, question, [passage], top_n=top_n)
    return reading, decide([Hit(passage, Scores(0.0))], [corrected_reading(question, context, reading)], question)


def judge_handed_over(
    question: str, ranking: list[Decided], threshold: float, calibration: Calibration | None
) -> Judged:
    """Probabilities of answers found by `read_handed_over`."""
    return judge_ranking(question, ranking, threshold, calibration, "passage")
