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

    def search(self, vector: Vectors, k: int, among: Positions | None = None) -> tuple[Vectors, Positions]:
        """The `min(k, len)` best: scores float32 and row positions int64, best first, ties by position.

        With `among` (int64, ascending, distinct) only those rows are searched.
        """

    def vectors(self) -> Vectors:
        """All rows, float32, shape (len, dimension)."""


VectorIndexFactory = Callable[[Vectors], VectorIndex]


def inner_products(rows: Vectors, vector: Vectors) -> Vectors:
    """The inner product of each row with `vector`, float32. Equal rows get equal scores wherever they stand, which
    a matrix product does not promise: its last bit depends on the row's place in a block."""
    scores: Vectors = (rows.astype(np.float64) * vector).sum(axis=1).astype(np.float32)
    return scores


def best_first(scores: Vectors, positions: Positions, k: int) -> tuple[Vectors, Positions]:
    """The `k` best of `positions` with their scores, ties by position."""
    order = np.lexsort((positions, -scores))[:k]
    return scores[order], positions[order]


class NumpyIndex:
    """Exact search over every row: the oracle of the contract tests."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = np.array(vectors, dtype=np.float32)

    def __len__(self) -> int:
        return len(self._vectors)

    def search(self, vector: Vectors, k: int, among: Positions | None = None) -> tuple[Vectors, Positions]:
        rows = np.arange(len(self), dtype=np.int64) if among is None else among
        return best_first(inner_products(self._vectors[rows], vector), rows, k)

    def vectors(self) -> Vectors:
        return self._vectors
