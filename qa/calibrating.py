"""Fitting a calibration to labelled questions: the shipped one from nothing, a user's own on top of what there is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import SourceError
from .calibration import SIGNS, Calibration, Judge, Regime, judge_ranking
from .deciding import Decided
from .evaluation.files import json_objects, read_text, row_error, text_value
from .evaluation.metrics import confidence, score_text
from .features import Features, features
from .fitting import Logistic, fit_logistic
from .reading import Reader

Rank = Callable[[str], Sequence[Decided]]
"""All distinct answers of a collection to a question, best first, before anything is judged."""
LOWER_PLACES = 3
"""Answers below the best that the fit for lower answers sees."""
FOLDS = 5
LEAST_LABELS = 20
_UNFITTED = Judge(Logistic(0.0, {"margin": 1.0}), Logistic(0.0, {"margin": 1.0}), Logistic(0.0, {"margin": -1.0}), 0.5)


@dataclass(frozen=True, slots=True)
class Label:
    """A question and the answers that are right; none when the documents do not answer it, unless some are known to be
    `wrong`: then what is right is not known."""

    question: str
    answers: tuple[str, ...]
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """A labelled question and what the engine found for it."""

    question: str
    answers: tuple[str, ...]
    ranking: Sequence[Decided]
    open: bool = False
    """Whether only this is known: the best answer is wrong."""

    def right(self, place: int) -> bool:
        """Whether the answer at `place` is right: token F1 of 0.6 or more against a gold answer."""
        return score_text(self.ranking[place].text, self.answers).right


def read_labels(path: Path) -> list[Label]:
    """Labels from JSONL: `{"question": …, "answer": text or null}`, or `"answers": [text, …]`, empty for none.

    `"wrong": [text, …]` lists answers that are wrong; without answers that says nothing of what is right.

    Raises SourceError that names the row.
    """
    labels = []
    for number, record in json_objects(path, read_text(path)):
        question = text_value(path, number, record, "question")
        if "answers" in record:
            given = record["answers"]
        elif "answer" in record:
            given = [] if record["answer"] is None else [record["answer"]]
        else:
            raise row_error(path, number, 'neither "answer" nor "answers".', "Give null where nothing answers it.")
        given_wrong = record.get("wrong", [])
        texts, wrong = (
            [_text(one) for one in several] if isinstance(several, list) else [""] for several in (given, given_wrong)
        )
        if not all([*texts, *wrong]):
            raise row_error(path, number, "an answer is not a text.", 'Give "answer": "…" or "answers": ["…"].')
        labels.append(Label(question, tuple(texts), tuple(wrong)))
    return labels


def gather(labels: Sequence[Label], rank: Rank, on_step: Callable[[], None] | None = None) -> list[Evidence]:
    """What `rank` finds for each label; labels that name only wrong answers are left out where the best answer is none
    of them."""
    found = []
    for label in labels:
        ranking = rank(label.question)
        unknown = bool(label.wrong) and not label.answers
        if not unknown or (ranking and score_text(ranking[0].text, label.wrong).right):
            found.append(Evidence(label.question, label.answers, ranking, unknown))
        if on_step:
            on_step()
    return found


def fit_judge(evidence: Sequence[Evidence], regime: Regime, threshold: float) -> Judge:
    """A judge fitted from nothing, as if half of the questions had an answer; a thousand labels are wanted."""
    right, lower, silent = (
        fit_logistic(rows, outcomes, SIGNS[regime], counts=counts)
        for rows, outcomes, counts in _examples(evidence, threshold)
    )
    judge = Judge(right, lower, silent, 0.5)
    return replace(judge, answer_above=best_answer_above(judged(judge, evidence, threshold)[0], evidence))


def adjust_judge(judge: Judge, evidence: Sequence[Evidence], threshold: float) -> Judge:
    """`judge` moved to fit a user's labels: a slope and a shift of each log-odds (Platt 1999), two numbers that a few
    dozen labels can carry. The weights against each other stay."""
    right, lower, silent = _examples(evidence, threshold)
    adjusted = Judge(
        _adjusted(judge.right, right),
        _adjusted(judge.lower, lower),
        _adjusted(judge.no_answer, silent),
        judge.answer_above,
    )
    return replace(adjusted, answer_above=best_answer_above(judged(adjusted, evidence, threshold)[0], evidence))


def best_answer_above(probabilities: Sequence[float], evidence: Sequence[Evidence]) -> float:
    """The probability from which answering pays: most questions end well, as a right answer or a right silence.

    Questions with and without an answer weigh the same. The best threshold is drawn by chance from a flat top, so it is
    the middle of those that do as well but for half a standard error.
    """
    known = [bool(one.answers) or one.open for one in evidence]
    weights = {True: 0.5 / max(sum(known), 1), False: 0.5 / max(len(known) - sum(known), 1)}
    rows = sorted(
        (probability, weights[has], bool(one.ranking) and one.right(0), has)
        for probability, has, one in zip(probabilities, known, evidence, strict=True)
    )
    if not rows or all(known) or not any(known):
        return 0.5
    # Rising through the thresholds, each question falls silent in turn: a right answer is lost, a right silence won.
    value, least, runs = sum(weight for _, weight, right, _ in rows if right), 0.0, []
    for probability, weight, right, has in [*rows, (1.0, 0.0, False, True)]:
        if probability > least:
            runs.append((value, least, probability))
        value += 0.0 if has and not right else -weight if has else weight
        least = probability
    best = max(value for value, _, _ in runs)
    slack = math.sqrt(best * (1 - best) / len(rows)) / 2 if best < 1 else 1e-12
    close = [run for run in runs if run[0] >= best - slack]
    return min(max((close[0][1] + close[-1][2]) / 2, 0.05), 0.95)


def judged(judge: Judge, evidence: Sequence[Evidence], threshold: float) -> tuple[list[float], list[bool]]:
    """Probability of each best answer, and whether it is right."""
    calibration = Calibration("", judge, judge)
    found = [judge_ranking(one.question, one.ranking, threshold, calibration) for one in evidence]
    right = [bool(one.ranking) and one.right(0) for one in evidence]
    return [one.right[0] if one.right else 0.0 for one in found], right


def reliability_report(judge: Judge, evidence: Sequence[Evidence], threshold: float) -> dict[str, Any]:
    """How `judge` does on `evidence`: `confidence`'s figures of the best answer, and the share handled well."""
    probabilities, right = judged(judge, evidence, threshold)
    well = [
        hit if probability >= judge.answer_above else not one.answers
        for probability, hit, one in zip(probabilities, right, evidence, strict=True)
    ]
    return {**confidence(probabilities, right), "handled_well": 100 * sum(well) / len(well)}


