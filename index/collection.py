"""A collection that can be searched: documents in, passages out. `qa.collection` adds the questions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self, get_args

from ..errors import (
    CorruptDataError,
    InputError,
    LimitError,
    MissingExtraError,
    NotFoundError,
    QuestionError,
    SourceError,
)
from ..settings import Settings
from .cursors import MOST_POSITION, make_cursor, position_of
from .embedding import DEFAULT_MODEL, Embedder, Vectors
from .embedding_choice import configured, configured_embedder, mismatch, named
from .filters import AnyWhere, Where, parse_where
from .ingest import (
    BATCH_CHARACTERS,
    batches,
    check_distinct,
    checked,
    draft,
    is_folder,
    loaded,
    parse_limits,
    same_version,
)
from .loading import LoadOptions, files_below, id_of_path, load_path, shown
from .managing import sweep
from .marking import as_hits, nearest_sentences
from .markup import blank_markup
from .ranking import Mode, rank, reranked, take
from .records import Added, Document, DocumentInfo, Failure, Hit, Hits, Location, Source, Span
from .splitting import SplitLimits
from .storage import FORMAT_VERSION, collection_folder
from .store import DocumentDraft, PassageStore, View
from .store_sqlite import SqlitePassageStore
from .timings import stage, timings
from .vectors_faiss import FaissFlatIndex

AnySource = Source | str | Path
RERANKED = 20
"""Passages at the head of a ranking whose relevance the reading model judges."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far `add` has come, in sources; `name` is the one just finished."""

    done: int
    total: int
    name: str


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Status:
    """What a collection holds and what made it."""

    collection: str
    documents: int
    passages: int
    characters: int
    generation: int
    embedding_model: str
    reader: str
    format_version: int
    bytes_on_disk: int


