"""The vectors of one generation, ready to be searched: a large index that stays, and small changes on top of it.

A change costs what it changes, not what there is. Rows that were added go into small indexes, of which neighbours are
put together when the later one has grown to a quarter of the earlier; rows that were deleted are passed over. Only when
these have grown to a share of the whole is one large index made again: at once if it is exact, else behind the scenes
(`indexing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .embedding import Vectors
from .vectors import Positions, Rows16, VectorIndex, VectorIndexFactory, best_first, inner_products

SMALL = 4_096
"""Rows that may be new, or deleted, before a large index is made again; above it an eighth of the large one may be."""
_MUCH_LARGER = 4

Keys = NDArray[np.int64]


class Rows(Protocol):
    """The stored vectors of one generation."""

    @property
    def generation(self) -> int: ...

    def count_behind(self, key: int) -> int:
        """How many keys are greater than `key`: what room to make."""

    def vectors_behind(self, key: int) -> Iterator[tuple[Keys, Rows16]]:
        """Those with keys greater than `key`, ascending, in runs."""

    def vectors_of(self, keys: Keys) -> Rows16:
        """Those with these keys, all of which exist, in this order."""

    def keys(self) -> Keys:
        """All keys, ascending."""

    def deleted_since(self, generation: int) -> Keys | None:
        """The keys that were removed behind that generation; None where that is not known any more."""


@dataclass(frozen=True, slots=True)
class Segment:
    """An index whose rows have ascending keys; those at the positions `dead` (ascending) are deleted."""

    keys: Keys
    index: VectorIndex
    dead: Positions

    def __len__(self) -> int:
        return len(self.keys) - len(self.dead)

    def without(self, deleted: Keys) -> Segment:
        gone = _places(self.keys, deleted)
        return Segment(self.keys, self.index, np.union1d(self.dead, gone)) if len(gone) else self

    def living(self) -> tuple[Keys, Rows16]:
        return np.delete(self.keys, self.dead), np.delete(self.index.rows(), self.dead, axis=0)

    def search(self, vector: Vectors, k: int, rows: Rows, among: Keys | None = None) -> tuple[Vectors, Keys]:
        """Scores and keys of the `k` nearest living rows, of those with keys `among` (ascending); best first, ties by
        key."""
        if self.index.exact:
            return self._candidates(vector, k, among)
        # Their own scores put the nearest among the first few; which of them is nearest, the stored vectors say.
        _, keys = self._candidates(vector, 2 * k + 64, among)
        return best_first(inner_products(rows.vectors_of(keys), vector), keys, k) if len(keys) else (_NONE, keys)

    def _candidates(self, vector: Vectors, k: int, among: Keys | None) -> tuple[Vectors, Keys]:
        if among is not None:
            allowed = _places(self.keys, among)
            allowed = allowed[~_within(allowed, self.dead)]
            scores, positions = self.index.search(vector, k, allowed)
            return scores, self.keys[positions]
        k = min(k, len(self))
        if k < 1:
            return _NONE, np.empty(0, np.int64)
        asked = k + min(len(self.dead), k)
        while True:
            scores, positions = self.index.search(vector, asked)
            alive = ~_within(positions, self.dead)
            if np.count_nonzero(alive) >= k:
                return scores[alive][:k], self.keys[positions[alive][:k]]
            asked *= 2


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that dense search looks at, of one generation; immutable. Segments follow each other by key."""

    generation: int
    segments: tuple[Segment, ...]

    def __len__(self) -> int:
        return sum(map(len, self.segments))

    @property
    def kind(self) -> str:
        return self.segments[0].index.kind

    @property
    def exact(self) -> bool:
        return self.segments[0].index.exact

    @property
    def last_large_key(self) -> int:
        return int(self.segments[0].keys[-1])

    @property
    def outgrown(self) -> bool:
        """Whether so much was added and deleted that the large index is to be made again."""
        large, *small = self.segments
        most = max(SMALL, len(large.keys) // 8)
        return not len(large) or len(large.dead) > most or sum(len(segment.keys) for segment in small) > most

    def search(self, vector: Vectors, k: int, rows: Rows, among: Keys | None = None) -> list[tuple[int, float]]:
        """The `k` nearest rows, of those with keys `among`: (key, inner product), best first, ties by key. `rows` are
        those of this generation."""
        found = [segment.search(vector, k, rows, among) for segment in self.segments]
        scores = np.concatenate([one for one, _ in found])
        keys = np.concatenate([one for _, one in found])
        order = np.lexsort((keys, -scores))[:k]
        return list(zip(keys[order].tolist(), scores[order].tolist(), strict=True))


def refreshed(old: Snapshot | None, rows: Rows, factory: VectorIndexFactory) -> Snapshot | None:
    """The snapshot of the generation of `rows`, made from an older one; None when there are no vectors."""
    if old is None:
        whole = _stacked(rows, -1)
        return Snapshot(rows.generation, (segment_of(*whole, factory),)) if whole else None
    last = max(int(segment.keys[-1]) for segment in old.segments)
    gone = rows.deleted_since(old.generation)
    if gone is None:
        present = rows.keys()
        gone = np.concatenate([segment.keys[~_within(segment.keys, present)] for segment in old.segments])
    large, *small = [segment.without(gone) for segment in old.segments]
    small = [segment for segment in small if len(segment)]
    if new := _stacked(rows, last):
        parts = [new]
        while small and len(small[-1].keys) <= _MUCH_LARGER * sum(len(keys) for keys, _ in parts):
            parts.insert(0, small.pop().living())
        small.append(_merged(parts, factory))
    found = Snapshot(rows.generation, (large, *small))
    if not len(found):
        return None
    if found.exact and found.outgrown:
        return Snapshot(rows.generation, (_merged([segment.living() for segment in found.segments], factory),))
    return found


def segment_of(keys: Keys, vectors: Rows16, factory: VectorIndexFactory) -> Segment:
    return Segment(keys, factory(vectors), np.empty(0, np.int64))


def _merged(parts: Sequence[tuple[Keys, Rows16]], factory: VectorIndexFactory) -> Segment:
    """One segment of several; those without rows are left out, for they may be of another model's dimension."""
    keys, vectors = zip(*(part for part in parts if len(part[0])), strict=True)
    return segment_of(np.concatenate(keys), np.concatenate(vectors), factory)


def _stacked(rows: Rows, key: int) -> tuple[Keys, Rows16] | None:
    """Keys and vectors behind `key`, written to their place once: a million rows are read without a second copy."""
    count = rows.count_behind(key)
    if not count:
        return None
    keys = np.empty(count, np.int64)
    vectors: Rows16 | None = None
    at = 0
    for some, found in rows.vectors_behind(key):
        if vectors is None:
            vectors = np.empty((count, found.shape[1]), np.float16)
        if at + len(some) > len(keys):
            keys, vectors = np.resize(keys, at + len(some)), np.resize(vectors, (at + len(some), found.shape[1]))
        keys[at : at + len(some)] = some
        vectors[at : at + len(some)] = found
        at += len(some)
    return None if vectors is None else (keys[:at], vectors[:at])


_NONE = np.empty(0, np.float32)


def _places(keys: Keys, some: Keys) -> Positions:
    """Where those of `some` that are among `keys` stand; both ascending."""
    places = np.searchsorted(keys, some)
    some, places = some[places < len(keys)], places[places < len(keys)]
    found: Positions = places[keys[places] == some]
    return found


def _within(values: Positions, ascending: Positions) -> NDArray[np.bool_]:
    """Which of `values` are among `ascending`."""
    if not len(ascending):
        return np.zeros(len(values), dtype=bool)
    places = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    found: NDArray[np.bool_] = ascending[places] == values
    return found