def fitted_to_labels(
    labels: Sequence[Label],
    rank: Rank,
    current: Calibration | None,
    reader: Reader,
    on_step: Callable[[], None] | None = None,
) -> Calibration:
    """`current`, or one from nothing for `reader`, with the probabilities of collections fitted to `labels`. Its report
    says how reliable they were before and are after.

    `after` is cross-validated: every label is judged by a fit that has not seen it. Raises SourceError for fewer than
    20 labels.
    """
    _check_enough(labels)
    threshold = reader.threshold
    judge = current.collection if current else _UNFITTED
    evidence = gather(labels, rank, on_step)
    _check_enough(evidence)
    probabilities: list[float] = []
    right: list[bool] = []
    for fold in range(FOLDS):
        held = evidence[fold::FOLDS]
        some, outcomes = judged(adjust_judge(judge, without_fold(evidence, fold), threshold), held, threshold)
        probabilities += some
        right += outcomes
    adjusted = adjust_judge(judge, evidence, threshold)
    report = {
        "labels": len(evidence),
        "answerable": sum(bool(one.answers) for one in evidence),
        "before": reliability_report(judge, evidence, threshold),
        "after": confidence(probabilities, right),
        "answer_above": adjusted.answer_above,
    }
    return replace(current or Calibration(reader.fingerprint, _UNFITTED, _UNFITTED), collection=adjusted, report=report)


def without_fold(evidence: Sequence[Evidence], fold: int) -> list[Evidence]:
    """What a cross-validated fit sees when it is to judge `evidence[fold::FOLDS]`."""
    return [one for place, one in enumerate(evidence) if place % FOLDS != fold]


def _check_enough(labels: Sequence[object]) -> None:
    if len(labels) < LEAST_LABELS:
        raise SourceError(
            f"{len(labels)} labels are too few to fit probabilities to.",
            subject=len(labels),
            way_out=f"Label at least {LEAST_LABELS} questions, better 100, some of them without an answer.",
        )


def _text(answer: object) -> str:
    """An answer's text, given as it is or as SQuAD has it; empty where it is neither."""
    text = answer.get("text") if isinstance(answer, dict) else answer
    return text.strip() if isinstance(text, str) else ""


Examples = tuple[list[Features], list[bool], list[float]]
"""Signs, outcomes, and how often each counts when questions with and without an answer weigh the same."""


def _examples(evidence: Sequence[Evidence], threshold: float) -> tuple[Examples, Examples, Examples]:
    """For the three fits: best answers, lower answers, and whether there was no answer."""
    right: Examples = ([], [], [])
    lower: Examples = ([], [], [])
    silent: Examples = ([], [], [])
    answered = sum(bool(one.answers) or one.open for one in evidence)
    half = len(evidence) / 2
    for one in evidence:
        count = half / (answered if one.answers or one.open else len(evidence) - answered)
        for place in range(1 if one.open else min(len(one.ranking), 1 + LOWER_PLACES)):
            signs = features(one.question, one.ranking, place, threshold)
            rows, outcomes, counts = lower if place else right
            rows.append(signs)
            outcomes.append(one.right(place))
            counts.append(count)
            if not place and not one.open:
                silent[0].append(signs)
                silent[1].append(not one.answers)
                silent[2].append(count)
    return right, lower, silent


def _adjusted(fit: Logistic, examples: Examples) -> Logistic:
    rows, outcomes, _ = examples  # a user's labels are taken in the mix they come in
    logits = [{"logit": math.log(p / (1 - p))} for p in map(fit, rows)]
    if len(set(outcomes)) < 2:
        return fit
    moved = fit_logistic(logits, outcomes, ("logit",))
    slope = max(moved.weights.get("logit", 0.0), 0.05)  # labels that speak against the order are too few, not right
    return Logistic(
        moved.intercept + slope * fit.intercept, {name: slope * weight for name, weight in fit.weights.items()}
    )
