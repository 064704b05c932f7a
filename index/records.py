"""The nouns of the index: Source, Span, Document, Passage, Hit. All frozen; all offsets are code points."""

from __future__ import annotations

import hashlib
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import LimitError, VersionConflictError

MetadataValue = str | int | float | bool | None
Metadata = Mapping[str, MetadataValue | list[MetadataValue]]


_SHORT = reprlib.Repr()
_SHORT.maxstring = 80


def shortened(text: str) -> str:
    """`text` in quotes, the middle of a long one left out: how objects with it are shown at a prompt."""
    return _SHORT.repr(text)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range `[start, end)` in code points of a document's text."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise LimitError(
                f"There is no span from {self.start} to {self.end}.",
                subject=(self.start, self.end),
                way_out="Give code points with 0 ≤ start ≤ end.",
            )

    def of(self, text: str) -> str:
        """The words the span names in `text`."""
        return text[self.start : self.end]

    def utf16(self, text: str) -> Span:
        """The same range in UTF-16 code units, as JavaScript's `String.prototype.slice` counts."""
        if text.isascii():  # known without looking at it
            return self
        start = utf16_length(text[: self.start])
        return Span(start, start + utf16_length(self.of(text)))


def utf16_length(text: str) -> int:
    """The number of UTF-16 code units in `text`."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(frozen=True, slots=True)
class Original:
    """The bytes of a file, and the hex sha256 of them."""

    data: bytes = field(repr=False)
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> Original:
        return cls(data, hashlib.sha256(data).hexdigest())


@dataclass(frozen=True, slots=True)
class Source:
    """What a user hands in as text; files become sources in `loading`.

    `id`: given, or the content hash of `text`. `uri`: shown with answers, never opened. `encoding`, `layout` and
    `original` are filled for files: how the bytes were decoded, what leads from the text back to pages and elements,
    and the file itself, which several sources share where it holds several documents.
    """

    text: str
    id: str | None = None
    title: str | None = None
    uri: str | None = None
    metadata: Metadata = field(default_factory=dict)
    media_type: str = "text/plain"
    encoding: str | None = None
    layout: Layout | None = None
    original: Original | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a document: where it starts (code points), its level (1 is the highest) and its words."""

    start: int
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class PageSpan:
    """The part of a text that one page holds, and the size of that page in points as it is shown."""

    start: int
    end: int
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, row or other element of the source, and the range of the text that it became."""

    start: int
    end: int
    element: str | None = None
    """XPath of the element in the source; for a part of a container, `part#xpath`."""
    paragraph: int | None = None
    """Number from 1 of the paragraph (or table) in the body of the source."""


@dataclass(frozen=True, slots=True)
class GlyphLine:
    """Where consecutive characters of the text stand on one line of a page.

    Tenths of a point, from the top left corner of the page as it is shown, y downwards.
    """

    start: int
    page: int
    top: int
    bottom: int
    edges: tuple[int, ...]
    """Two numbers for each character: its left edge less the right edge of the one before (the first: from the left
    of the page), and its width."""

    @property
    def end(self) -> int:
        return self.start + len(self.edges) // 2


@dataclass(frozen=True, slots=True)
class TableRows:
    """The rows of a table below the one that names its columns, or rows whose cells say what they are."""

    start: int
    end: int
    columns: str
    """The row of names, in words; empty where each cell says its own."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a format knows of a text besides its characters. All ranges are in order and do not overlap."""

    headings: tuple[Heading, ...] = ()
    pages: tuple[PageSpan, ...] = ()
    """Page n is `pages[n - 1]`."""
    excluded: tuple[Span, ...] = ()
    """Running headers, footers and page numbers: part of the text, in no passage."""
    unbroken: tuple[Span, ...] = ()
    """Lines of code and rows of tables: no passage starts or ends inside unless it is longer than a passage."""
    together: tuple[Span, ...] = ()
    """Lists with the line that introduces them: a passage does not end inside one that fits into the next."""
    tables: tuple[TableRows, ...] = ()
    """Passages that start in one are indexed with the names of its columns."""
    blocks: tuple[Block, ...] = ()
    lines: tuple[GlyphLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A part of a page, in points from the top left corner of the page as it is shown, y downwards."""

    page: int
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Location:
    """Where a span stands in its source. What a format does not have is None or empty."""

    page: int | None = None
    """Page number from 1."""
    rectangles: tuple[Rectangle, ...] = ()
    """What the span covers, one rectangle for each line it touches."""
    element: str | None = None
    """XPath of the element that the span starts in."""
    fragment: str | None = None
    """What to append to the address of the source to be led to the place: `#:~:text=...` or `#page=3`."""
    paragraph: int | None = None
    line: int | None = None
    """Line of a plain text or Markdown source, from 1."""
    column: int | None = None
    """Code points from the start of that line, from 1."""


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A document without its text, as lists show it and as hits and answers name it."""

    id: str
    title: str | None
    uri: str | None
    metadata: Metadata
    content_hash: str
    """`sha256:` and the hex digest of the text's UTF-8 bytes: it names the version an answer comes from."""
    media_type: str
    characters: int
    """Length of the text in code points."""
    passages: int
    added_at: str
    """When this version was stored, UTC, ISO 8601."""
    encoding: str | None = None
    """How the bytes of a text file were decoded; None for what was handed in as text or carries its own."""
    layout_hash: str = ""
    """Hex digest of the layout: the same words on other pages are another version. Empty where there is none."""
    original: str | None = None
    """Hex sha256 of the file it was read from, where that is kept."""

    def check_version(self, content_hash: str | None) -> None:
        """Raises VersionConflictError where `content_hash` names another version than this one; None names any."""
        if content_hash not in (None, self.content_hash):
            raise VersionConflictError(
                f"Document {self.id!r} is stored as {self.content_hash}, no longer as {content_hash!r}.",
                subject=self.content_hash,
                way_out="Ask again, or look at the version that is stored.",
            )

    def span(self, start: int, end: int) -> Span:
        """The characters `start` to `end` of the text. Raises LimitError where they do not lie in it."""
        if not 0 <= start <= end <= self.characters:
            raise LimitError(
                f"Characters {start} to {end} are not in {self.id!r}.",
                subject=(start, end),
                way_out=f"It has {self.characters} characters: 0 ≤ start ≤ end ≤ {self.characters}.",
            )
        return Span(start, end)


@dataclass(frozen=True, slots=True)
class Document:
    """One immutable version of a document: its canonical text and what is known about it."""

    info: DocumentInfo
    text: str
    headings: tuple[Heading, ...] = ()
    pages: tuple[PageSpan, ...] = ()
    excluded: tuple[Span, ...] = ()
    """Running headers, footers and page numbers, which are in no passage."""

    def __repr__(self) -> str:
        return f"<Document {self.id!r}: {self.info.characters:,} characters>"

    @property
    def id(self) -> str:
        return self.info.id


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence-aligned slice of a document: `document.text[span.start:span.end] == text`."""

    document: DocumentInfo
    span: Span
    text: str
    span_utf16: Span
    heading: tuple[str, ...] = ()
    """The headings above the passage, outermost first."""
    page: int | None = None
    """Page number from 1 where the source has pages."""
    prefix: str = ""
    """Title, headings and names of columns, indexed and read with the text; in no span, and not sent over HTTP."""
    tables: tuple[TableRows, ...] = ()
    """The tables with named columns that it holds rows of; in code points of the document, and not sent over HTTP."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A source that could not be added, and why."""

    source: str
    error: str


@dataclass(frozen=True, slots=True)
class Added:
    """What `add` did. `documents` are the versions that are stored now, in the order given; the rest are ids."""

    documents: tuple[DocumentInfo, ...] = ()
    added: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    failed: tuple[Failure, ...] = ()
    generation: int = 0
    """The collection's generation after the change."""
    removed: tuple[str, ...] = ()
    """What `sync` deleted."""

    def __repr__(self) -> str:
        groups = ("added", "replaced", "unchanged", "removed", "failed")
        counts = [f"{len(members)} {name}" for name in groups if (members := getattr(self, name))]
        return f"<Added: {', '.join(counts) or 'nothing'}; generation {self.generation}>"

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(document.id for document in self.documents)

    def __add__(self, other: Added) -> Added:
        return Added(
            self.documents + other.documents,
            self.added + other.added,
            self.replaced + other.replaced,
            self.unchanged + other.unchanged,
            self.failed + other.failed,
            max(self.generation, other.generation),
            self.removed + other.removed,
        )
