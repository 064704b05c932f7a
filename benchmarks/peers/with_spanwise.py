"""Spanwise through its public library: open, add, search, ask. Embedding model and reader are those it ships."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from protocol import Found, Passage

import spanwise


class Spanwise:
    def __init__(self, folder: Path) -> None:
        self._collection = spanwise.open(folder)

    def warm(self) -> None:
        self._collection.warm()

    def index(self, passages: Sequence[Passage]) -> None:
        self._collection.add([spanwise.Source(one.text, id=one.id) for one in passages])

    def load(self) -> None:
        """Nothing: the collection is open and models load on first use."""

    def search(self, query: str, top_k: int) -> list[str]:
        return [hit.passage.document.id for hit in self._collection.search(query, top_k)]

    def ask(self, question: str) -> Found | None:
        # The list is filled even where the best answer is not probable enough to be shown: that is the forced answer.
        answers = self._collection.ask(question).answers
        if not answers:
            return None
        best = answers[0]
        return Found(best.text, best.document.id, best.span.start, best.span.end)

    def about(self) -> dict[str, str]:
        return {
            "spanwise": spanwise.__version__,
            "reader": self._collection.reader_fingerprint,
            "passages": str(self._collection.status().passages),
            "settings": "as shipped; reads 10 passages at most and stops when the best answer cannot change",
        }


def build(folder: Path, reader: Path, variant: str) -> Spanwise:
    return Spanwise(folder)
