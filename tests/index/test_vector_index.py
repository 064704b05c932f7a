"""The contract of a vector index. Every implementation must give what a plain loop over exact numbers gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwise.index.embedding import Vectors
from spanwise.index.vectors import NumpyIndex, VectorIndexFactory
from spanwise.index.vectors_faiss import FaissFlatIndex

implementations = pytest.mark.parametrize("factory", [NumpyIndex, FaissFlatIndex])


def unit_vectors(count: int, dimension: int, seed: int) -> Vectors:
    rows = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


@implementations
def test_a_worked_example(factory: VectorIndexFactory) -> None:
    index = factory(np.array([[1, 0], [0, 1], [0.6, 0.8], [-1, 0]], np.float32))
    scores, positions = index.search(np.array([0.8, 0.6], np.float32), 3)
    assert positions.tolist() == [2, 0, 1]
    assert scores == pytest.approx([0.96, 0.8, 0.6], abs=1e-6)


@implementations
@pytest.mark.parametrize("count", [1, 2, 7, 500])
def test_neighbours_and_scores_are_exact(factory: VectorIndexFactory, count: int) -> None:
    rows, questions = unit_vectors(count, 24, seed=1), unit_vectors(5, 24, seed=2)
    index = factory(rows)
    assert len(index) == count
    for question in questions:
        exact = [math.fsum(float(a) * float(b) for a, b in zip(row, question, strict=True)) for row in rows]
        best = sorted(range(count), key=lambda position: -exact[position])
        for k in (1, 3, count, count + 10):
            scores, positions = index.search(question, k)
            assert positions.tolist() == best[:k]
            assert scores == pytest.approx([exact[position] for position in best[:k]], abs=1e-6)
            assert (scores.dtype, positions.dtype) == (np.float32, np.int64)


@implementations
@pytest.mark.parametrize("copies", [2, 9, 150, 1200])
@pytest.mark.parametrize("dimension", [2, 20, 384])
def test_ties_go_to_the_earlier_position(factory: VectorIndexFactory, copies: int, dimension: int) -> None:
    worse, better = unit_vectors(2, dimension, seed=3)
    rows = np.stack([worse, better] * copies)
    question = better
    for k in (1, copies - 1, copies, copies + 1, 2 * copies):
        _, positions = factory(rows).search(question, k)
        assert positions.tolist() == [*range(1, 2 * copies, 2), *range(0, 2 * copies, 2)][:k]


@implementations
@pytest.mark.parametrize("few", [0, 1, 5, 400])
def test_a_search_among_some_rows_loses_none_of_them(factory: VectorIndexFactory, few: int) -> None:
    rows, questions = unit_vectors(500, 24, seed=5), unit_vectors(5, 24, seed=6)
    among = np.sort(np.random.default_rng(7).choice(500, few, replace=False)).astype(np.int64)
    for question in questions:
        exact = {row: math.fsum(float(a) * float(b) for a, b in zip(rows[row], question, strict=True)) for row in among}
        scores, positions = factory(rows).search(question, 10, among)
        assert positions.tolist() == sorted(exact, key=lambda row: -exact[row])[:10]
        assert scores == pytest.approx([exact[row] for row in positions.tolist()], abs=1e-6)


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=1, max_size=12),
    st.integers(1, 14),
    st.none() | st.sets(st.integers(0, 11), max_size=12),
)
def test_implementations_agree_on_anything(grid: list[list[int]], k: int, chosen: set[int] | None) -> None:
    rows = np.array(grid, np.float32)
    among = None if chosen is None else np.array(sorted(chosen & set(range(len(rows)))), np.int64)
    for question in (rows[0], np.array([1, -1, 2], np.float32)):
        (oracle, at), (scores, positions) = (
            NumpyIndex(rows).search(question, k, among),
            FaissFlatIndex(rows).search(question, k, among),
        )
        assert positions.tolist() == at.tolist()
        assert scores == pytest.approx(oracle, abs=1e-6)


@implementations
def test_rows_come_back_as_they_went_in(factory: VectorIndexFactory) -> None:
    rows = unit_vectors(9, 5, seed=4)
    kept = rows.copy()
    index = factory(rows)
    assert np.array_equal(index.vectors(), kept)
    rows[:] = 0  # an index never changes, whatever its maker does later
    assert np.array_equal(index.vectors(), kept)


@implementations
def test_an_empty_index_finds_nothing(factory: VectorIndexFactory) -> None:
    index = factory(np.empty((0, 4), np.float32))
    scores, positions = index.search(np.ones(4, np.float32), 5)
    assert (len(index), len(scores), len(positions)) == (0, 0, 0)
