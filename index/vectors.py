"""Nearest vectors: what the store asks of a vector index, and the exact NumPy one that every other must agree with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .embedding import Vectors

Positions = NDArray[np.int64]


class VectorIndex(Protocol):
    """An immutable index over unit vectors, searched by inner product. Safe to search from many threads at once."""

    def __len__(self) -> int: ...

    def search(self, vector: Vectors, k: int) -> tuple[Vectors, Positions]:
        """The `min(k, len)` best: scores float32 and row positions int64, best first, ties by position."""

    def vectors(self) -> Vectors:
        """All rows, float32, shape (len, dimension)."""


VectorIndexFactory = Callable[[Vectors], VectorIndex]


class NumpyIndex:
    """Exact search as one matrix product: the oracle of the contract tests."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self._vectors)

    def search(self, vector: Vectors, k: int) -> tuple[Vectors, Positions]:
        scores = self._vectors @ vector
        order = np.lexsort((np.arange(len(scores)), -scores))[:k]
        return scores[order], order.astype(np.int64)

    def vectors(self) -> Vectors:
        return self._vectors
