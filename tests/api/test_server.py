"""The server as a process of its own: it starts, answers over HTTP, and stops when told to."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

import spanwise
from spanwise import InputError, Settings, SpanwiseError
from spanwise.api.app import create_app
from spanwise.api.server import _Server, serve
from spanwise.testing import HashEmbedder

Serving = Callable[..., AbstractContextManager[tuple[subprocess.Popen[str], str]]]
QUESTION = "When do the Olympics end?"

PROGRAM = """
import sys, time
from pathlib import Path
from spanwise import Settings, SpanwiseError
from spanwise.api.server import serve
from spanwise.testing import HashEmbedder, ScriptedReader

class SlowReader(ScriptedReader):
    def read(self, question, passages, *, top_n=5):
        time.sleep(1.0 if question.startswith("Slowly") else 0)
        return super().read(question, passages, top_n=top_n)

try:
    serve(
        Settings(data=Path(sys.argv[1]), max_body_bytes=100_000),
        port=0,
        embedder=HashEmbedder(model=sys.argv[2]),
        reader=SlowReader({"When do the Olympics end?": "Feb. 20", "Slowly, when?": "Feb. 20"}),
        on_ready=lambda address: print(address, flush=True),
    )
except SpanwiseError as error:
    sys.exit(f"{type(error).__name__}: {error}")