class SearchCollection:
    """A named set of documents under one embedding model. Safe to use from many threads."""

    def __init__(self, name: str, store: PassageStore, settings: Settings, embedder: Embedder | None = None) -> None:
        self.name = name
        self._store = store
        self._settings = settings
        self._given_embedder = embedder
        self._checked_embedder: Embedder | None = None
        self._check_configured_model()

    def add(
        self,
        source: AnySource | Iterable[AnySource],
        *,
        replace: bool = True,
        encoding: str | None = None,
        keep_all: bool = False,
        columns: Mapping[str, str] | None = None,
        on_progress: OnProgress | None = None,
    ) -> Added:
        """Store documents: a `Source`, a text (str), a file or folder (Path), or several of these.

        An id that exists is replaced; the same content again costs nothing. Sources, texts and single files of one
        call are stored together or not at all. A folder is stored in batches: files that cannot be read are reported in
        `failed` and the rest goes on; so are members of an archive. `encoding` applies to text files; `keep_all` keeps
        the navigation of web pages; `columns` says which column of CSV, JSON and JSONL files holds `text`, `id`,
        `title` and `uri` (further names become metadata).

        Raises SourceError, DocumentIdError (a bad id, or the same id twice in one call), DocumentExistsError (only
        with `replace=False`), StorageError.
        """
        options = LoadOptions(encoding, keep_all, columns or {})
        limits = parse_limits(self._settings)
        items = [source] if isinstance(source, Source | str | Path) else list(source)
        failed: list[Failure] = []
        together: list[Source] = []
        folders: list[Path] = []
        for item in items:
            if isinstance(item, Path) and is_folder(item):
                folders.append(item)
            else:
                one = loaded(item, options, limits)
                together.extend(checked(source, self._settings) for source in one.sources)
                failed.extend(one.failed)
        taken: set[str] = set()
        check_distinct([str(source.id) for source in together], taken)
        result = self._add_together(together, replace, on_progress) if together or not folders else Added()
        for folder in folders:
            result += self._add_folder(folder, replace, options, on_progress, taken)
        return result + Added(failed=tuple(failed))

    def sync(
        self,
        folder: Path,
        *,
        encoding: str | None = None,
        keep_all: bool = False,
        columns: Mapping[str, str] | None = None,
        on_progress: OnProgress | None = None,
    ) -> Added:
        """Make the collection equal `folder`: add what is new, replace what changed, delete every other document.

        Documents of a file that is there but cannot be read now are kept. Options as in `add`.

        Raises SourceError when `folder` is not a folder, StorageError.
        """
        if not is_folder(folder):
            raise SourceError(f"{shown(str(folder))} is not a folder.", subject=folder, way_out="Check the path.")
        options = LoadOptions(encoding, keep_all, columns or {})
        result = self._add_folder(folder, True, options, on_progress, set())
        kept = set(result.ids)
        unread = tuple(f"{id_of_path(PurePosixPath(failure.source))}/" for failure in result.failed)
        gone = [info.id for info in self.documents() if info.id not in kept and not f"{info.id}/".startswith(unread)]
        if gone:
            result += Added(removed=tuple(gone), generation=self._store.delete(gone))
        return result

    def remove(self, *ids: str) -> int:
        """Delete documents; how many. Raises DocumentNotFoundError for an unknown id, and then deletes none."""
        if ids:
            self._store.delete(list(dict.fromkeys(ids)))
        return len(set(ids))

    def documents(self, *, after: str | None = None, limit: int | None = None) -> list[DocumentInfo]:
        """Documents in the order of their ids; `after` and `limit` page through them."""
        with self._store.reading() as view:
            return view.documents(after, limit)

    def document(self, document_id: str) -> Document:
        """One document with its text. Raises DocumentNotFoundError."""
        with self._store.reading() as view:
            return view.document(document_id)

    def original(self, document_id: str) -> bytes:
        """The bytes of the file that a document was read from: of an archive or a table, the whole of it.

        Raises DocumentNotFoundError, NotFoundError where no file is kept, CorruptDataError when it is lost or damaged.
        """
        kept = self._original(document_id)
        if kept is None:
            raise NotFoundError(
                f"There is no original of document {document_id!r}.",
                subject=document_id,
                way_out="It came as text, or SPANWISE_KEEP_ORIGINALS was off: add its file again to keep it.",
            )
        return kept

    def locate(self, document_id: str, span: Span) -> Location:
        """Where `span` of a document stands in its source: page and rectangles, element and link, line and column.

        Raises DocumentNotFoundError, and LimitError for a span outside the text.
        """
        with self._store.reading() as view:
            info = view.known([document_id]).get(document_id) or view.document(document_id).info
            if span.end > info.characters:
                raise LimitError(
                    f"Characters {span.start} to {span.end} are not in {document_id!r}.",
                    subject=span,
                    way_out=f"It has {info.characters} characters.",
                )
            return view.locate(info, span) or Location()

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
    ) -> Hits:
        """The passages nearest to `query`, best first, with what matched in them.

        `mode` is `hybrid` (meaning and words), `dense` (meaning only) or `lexical` (words only).
        `where` keeps the search to documents and passages that a filter allows (see `index.filters`); nothing that it
        allows is lost. `cursor` is `next` of the page before. `rerank` orders the first 20 passages by the reading
        model's relevance. `merge` shows a passage and its neighbours that are hits too as one. `sentences` marks the
        nearest sentence of each hit; `explain` says how each score came about.
        Raises QuestionError, LimitError, FilterError, CursorError, StaleCursorError.
        """
        started = time.perf_counter()
        query = self._check_question(query, "query")
        self._check_top_k(top_k)
        if mode not in get_args(Mode):
            raise QuestionError(
                f"There is no search mode {mode!r}.", subject=mode, way_out=f"Give one of {', '.join(get_args(Mode))}."
            )
        allowed = parse_where(where)
        request = (query, mode, allowed, bool(rerank), bool(merge))
        with timings() as timed:
            with self._store.reading() as view:
                begin = 0 if cursor is None else position_of(cursor, request, view.generation)
                vector = self._query_vector(query) if mode != "lexical" or sentences else None
                ranking = rank(view, query, vector, mode, allowed)
                if rerank:
                    head = list(islice(ranking, RERANKED))
                    ranking = chain(reranked(head, self._relevance(query, [one.passage.text for one in head])), ranking)
                groups, taken, more = take(view, islice(ranking, begin, MOST_POSITION), top_k, merge=merge)
                with stage("mark"):
                    hits = as_hits(view, query, groups, explain=explain)
                following = make_cursor(request, view.generation, begin + taken) if more else None
                generation = view.generation
            if sentences and vector is not None:
                with stage("sentences"):
                    marked = nearest_sentences([hit.passage for hit in hits], vector, self._embedder())
                hits = [replace_fields(hit, sentence=one) for hit, one in zip(hits, marked, strict=True)]
            if rerank or sentences:  # models take their time: what was deleted meanwhile is not shown
                hits = self._still_there(hits, generation)
        took = _milliseconds_since(started)
        return Hits(query, tuple(hits), generation, took, next=following, timings_ms=timed)

    def status(self) -> Status:
        """What the collection holds. Loads no model."""
        with self._store.reading() as view:
            counts, generation = view.counts(), view.generation
        return Status(
            self.name, counts.documents, counts.passages, counts.characters, generation, self._model_name(),
            self._reader_name(), FORMAT_VERSION, counts.bytes_on_disk,
        )  # fmt: skip

    @property
    def index_generation(self) -> int:
        """The generation that the vector index in memory shows; 0 before it is built. The next search brings it up."""
        return self._store.index_generation

    def warm(self) -> None:
        """Load the models and the index now instead of at the first question."""
        with self._store.reading() as view:
            view.dense(self._embedder().embed_query("warm"), 1)

    @property
    def moved(self) -> bool:
        """Whether it was dropped, renamed or restored since it was opened; every use raises then. Open it again."""
        return self._store.moved

    def close(self) -> None:
        """Close the files. Models stay loaded for other collections."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The way of a document: load, split, embed, commit.

    def _original(self, document_id: str) -> bytes | None:
        while True:
            with self._store.reading() as view:
                try:
                    return view.original(document_id)
                except CorruptDataError:
                    read = view.known([document_id])
            with self._store.reading() as view:
                if view.known([document_id]) == read:
                    return view.original(document_id)
            # It was replaced or deleted meanwhile, and its file with it.

    def _add_folder(
        self, folder: Path, replace: bool, options: LoadOptions, on_progress: OnProgress | None, taken: set[str]
    ) -> Added:
        files = list(files_below(folder))
        limits = parse_limits(self._settings)
        result = Added()
        batch: list[Source] = []
        for done, file in enumerate(files, 1):
            try:
                one = load_path(file, root=folder, options=options, limits=limits)
                sources = [checked(source, self._settings) for source in one.sources]
                check_distinct([str(source.id) for source in sources], taken)
                batch.extend(sources)
                result += Added(failed=one.failed)
            except (InputError, MissingExtraError) as error:
                name = shown(file.relative_to(folder).as_posix())
                result += Added(failed=(Failure(name, shown(str(error))),))
            if sum(len(source.text) for source in batch) >= BATCH_CHARACTERS or done == len(files):
                result += self._add_together(batch, replace, None)
                batch = []
            if on_progress:
                on_progress(Progress(done, len(files), shown(file.name)))
        return result

    def _add_together(self, sources: list[Source], replace: bool, on_progress: OnProgress | None) -> Added:
        ids = [str(source.id) for source in sources]
        with self._store.reading() as view:
            known = view.known(ids)
            generation = view.generation
        infos = {info.id: info for info in known.values()}
        unchanged = {source.id for source in sources if replace and same_version(source, known.get(str(source.id)))}
        changed = [source for source in sources if source.id not in unchanged]
        originals = {
            str(source.id): source.original
            for source in sources
            if source.id in unchanged and source.original and source.original.sha256 != infos[str(source.id)].original
        }
        if changed or originals:
            stored = self._store.add(self._drafts(changed, on_progress), replace=replace, originals=originals)
            infos |= {info.id: info for info in stored.documents}
            infos |= {one: replace_fields(infos[one], original=kept.sha256) for one, kept in originals.items()}
            generation = stored.generation
        return Added(
            documents=tuple(infos[document_id] for document_id in ids),
            added=tuple(document_id for document_id in ids if document_id not in known),
            replaced=tuple(document_id for document_id in ids if document_id in known and document_id not in unchanged),
            unchanged=tuple(document_id for document_id in ids if document_id in unchanged),
            generation=generation,
        )

    def _drafts(self, sources: list[Source], on_progress: OnProgress | None) -> list[DocumentDraft]:
        if not sources:
            return []
        embedder = self._embedder(adding=True)
        limits = SplitLimits.for_model(embedder.max_tokens)
        drafts: list[DocumentDraft] = []
        for batch in batches(sources):
            with stage("embed"):
                drafts.extend(draft(batch, embedder, limits))
            if on_progress:
                on_progress(Progress(len(drafts), len(sources), drafts[-1].id))
        return drafts

    # The way of a question, first half: retrieve.

    def _retrieve(self, view: View, query: str, top_k: int, mode: Mode, where: Where | None = None) -> list[Hit]:
        ranking = rank(view, query, None if mode == "lexical" else self._query_vector(query), mode, where)
        return [Hit(one.passage, one.scores) for one in islice(ranking, top_k)]

    def _query_vector(self, query: str) -> Vectors:
        with stage("encode"):
            return self._embedder().embed_query(blank_markup(query))

    def _relevance(self, query: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers `query`, by a reading model; larger is better."""
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

    def _check_top_k(self, top_k: int) -> None:
        if not isinstance(top_k, int) or isinstance(top_k, bool) or not 1 <= top_k <= self._settings.max_top_k:
            raise LimitError(
                f"top_k is {top_k!r}.", subject=top_k, way_out=f"Give a number from 1 to {self._settings.max_top_k}."
            )

    # The models.

    def _embedder(self, *, adding: bool = False) -> Embedder:
        """The embedding model, loaded on first use and checked against what the collection was built with.

        The first document settles the model; a search before that changes nothing.
        """
        if self._checked_embedder is None:
            stored = self._store.fingerprint()
            embedder = self._given_embedder or configured_embedder(self._settings, stored)
            if stored is None and adding:
                self._store.set_fingerprint(embedder.fingerprint)
                stored = self._store.fingerprint()
            if stored is None:
                return embedder
            if stored != embedder.fingerprint:
                raise mismatch(self.name, stored, embedder.fingerprint)
            self._checked_embedder = embedder
        return self._checked_embedder

    def _check_configured_model(self) -> None:
        stored = self._store.fingerprint()
        if stored is None:
            return
        given = self._given_embedder.fingerprint if self._given_embedder else configured(self._settings, stored)
        if named(given) != named(stored):  # what the weights are is seen when they are loaded
            raise mismatch(self.name, stored, given)

    def _model_name(self) -> str:
        stored = self._store.fingerprint()
        return stored.model if stored else self._settings.model or DEFAULT_MODEL

    def _reader_name(self) -> str:
        return "none"


def open_store(data: Path, name: str, *, create: bool, settings: Settings) -> PassageStore:
    """The store of collection `name` in the data folder `data`."""
    folder = collection_folder(data, name)
    with suppress(OSError):  # a folder that is read-only has nothing to finish
        sweep(data)
    return SqlitePassageStore(folder, FaissFlatIndex, create=create, write_wait_seconds=settings.write_wait_seconds)


def _milliseconds_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
