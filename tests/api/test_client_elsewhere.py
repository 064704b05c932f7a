"""The client where no Spanwise server answers: another program, half of an answer, an address that is none."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spanwise import Client, DocumentIdError, InputError, Source, SourceError, SpanwiseError

Serve = Callable[..., str]


@pytest.fixture
def asked() -> list[dict[str, str]]:
    """The headers of the requests that came."""
    return []


@pytest.fixture
def serve(asked: list[dict[str, str]]) -> Iterator[Serve]:
    """Starts a server that always says the same; its address."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(body: bytes, status: int = 200, **headers: str) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked.append(dict(self.headers))
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                for name, value in {"Content_Length": str(len(body)), **headers}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"<html>Please log in</html>", r"no JSON \(Expecting value"),
        (b'{"question": "a', r"no JSON \(Unterminated string"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "a JSON list"),
        (b"null", "a JSON NoneType"),
        (b"{}", "KeyError 'answers'"),
        (b'{"answers": [1]}', "TypeError"),
        (b'{"answers": 3}', "TypeError"),
    ],
)
def test_an_answer_that_is_none_of_ours_is_told_as_that(serve: Serve, body: bytes, what: str) -> None:
    address = serve(body)
    with pytest.raises(SpanwiseError, match=f"^{address} answered what Spanwise does not answer: {what}") as refused:
        Client(address).ask("When?")
    assert "address of a Spanwise server" in str(refused.value)


def test_every_method_tells_so(serve: Serve, tmp_path: Path) -> None:
    client = Client(serve(b'{"more": 1}'))
    (tmp_path / "a.txt").write_text("Words.")
    calls: list[Callable[[], Any]] = [
        lambda: client.ask_many(["a"]), lambda: client.search("a"), lambda: client.suggest("a"),
        lambda: client.feedback("a", "absent"), lambda: client.add("Words."), lambda: client.job("a"),
        lambda: client.upload(tmp_path / "a.txt"), lambda: list(client.documents()), lambda: client.document("a"),
        lambda: client.slice("a", 0, 1),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(SpanwiseError, match="answered what Spanwise does not answer"):
            call()


def test_half_of_an_answer_is_none(serve: Serve) -> None:
    with pytest.raises(SpanwiseError, match="cannot be reached: IncompleteRead"):
        Client(serve(b'{"answers": []', Content_Length="5000")).ask("When?")


def test_a_redirection_is_told_and_the_key_is_not_sent_along(serve: Serve, asked: list[dict[str, str]]) -> None:
    elsewhere = serve(b"{}")
    client = Client(serve(b"", 302, Location=f"{elsewhere}/v1/ask"), key="sw_secret")
    with pytest.raises(SpanwiseError, match=rf"answered 302 Found\. It points to {elsewhere}/v1/ask: give the address"):
        client.ask("When?")
    assert len(asked) == 1


@pytest.mark.parametrize(
    "address", ["", "localhost:8000", "ftp://a.example", "http://", "http://[::1", "http://a:99999", "http://a:b", None]
)
def test_what_is_no_address_is_refused_before_anything_is_sent(address: Any) -> None:
    with pytest.raises(InputError, match=r"is not the address of a server\. Write it like http"):
        Client(address)


@pytest.mark.parametrize("key", ["sw_a\nb", "sw_é", "sw_\x00"])
def test_a_key_that_no_header_holds_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(InputError, match="holds characters that no key has") as refused:
        Client(key=key)
    assert key not in str(refused.value)


def test_what_cannot_be_sent_is_refused(serve: Serve, asked: list[dict[str, str]]) -> None:
    client = Client(serve(b"{}"))
    with pytest.raises(InputError, match="cannot be written as JSON: Object of type bytes"):
        client.add(Source("Words.", metadata={"a": b"x"}))  # type: ignore[dict-item]
    for document_id in ("", "../../metrics", "a//b", None):
        with pytest.raises(DocumentIdError, match="is not a document id"):
            client.document(document_id)  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="No file was given"):
        client.upload()
    with pytest.raises(SourceError, match=r"'a.txt' is no path. Give Path\('a.txt'\)"):
        client.upload("a.txt")  # type: ignore[arg-type]
    assert asked == []
