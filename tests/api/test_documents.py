"""The document routes."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from spanwise import LimitError, ModelError, Settings, Span
from spanwise.api.app import create_app
from spanwise.cli import main
from spanwise.index import embedding_choice
from spanwise.testing import HashEmbedder


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def ids(client: FlaskClient, query: str = "") -> list[str]:
    return [document["id"] for document in client.get(f"/v1/documents{query}").get_json()["documents"]]


def test_an_id_may_look_like_any_address(client: FlaskClient) -> None:
    for document_id in ("a/pages/1.png", "pages/1/a", "originals/a", "files"):
        assert client.put(f"/v1/documents/{document_id}", json={"text": f"Words of {document_id}."}).status_code == 201
        assert client.get(f"/v1/documents/{document_id}").get_json()["text"] == f"Words of {document_id}."


def test_post_stores_all_and_says_what(client: FlaskClient) -> None:
    documents = [
        {"id": "b", "text": "Second."},
        {"text": "Without an id."},
        {"id": "a/1", "text": "First.", "title": "T"},
    ]
    response = client.post("/v1/documents", json={"documents": documents})
    body = response.get_json()

    assert response.status_code == 201
    assert [stored["id"] for stored in body["documents"]] == ["b", digest("Without an id."), "a/1"]
    assert [stored["content_hash"] for stored in body["documents"]] == [
        f"sha256:{digest(document['text'])}" for document in documents
    ]
    assert body["documents"][2]["title"] == "T"
    assert body["documents"][0]["characters"] == len("Second.")
    assert body["generation"] == 1
    assert ids(client) == sorted(["b", digest("Without an id."), "a/1"])


def test_an_existing_id_is_a_conflict_that_names_put_and_stores_nothing(library: FlaskClient) -> None:
    documents = [{"id": "new", "text": "New."}, {"id": "party", "text": "Other."}]
    response = library.post("/v1/documents", json={"documents": documents})
    assert response.status_code == 409
    problem = response.get_json()
    assert problem["type"] == "urn:spanwise:problem:document-exists"
    assert "'party'" in problem["detail"]
    assert "PUT /v1/documents/{id}" in problem["detail"]
    assert ids(library) == ["news/ukraine.txt", "party"]
    assert library.get("/v1/documents/party").get_json()["text"].startswith("👋🏽 Hello.")


def test_the_same_id_twice_stores_nothing(library: FlaskClient) -> None:
    documents = [{"id": "new", "text": "One."}, {"id": "new", "text": "Two."}]
    response = library.post("/v1/documents", json={"documents": documents})
    assert response.status_code == 422
    assert response.get_json()["type"] == "urn:spanwise:problem:invalid-id"
    assert "'new'" in response.get_json()["detail"]
    assert ids(library) == ["news/ukraine.txt", "party"]


def test_one_bad_document_refuses_the_batch(library: FlaskClient) -> None:
    documents = [{"id": "new", "text": "One."}, {"id": "blank", "text": "   "}]
    response = library.post("/v1/documents", json={"documents": documents})
    assert response.status_code == 422
    assert response.get_json()["type"] == "urn:spanwise:problem:invalid-source"
    assert "blank" in response.get_json()["detail"]
    assert ids(library) == ["news/ukraine.txt", "party"]


@pytest.mark.parametrize(
    ("document", "field", "detail"),
    [
        ({}, "documents[1].text", "is required"),
        ({"text": ""}, "documents[1].text", "must not be empty"),
        ({"text": 7}, "documents[1].text", "must be a string"),
        ({"text": "x" * 100_001}, "documents[1].text", "must be at most 100000 characters long"),
        ({"text": "x", "id": "a b"}, "documents[1].id", "must match the pattern ^[A-Za-z0-9._~/-]+$"),
        ({"text": "x", "id": "a\n"}, "documents[1].id", "must match the pattern ^[A-Za-z0-9._~/-]+$"),
        ({"text": "x", "id": "a" * 513}, "documents[1].id", "must be at most 512 characters long"),
        ({"text": "x", "name": "y"}, "documents[1].name", "is not a known field"),
        ({"text": "x", "title": 1}, "documents[1].title", "must be a string"),
        ({"text": "x", "metadata": []}, "documents[1].metadata", "must be a JSON object"),
    ],
)
def test_a_bad_document_is_named_by_its_place(
    library: FlaskClient, document: dict[str, Any], field: str, detail: str
) -> None:
    response = library.post("/v1/documents", json={"documents": [{"text": "Good."}, document]})
    assert response.status_code == 422
    first = response.get_json()["errors"][0]
    assert (first["field"], first["detail"]) == (field, detail)
    assert ids(library) == ["news/ukraine.txt", "party"]


@pytest.mark.parametrize("value", ['{"k": 1}', "[[1]]", "[{}]", "1e999", r'"\ud800"'])
def test_metadata_holds_plain_values(library: FlaskClient, value: str) -> None:
    body = f'{{"documents": [{{"text": "x", "metadata": {{"good": 1, "bad": {value}}}}}]}}'
    response = library.post("/v1/documents", data=body, content_type="application/json")
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"] == "documents[0].metadata"
    assert "“bad”" in response.get_json()["detail"]


def test_metadata_comes_back_as_it_was(client: FlaskClient) -> None:
    metadata = {"s": "é", "i": 3, "f": 1.5, "yes": True, "none": None, "list": ["a", 1, False, None], "big": 10**20}
    client.put("/v1/documents/a", json={"text": "x", "metadata": metadata})
    returned = client.get("/v1/documents/a").get_json()["metadata"]
    assert returned == metadata
    assert returned["yes"] is True
    assert type(returned["f"]) is float


@pytest.mark.parametrize(
    ("documents", "detail"),
    [
        ([], "`documents` must hold at least 1."),
        ([{"text": "x"}] * 1_001, "`documents` must hold at most 1000, and holds 1001."),
        ({}, "`documents` must be a list."),
        ([3], "`documents[0]` must be a JSON object."),
    ],
)
def test_the_batch_has_limits(untouched: FlaskClient, documents: Any, detail: str) -> None:
    response = untouched.post("/v1/documents", json={"documents": documents})
    assert response.status_code == 422
    assert response.get_json()["detail"] == detail


def test_many_bad_fields_are_counted_and_not_all_listed(untouched: FlaskClient) -> None:
    problem = untouched.post("/v1/documents", json={"documents": [{}] * 900}).get_json()
    assert len(problem["errors"]) == 20
    assert problem["detail"].endswith("; and 897 more.")


def test_list_pages_in_the_order_of_ids(client: FlaskClient) -> None:
    names = [f"d{number:02}" for number in range(25)]
    documents = [{"id": name, "text": f"Document {name}."} for name in reversed(names)]
    assert client.post("/v1/documents", json={"documents": documents}).status_code == 201
    seen: list[str] = []
    query = "?limit=10"
    pages = 0
    while query:
        body = client.get(f"/v1/documents{query}").get_json()
        seen += [document["id"] for document in body["documents"]]
        query = f"?limit=10&after={body['next']}" if body["next"] else ""
        pages += 1
    assert seen == names
    assert pages == 3
    assert client.get("/v1/documents?limit=25").get_json()["next"] is None
    assert "text" not in client.get("/v1/documents").get_json()["documents"][0]


@pytest.mark.parametrize(
    ("query", "field", "detail"),
    [
        ("limit=0", "limit", "must be at least 1"),
        ("limit=1001", "limit", "must be at most 1000"),
        ("limit=ten", "limit", "must be a whole number"),
        ("limit=", "limit", "must be a whole number"),
        ("page=2", "page", "is not a known field"),
    ],
)
def test_a_bad_query_is_named(library: FlaskClient, query: str, field: str, detail: str) -> None:
    response = library.get(f"/v1/documents?{query}")
    assert response.status_code == 422
    first = response.get_json()["errors"][0]
    assert (first["field"], first["detail"]) == (field, detail)


def test_get_gives_the_whole_text_unchanged(client: FlaskClient) -> None:
    text = "\ufeff  A line\r\nand 👋🏽 another\t\n\n"
    client.put("/v1/documents/raw", json={"text": text})
    body = client.get("/v1/documents/raw").get_json()
    assert body["text"] == text
    assert body["span"] == {"start": 0, "end": len(text)}
    assert body["characters"] == len(text)


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("start=2694&end=2701", 2694, 2701),
        ("end=10", 0, 10),
        ("start=7390", 7390, 7397),
        ("start=5&end=5", 5, 5),
        ("start=7397&end=7397", 7397, 7397),
    ],
)
def test_a_slice_is_exact(library: FlaskClient, article: str, query: str, start: int, end: int) -> None:
    body = library.get(f"/v1/documents/news/ukraine.txt?{query}").get_json()
    assert body["text"] == article[start:end]
    assert body["span"] == {"start": start, "end": end}
    assert body["characters"] == 7397


def test_slices_count_code_points(library: FlaskClient) -> None:
    body = library.get("/v1/documents/party?start=0&end=2").get_json()
    assert body["text"] == "👋🏽"


@pytest.mark.parametrize("query", ["start=9&end=2", "end=7398", "start=7398", f"end={10**30}"])
def test_a_slice_outside_the_text_names_the_length(library: FlaskClient, query: str) -> None:
    response = library.get(f"/v1/documents/news/ukraine.txt?{query}")
    assert response.status_code == 422
    assert response.get_json()["type"] == "urn:spanwise:problem:out-of-limits"
    assert "7397" in response.get_json()["detail"]


def test_a_negative_offset_is_refused(library: FlaskClient) -> None:
    response = library.get("/v1/documents/party?start=-1")
    assert response.status_code == 422
    assert response.get_json()["errors"] == [{"field": "start", "detail": "must be at least 0", "limit": 0}]


def test_put_makes_then_replaces(client: FlaskClient) -> None:
    made = client.put("/v1/documents/a/b.txt", json={"text": "One."})
    assert made.status_code == 201
    assert made.get_json()["documents"][0]["content_hash"] == f"sha256:{digest('One.')}"
    assert made.get_json()["generation"] == 1

    replaced = client.put("/v1/documents/a/b.txt", json={"text": "Two.", "title": "Now titled"})
    assert replaced.status_code == 200
    assert replaced.get_json()["documents"][0]["content_hash"] == f"sha256:{digest('Two.')}"
    assert replaced.get_json()["generation"] == 2

    again = client.put("/v1/documents/a/b.txt", json={"text": "Two.", "title": "Now titled"})
    assert again.status_code == 200
    assert again.get_json()["generation"] == 2
    assert client.get("/v1/documents/a/b.txt").get_json()["text"] == "Two."
    assert ids(client) == ["a/b.txt"]


def test_put_takes_no_id_in_its_body(untouched: FlaskClient) -> None:
    response = untouched.put("/v1/documents/a", json={"text": "x", "id": "b"})
    assert response.status_code == 422
    assert response.get_json()["detail"] == ("`id` is not a known field. Known are text, title, uri, metadata.")


@pytest.mark.parametrize("name", ["a//b", "/a", "a/", "a b", "é", "x" * 513, "a/../b"])
def test_put_refuses_an_id_that_is_not_allowed(library: FlaskClient, name: str) -> None:
    response = library.put(f"/v1/documents/{name}", json={"text": "x"})
    assert response.status_code == 422
    assert response.get_json()["type"] == "urn:spanwise:problem:invalid-id"


def test_every_way_in_says_the_same_of_characters_that_are_not_there(
    stored: FlaskClient, app: APIFlask, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    collection = app.extensions["spanwise"].get("default")
    said = []
    for call in (
        lambda: collection.locate("party", Span(1, 99)),
        lambda: collection.mark("Where is the party?", "right", document_id="party", span=Span(1, 99)),
    ):
        with pytest.raises(LimitError) as refused:
            call()
        said.append(str(refused.value))
    said.append(stored.get("/v1/documents/party?start=1&end=99").get_json()["detail"])
    assert main(["--data", str(settings.data), "show", "party", "--start", "1", "--end", "99"]) == 2
    said.append(capsys.readouterr().err.removeprefix("spanwise: ").strip())
    assert set(said) == {"Characters 1 to 99 are not in 'party'. It has 51 characters: 0 ≤ start ≤ end ≤ 51."}


def test_an_escaped_slash_is_a_slash(library: FlaskClient) -> None:
    assert library.get("/v1/documents/news%2Fukraine.txt?end=1").get_json()["id"] == "news/ukraine.txt"


def test_delete_answers_nothing_and_then_404(stored: FlaskClient) -> None:
    response = stored.delete("/v1/documents/news/ukraine.txt")
    assert response.status_code == 204
    assert response.data == b""
    assert ids(stored) == ["party"]
    again = stored.delete("/v1/documents/news/ukraine.txt")
    assert again.status_code == 404
    assert again.get_json()["type"] == "urn:spanwise:problem:document-not-found"
    assert "'news/ukraine.txt'" in again.get_json()["detail"]


def test_reading_makes_no_collection(client: FlaskClient, settings: Settings) -> None:
    for response in (
        client.get("/v1/documents?collection=nope"),
        client.get("/v1/documents/x?collection=nope"),
        client.delete("/v1/documents/x?collection=nope"),
    ):
        assert response.status_code == 404
        assert response.get_json()["type"] == "urn:spanwise:problem:collection-not-found"
    assert not Path(settings.data, "collections", "nope").exists()


def test_a_refused_body_makes_no_collection(client: FlaskClient, settings: Settings) -> None:
    assert client.post("/v1/documents?collection=nope", json={"documents": []}).status_code == 422
    assert not Path(settings.data, "collections", "nope").exists()


@pytest.mark.parametrize(
    "documents",
    [
        [{"id": "a", "text": "One."}, {"id": "a", "text": "Two."}],
        [{"id": "a", "text": "One."}, {"id": "b", "text": "   "}],
        [{"id": "a", "text": "NUL \0 byte"}],
        [{"id": "a/../b", "text": "One."}],
    ],
)
def test_documents_that_cannot_be_stored_make_no_collection(
    client: FlaskClient, settings: Settings, documents: list[dict[str, str]]
) -> None:
    response = client.post("/v1/documents?collection=nope", json={"documents": documents})
    assert response.status_code == 422
    if len(documents) == 1:
        assert client.put(f"/v1/documents/{documents[0]['id']}?collection=nope", json=documents[0]).status_code == 422
    assert not Path(settings.data, "collections", "nope").exists()
    response = client.post("/v1/documents?collection=nope", json={"documents": [{"id": "a", "text": "One."}]})
    assert response.status_code == 201


def test_an_embedding_model_that_cannot_be_loaded_makes_no_collection(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object) -> HashEmbedder:
        raise ModelError("There is no such model.")

    monkeypatch.setattr(embedding_choice, "load_embedder", load)
    client = create_app(settings).test_client()
    response = client.post("/v1/documents?collection=nope", json={"documents": [{"text": "One."}]})
    assert (response.status_code, response.get_json()["title"]) == (503, "A model cannot be used")
    assert not Path(settings.data, "collections", "nope").exists()


def test_files_that_cannot_be_read_make_no_collection(client: FlaskClient, settings: Settings) -> None:
    for name, data in (("a.pdf", b"%PDF-1.4 cut off"), ("a.txt", b"   "), ("a.zip", b"PK\x03\x04 no")):
        response = client.post("/v1/files?collection=nope", data={"file": (io.BytesIO(data), name)})
        assert response.status_code == 422, response.text
    assert client.post("/v1/files?collection=nope").status_code == 422
    assert not Path(settings.data, "collections", "nope").exists()
    assert client.post("/v1/files?collection=.nope", data={"file": (io.BytesIO(b"One."), "a.txt")}).status_code == 422
