"""Inner-product search with FAISS: every vector compared, or only those of the nearest lists."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

if sys.platform == "darwin" and find_spec("torch"):
    # The one place that fixes the order: torch before faiss. On macOS each brings an OpenMP runtime of its own, and a
    # process can crash where faiss comes first. On Linux both orders work (docs/decisions/0007), and torch, which takes
    # over a second, is left until it is needed.
    import torch  # noqa: F401

import faiss

from .embedding import Vectors
from .vectors import Positions, Rows16, VectorIndex, best_first, inner_products

_ROUNDING = 1e-5  # more than float32 sums of the same unit vectors can differ by
_INNER = faiss.METRIC_INNER_PRODUCT
_SAMPLE_PER_LIST = 64
_ROUNDS = 8
_SHARE = 4
"""One list in so many is searched."""
_SEED = 1


class FaissFlatIndex:
    """Every vector compared, in float16 as it is stored: nothing is lost, and half the memory of float32 is read."""

    exact = True
    kind = "exact, every vector compared"

    def __init__(self, rows: Rows16) -> None:
        rows = np.ascontiguousarray(rows, dtype="<f2")
        self._index = faiss.IndexScalarQuantizer(rows.shape[1], faiss.ScalarQuantizer.QT_fp16, _INNER)
        if len(rows):
            self._index.add_sa_codes(rows.view(np.uint8))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, vector: Vectors, k: int, among: Positions | None = None) -> tuple[Vectors, Positions]:
        rows = len(self) if among is None else len(among)
        k = min(k, rows)
        if k < 1:
            return _nothing()
        parameters = None if among is None else faiss.SearchParameters(sel=_only(among, len(self)))  # type: ignore[call-arg] # stubs of C++
        # FAISS keeps any of the rows that tie for the last place, so it is asked for all of them.
        fetched = min(k + 16, rows)
        # For this thread: one vector is not worth a team, and a team waits for its slowest where cores are busy.
        faiss.omp_set_num_threads(1)
        scores, positions = self._index.search(vector.reshape(1, -1), fetched, params=parameters)
        while fetched < rows and scores[0][-1] > scores[0][k - 1] - _ROUNDING:
            fetched = min(2 * fetched, rows)
            scores, positions = self._index.search(vector.reshape(1, -1), fetched, params=parameters)
        found = positions[0]
        return best_first(inner_products(self._index.reconstruct_batch(found), vector), found, k)

    def rows(self) -> Rows16:
        rows: Rows16 = self._index.reconstruct_n(0, len(self)).astype(np.float16)
        return rows


class FaissInvertedIndex:
    """Vectors in lists around centres, 8 bits for each number; the lists whose centres are nearest are searched."""

    exact = False

    def __init__(self, index: Any) -> None:
        self._index = index
        self._usual = max(1, math.ceil(index.nlist / _SHARE))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def kind(self) -> str:
        return (
            f"approximate: {self._usual:,} of {self._index.nlist:,} lists of vectors searched, 8 bits, "
            "candidates compared exactly"
        )

    def search(self, vector: Vectors, k: int, among: Positions | None = None) -> tuple[Vectors, Positions]:
        rows = len(self) if among is None else len(among)
        k = min(k, rows)
        if k < 1:
            return _nothing()
        # As many rows are compared under a filter as without one; under one that lets few pass, all of them.
        lists = min(self._index.nlist, math.ceil(self._usual * len(self) / rows))
        selector = None if among is None else _only(among, len(self))
        faiss.omp_set_num_threads(1)
        while True:
            parameters = faiss.SearchParametersIVF(nprobe=lists, sel=selector)  # type: ignore[call-arg] # stubs of C++
            scores, positions = self._index.search(vector.reshape(1, -1), k, params=parameters)
            found = positions[0] >= 0
            if np.count_nonzero(found) == k or lists == self._index.nlist:
                return best_first(scores[0][found], positions[0][found], k)
            lists = min(self._index.nlist, 4 * lists)

    def rows(self) -> Rows16:
        raise NotImplementedError("An approximate index does not hold the vectors as they are stored.")

    def write(self, write: Callable[[bytes], object]) -> None:
        def taken(piece: bytes) -> int:
            write(piece)
            return len(piece)

        writer = faiss.PyCallbackIOWriter(taken, 1 << 20)  # type: ignore[attr-defined] # stubs of C++
        faiss.write_index(self._index, writer)


@dataclass(frozen=True, slots=True)
class FaissInverted:
    """Makes inverted indexes. The same rows give the same index."""

    above: int = 250_000

    def sample_size(self, count: int) -> int:
        return min(count, _lists(count) * _SAMPLE_PER_LIST)

    def build(
        self, count: int, sample: Rows16, runs: Iterator[Rows16], go_on: Callable[[], None]
    ) -> FaissInvertedIndex:
        dimension, lists = sample.shape[1], min(_lists(count), len(sample))
        faiss.omp_set_num_threads(1)  # it is made beside searches
        centres = faiss.IndexFlatIP(dimension)
        numbers = sample.astype(np.float32)
        clustering = faiss.Clustering(dimension, lists)
        clustering.niter, clustering.seed, clustering.spherical = 1, _SEED, True
        clustering.min_points_per_centroid, clustering.max_points_per_centroid = 1, len(sample)
        for _ in range(_ROUNDS):  # one by one, for a round takes a second or two
            go_on()
            clustering.train(numbers, centres)
        index = faiss.IndexIVFScalarQuantizer(centres, dimension, lists, faiss.ScalarQuantizer.QT_8bit, _INNER)
        index.train(numbers)
        for run in runs:
            go_on()
            faiss.omp_set_num_threads(1)
            index.add(run.astype(np.float32))
        return FaissInvertedIndex(index)

    def write(self, index: VectorIndex, write: Callable[[bytes], object]) -> None:
        if not isinstance(index, FaissInvertedIndex):
            raise TypeError(f"{type(index).__name__} is not made here.")
        index.write(write)

    def read(self, file: Path) -> FaissInvertedIndex:
        try:
            index = faiss.read_index(str(file))
        except (RuntimeError, MemoryError) as error:
            raise ValueError("FAISS cannot read it.") from error
        if not isinstance(index, faiss.IndexIVFScalarQuantizer):
            raise ValueError("It is another kind of index.")
        return FaissInvertedIndex(index)


def _lists(count: int) -> int:
    """A power of two near twice the square root; fewer where the rows are few."""
    return max(1, min(1 << round(math.log2(2 * math.sqrt(max(count, 1)))), count // _SAMPLE_PER_LIST))


def _only(among: Positions, count: int) -> Any:
    """What keeps a search of `count` rows to the rows `among`."""
    allowed = np.zeros(count, dtype=bool)
    allowed[among] = True
    return faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))  # type: ignore[arg-type, call-arg] # stubs of C++


def _nothing() -> tuple[Vectors, Positions]:
    return np.empty(0, np.float32), np.empty(0, np.int64)
