"""What `client` sends over urllib: one request each time, and the library's error for each that is refused."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from . import errors
from .api.problem_kinds import KINDS, TYPE_PREFIX
from .errors import SpanwiseError

Json = dict[str, Any]
Said = TypeVar("Said")

ERRORS: Mapping[str, type[SpanwiseError]] = {
    "invalid-request": errors.InputError,
    "malformed-request": errors.InputError,
    "body-too-large": errors.LimitError,
    "not-json": errors.InputError,
    **{kind.name: cls for cls, kind in KINDS.items()},
}
"""The library's error for each kind of problem document; any other kind is a SpanwiseError."""


class Transport:
    """The way to one server. It keeps no connection open, so many threads may use it.

    Every method raises the error that the server's problem document names, and SpanwiseError where there is no server.
    """

    def __init__(self, endpoint: str, key: str | None, timeout: float, opener: OpenerDirector | None = None) -> None:
        """`timeout` in seconds. `opener` replaces urllib's, which here uses no proxy and follows no redirection.

        Raises InputError for what is no address or no key.
        """
        if not _is_address(endpoint):
            raise errors.InputError(
                f"{endpoint!r} is not the address of a server.",
                subject=endpoint,
                way_out="Write it like http://127.0.0.1:8000 or https://search.example.org.",
            )
        if key and not (key.isascii() and key.isprintable()):
            raise errors.InputError(
                "The API key holds characters that no key has.", way_out="Copy it whole, on one line."
            )
        self.endpoint = endpoint.rstrip("/")
        self._key = key
        self._timeout = timeout
        self._opener = opener or build_opener(ProxyHandler({}), _NoRedirection)

    def close(self) -> None:
        self._opener.close()

    def send(self, method: str, route: str, body: Json | None = None) -> Json:
        """The object that an answer holds. Raises InputError for a body that JSON cannot hold."""
        try:
            data = None if body is None else json.dumps(body).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise errors.InputError(
                f"The request cannot be written as JSON: {error}.",
                subject=body,
                way_out="Give texts, numbers, true, false, null, and lists of these.",
            ) from error
        return self.exchange(method, route, data)[1]

    def fetch(self, read: Callable[[Json], Said], method: str, route: str, body: Json | None = None) -> Said:
        """What `read` makes of the object that an answer holds."""
        return self.understood(read, self.send(method, route, body))

    def understood(self, read: Callable[[Json], Said], said: Json) -> Said:
        """What `read` makes of an answer. Raises SpanwiseError where it is not what Spanwise answers."""
        try:
            return read(said)
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise self._strange(f"{type(error).__name__} {error}") from error

    def exchange(self, method: str, route: str, data: bytes | None, kind: str = "application/json") -> tuple[int, Json]:
        """The status of an answer, and its object; `kind` is the media type of `data`."""
        status, read = self.request(method, route, data, kind)
        try:
            said = json.loads(read or b"{}")
        except (ValueError, RecursionError) as error:
            raise self._strange(f"no JSON ({error})") from error
        if not isinstance(said, dict):
            raise self._strange(f"a JSON {type(said).__name__}")
        return status, said

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

    def _strange(self, what: str) -> SpanwiseError:
        return SpanwiseError(
            f"{self.endpoint} answered what Spanwise does not answer: {what}.",
            subject=self.endpoint,
            way_out="Check that this is the address of a Spanwise server, and of its version.",
        )

    def _unreachable(self, error: Exception) -> SpanwiseError:
        return SpanwiseError(
            f"{self.endpoint} cannot be reached: {_reason(error)}.",
            subject=self.endpoint,
            way_out="Check the address and that the server runs.",
        )


class _NoRedirection(HTTPRedirectHandler):
    """urllib would send the key along, to whatever server is named, and make a GET of a POST."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _is_address(endpoint: object) -> bool:
    try:
        parts = urlsplit(endpoint) if isinstance(endpoint, str) else None
        return parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number or too large, half an address in brackets
        return False


def _error(refusal: HTTPError) -> SpanwiseError:
    if 300 <= refusal.code < 400:
        return SpanwiseError(
            f"The server answered {refusal.code} {refusal.reason}.",
            subject=refusal.code,
            way_out=f"It points to {refusal.headers.get('Location', 'nowhere')}: give the address of the server there.",
        )
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
