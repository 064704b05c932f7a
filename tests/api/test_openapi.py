"""The OpenAPI document says what the application does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import BaseModel, RootModel

from spanwise import Settings
from spanwise.api import examples, request_schema, response_schema
from spanwise.api.app import create_app

Json = dict[str, Any]

UNDESCRIBED = {("/openapi.json", "get"), ("/docs", "get"), ("/static/{name}", "get")}
"""Pages and their files."""
OTHER_KINDS = {
    "/metrics": "text/plain",
    "/v1/originals/{id}": "application/octet-stream",
    "/v1/pages/{page}/{id}": "image/png",
}
"""What does not answer JSON."""


@pytest.fixture(scope="module")
def document(untouched: FlaskClient) -> Json:
    response = untouched.get("/openapi.json")
    assert response.status_code == 200
    found = response.get_json()
    assert isinstance(found, dict)
    return found


def nodes(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(value)


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_it_lists_exactly_the_routes(untouched: FlaskClient, document: Json) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in untouched.application.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {(path, method) for path, method, _ in operations(document)} | UNDESCRIBED
    assert routes == {
        ("/", "get"),
        ("/healthz", "get"),
        ("/identity", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
        ("/v1/status", "get"),
        ("/v1/collections", "get"),
        ("/v1/collections", "post"),
        ("/v1/collections/{name}", "put"),
        ("/v1/collections/{name}", "patch"),
        ("/v1/collections/{name}", "delete"),
        ("/v1/originals/{id}", "get"),
        ("/v1/files", "post"),
        ("/v1/jobs/{job_id}", "get"),
        ("/v1/jobs/{job_id}", "delete"),
        *UNDESCRIBED,
        ("/v1/ask", "post"),
        ("/v1/search", "post"),
        ("/v1/suggest", "get"),
        ("/v1/feedback", "post"),
        ("/v1/labels", "get"),
        ("/v1/documents", "get"),
        ("/v1/documents", "post"),
        ("/v1/documents/{id}", "get"),
        ("/v1/pages/{page}/{id}", "get"),
        ("/v1/documents/{id}", "put"),
        ("/v1/documents/{id}", "delete"),
    }


def test_it_is_openapi_3_1_and_names_no_host(untouched: FlaskClient) -> None:
    document = untouched.get("/openapi.json", headers={"Host": "evil.example"}).get_json()
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["title"] == "Spanwise"
    assert document["servers"] == [{"url": "/"}]


def model_named(name: str) -> type[BaseModel]:
    module = request_schema if hasattr(request_schema, name) else response_schema
    model: type[BaseModel] = getattr(module, name)
    return model


def test_every_reference_resolves_and_every_schema_is_used(document: Json) -> None:
    references = {node["$ref"] for node in nodes(document) if "$ref" in node}
    assert references == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def test_no_schema_was_lost_on_the_way(document: Json) -> None:
    for name, found in document["components"]["schemas"].items():
        model = model_named(name)
        assert issubclass(model, BaseModel)
        if issubclass(model, RootModel):
            assert len(found["anyOf"]) == 2, name
            continue
        assert set(found["properties"]) == set(model.model_fields), name


def test_every_operation_is_complete(document: Json) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    tags = {tag["name"] for tag in document["tags"]}
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert set(operation["tags"]) <= tags, where
        takes_body = method in ("post", "put", "patch") and operation["operationId"] != "make_collection"
        assert ("requestBody" in operation) == takes_body, where
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            assert operation["requestBody"]["required"] is True
            assert {"400", "413", "415", "422"} <= set(operation["responses"]), where
        names = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"]
        assert names == re.findall(r"{(\w+)}", path), where
        assert all(parameter["required"] for parameter in operation["parameters"] if parameter["in"] == "path")
        assert all(parameter["description"] for parameter in operation["parameters"]), where
        for status, response in operation["responses"].items():
            assert response["description"], where
            kinds = set(response.get("content", {}))
            expected = {"application/problem+json"} if status >= "400" else {"application/json"}
            if status == "200":
                expected = {OTHER_KINDS.get(path, "application/json")}
            assert kinds == (set() if status == "204" else expected), (where, status)
        if path.startswith("/v1/"):
            assert {"401", "403", "429", "503"} <= set(operation["responses"]), where
            assert operation["security"] == [{"key": []}, {}], where


def test_limits_are_those_of_the_settings(tmp_path: Any) -> None:
    settings = Settings(data=tmp_path, max_question_characters=77, max_top_k=5, max_document_characters=999)
    app = create_app(settings)
    schemas = app.test_client().get("/openapi.json").get_json()["components"]["schemas"]
    assert schemas["AskRequest"]["properties"]["question"]["maxLength"] == 77
    assert schemas["AskRequest"]["properties"]["top_k"]["maximum"] == 5
    assert schemas["NewDocument"]["properties"]["text"]["maxLength"] == 999
    refused = app.test_client().post("/v1/ask", json={"question": "x" * 78, "top_k": 6}).get_json()
    assert [error["limit"] for error in refused["errors"]] == [77, 5]


def test_examples_fit_their_schemas(untouched: FlaskClient, document: Json) -> None:
    with untouched.application.app_context():
        for name, found in document["components"]["schemas"].items():
            model = model_named(name)
            for example in found.get("examples", []):
                assert model.model_validate(example).model_dump(mode="json", exclude_unset=True) == example, name
        for node in nodes(document["paths"]):
            for example in node.get("application/problem+json", {}).get("examples", {}).values():
                response_schema.Problem.model_validate(example["value"])


def test_every_body_has_an_example(document: Json) -> None:
    for path, method, operation in operations(document):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (content for body in bodies for content in body.get("content", {}).values()):
            name = content["schema"].get("$ref", "").rpartition("/")[2]
            component = document["components"]["schemas"][name] if name else content["schema"]
            assert component.get("examples") or content.get("examples"), (method, path)


def test_the_examples_are_true_of_the_seed_article(article: str, library: FlaskClient) -> None:
    answer = examples.ASK_RESPONSE["answers"][0]
    span, passage = answer["span"], answer["passage"]
    assert article[span["start"] : span["end"]] == answer["text"] == "Feb. 20"
    assert article[passage["start"] : passage["end"]] == passage["text"]
    assert all(ord(character) < 0x10000 for character in article)  # so that both spans are equal
    assert answer["span_utf16"] == span
    stored_as = library.get("/v1/documents/news/ukraine.txt").get_json()
    assert answer["document"]["content_hash"] == stored_as["content_hash"]
    assert examples.DOCUMENT["characters"] == len(article)


def test_every_response_fits_its_schema(library: FlaskClient) -> None:
    answers = library.post("/v1/ask", json=examples.ASK_REQUEST).get_json()
    assert response_schema.AskResponse.model_validate(answers, strict=True).model_dump(mode="json") == answers
    hits = library.post("/v1/search", json=examples.SEARCH_REQUEST).get_json()
    assert response_schema.SearchResponse.model_validate(hits, strict=True).model_dump(mode="json") == hits
    found = library.get("/v1/suggest?text=winter+oly").get_json()
    assert response_schema.SuggestResponse.model_validate(found, strict=True).model_dump(mode="json") == found
    assert found["suggestions"] == examples.SUGGEST_RESPONSE["suggestions"]
    documents = library.get("/v1/documents").get_json()
    assert response_schema.DocumentsOut.model_validate(documents, strict=True).model_dump(mode="json") == documents


def test_the_index_points_here(untouched: FlaskClient) -> None:
    assert untouched.get(untouched.get("/").get_json()["openapi"]).status_code == 200


def test_health_opens_nothing(client: FlaskClient, settings: Settings) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.get_json()["status"] == "ok"
    assert not settings.data.exists()
