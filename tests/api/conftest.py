"""An application over the real engine, with the deterministic embedder and reader of `spanwise.testing`."""

from __future__ import annotations

from collections.abc import Iterator
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


@pytest.fixture(scope="session")
def article() -> str:
    return SEED.read_bytes().decode()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", max_body_bytes=2_000_000, max_document_characters=100_000)


@pytest.fixture
def app(settings: Settings) -> Iterator[APIFlask]:
    app = create_app(settings, embedder=HashEmbedder(), reader=ScriptedReader(SCRIPT))
    yield app
    app.extensions["spanwise"].close()


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def stored(client: FlaskClient, article: str) -> FlaskClient:
    """A client of a collection that holds the seed article and a text with emoji."""
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
