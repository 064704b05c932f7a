"""From sources to drafts: checked, split, embedded, ready to be stored."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path

from ..errors import DocumentIdError, SourceError
from ..settings import Settings
from .embedding import Embedder
from .formats.limits import ParseLimits
from .loading import (
    PLAIN_TYPE,
    TEXT_LAYOUTS,
    Loaded,
    LoadOptions,
    check_id,
    check_text,
    first_surrogate,
    load_path,
)
from .locating import page_at
from .markup import blank_markup
from .places import layout_hash
from .records import DocumentInfo, Layout, Metadata, Source
from .splitting import SplitLimits, indexed_prefix, split
from .store import DocumentDraft, PassageDraft

BATCH_CHARACTERS = 200_000
"""Text embedded together, and committed together when a folder is added."""


def content_hash(text: str) -> str:
    """`sha256:` and the hex digest of the UTF-8 bytes of `text`."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def as_items(given: object) -> list[object]:
    """What was handed to `add`, one by one. A dictionary and bytes are one item, which `loaded` refuses: taken apart,
    the names of the dictionary would be stored as texts."""
    if isinstance(given, Source | str | Path | bytes | bytearray | Mapping) or not isinstance(given, Iterable):
        return [given]
    return list(given)


def loaded(item: object, options: LoadOptions, limits: ParseLimits) -> Loaded:
    """What one item of `add`, not a folder, stands for. Raises SourceError."""
    if isinstance(item, Source):
        metadata = item.metadata if isinstance(item.metadata, Mapping) else {}  # what is none is refused in `checked`
        joined = replace(item, metadata={**metadata, **options.metadata}) if options.metadata else item
        return Loaded((joined,))
    if isinstance(item, Path):
        if not is_there(item):
            raise SourceError(
                f"There is no file {str(item)!r}.", subject=item, way_out="Check the path and its permissions."
            )
        return load_path(item, options=options, limits=limits)
    if isinstance(item, str):
        if len(item) < 1024 and "\n" not in item and "\0" not in item and is_there(item):
            raise SourceError(
                f"{item!r} is a path, and a string is taken as text.",
                subject=item,
                way_out=f"Add the file with Path({item!r}), or the words with Source({item!r}).",
            )
        return Loaded((Source(item, metadata=options.metadata),))
    raise SourceError(
        f"An object of type {type(item).__name__} is not a source.",
        subject=item,
        way_out="Give a Source, a text or a pathlib.Path, or several of these.",
    )


def is_folder(item: object) -> bool:
    try:
        return isinstance(item, Path) and item.is_dir()
    except OSError:  # too long for a path, or behind a folder that may not be entered
        return False


