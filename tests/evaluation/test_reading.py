"""The reader alone, with answers worked out by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from spanwise import SourceError, SpanInvariantError
from spanwise.qa.calibration import Calibration, Judge
from spanwise.qa.evaluation.datasets import Gold, Row
from spanwise.qa.evaluation.reading import evaluate_reading
from spanwise.qa.evaluation.run import run_reading
from spanwise.qa.fitting import Logistic
from spanwise.qa.reading import Candidate, Reading
from spanwise.testing import ScriptedReader

CONTEXT = "The games conclude Feb. 20 in Beijing."


class FixedReader:
    """Gives each question its own candidates."""

    fingerprint = "fixed"

    def __init__(self, candidates: dict[str, list[Candidate]], threshold: float = 0.0) -> None:
        self.threshold = threshold
        self._candidates = candidates

    def read(self, question: str, passages: Sequence[str], *, top_n: int = 5) -> list[Reading]:
        assert list(passages) == [CONTEXT]  # the gold passage, whole
        return [Reading(0.0, 0.0, tuple(self._candidates[question]))]


def row(question: str, *answers: str) -> Row:
    golds = tuple(Gold(answer, CONTEXT.index(answer)) for answer in answers)
    return Row(question, "", CONTEXT, question, golds)


def span(text: str, score: float) -> Candidate:
    start = CONTEXT.index(text)
    return Candidate(start, start + len(text), score)


ROWS = [
    row("when", "Feb. 20"),
    row("day", "Feb. 20"),
    row("where", "Beijing"),
    row("who"),
    row("why"),
]
READER = FixedReader(
    {
        "when": [span("Feb. 20", 3.0), span("Beijing", 1.0)],
        "day": [span("20", 2.0)],
        "where": [span("Beijing", 0.5)],  # right, but not above the threshold of 1
        "who": [span("games", 0.5)],
        "why": [span("games", 4.0)],
    },
    threshold=1.0,
)


def test_the_shipped_threshold_and_forced() -> None:
    report = evaluate_reading(ROWS, READER)
    # Shipped: when 1/1, day 0/(2/3), where silent 0/0, who silent 1/1, why wrong 0/0.
    assert report["n"] == 5
    assert report["em"] == pytest.approx(40)
    assert report["f1"] == pytest.approx(100 * (1 + 2 / 3 + 0 + 1 + 0) / 5)
    assert report["has_ans"] == {"n": 3, "em": pytest.approx(100 / 3), "f1": pytest.approx(100 * (5 / 3) / 3)}
    assert report["no_ans"] == {"n": 2, "accuracy": 50}
    # Forced: when 1/1, day 0/(2/3), where 1/1, on the three that have an answer.
    assert report["forced"] == {"n": 3, "em": pytest.approx(200 / 3), "f1": pytest.approx(100 * (8 / 3) / 3)}
    # Without a calibration what is shown is what is above the threshold.
    assert report["judged"] == {key: report[key] for key in ("n", "em", "f1", "has_ans", "no_ans")}


def test_a_calibration_decides_what_is_shown() -> None:
    # P(right) = sigmoid(margin + 1), shown from 0.6: only what is at least 0.6 below the threshold stays silent.
    fit = Logistic(1.0, {"margin": 1.0})
    judge = Judge(fit, fit, fit, answer_above=0.6)
    report = evaluate_reading(ROWS, READER, calibration=Calibration("fixed", judge, judge))
    # when 1, day 2/3, where (margin -0.5) now shown, who (-0.5) shown and wrong, why wrong.
    assert report["judged"]["f1"] == pytest.approx(100 * (1 + 2 / 3 + 1 + 0 + 0) / 5)
    assert report["judged"]["no_ans"] == {"n": 2, "accuracy": 0}
    assert report["f1"] == pytest.approx(100 * (1 + 2 / 3 + 0 + 1 + 0) / 5)


def test_a_score_at_the_threshold_is_not_above_it() -> None:
    at = FixedReader({"when": [span("Feb. 20", 1.0)]}, threshold=1.0)
    report = evaluate_reading(ROWS[:1], at)
    assert (report["f1"], report["forced"]["f1"]) == (0, 100)


def test_no_candidate_is_silence() -> None:
    silent = FixedReader({"when": [], "who": []}, threshold=-100.0)
    report = evaluate_reading([ROWS[0], ROWS[3]], silent)
    assert (report["em"], report["forced"]["f1"]) == (50, 0)
    assert report["confidence"]["ece"] == 0  # nothing was said: probability 0, and not right


def test_confidence_is_of_the_best_span_of_every_question() -> None:
    # Right (F1 at least 0.6): when 3.0, day 2.0 (2/3), where 0.5. Wrong: who 0.5, why 4.0. Uncalibrated it is the
    # logistic of score - 1; falling: why wrong, when, day, where and who (one of two right).
    report = evaluate_reading(ROWS, READER)["confidence"]
    assert report["n"] == 5
    assert report["accuracy"] == pytest.approx(60)
    # Pairs right above wrong: why beats all three; who loses to when and day, ties with where: 2.5 of 6.
    assert report["auroc"] == pytest.approx(2.5 / 6)
    # Fewer than 15: one bin each; where and who share theirs.
    why, when, day, where = (1 / (1 + math.exp(1 - score)) for score in (4.0, 3.0, 2.0, 0.5))
    assert report["ece"] == pytest.approx((why + (1 - when) + (1 - day) + 2 * (0.5 - where)) / 5)
    assert report["coverage_at_80"] == 0  # 0/1, 1/2, 2/3, 3/5


@pytest.mark.parametrize(("start", "end"), [(0, 39), (-1, 3), (4, 4), (5, 4)])
def test_a_span_outside_its_passage_is_an_error(start: int, end: int) -> None:
    assert len(CONTEXT) == 38
    with pytest.raises(SpanInvariantError, match="in a passage of 38 characters"):
        evaluate_reading(ROWS[:1], FixedReader({"when": [Candidate(start, end, 5.0)]}))


def file_of(rows: Sequence[Row], path: Path) -> Path:
    records = [
        {
            "id": r.id,
            "context": r.context,
            "question": r.question,
            "answers": [{"text": gold.text, "answer_start": gold.start} for gold in r.answers],
        }
        for r in rows
    ]
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return path


def test_run_reading_reports_what_was_judged(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = run_reading(
        file_of(ROWS, tmp_path / "rows.jsonl"),
        reader=ScriptedReader({"when": "Feb. 20", "day": "20"}),
        seed=7,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    # The scripted reader finds two, and is silent on the rest: when 1/1, day 0/.67, where 0, who and why 1.
    assert report["em"] == 60
    assert report["f1"] == pytest.approx(73.3333)
    assert report["no_ans"] == {"n": 2, "accuracy": 100}
    # The engine's own probability: near 1 at the two scores of 5 (right), near 0 at the three of -5 (wrong).
    assert report["confidence"]["auroc"] == 1
    assert report["confidence"]["ece"] < 0.01
    assert (report["task"], report["reader"], report["threshold"]) == ("reading", "scripted-reader", 0.0)
    assert (report["limit"], report["seed"]) == (None, 7)
    assert report["data"]["name"] == "rows.jsonl"
    assert len(report["data"]["sha256"]) == 12
    assert report["seconds"] >= 0
    text = json.dumps(report, allow_nan=False)
    assert str(tmp_path) not in text


def test_a_limit_draws_the_same_questions_every_time(tmp_path: Path) -> None:
    path = file_of(ROWS, tmp_path / "rows.jsonl")
    reader = ScriptedReader({"when": "Feb. 20"})
    first, second = (run_reading(path, reader=reader, limit=3, seed=4) for _ in range(2))
    assert first["n"] == 3
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_a_file_that_cannot_be_read_fails_before_any_reading(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="There is no file"):
        run_reading(tmp_path / "rows.jsonl", reader=FixedReader({}))
