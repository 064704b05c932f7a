"""Running it: request ids, logs, readiness, metrics, status, collections, and files."""

from __future__ import annotations

import io
import json
import logging
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from spanwise import ModelError, Settings
from spanwise.api.app import create_app
from spanwise.api.keys import KeyFile, PublicGrant, Scope
from spanwise.api.observing import JsonFormatter, configure_logging
from spanwise.api.open_collections import Collections
from spanwise.testing import HashEmbedder, ScriptedReader


@pytest.mark.parametrize("address", ["/healthz", "/", "/v1/documents", "/v1/nothing", "/nothing", "/static/page.js"])
def test_every_answer_has_a_request_id(untouched: FlaskClient, address: str) -> None:
    first, second = (untouched.get(address).headers["X-Request-ID"] for _ in range(2))
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert first != second
    assert untouched.get(address, headers={"X-Request-ID": "from-proxy.1"}).headers["X-Request-ID"] == "from-proxy.1"


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b', "é"])
def test_a_request_id_that_is_none_is_replaced(untouched: FlaskClient, given: str) -> None:
    assert re.fullmatch(
        "[0-9a-f]{32}", untouched.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    )


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    configure_logging("json")
    stream = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    root.handlers[:], root.level = before, level


def test_logs_are_json_with_the_request_id(
    untouched: FlaskClient, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    untouched.post("/v1/ask", json={"question": "a secret question"}, headers={"X-Request-ID": "one"})

    def fail(self: Collections, name: str, *, create: bool = False) -> None:
        raise ZeroDivisionError("line\nbreak")

    monkeypatch.setattr(Collections, "get", fail)
    untouched.get("/v1/documents", headers={"X-Request-ID": "two"})
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    by_id = {line["request_id"]: line for line in lines if line["logger"].endswith("access")}
    assert by_id["one"]["path"] == "/v1/ask"
    assert by_id["one"]["status"] == 404
    assert by_id["one"]["caller"] == "local"
    assert by_id["one"]["took_ms"] > 0
    failure = next(line for line in lines if line["level"] == "error")
    assert failure["request_id"] == "two"
    assert "ZeroDivisionError" in failure["traceback"]
    assert "secret question" not in logged.getvalue()


def test_a_log_line_has_the_whole_message() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "said %s", ("“this”",), None)
    assert json.loads(JsonFormatter().format(record))["message"] == "said “this”"


def test_ready(stored: FlaskClient, client: FlaskClient) -> None:
    assert client.get("/readyz").get_json()["generation"] == 1


def test_ready_before_there_is_a_collection(client: FlaskClient, settings: Settings) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.get_json()["generation"] is None
    assert not settings.data.exists()


def test_not_ready_without_a_model(stored: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: ScriptedReader, *args: Any, **kwargs: Any) -> None:
        raise ModelError("There is no model at /srv/model.", way_out="Fetch it.")

    monkeypatch.setattr(ScriptedReader, "read", fail)
    response = stored.get("/readyz")
    assert response.status_code == 503
    assert "/srv" not in response.text
    assert stored.get("/healthz").status_code == 200


Samples = dict[tuple[str, ...], float]


