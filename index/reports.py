"""What is said of a collection: what it holds, what runs, what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that `verify` found to be wrong."""

    kind: str
    """`database`, `schema`, `count`, `text`, `document`, `span`, `coverage`, `vector`, `words`, `index` or `original`:
    what is wrong."""
    subject: str
    problem: str


@dataclass(frozen=True, slots=True)
class Work:
    """Long work on a collection: it runs in some process, or was cut off."""

    what: str
    """`add` (of a folder, also by `sync`), `reindex`, or `index`: making the vector index."""
    subject: str
    """The folder, the model, or `vectors`."""
    done: int
    total: int
    process: int
    started_at: str
    """UTC, ISO 8601."""
    running: bool
    """False: it was cut off; begin it again, and it goes on where it was."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What `compact` did, in bytes on disk."""

    bytes_before: int
    bytes_after: int


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
    """Database, its log, originals: everything in the collection's folder."""
    database_bytes: int
    log_bytes: int
    originals: int
    """Files that are kept."""
    originals_bytes: int
    changed_at: str | None
    """When the last change was made, UTC, ISO 8601."""
    indexed_generation: int | None
    """The generation of the index that this process searches; the next search brings it up to date. None before the
    first search."""
    search: str
    """How vectors are searched: `exact…` or `approximate…`."""
    index_file: str | None
    """What is kept of the vector index on disk, and what was wrong with it; None where nothing is, or need be."""
    dimension: int | None
    """Of the vectors; None before the first document."""
    query_prompt: str
    passage_prompt: str
    pending: tuple[Work, ...]
    """Adds, syncs, reindexings and the making of vector indexes that run in some process, or were cut off."""
