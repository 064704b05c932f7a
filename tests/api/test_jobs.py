"""Larger uploads: kept, stored behind the answer, cancelled, and resumed by the next process."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from spanwise import Settings, StorageError
from spanwise.api import jobs
from spanwise.api.app import create_app
from spanwise.api.uploads import Upload
from spanwise.testing import HashEmbedder, ScriptedReader


class SlowEmbedder(HashEmbedder):
    """Waits before every document until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = threading.Semaphore(0)
        self.entered = threading.Semaphore(0)

    def embed_passages(self, texts: Any) -> Any:
        self.entered.release()
        assert self.may_go_on.acquire(timeout=20)
        return super().embed_passages(texts)


def make(settings: Settings, embedder: HashEmbedder | None = None) -> APIFlask:
    return create_app(replace(settings, job_bytes=10), embedder=embedder or HashEmbedder(), reader=ScriptedReader())


def stop(app: APIFlask) -> None:
    app.extensions["spanwise.jobs"].close()
    app.extensions["spanwise"].close()


@pytest.fixture
def app(settings: Settings) -> Iterator[APIFlask]:
    app = make(settings)
    yield app
    stop(app)


def upload(client: FlaskClient, *files: tuple[str, bytes]) -> Any:
    sent = {"file": [(io.BytesIO(data), name) for name, data in files]}
    return client.post("/v1/files", data=sent, content_type="multipart/form-data")


def finished(client: FlaskClient, address: str) -> Any:
    for _ in range(400):
        response = client.get(address)
        assert response.status_code == 200
        if "Retry-After" not in response.headers:
            return response.get_json()
        time.sleep(0.02)
    raise AssertionError("the job does not end")


def test_a_larger_upload_is_a_job(app: APIFlask, client: FlaskClient, settings: Settings) -> None:
    response = upload(client, ("a.txt", b"The first file."), ("bad.txt", b"\x00\x01\x02"), ("b.md", b"# The second"))
    assert response.status_code == 202
    assert response.get_json()["state"] == "queued"
    assert response.headers["Retry-After"] == "1"
    job = finished(client, response.headers["Location"])
    assert (job["state"], job["files"], job["done"], job["stored"]) == ("done", 3, 3, ["a.txt", "b.md"])
    assert [one["source"] for one in job["failed"]] == ["bad.txt"]
    assert "bad.txt" in job["failed"][0]["error"]
    assert client.get("/v1/documents/b.md").get_json()["text"] == "# The second"
    stop(app)
    assert [path.name for path in (settings.data / "jobs" / job["id"]).iterdir()] == ["job.json"]


def test_a_job_reads_every_format_with_its_options(app: APIFlask, client: FlaskClient) -> None:
    table = ("faq.csv", b"nr,question,answer\n7,Where?,On the beach.\n8,When?,On Sunday.\n")
    page = ("page.html", b"<!doctype html><title>Games</title><main><p>They end on Feb. 20.</p></main>")
    sent = {"file": [(io.BytesIO(data), name) for name, data in (table, page)]}
    address = "/v1/files?columns=text=answer,title=question,id=nr"
    response = client.post(address, data=sent, content_type="multipart/form-data")
    assert response.status_code == 202
    job = finished(client, response.headers["Location"])
    assert (job["state"], job["failed"]) == ("done", [])
    assert job["stored"] == ["faq.csv/7", "faq.csv/8", "page.html"]
    found = client.get("/v1/documents/faq.csv/8").get_json()
    assert (found["text"], found["title"]) == ("On Sunday.", "When?")
    assert client.get("/v1/documents/page.html").get_json()["title"] == "Games"


def test_a_small_upload_is_stored_at_once(client: FlaskClient) -> None:
    assert upload(client, ("a.txt", b"Small.")).status_code == 201


@pytest.mark.parametrize("job_id", ["nothing", "0" * 32, "..", "%2e%2e", "a" * 32])
def test_a_job_that_is_none(client: FlaskClient, job_id: str) -> None:
    for method in (client.get, client.delete):
        response = method(f"/v1/jobs/{job_id}")
        assert response.status_code == 404


def test_cancel_stops_behind_the_current_file(settings: Settings) -> None:
    embedder = SlowEmbedder()
    app = make(settings, embedder)
    client = app.test_client()
    address = upload(client, ("a.txt", b"The first file."), ("b.txt", b"The second file.")).headers["Location"]
    assert embedder.entered.acquire(timeout=20)
    assert client.delete(address).get_json()["state"] == "cancelled"
    embedder.may_go_on.release(2)
    stop(app)
    job = make(settings).test_client().get(address).get_json()
    assert (job["state"], job["done"], job["stored"]) == ("cancelled", 1, ["a.txt"])


