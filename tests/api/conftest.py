"""An application over the real engine, with the deterministic embedder and reader of `spanwise.testing`.

A test that changes anything has an application of its own: `app`, `client`, `stored`. Those that only read, or are
refused, share one, and at the end it is checked that they left it as it was: `library`, `untouched`.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from spanwise import Settings
from spanwise.api.app import create_app
from spanwise.testing import HashEmbedder, ScriptedReader

SEED = Path(__file__).parents[2] / "seeds" / "000_609dc210a99a1b4d.txt"
QUESTION = "When do the Olympics end?"
SCRIPT = {QUESTION: "Feb. 20", "Where is the party?": "on the 🏖️ beach"}
Serving = Callable[..., AbstractContextManager[tuple[subprocess.Popen[str], str]]]


@pytest.fixture(scope="session")
def started() -> Serving:
    """`started(program, *arguments)`: a context with the process of a Python program that serves, and the address that
    it prints; stopped at the end if it has not stopped by itself."""

    @contextmanager
    def started(program: str, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
        command = [sys.executable, "-c", program, *map(str, arguments)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            watchdog = threading.Timer(120, process.kill)
            watchdog.start()
            try:
                assert process.stdout is not None
                yield process, process.stdout.readline().strip()
            finally:
                process.terminate()
                process.wait()
                watchdog.cancel()

    return started


@pytest.fixture(scope="session")
def article() -> str:
    return SEED.read_bytes().decode()


def settings_of(folder: Path) -> Settings:
    return Settings(data=folder / "data", max_body_bytes=2_000_000, max_document_characters=100_000)


def make_app(settings: Settings) -> APIFlask:
    return create_app(settings, embedder=HashEmbedder(), reader=ScriptedReader(SCRIPT))


def close(app: APIFlask) -> None:
    app.extensions["spanwise.jobs"].close()  # or its thread would look on beside the tests that follow
    app.extensions["spanwise"].close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path)


@pytest.fixture
def app(settings: Settings) -> Iterator[APIFlask]:
    app = make_app(settings)
    yield app
    close(app)


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def stored(client: FlaskClient, article: str) -> FlaskClient:
    """A client of a collection that holds the seed article and a text with emoji."""
    return fill(client, article)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory, article: str) -> Iterator[FlaskClient]:
    """As `stored`, shared by all tests that change nothing."""
    app = make_app(settings_of(tmp_path_factory.mktemp("library")))
    client = fill(app.test_client(), article)
    held = [client.get(address).get_json() for address in ("/v1/documents", "/v1/collections", "/v1/labels")]
    yield client
    assert client.get("/v1/status").get_json()["generation"] == 1
    assert [client.get(address).get_json() for address in ("/v1/documents", "/v1/collections", "/v1/labels")] == held
    close(app)


@pytest.fixture(scope="session")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A client of a server without a collection, shared by all tests that make none."""
    app = make_app(settings_of(tmp_path_factory.mktemp("untouched")))
    yield app.test_client()
    assert not app.config["SPANWISE"].data.exists()


def fill(client: FlaskClient, article: str) -> FlaskClient:
    documents: list[dict[str, Any]] = [
        {"id": "news/ukraine.txt", "text": article, "title": "Ukraine", "uri": "https://example.org/ukraine"},
        {
            "id": "party",
            "text": "👋🏽 Hello. The party is on the 🏖️ beach. Bring cake.",
            "metadata": {"n": 1, "t": ["a", None]},
        },
    ]
    response = client.post("/v1/documents", json={"documents": documents})
    assert response.status_code == 201, response.text
    return client
