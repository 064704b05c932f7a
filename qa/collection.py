"""A collection that answers: retrieve, read, decide, judge."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

from ..errors import LimitError, SpanInvariantError
from ..index import beside
from ..index.collection import SearchCollection, open_store
from ..index.embedding import Embedder
from ..index.filters import AnyWhere, Where, parse_where
from ..index.finding_nothing import why_nothing
from ..index.marks import Mark, Verdict
from ..index.records import Passage, Span
from ..index.results import Hit
from ..index.storage import collection_folder
from ..index.store import PassageStore
from ..index.timings import stage, timings
from ..index.words import respelt
from ..settings import Settings
from .answer_cache import AnswerCache, Found
from .calibration import Calibration, Judged, judge_ranking
from .correcting import corrected_reading
from .deciding import Decided, decide, standing
from .kept_calibration import KeptCalibration
from .languages import language_warning
from .names import AROUND, full_names, holds, modules, prefer_named
from .reading import Reader, Reading, load_reader
from .records import Answer, AskResult
from .shown import read_passages
from .stopping import STEP, StopRule, enough

if TYPE_CHECKING:
    from .calibrating import Label

READ_AT_MOST = 10
"""Passages read for one question, the nearest first."""
MOST_DOUBTFUL = 0.45
"""No answer to a question the reading model cannot be trusted with is given more than this: a convention, not a fit."""


class Collection(SearchCollection):
    """A named set of documents that can be searched and asked.

    Made with `spanwise.open`. Thread-safe; usable as a context manager.
    """

    def __init__(
        self,
        name: str,
        store: PassageStore,
        settings: Settings,
        folder: Path,
        embedder: Embedder | None = None,
        reader: Reader | None = None,
    ) -> None:
        super().__init__(name, store, settings, embedder)
        self._given_reader = reader
        self._calibrations = KeptCalibration(folder, settings.reader)
        self._answers = AnswerCache(settings.answer_cache_bytes)

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
            return cls(name, store, settings, collection_folder(data, name), embedder, reader)
        except BaseException:
            store.close()
            raise

    def ask(
        self,
        question: str,
        top_k: int = 3,
        min_probability: float | None = None,
        *,
        where: AnyWhere | None = None,
        use_cache: bool = True,
    ) -> AskResult:
        """The answers to `question`, best first, with their spans.

        `answerable` says whether the best one is good enough: at least `min_probability` likely to be right, or as
        likely as the calibration asks for. The list is filled even when it is not. `where` keeps the answers to
        documents and passages that a filter allows, as in `search`. A question asked before is not read again while
        nothing has changed, unless `use_cache` is false.
        Raises QuestionError, LimitError, FilterError.
        """
        question = self._check_question(question)
        self._check_asked(top_k, min_probability)
        return self._ask(question, top_k, min_probability, parse_where(where), use_cache)

    def ask_many(
        self,
        questions: Sequence[str],
        top_k: int = 3,
        min_probability: float | None = None,
        *,
        where: AnyWhere | None = None,
        use_cache: bool = True,
    ) -> list[AskResult]:
        """What `ask` says to each question, in their order; models are loaded and equal questions read once.

        Each result is of the generation it names: documents may change meanwhile.
        Raises QuestionError before anything is read when one of them cannot be asked, LimitError and FilterError.
        """
        if isinstance(questions, str):
            questions = [questions]
        questions = list(questions)
        checked = [
            self._check_question(one, "question" if len(questions) == 1 else f"question {number} of {len(questions)}")
            for number, one in enumerate(questions, 1)
        ]
        self._check_asked(top_k, min_probability)
        allowed = parse_where(where)
        distinct = list(dict.fromkeys(checked))
        if len(distinct) > 1:  # once, before the threads do
            self._embedder(), self._reader()
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as workers:
            context = copy_context()  # a time limit holds in these threads too
            results = workers.map(
                lambda question: context.copy().run(self._ask, question, top_k, min_probability, allowed, use_cache),
                distinct,
            )
            found = dict(zip(distinct, results, strict=True))
        return [found[question] for question in checked]

    def mark(
        self,
        question: str,
        verdict: Verdict,
        *,
        document_id: str | None = None,
        span: Span | None = None,
        content_hash: str | None = None,
    ) -> Mark:
        """Keep what a person said of an answer: `right` or `wrong` of the words at `span` of a document (or of all of
        it), or `absent`: the documents do not answer the question. `spanwise calibrate` fits probabilities to it.

        Raises QuestionError, LimitError (another verdict, a span outside the text), DocumentNotFoundError, and with
        `content_hash` VersionConflictError where another version is stored.
        """
        question = self._check_question(question)
        if verdict not in get_args(Verdict) or (verdict == "absent") != (document_id is None):
            raise LimitError(
                f"A mark of {verdict!r} on {document_id!r} cannot be kept.",
                subject=verdict,
                way_out="Say “right” or “wrong” of a document, or “absent” of none.",
            )
        mark = Mark(question, verdict, marked_at=datetime.now(UTC).isoformat(timespec="seconds"))
        if document_id is not None:
            document = self.document(document_id)
            info = document.info
            info.check_version(content_hash)
            if span is not None and not info.span(span.start, span.end).of(document.text):
                raise LimitError(
                    f"There are no words from character {span.start} to {span.end}.",
                    subject=span,
                    way_out="Mark an answer by its span, or the whole document without one.",
                )
            words = span.of(document.text) if span else None
            mark = replace(mark, document_id=document_id, content_hash=info.content_hash, span=span, text=words)
        self._store.mark(mark)
        return mark

    def marks(self) -> list[Mark]:
        """What was marked, in the order it was. Marks on a document go with it when it is removed."""
        return self._store.marks()

    def forget_marks(self) -> int:
        """Remove every mark; how many."""
        return self._store.forget_marks()

    def warm(self) -> None:
        super().warm()
        self._reader().read("warm", ["warm"])

    def calibrate(self, labels: Sequence[Label], on_step: Callable[[], None] | None = None) -> dict[str, Any]:
        """Fit the probabilities of this collection to `labels` (`calibrating.read_labels` reads a file of them), and
        keep them in its folder; the reliability before and, cross-validated, after. `on_step` is called behind each.

        Raises SourceError for fewer than 20 labels, QuestionError for one that cannot be asked, StorageError.
        """
        from .calibrating import fitted_to_labels

        reader = self._reader()
        fitted = fitted_to_labels(labels, self._rank_answers, self._calibration(), reader, on_step)
        self._calibrations.store(fitted)
        return dict(fitted.report)

    @property
    def reader_fingerprint(self) -> str:
        """Names the reading model and its weights."""
        return self._reader().fingerprint

    def _ask(
        self, question: str, top_k: int, min_probability: float | None, where: Where | None, use_cache: bool
    ) -> AskResult:
        started = time.perf_counter()
        key = (question, top_k, repr(where), self._calibrations.stamp())  # repr tells 1 from True, which are equal
        with beside.SHARED.one(), timings() as timed:
            with self._store.reading() as view:
                found = self._answers.get(view, key) if use_cache else None
                if found is None:
                    with stage("lexical"):
                        words = view.read(question, known=self._knows)
                    hits = self._retrieve(view, question, words, READ_AT_MOST, where)
                    read_generation = view.generation
                    # A search by meaning finds any passage there is: say why “not in these documents”.
                    nothing = None if hits else why_nothing(view, where)
            if found is None:
                found = self._found(question, hits, words.corrected, top_k)
                found = replace(found, warning=nothing) if nothing else found
                if use_cache:
                    self._answers.put(read_generation, key, found)
            with stage("confirm"):
                answers, generation = self._confirmed(found.answers)
        least = found.answer_above if min_probability is None else min_probability
        best = answers[0].probability if answers else 0.0
        return AskResult(
            question=question,
            answerable=bool(answers) and found.warning is None and best >= least,
            no_answer_probability=found.no_answer if answers else 1.0,
            calibrated=found.calibrated,
            answers=answers,
            generation=generation,
            took_ms=(time.perf_counter() - started) * 1000,
            warnings=(found.warning,) if found.warning else (),
            corrected=found.corrected,
            timings_ms=timed,
        )

    def _found(self, question: str, hits: Sequence[Hit], corrected: Mapping[str, str], top_k: int) -> Found:
        """What reading `hits` says to the question; it holds for the generation they are of."""
        with stage("read"):
            calibration = self._calibration()
            asked = as_read(question, corrected)
            readings = self._read(asked, hits, calibration.stop if calibration else None)
        with stage("decide"):
            ranking = decide(hits[: len(readings)], readings, asked)
            judged = judge_ranking(asked, ranking, self._reader().threshold, calibration)
            warning = language_warning(question)
            if warning:
                judged = _doubtful(judged)
            answers = map(_as_answer, ranking[:top_k], judged.right[:top_k])
            return Found(
                tuple(answers), judged.no_answer, judged.answer_above, judged.calibrated, warning, dict(corrected)
            )

    def _rank_answers(self, question: str) -> list[Decided]:
        """All distinct answers to `question` before they are judged, best first; what calibrations are fitted on."""
        question = self._check_question(question)
        with self._store.reading() as view:
            words = view.read(question, known=self._knows)
            hits = self._retrieve(view, question, words, READ_AT_MOST)
        question = as_read(question, words.corrected)
        calibration = self._calibration()
        readings = self._read(question, hits, calibration.stop if calibration else None)
        return decide(hits[: len(readings)], readings, question)

    def _relevance(self, query: str, passages: Sequence[Passage]) -> list[float]:
        return [reading.relevance for reading in read_passages(self._reader(), query, passages)]

    def _read(self, question: str, hits: Sequence[Hit], stop: StopRule | None) -> list[Reading]:
        """Readings of the first hits: of all, or of as many as it takes to be sure of the best answer."""
        reader, names = self._reader(), full_names(question)
        if asked := modules(question, reader.knows):
            texts = self._around([hit.passage for hit in hits])
            asked = [module for module in asked if any(holds(module, text) for text in texts)]
        step = STEP * -(-reader.at_once // STEP) if stop else len(hits)
        readings: list[Reading] = []
        for first in range(0, len(hits), max(step, 1)):
            some = hits[first : first + step]
            read = read_passages(reader, question, [hit.passage for hit in some])
            read = [
                corrected_reading(question, hit.text, one, f"{hit.passage.document.id}\n{hit.passage.prefix}")
                for hit, one in zip(some, read, strict=True)
            ]
            if names or asked:
                around = self._around([hit.passage for hit in some])
                read = [prefer_named(names, text, one, asked) for text, one in zip(around, read, strict=True)]
            readings += read
            standings = [standing(one.best_score, one, rank) for rank, one in enumerate(readings)]
            read_enough = enough(stop, standings, [hit.scores.fused for hit in hits])
            if read_enough is not None:
                return readings[:read_enough]
        return readings

    def _around(self, passages: Sequence[Passage]) -> list[str]:
        """The title of each passage and its document's text around it; of one that is gone the passage alone."""
        texts = []
        with self._store.reading() as view:
            for passage in passages:
                span = Span(max(passage.span.start - AROUND, 0), passage.span.end + AROUND)
                texts.append(f"{passage.prefix}\n{view.slice(passage.document, span) or passage.text}")
        return texts

    def _confirmed(self, found: Sequence[Answer]) -> tuple[tuple[Answer, ...], int]:
        """The answers whose words still stand in their document, now that reading has taken its time or that they come
        from the cache; and the generation they stand in."""
        answers = []
        with self._store.reading() as view:
            for answer in found:
                words = view.slice(answer.document, answer.span)
                if words is None:  # replaced or deleted since it was read
                    continue
                if words != answer.text:
                    raise SpanInvariantError(
                        f"An answer does not equal its span in document {answer.document.id!r}.", subject=answer.span
                    )
                answers.append(replace(answer, location=view.locate(answer.document, answer.span)))
            return tuple(answers), view.generation

    def _check_asked(self, top_k: int, min_probability: float | None) -> None:
        self._check_top_k(top_k)
        if min_probability is not None and (
            isinstance(min_probability, bool)
            or not isinstance(min_probability, int | float)
            or not 0 <= min_probability <= 1
        ):
            raise LimitError(
                f"min_probability is {min_probability!r}.",
                subject=min_probability,
                way_out="Give a number from 0 to 1.",
            )

    def _calibration(self) -> Calibration | None:
        return self._calibrations.of(self._reader().fingerprint)

    def _knows(self, word: str) -> bool:
        return self._reader().knows(word)

    def _reader(self) -> Reader:
        return self._given_reader or load_reader(self._settings.reader, self._settings.threads)

    def _reader_name(self) -> str:
        return self._given_reader.fingerprint if self._given_reader else self._settings.reader


def as_read(question: str, corrected: Mapping[str, str]) -> str:
    """`question` as the reader sees it: with the words that were corrected for the search, but for those that only lost
    what stood in front: “unnatural” is no misspelling of “natural”."""
    return respelt(question, {word: right for word, right in corrected.items() if not word.endswith(right)})


def _as_answer(one: Decided, probability: float) -> Answer:
    inner = Span(one.start, one.end).utf16(one.passage.text)
    shift = one.passage.span_utf16.start
    return Answer(
        text=one.text,
        probability=probability,
        span=one.span,
        span_utf16=Span(shift + inner.start, shift + inner.end),
        passage=one.passage,
        support=tuple(one.support),
    )


def _doubtful(judged: Judged) -> Judged:
    right = tuple(min(probability, MOST_DOUBTFUL) for probability in judged.right)
    return replace(judged, right=right, no_answer=max(judged.no_answer, 1 - MOST_DOUBTFUL), calibrated=False)