def scraped(client: FlaskClient) -> dict[str, Samples]:
    """What `/metrics` says: values by labels by name."""
    found: dict[str, Samples] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            labels = tuple(value for key, value in sorted(sample.labels.items()) if key != "le")
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_metrics_count_what_happened(stored: FlaskClient) -> None:
    for question in ("When do the Olympics end?", "Who painted it?", "Who sang?"):
        stored.post("/v1/ask", json={"question": question})
    stored.post("/v1/search", json={"query": "olympics"})
    stored.get("/v1/documents/nothing")
    stored.get("/no/such/address/1")
    said = scraped(stored)
    assert said["spanwise_questions_total"] == {("default", "answer"): 1, ("default", "silence"): 2}
    requests = said["spanwise_requests_total"]
    assert requests["v1.ask", "POST", "200"] == 3
    assert requests["v1.get_document", "GET", "404"] == 1
    assert requests["none", "-", "404"] == 1
    assert said["spanwise_request_seconds_count"][("v1.ask",)] == 3
    stages = {(stage,): 4 for stage in ("lexical", "encode", "dense", "fuse", "serialise")}
    assert said["spanwise_engine_seconds_count"] == {
        ("ask",): 3, ("search",): 1, ("mark",): 1, ("read",): 3, ("decide",): 3, ("confirm",): 3, **stages,
    }  # fmt: skip
    assert said["spanwise_documents"] == {("default",): 2}
    assert said["spanwise_generation"] == {("default",): 1}
    assert said["spanwise_index_lag"] == {("default",): 0}
    assert said["spanwise_requests_running"] == {(): 1}  # this one
    assert said["spanwise_requests_waiting"] == {(): 0}
    stored.put("/v1/documents/later", json={"text": "Some later words."})
    said = scraped(stored)
    assert said["spanwise_index_generation"] == {("default",): 1}
    assert said["spanwise_index_lag"] == {("default",): 1}
    stored.post("/v1/search", json={"query": "olympics"})
    said = scraped(stored)
    assert said["spanwise_index_lag"] == {("default",): 0}
    assert said["spanwise_requests_running"] == {(): 1}


def test_metrics_want_a_key_that_opens_everything(client: FlaskClient, settings: Settings) -> None:
    _, all_of_it = KeyFile(settings.data).create("", Scope.ADMIN)
    _, some_of_it = KeyFile(settings.data).create("", Scope.ADMIN, ("a",))
    assert client.get("/metrics", headers={"Authorization": f"Bearer {all_of_it}"}).status_code == 200
    assert client.get("/metrics", headers={"Authorization": f"Bearer {some_of_it}"}).status_code == 403


def test_status(library: FlaskClient) -> None:
    body = library.get("/v1/status").get_json()
    assert (body["collection"], body["documents"], body["generation"]) == ("default", 2, 1)
    assert body["embedding_model"] == "hash-embedder"
    assert body["reader"] == "scripted-reader"
    assert library.get("/v1/status?collection=nope").status_code == 404


def test_a_model_that_was_given_by_path_is_told_by_name(tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path), embedder=HashEmbedder(model="/srv/secret/my-model"))
    app.test_client().put("/v1/documents/a", json={"text": "Words."})
    assert app.test_client().get("/v1/status").get_json()["embedding_model"] == "my-model"
    app.extensions["spanwise"].close()


def test_collections_are_made_and_listed(stored: FlaskClient, settings: Settings) -> None:
    assert stored.put("/v1/collections/handbook").status_code == 201
    again = stored.put("/v1/collections/handbook")
    assert (again.status_code, again.get_json()) == (200, {"name": "handbook", "public": False})
    assert [one["name"] for one in stored.get("/v1/collections").get_json()["collections"]] == ["default", "handbook"]
    assert stored.get("/v1/documents?collection=handbook").get_json()["documents"] == []
    refused = stored.put("/v1/collections/a b")
    assert refused.status_code == 422
    assert not Path(settings.data, "collections", "a b").exists()


def test_callers_see_the_collections_they_may_read(stored: FlaskClient, settings: Settings) -> None:
    for name in ("a", "b"):
        stored.put(f"/v1/collections/{name}")
    keys = KeyFile(settings.data)
    _, key = keys.create("", Scope.READ, ("a", "missing"))
    listed = stored.get("/v1/collections", headers={"Authorization": f"Bearer {key}"}).get_json()
    assert [one["name"] for one in listed["collections"]] == ["a"]
    keys.allow_public(PublicGrant("b", ("*",)))
    assert stored.get("/v1/collections").get_json() == {
        "collections": [{"name": "b", "public": True}],
        "scope": "read",
    }


# ── Files ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def upload(client: FlaskClient, *files: tuple[str, bytes], query: str = "") -> Any:
    sent = {"file": [(io.BytesIO(data), name) for name, data in files]}
    return client.post(f"/v1/files{query}", data=sent, content_type="multipart/form-data")


