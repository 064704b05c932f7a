"""Every error Spanwise raises on purpose.

    SpanwiseError
    ├── InputError                 what was handed in cannot be used            HTTP 422
    │   ├── QuestionError          a question or query: empty, too long, not text
    │   ├── SourceError            a source: empty, binary, unreadable, wrongly encoded
    │   ├── DocumentIdError        an id with characters or a length that is not allowed
    │   ├── FilterError            a filter: not understood, or too large
    │   ├── CursorError            a cursor that no search gave, or that another search gave
    │   └── LimitError             a number outside its limits (top_k, size, offsets)
    ├── NotFoundError              nothing has that name                        HTTP 404
    │   ├── DocumentNotFoundError
    │   ├── PageNotFoundError      the document has no such page, or its file was not kept
    │   └── CollectionNotFoundError
    ├── ConflictError              the change contradicts what is stored        HTTP 409
    │   ├── DocumentExistsError
    │   ├── CollectionExistsError
    │   ├── VersionConflictError   the document changed since the span or link was made
    │   ├── StaleCursorError       the collection changed since the cursor was given
    │   └── ModelMismatchError     the collection was built with another model
    ├── AccessError                the caller may not do this                  HTTP 403
    │   └── KeyRequiredError       no API key, or one that is not valid        HTTP 401
    ├── TooManyRequestsError       the caller asks more often than allowed      HTTP 429
    ├── OverloadedError            too many requests run at once                HTTP 503
    ├── TimeLimitError             an answer takes longer than is allowed       HTTP 503
    ├── StorageError               the data folder cannot be read or written    HTTP 503
    │   ├── CollectionBusyError    another process holds the write lock
    │   ├── CorruptDataError       what is on disk is not a sound collection
    │   └── FormatVersionError     written by a newer version of Spanwise
    ├── ModelError                 a model is missing, damaged or unusable      HTTP 503
    │   └── MissingExtraError      an optional package is not installed
    └── SpanInvariantError         a span did not equal its text; never an answer  HTTP 500

Each carries `subject` (the object at fault) and `way_out` (what to do next), and says both in its message.
"""

from __future__ import annotations


class SpanwiseError(Exception):
    """Base class. `subject` names the object at fault, `way_out` says what to do about it."""

    def __init__(self, problem: str, *, subject: object = None, way_out: str = "") -> None:
        super().__init__(f"{problem} {way_out}".strip())
        self.problem = problem
        self.subject = subject
        self.way_out = way_out


class InputError(SpanwiseError, ValueError):
    """What was handed in cannot be used."""


class QuestionError(InputError):
    """A question or query is empty, too long, or not text."""


class SourceError(InputError):
    """A source is empty, binary, unreadable or wrongly encoded."""


class DocumentIdError(InputError):
    """A document id (or collection name) has characters or a length that is not allowed."""


class FilterError(InputError):
    """A filter cannot be understood, or is too large."""


class CursorError(InputError):
    """A cursor was not given by a search like this one."""


class LimitError(InputError):
    """A number lies outside its limits."""


class NotFoundError(SpanwiseError, LookupError):
    """Nothing has that name."""


class DocumentNotFoundError(NotFoundError):
    """The collection holds no document with that id."""


class PageNotFoundError(NotFoundError):
    """The document has no such page, or none that can be drawn."""


class CollectionNotFoundError(NotFoundError):
    """The data folder holds no collection with that name."""


class ConflictError(SpanwiseError):
    """The change contradicts what is stored."""


class DocumentExistsError(ConflictError):
    """A document with that id exists and replacing it was not asked for."""


class CollectionExistsError(ConflictError):
    """A collection with that name exists."""


class VersionConflictError(ConflictError):
    """The document has changed since the span or link was made."""


class StaleCursorError(ConflictError):
    """The collection has changed since the cursor was given."""


class ModelMismatchError(ConflictError):
    """The collection was built with another embedding model."""


class AccessError(SpanwiseError):
    """The caller may not do this: the key's scope, its collections, or the page the request comes from."""


class KeyRequiredError(AccessError):
    """There is no API key, or it is not valid."""


class TooManyRequestsError(SpanwiseError):
    """The caller asks more often than allowed. `subject` is the number of seconds to wait."""


class OverloadedError(SpanwiseError):
    """Too many requests run at once. `subject` is the number of seconds to wait."""


class TimeLimitError(SpanwiseError):
    """It takes longer than is allowed. `subject` is the number of seconds to wait before another try."""


class StorageError(SpanwiseError, OSError):
    """The data folder cannot be read or written."""


class CollectionBusyError(StorageError):
    """Another process holds the write lock."""


class CorruptDataError(StorageError):
    """What is on disk is not a sound collection."""


class FormatVersionError(StorageError):
    """The collection was written by a newer version of Spanwise."""


class ModelError(SpanwiseError):
    """A model is missing, damaged or unusable."""


class MissingExtraError(ModelError, ImportError):
    """An optional package is not installed."""


class SpanInvariantError(SpanwiseError, AssertionError):
    """A span did not equal its text. Raised instead of returning a wrong span."""
