"""A collection that can be searched: documents in, passages out. `qa.collection` adds the questions."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace as replace_fields
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from sys import getsizeof
from typing import get_args

from ..errors import (
    CorruptDataError,
    LimitError,
    ModelMismatchError,
    NotFoundError,
    QuestionError,
    SourceError,
)
from ..settings import Settings
from .caching import ENTRY_BYTES, LruCache
from .cursors import MOST_POSITION, make_cursor, position_of
from .embedding import Embedder, Fingerprint, Vectors
from .filters import AnyWhere, Where, parse_where
from .folders import FolderReader, OnProgress, Progress
from .ingest import (
    batches,
    check_distinct,
    checked,
    draft,
    is_folder,
    loaded,
    parse_limits,
    same_version,
)
from .keeping import KeptCollection
from .loading import LoadOptions, id_of_path, shown
from .managing import sweep
from .marking import as_hits, nearest_sentences
from .markup import blank_markup
from .pages import DEFAULT_WIDTH, PageImages
from .ranking import Mode, rank, reranked, take
from .records import (
    Added,
    Document,
    DocumentInfo,
    Failure,
    Hit,
    Hits,
    Location,
    Metadata,
    Original,
    Source,
    Span,
    Suggestions,
)
from .splitting import SplitLimits
from .storage import collection_folder
from .store import DocumentDraft, FileRecord, PassageStore, Stored, View, WordQuery
from .store_sqlite import SqlitePassageStore
from .timings import stage, timings
from .vectors_faiss import FaissFlatIndex, FaissInverted

AnySource = Source | str | Path
RERANKED = 20
"""Passages at the head of a ranking whose relevance the reading model judges."""


class SearchCollection(KeptCollection):
    """A named set of documents under one embedding model. Safe to use from many threads."""

    def __init__(self, name: str, store: PassageStore, settings: Settings, embedder: Embedder | None = None) -> None:
        super().__init__(name, store, settings, embedder)
        self._pages = PageImages(store, parse_limits(settings))
        self._query_vectors: LruCache[tuple[Fingerprint, str], Vectors] = LruCache(settings.query_cache_bytes)

    def add(
        self,
        source: AnySource | Iterable[AnySource],
        *,
        replace: bool = True,
        encoding: str | None = None,
        keep_all: bool = False,
        columns: Mapping[str, str] | None = None,
        check_content: bool = False,
        metadata: Metadata | None = None,
        on_progress: OnProgress | None = None,
    ) -> Added:
        """Store documents: a `Source`, a text (str), a file or folder (Path), or several of these.

        An id that exists is replaced; the same content again costs nothing. Sources, texts and single files of one
        call are stored together or not at all. A folder is stored in batches: files that cannot be read are reported in
        `failed` and the rest goes on; so are members of an archive. `encoding` applies to text files; `keep_all` keeps
        the navigation of web pages; `columns` says which column of CSV, JSON and JSONL files holds `text`, `id`,
        `title` and `uri` (further names become metadata); `metadata` is added to what files say of themselves,
        and wins. Files of a folder whose size and time of change are those of the last time
        are not read again; with `check_content` they are, and compared by their sha256.

        Raises SourceError, DocumentIdError (a bad id, or the same id twice in one call), DocumentExistsError (only
        with `replace=False`), StorageError.
        """
        options = LoadOptions(encoding, keep_all, columns or {}, metadata or {})
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
            result += self._add_folder(folder, replace, options, on_progress, taken, check_content)
        return result + Added(failed=tuple(failed))

    def sync(
        self,
        folder: Path,
        *,
        encoding: str | None = None,
        keep_all: bool = False,
        columns: Mapping[str, str] | None = None,
        check_content: bool = False,
        metadata: Metadata | None = None,
        on_progress: OnProgress | None = None,
    ) -> Added:
        """Make the collection equal `folder`: add what is new, replace what changed, delete every other document.

        Documents of a file that is there but cannot be read now are kept. Options as in `add`.

        Raises SourceError when `folder` is not a folder, StorageError.
        """
        if not is_folder(folder):
            raise SourceError(f"{shown(str(folder))} is not a folder.", subject=folder, way_out="Check the path.")
        options = LoadOptions(encoding, keep_all, columns or {}, metadata or {})
        result = self._add_folder(folder, True, options, on_progress, set(), check_content)
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

    def page_image(
        self,
        document_id: str,
        page: int,
        spans: Span | Sequence[Span] = (),
        *,
        width: int = DEFAULT_WIDTH,
        content_hash: str | None = None,
    ) -> bytes:
        """PNG of page `page` (from 1) of a PDF, `width` pixels wide, with what stands of `spans` on it highlighted.

        Drawn from the kept original in a worker process; the pictures shown last are kept in memory.

        Raises DocumentNotFoundError, PageNotFoundError (no such page, or no kept file), VersionConflictError when
        `content_hash` is given and another version is stored, LimitError, SourceError when the file cannot be drawn.
        """
        return self._pages.image(
            document_id, page, [spans] if isinstance(spans, Span) else list(spans), width, content_hash
        )

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
        first. Words that no document holds are corrected for the search by words; see `Hits.corrected`.
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
        with timings() as timed:
            with self._store.reading() as view:
                begin = 0 if cursor is None else position_of(cursor, request, view.generation)
                vector = self._query_vector(query) if mode != "lexical" or sentences else None
                with stage("mark" if mode == "dense" else "lexical"):
                    words = view.read(query, prefix=unfinished)
                ranking = rank(view, words, vector, mode, allowed)
                if rerank:
                    head = list(islice(ranking, RERANKED))
                    ranking = chain(reranked(head, self._relevance(query, [one.passage.text for one in head])), ranking)
                groups, taken, more = take(view, islice(ranking, begin, MOST_POSITION), top_k, merge=merge)
                with stage("mark"):
                    hits = as_hits(view, words, groups, explain=explain)
                following = make_cursor(request, view.generation, begin + taken) if more else None
                generation = view.generation
            if sentences and vector is not None:
                with stage("sentences"):
                    marked = nearest_sentences([hit.passage for hit in hits], vector, self._embedder())
                hits = [replace_fields(hit, sentence=one) for hit, one in zip(hits, marked, strict=True)]
            if rerank or sentences:  # models take their time: what was deleted meanwhile is not shown
                hits = self._still_there(hits, generation)
        took = _milliseconds_since(started)
        corrected = {} if mode == "dense" else words.corrected
        return Hits(query, tuple(hits), generation, took, corrected=corrected, next=following, timings_ms=timed)

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
        self,
        folder: Path,
        replace: bool,
        options: LoadOptions,
        on_progress: OnProgress | None,
        taken: set[str],
        check_content: bool,
    ) -> Added:
        with self._store.reading() as view:
            records = view.files(str(folder.resolve())) if replace else {}
        reader = FolderReader(folder, records, options, self._settings, taken, check_content=check_content)
        result = Added()
        with self._store.announced("add", str(folder.resolve())) as step:
            for batch in reader.batches():
                if batch.full or batch.progress.done == batch.progress.total:
                    result += self._add_together(batch.sources, replace, None, batch.files, batch.unchanged)
                    result += Added(failed=tuple(batch.failed))
                    step(batch.progress.done, batch.progress.total)
                if on_progress:
                    on_progress(batch.progress)
        return result

    def _add_together(
        self,
        sources: list[Source],
        replace: bool,
        on_progress: OnProgress | None,
        files: Sequence[FileRecord] = (),
        untouched: Sequence[str] = (),
    ) -> Added:
        """Store `sources` in one transaction, and record `files`; the documents `untouched` stay as they are."""
        ids = [str(source.id) for source in sources]
        with self._store.reading() as view:
            known = view.known(ids)
            kept = view.known(untouched)
            generation = view.generation
        infos = {info.id: info for info in known.values()}
        unchanged = {source.id for source in sources if replace and same_version(source, known.get(str(source.id)))}
        changed = [source for source in sources if source.id not in unchanged]
        originals = {
            str(source.id): source.original
            for source in sources
            if source.id in unchanged and source.original and source.original.sha256 != infos[str(source.id)].original
        }
        if changed or originals or files:
            stored = self._store_drafts(changed, replace, on_progress, originals, files)
            infos |= {info.id: info for info in stored.documents}
            infos |= {one: replace_fields(infos[one], original=file.sha256) for one, file in originals.items()}
            generation = stored.generation
        return Added(
            documents=(*(infos[document_id] for document_id in ids), *kept.values()),
            added=tuple(document_id for document_id in ids if document_id not in known),
            replaced=tuple(document_id for document_id in ids if document_id in known and document_id not in unchanged),
            unchanged=(*(document_id for document_id in ids if document_id in unchanged), *kept),
            generation=generation,
        )

    def _store_drafts(
        self,
        sources: list[Source],
        replace: bool,
        on_progress: OnProgress | None,
        originals: Mapping[str, Original],
        files: Sequence[FileRecord],
    ) -> Stored:
        if not sources:
            return self._store.add([], replace=replace, originals=originals, files=files)
        while True:
            embedder = self._embedder(adding=True)
            drafts = self._drafts(sources, embedder, on_progress)
            model = embedder.fingerprint
            try:
                return self._store.add(drafts, replace=replace, originals=originals, files=files, fingerprint=model)
            except ModelMismatchError:
                if self._embedder() is embedder:
                    raise
                # It was reindexed while these were embedded: once more, under the new model.

    def _drafts(self, sources: list[Source], embedder: Embedder, on_progress: OnProgress | None) -> list[DocumentDraft]:
        limits = SplitLimits.for_model(embedder.max_tokens)
        drafts: list[DocumentDraft] = []
        for batch in batches(sources):
            with stage("embed"):
                drafts.extend(draft(batch, embedder, limits))
            if on_progress:
                on_progress(Progress(len(drafts), len(sources), drafts[-1].id))
        return drafts

    # The way of a question, first half: retrieve.

    def _retrieve(self, view: View, query: str, words: WordQuery, top_k: int, where: Where | None = None) -> list[Hit]:
        ranking = rank(view, words, self._query_vector(query), "hybrid", where)
        return [Hit(one.passage, one.scores) for one in islice(ranking, top_k)]

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
