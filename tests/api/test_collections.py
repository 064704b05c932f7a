"""Whole collections over HTTP: made, listed, renamed and dropped while they are served; originals."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

import spanwise
from spanwise import Settings
from spanwise.api.keys import KeyFile, PublicGrant, Scope
from spanwise.api.uploads import Upload


def names(client: FlaskClient) -> list[str]:
    return [one["name"] for one in client.get("/v1/collections").get_json()["collections"]]


def add(client: FlaskClient, collection: str, text: str) -> None:
    response = client.post(f"/v1/documents?collection={collection}", json={"documents": [{"id": "a", "text": text}]})
    assert response.status_code == 201, response.text


def test_a_collection_is_made_once(client: FlaskClient) -> None:
    made = client.post("/v1/collections", json={"name": "notes"})
    assert (made.status_code, made.get_json()) == (201, {"name": "notes", "public": False})
    again = client.post("/v1/collections", json={"name": "notes"})
    assert (again.status_code, again.get_json()["type"]) == (409, "urn:spanwise:problem:collection-exists")
    assert client.put("/v1/collections/notes").status_code == 200
    assert client.put("/v1/collections/other").status_code == 201
    assert names(client) == ["notes", "other"]


def test_a_dropped_collection_is_gone_at_once(client: FlaskClient) -> None:
    add(client, "notes", "The bridge is wide.")
    assert client.post("/v1/search", json={"query": "bridge", "collection": "notes"}).get_json()["hits"]
    assert client.delete("/v1/collections/notes").status_code == 204
    assert client.post("/v1/search", json={"query": "bridge", "collection": "notes"}).status_code == 404
    assert client.delete("/v1/collections/notes").status_code == 404
    add(client, "notes", "The tower is tall.")
    hits = client.post("/v1/search", json={"query": "bridge tower", "collection": "notes"}).get_json()["hits"]
    assert [hit["passage"]["text"] for hit in hits] == ["The tower is tall."]


def test_a_renamed_collection_answers_to_its_new_name_alone(client: FlaskClient) -> None:
    add(client, "notes", "The bridge is wide.")
    renamed = client.patch("/v1/collections/notes", json={"name": "book"})
    assert (renamed.status_code, renamed.get_json()["name"]) == (200, "book")
    assert client.get("/v1/documents?collection=notes").status_code == 404
    assert client.get("/v1/documents/a?collection=book").get_json()["text"] == "The bridge is wide."
    add(client, "notes", "The tower is tall.")
    assert client.patch("/v1/collections/notes", json={"name": "book"}).status_code == 409
    assert client.patch("/v1/collections/none", json={"name": "new"}).status_code == 404
    assert client.patch("/v1/collections/notes", json={"name": "../x"}).status_code == 422


def test_what_another_process_drops_renames_or_makes_anew_is_seen(client: FlaskClient, settings: Settings) -> None:
    add(client, "notes", "The bridge is wide.")
    spanwise.rename(settings.data, "notes", "book")
    assert client.get("/v1/documents?collection=notes").status_code == 404
    assert client.get("/v1/documents/a?collection=book").status_code == 200
    spanwise.drop(settings.data, "book")
    add(client, "book", "The tower is tall.")
    assert client.get("/v1/documents/a?collection=book").get_json()["text"] == "The tower is tall."


def test_only_admins_change_collections(app: APIFlask, settings: Settings) -> None:
    keys = KeyFile(settings.data)
    presented = {scope: keys.create("", scope)[1] for scope in Scope}
    bounded = keys.create("", Scope.ADMIN, ("mine",))[1]

    def send(method: str, path: str, key: str, **body: Any) -> int:
        return (
            app.test_client().open(path, method=method, headers={"Authorization": f"Bearer {key}"}, **body).status_code
        )

    for scope in (Scope.READ, Scope.WRITE):
        assert send("POST", "/v1/collections", presented[scope], json={"name": "x"}) == 403
        assert send("PATCH", "/v1/collections/x", presented[scope], json={"name": "y"}) == 403
        assert send("DELETE", "/v1/collections/x", presented[scope]) == 403
    assert send("POST", "/v1/collections", presented[Scope.ADMIN], json={"name": "x"}) == 201
    assert send("POST", "/v1/collections", bounded, json={"name": "mine"}) == 201
    assert send("PATCH", "/v1/collections/mine", bounded, json={"name": "theirs"}) == 403
    assert send("DELETE", "/v1/collections/x", bounded) == 403
    assert send("DELETE", "/v1/collections/mine", bounded) == 204


def test_grants_follow_a_rename_and_end_with_a_drop(client: FlaskClient, settings: Settings) -> None:
    keys = KeyFile(settings.data)
    keys.allow_public(PublicGrant("notes", ("*",), "60 per minute"))
    add(client, "notes", "The bridge is wide.")
    assert client.patch("/v1/collections/notes", json={"name": "book"}).get_json()["public"] is True
    add(client, "notes", "Secret.")
    assert keys.read().grant("notes") is None
    assert client.delete("/v1/collections/book").status_code == 204
    assert client.post("/v1/collections", json={"name": "book"}).get_json()["public"] is False
    key, _ = keys.create("", Scope.READ, ("notes", "other"))
    spanwise.collections(settings.data)
    keys.rename_collection("notes", "new")
    assert next(one.collections for one in keys.read().keys if one.id == key.id) == ("new", "other")


def test_uploads_that_wait_do_not_bring_a_dropped_collection_back(
    client: FlaskClient, app: APIFlask, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = app.extensions["spanwise.jobs"]
    monkeypatch.setattr(jobs, "_step", lambda job_id: False)  # they wait
    add(client, "notes", "The bridge is wide.")
    job = jobs.submit("notes", [Upload("late.txt", b"Late words.")])
    assert client.delete("/v1/collections/notes").status_code == 204
    assert jobs.get(job.id).state == "cancelled"
    assert names(client) == []


def test_the_file_of_a_document_comes_back(client: FlaskClient, tmp_path: Path) -> None:
    raw = b"\xef\xbb\xbf# Bridge\r\n\r\nIt is wide."
    sent = client.post("/v1/files", data={"file": (io.BytesIO(raw), "a/bridge.md")})
    assert sent.status_code == 201, sent.text
    original = client.get("/v1/originals/a/bridge.md")
    assert (original.status_code, original.data, original.mimetype) == (200, raw, "application/octet-stream")
    assert original.headers["Content-Disposition"] == "attachment"
    add(client, "default", "Words.")
    text_alone = client.get("/v1/originals/a")
    assert text_alone.status_code == 404
    assert "There is no original of document 'a'. It came as text" in text_alone.get_json()["detail"]
    assert client.get("/v1/originals/none").get_json()["type"] == "urn:spanwise:problem:document-not-found"
