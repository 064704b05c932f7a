"""Probabilities: the fit, the file, and what a collection does with them."""

from __future__ import annotations

import errno
import json
import math
import os
import random
from pathlib import Path

import pytest

import spanwise
from spanwise import (
    DocumentInfo,
    Hit,
    LimitError,
    ModelError,
    Passage,
    Scores,
    Source,
    SourceError,
    Span,
    StorageError,
)
from spanwise.qa import calibration as calibrations
from spanwise.qa.calibrating import Evidence, Label, best_answer_above, read_labels
from spanwise.qa.calibration import SIGNS, Calibration, Judge, fitting, judge_ranking, load, save
from spanwise.qa.deciding import Decided, decide
from spanwise.qa.fitting import Logistic, fit_logistic
from spanwise.qa.kept_calibration import KeptCalibration
from spanwise.qa.reading import Candidate, Reading
from spanwise.qa.stopping import StopRule
from spanwise.testing import HashEmbedder, ScriptedReader

FLAT = Judge(Logistic(0.0, {"margin": 1.0}), Logistic(-1.0, {}), Logistic(0.0, {"margin": -1.0}), 0.5)
QUESTIONS = [f"Which colour has box {number}?" for number in range(40)]


def test_the_fit_finds_the_weights_that_made_the_data() -> None:
    draw = random.Random(0)
    rows = [{"a": draw.gauss(3, 2), "b": draw.gauss(0, 1), "same": 1.0} for _ in range(20_000)]
    truth = Logistic(-2.0, {"a": 0.8, "b": -1.5})
    fit = fit_logistic(rows, [draw.random() < truth(row) for row in rows], ("a", "b", "same"), l2=1e-6)
    assert fit.intercept == pytest.approx(-2.0, abs=0.12)
    assert fit.weights == {"a": pytest.approx(0.8, abs=0.05), "b": pytest.approx(-1.5, abs=0.08)}


def test_the_fit_on_one_sign_worked_by_hand() -> None:
    # Two groups: 1 of 4 right, 3 of 4 right. Log-odds -log 3 and log 3.
    rows = [{"x": 0.0}] * 4 + [{"x": 1.0}] * 4
    right = [True, False, False, False, True, True, True, False]
    fit = fit_logistic(rows, right, ("x",), l2=0.0)
    assert fit.intercept == pytest.approx(-math.log(3), abs=1e-6)
    assert fit.weights["x"] == pytest.approx(2 * math.log(3), abs=1e-6)
    # Counting the right ones twice is the same as having them twice.
    doubled = fit_logistic(rows, right, ("x",), counts=[1.0 + hit for hit in right], l2=0.0)
    assert doubled({"x": 0.0}) == pytest.approx(2 / 5, abs=1e-6)
    assert doubled({"x": 1.0}) == pytest.approx(6 / 7, abs=1e-6)


def test_data_that_can_be_told_apart_and_data_of_one_kind_stay_finite() -> None:
    fit = fit_logistic([{"x": 0.0}, {"x": 1.0}] * 5, [False, True] * 5, ("x",))
    assert 0.01 < fit({"x": 0.0}) < 0.5 < fit({"x": 1.0}) < 0.99
    assert fit_logistic([{"x": 0.0}] * 8, [True] * 8, ("x",))({"x": 9.0}) == pytest.approx(0.9)
    assert fit_logistic([], [], ("x",))({"x": 9.0}) == 0.5


def test_a_file_is_read_back_and_belongs_to_its_reader(tmp_path: Path) -> None:
    path = tmp_path / calibrations.FILE
    assert load(path) is None
    save(Calibration("reader-a", FLAT, FLAT, StopRule(6.0, 0.15), {"n": 3}), path)
    assert load(path) == Calibration("reader-a", FLAT, FLAT, StopRule(6.0, 0.15), {"n": 3})
    assert [entry.name for entry in tmp_path.iterdir()] == [calibrations.FILE]
    assert fitting("reader-a", tmp_path / "none", path) is not None
    assert fitting("reader-b", path) is None
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 1}))
    assert load(path) is None


@pytest.mark.parametrize("broken", ["", "[]", "{}", '{"format": 3}', '{"format": 3, "reader": "a", "collection": 3}'])
def test_a_damaged_file_is_an_error_with_a_way_out(tmp_path: Path, broken: str) -> None:
    (tmp_path / "c.json").write_text(broken)
    with pytest.raises(ModelError, match="spanwise calibrate"):
        load(tmp_path / "c.json")


def test_the_shipped_calibration_fits_the_shipped_reader_and_uses_known_signs() -> None:
    shipped = load(calibrations.SHIPPED)
    assert shipped is not None
    manifest = json.loads((calibrations.SHIPPED.parent / "reader.json").read_text())
    assert shipped.reader == f"{manifest['name']}@{manifest['sha256']['reader.onnx'][:12]}"
    for regime in ("collection", "passage"):
        judge = shipped.judge(regime)
        assert set(judge.right.weights) <= set(SIGNS[regime])
        assert judge.right.weights["margin"] > 0 > judge.no_answer.weights["margin"]
        assert 0.05 <= judge.answer_above <= 0.95
        assert shipped.report[regime]["cross_validated"]["auroc"] > 0.8


def boxes(folder: Path) -> spanwise.Collection:
    """Forty boxes; the reader finds the right colour for the even ones, and a wrong word for the rest."""
    script = {question: ("red" if not number % 2 else "box") for number, question in enumerate(QUESTIONS)}
    collection = spanwise.open(folder, embedder=HashEmbedder(), reader=ScriptedReader(script))
    collection.add([Source(f"This box {number} is red inside.", id=f"box{number}") for number in range(40)])
    return collection


