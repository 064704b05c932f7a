"""Whatever is sent, the answer is a result or a problem document, and never a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from spanwise import Settings
from spanwise.api.app import create_app
from spanwise.testing import HashEmbedder, ScriptedReader

anything = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates and control characters too
scalar = st.none() | st.booleans() | st.integers() | st.floats() | anything
value = st.recursive(scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anything, inner, max_size=3))


def nearly(required: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with the right names, whose values are right more often than not."""
    right = st.fixed_dictionaries(required, optional=optional)
    wrong = st.fixed_dictionaries({}, optional={name: of | value for name, of in (required | optional).items()})
    return right | wrong


words = st.text(min_size=1, max_size=20)
names = st.text("abc/.~", min_size=1, max_size=5)
document = nearly(
    {"text": words}, id=names, title=words, uri=words, metadata=st.dictionaries(words, scalar, max_size=2)
)
bodies = {
    "/v1/ask": nearly({"question": words}, top_k=st.integers(1, 5), collection=st.just("default")),
    "/v1/search": nearly({"query": words}, top_k=st.integers(1, 5), collection=st.just("default")),
    "/v1/documents": nearly({"documents": st.lists(document, min_size=1, max_size=3)}),
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    data: Path = tmp_path_factory.mktemp("nonsense")
    app = create_app(Settings(data=data), embedder=HashEmbedder(), reader=ScriptedReader())
    client = app.test_client()
    client.put("/v1/documents/first", json={"text": "The first document."})
    yield client
    app.extensions["spanwise"].close()


def check(response: Any) -> None:
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.mimetype == "application/problem+json"
        assert set(response.get_json()) <= {"type", "title", "status", "detail", "errors"}
        assert response.get_json()["detail"]


@pytest.mark.parametrize("route", bodies)
@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_bodies(client: FlaskClient, route: str, data: st.DataObject) -> None:
    body = data.draw(bodies[route] | value)
    check(client.post(route, data=json.dumps(body), content_type="application/json"))


@given(anything, st.sampled_from(["get", "put", "delete"]), st.dictionaries(anything, anything, max_size=2))
def test_addresses(client: FlaskClient, name: str, method: str, query: dict[str, str]) -> None:
    plain = {key.encode("utf-8", "replace"): text.encode("utf-8", "replace") for key, text in query.items()}
    address = f"/v1/documents/{quote(name.encode('utf-8', 'replace'))}"
    check(getattr(client, method)(address, query_string=plain, json={"text": "Something."}))


@given(st.binary(max_size=60))
def test_bytes(client: FlaskClient, body: bytes) -> None:
    check(client.post("/v1/ask", data=body, content_type="application/json"))
