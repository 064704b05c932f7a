"""The figures Spanwise is judged by: words against gold, rankings against judgements, confidence against outcomes.

Units: shares of questions (`em`, `f1`, `accuracy`, `coverage…`) are percent, 0 to 100; `ece`, `auroc`, nDCG, recall and
reciprocal rank are 0 to 1. None stands for a figure that is not defined (no questions, or only one kind of outcome).
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RIGHT_F1 = 0.6
"""An answer is right when its token F1 against gold is at least this (0 to 1)."""
CALIBRATION_BINS = 15
TARGET_ACCURACY = 0.8

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


# Words against gold: the official SQuAD 2.0 script, evaluate-v2.0.py (Rajpurkar et al. 2018).


def normalise(text: str) -> str:
    """Lower case, without ASCII punctuation, without the articles a, an, the, single-spaced; in that order."""
    text = text.lower().translate(_WITHOUT_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", text).split())


def exact_match(prediction: str, gold: str) -> float:
    """1.0 when the normalised texts are equal, else 0.0."""
    return float(normalise(prediction) == normalise(gold))


def token_f1(prediction: str, gold: str) -> float:
    """Harmonic mean of precision and recall over normalised tokens, with their counts, 0 to 1.

    When either side has no tokens: 1.0 if neither has, else 0.0.
    """
    said, wanted = normalise(prediction).split(), normalise(gold).split()
    if not said or not wanted:
        return float(said == wanted)
    shared = sum((Counter(said) & Counter(wanted)).values())
    return 2 * shared / (len(said) + len(wanted))


@dataclass(frozen=True, slots=True)
class TextScore:
    """One prediction against its gold answers; `em` and `f1` are 0 to 1."""

    em: float
    f1: float
    answerable: bool

    @property
    def right(self) -> bool:
        """Whether the prediction counts as a right answer; an answer to an unanswerable question never does."""
        return self.answerable and self.f1 >= RIGHT_F1


def score_text(prediction: str, golds: Sequence[str]) -> TextScore:
    """The best EM and the best F1 of `prediction` over `golds`.

    `golds` is empty for an unanswerable question: then the empty prediction is right, and nothing else is. As in the
    official script, golds that normalise to nothing are passed over, and count as the empty answer if no other is left.
    """
    wanted = [gold for gold in golds if normalise(gold)] or [""]
    return TextScore(
        em=max(exact_match(prediction, gold) for gold in wanted),
        f1=max(token_f1(prediction, gold) for gold in wanted),
        answerable=bool(golds),
    )


def mean_text(scores: Sequence[TextScore]) -> dict[str, Any]:
    """`{n, em, f1}` in percent."""
    return {
        "n": len(scores),
        "em": _percent([score.em for score in scores]),
        "f1": _percent([score.f1 for score in scores]),
    }


def aggregate(scores: Sequence[TextScore]) -> dict[str, Any]:
    """`{n, em, f1, has_ans: {n, em, f1}, no_ans: {n, accuracy}}` in percent, as the official script sums up."""
    no_ans = [score.f1 for score in scores if not score.answerable]
    return {
        **mean_text(scores),
        "has_ans": mean_text([score for score in scores if score.answerable]),
        "no_ans": {"n": len(no_ans), "accuracy": _percent(no_ans)},
    }


def _percent(values: Sequence[float]) -> float | None:
    return 100 * sum(values) / len(values) if values else None


# Rankings against judgements. `ranking` holds document ids, best first, none twice; `relevant` maps ids to grades,
# and a grade of 0 or below is the same as none.


def ndcg(ranking: Sequence[str], relevant: Mapping[str, float], k: int = 10) -> float:
    """nDCG@k with linear gain, as trec_eval's `ndcg_cut` and BEIR have it: sum of grade / log2(rank + 1), over the
    same sum for the best possible ranking.
    """
    ideal = _discounted(sorted(relevant.values(), reverse=True)[:k])
    return _discounted([relevant.get(name, 0.0) for name in ranking[:k]]) / ideal if ideal else 0.0


def recall(ranking: Sequence[str], relevant: Mapping[str, float], k: int = 20) -> float:
    """The share of the relevant documents among the first `k`."""
    wanted = {name for name, grade in relevant.items() if grade > 0}
    return len(wanted.intersection(ranking[:k])) / len(wanted) if wanted else 0.0


def reciprocal_rank(ranking: Sequence[str], relevant: Mapping[str, float], k: int = 10) -> float:
    """1 / the rank of the first relevant document among the first `k`, else 0. Its mean is MRR@k."""
    for rank, name in enumerate(ranking[:k], start=1):
        if relevant.get(name, 0.0) > 0:
            return 1 / rank
    return 0.0


def _discounted(grades: Sequence[float]) -> float:
    return float(sum(max(grade, 0.0) / np.log2(rank + 1) for rank, grade in enumerate(grades, start=1)))


# Confidence against outcomes. One number and one outcome (right or not) per question, in the same order.


def reliability(
    probabilities: Sequence[float], right: Sequence[bool], bins: int = CALIBRATION_BINS
) -> list[dict[str, Any]]:
    """Equal-mass bins by rising probability: `[{n, probability, accuracy}]`, the means in each, 0 to 1.

    Sizes differ by at most one, the larger bins first; with fewer questions than bins each question is one bin.
    Questions of equal probability share their mean outcome, so that it does not matter which bin each falls into.
    """
    values, outcomes = _paired(probabilities, right)
    if not len(values):
        return []
    if values.min() < 0 or values.max() > 1:
        raise ValueError("probabilities lie between 0 and 1")
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    outcomes = (np.bincount(group, weights=outcomes) / size)[group]
    order = np.argsort(values, kind="stable")
    return [
        {"n": len(chosen), "probability": float(values[chosen].mean()), "accuracy": float(outcomes[chosen].mean())}
        for chosen in np.array_split(order, min(bins, len(order)))
    ]


def expected_calibration_error(
    probabilities: Sequence[float], right: Sequence[bool], bins: int = CALIBRATION_BINS
) -> float | None:
    """Mean over questions of |accuracy - probability| of their equal-mass bin, 0 to 1 (Nguyen & O'Connor 2015).

    A constant probability equal to the accuracy scores 0: read it next to `auroc`.
    """
    table = reliability(probabilities, right, bins)
    if not table:
        return None
    return float(sum(b["n"] * abs(b["accuracy"] - b["probability"]) for b in table) / len(probabilities))


def auroc(scores: Sequence[float], right: Sequence[bool]) -> float | None:
    """P(a right answer scores above a wrong one), ties counting one half (Mann-Whitney). None if there is one kind."""
    values, outcomes = _paired(scores, right)
    positives = int(outcomes.sum())
    negatives = len(outcomes) - positives
    if not positives or not negatives:
        return None
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[group]  # ranks from 1, equal scores share their mean rank
    return float((rank[outcomes > 0].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def risk_coverage(scores: Sequence[float], right: Sequence[bool]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coverage (rising, up to 1) and risk (share of wrong answers among those given), one point per distinct score.

    A point is a threshold one could set: all questions of that score or above are answered.
    """
    values, outcomes = _paired(scores, right)
    if not len(values):
        return np.empty(0), np.empty(0)
    order = np.argsort(-values, kind="stable")
    values, outcomes = values[order], outcomes[order]
    given = np.append(np.flatnonzero(np.diff(values)), len(values) - 1) + 1
    return given / len(values), 1 - np.cumsum(outcomes)[given - 1] / given


def coverage_at_accuracy(
    scores: Sequence[float], right: Sequence[bool], accuracy: float = TARGET_ACCURACY
) -> float | None:
    """The largest share of questions (percent) that some threshold answers with at least `accuracy` (0 to 1) right."""
    coverage, risk = risk_coverage(scores, right)
    if not len(coverage):
        return None
    good_enough = risk <= 1 - accuracy + 1e-12  # 1 - 4/5 is not exactly 0.2
    return float(100 * coverage[good_enough].max(initial=0.0))


def confidence(probabilities: Sequence[float], right: Sequence[bool]) -> dict[str, Any]:
    """What is reported of probabilities: `{n, accuracy, ece, auroc, coverage_at_80, reliability}`."""
    return {
        "n": len(probabilities),
        "accuracy": _percent([float(outcome) for outcome in right]),
        "ece": expected_calibration_error(probabilities, right),
        "auroc": auroc(probabilities, right),
        "coverage_at_80": coverage_at_accuracy(probabilities, right),
        "reliability": reliability(probabilities, right),
    }


def rounded(value: Any) -> Any:
    """`value`, numbers in it rounded to four decimals, as reports have them."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: rounded(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(member) for member in value]
    return value


def _paired(numbers: Sequence[float], right: Sequence[bool]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values = np.asarray(numbers, dtype=np.float64)
    outcomes = np.asarray(right, dtype=np.float64)
    if values.ndim != 1 or values.shape != outcomes.shape:
        raise ValueError(f"one outcome per number is needed, got shapes {values.shape} and {outcomes.shape}")
    if not np.isfinite(values).all():
        raise ValueError("every number must be finite")
    return values, outcomes


def milliseconds(seconds: Sequence[float]) -> dict[str, float | None]:
    """`{p50_ms, p95_ms}` of durations in seconds.

    The first is left out where there are others: it also loads the models.
    """
    kept = [1000 * value for value in (seconds[1:] or seconds)]
    if not kept:
        return {"p50_ms": None, "p95_ms": None}
    return {"p50_ms": float(np.percentile(kept, 50)), "p95_ms": float(np.percentile(kept, 95))}