def test_the_next_process_goes_on(settings: Settings) -> None:
    embedder = SlowEmbedder()
    first = make(settings, embedder)
    address = upload(first.test_client(), ("a.txt", b"The first file."), ("b.txt", b"The second one.")).headers[
        "Location"
    ]
    assert embedder.entered.acquire(timeout=20)
    stopping = threading.Thread(target=stop, args=(first,))
    stopping.start()
    embedder.may_go_on.release(1)  # a stop finishes the current file, and no more
    stopping.join(20)
    assert not stopping.is_alive()

    second = make(settings)
    assert second.test_client().get(address).get_json()["done"] == 1
    second.extensions["spanwise.jobs"].resume()
    job = finished(second.test_client(), address)
    assert (job["state"], job["stored"]) == ("done", ["a.txt", "b.txt"])
    stop(second)


HANDING_IN = """
import sys
from pathlib import Path
from spanwise import Settings
from spanwise.api.app import create_app
from spanwise.api.uploads import Upload
from spanwise.testing import HashEmbedder, ScriptedReader

jobs = create_app(Settings(data=Path(sys.argv[1])), embedder=HashEmbedder()).extensions["spanwise.jobs"]
print(jobs.submit("default", [Upload(f"{n}.txt", b"Words.") for n in range(3)]).id, flush=True)
sys.stdin.read()
jobs.close()
"""


@pytest.mark.slow
def test_of_several_processes_one_works_and_another_takes_over(settings: Settings) -> None:
    embedder = SlowEmbedder()
    first = make(settings, embedder)
    mine = upload(first.test_client(), ("a.txt", b"The first file.")).headers["Location"]
    assert embedder.entered.acquire(timeout=20)  # this process has the work
    command = [sys.executable, "-c", HANDING_IN, str(settings.data)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = f"/v1/jobs/{other.stdout.readline().strip()}"
        time.sleep(2 * jobs.LOOK_SECONDS)  # long enough for the other to begin, if it would
        assert first.test_client().get(theirs).get_json()["state"] == "queued"
        embedder.may_go_on.release(1)
        assert finished(first.test_client(), mine)["stored"] == ["a.txt"]
        stop_soon = threading.Thread(target=stop, args=(first,))
        stop_soon.start()
        embedder.may_go_on.release(1)  # perhaps it has begun one file of the other's
        stop_soon.join(20)
        job = finished(make(settings).test_client(), theirs)
        assert (job["state"], job["stored"]) == ("done", ["0.txt", "1.txt", "2.txt"])
        other.communicate("")


def test_too_many_jobs_are_told_to_wait(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanwise.api.jobs.MOST_WAITING", 1)
    embedder = SlowEmbedder()
    app = make(settings, embedder)
    assert upload(app.test_client(), ("a.txt", b"The first file.")).status_code == 202
    response = upload(app.test_client(), ("b.txt", b"The second file."))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    embedder.may_go_on.release(1)
    stop(app)


def test_a_damaged_job_is_told_and_stands_in_nobodys_way(client: FlaskClient, settings: Settings) -> None:
    folder = settings.data / "jobs" / ("a" * 32)
    folder.mkdir(parents=True)
    for said in ('{"id": "aaa', "[]", '{"names": [], "stored": [], "failed": []}'):
        (folder / "job.json").write_text(said)
        (folder / jobs.WAITING).touch()
        response = client.get(f"/v1/jobs/{folder.name}")
        assert (response.status_code, response.get_json()["title"]) == (503, "The data is damaged")
    job = finished(client, upload(client, ("a.txt", b"The first file.")).headers["Location"])
    assert job["stored"] == ["a.txt"]
    assert client.delete("/v1/collections/default").status_code == 204


def test_a_job_whose_file_cannot_be_read_makes_no_collection(client: FlaskClient, settings: Settings) -> None:
    job = finished(client, upload(client, ("a.pdf", b"%PDF-1.4 that is cut off")).headers["Location"])
    assert [failure["source"] for failure in job["failed"]] == ["a.pdf"]
    assert not (settings.data / "collections" / "default").exists()


def test_files_that_cannot_be_kept(app: APIFlask, settings: Settings) -> None:
    settings.data.mkdir(exist_ok=True)
    (settings.data / "jobs").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be kept"):
        app.extensions["spanwise.jobs"].submit("default", [Upload("a.txt", b"x")])


def test_a_folder_that_cannot_be_read_for_a_while_does_not_end_the_work(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    look = jobs.Jobs._waiting
    refused: list[int] = []

    def waiting(self: jobs.Jobs) -> list[str]:
        if threading.current_thread().name == "spanwise-jobs" and len(refused) < 2:
            refused.append(1)
            raise PermissionError(13, "Permission denied")
        return look(self)

    monkeypatch.setattr(jobs, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(jobs.Jobs, "_waiting", waiting)
    app = make(settings)
    client = app.test_client()
    address = upload(client, ("a.txt", b"The first file."), ("b.txt", b"The second file.")).headers["Location"]
    job = finished(client, address)
    assert job["stored"] == ["a.txt", "b.txt"]
    assert caplog.text.count("cannot be read: Permission denied") == 1
    stop(app)
