"""A collection that can be searched: documents in, passages out. `qa.collection` adds the questions."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from ..errors import (
    DocumentIdError,
    LimitError,
    ModelMismatchError,
    QuestionError,
    SourceError,
)
from ..settings import Settings
from .embedding import DEFAULT_MODEL, Embedder, load_embedder
from .fusion import Fused, fuse
from .loading import check_id, check_text, files_below, load_file, markdown_headings
from .markup import blank_markup
from .records import Added, Document, DocumentInfo, Failure, Hit, Hits, Metadata, Scores, Source
from .splitting import SplitLimits, indexed_prefix, split
from .storage import FORMAT_VERSION, collection_folder
from .store import DocumentDraft, PassageDraft, PassageStore, SqlitePassageStore, View
from .vectors_faiss import FaissFlatIndex

AnySource = Source | str | Path
Mode = Literal["hybrid", "dense", "lexical"]
CANDIDATES = 50
"""Passages taken from each ranking before they are fused."""
_BATCH_CHARACTERS = 200_000
"""Text embedded and committed together when a folder is added."""


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
        on_progress: OnProgress | None = None,
    ) -> Added:
        """Store documents: a `Source`, a text (str), a file or folder (Path), or several of these.

        An id that exists is replaced; the same content again costs nothing. Sources, texts and single files of one
        call are stored together or not at all. A folder is stored in batches: files that cannot be read are reported in
        `failed` and the rest goes on. `encoding` applies to files.

        Raises SourceError, DocumentIdError (a bad id, or the same id twice in one call), DocumentExistsError (only
        with `replace=False`), StorageError.
        """
        items = [source] if isinstance(source, Source | str | Path) else list(source)
        together: list[Source] = []
        folders: list[Path] = []
        for item in items:
            if isinstance(item, Path) and item.is_dir():
                folders.append(item)
            else:
                together.append(_as_source(item, encoding))
        result = self._add_together(together, replace, on_progress) if together or not folders else Added()
        for folder in folders:
            result += self._add_folder(folder, replace, encoding, on_progress)
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

    def search(self, query: str, top_k: int = 10, *, mode: Mode = "hybrid") -> Hits:
        """The passages nearest to `query`, best first.

        `mode` is `hybrid` (meaning and words), `dense` (meaning only) or `lexical` (words only).
        Raises QuestionError, LimitError.
        """
        started = time.perf_counter()
        query = self._check_question(query, "query")
        self._check_top_k(top_k)
        with self._store.reading() as view:
            hits = self._retrieve(view, query, top_k, mode)
            return Hits(query, tuple(hits), view.generation, _milliseconds_since(started))

    def status(self) -> Status:
        """What the collection holds. Loads no model."""
        with self._store.reading() as view:
            counts, generation = view.counts(), view.generation
        return Status(
            self.name, counts.documents, counts.passages, counts.characters, generation, self._model_name(),
            self._reader_name(), FORMAT_VERSION, counts.bytes_on_disk,
        )  # fmt: skip

    def warm(self) -> None:
        """Load the models and the index now instead of at the first question."""
        vector = self._embedder().embed_query("warm")
        with self._store.reading() as view:
            view.dense(vector, 1)

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

    def _add_folder(self, folder: Path, replace: bool, encoding: str | None, on_progress: OnProgress | None) -> Added:
        files = list(files_below(folder))
        result = Added()
        batch: list[Source] = []
        for done, file in enumerate(files, 1):
            try:
                source = load_file(file, root=folder, encoding=encoding)
                check_text(source.text, source.uri or file.name, self._settings.max_document_characters)
                batch.append(source)
            except SourceError as error:
                failure = Failure(file.relative_to(folder).as_posix(), str(error))
                result += Added(failed=(failure,))
            if sum(len(source.text) for source in batch) >= _BATCH_CHARACTERS or done == len(files):
                result += self._add_together(batch, replace, None)
                batch = []
            if on_progress:
                on_progress(Progress(done, len(files), file.name))
        return result

    def _add_together(self, sources: list[Source], replace: bool, on_progress: OnProgress | None) -> Added:
        sources = [self._checked(source) for source in sources]
        ids = [str(source.id) for source in sources]
        if twice := next((id_ for id_ in ids if ids.count(id_) > 1), None) if len(set(ids)) < len(ids) else None:
            raise DocumentIdError(
                f"The id {twice!r} stands twice in one call.", subject=twice, way_out="Give each document its own id."
            )
        with self._store.reading() as view:
            known = view.known(ids)
        unchanged = {id_ for source, id_ in zip(sources, ids, strict=True) if replace and _same(source, known.get(id_))}
        changed = [source for source in sources if source.id not in unchanged]
        if changed:
            drafts = self._draft(changed, on_progress)
            self._store.add(drafts, replace=replace)
        return Added(
            added=tuple(id_ for id_ in ids if id_ not in known),
            replaced=tuple(id_ for id_ in ids if id_ in known and id_ not in unchanged),
            unchanged=tuple(id_ for id_ in ids if id_ in unchanged),
        )

    def _checked(self, source: Source) -> Source:
        """`source` with an id, its text and fields checked."""
        name = source.id or source.uri or "The document"
        check_text(source.text, name, self._settings.max_document_characters)
        id_ = source.id if source.id is not None else content_hash(source.text).removeprefix("sha256:")
        return replace(source, id=check_id(id_), title=_one_line(source.title), metadata=_checked_metadata(source, id_))

    def _draft(self, sources: list[Source], on_progress: OnProgress | None) -> list[DocumentDraft]:
        embedder = self._embedder()
        limits = SplitLimits.for_model(embedder.max_tokens)
        drafts: list[DocumentDraft] = []
        for batch in _batches(sources):
            drafts.extend(_drafts(batch, embedder, limits))
            if on_progress:
                on_progress(Progress(len(drafts), len(sources), drafts[-1].id))
        return drafts

    # The way of a question, first half: retrieve.

    def _retrieve(self, view: View, query: str, top_k: int, mode: Mode) -> list[Hit]:
        depth = max(CANDIDATES, top_k)
        dense: dict[int, float] = {}
        lexical: dict[int, float] = {}
        if mode in ("hybrid", "lexical"):
            lexical = dict(view.lexical(query, depth))
        if mode in ("hybrid", "dense"):
            vector = self._embedder().embed_query(blank_markup(query))
            dense = dict(view.dense(vector, depth))
            dense |= view.similarities(vector, [key for key in lexical if key not in dense])
        candidates = fuse(dense, lexical)
        if len(candidates) > top_k:  # all that tie with the last one shown
            candidates = [candidate for candidate in candidates if candidate.fused >= candidates[top_k - 1].fused]
        passages = view.passages([candidate.key for candidate in candidates])
        found = [(candidate, passages[candidate.key]) for candidate in candidates if candidate.key in passages]
        # Ties between passages of equal score break by document and place, whatever order they were stored in.
        found.sort(key=lambda pair: (-pair[0].fused, pair[1].document.id, pair[1].span.start))
        return [Hit(passage, _scores(candidate)) for candidate, passage in found[:top_k]]

    def _check_question(self, question: str, what: str = "question") -> str:
        if not isinstance(question, str):
            raise QuestionError(
                f"The {what} is {type(question).__name__}, not a string.", subject=question, way_out="Give it as text."
            )
        stripped = question.strip()
        if not stripped:
            raise QuestionError(f"The {what} is empty.", subject=question, way_out="Ask something.")
        if len(stripped) > (most := self._settings.max_question_characters):
            raise QuestionError(
                f"The {what} has {len(stripped):,} characters; the limit is {most:,}.",
                subject=stripped[:80],
                way_out="Shorten it.",
            )
        return stripped.encode("utf-8", "replace").decode().replace("\0", " ")

    def _check_top_k(self, top_k: int) -> None:
        if not isinstance(top_k, int) or isinstance(top_k, bool) or not 1 <= top_k <= self._settings.max_top_k:
            raise LimitError(
                f"top_k is {top_k!r}.", subject=top_k, way_out=f"Give a number from 1 to {self._settings.max_top_k}."
            )

    # The models.

    def _embedder(self) -> Embedder:
        """The embedding model, loaded on first use and checked against what the collection was built with."""
        if self._checked_embedder is None:
            embedder = self._given_embedder or load_embedder(self._model_name(), self._settings.threads)
            stored = self._store.fingerprint()
            if stored is None:
                self._store.set_fingerprint(embedder.fingerprint)
                stored = self._store.fingerprint()
            if stored != embedder.fingerprint:
                raise _mismatch(self.name, stored.model if stored else "", embedder.fingerprint.model)
            self._checked_embedder = embedder
        return self._checked_embedder

    def _check_configured_model(self) -> None:
        stored = self._store.fingerprint()
        given = self._given_embedder.fingerprint.model if self._given_embedder else self._settings.model
        if stored and given and given != stored.model:
            raise _mismatch(self.name, stored.model, given)

    def _model_name(self) -> str:
        stored = self._store.fingerprint()
        return stored.model if stored else self._settings.model or DEFAULT_MODEL

    def _reader_name(self) -> str:
        return "none"


def open_store(data: Path, name: str, *, create: bool, settings: Settings) -> PassageStore:
    """The store of collection `name` in the data folder `data`."""
    folder = collection_folder(data, name)
    return SqlitePassageStore(folder, FaissFlatIndex, create=create, write_wait_seconds=settings.write_wait_seconds)


def content_hash(text: str) -> str:
    """`sha256:` and the hex digest of the UTF-8 bytes of `text`."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _as_source(item: object, encoding: str | None) -> Source:
    if isinstance(item, Source):
        return item
    if isinstance(item, Path):
        if not item.exists():
            raise SourceError(f"There is no file {str(item)!r}.", subject=item, way_out="Check the path.")
        return load_file(item, encoding=encoding)
    if isinstance(item, str):
        if len(item) < 1024 and "\n" not in item and "\0" not in item and _exists(item):
            raise SourceError(
                f"{item!r} is a path, and a string is taken as text.",
                subject=item,
                way_out=f"Add the file with Path({item!r}), or the words with Source({item!r}).",
            )
        return Source(item)
    raise SourceError(
        f"A {type(item).__name__} is not a source.", subject=item, way_out="Give a Source, a text or a pathlib.Path."
    )


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # too long for a path, or not one
        return False


