"""How JSON is read and written: what is refused before a schema sees it, and where a body stops being JSON."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from json import JSONDecodeError
from typing import IO, TYPE_CHECKING, Any, NoReturn

from flask import Request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from .validation import shown

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

DISCARD_BYTES = 256 * 1024 * 1024


class JSONProvider(DefaultJSONProvider):
    """Keeps the order of fields, writes UTF-8, and reads only what RFC 8259 calls JSON."""

    sort_keys = False
    ensure_ascii = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The value that `s` holds.

        Raises ValueError, also where Python's parser would take NaN, drop all but the last of the fields of one name,
        or run out of stack.
        """
        try:
            return super().loads(
                s, parse_constant=_refuse_constant, parse_int=_whole_number, object_pairs_hook=_object, **kwargs
            )
        except RecursionError:
            raise ValueError("it is nested too deeply") from None


class _Body:
    """What a client sends. Where it breaks off or its chunks are none, each server raises errors of its own."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        return self._sound(self._stream.read, size)

    def readline(self, size: int = -1) -> bytes:
        return self._sound(self._stream.readline, size)

    def _sound(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except MemoryError:
            raise
        except Exception as error:
            raise BadRequest("The body breaks off, or is not in chunks as its headers say. Send it again.") from error


class JSONRequest(Request):
    """A request whose body is JSON and says so, or a 415 or 400 that says what is wrong and where."""

    def __init__(self, environ: WSGIEnvironment, *args: Any, **kwargs: Any) -> None:
        environ["wsgi.input"] = _Body(environ["wsgi.input"])  # in the same environment, which others look into
        super().__init__(environ, *args, **kwargs)

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The parsed body. `force` is ignored: APIFlask sets it, and a body that is not called JSON is not read."""
        return super().get_json(force=False, silent=silent, cache=cache)

    def on_json_loading_failed(self, e: ValueError | None) -> NoReturn:
        if e is None:
            raise UnsupportedMediaType("Send the body as JSON, with the header “Content-Type: application/json”.")
        if self.headers.get("Content-Encoding", "identity") != "identity":
            raise UnsupportedMediaType("Send the body as it is, without Content-Encoding: it is not unpacked here.")
        body = self.get_data()
        if self.content_length is None and len(body) >= (self.max_content_length or len(body) + 1):
            raise RequestEntityTooLarge  # a chunked body: Werkzeug cuts it at the limit without a word
        if not body:
            raise BadRequest("The body is empty; it must be a JSON object.")
        raise BadRequest(f"The body is not JSON: {_where(e)}.")


def discard_body(request: Request) -> None:
    """Reads what the client still sends, up to DISCARD_BYTES, so that it gets to read the answer.

    A connection that is closed on unread data is reset, and most clients then report a broken pipe instead of the 413.
    """
    stream = request.environ["wsgi.input"]
    left = DISCARD_BYTES
    with suppress(BadRequest):
        while left > 0 and (chunk := stream.read(min(left, 65_536))):
            left -= len(chunk)


def _where(error: ValueError) -> str:
    if isinstance(error, JSONDecodeError):
        return f"{error.msg.removesuffix(' at')} at line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not {error.encoding}"
    return str(error)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"the field {shown(twice)!r} stands twice in one object")
    return found


def _whole_number(digits: str) -> int:
    if len(digits) > 1000:  # Python's own limit speaks of Python
        raise ValueError(f"it holds a number of {len(digits)} digits")
    return int(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
