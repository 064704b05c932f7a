"""The vectors of one generation, ready to be searched: a large index that stays, and small changes on top of it.

A change costs what it changes, not what there is: rows that were added go into a small second index, rows that were
deleted are passed over. Only when these have grown to a share of the whole is one large index made again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .embedding import Vectors
from .vectors import Positions, VectorIndex, VectorIndexFactory

SMALL = 4_096
"""Rows that may be new, or deleted, before a large index is made again; above it an eighth of the large one may be."""

Keys = NDArray[np.int64]


class Rows(Protocol):
    """The stored vectors of one generation."""

    @property
    def generation(self) -> int: ...

    def count_behind(self, key: int) -> int:
        """How many keys are greater than `key`: what room to make."""

    def vectors_behind(self, key: int) -> Iterator[tuple[Keys, Vectors]]:
        """Those with keys greater than `key`, ascending, in runs."""

    def keys(self) -> Keys:
        """All keys, ascending."""


@dataclass(frozen=True, slots=True)
class Segment:
    """An index whose rows have ascending keys; those at the positions `dead` (ascending) are deleted."""

    keys: Keys
    index: VectorIndex
    dead: Positions

    def __len__(self) -> int:
        return len(self.keys) - len(self.dead)

    def without(self, deleted: Keys) -> Segment:
        places = np.searchsorted(self.keys, deleted)
        places = places[places < len(self.keys)]
        gone = places[np.isin(self.keys[places], deleted)]
        return Segment(self.keys, self.index, np.union1d(self.dead, gone)) if len(gone) else self

    def living(self) -> tuple[Keys, Vectors]:
        return np.delete(self.keys, self.dead), np.delete(self.index.vectors(), self.dead, axis=0)

    def search(self, vector: Vectors, k: int, among: Keys | None = None) -> tuple[Vectors, Keys]:
        """Scores and keys of the `k` nearest living rows, of those with keys `among`; best first, ties by key."""
        if among is not None:
            allowed = np.setdiff1d(np.flatnonzero(np.isin(self.keys, among, assume_unique=True)), self.dead)
            scores, positions = self.index.search(vector, k, allowed)
            return scores, self.keys[positions]
        k = min(k, len(self))
        if k < 1:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        asked = k + min(len(self.dead), k)
        while True:
            scores, positions = self.index.search(vector, asked)
            alive = np.isin(positions, self.dead, invert=True)
            if np.count_nonzero(alive) >= k:
                return scores[alive][:k], self.keys[positions[alive][:k]]
            asked *= 2


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that dense search looks at, of one generation; immutable. Segments follow each other by key."""

    generation: int
    segments: tuple[Segment, ...]

    def search(self, vector: Vectors, k: int, among: Keys | None = None) -> list[tuple[int, float]]:
        """The `k` nearest rows, of those with keys `among`: (key, inner product), best first, ties by key."""
        found = [segment.search(vector, k, among) for segment in self.segments]
        scores = np.concatenate([one for one, _ in found])
        keys = np.concatenate([one for _, one in found])
        order = np.lexsort((keys, -scores))[:k]
        return list(zip(keys[order].tolist(), scores[order].tolist(), strict=True))


def refreshed(
    old: Snapshot | None, rows: Rows, factory: VectorIndexFactory, deleted: Sequence[int] | None = None
) -> Snapshot | None:
    """The snapshot of the generation of `rows`, made from an older one; None when there are no vectors.

    `deleted` are the keys that the changes since `old` have removed; None when that is not known.
    """
    if old is None:
        whole = _stacked(rows, -1)
        return Snapshot(rows.generation, (_segment(*whole, factory),)) if whole else None
    last = max(int(segment.keys[-1]) for segment in old.segments)
    if deleted is None:
        present = rows.keys()
        gone = np.concatenate([np.setdiff1d(segment.keys, present, assume_unique=True) for segment in old.segments])
    else:
        gone = np.array(sorted(deleted), np.int64)
    segments = [segment.without(gone) for segment in old.segments]
    large, *small = segments
    if new := _stacked(rows, last):
        small = [_merged([*(segment.living() for segment in small), new], factory)]
    most = max(SMALL, len(large.keys) // 8)
    if len(large.dead) > most or sum(len(segment.keys) for segment in small) > most or not len(large):
        parts = [segment.living() for segment in (large, *small)]
        if not any(len(keys) for keys, _ in parts):
            return None
        return Snapshot(rows.generation, (_merged(parts, factory),))
    return Snapshot(rows.generation, (large, *(segment for segment in small if len(segment))))


def _segment(keys: Keys, vectors: Vectors, factory: VectorIndexFactory) -> Segment:
    return Segment(keys, factory(vectors), np.empty(0, np.int64))


def _merged(parts: Sequence[tuple[Keys, Vectors]], factory: VectorIndexFactory) -> Segment:
    """One segment of several; those without rows are left out, for they may be of another model's dimension."""
    keys, vectors = zip(*(part for part in parts if len(part[0])), strict=True)
    return _segment(np.concatenate(keys), np.concatenate(vectors), factory)


def _stacked(rows: Rows, key: int) -> tuple[Keys, Vectors] | None:
    """Keys and vectors behind `key`, written to their place once: a million rows are read without a second copy."""
    count = rows.count_behind(key)
    if not count:
        return None
    keys = np.empty(count, np.int64)
    vectors: Vectors | None = None
    at = 0
    for some, found in rows.vectors_behind(key):
        if vectors is None:
            vectors = np.empty((count, found.shape[1]), np.float32)
        if at + len(some) > len(keys):
            keys, vectors = np.resize(keys, at + len(some)), np.resize(vectors, (at + len(some), found.shape[1]))
        keys[at : at + len(some)] = some
        vectors[at : at + len(some)] = found
        at += len(some)
    return None if vectors is None else (keys[:at], vectors[:at])