def _batches(sources: list[Source]) -> Iterator[list[Source]]:
    """`sources` in runs of about `_BATCH_CHARACTERS`."""
    batch: list[Source] = []
    characters = 0
    for source in sources:
        batch.append(source)
        characters += len(source.text)
        if characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _drafts(sources: list[Source], embedder: Embedder, limits: SplitLimits) -> list[DocumentDraft]:
    """Split `sources` and embed the passages of all of them in one call: full batches are faster than many small."""
    passages: list[list[PassageDraft]] = []
    texts: list[str] = []
    headings = [markdown_headings(source.text) if source.media_type == "text/markdown" else () for source in sources]
    for source, found in zip(sources, headings, strict=True):
        spans = split(source.text, found, embedder.count_tokens, limits)
        seen = blank_markup(source.text)
        prefixes = {
            heading: indexed_prefix(source.title, heading, embedder.count_tokens, limits)
            for heading in {span.heading for span in spans}
        }
        passages.append([PassageDraft(span.span, span.heading, prefixes[span.heading]) for span in spans])
        texts.extend(f"{draft.prefix}\n{draft.span.of(seen)}".lstrip("\n") for draft in passages[-1])
    vectors = iter(embedder.embed_passages(texts))
    return [
        DocumentDraft(
            str(source.id), source.text, content_hash(source.text), source.title, source.uri, source.metadata,
            source.media_type, found, tuple(drafts), tuple(next(vectors) for _ in drafts),
        )
        for source, found, drafts in zip(sources, headings, passages, strict=True)
    ]  # fmt: skip


