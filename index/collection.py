"""A collection that can be searched: documents in, passages out. `qa.collection` adds the questions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace as replace_fields
from itertools import chain, islice
from pathlib import Path
from sys import getsizeof
from typing import get_args

from ..errors import LimitError, QuestionError
from ..settings import Settings
from . import beside
from .caching import ENTRY_BYTES, LruCache
from .cursors import MOST_POSITION, make_cursor, position_of
from .documents import DocumentCollection
from .embedding import Embedder, Fingerprint, Vectors
from .filters import AnyWhere, Where, parse_where
from .finding_nothing import why_nothing
from .managing import sweep
from .marking import as_hits, nearest_sentences
from .markup import blank_markup
from .ranking import Mode, rank, reranked, take
from .records import Passage
from .results import Hit, Hits, Suggestions
from .storage import collection_folder
from .store import PassageStore, View, WordQuery
from .store_sqlite import SqlitePassageStore
from .timings import stage, timings
from .vectors_faiss import FaissFlatIndex, FaissInverted

RERANKED = 20
"""Passages at the head of a ranking whose relevance the reading model judges."""


class SearchCollection(DocumentCollection):
    """A named set of documents under one embedding model. Safe to use from many threads."""

    def __init__(self, name: str, store: PassageStore, settings: Settings, embedder: Embedder | None = None) -> None:
        super().__init__(name, store, settings, embedder)
        self._query_vectors: LruCache[tuple[Fingerprint, str], Vectors] = LruCache(settings.query_cache_bytes)

    def search(
        self,
        query: str,
        top_k: int = 10,
        *,
        mode: Mode = "hybrid",
        where: AnyWhere | None = None,
        cursor: str | None = None,
        rerank: bool = False,
        merge: bool = True,
        sentences: bool = False,
        explain: bool = False,
        prefix: bool = False,
    ) -> Hits:
        """The passages nearest to `query`, best first, with what matched in them.

        `mode` is `hybrid` (meaning and words), `dense` (meaning only) or `lexical` (words only).
        `where` keeps the search to documents and passages that a filter allows (see `index.filters`); nothing that it
        allows is lost. `cursor` is `next` of the page before. `rerank` orders the first 20 passages by the reading
        model's relevance and their score together. `merge` shows a passage and its neighbours that are hits too as one.
        `sentences` marks the nearest sentence of each hit; `explain` says how each score came about. With `prefix` the
        last word may be unfinished, as while it is typed. Passages with the quoted phrases and codes of the query come
        first. Words that no document holds are corrected for the search by words; see `Hits.corrected`. Where nothing
        that is stored meets the filter, `Hits.warnings` says so and names the metadata there is.
        Raises QuestionError, LimitError, FilterError, CursorError, StaleCursorError.
        """
        started = time.perf_counter()
        given = query
        query = self._check_question(query, "query")
        self._check_top_k(top_k)
        if mode not in get_args(Mode):
            raise QuestionError(
                f"There is no search mode {mode!r}.", subject=mode, way_out=f"Give one of {', '.join(get_args(Mode))}."
            )
        allowed = parse_where(where)
        unfinished = prefix and not given[-1].isspace()
        request = (query, mode, allowed, bool(rerank), bool(merge), unfinished)
        with beside.SHARED.one(), timings() as timed:
            with self._store.reading() as view:
                begin = 0 if cursor is None else position_of(cursor, request, view.generation)
                vector = self._vector_beside(query) if mode != "lexical" or sentences else None
                with stage("mark" if mode == "dense" else "lexical"):
                    words = view.read(query, prefix=unfinished)
                ranking = rank(view, words, vector, mode, allowed)
                if rerank:
                    head = list(islice(ranking, RERANKED))
                    ranking = chain(reranked(head, self._relevance(query, [one.passage for one in head])), ranking)
                groups, taken, more = take(view, islice(ranking, begin, MOST_POSITION), top_k, merge=merge)
                with stage("mark"):
                    hits = as_hits(view, words, groups, explain=explain)
                following = make_cursor(request, view.generation, begin + taken) if more else None
                generation = view.generation
                nothing = why_nothing(view, allowed) if not hits and cursor is None else None
            if sentences and vector is not None:
                with stage("sentences"):
                    marked = nearest_sentences([hit.passage for hit in hits], vector(), self._embedder())
                hits = [replace_fields(hit, sentence=one) for hit, one in zip(hits, marked, strict=True)]
            if rerank or sentences:  # models take their time: what was deleted meanwhile is not shown
                hits = self._still_there(hits, generation)
        took = _milliseconds_since(started)
        corrected = {} if mode == "dense" else words.corrected
        warnings = (nothing,) if nothing else ()
        return Hits(query, tuple(hits), generation, took, corrected, following, timed, warnings)

    def suggest(self, text: str, limit: int = 8) -> Suggestions:
        """Ways to go on from `text` that the documents know: titles, headings, phrases; a typing error is forgiven.

        Titles and headings that begin with `text` come first, then phrases by the number of passages they stand in,
        then other titles that hold its words. Raises QuestionError, LimitError.
        """
        started = time.perf_counter()
        self._check_question(text, "text")
        self._check_top_k(limit, "limit")
        with self._store.reading() as view:
            found = view.suggest(text.replace("\0", " "), limit)
            return Suggestions(text, tuple(found), view.generation, _milliseconds_since(started))

    def warm(self) -> None:
        """Load the models and the index now instead of at the first question."""
        with self._store.reading() as view:
            view.dense(self._embedder().embed_query("warm"), 1)

    # The way of a question, first half: retrieve.

    def _retrieve(self, view: View, query: str, words: WordQuery, top_k: int, where: Where | None = None) -> list[Hit]:
        ranking = rank(view, words, self._vector_beside(query), "hybrid", where)
        return [Hit(one.passage, one.scores) for one in islice(ranking, top_k)]

    def _vector_beside(self, query: str) -> Callable[[], Vectors]:
        """The vector of `query` when it is asked for; computed meanwhile if the process has a thread to spare."""
        return beside.SHARED.begin(lambda: self._query_vector(query))

    def _query_vector(self, query: str) -> Vectors:
        with stage("encode"):
            embedder, shown = self._embedder(), blank_markup(query)
            key = (embedder.fingerprint, shown)
            vector = self._query_vectors.get(key)
            if vector is None:
                vector = embedder.embed_query(shown)
                vector.setflags(write=False)  # it is handed out again
                self._query_vectors.put(key, vector, vector.nbytes + getsizeof(shown) + ENTRY_BYTES)
            return vector

    def _relevance(self, query: str, passages: Sequence[Passage]) -> list[float]:
        """How well each passage answers `query`, by a reading model; larger is better."""
        raise QuestionError("This collection has no reading model.", way_out="Search without rerank.")

    def _still_there(self, hits: list[Hit], generation: int) -> list[Hit]:
        """Those of `hits` whose version of the document is still the one that is stored."""
        with self._store.reading() as view:
            if view.generation == generation:
                return hits
            known = view.known([hit.document.id for hit in hits])
            return [hit for hit in hits if known.get(hit.document.id) == hit.document]

    def _check_question(self, question: str, what: str = "question") -> str:
        if not isinstance(question, str):
            raise QuestionError(
                f"The {what} is {type(question).__name__}, not a string.", subject=question, way_out="Give it as text."
            )
        stripped = question.encode("utf-8", "replace").decode().replace("\0", " ").strip()
        if not stripped:
            raise QuestionError(f"The {what} is empty.", subject=question, way_out="Ask something.")
        if len(stripped) > (most := self._settings.max_question_characters):
            raise QuestionError(
                f"The {what} has {len(stripped):,} characters; the limit is {most:,}.",
                subject=stripped[:80],
                way_out="Shorten it.",
            )
        return stripped

    def _check_top_k(self, top_k: int, name: str = "top_k") -> None:
        if not isinstance(top_k, int) or isinstance(top_k, bool) or not 1 <= top_k <= self._settings.max_top_k:
            raise LimitError(
                f"{name} is {top_k!r}.", subject=top_k, way_out=f"Give a number from 1 to {self._settings.max_top_k}."
            )


def open_store(data: Path, name: str, *, create: bool, settings: Settings) -> PassageStore:
    """The store of collection `name` in the data folder `data`."""
    folder = collection_folder(data, name)
    with suppress(OSError):  # a folder that is read-only has nothing to finish
        sweep(data)
    return SqlitePassageStore(
        folder, FaissFlatIndex, FaissInverted(), create=create, write_wait_seconds=settings.write_wait_seconds
    )


def _milliseconds_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
