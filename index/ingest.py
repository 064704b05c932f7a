"""From sources to drafts: checked, split, embedded, ready to be stored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from math import isfinite
from pathlib import Path

from ..errors import SourceError
from ..settings import Settings
from .embedding import Embedder
from .loading import check_id, check_text, first_surrogate, load_file, markdown_headings
from .markup import blank_markup
from .records import DocumentInfo, Metadata, Source
from .splitting import SplitLimits, indexed_prefix, split
from .store import DocumentDraft, PassageDraft

BATCH_CHARACTERS = 200_000
"""Text embedded together, and committed together when a folder is added."""


def content_hash(text: str) -> str:
    """`sha256:` and the hex digest of the UTF-8 bytes of `text`."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def as_source(item: object, encoding: str | None) -> Source:
    """What one item of `add` stands for. Raises SourceError."""
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


def checked(source: Source, settings: Settings) -> Source:
    """`source` with an id, its text and fields fit to be stored. Raises SourceError, DocumentIdError."""
    name = source.id or source.uri or "The document"
    check_text(source.text, str(name), settings.max_document_characters)
    document_id = check_id(source.id if source.id is not None else content_hash(source.text).removeprefix("sha256:"))
    for what, words in (("title", source.title), ("uri", source.uri)):
        if words is not None and not _storable(words):
            raise SourceError(
                f"The {what} of {document_id} is not text.",
                subject=words,
                way_out="Give it as a string, or leave it out.",
            )
    title = " ".join(source.title.split())[:500] or None if source.title else None
    return replace(source, id=document_id, title=title, metadata=_checked_metadata(source.metadata, document_id))


def batches(sources: list[Source]) -> Iterator[list[Source]]:
    """`sources` in runs of about `BATCH_CHARACTERS`."""
    batch: list[Source] = []
    characters = 0
    for source in sources:
        batch.append(source)
        characters += len(source.text)
        if characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def draft(sources: list[Source], embedder: Embedder, limits: SplitLimits) -> list[DocumentDraft]:
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
            source.media_type, found, tuple(spans), tuple(next(vectors) for _ in spans),
        )
        for source, found, spans in zip(sources, headings, passages, strict=True)
    ]  # fmt: skip


def same_version(source: Source, known: DocumentInfo | None) -> bool:
    """Whether storing `source` would change nothing."""
    return known is not None and (
        known.content_hash == content_hash(source.text)
        and (known.title, known.uri, known.media_type) == (source.title, source.uri, source.media_type)
        and known.metadata == source.metadata
    )


def _checked_metadata(metadata: Metadata, document_id: str) -> Metadata:
    def plain(value: object) -> bool:
        if isinstance(value, float):
            return isfinite(value)
        return value is None or isinstance(value, int) or _storable(value)

    for key, value in metadata.items():
        items = value if isinstance(value, list) else [value]
        if not _storable(key) or not all(plain(item) for item in items):
            raise SourceError(
                f"The metadata {str(key)[:80]!r} of {document_id} cannot be stored.",
                subject=key,
                way_out="Names are strings; values are strings, finite numbers, true, false, null, or lists of these.",
            )
    return dict(metadata)


def _storable(words: object) -> bool:
    """Whether `words` is a string that UTF-8 can hold (half a surrogate pair cannot)."""
    return isinstance(words, str) and first_surrogate(words) < 0
