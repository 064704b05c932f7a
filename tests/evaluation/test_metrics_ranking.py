"""Rankings against judgements, worked by hand. Discounts: 1/log2(2) = 1, 1/log2(3) = 0.63093, 1/log2(4) = 0.5."""

from __future__ import annotations

import pytest

from spanwise.qa.evaluation.metrics import milliseconds, ndcg, recall, reciprocal_rank


def test_ndcg_of_one_relevant_document_is_its_discount() -> None:
    assert ndcg(["a", "b", "c"], {"a": 1}) == 1
    assert ndcg(["b", "a", "c"], {"a": 1}) == pytest.approx(0.63093, abs=1e-5)
    assert ndcg(["b", "c", "a"], {"a": 1}) == pytest.approx(0.5)
    assert ndcg(["b", "c"], {"a": 1}) == 0


def test_ndcg_with_grades() -> None:
    # Ranked: b (1), x (0), a (3): 1·1 + 0 + 3·0.5 = 2.5. Best: a, b: 3·1 + 1·0.63093 = 3.63093. 2.5 / 3.63093.
    assert ndcg(["b", "x", "a"], {"a": 3, "b": 1}) == pytest.approx(0.68853, abs=1e-5)
    assert ndcg(["a", "b", "x"], {"a": 3, "b": 1}) == 1


def test_ndcg_is_cut_at_k_on_both_sides() -> None:
    # Two relevant, k = 1: the best possible is one of them in the first place.
    assert ndcg(["a", "x"], {"a": 1, "b": 1}, k=1) == 1
    assert ndcg(["x", "a"], {"a": 1, "b": 1}, k=1) == 0
    # Rank 10 is the last that counts: 1/log2(11) = 0.28906.
    nine = [f"x{position}" for position in range(9)]
    assert ndcg([*nine, "a"], {"a": 1}) == pytest.approx(0.28906, abs=1e-5)
    assert ndcg([*nine, "x9", "a"], {"a": 1}) == 0


def test_a_grade_of_zero_or_below_is_no_judgement() -> None:
    assert ndcg(["bad", "a"], {"a": 1, "bad": -1}) == pytest.approx(0.63093, abs=1e-5)
    assert ndcg(["a"], {"a": 0}) == 0
    assert recall(["bad", "a"], {"a": 1, "bad": 0}) == 1
    assert reciprocal_rank(["bad", "a"], {"a": 1, "bad": 0}) == 0.5


def test_recall() -> None:
    relevant = {"a": 1, "b": 2, "c": 1, "d": 1}
    assert recall(["a", "x", "b"], relevant) == 0.5
    assert recall(["a", "x", "b"], relevant, k=2) == 0.25
    assert recall([], relevant) == 0
    assert recall(["a"], {}) == 0
    twenty = [f"x{position}" for position in range(20)]
    assert recall([*twenty, "a"], {"a": 1}) == 0
    assert recall([*twenty[:19], "a"], {"a": 1}) == 1


def test_reciprocal_rank() -> None:
    assert reciprocal_rank(["a", "b"], {"a": 1, "b": 1}) == 1
    assert reciprocal_rank(["x", "y", "b", "a"], {"a": 1, "b": 1}) == pytest.approx(1 / 3)
    ten = [f"x{position}" for position in range(10)]
    assert reciprocal_rank([*ten, "a"], {"a": 1}) == 0
    assert reciprocal_rank([], {"a": 1}) == 0


def test_milliseconds_leave_the_first_call_out() -> None:
    # Of 10, 20, 30 ms the middle is 20; 95 % of the way along two gaps is 1.9: 20 + 0.9·10.
    assert milliseconds([5.0, 0.01, 0.02, 0.03]) == {"p50_ms": pytest.approx(20), "p95_ms": pytest.approx(29)}
    assert milliseconds([0.5]) == {"p50_ms": 500, "p95_ms": 500}
    assert milliseconds([]) == {"p50_ms": None, "p95_ms": None}
