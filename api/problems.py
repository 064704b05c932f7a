"""Errors as RFC 9457 problem documents: one table from error class to status, and the handlers that use it.

A problem tells the client what went wrong and the way out. It never holds a traceback or a path of the server:
errors whose message may name a path have a fixed `detail` here, and their whole message goes to the log.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from apiflask import APIFlask
from apiflask.exceptions import HTTPError
from flask import Response, current_app, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from .. import errors
from . import request_schema
from .fields import settings
from .messages import discard_body
from .validation import field_errors, printable, sentence, where_it_belongs

logger = logging.getLogger(__name__)

Json = dict[str, Any]

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:spanwise:problem:"
MAX_FIELD_ERRORS = 20

_LOGGED = "The server's log says more."


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
    errors.SpanwiseError: Kind(500, "internal-error", "Internal error", f"The request could not be served. {_LOGGED}"),
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
        409, "conflict", "Conflict with what is stored", f"The change contradicts what is stored. {_LOGGED}"
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
        f"The collection was built with another embedding model than the server runs with. {_LOGGED}",
    ),
    errors.AccessError: Kind(403, "not-allowed", "Not allowed"),
    errors.KeyRequiredError: Kind(401, "key-required", "An API key is needed"),
    errors.TooManyRequestsError: Kind(429, "too-many-requests", "Too many requests"),
    errors.OverloadedError: Kind(503, "overloaded", "The server is busy"),
    errors.TimeLimitError: Kind(503, "time-limit", "It takes too long"),
    errors.StorageError: Kind(
        503, "storage", "The data cannot be read or written", f"The data cannot be read or written now. {_LOGGED}"
    ),
    errors.CollectionBusyError: Kind(
        503,
        "collection-busy",
        "The collection is being changed",
        "Another change to the collection is still running. Nothing was stored; try again in a moment.",
    ),
    errors.CorruptDataError: Kind(503, "corrupt-data", "The data is damaged", f"What is stored is damaged. {_LOGGED}"),
    errors.FormatVersionError: Kind(
        503,
        "format-version",
        "The data is from a newer version",
        f"The collection was written by a newer version of Spanwise. {_LOGGED}",
    ),
    errors.ModelError: Kind(
        503, "model", "A model cannot be used", f"A model that this needs is missing or damaged. {_LOGGED}"
    ),
    errors.MissingExtraError: Kind(
        503, "missing-extra", "Something is not installed", f"The server lacks an optional package. {_LOGGED}"
    ),
    errors.SpanInvariantError: Kind(
        500,
        "span-invariant",
        "A span did not equal its text",
        f"An answer was withheld because its span did not equal its text. {_LOGGED}",
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


def install(app: APIFlask) -> None:
    """Every error that leaves a view of `app` becomes a problem document."""
    app.register_error_handler(errors.SpanwiseError, from_spanwise)
    app.register_error_handler(HTTPError, _from_apiflask)
    app.register_error_handler(HTTPException, _from_werkzeug)
    app.register_error_handler(Exception, _from_bug)


def kind_of(error: errors.SpanwiseError) -> Kind:
    """The kind of the error's class, or of the nearest class above it."""
    return next(KINDS[cls] for cls in type(error).__mro__ if cls in KINDS)


def detail_of(error: errors.SpanwiseError) -> str:
    """What the client may read about `error`."""
    kind = kind_of(error)
    if kind.detail is not None:
        return kind.detail
    detail = f"{error.problem} {error.way_out if kind.way_out is None else kind.way_out}".strip()
    data = settings().data
    if any(path in detail for path in (str(data), str(data.absolute()), str(data.resolve()))):
        return f"{kind.title}. {_LOGGED}"
    return printable(detail)


def documented(*statuses: int) -> dict[int, Any]:
    """The OpenAPI response objects of the problems that an operation may answer with."""
    return {status: _documented(status) for status in statuses}


def _documented(status: int) -> Json:
    kinds = [kind for kind in (INVALID_REQUEST, *KINDS.values()) if kind.status == status] or [_http_kind(status)]
    examples = {kind.name: {"value": _body(kind, kind.detail or kind.way_out or f"{kind.title}.")} for kind in kinds}
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}
    return {"description": "; ".join(kind.title for kind in kinds), "content": {MEDIA_TYPE: content}}


def from_spanwise(error: errors.SpanwiseError) -> Response:
    """The problem document of `error`."""
    kind = kind_of(error)
    detail = detail_of(error)
    if kind.status >= 500 or detail.endswith(_LOGGED):
        logger.error("%s: %s", type(error).__name__, error, exc_info=error if kind.status == 500 else None)
    return _response(kind, detail, headers=_headers_of(error))


def _headers_of(error: errors.SpanwiseError) -> dict[str, str]:
    if isinstance(error, errors.KeyRequiredError):
        return {"WWW-Authenticate": 'Bearer realm="spanwise"'}
    if isinstance(error, errors.CollectionBusyError):
        return {"Retry-After": "1"}
    waits = isinstance(error, errors.TooManyRequestsError | errors.OverloadedError | errors.TimeLimitError)
    return {"Retry-After": str(error.subject)} if waits and isinstance(error.subject, int) else {}


def _from_apiflask(error: HTTPError) -> Response:
    if isinstance(error.__cause__, ValidationError):
        fields = field_errors(error.__cause__)
        detail = sentence(fields) + where_it_belongs(error.__cause__, request_schema)
        return _response(INVALID_REQUEST, detail, fields[:MAX_FIELD_ERRORS])
    return _response(_http_kind(error.status_code), str(error.message))


def _from_werkzeug(error: HTTPException) -> Response:
    kind = _http_kind(error.code or 500)
    detail = kind.detail or str(error.description)
    if isinstance(error, RequestEntityTooLarge):
        discard_body(request)
        detail = f"The request body is larger than {current_app.config['MAX_CONTENT_LENGTH']} bytes. Send it in parts."
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return _response(kind, detail, headers=headers)


def _http_kind(status: int) -> Kind:
    return HTTP_KINDS.get(status) or Kind(status, f"http-{status}", HTTPStatus(status).phrase)


def _from_bug(error: Exception) -> Response:
    logger.error("a request failed", exc_info=error)
    return _response(INTERNAL, str(INTERNAL.detail))


def _body(kind: Kind, detail: str) -> Json:
    return {"type": TYPE_PREFIX + kind.name, "title": kind.title, "status": kind.status, "detail": detail}


def _response(
    kind: Kind, detail: str, fields: list[Json] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    body = _body(kind, detail)
    if fields:
        body["errors"] = fields
    text = current_app.json.dumps(body) + "\n"
    return Response(text, kind.status, headers, mimetype=MEDIA_TYPE)
