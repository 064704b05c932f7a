"""The contract of a vector index. Every exact one must give what a plain loop over exact numbers gives; an approximate
one finds most of it, and all of it where it searches all of its lists. Rows are as they are stored: in float16."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwise.index.embedding import Vectors
from spanwise.index.vectors import NumpyIndex, Rows16, VectorIndexFactory
from spanwise.index.vectors_faiss import FaissFlatIndex, FaissInverted, FaissInvertedIndex

implementations = pytest.mark.parametrize("factory", [NumpyIndex, FaissFlatIndex])


def unit_vectors(count: int, dimension: int, seed: int) -> Rows16:
    rows = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    unit: Rows16 = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    return unit


def inverted(rows: Rows16) -> FaissInvertedIndex:
    kinds = FaissInverted()
    sample = rows[:: max(1, len(rows) // max(1, kinds.sample_size(len(rows))))]
    return kinds.build(len(rows), sample, (rows[at : at + 100] for at in range(0, len(rows), 100)), lambda: None)


@implementations
def test_a_worked_example(factory: VectorIndexFactory) -> None:
    index = factory(np.array([[1, 0], [0, 1], [0.5, 0.75], [-1, 0]], np.float16))
    scores, positions = index.search(np.array([0.8, 0.6], np.float32), 3)
    assert positions.tolist() == [2, 0, 1]
    assert scores == pytest.approx([0.85, 0.8, 0.6], abs=1e-6)


@implementations
@pytest.mark.parametrize("count", [1, 2, 7, 500])
def test_neighbours_and_scores_are_exact(factory: VectorIndexFactory, count: int) -> None:
    rows, questions = unit_vectors(count, 24, seed=1), unit_vectors(5, 24, seed=2).astype(np.float32)
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
    question = better.astype(np.float32)
    for k in (1, copies - 1, copies, copies + 1, 2 * copies):
        _, positions = factory(rows).search(question, k)
        assert positions.tolist() == [*range(1, 2 * copies, 2), *range(0, 2 * copies, 2)][:k]


@implementations
@pytest.mark.parametrize("few", [0, 1, 5, 400])
def test_a_search_among_some_rows_loses_none_of_them(factory: VectorIndexFactory, few: int) -> None:
    rows, questions = unit_vectors(500, 24, seed=5), unit_vectors(5, 24, seed=6).astype(np.float32)
    among = np.sort(np.random.default_rng(7).choice(500, few, replace=False)).astype(np.int64)
    for question in questions:
        exact = {row: math.fsum(float(a) * float(b) for a, b in zip(rows[row], question, strict=True)) for row in among}
        scores, positions = factory(rows).search(question, 10, among)
        assert positions.tolist() == sorted(exact, key=lambda row: -exact[row])[:10]
        assert scores == pytest.approx([exact[row] for row in positions.tolist()], abs=1e-6)


@given(
    st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=1, max_size=12),
    st.integers(1, 14),
    st.none() | st.sets(st.integers(0, 11), max_size=12),
)
def test_implementations_agree_on_anything(grid: list[list[int]], k: int, chosen: set[int] | None) -> None:
    rows = np.array(grid, np.float16)
    among = None if chosen is None else np.array(sorted(chosen & set(range(len(rows)))), np.int64)
    for question in (rows[0].astype(np.float32), np.array([1, -1, 2], np.float32)):
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
    assert np.array_equal(index.rows(), kept)
    rows[:] = 0  # an index never changes, whatever its maker does later
    assert np.array_equal(index.rows(), kept)


@implementations
def test_an_empty_index_finds_nothing(factory: VectorIndexFactory) -> None:
    index = factory(np.empty((0, 4), np.float16))
    scores, positions = index.search(np.ones(4, np.float32), 5)
    assert (len(index), len(scores), len(positions)) == (0, 0, 0)


@pytest.fixture(scope="module")
def clustered() -> Rows16:
    """20,000 rows around 200 centres."""
    numbers = np.random.default_rng(11)
    centres = numbers.standard_normal((200, 48)).astype(np.float32)
    rows = centres[numbers.integers(0, 200, 20_000)] + 0.8 * numbers.standard_normal((20_000, 48)).astype(np.float32)
    unit: Rows16 = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    return unit


@pytest.fixture(scope="module")
def approximate(clustered: Rows16) -> FaissInvertedIndex:
    return inverted(clustered)


def near(rows: Rows16, count: int) -> Vectors:
    numbers = np.random.default_rng(12)
    questions = rows[:: len(rows) // count][:count] + 0.05 * numbers.standard_normal((count, rows.shape[1]))
    unit: Vectors = (questions / np.linalg.norm(questions, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.mark.slow
def test_an_approximate_index_finds_nearly_all(clustered: Rows16, approximate: FaissInvertedIndex) -> None:
    """Its first 84 candidates, of which the stored vectors then choose, hold 97 of 100 of the ten nearest."""
    oracle, found = NumpyIndex(clustered), 0
    for question in near(clustered, 100):
        _, nearest = oracle.search(question, 10)
        scores, candidates = approximate.search(question, 84)
        assert len(candidates) == len(set(candidates.tolist())) == 84
        assert np.all(np.diff(scores) <= 0)
        found += len(set(nearest.tolist()) & set(candidates.tolist()))
    assert found >= 970


@pytest.mark.parametrize("few", [1, 10, 200, 1_000])
def test_a_filter_that_lets_few_pass_is_searched_exactly(
    clustered: Rows16, approximate: FaissInvertedIndex, few: int
) -> None:
    among = np.sort(np.random.default_rng(13).choice(len(clustered), few, replace=False)).astype(np.int64)
    for question in near(clustered, 40):
        _, nearest = NumpyIndex(clustered).search(question, 10, among)
        _, candidates = approximate.search(question, 84, among)
        assert len(candidates) == min(84, few)
        assert set(nearest.tolist()) <= set(candidates.tolist())


def test_an_approximate_index_gives_as_many_as_are_asked_for(
    clustered: Rows16, approximate: FaissInvertedIndex
) -> None:
    for k in (1, 5_000, len(clustered), len(clustered) + 1):
        _, candidates = approximate.search(near(clustered, 1)[0], k)
        assert len(set(candidates.tolist())) == min(k, len(clustered))


def test_the_same_rows_make_the_same_index_and_files_keep_it(
    clustered: Rows16, approximate: FaissInvertedIndex, tmp_path: Path
) -> None:
    kinds, once, again = FaissInverted(), tmp_path / "once", tmp_path / "again"
    for file, index in ((once, approximate), (again, inverted(clustered))):
        with file.open("wb") as stream:
            kinds.write(index, stream.write)
    assert once.read_bytes() == again.read_bytes()
    read = kinds.read(once)
    assert read.kind == approximate.kind
    for question in near(clustered, 5):
        assert [one.tolist() for one in read.search(question, 20)] == [
            one.tolist() for one in approximate.search(question, 20)
        ]


def test_a_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"no index at all", bytes(4000)):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(ValueError, match="cannot read"):
            FaissInverted().read(tmp_path / "file")


@pytest.mark.parametrize("count", [1, 2, 63, 130])
def test_an_approximate_index_of_few_rows_is_complete(count: int) -> None:
    rows = unit_vectors(count, 24, seed=1)
    _, found = inverted(rows).search(unit_vectors(1, 24, seed=2)[0].astype(np.float32), count)
    assert sorted(found.tolist()) == list(range(count))