def is_there(path: str | Path) -> bool:
    """Whether there is something at `path`; not for what is too long for a path, or may not be looked at."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def check_distinct(ids: Iterable[str], taken: set[str]) -> None:
    """Add `ids` to `taken`. Raises DocumentIdError, and adds none, when one stands there already or stands twice."""
    fresh: set[str] = set()
    for document_id in ids:
        if document_id in taken or document_id in fresh:
            raise DocumentIdError(
                f"The id {document_id!r} stands twice in one call.",
                subject=document_id,
                way_out="Give each document its own id; for two files of one name, add the folder above both.",
            )
        fresh.add(document_id)
    taken |= fresh


def parse_limits(settings: Settings) -> ParseLimits:
    """What one file may cost."""
    return ParseLimits(
        file_bytes=settings.max_source_bytes,
        unpacked_bytes=settings.max_unpacked_bytes,
        seconds=settings.parse_seconds,
        memory_bytes=settings.parse_memory_bytes,
        characters=settings.max_document_characters,
    )


def checked(source: Source, settings: Settings) -> Source:
    """`source` with an id, its text and fields fit to be stored. Raises SourceError, DocumentIdError."""
    name = source.id or source.uri or "The document"
    check_text(source.text, str(name), settings.max_document_characters)
    document_id = check_id(source.id if source.id is not None else content_hash(source.text).removeprefix("sha256:"))
    for what, words in (("title", source.title), ("uri", source.uri), ("media type", source.media_type)):
        if not _storable(words) and (words is not None or what == "media type"):
            raise SourceError(
                f"The {what} of {document_id} is not text.",
                subject=words,
                way_out="Give it as a string, or leave it out.",
            )
    title = " ".join(source.title.split())[:500] or None if source.title else None
    original = source.original if settings.keep_originals else None
    metadata = _checked_metadata(source.metadata, document_id)
    return replace(source, id=document_id, title=title, metadata=metadata, original=original)


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
    layouts = [layout_of(source) for source in sources]
    for source, layout in zip(sources, layouts, strict=True):
        spans = split(
            source.text, layout.headings, embedder.count_tokens, limits,
            excluded=layout.excluded, unbroken=layout.unbroken, together=layout.together,
        )  # fmt: skip
        seen = blank_markup(source.text)
        above = [(span.heading, _columns_at(layout, span.span.start)) for span in spans]
        prefixes = {
            (heading, columns): indexed_prefix(source.title, heading, embedder.count_tokens, limits, columns)
            for heading, columns in set(above)
        }
        passages.append(
            [
                PassageDraft(span.span, span.heading, prefixes[over], page_at(layout.pages, span.span.start))
                for span, over in zip(spans, above, strict=True)
            ]
        )
        texts.extend(f"{draft.prefix}\n{draft.span.of(seen)}".lstrip("\n") for draft in passages[-1])
    vectors = iter(embedder.embed_passages(texts))
    return [
        DocumentDraft(
            str(source.id), source.text, content_hash(source.text), source.title, source.uri, source.metadata,
            source.media_type, layout.headings, tuple(spans), tuple(next(vectors) for _ in spans), source.encoding,
            layout, _layout_hash(source), source.original,
        )
        for source, layout, spans in zip(sources, layouts, passages, strict=True)
    ]  # fmt: skip


def _columns_at(layout: Layout, position: int) -> str:
    """The names of the columns of the table whose rows `position` stands in."""
    number = bisect_right(layout.tables, position, key=lambda table: table.start) - 1
    return layout.tables[number].columns if number >= 0 and position < layout.tables[number].end else ""


def layout_of(source: Source) -> Layout:
    """What is known of the text: from its format, or from the text itself."""
    if source.layout is not None:
        return source.layout
    read = TEXT_LAYOUTS.get(source.media_type)
    return read(source.text) if read else Layout()


def _layout_hash(source: Source) -> str:
    """What the text does not say of itself: of Markdown and its like it says all."""
    says_all = source.media_type in TEXT_LAYOUTS and source.media_type != PLAIN_TYPE
    return "" if says_all else layout_hash(source.layout)


def same_version(source: Source, known: DocumentInfo | None) -> bool:
    """Whether storing `source` would change nothing."""
    return known is not None and (
        known.content_hash == content_hash(source.text)
        and (known.encoding, known.layout_hash) == (source.encoding, _layout_hash(source))
        and (known.title, known.uri, known.media_type) == (source.title, source.uri, source.media_type)
        and _as_json(known.metadata) == _as_json(source.metadata)
    )


def _checked_metadata(metadata: Metadata, document_id: str) -> Metadata:
    def plain(value: object) -> bool:
        if isinstance(value, int | float):
            return _is_finite(value)
        return value is None or _storable(value)

    if not isinstance(metadata, Mapping):
        raise SourceError(
            f"The metadata of {document_id} are {type(metadata).__name__}, not a dictionary.",
            subject=metadata,
            way_out='Give them like {"year": 2020}, or leave them out.',
        )
    for key, value in metadata.items():
        items = value if isinstance(value, list) else [value]
        if not _storable(key) or not all(plain(item) for item in items):
            raise SourceError(
                f"The metadata {str(key)[:80]!r} of {document_id} cannot be stored.",
                subject=key,
                way_out="Names are strings; values are strings, finite numbers, true, false, null, or lists of these.",
            )
    return dict(metadata)


def _is_finite(value: float) -> bool:
    try:
        return isfinite(value)
    except OverflowError:  # a whole number beyond every float, which neither JSON nor SQLite gives back
        return False


def _as_json(metadata: Metadata) -> str:
    return json.dumps(dict(metadata), sort_keys=True)  # unlike ==, tells 1, 1.0 and true apart


def _storable(words: object) -> bool:
    """Whether `words` is a string that UTF-8 can hold (half a surrogate pair cannot)."""
    return isinstance(words, str) and first_surrogate(words) < 0