def _same(source: Source, known: DocumentInfo | None) -> bool:
    return known is not None and (
        known.content_hash == content_hash(source.text)
        and (known.title, known.uri, known.media_type) == (source.title, source.uri, source.media_type)
        and known.metadata == source.metadata
    )


def _one_line(title: str | None) -> str | None:
    return " ".join(title.split())[:500] or None if title else None


def _checked_metadata(source: Source, name: str) -> Metadata:
    def plain(value: object) -> bool:
        return value is None or isinstance(value, str | int | bool) or (isinstance(value, float) and isfinite(value))

    for key, value in source.metadata.items():
        good = plain(value) or (isinstance(value, list) and all(plain(item) for item in value))
        if not isinstance(key, str) or not good:
            raise SourceError(
                f"The metadata {str(key)[:80]!r} of {name} cannot be stored.",
                subject=key,
                way_out="Names are strings; values are strings, finite numbers, true, false, null, or lists of these.",
            )
    return dict(source.metadata)


def _scores(candidate: Fused) -> Scores:
    return Scores(candidate.fused, candidate.dense, candidate.lexical)


def _mismatch(collection: str, stored: str, given: str) -> ModelMismatchError:
    return ModelMismatchError(
        f"Collection {collection!r} was built with the embedding model {stored!r}, not {given!r}.",
        subject=given,
        way_out=f"Open it with model={stored!r} (SPANWISE_MODEL={stored}), or build another collection.",
    )


def _milliseconds_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
