"""Exact inner-product search with FAISS."""

from __future__ import annotations

import faiss
import numpy as np

from .embedding import Vectors
from .vectors import Positions, best_first, inner_products

_ROUNDING = 1e-5  # more than float32 sums of the same unit vectors can differ by


class FaissFlatIndex:
    """A flat FAISS index, built once and never changed."""

    def __init__(self, vectors: Vectors) -> None:
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(np.ascontiguousarray(vectors, dtype=np.float32))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, vector: Vectors, k: int) -> tuple[Vectors, Positions]:
        k = min(k, len(self))
        if k < 1:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        # FAISS keeps any of the rows that tie for the last place, so it is asked for all of them.
        fetched = min(k + 16, len(self))
        # For this thread: one vector is not worth a team, and a team waits for its slowest where cores are busy.
        faiss.omp_set_num_threads(1)
        scores, positions = self._index.search(vector.reshape(1, -1), fetched)
        while fetched < len(self) and scores[0][-1] > scores[0][k - 1] - _ROUNDING:
            fetched = min(2 * fetched, len(self))
            scores, positions = self._index.search(vector.reshape(1, -1), fetched)
        found = positions[0]
        return best_first(inner_products(self._index.reconstruct_batch(found), vector), found, k)

    def vectors(self) -> Vectors:
        rows: Vectors = self._index.reconstruct_n(0, len(self))
        return rows
