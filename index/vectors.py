"""Nearest vectors: what the store asks of a vector index, and the exact NumPy one that every other must agree with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .embedding import Vectors

Positions = NDArray[np.int64]
Rows16 = NDArray[np.float16]
"""Vectors as they are stored, shape (rows, dimension)."""


class VectorIndex(Protocol):
    """An immutable index over unit vectors, searched by inner product. Safe to search from many threads at once."""

    @property
    def exact(self) -> bool:
        """Whether scores are those of the stored vectors and no row is missed. If not, `search` gives candidates, whose
        stored vectors are to be compared again, and may miss some; `rows` is then not to be had."""

    @property
    def kind(self) -> str:
        """How it searches, in a few words."""

    def __len__(self) -> int: ...

    def search(self, vector: Vectors, k: int, among: Positions | None = None) -> tuple[Vectors, Positions]:
        """The `min(k, len)` best: scores float32 and row positions int64, best first, ties by position.

        With `among` (int64, ascending, distinct) only those rows are searched.
        """

    def rows(self) -> Rows16:
        """All rows."""


VectorIndexFactory = Callable[[Rows16], VectorIndex]


class LargeIndexes(Protocol):
    """Indexes for more vectors than can all be compared: slow to make, and therefore kept in a file."""

    @property
    def above(self) -> int:
        """From how many vectors on they are worth it."""

    def sample_size(self, count: int) -> int:
        """How many rows `build` wants as its sample of `count`."""

    def build(self, count: int, sample: Rows16, runs: Iterator[Rows16], go_on: Callable[[], None]) -> VectorIndex:
        """An index of the rows in `runs`, about `count`; `go_on` is called now and then and may raise."""

    def write(self, index: VectorIndex, write: Callable[[bytes], object]) -> None:
        """Hand the index to `write`, piece by piece."""

    def read(self, file: Path) -> VectorIndex:
        """Raises ValueError for a file that holds no such index."""


def inner_products(rows: Vectors | Rows16, vector: Vectors) -> Vectors:
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

    exact = True
    kind = "exact, every vector compared"

    def __init__(self, rows: Rows16) -> None:
        self._rows = np.array(rows, dtype=np.float16)

    def __len__(self) -> int:
        return len(self._rows)

    def search(self, vector: Vectors, k: int, among: Positions | None = None) -> tuple[Vectors, Positions]:
        rows = np.arange(len(self), dtype=np.int64) if among is None else among
        return best_first(inner_products(self._rows[rows], vector), rows, k)

    def rows(self) -> Rows16:
        return self._rows