print("stopped", flush=True)
"""


@pytest.fixture
def running(started: Serving) -> Serving:
    """`running(data)`: a context with a server process and its address."""
    return lambda data, model="hash-embedder": started(PROGRAM, data, model)


def post(address: str, route: str, body: Any) -> Any:
    request = Request(address + route, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as response:
        return json.load(response)


@pytest.fixture
def data(tmp_path: Path, article: str) -> Path:
    with spanwise.open(tmp_path / "data", embedder=HashEmbedder()) as collection:
        collection.add(spanwise.Source(article, id="news"))
    return tmp_path / "data"


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(data: Path, running: Serving, article: str, stop: signal.Signals) -> None:
    with running(data) as (process, address):
        best = post(address, "/v1/ask", {"question": QUESTION})["answers"][0]
        assert best["text"] == "Feb. 20"
        assert article[best["span"]["start"] : best["span"]["end"]] == "Feb. 20"
        with urlopen(f"{address}/healthz", timeout=30) as response:
            assert response.status == 200

        process.send_signal(stop)
        output, errors = process.communicate(timeout=30)
        assert process.returncode == 0
        assert output == "stopped\n"
        assert errors == ""


@pytest.mark.slow
def test_a_stop_waits_for_the_request_that_runs(data: Path, running: Serving) -> None:
    with running(data) as (process, address):
        answers: list[Any] = []
        asking = threading.Thread(
            target=lambda: answers.append(post(address, "/v1/ask", {"question": "Slowly, when?"}))
        )
        asking.start()
        asking.join(0.4)
        process.send_signal(signal.SIGTERM)
        asking.join(30)
        process.communicate(timeout=30)
        assert answers[0]["answers"][0]["text"] == "Feb. 20"
        assert process.returncode == 0


@pytest.mark.slow
def test_a_body_over_the_limit_is_answered(data: Path, running: Serving) -> None:
    with running(data) as (_, address):
        with pytest.raises(HTTPError) as caught:
            post(address, "/v1/ask", {"question": "x" * 10_000_000})
        with caught.value as response:
            assert response.code == 413
            assert "100000 bytes" in json.load(response)["detail"]


@pytest.mark.slow
def test_a_chunked_body_over_the_limit_is_answered(data: Path, running: Serving) -> None:
    with running(data) as (_, address):
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
        chunks = iter([b'{"question": "', b"x" * 1_000_000, b'"}'])
        connection.request("POST", "/v1/ask", chunks, {"Content-Type": "application/json"}, encode_chunked=True)
        response = connection.getresponse()
        assert response.status == 413
        assert "100000 bytes" in json.load(response)["detail"]
        connection.close()


@pytest.mark.slow
def test_half_a_body_does_not_hold_the_server(data: Path, running: Serving) -> None:
    with running(data) as (_, address):
        host, _, port = address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            lines = "POST /v1/ask HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Content-Length: 100"
            head = "\r\n".join((*lines, "", ""))
            connection.sendall(head.encode() + b'{"question": "wh')
            connection.shutdown(socket.SHUT_WR)
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert response.status == 400
            assert response.getheader("Content-Type") == "application/problem+json"
            response.close()
        assert post(address, "/v1/ask", {"question": QUESTION})["answerable"] is True


@pytest.mark.slow
def test_documents_and_questions_at_once(data: Path, running: Serving) -> None:
    def change(address: str, failed: list[Exception]) -> None:
        try:
            for number in range(5):
                post(address, "/v1/documents", {"documents": [{"text": f"Text {number} of {threading.get_ident()}."}]})
        except Exception as error:
            failed.append(error)

    def ask(address: str, failed: list[Exception]) -> None:
        try:
            for _ in range(5):
                assert post(address, "/v1/ask", {"question": QUESTION})["answers"][0]["text"] == "Feb. 20"
        except Exception as error:
            failed.append(error)

    with running(data) as (_, address):
        failed: list[Exception] = []
        work: list[Callable[[str, list[Exception]], None]] = [change, ask, change, ask]
        threads = [threading.Thread(target=one, args=(address, failed)) for one in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert failed == []
        with urlopen(f"{address}/v1/documents?limit=1000", timeout=30) as response:
            assert len(json.load(response)["documents"]) == 11


@pytest.mark.slow
def test_a_collection_of_another_model_is_one_sentence(data: Path, running: Serving) -> None:
    with running(data, model="another-model") as (process, address):
        assert address == ""
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert errors.startswith("ModelMismatchError: Collection 'default' was built with")
    assert len(errors.splitlines()) == 1


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = f"Cannot listen on port {port} of 127.0.0.1: Address already in use\\. Stop"
        with pytest.raises(SpanwiseError, match=said):
            serve(Settings(data=tmp_path), port=port)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.0.2.1"])
def test_a_public_address_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(InputError, match="can be reached from other machines, and the server has no API keys"):
        serve(Settings(data=tmp_path), host=host, port=0)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("127.0.0.1", -1), ("no such host", 0)])
def test_an_address_that_is_none(tmp_path: Path, host: str, port: int) -> None:
    with pytest.raises(InputError):
        serve(Settings(data=tmp_path), host=host, port=port)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rate_limit": "often"}, "SPANWISE_RATE_LIMIT is 'often', which is not a rate.*60 per minute"),
        ({"rate_limit": "0 per minute"}, "SPANWISE_RATE_LIMIT is '0 per minute', which is not a rate"),
        ({"origins": "https://a.example, https://b.example/"}, "'https://b.example/' in SPANWISE_ORIGINS is not an or"),
        ({"origins": "https://A.example"}, "'https://A.example' in SPANWISE_ORIGINS .* in lower case"),
        ({"origins": "https://a:x"}, "'https://a:x' in SPANWISE_ORIGINS is not an origin"),
        ({"origins": "*"}, "'\\*' in SPANWISE_ORIGINS is not an origin"),
        ({"hosts": "https://a.example"}, "'https://a.example' in SPANWISE_HOSTS is not the name of a host"),
        ({"hosts": "a.example:8000"}, "'a.example:8000' in SPANWISE_HOSTS .* without a port"),
    ],
)
def test_settings_that_nothing_could_match_are_refused_by_name(tmp_path: Path, settings: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        create_app(Settings(data=tmp_path, **settings))


def test_hosts_are_compared_whatever_their_case(tmp_path: Path) -> None:
    client = create_app(Settings(data=tmp_path, hosts="Search.Example.org,[::1]")).test_client()
    for host, status in (("search.example.ORG", 200), ("[::1]:8000", 200), ("other.example.org", 403)):
        assert client.get("/healthz", headers={"Host": host}).status_code == status


def test_many_requests_at_once_have_threads_to_run_in(tmp_path: Path) -> None:
    for most, threads in ((8, 32), (200, 224)):
        listener = socket.create_server(("127.0.0.1", 0))
        server = _Server(Settings(data=tmp_path, max_concurrent=most), create_app, listener, -1, None)
        os.close(server._descriptor)
        assert server.cfg.threads == threads
