"""The seam between search and storage: what a passage store is asked for, and what it is given.

What stands above `PassageStore` does not know which engine is below; `store_sqlite` is the one for a single machine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from .embedding import Fingerprint, Vectors
from .filters import Where
from .marks import Mark
from .records import Document, DocumentInfo, Heading, Layout, Location, Metadata, Original, Passage, Source, Span
from .reports import Compacted, Finding, Work
from .results import Suggestion

PassageKey = int
Scored = list[tuple[PassageKey, float]]
Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """The words of a query as `lexical` takes them: what each adds to a passage's BM25, and those that do not count."""

    counted: tuple[tuple[str, float], ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PassageDraft:
    """A passage about to be stored; `prefix` is indexed with its text."""

    span: Span
    heading: tuple[str, ...]
    prefix: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class DocumentDraft:
    """A document about to be stored: its passages in order, and a unit vector (float32) for each."""

    id: str
    text: str
    content_hash: str
    title: str | None
    uri: str | None
    metadata: Metadata
    media_type: str
    headings: tuple[Heading, ...]
    passages: tuple[PassageDraft, ...]
    vectors: tuple[Vectors, ...]
    encoding: str | None = None
    layout: Layout | None = None
    layout_hash: str = ""
    original: Original | None = None


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of a folder as it was when it was added. While the record stands, its documents are those of the file:
    deleting or replacing one of them removes it."""

    folder: str
    path: str
    """Relative to `folder`."""
    size: int
    mtime_ns: int
    """0 when it had changed so lately that another change might not show in it."""
    sha256: str
    read_with: str
    """The options of reading, and which version of the reading code."""
    documents: tuple[str, ...]
    kept: bool = True
    """Whether every document of it has its original."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The generation a change made, and the documents it stored, in the order given."""

    generation: int
    documents: tuple[DocumentInfo, ...]


@dataclass(frozen=True, slots=True)
class Sampled:
    """A passage, the text that was embedded for it, and the vector that is stored."""

    subject: str
    text: str
    vector: Vectors


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a collection holds; `characters` are code points."""

    documents: int
    passages: int
    characters: int
    bytes_on_disk: int
    """All of it: database, its log, originals, and what a reindexing has prepared."""
    database_bytes: int = 0
    log_bytes: int = 0
    """Of SQLite's write-ahead log, folded into the database now and then."""
    originals: int = 0
    originals_bytes: int = 0
    changed_at: str | None = None
    """When the last change was made, UTC, ISO 8601."""


@dataclass(frozen=True, slots=True)
class WordQuery:
    """A query as words of one generation of a collection; made by `View.read`."""

    terms: tuple[str, ...]
    """Folded words, corrected and completed; a compound such as `cve-2024-3094` is a phrase."""
    exact: tuple[str, ...] = ()
    """What a passage should hold as it stands: quoted phrases, codes, addresses, telephone numbers."""
    beginning: str | None = None
    """The one of `terms` that may go on."""
    corrected: Mapping[str, str] = field(default_factory=dict)
    """Words that stand in no passage, and the word that was searched for instead."""


class View(Protocol):
    """One generation of the store, for as long as its block lasts."""

    @property
    def generation(self) -> int: ...

    def dense(self, vector: Vectors, k: int, where: Where | None = None) -> Scored:
        """The `k` passages whose vectors are nearest among those that `where` allows: (key, inner product), best
        first."""

    def read(self, query: str, *, prefix: bool = False, known: Callable[[str], bool] = lambda word: False) -> WordQuery:
        """The words of `query`: misspelt ones, but not those that are `known`, corrected from this collection, with
        `prefix` the last one completed."""

    def lexical(self, words: WordQuery, k: int, where: Where | None = None) -> Scored:
        """The `k` passages that share the rarest words, of those that `where` allows: (key, BM25, larger is better),
        best first. A filter changes no score.

        As many as there are of those that hold the exact words are among them.
        """

    def exact(self, words: WordQuery, keys: Collection[PassageKey]) -> frozenset[PassageKey]:
        """Those of the passages `keys` that hold the exact words; none where no words are exact."""

    def suggest(self, text: str, limit: int) -> list[Suggestion]:
        """Ways to go on from `text`, best first; see `SearchCollection.suggest`."""

    def matches(self, words: WordQuery, texts: Mapping[PassageKey, str]) -> dict[PassageKey, Ranges]:
        """Where the words that `lexical` counts stand in the texts of passages: code points of each text, in order."""

    def terms(self, words: WordQuery, key: PassageKey) -> Terms:
        """What each of `words` adds to the score that `lexical` gives the passage."""

    def similarities(self, vector: Vectors, keys: Sequence[PassageKey]) -> dict[PassageKey, float]:
        """The inner product of `vector` with each of the passages `keys`."""

    def passages(self, keys: Sequence[PassageKey]) -> dict[PassageKey, Passage]:
        """The passages that exist in this generation; each equals its slice of the document, or
        SpanInvariantError."""

    def slice(self, document: DocumentInfo, span: Span) -> str | None:
        """The words of `span` in this very version of `document`; None when it was replaced or deleted."""

    def locate(self, document: DocumentInfo, span: Span) -> Location | None:
        """Where `span` stands in the source of this very version; None when it was replaced or deleted."""

    def document(self, document_id: str) -> Document:
        """Raises DocumentNotFoundError."""

    def documents(self, after: str | None, limit: int | None) -> list[DocumentInfo]:
        """Documents in the order of their ids, beginning behind the id `after`."""

    def known(self, ids: Sequence[str]) -> dict[str, DocumentInfo]:
        """Those of `ids` that exist."""

    def original(self, document_id: str) -> bytes | None:
        """The bytes of the file that a document was read from; None where none is kept.

        Raises DocumentNotFoundError, and CorruptDataError when they are lost or damaged.
        """

    def files(self, folder: str) -> dict[str, FileRecord]:
        """The files of `folder` that were added, by their path in it."""

    def counts(self) -> Counts: ...

    def allows(self, where: Where) -> bool:
        """Whether there is a passage that `where` allows."""

    def has_metadata(self, name: str) -> bool:
        """Whether a document has a value of that name in its metadata."""

    def metadata_names(self, most: int) -> list[str]:
        """The names of metadata that documents have values of, the first `most` in the order of their code points. A
        look-up each, however many documents there are."""


class PassageStore(Protocol):
    """A collection's documents. Every change is one transaction: all of it visible, or nothing."""

    def reading(self) -> AbstractContextManager[View]: ...

    def add(
        self,
        drafts: Sequence[DocumentDraft],
        *,
        replace: bool,
        originals: Mapping[str, Original] = MappingProxyType({}),
        files: Sequence[FileRecord] = (),
        fingerprint: Fingerprint | None = None,
    ) -> Stored:
        """Store documents, replacing those with the same ids.

        `originals` are new files of documents, by id, that else stay as they are; `files` are recorded with their
        documents. Neither makes a generation: no text changes. `fingerprint` is the model of the drafts; raises
        ModelMismatchError when the collection has come under another one.

        Raises DocumentExistsError when `replace` is false and an id exists.
        """

    def delete(self, ids: Sequence[str]) -> int:
        """Remove documents; the new generation. Raises DocumentNotFoundError, and then removes nothing."""

    def mark(self, mark: Mark) -> None:
        """Keep a mark in the place of an earlier one on the same words. It makes no generation."""

    def marks(self) -> list[Mark]:
        """Every mark, in the order they were made. Those on a document go when it is deleted."""

    def forget_marks(self) -> int:
        """Remove every mark; how many."""

    def announced(self, what: str, subject: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Announce long work to every process for as long as the block lasts; it is told (done, total)."""

    def work(self) -> list[Work]:
        """What is announced, and what was cut off."""

    @property
    def indexed_generation(self) -> int | None:
        """The generation of the vector index that this process holds; None while it holds none."""

    @property
    def search_kind(self) -> str:
        """How vectors are searched, in a few words."""

    @property
    def index_file(self) -> str | None:
        """What is kept of the vector index on disk, in a few words; None where nothing is, or need be."""

    def build_index(self) -> bool:
        """Make the vector index that is kept on disk now, if one is due; whether it was. Else it is made in the
        background of a process that searches. Raises StorageError, CollectionBusyError."""

    def verify(self, sample: int) -> tuple[list[Finding], list[Sampled]]:
        """What is wrong with what is stored, and `sample` passages whose vectors are to be compared with their texts;
        none of these when something is wrong."""

    def backup(self, target: Path) -> None:
        """Write everything to one file while others read and write. Raises StorageError."""

    def compact(self) -> Compacted:
        """Give back the space of what was deleted. Raises CollectionBusyError."""

    def fingerprint(self) -> Fingerprint | None:
        """The embedding model the vectors were made with; None before the first."""

    def set_fingerprint(self, fingerprint: Fingerprint) -> None:
        """Record the model, once."""

    @property
    def moved(self) -> bool:
        """Whether the collection was dropped, renamed or restored since it was opened: open it again."""

    def rebuild(
        self,
        fingerprint: Fingerprint,
        prepare: Callable[[Sequence[Source]], Sequence[DocumentDraft]],
        step: Callable[[int, int], None],
    ) -> int:
        """Replace every passage and vector by those that `prepare` makes, and the model by that of `fingerprint`, at
        once when all are made; the new generation. What a run has made before it was cut off is used by the next."""

    def close(self) -> None: ...
