"""Errors as RFC 9457 problem documents: the handlers that make them, by the table in `problem_kinds`.

A problem tells the client what went wrong and the way out. It never holds a traceback or a path of the server:
errors whose message may name a path have a fixed `detail` there, and their whole message goes to the log.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
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
from .problem_kinds import HTTP_KINDS, INTERNAL, INVALID_REQUEST, KINDS, LOGGED, TYPE_PREFIX, Kind
from .validation import field_errors, printable, sentence, where_it_belongs

logger = logging.getLogger(__name__)

Json = dict[str, Any]

MEDIA_TYPE = "application/problem+json"
MAX_FIELD_ERRORS = 20


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
        return f"{kind.title}. {LOGGED}"
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
    if kind.status >= 500 or detail.endswith(LOGGED):
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