def test_files_are_stored_as_they_are(client: FlaskClient) -> None:
    text = "# Games\r\n\r\nThey end on Feb. 20. 🏖️\n"
    response = upload(client, ("games.md", text.encode()), ("notes.txt", b"\xef\xbb\xbfPlain words."))
    assert response.status_code == 201, response.text
    body = response.get_json()
    assert [(one["id"], one["media_type"]) for one in body["documents"]] == [
        ("games.md", "text/markdown"),
        ("notes.txt", "text/plain"),
    ]
    assert client.get("/v1/documents/games.md").get_json()["text"] == text
    assert client.get("/v1/documents/notes.txt").get_json()["text"] == "Plain words."


def test_a_file_again_replaces_the_document(client: FlaskClient) -> None:
    upload(client, ("a.txt", b"One."))
    assert upload(client, ("a.txt", b"Two.")).get_json()["generation"] == 2
    assert client.get("/v1/documents/a.txt").get_json()["text"] == "Two."


def zipped(**members: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_", "."), data)
    return held.getvalue()


def test_files_of_every_format_are_read(client: FlaskClient) -> None:
    canvas = pytest.importorskip("reportlab.pdfgen.canvas")
    held = io.BytesIO()
    pdf = canvas.Canvas(held)
    pdf.drawString(72, 700, "The games end on Feb. 20.")
    pdf.save()
    archive = zipped(notes_txt=b"Words in an archive.", photo_png=b"\x89PNG\r\n\x1a\n")
    page = b"<!doctype html><title>A page</title><body><nav>Menu</nav><main><p>Words of a page.</p></main>"
    response = upload(client, ("games.pdf", held.getvalue()), ("page.html", page), ("all.zip", archive))
    assert response.status_code == 201, response.text
    body = response.get_json()
    assert body["added"] == ["games.pdf", "page.html", "all.zip/notes.txt"]
    assert [one["source"] for one in body["failed"]] == ["all.zip/photo.png"]
    assert "Menu" not in client.get("/v1/documents/page.html").get_json()["text"]
    hit = client.post("/v1/search", json={"query": "games end", "top_k": 1}).get_json()["hits"][0]
    assert (hit["document"]["id"], hit["page"]) == ("games.pdf", 1)
    again = upload(client, ("page.html", page), query="?keep_all=true")
    assert again.get_json()["replaced"] == ["page.html"], again.text
    assert "Menu" in client.get("/v1/documents/page.html").get_json()["text"]


def test_the_encoding_may_be_named(client: FlaskClient) -> None:
    assert upload(client, ("a.txt", b"gr\xfc\xdfe"), query="?encoding=cp1252").status_code == 201
    assert client.get("/v1/documents/a.txt").get_json()["text"] == "grüße"
    refused = upload(client, ("a.txt", b"words"), query="?encoding=nothing")
    assert (refused.status_code, refused.get_json()["type"]) == (422, "urn:spanwise:problem:invalid-source")
    assert upload(client, ("a.csv", b"a,b"), query="?columns=text").get_json()["errors"][0]["field"] == "columns"


def test_an_archive_that_unpacks_to_too_much_is_refused(settings: Settings) -> None:
    app = create_app(replace(settings, max_unpacked_bytes=1_000_000), embedder=HashEmbedder())
    bomb = zipped(a_txt=b"words " * 500_000)
    assert len(bomb) < 20_000
    response = upload(app.test_client(), ("bomb.zip", bomb))
    assert response.status_code == 422
    assert "SPANWISE_MAX_UNPACKED_BYTES" in response.get_json()["detail"]
    assert app.test_client().get("/v1/documents").status_code == 404  # no empty collection was made for it
    app.extensions["spanwise"].close()


@pytest.mark.parametrize(
    ("name", "document_id"),
    [
        ("../../etc/passwd.txt", "etc/passwd.txt"),
        ("/etc/cron.d/x.txt", "etc/cron.d/x.txt"),
        ("my notes é.txt", "my~20notes~20~C3~A9.txt"),
        ("a/./b//c.txt", "a/b/c.txt"),
    ],
)
def test_a_name_is_an_id_and_no_path(client: FlaskClient, settings: Settings, name: str, document_id: str) -> None:
    response = upload(client, (name, b"Words."))
    assert response.status_code == 201, response.text
    assert response.get_json()["documents"][0]["id"] == document_id
    written = {path.name for path in settings.data.parent.rglob("*") if path.is_file()}
    assert all(re.fullmatch(r"collection\.sqlite.*|keys\..*|write.*|.*lock.*|[0-9a-f]{64}", one) for one in written), (
        written
    )


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A client of an empty collection where only small uploads are taken, for all that is refused there."""
    limits = Settings(data=tmp_path_factory.mktemp("narrow"), max_files=3, max_file_bytes=1_000)
    app = create_app(limits, embedder=HashEmbedder())
    client = app.test_client()
    client.put("/v1/collections/default")
    yield client
    app.extensions["spanwise"].close()


@pytest.mark.parametrize(
    ("files", "kind", "said"),
    [
        ([], "invalid-source", "No file was sent"),
        ([("a.exe", b"x")], "invalid-source", "a.exe: files of type .exe are not read"),
        ([("good.txt", b"Good."), ("a.txt", b"\x00\x01")], "invalid-source", "a.txt"),
        ([("good.txt", b"Good."), ("empty.txt", b"")], "invalid-source", "empty.txt"),
        ([("good.txt", b"Good."), ("good.txt", b"Other.")], "invalid-id", "'good.txt'"),
        ([("big.txt", b"x" * 1_001)], "out-of-limits", "'big.txt' is larger than 1,000 bytes"),
        ([(f"{n}.txt", b"x") for n in range(4)], "out-of-limits", "4 files were sent; the limit is 3"),
    ],
)
def test_files_that_are_refused_store_nothing(
    narrow: FlaskClient, files: list[tuple[str, bytes]], kind: str, said: str
) -> None:
    response = upload(narrow, *files)
    assert response.status_code == 422
    assert response.get_json()["type"] == f"urn:spanwise:problem:{kind}"
    assert said in response.get_json()["detail"]
    assert narrow.get("/v1/documents").get_json()["documents"] == []


def test_an_upload_over_the_body_limit(settings: Settings) -> None:
    client = create_app(replace(settings, max_body_bytes=10_000), embedder=HashEmbedder()).test_client()
    assert upload(client, ("big.txt", b"x" * 20_000)).status_code == 413


def test_a_body_that_is_no_form(library: FlaskClient) -> None:
    assert library.post("/v1/files", data=b"words", content_type="text/plain").status_code == 422
    assert library.post("/v1/files", data=b"--x", content_type="multipart/form-data").status_code == 422


def test_the_index_is_a_page_for_browsers(untouched: FlaskClient) -> None:
    client = untouched
    for accept in ("*/*", "application/json", "application/json, text/html;q=0.5"):
        assert client.get("/", headers={"Accept": accept}).get_json()["name"] == "Spanwise"
    page = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.mimetype == "text/html"
    assert "Accept" in page.headers["Vary"]
    for name in re.findall(r'(?:src|href)="(static/[^"]+)"', page.text):
        found = client.get(f"/{name}")
        assert found.status_code == 200
        again = client.get(f"/{name}", headers={"If-None-Match": found.headers["ETag"]})
        assert again.status_code == 304
    for name in ("nothing.js", "../app.py", "..%2fapp.py", "%2e%2e/app.py", "__init__.py"):
        assert client.get(f"/static/{name}").status_code == 404


def test_a_slice_of_another_version_is_a_conflict(stored: FlaskClient) -> None:
    version = stored.get("/v1/documents/party?end=0").get_json()["content_hash"]
    address = f"/v1/documents/party?start=0&end=2&content_hash={version}"
    assert stored.get(address).get_json()["text"] == "👋🏽"
    stored.put("/v1/documents/party", json={"text": "Another text altogether."})
    response = stored.get(address)
    assert response.status_code == 409
    assert response.get_json()["type"] == "urn:spanwise:problem:version-conflict"
    assert version in response.get_json()["detail"]
