"""Figures as the official script counts them, and spans and thresholds against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from training import evaluate


def test_official_normalising() -> None:
    assert evaluate.normalise_answer(" The  U.S. Army, a! ") == "us army"
    assert evaluate.exact("the Feb. 20", "feb 20") == 1.0
    assert evaluate.f1("a b c d", "b c x") == pytest.approx(2 * (2 / 3) * (2 / 3) / (4 / 3))  # "a" is an article
    assert evaluate.f1("the", "an") == 1.0
    assert evaluate.f1("the", "word") == 0.0


def test_best_span_equals_a_double_loop() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        start, end = rng.normal(size=(2, 40)).astype(np.float32)
        found = max((start[i] + end[j], -i, -j) for i in range(40) for j in range(i, min(40, i + 5)))
        first, last, score = evaluate.best_span(start, end, longest=5)
        assert (first, last) == (-found[1], -found[2])
        assert score == found[0]


def test_figures_and_threshold() -> None:
    items: list[dict[str, object]] = [{"answers": ["red"]}, {"answers": ["green"]}, {"answers": []}, {"answers": []}]
    results = [("red", 5.0, 0.0), ("blue", 4.0, 0.0), ("x", 3.0, 0.0), ("y", -1.0, 0.0)]
    assert evaluate.figures(items, results) == {
        "em": 50.0, "f1": 50.0, "has_f1": 50.0, "no_ans": 50.0, "forced_f1": 50.0
    }  # fmt: skip
    best = evaluate.best_threshold(items, results)
    assert 3.0 < best < 4.0
    assert evaluate.figures(items, results, best)["f1"] == 75.0
