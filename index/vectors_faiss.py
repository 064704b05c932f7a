"""Exact inner-product search with FAISS."""

from __future__ import annotations

import faiss
import numpy as np

from .embedding import Vectors
from .vectors import Positions


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
        scores, positions = self._index.search(vector.reshape(1, -1), k)
        order = np.lexsort((positions[0], -scores[0]))  # FAISS leaves ties unordered
        return scores[0][order], positions[0][order]

    def vectors(self) -> Vectors:
        rows: Vectors = self._index.reconstruct_n(0, len(self))
        return rows
