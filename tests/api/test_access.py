"""Every route, asked by everyone: no key, a wrong one, each scope, revoked, another collection, public, foreign."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

import spanwise
from spanwise import Settings
from spanwise.api.app import create_app
from spanwise.api.keys import KeyFile, PublicGrant, Scope
from spanwise.api.security import LOOPBACK_HOSTS, OPEN, SCOPES
from spanwise.api.uploads import Upload
from spanwise.testing import HashEmbedder, ScriptedReader

SITE = "https://www.example.org"
FOREIGN = "https://evil.example"
DOCUMENT = {"text": "The games end on Feb. 20."}
ROUTES: dict[str, tuple[str, str, Any]] = {
    "v1.ask": ("POST", "/v1/ask", {"question": "When?", "collection": "{c}"}),
    "v1.search": ("POST", "/v1/search", {"query": "When?", "collection": "{c}"}),
    "v1.suggest": ("GET", "/v1/suggest?text=ga&collection={c}", None),
    "v1.add_feedback": ("POST", "/v1/feedback", {"question": "When?", "verdict": "absent", "collection": "{c}"}),
    "v1.list_labels": ("GET", "/v1/labels?collection={c}", None),
    "v1.list_documents": ("GET", "/v1/documents?collection={c}", None),
    "v1.get_document": ("GET", "/v1/documents/games?collection={c}", None),
    "v1.get_page": ("GET", "/v1/pages/1/games?collection={c}", None),
    "v1.add_documents": ("POST", "/v1/documents?collection={c}", {"documents": [DOCUMENT]}),
    "v1.put_document": ("PUT", "/v1/documents/games?collection={c}", DOCUMENT),
    "v1.delete_document": ("DELETE", "/v1/documents/games?collection={c}", None),
    "v1.upload_files": (
        "POST",
        "/v1/files?collection={c}",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\nWords.\r\n--x--\r\n',
    ),
    "v1.get_job": ("GET", "/v1/jobs/{job:{c}}", None),
    "v1.cancel_job": ("DELETE", "/v1/jobs/{job:{c}}", None),
    "v1.status": ("GET", "/v1/status?collection={c}", None),
    "v1.list_collections": ("GET", "/v1/collections", None),
    "v1.get_original": ("GET", "/v1/originals/games?collection={c}", None),
    "v1.create_collection": ("POST", "/v1/collections", {"name": "{c}"}),
    "v1.rename_collection": ("PATCH", "/v1/collections/{c}", {"name": "{c}"}),
    "v1.drop_collection": ("DELETE", "/v1/collections/{c}", None),
    "v1.make_collection": ("PUT", "/v1/collections/{c}", None),
    "service.show_metrics": ("GET", "/metrics", None),
}
CALLERS = ("nobody", "wrong", "basic", "read", "write", "admin", "revoked", "other", "site", "foreign")


class Callers:
    """A server with keys and a public collection, and the headers of everyone who could ask it."""

    def __init__(self, settings: Settings) -> None:
        self.app = create_app(settings, embedder=HashEmbedder(), reader=ScriptedReader(), require_keys=True)
        self.client = self.app.test_client()
        keys = KeyFile(settings.data)
        made = {scope.name.lower(): keys.create("", scope)[1] for scope in Scope}
        revoked, made["revoked"] = keys.create("", Scope.ADMIN)
        keys.revoke(revoked.id)
        made["other"] = keys.create("", Scope.ADMIN, ("elsewhere",))[1]
        made["wrong"] = made["admin"][:-3] + "xxx"
        self.headers = {name: {"Authorization": f"Bearer {key}"} for name, key in made.items()}
        self.headers |= {
            "nobody": {},
            "basic": {"Authorization": "Basic YTpi"},
            "site": {"Origin": SITE},
            "foreign": {"Origin": FOREIGN, **self.headers["admin"]},
        }
        jobs = self.app.extensions["spanwise.jobs"]
        self.jobs = {name: jobs.submit(name, [Upload("a.txt", b"Words.")]).id for name in ("private", "public")}
        for collection in ("private", "public"):
            self.put_back(collection)

    def put_back(self, collection: str) -> None:
        address = f"/v1/documents/games?collection={collection}"
        assert self.client.put(address, json=DOCUMENT, headers=self.headers["admin"]).status_code in (200, 201)
        if collection == "public":
            KeyFile(self.app.config["SPANWISE"].data).allow_public(PublicGrant("public", (SITE,)))

    def status(self, endpoint: str, caller: str, collection: str) -> int:
        method, address, body = ROUTES[endpoint]
        address = address.replace("{job:{c}}", self.jobs[collection])
        sent: dict[str, Any] = {"data": body, "content_type": "multipart/form-data; boundary=x"}
        if not isinstance(body, bytes):
            sent = {"json": body and {name: collection if value == "{c}" else value for name, value in body.items()}}
        response = self.client.open(
            address.replace("{c}", collection), method=method, headers=self.headers[caller], **sent
        )
        if response.status_code >= 400:
            assert response.mimetype == "application/problem+json"
            assert ("WWW-Authenticate" in response.headers) == (response.status_code == 401)
        if endpoint in ("v1.delete_document", "v1.drop_collection") and response.status_code == 204:
            self.put_back(collection)
        return response.status_code


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    callers = Callers(Settings(data=tmp_path_factory.mktemp("access") / "data"))
    yield callers
    callers.app.extensions["spanwise.jobs"].close()
    callers.app.extensions["spanwise"].close()


def expected(endpoint: str, caller: str, collection: str) -> int | None:
    """The refusal that is due, None where there is none."""
    scope = SCOPES[endpoint]
    if caller == "foreign":
        return 403
    if endpoint == "v1.list_collections" and caller in ("nobody", "site", "other"):
        return None  # it lists what they may read
    if caller in ("nobody", "site"):
        return None if scope is Scope.READ and collection == "public" else 401
    if caller in ("wrong", "basic", "revoked"):
        return 401
    if caller == "other":
        return 403
    return None if Scope[caller.upper()] >= scope else 403


@pytest.mark.parametrize("endpoint", ROUTES)
def test_who_may_do_what(callers: Callers, endpoint: str) -> None:
    done = {404} if endpoint in ("v1.get_original", "v1.get_page") else {200, 201, 204, 409}  # it came as text
    wrong = {}
    for caller in CALLERS:
        for collection in ("private", "public"):
            status = callers.status(endpoint, caller, collection)
            refusal = expected(endpoint, caller, collection)
            if status not in ({refusal} if refusal else done):
                wrong[caller, collection] = (status, refusal)
    assert wrong == {}


def test_every_route_is_in_the_matrix(callers: Callers) -> None:
    endpoints = {rule.endpoint for rule in callers.app.url_map.iter_rules()}
    assert endpoints - OPEN == set(SCOPES) == set(ROUTES)
    assert endpoints >= OPEN


@pytest.mark.parametrize("caller", [*CALLERS])
def test_open_routes_are_open(callers: Callers, caller: str) -> None:
    for address in ("/healthz", "/", "/docs", "/openapi.json", "/static/client.js"):
        assert callers.client.get(address, headers=callers.headers[caller]).status_code == 200


def test_an_unknown_collection_is_not_told_from_a_forbidden_one(callers: Callers) -> None:
    for caller, status in (("nobody", 401), ("other", 403)):
        problems = [
            callers.client.get(f"/v1/documents?collection={name}", headers=callers.headers[caller]).get_json()
            for name in ("private", "unknown")
        ]
        assert [problem["status"] for problem in problems] == [status, status]
        assert problems[0]["detail"].replace("private", "unknown") == problems[1]["detail"]


def test_pages_of_a_listed_origin_may_read_the_answer(callers: Callers) -> None:
    asking = {"question": "When?", "collection": "public"}
    response = callers.client.post("/v1/ask", json=asking, headers={"Origin": SITE})
    assert response.headers["Access-Control-Allow-Origin"] == SITE
    assert "Origin" in response.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in response.headers
    refused = callers.client.post("/v1/ask", json=asking, headers={"Origin": FOREIGN})
    assert refused.status_code == 403
    assert "Access-Control-Allow-Origin" not in refused.headers


def test_a_preflight(callers: Callers) -> None:
    ask_first = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    allowed = callers.client.options("/v1/ask", headers={"Origin": SITE, **ask_first})
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == SITE
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in allowed.headers["Access-Control-Allow-Headers"]
    refused = callers.client.options("/v1/ask", headers={"Origin": FOREIGN, **ask_first})
    assert refused.status_code == 403
    assert "Access-Control-Allow-Origin" not in refused.headers


def test_an_origin_of_one_public_collection_is_foreign_to_another(callers: Callers, app: APIFlask) -> None:
    headers = {"Origin": SITE, **callers.headers["admin"]}
    assert callers.client.get("/v1/documents?collection=private", headers=headers).status_code == 403
    assert callers.client.get("/v1/documents?collection=public", headers=headers).status_code == 200


def test_a_listed_origin_may_send_a_key(settings: Settings) -> None:
    from dataclasses import replace

    app = create_app(replace(settings, origins=f"{SITE}, https://b.example"), embedder=HashEmbedder())
    _, key = KeyFile(settings.data).create("", Scope.ADMIN)
    headers = {"Origin": SITE, "Authorization": f"Bearer {key}"}
    assert app.test_client().put("/v1/documents/a", json=DOCUMENT, headers=headers).status_code == 201
    app.extensions["spanwise"].close()


# ── Without keys, on the machine itself ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def local(settings: Settings) -> Iterator[FlaskClient]:
    app = create_app(settings, embedder=HashEmbedder(), reader=ScriptedReader(), hosts=LOOPBACK_HOSTS)
    yield app.test_client()
    app.extensions["spanwise"].close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """As `local`, shared by all that is refused."""
    data = tmp_path_factory.mktemp("guarded") / "data"
    app = create_app(Settings(data=data), embedder=HashEmbedder(), reader=ScriptedReader(), hosts=LOOPBACK_HOSTS)
    yield app.test_client()
    assert not data.exists()


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"])
def test_names_of_this_machine(local: FlaskClient, host: str) -> None:
    own = {"Host": host, "Origin": f"http://{host}"}
    assert local.put("/v1/documents/a", json=DOCUMENT, headers=own).status_code in (200, 201)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil", ""])
def test_a_rebound_name_is_refused(guarded: FlaskClient, host: str) -> None:
    for address in ("/", "/healthz", "/v1/documents", "/openapi.json", "/static/page.js"):
        assert guarded.get(address, headers={"Host": host}).status_code == 403, address


@pytest.mark.parametrize("headers", [{"Origin": FOREIGN}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_foreign_page_is_refused(guarded: FlaskClient, headers: dict[str, str]) -> None:
    assert guarded.put("/v1/documents/a", json=DOCUMENT, headers=headers).status_code == 403
    assert guarded.get("/v1/documents", headers=headers).status_code == 403
    assert guarded.get("/", headers={**headers, "Accept": "text/html"}).status_code == 200


# ── How often and how much ────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_has_its_rate(tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path, rate_limit="3 per minute"), embedder=HashEmbedder(), require_keys=True)
    keys = KeyFile(tmp_path)
    first, second = ({"Authorization": f"Bearer {keys.create('', Scope.ADMIN)[1]}"} for _ in range(2))
    client = app.test_client()
    client.put("/v1/documents/a", json=DOCUMENT, headers=first)
    assert [client.get("/v1/documents", headers=first).status_code for _ in range(3)] == [200, 200, 429]
    response = client.get("/v1/documents", headers=first)
    assert response.get_json()["type"] == "urn:spanwise:problem:too-many-requests"
    assert 1 <= int(response.headers["Retry-After"]) <= 61
    assert client.get("/v1/documents", headers=second).status_code == 200
    assert client.get("/healthz", headers=first).status_code == 200
    wrong = [client.get("/v1/documents", headers={"Authorization": f"Bearer {n}"}).status_code for n in range(4)]
    assert wrong == [401, 401, 401, 429]  # however many keys one address tries
    app.extensions["spanwise"].close()


def test_a_public_collection_has_a_rate_of_its_own(tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path), embedder=HashEmbedder(), reader=ScriptedReader(), require_keys=True)
    _, key = KeyFile(tmp_path).create("", Scope.ADMIN)
    client, admin = app.test_client(), {"Authorization": f"Bearer {key}"}
    for name, rate in (("a", "2 per minute"), ("b", "60 per minute")):
        client.put(f"/v1/documents/x?collection={name}", json=DOCUMENT, headers=admin)
        KeyFile(tmp_path).allow_public(PublicGrant(name, (SITE,), rate))

    def ask(name: str, address: str = "192.0.2.1") -> int:
        asking = {"query": "When?", "collection": name}
        return client.post("/v1/search", json=asking, environ_base={"REMOTE_ADDR": address}).status_code

    assert [ask("a") for _ in range(3)] == [200, 200, 429]
    assert ask("b") == 200
    assert ask("a", "192.0.2.2") == 200
    assert client.get("/v1/documents?collection=a", headers=admin).status_code == 200
    app.extensions["spanwise"].close()


def test_one_request_too_many_is_told_to_wait(tmp_path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()

    class Waiting(ScriptedReader):
        def read(self, question: str, passages: Any, *, top_n: int = 5) -> Any:
            entered.set()
            leave.wait(20)
            return super().read(question, passages, top_n=top_n)

    app = create_app(
        Settings(data=tmp_path, max_concurrent=1, queue_seconds=0.05), embedder=HashEmbedder(), reader=Waiting()
    )
    app.test_client().put("/v1/documents/a", json=DOCUMENT)
    statuses: list[int] = []
    running = threading.Thread(
        target=lambda: statuses.append(app.test_client().post("/v1/ask", json={"question": "x"}).status_code)
    )
    running.start()
    assert entered.wait(20)
    response = app.test_client().get("/v1/documents")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert response.get_json()["type"] == "urn:spanwise:problem:overloaded"
    assert app.test_client().get("/healthz").status_code == 200
    leave.set()
    running.join(20)
    assert statuses == [200]
    assert app.test_client().get("/v1/documents").status_code == 200  # and places are given back, also by refusals
    app.extensions["spanwise"].close()


def test_what_takes_too_long_is_told_so_and_does_not_pile_up(tmp_path: Path) -> None:
    leave = threading.Event()

    class Waiting(ScriptedReader):
        def read(self, question: str, passages: Any, *, top_n: int = 5) -> Any:
            if question.startswith("Slowly"):
                leave.wait(20)
            return super().read(question, passages, top_n=top_n)

    app = create_app(
        Settings(data=tmp_path, max_concurrent=2, queue_seconds=0.05, request_seconds=0.3),
        embedder=HashEmbedder(),
        reader=Waiting(),
    )
    with spanwise.open(tmp_path, embedder=HashEmbedder()) as collection:  # without the limit, whatever else runs
        collection.add(DOCUMENT["text"])
    client = app.test_client()
    for _ in range(2):
        response = client.post("/v1/ask", json={"question": "Slowly, when?"})
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert response.get_json()["type"] == "urn:spanwise:problem:time-limit"
    # Both still work on it, and so there is no place for a third.
    assert client.get("/v1/documents").get_json()["type"] == "urn:spanwise:problem:overloaded"
    leave.set()
    assert 200 in (client.get("/v1/documents").status_code for _ in range(200))
    app.extensions["spanwise"].close()


@pytest.mark.slow
def test_a_change_that_takes_too_long_stores_nothing(tmp_path: Path) -> None:
    class Slow(HashEmbedder):
        def embed_passages(self, texts: Any) -> Any:
            time.sleep(0.25)
            return super().embed_passages(texts)

    app = create_app(Settings(data=tmp_path, request_seconds=0.2), embedder=Slow())
    client = app.test_client()
    documents = [{"text": f"Number {number}. " + "Words of it. " * 20_000} for number in range(2)]
    response = client.post("/v1/documents", json={"documents": documents})
    assert response.status_code == 503
    assert response.get_json()["type"] == "urn:spanwise:problem:time-limit"
    assert client.get("/v1/documents").get_json()["documents"] == []
    app.extensions["spanwise"].close()


def test_every_answer_has_the_security_headers(callers: Callers) -> None:
    admin = callers.headers["admin"]
    for address in ("/", "/healthz", "/v1/documents?collection=public", "/nothing", "/static/page.js", "/docs"):
        for accept in ("text/html", "application/json"):
            response = callers.client.get(address, headers={**admin, "Accept": accept})
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "no-referrer"
    assert callers.client.get("/v1/documents?collection=public", headers=admin).headers["Cache-Control"] == "no-store"


def test_the_pages_hold_no_script_and_no_foreign_address(callers: Callers) -> None:
    for address in ("/", "/docs"):
        text = callers.client.get(address, headers={"Accept": "text/html"}).text
        assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|<style|\son\w+=|//", text.replace("<!doctype", ""))
