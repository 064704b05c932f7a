"""Errors: the table is complete, nothing leaks, and every way of sending nonsense gets a problem document."""

from __future__ import annotations

import gzip
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from spanwise import Settings, SpanwiseError, errors
from spanwise.api.open_collections import Collections
from spanwise.api.problem_kinds import HTTP_KINDS, INVALID_REQUEST, KINDS


def error_classes(cls: type[SpanwiseError] = SpanwiseError) -> Iterator[type[SpanwiseError]]:
    if cls.__module__ == errors.__name__:
        yield cls
    for subclass in cls.__subclasses__():
        yield from error_classes(subclass)


def drawn_statuses() -> dict[str, int]:
    """Class name to status, as the tree at the top of `errors` draws them; a class without one has its parent's."""
    lines = [line for line in (errors.__doc__ or "").splitlines() if "Error" in line and ("──" in line)]
    return {line.split("── ")[1].split()[0]: int(line.split("HTTP ")[1]) for line in lines if "HTTP " in line}


def test_every_error_has_its_row() -> None:
    assert set(error_classes()) == set(KINDS)
    names = [kind.name for kind in (*KINDS.values(), *HTTP_KINDS.values(), INVALID_REQUEST)]
    assert len(names) == len(set(names))


def test_statuses_are_those_that_the_tree_of_errors_draws() -> None:
    drawn = drawn_statuses()
    assert drawn
    for cls, kind in KINDS.items():
        above = [drawn[ancestor.__name__] for ancestor in cls.__mro__ if ancestor.__name__ in drawn]
        assert kind.status == (above[0] if above else 500), cls


@pytest.mark.parametrize("cls", list(error_classes()), ids=lambda cls: cls.__name__)
def test_no_error_shows_a_path(
    cls: type[SpanwiseError],
    untouched: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    data: Path = untouched.application.config["SPANWISE"].data
    path = data / "collections" / "default"

    def fail(self: Collections, name: str, *, create: bool = False) -> None:
        raise cls(f"It went wrong in {path}.", subject=path, way_out=f"Look into {path}.")

    monkeypatch.setattr(Collections, "get", fail)
    with caplog.at_level(logging.ERROR):
        response = untouched.post("/v1/ask", json={"question": "x"})
    body = response.get_json()

    assert response.status_code == KINDS[cls].status == body["status"]
    assert response.mimetype == "application/problem+json"
    assert list(body) == ["type", "title", "status", "detail"]
    assert body["type"] == f"urn:spanwise:problem:{KINDS[cls].name}"
    assert str(data.parent) not in response.text
    assert "Traceback" not in response.text
    if "log says more" in body["detail"]:
        assert str(path) in caplog.text


def test_a_bug_is_a_500_that_says_nothing_of_itself(
    untouched: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: Collections, name: str, *, create: bool = False) -> None:
        raise ZeroDivisionError("the secret of /etc/passwd")

    monkeypatch.setattr(Collections, "get", fail)
    response = untouched.post("/v1/ask", json={"question": "x"})
    assert response.status_code == 500
    assert response.mimetype == "application/problem+json"
    assert response.get_json()["title"] == "Internal error"
    assert "secret" not in response.text
    assert "secret" in caplog.text


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"question": "when do', "Unterminated string starting at line 1, column 14"),
        (b'{"question": "x",\n "top_k": }', "Expecting value at line 2, column 11"),
        (b'{"question": "x"} {}', "Extra data at line 1, column 19"),
        (b"not json", "Expecting value at line 1, column 1"),
        (b'{"question": "x", "top_k": NaN}', "NaN is not a JSON number"),
        (b'{"question": "x", "top_k": ' + b"9" * 5_000 + b"}", "it holds a number of 5000 digits"),
        (b'{"question": "x", "where": {"a": 1, "a": 2}}', "the field 'a' stands twice in one object"),
        (b'{"question": "\xff"}', "byte 14 is not utf-8"),
        (b"[" * 100_000, "it is nested too deeply"),
    ],
)
def test_malformed_json_says_where(untouched: FlaskClient, body: bytes, where: str) -> None:
    response = untouched.post("/v1/ask", data=body, content_type="application/json")
    assert response.status_code == 400
    assert response.mimetype == "application/problem+json"
    assert response.get_json()["detail"] == f"The body is not JSON: {where}."


