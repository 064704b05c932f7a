"""When enough has been read: the best answer is so sure, and the passages left are so far behind, that none of them
could change it.

The rule looks at what answers are ranked by, never at the clock, and at the same points whatever the number of cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

STEP = 2
"""Passages read between two looks."""
KEPT = 0.995
"""Share of the questions whose best answer must be what reading everything gives; a rule is fitted twice as strict."""


@dataclass(frozen=True, slots=True)
class StopRule:
    """Both must hold for reading to stop."""

    score: float
    """The best standing so far (`deciding.standing`) is at least this."""
    lead: float
    """And its passage was retrieved with a fused score so much above the next one to be read."""


def enough(rule: StopRule | None, scores: Sequence[float], fused: Sequence[float]) -> int | None:
    """After how many passages reading may stop, given what is known of the first `len(scores)`; None: read on.

    `scores` are the standings of the best spans of the passages read, in the order of `fused`, the retrieval scores
    of all.
    """
    if rule is None:
        return None
    for read in range(STEP, min(len(scores), len(fused) - 1) + 1, STEP):
        best = int(np.argmax(scores[:read]))
        if scores[best] >= rule.score and fused[best] - fused[read] >= rule.lead:
            return read
    return None


def fit_rule(
    questions: Sequence[tuple[Sequence[float], Sequence[float], Sequence[str]]], silent_below: float
) -> StopRule | None:
    """The rule that reads least while hardly any best answer changes; None when every rule changes too many.

    A question is the standings of its passages' best spans, fused scores, and best answers. Below `silent_below` an
    answer counts as silence, whatever its words.
    """
    rules = [StopRule(float(score), lead / 20) for score in range(2, 16) for lead in range(11)]
    allowed = (1 - KEPT) / 2 * len(questions)
    best: tuple[int, StopRule] | None = None
    for rule in rules:
        changed = passages = 0
        for scores, fused, answers in questions:
            read = enough(rule, scores, fused)
            passages += len(scores) if read is None else read
            changed += read is not None and not _same(scores, answers, read, silent_below)
        if changed <= allowed and (best is None or passages < best[0]):
            best = (passages, rule)
    return best[1] if best else None


def _same(scores: Sequence[float], answers: Sequence[str], read: int, silent_below: float) -> bool:
    now, all_read = int(np.argmax(scores[:read])), int(np.argmax(scores))
    return answers[now] == answers[all_read] or max(scores) < silent_below
