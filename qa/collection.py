"""A collection that answers: retrieve, read, decide."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Self

from ..errors import SpanInvariantError
from ..index.collection import SearchCollection, open_store
from ..index.embedding import Embedder
from ..index.markup import blank_markup
from ..index.store import PassageStore
from ..settings import Settings
from .deciding import Decided, as_answer, decide
from .reading import Reader, load_reader
from .records import Answer, AskResult

READ_AT_MOST = 10
"""Passages read for one question, the nearest first."""


class Collection(SearchCollection):
    """A named set of documents that can be searched and asked.

    Made with `spanwise.open`. Thread-safe; usable as a context manager.
    """

    def __init__(
        self,
        name: str,
        store: PassageStore,
        settings: Settings,
        embedder: Embedder | None = None,
        reader: Reader | None = None,
    ) -> None:
        super().__init__(name, store, settings, embedder)
        self._given_reader = reader

    @classmethod
    def open(
        cls,
        data: Path,
        name: str = "default",
        *,
        create: bool = True,
        settings: Settings | None = None,
        embedder: Embedder | None = None,
        reader: Reader | None = None,
    ) -> Self:
        """Open collection `name` of the data folder `data`; see `spanwise.open`."""
        settings = settings or Settings.from_environment()
        store = open_store(data, name, create=create, settings=settings)
        try:
            return cls(name, store, settings, embedder, reader)
        except BaseException:
            store.close()
            raise

    def ask(self, question: str, top_k: int = 3) -> AskResult:
        """The answers to `question`, best first, with their spans.

        `answerable` says whether the best one is good enough; the list is filled even when it is not.
        Raises QuestionError, LimitError.
        """
        started = time.perf_counter()
        question = self._check_question(question)
        self._check_top_k(top_k)
        reader = self._reader()
        with self._store.reading() as view:
            hits = self._retrieve(view, question, READ_AT_MOST, "hybrid")
        passages = [hit.passage for hit in hits]
        readings = reader.read(blank_markup(question), [blank_markup(passage.text) for passage in passages])
        decided = decide(passages, readings)
        answers, generation = self._confirmed(decided[:top_k], reader.threshold)
        best = answers[0].probability if answers else 0.0
        return AskResult(
            question=question,
            answerable=bool(answers) and best > 0.5,
            no_answer_probability=1.0 - best,
            calibrated=False,
            answers=answers,
            generation=generation,
            took_ms=(time.perf_counter() - started) * 1000,
        )

    def warm(self) -> None:
        super().warm()
        self._reader().read("warm", ["warm"])

    def _confirmed(self, decided: list[Decided], threshold: float) -> tuple[tuple[Answer, ...], int]:
        """The answers whose words still stand in their document now that reading has taken its time."""
        answers = []
        with self._store.reading() as view:
            for one in decided:
                answer = as_answer(one, threshold)
                words = view.slice(answer.document, answer.span)
                if words is None:  # replaced or deleted while it was read
                    continue
                if words != answer.text:
                    raise SpanInvariantError(
                        f"An answer does not equal its span in document {answer.document.id!r}.", subject=answer.span
                    )
                answers.append(answer)
            return tuple(answers), view.generation

    def _reader(self) -> Reader:
        return self._given_reader or load_reader(self._settings.reader, self._settings.threads)

    def _reader_name(self) -> str:
        return self._given_reader.fingerprint if self._given_reader else self._settings.reader