def test_a_packed_body_is_not_called_malformed_json(untouched: FlaskClient) -> None:
    body = gzip.compress(b'{"question": "x"}')
    response = untouched.post(
        "/v1/ask", data=body, content_type="application/json", headers={"Content-Encoding": "gzip"}
    )
    assert response.status_code == 415
    assert "without Content-Encoding" in response.get_json()["detail"]


def test_an_empty_body(untouched: FlaskClient) -> None:
    response = untouched.post("/v1/ask", content_type="application/json")
    assert response.status_code == 400
    assert response.get_json()["detail"] == "The body is empty; it must be a JSON object."


@pytest.mark.parametrize("body", ["[]", "3", '"text"', "true"])
def test_a_body_that_is_no_object(untouched: FlaskClient, body: str) -> None:
    response = untouched.post("/v1/ask", data=body, content_type="application/json")
    assert response.status_code == 422
    assert response.get_json()["detail"] == "`body` must be a JSON object."


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
@pytest.mark.parametrize("route", ["/v1/ask", "/v1/documents"])
def test_a_body_that_is_not_called_json_is_not_read(
    untouched: FlaskClient, route: str, content_type: str | None
) -> None:
    response = untouched.post(route, data='{"question": "x"}', content_type=content_type)
    assert response.status_code == 415
    assert "Content-Type: application/json" in response.get_json()["detail"]


def test_a_body_over_the_limit_names_it(untouched: FlaskClient) -> None:
    response = untouched.post("/v1/documents", json={"documents": [{"text": "x" * 2_000_000}]})
    assert response.status_code == 413
    assert response.mimetype == "application/problem+json"
    assert "2000000 bytes" in response.get_json()["detail"]


def test_an_unknown_address(untouched: FlaskClient) -> None:
    response = untouched.get("/v1/nothing")
    assert response.status_code == 404
    assert response.get_json()["type"] == "urn:spanwise:problem:no-such-address"


def test_a_method_that_is_not_taken(untouched: FlaskClient) -> None:
    response = untouched.get("/v1/ask")
    assert response.status_code == 405
    assert response.mimetype == "application/problem+json"
    assert set(response.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}


def test_a_long_unknown_field_is_cut(untouched: FlaskClient) -> None:
    response = untouched.post("/v1/ask", json={"question": "x", "y" * 1_000_000: 1})
    assert response.status_code == 422
    assert len(response.data) < 1_000


def test_a_damaged_database_is_a_503_without_a_path(stored: FlaskClient, app: APIFlask, settings: Settings) -> None:
    app.extensions["spanwise"].close()
    for file in (settings.data / "collections" / "default").iterdir():
        if file.is_file():
            file.write_bytes(b"this is not a database" * 1_000)
    response = stored.get("/v1/documents")
    assert response.status_code == 503
    assert response.get_json()["type"] == "urn:spanwise:problem:corrupt-data"
    assert str(settings.data) not in response.text


@pytest.mark.parametrize("error", [OSError("the client is gone"), ValueError("Invalid chunk size: b'zz'")])
@pytest.mark.parametrize(
    ("path", "kind"), [("/v1/ask", "application/json"), ("/v1/files", "multipart/form-data; boundary=x")]
)
def test_a_body_that_breaks_off_is_the_clients_trouble(
    stored: FlaskClient, caplog: pytest.LogCaptureFixture, error: Exception, path: str, kind: str
) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise error

        readline = readinto = read  # type: ignore[assignment]

    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    response = stored.post(path, input_stream=Broken(), content_type=kind, environ_overrides=chunked)
    assert response.status_code == 400
    assert "The body breaks off" in response.get_json()["detail"]
    assert caplog.records == []
