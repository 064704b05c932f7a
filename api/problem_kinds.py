"""The kinds of problem that HTTP answers with: one table from error class to status; the client reads it backwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .. import errors

TYPE_PREFIX = "urn:spanwise:problem:"
LOGGED = "The server's log says more."


@dataclass(frozen=True)
class Kind:
    """A kind of problem: its status, its stable name, and what to say instead of the error's own words."""

    status: int
    name: str
    title: str
    detail: str | None = None
    """Replaces the whole message."""
    way_out: str | None = None
    """Replaces the error's way out, where that speaks of Python and not of HTTP."""


KINDS: Mapping[type[errors.SpanwiseError], Kind] = {
    errors.SpanwiseError: Kind(500, "internal-error", "Internal error", f"The request could not be served. {LOGGED}"),
    errors.InputError: Kind(422, "invalid-input", "The input cannot be used"),
    errors.QuestionError: Kind(422, "invalid-question", "The question cannot be used"),
    errors.SourceError: Kind(422, "invalid-source", "The document cannot be used"),
    errors.DocumentIdError: Kind(422, "invalid-id", "The id cannot be used"),
    errors.FilterError: Kind(422, "invalid-filter", "The filter cannot be used"),
    errors.CursorError: Kind(422, "invalid-cursor", "The cursor cannot be used"),
    errors.LimitError: Kind(422, "out-of-limits", "A number lies outside its limits"),
    errors.NotFoundError: Kind(404, "not-found", "Not found"),
    errors.DocumentNotFoundError: Kind(
        404, "document-not-found", "No such document", way_out="GET /v1/documents lists the ids."
    ),
    errors.PageNotFoundError: Kind(404, "page-not-found", "No such page"),
    errors.CollectionNotFoundError: Kind(
        404,
        "collection-not-found",
        "No such collection",
        way_out="Storing a document makes it: POST /v1/documents?collection=NAME.",
    ),
    errors.ConflictError: Kind(
        409, "conflict", "Conflict with what is stored", f"The change contradicts what is stored. {LOGGED}"
    ),
    errors.DocumentExistsError: Kind(
        409,
        "document-exists",
        "The document exists",
        way_out="PUT /v1/documents/{id} replaces it. Nothing of this request was stored.",
    ),
    errors.CollectionExistsError: Kind(
        409, "collection-exists", "The collection exists", way_out="Choose another name, or drop that one first."
    ),
    errors.VersionConflictError: Kind(
        409,
        "version-conflict",
        "The document has changed",
        way_out="Without `content_hash` the address gives the document as it is now.",
    ),
    errors.StaleCursorError: Kind(409, "stale-cursor", "The collection has changed"),
    errors.ModelMismatchError: Kind(
        409,
        "model-mismatch",
        "The collection was built with another model",
        f"The collection was built with another embedding model than the server runs with. {LOGGED}",
    ),
    errors.AccessError: Kind(403, "not-allowed", "Not allowed"),
    errors.KeyRequiredError: Kind(401, "key-required", "An API key is needed"),
    errors.TooManyRequestsError: Kind(429, "too-many-requests", "Too many requests"),
    errors.OverloadedError: Kind(503, "overloaded", "The server is busy"),
    errors.TimeLimitError: Kind(503, "time-limit", "It takes too long"),
    errors.StorageError: Kind(
        503, "storage", "The data cannot be read or written", f"The data cannot be read or written now. {LOGGED}"
    ),
    errors.CollectionBusyError: Kind(
        503,
        "collection-busy",
        "The collection is being changed",
        "Another change to the collection is still running. Nothing was stored; try again in a moment.",
    ),
    errors.CorruptDataError: Kind(503, "corrupt-data", "The data is damaged", f"What is stored is damaged. {LOGGED}"),
    errors.FormatVersionError: Kind(
        503,
        "format-version",
        "The data is from a newer version",
        f"The collection was written by a newer version of Spanwise. {LOGGED}",
    ),
    errors.ModelError: Kind(
        503, "model", "A model cannot be used", f"A model that this needs is missing or damaged. {LOGGED}"
    ),
    errors.MissingExtraError: Kind(
        503, "missing-extra", "Something is not installed", f"The server lacks an optional package. {LOGGED}"
    ),
    errors.SpanInvariantError: Kind(
        500,
        "span-invariant",
        "A span did not equal its text",
        f"An answer was withheld because its span did not equal its text. {LOGGED}",
    ),
}

INVALID_REQUEST = Kind(422, "invalid-request", "The request is not valid")
INTERNAL = KINDS[errors.SpanwiseError]

HTTP_KINDS: Mapping[int, Kind] = {
    400: Kind(400, "malformed-request", "The request is malformed"),
    404: Kind(
        404, "no-such-address", "No such address", "There is nothing at this address. GET /openapi.json lists what is."
    ),
    405: Kind(
        405,
        "method-not-allowed",
        "Method not allowed",
        "This address does not take that method; the Allow header lists those it takes.",
    ),
    413: Kind(413, "body-too-large", "The request body is too large"),
    415: Kind(415, "not-json", "The request body is not called JSON"),
}
