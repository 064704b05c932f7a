"""A collection of documents: added, kept equal to a folder, removed, and shown again. `collection` adds the search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace as replace_fields
from pathlib import Path, PurePosixPath

from ..errors import (
    CorruptDataError,
    DocumentIdError,
    LimitError,
    ModelMismatchError,
    NotFoundError,
)
from ..settings import Settings
from .embedding import Embedder
from .folders import FolderReader, OnProgress, Progress, check_few_go, check_folder, ids_without_file, place_of
from .ingest import (
    as_items,
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
from .loading import LoadOptions, id_of_path
from .pages import DEFAULT_WIDTH, PageImages
from .records import Added, Document, DocumentInfo, Failure, Location, Metadata, Original, Source, Span
from .splitting import SplitLimits
from .store import DocumentDraft, FileRecord, PassageStore, Stored
from .timings import stage

AnySource = Source | str | Path


class DocumentCollection(KeptCollection):
    """A named set of documents under one embedding model. Safe to use from many threads."""

    def __init__(self, name: str, store: PassageStore, settings: Settings, embedder: Embedder | None = None) -> None:
        super().__init__(name, store, settings, embedder)
        self._pages = PageImages(store, parse_limits(settings))

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
        reserved: Iterable[str] = (),
        on_progress: OnProgress | None = None,
    ) -> Added:
        """Store documents: a `Source`, a text (str), a file or folder (Path), or several of these.

        An id that exists is replaced; the same content again costs nothing. Sources, texts and single files of one
        call are stored together or not at all. A folder is stored in batches: files that cannot be read are reported in
        `failed` and the rest goes on; so are members of an archive. `encoding` applies to text files; `keep_all` keeps
        the navigation of web pages; `columns` says which column of CSV, JSON and JSONL files holds `text`, `id`,
        `title` and `uri` (further names become metadata); `metadata` is added to that of sources and to what
        files say of themselves, and wins. Files of a folder whose size and time of change are those of the last time
        are not read again; with `check_content` they are, and compared by their sha256. `reserved` are ids that may
        not be stored, such as those of earlier calls: an id that is there, or that comes twice in one call, is refused
        (of a folder's files in `failed`) instead of replacing what has just been stored.

        Raises SourceError, DocumentIdError (a bad id, one twice or reserved), DocumentExistsError (only with
        `replace=False`), StorageError.
        """
        options = LoadOptions(encoding, keep_all, columns or {}, metadata or {})
        limits = parse_limits(self._settings)
        items = as_items(source)
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
        taken = set(reserved)
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
        delete_most: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Added:
        """Make the collection equal `folder`: add what is new, replace what changed, delete every other document.

        Documents of a file that is there but cannot be read now are kept. Where more than half of the documents would
        go, as with a wrong path or a disk that is not mounted, nothing is deleted unless `delete_most` is true. Options
        as in `add`.

        Raises SourceError when `folder` is not a folder, or is refused for what would be deleted; StorageError.
        """
        check_folder(folder)
        stored = [info.id for info in self.documents()]
        if not delete_most:  # told by the names of the files alone, before anything is changed
            check_few_go(ids_without_file(folder, stored), len(stored), folder, "Nothing was changed")
        options = LoadOptions(encoding, keep_all, columns or {}, metadata or {})
        result = self._add_folder(folder, True, options, on_progress, set(), check_content)
        kept = set(result.ids)
        unread = tuple(f"{id_of_path(PurePosixPath(failure.source))}/" for failure in result.failed)
        gone = [info.id for info in self.documents() if info.id not in kept and not f"{info.id}/".startswith(unread)]
        if not delete_most:  # a table or an archive may hold less than it did, and a disk go while it is read
            check_few_go(gone, len(stored), folder, "What is new or changed is stored, and nothing was deleted")
        if gone:
            result += Added(removed=tuple(gone), generation=self._store.delete(gone))
        return result

    def remove(self, *ids: str) -> int:
        """Delete documents; how many. Raises DocumentNotFoundError for an unknown id, and then deletes none, and
        DocumentIdError for what is not a string, such as a list of ids."""
        for one in ids:
            if not isinstance(one, str):
                raise DocumentIdError(
                    f"A {type(one).__name__} is not a document id.",
                    subject=one,
                    way_out="Give the ids one by one: remove(*ids).",
                )
        if ids:
            self._store.delete(list(dict.fromkeys(ids)))
        return len(set(ids))

    def documents(self, *, after: str | None = None, limit: int | None = None) -> list[DocumentInfo]:
        """Documents in the order of their ids; `after` and `limit` page through them. Raises LimitError."""
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 0):
            raise LimitError(f"limit is {limit!r}.", subject=limit, way_out="Give a whole number of at least 0.")
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
            return view.locate(info, info.span(span.start, span.end)) or Location()

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
            records = view.files(place_of(folder)) if replace else {}
        reader = FolderReader(folder, records, options, self._settings, taken, check_content=check_content)
        result = Added()
        with self._store.announced("add", place_of(folder)) as step:
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
