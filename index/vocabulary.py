"""Words of a collection that are a typing error or two away from a word that it does not hold.

All words are compared at once, column by column, with the optimal string alignment distance: an insertion, a deletion,
a replacement or a swap of neighbours is one edit (Boytsov 2011, "Indexing methods for approximate dictionary
searching").
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

LONGEST = 24
"""Longer words are left out."""


def edits_allowed(word: str) -> int:
    """How many edits a word of that length may be away: none below 4 letters, one from 4, two from 8."""
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2


class Vocabulary:
    """Words to search among; it only grows. Not safe for use while it grows: replace it by what `with_more` gives."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._words = np.array([word for word in words if 3 <= len(word) <= LONGEST], dtype=f"<U{LONGEST}")
        self._letters = self._words.view(np.uint32).reshape(len(self._words), LONGEST)
        self._lengths = np.count_nonzero(self._letters, axis=1)
        self._sets = np.zeros(len(self._words), dtype=np.uint64)
        for column in range(int(self._lengths.max(initial=0))):
            rows = self._lengths > column
            self._sets[rows] |= _bits(self._letters[rows, column])

    def __len__(self) -> int:
        return len(self._words)

    def with_more(self, words: Iterable[str]) -> Vocabulary:
        """A vocabulary that also holds `words`."""
        more = Vocabulary(words)
        if not len(more):
            return self
        together = Vocabulary()
        for name in ("_words", "_letters", "_lengths", "_sets"):
            setattr(together, name, np.concatenate([getattr(self, name), getattr(more, name)]))
        return together

    def near(self, word: str, *, beginning: bool = False) -> dict[str, int]:
        """The words at most `edits_allowed(word)` away, with their distance; `word` itself is not among them.

        With `beginning`, those that begin with something so near, and the distance of that; their first letter is the
        first or second of `word`.
        """
        most = edits_allowed(word)
        if not most or len(word) > LONGEST or not len(self):
            return {}
        letters = np.array([ord(letter) for letter in word], dtype=np.uint32)
        letter_set = np.bitwise_or.reduce(_bits(letters))
        possible = np.bitwise_count(letter_set & ~self._sets) <= most
        possible &= self._lengths >= len(word) - most
        if beginning:
            possible &= np.isin(self._letters[:, 0], letters[:2])
        else:
            possible &= self._lengths <= len(word) + most
            possible &= np.bitwise_count(self._sets & ~letter_set) <= most
        rows = np.flatnonzero(possible)
        width = min(len(word) + most, LONGEST)
        table = _distances(letters, self._letters[rows, :width])
        if beginning:
            within = np.arange(width + 1)[:, None] <= self._lengths[rows]
            distance = np.where(within, table, most + 1).min(axis=0)
        else:
            distance = table[self._lengths[rows], np.arange(len(rows))]
        found = np.flatnonzero((distance <= most) & (distance > 0))
        return dict(zip(self._words[rows[found]].tolist(), distance[found].tolist(), strict=True))


def _bits(letters: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """One of 61 bits for each letter."""
    bits: NDArray[np.uint64] = np.uint64(1) << (letters % 61).astype(np.uint64)
    return bits


def _distances(letters: NDArray[np.uint32], words: NDArray[np.uint32]) -> NDArray[np.int16]:
    """Distances of `letters` to the first 0, 1, … letters of each row of `words`; shape (columns + 1, rows)."""
    rows, width = words.shape
    columns = np.ascontiguousarray(words.T)
    older = previous = np.repeat(np.arange(width + 1, dtype=np.int16)[:, None], rows, axis=1)
    for i, letter in enumerate(letters):
        current = np.empty_like(previous)
        current[0] = i + 1
        differs = columns != letter
        for j in range(width):
            best = np.minimum(previous[j] + differs[j], np.minimum(previous[j + 1], current[j]) + 1)
            if i and j:
                swapped = (columns[j - 1] == letter) & (columns[j] == letters[i - 1])
                best = np.where(swapped, np.minimum(best, older[j - 1] + 1), best)
            current[j + 1] = best
        older, previous = previous, current
    return previous
