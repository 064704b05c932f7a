"""What `client` sends over urllib: one request each time, and the library's error for each that is refused."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

from . import errors
from .errors import SpanwiseError

Json = dict[str, Any]

TYPE_PREFIX = "urn:spanwise:problem:"
ERRORS: Mapping[str, type[SpanwiseError]] = {
    "invalid-request": errors.InputError,
    "malformed-request": errors.InputError,
    "body-too-large": errors.LimitError,
    "not-json": errors.InputError,
    "invalid-input": errors.InputError,
    "invalid-question": errors.QuestionError,
    "invalid-source": errors.SourceError,
    "invalid-id": errors.DocumentIdError,
    "out-of-limits": errors.LimitError,
    "invalid-filter": errors.FilterError,
    "invalid-cursor": errors.CursorError,
    "not-found": errors.NotFoundError,
    "document-not-found": errors.DocumentNotFoundError,
    "page-not-found": errors.PageNotFoundError,
    "collection-not-found": errors.CollectionNotFoundError,
    "conflict": errors.ConflictError,
    "document-exists": errors.DocumentExistsError,
    "collection-exists": errors.CollectionExistsError,
    "version-conflict": errors.VersionConflictError,
    "stale-cursor": errors.StaleCursorError,
    "model-mismatch": errors.ModelMismatchError,
    "not-allowed": errors.AccessError,
    "key-required": errors.KeyRequiredError,
    "too-many-requests": errors.TooManyRequestsError,
    "overloaded": errors.OverloadedError,
    "time-limit": errors.TimeLimitError,
    "storage": errors.StorageError,
    "collection-busy": errors.CollectionBusyError,
    "corrupt-data": errors.CorruptDataError,
    "format-version": errors.FormatVersionError,
    "model": errors.ModelError,
    "missing-extra": errors.MissingExtraError,
    "span-invariant": errors.SpanInvariantError,
}
"""The library's error for each kind of problem document; any other kind is a SpanwiseError."""


class Transport:
    """The way to one server. It keeps no connection open, so many threads may use it.

    Every method raises the error that the server's problem document names, and SpanwiseError where there is no server.
    """

    def __init__(self, endpoint: str, key: str | None, timeout: float, opener: OpenerDirector | None = None) -> None:
        """`timeout` in seconds. `opener` replaces urllib's, which here uses no proxy."""
        if not endpoint.startswith(("http://", "https://")):
            raise errors.InputError(
                f"{endpoint!r} is not the address of a server.", subject=endpoint, way_out="Begin with http or https."
            )
        self.endpoint = endpoint.rstrip("/")
        self._key = key
        self._timeout = timeout
        self._opener = opener or build_opener(ProxyHandler({}))

    def close(self) -> None:
        self._opener.close()

    def send(self, method: str, route: str, body: Json | None = None) -> Json:
        """The object that an answer holds."""
        data = None if body is None else json.dumps(body).encode()
        return self.exchange(method, route, data)[1]

    def exchange(self, method: str, route: str, data: bytes | None, kind: str = "application/json") -> tuple[int, Json]:
        """The status of an answer, and its object; `kind` is the media type of `data`."""
        status, read = self.request(method, route, data, kind)
        try:
            return status, json.loads(read or b"{}")
        except ValueError as error:
            raise self._unreachable(error) from error

    def request(
        self,
        method: str,
        route: str,
        data: bytes | None,
        kind: str = "application/json",
        accept: str = "application/json",
    ) -> tuple[int, bytes]:
        """The status and the bytes of an answer, which is to be of the media type `accept`."""
        headers = {"Accept": accept}
        if data is not None:
            headers["Content-Type"] = kind
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = Request(self.endpoint + route, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return response.status, response.read()
        except HTTPError as refusal:
            with refusal:
                raise _error(refusal) from None
        except (URLError, http.client.HTTPException, OSError, ValueError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> SpanwiseError:
        return SpanwiseError(
            f"{self.endpoint} cannot be reached: {_reason(error)}.",
            subject=self.endpoint,
            way_out="Check the address and that the server runs.",
        )


def _error(refusal: HTTPError) -> SpanwiseError:
    try:
        problem = json.loads(refusal.read())
        kind, detail = str(problem["type"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError, http.client.HTTPException, OSError):
        return SpanwiseError(f"The server answered {refusal.code} {refusal.reason}.", subject=refusal.code)
    cls = ERRORS.get(kind.removeprefix(TYPE_PREFIX), SpanwiseError)
    wait = refusal.headers.get("Retry-After", "")
    return cls(detail, subject=int(wait) if wait.isdigit() else problem.get("errors"))


def _reason(error: Exception) -> object:
    reason = getattr(error, "reason", None) or error
    return "it took too long" if isinstance(reason, TimeoutError | socket.timeout) else reason