def test_no_probability_is_above_the_one_before_it_where_the_ranking_is_not_by_span_alone() -> None:
    text = "It ended in 1947."
    info = DocumentInfo("a", None, None, {}, "", "", len(text), 1, "")
    hits = [
        Hit(Passage(info, Span(shift, shift + 17), text, Span(shift, shift + 17)), Scores(1.0)) for shift in (0, 99)
    ]
    ranking = decide(hits, [Reading(9.0, 0.0, (Candidate(12, 16, 1.0),)), Reading(-9.0, 0.0, (Candidate(3, 8, 4.0),))])
    assert [one.score for one in ranking] == [1.0, 4.0]
    first, second = judge_ranking("When?", ranking, 0.0, None).right
    assert first == second == pytest.approx(1 / (1 + math.exp(-1.0)))


def test_labels_change_the_probabilities_and_stay_with_the_collection(tmp_path: Path) -> None:
    labels = [Label(question, ("red",)) for question in QUESTIONS]
    with boxes(tmp_path) as collection:
        before = collection.ask(QUESTIONS[0])
        assert before.calibrated is False
        assert before.answers[0].probability > 0.99  # a score of 5, and nothing known about it
        report = collection.calibrate(labels)
        after = collection.ask(QUESTIONS[0])
    # Half of the answers are right, and nothing tells which.
    assert report["before"]["ece"] > 0.4
    assert report["after"]["ece"] < 0.2
    assert after.calibrated is True
    assert after.answers[0].probability == pytest.approx(0.5, abs=0.1)
    with boxes(tmp_path) as again:
        assert again.ask(QUESTIONS[0]).answers[0].probability == after.answers[0].probability
    other = spanwise.open(tmp_path, embedder=HashEmbedder(), reader=OtherReader())
    with other:
        assert other.ask(QUESTIONS[0]).calibrated is False  # made for another reader


class OtherReader(ScriptedReader):
    fingerprint = "other"


def test_too_few_labels(tmp_path: Path) -> None:
    with boxes(tmp_path) as collection, pytest.raises(SourceError, match="at least 20"):
        collection.calibrate([Label("Which?", ())] * 19)


def ranked(text: str) -> list[Decided]:
    info = DocumentInfo("a", None, None, {}, "", "", len(text), 1, "")
    hit = Hit(Passage(info, Span(0, len(text)), text, Span(0, len(text))), Scores(1.0))
    return decide([hit], [Reading(0.0, 0.0, (Candidate(0, len(text), 1.0),))])


def test_the_threshold_that_pays() -> None:
    evidence = [Evidence("?", (), ()), Evidence("?", (), ())]
    assert best_answer_above([0.1, 0.9], evidence) == 0.5  # one kind only: nothing to choose by
    answered = Evidence("?", ("x",), ranked("x"))
    assert best_answer_above([0.2, 0.8], [evidence[0], answered]) == pytest.approx(0.5)
    assert best_answer_above([0.2, 0.4], [evidence[0], answered]) == pytest.approx(0.3)
    # Four of each kind cannot be told apart. Of the rest a single one, at 0.6, makes the top lie above 0.6 by chance.
    silent, mistaken = evidence[0], Evidence("?", (), ranked("x"))
    many = [silent, answered] * 50 + [mistaken, answered] * 4
    probabilities = [0.15, 0.85] * 50 + [0.9, 0.05] * 4
    assert best_answer_above(probabilities, many) == pytest.approx(0.5)
    assert best_answer_above([*probabilities, 0.6], [*many, mistaken]) == pytest.approx(0.5)
    # Ten of them are no chance.
    assert best_answer_above([*probabilities, *[0.6] * 10], [*many, *[mistaken] * 10]) == pytest.approx(0.725)


def test_labels_are_read_and_refused_by_row(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text(
        '{"question": "A?", "answer": "x"}\n{"question": "B?", "answer": null}\n'
        '{"question": "C?", "answers": ["y", {"text": "z"}]}'
    )
    assert read_labels(path) == [Label("A?", ("x",)), Label("B?", ()), Label("C?", ("y", "z"))]
    for bad in ('{"question": "A?"}', '{"question": "A?", "answer": 3}', '{"question": "A?", "answers": "x"}', "[]"):
        path.write_text('{"question": "A?", "answer": "x"}\n' + bad)
        with pytest.raises(SourceError, match="row 2"):
            read_labels(path)


def test_min_probability_decides_what_counts(tmp_path: Path) -> None:
    with boxes(tmp_path) as collection:
        assert collection.ask(QUESTIONS[0], 1, 0.5).answerable
        assert not collection.ask(QUESTIONS[0], min_probability=1).answerable
        assert collection.ask("Who is it?", min_probability=0).answerable
        for wrong in (-0.1, 1.1, True, "0.5", float("nan")):
            with pytest.raises(LimitError, match="min_probability"):
                collection.ask(QUESTIONS[0], min_probability=wrong)  # type: ignore[arg-type]


def test_a_calibration_that_cannot_be_kept_says_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    kept = KeptCalibration(tmp_path, "default")
    kept.store(Calibration("kept", FLAT, FLAT))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        kept.store(Calibration("lost", FLAT, FLAT))
    assert [file.name for file in tmp_path.iterdir()] == ["calibration.json"]
    assert kept.of("kept") == load(tmp_path / "calibration.json") == Calibration("kept", FLAT, FLAT)
