"""Spanwise answers questions from your own documents with the exact words of the source, and says where they stand.

import spanwise

library = spanwise.open("my-data")
library.add(spanwise.Source("The games conclude Feb. 20.", id="news"))
best = library.ask("When do the games end?").best
if best:
    print(best.text, best.span, best.probability, best.document.id)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import (
    AccessError,
    CollectionBusyError,
    CollectionExistsError,
    CollectionNotFoundError,
    ConflictError,
    CorruptDataError,
    CursorError,
    DocumentExistsError,
    DocumentIdError,
    DocumentNotFoundError,
    FilterError,
    FormatVersionError,
    InputError,
    KeyRequiredError,
    LimitError,
    MissingExtraError,
    ModelError,
    ModelMismatchError,
    NotFoundError,
    OverloadedError,
    PageNotFoundError,
    QuestionError,
    SourceError,
    SpanInvariantError,
    SpanwiseError,
    StaleCursorError,
    StorageError,
    TimeLimitError,
    TooManyRequestsError,
    VersionConflictError,
)
from .index.records import (
    Added,
    Document,
    DocumentInfo,
    Failure,
    Heading,
    Location,
    PageSpan,
    Passage,
    Rectangle,
    Source,
    Span,
)
from .index.reports import Finding
from .index.results import Explanation, Highlight, Hit, Hits, Scores, Suggestion, Suggestions, TermScore
from .qa.records import Answer, AskResult, Support
from .settings import Settings

if TYPE_CHECKING:
    from .client import Client
    from .index.embedding import Embedder
    from .qa.collection import Collection
    from .qa.pipeline import QuestionAnswerer
    from .qa.reading import Reader

__version__ = "0.1.0"

__all__ = [
    "AccessError",
    "Added",
    "Answer",
    "AskResult",
    "Client",
    "Collection",
    "CollectionBusyError",
    "CollectionExistsError",
    "CollectionNotFoundError",
    "ConflictError",
    "CorruptDataError",
    "CursorError",
    "Document",
    "DocumentExistsError",
    "DocumentIdError",
    "DocumentInfo",
    "DocumentNotFoundError",
    "Explanation",
    "Failure",
    "FilterError",
    "Finding",
    "FormatVersionError",
    "Heading",
    "Highlight",
    "Hit",
    "Hits",
    "InputError",
    "KeyRequiredError",
    "LimitError",
    "Location",
    "MissingExtraError",
    "ModelError",
    "ModelMismatchError",
    "NotFoundError",
    "OverloadedError",
    "PageNotFoundError",
    "PageSpan",
    "Passage",
    "QuestionAnswerer",
    "QuestionError",
    "Rectangle",
    "Scores",
    "Settings",
    "Source",
    "SourceError",
    "Span",
    "SpanInvariantError",
    "SpanwiseError",
    "StaleCursorError",
    "StorageError",
    "Suggestion",
    "Suggestions",
    "Support",
    "TermScore",
    "TimeLimitError",
    "TooManyRequestsError",
    "VersionConflictError",
    "__version__",
    "collections",
    "drop",
    "open",
    "rename",
    "restore",
]


def open(
    folder: str | Path,
    collection: str = "default",
    *,
    create: bool = True,
    settings: Settings | None = None,
    embedder: Embedder | None = None,
    reader: Reader | None = None,
) -> Collection:
    """Open a collection of the data folder `folder`; see `Collection` for what it can do.

    A collection that does not exist is made, unless `create` is false (then CollectionNotFoundError).
    Models load on first use. `embedder` and `reader` replace the configured models; `spanwise.testing` has fakes.

    Raises DocumentIdError (collection name), StorageError, ModelMismatchError, FormatVersionError.
    """
    from .qa.collection import Collection

    return Collection.open(Path(folder), collection, create=create, settings=settings, embedder=embedder, reader=reader)


def collections(folder: str | Path) -> list[str]:
    """The names of the collections in the data folder `folder`, sorted."""
    from .index.storage import collections

    return collections(Path(folder))


def rename(folder: str | Path, collection: str, new_name: str, *, settings: Settings | None = None) -> None:
    """Give a collection another name; keys and public grants of the HTTP server go with it. Whoever has it open must
    open it again.

    Raises CollectionNotFoundError, CollectionExistsError, CollectionBusyError, DocumentIdError, StorageError.
    """
    from .api.keys import KeyFile
    from .index import managing

    managing.rename(Path(folder), collection, new_name, settings or Settings.from_environment())
    KeyFile(Path(folder)).rename_collection(collection, new_name)


def drop(folder: str | Path, collection: str, *, settings: Settings | None = None) -> None:
    """Delete a collection with everything in it, and its public grant; keys bound to its name stay. Whoever has it
    open gets CollectionNotFoundError from then on.

    Raises CollectionNotFoundError, CollectionBusyError, DocumentIdError, StorageError.
    """
    from .api.keys import KeyFile
    from .index import managing

    managing.drop(Path(folder), collection, settings or Settings.from_environment())
    KeyFile(Path(folder)).forget_collection(collection)


def restore(
    folder: str | Path,
    file: str | Path,
    collection: str = "default",
    *,
    replace: bool = False,
    settings: Settings | None = None,
) -> None:
    """Make a collection from a file that `Collection.backup` wrote; with `replace` in the place of one that exists.

    Raises CollectionExistsError, SourceError (not a backup), CorruptDataError (not as it was written),
    FormatVersionError, CollectionBusyError, StorageError.
    """
    from .index.backup import restore

    settings = settings or Settings.from_environment()
    restore(Path(folder), collection, Path(file), replace=replace, settings=settings)


def __getattr__(name: str) -> Any:
    if name == "Collection":  # imports numpy, so only on demand
        from .qa.collection import Collection

        return Collection
    if name == "QuestionAnswerer":
        from .qa.pipeline import QuestionAnswerer

        return QuestionAnswerer
    if name == "Client":  # imports urllib and ssl
        from .client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
