"""Exact inner-product search with FAISS."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np

if sys.platform == "darwin" and find_spec("torch"):
    # The one place that fixes the order: torch before faiss. On macOS each brings an OpenMP runtime of its own, and a
    # process can crash where faiss comes first. On Linux both orders work (docs/decisions/0007), and torch, which takes
    # over a second, is left until it is needed.
    import torch  # noqa: F401

import faiss

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

    def search(self, vector: Vectors, k: int, among: Positions | None = None) -> tuple[Vectors, Positions]:
        rows = len(self) if among is None else len(among)
        k = min(k, rows)
        if k < 1:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        parameters = None if among is None else self._only(among)
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

    def _only(self, among: Positions) -> faiss.SearchParameters:
        """What keeps a search to the rows `among`."""
        allowed = np.zeros(len(self), dtype=bool)
        allowed[among] = True
        bits = np.packbits(allowed, bitorder="little")
        return faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))  # type: ignore[arg-type, call-arg] # stubs of C++

    def vectors(self) -> Vectors:
        rows: Vectors = self._index.reconstruct_n(0, len(self))
        return rows
