"""Confidence against outcomes, worked by hand."""

from __future__ import annotations

import pytest

from spanwise.qa.evaluation.metrics import (
    auroc,
    confidence,
    coverage_at_accuracy,
    expected_calibration_error,
    reliability,
    risk_coverage,
)


def test_ece_of_two_bins() -> None:
    # Rising: 0.1 wrong, 0.3 wrong | 0.6 right, 1.0 right. Bin means 0.2 and 0.8, accuracies 0 and 1: gaps 0.2 and 0.2.
    assert expected_calibration_error([1.0, 0.1, 0.6, 0.3], [True, False, True, False], bins=2) == pytest.approx(0.2)


def test_ece_weighs_bins_by_their_size() -> None:
    # Five in two bins: three and two. 0.1, 0.2, 0.3 all wrong: gap 0.2. 0.5, 0.5 all right: gap 0.5.
    # (3·0.2 + 2·0.5) / 5 = 0.32
    probabilities = [0.1, 0.2, 0.3, 0.5, 0.5]
    right = [False, False, False, True, True]
    assert [b["n"] for b in reliability(probabilities, right, bins=2)] == [3, 2]
    assert expected_calibration_error(probabilities, right, bins=2) == pytest.approx(0.32)


def test_bins_have_equal_mass_not_equal_width() -> None:
    # 30 in 15 bins: two each, though all lie within 0.5 to 0.529.
    probabilities = [0.5 + position / 1000 for position in range(30)]
    table = reliability(probabilities, [True] * 30)
    assert [b["n"] for b in table] == [2] * 15
    assert table[0]["probability"] == pytest.approx(0.5005)
    assert table[-1]["probability"] == pytest.approx(0.5285)


def test_fewer_questions_than_bins() -> None:
    # One bin each: gaps |0 - 0.4| and |1 - 0.9|, mean 0.25.
    assert expected_calibration_error([0.4, 0.9], [False, True]) == pytest.approx(0.25)
    assert [b["n"] for b in reliability([0.4, 0.9], [False, True])] == [1, 1]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (0, 2, 1, 3)])
def test_equal_probabilities_share_their_outcome_whatever_the_order(order: tuple[int, ...]) -> None:
    # A constant of 0.5 with half right is calibrated; which of the equals falls into which bin must not matter.
    right = [True, True, False, False]
    assert expected_calibration_error([0.5] * 4, [right[i] for i in order], bins=2) == 0
    assert expected_calibration_error([0.5] * 4, [right[i] for i in order]) == 0


def test_a_constant_has_no_calibration_error_and_says_nothing() -> None:
    right = [True] * 3 + [False]
    assert expected_calibration_error([0.75] * 4, right) == 0
    assert auroc([0.75] * 4, right) == 0.5


def test_all_right_and_all_wrong() -> None:
    assert expected_calibration_error([1.0] * 20, [True] * 20) == 0
    assert expected_calibration_error([0.0] * 20, [False] * 20) == 0
    assert expected_calibration_error([1.0] * 20, [False] * 20) == 1
    assert expected_calibration_error([0.3] * 20, [True] * 20) == pytest.approx(0.7)
    assert auroc([0.1, 0.9], [True, True]) is None
    assert auroc([0.1, 0.9], [False, False]) is None
    assert coverage_at_accuracy([0.1, 0.9], [True, True]) == 100
    assert coverage_at_accuracy([0.1, 0.9], [False, False]) == 0


def test_auroc_counts_pairs() -> None:
    # Right at 0.9 and 0.4, wrong at 0.8 and 0.3: of 4 pairs, 0.9 wins 2, 0.4 wins 1.
    assert auroc([0.9, 0.8, 0.4, 0.3], [True, False, True, False]) == 0.75
    # Right at 0.8 and 0.4, wrong at 0.8: a tie (½) and a loss, of 2 pairs.
    assert auroc([0.8, 0.8, 0.4], [True, False, True]) == 0.25
    assert auroc([1, 2, 3, 4], [False, False, True, True]) == 1
    assert auroc([4, 3, 2, 1], [False, False, True, True]) == 0
    assert auroc([-7.5, 12.0], [False, True]) == 1  # scores need not be probabilities


def test_risk_and_coverage() -> None:
    # Falling: 0.9 right, 0.8 wrong, then 0.5 twice (one right): thresholds at 0.9, 0.8, 0.5.
    coverage, risk = risk_coverage([0.5, 0.9, 0.8, 0.5], [True, True, False, False])
    assert coverage.tolist() == [0.25, 0.5, 1.0]
    assert risk.tolist() == [0.0, 0.5, 0.5]


def test_coverage_at_80_percent_takes_the_deepest_threshold_that_holds() -> None:
    # Right, right, wrong, right, right, wrong, wrong …: accuracies 1, 1, .67, .75, .8, .67 …: the first five of ten.
    right = [True, True, False, True, True, False, False, False, False, False]
    scores = [1 - position / 10 for position in range(10)]
    assert coverage_at_accuracy(scores, right) == 50
    assert coverage_at_accuracy(scores, right, accuracy=1.0) == 20


def test_coverage_cannot_cut_through_equal_scores() -> None:
    # Four right and one wrong share the score: all five are answered (80 %) or none.
    assert coverage_at_accuracy([0.7] * 5, [True] * 4 + [False]) == 100
    assert coverage_at_accuracy([0.7] * 4, [True] * 3 + [False]) == 0


def test_nothing_to_judge() -> None:
    assert confidence([], []) == {
        "n": 0,
        "accuracy": None,
        "ece": None,
        "auroc": None,
        "coverage_at_80": None,
        "reliability": [],
    }
    coverage, risk = risk_coverage([], [])
    assert len(coverage) == len(risk) == 0


def test_confidence_report() -> None:
    report = confidence([0.9, 0.1], [True, False])
    assert report["accuracy"] == 50
    assert report["ece"] == pytest.approx(0.1)
    assert report["auroc"] == 1
    assert report["coverage_at_80"] == 50
    assert report["reliability"][1] == {"n": 1, "probability": 0.9, "accuracy": 1.0}


def test_numbers_that_are_no_probabilities_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        expected_calibration_error([0.5, 1.2], [True, False])
    with pytest.raises(ValueError, match="finite"):
        auroc([0.5, float("nan")], [True, False])
    with pytest.raises(ValueError, match="one outcome per number"):
        auroc([0.5, 0.4], [True])
