"""What was said to the questions asked last, for as long as the collection stays as it is.

An answer from here obeys what every answer does: it is looked up inside a read transaction, by the generation that
SQLite has then, so that a change by any process is seen; and its words are confirmed against the store before it
leaves.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from sys import getsizeof

from ..index.caching import ENTRY_BYTES, LruCache
from ..index.store import View
from .kept_calibration import Stamp
from .records import Answer

Key = tuple[str, int, str, Stamp]
"""The question, how many answers, the filter, the calibration. Settings and models of a collection do not change."""

_ANSWER_BYTES = 1_500
_SUPPORT_BYTES = 300
"""About what an Answer takes beside its texts, and a place that says the same."""


@dataclass(frozen=True, slots=True)
class Found:
    """What reading says to a question, before its answers are confirmed and located."""

    answers: tuple[Answer, ...]
    no_answer: float
    answer_above: float
    calibrated: bool
    warning: str | None
    corrected: Mapping[str, str]

    @property
    def bytes(self) -> int:
        """About the memory it takes."""
        return sum(
            _ANSWER_BYTES
            + getsizeof(answer.passage.text)
            + getsizeof(answer.text)
            + len(repr(answer.document))
            + _SUPPORT_BYTES * len(answer.support)
            for answer in self.answers
        )


class AnswerCache:
    """Of one open collection, and of one generation: a later one empties it. Thread-safe."""

    def __init__(self, most_bytes: int) -> None:
        self._found: LruCache[Key, Found] = LruCache(most_bytes)
        self._generation = -1
        self._lock = threading.Lock()

    def get(self, view: View, key: Key) -> Found | None:
        """What was found in the generation of `view`; None when nothing was, or a document of it is not as it was."""
        with self._lock:
            self._forget_before(view.generation)
            found = self._found.get(key) if view.generation == self._generation else None
        if found is None:
            return None
        # What is known of a file may change without a new generation.
        documents = {answer.document.id: answer.document for answer in found.answers}
        return found if view.known(list(documents)) == documents else None

    def put(self, generation: int, key: Key, found: Found) -> None:
        """Keep what was found in `generation`, unless a later one has been seen."""
        with self._lock:
            self._forget_before(generation)
            if generation == self._generation:
                self._found.put(key, found, found.bytes + getsizeof(key[0]) + getsizeof(key[2]) + ENTRY_BYTES)

    def _forget_before(self, generation: int) -> None:
        if generation > self._generation:
            self._found.clear()
            self._generation = generation
