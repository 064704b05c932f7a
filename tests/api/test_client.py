"""The Python client against a running server: the same objects and errors as the library."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import spanwise
from spanwise import Added, Client, Source, errors
from spanwise.api.keys import KeyFile, Scope
from spanwise.api.problem_kinds import HTTP_KINDS, INVALID_REQUEST, KINDS
from spanwise.client import Job
from spanwise.testing import HashEmbedder, ScriptedReader
from spanwise.transport import ERRORS

pytestmark = pytest.mark.slow
SCRIPT = {"When do the Olympics end?": "Feb. 20", "Where is the party?": "on the 🏖️ beach"}
PROGRAM = """
import json, sys
from pathlib import Path
from spanwise import Settings
from spanwise.api.server import serve
from spanwise.testing import HashEmbedder, ScriptedReader

serve(
    Settings(data=Path(sys.argv[1])), port=0, embedder=HashEmbedder(),
    reader=ScriptedReader(json.loads(sys.argv[2])), on_ready=lambda address: print(address, flush=True),
)
"""
SOURCES = [
    Source("The Winter Olympics in China end on Feb. 20.", id="news/games", title="News"),
    Source("👋🏽 Hello. The party is on the 🏖️ beach. Bring cake.", id="party", metadata={"n": 1, "t": ["a", None]}),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    data = tmp_path_factory.mktemp("client") / "data"
    command = [sys.executable, "-c", PROGRAM, str(data), json.dumps(SCRIPT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(120, process.kill)
        watchdog.start()
        assert process.stdout is not None
        yield process.stdout.readline().strip(), data
        watchdog.cancel()
        process.terminate()


@pytest.fixture
def client(served: tuple[str, Path], request: pytest.FixtureRequest) -> Iterator[Client]:
    name = f"c{abs(hash(request.node.nodeid)) % 10**9}"
    with Client(served[0], name) as client:
        client.add(SOURCES)
        yield client


def test_it_gives_what_the_library_gives(client: Client, tmp_path: Path) -> None:
    library = spanwise.open(tmp_path, embedder=HashEmbedder(), reader=ScriptedReader(SCRIPT))
    library.add(SOURCES)
    for question in (*SCRIPT, "Who painted the ceiling?", "איפה המסיבה?"):
        ours, theirs = client.ask(question), library.ask(question)
        assert (ours.answerable, len(ours), ours.warnings) == (theirs.answerable, len(theirs), theirs.warnings)
        for one, other in zip(ours, theirs, strict=True):
            assert (one.text, one.span, one.span_utf16, one.support) == (
                other.text, other.span, other.span_utf16, other.support,
            )  # fmt: skip
            assert (one.passage.text, one.passage.span, one.passage.span_utf16, one.heading, one.page) == (
                other.passage.text, other.passage.span, other.passage.span_utf16, other.heading, other.page,
            )  # fmt: skip
            assert one.location == other.location
            assert one.document.content_hash == other.document.content_hash
            assert one.document.metadata == other.document.metadata
    for one, other in zip(client.search("winter games"), library.search("winter games"), strict=True):
        assert (one.text, one.span, one.passage.span_utf16) == (other.text, other.span, other.passage.span_utf16)
        assert one.scores == other.scores
    assert client.suggest("winter o").suggestions == library.suggest("winter o").suggestions != ()
    assert client.search("winter olimpics").corrected == {"olimpics": "olympics"}
    assert client.search("winter olym", prefix=True)[0].text == library.search("winter olym", prefix=True)[0].text
    options: dict[str, Any] = {"where": {"n": 1}, "rerank": True, "sentences": True, "explain": True, "mode": "hybrid"}
    [ours], [theirs] = client.search("the party", **options), library.search("the party", **options)
    assert (ours.highlights, ours.sentence, ours.explanation, ours.scores) == (
        theirs.highlights, theirs.sentence, theirs.explanation, theirs.scores,
    )  # fmt: skip
    assert ours.sentence is not None
    assert client.search("party", where={"m": 1}).warnings == library.search("party", where={"m": 1}).warnings != ()
    for where in ("n=1", ["n>=1", {"n": 1}]):
        assert client.search("party", where=where).hits == client.search("party", where={"n": 1}).hits != ()
        assert len(client.ask("Where is the party?", where=where)) == 1
    assert client.search("party", where=[]).hits == client.search("party").hits
    for wrong in ("n", 7, ["n=1", "n"]):
        with pytest.raises(spanwise.FilterError):
            client.search("party", where=wrong)  # type: ignore[arg-type]
    page = client.search("the games", 1)
    assert page.next is not None
    assert client.search("the games", 1, cursor=page.next).next is None
    assert not client.ask("When do the Olympics end?", where={"n": 1}).answerable
    for one, other in zip(client.documents(), library.documents(), strict=True):
        assert (one.id, one.title, one.characters, one.passages) == (
            other.id, other.title, other.characters, other.passages,
        )  # fmt: skip
    library.close()


def test_many_questions_in_one_call(client: Client) -> None:
    questions = [*SCRIPT, "Who painted the ceiling?"] * 9  # more than one request takes
    together = client.ask_many(questions, 2)
    assert [result.question for result in together] == questions
    for result in together[:3]:
        alone = client.ask(result.question, 2)
        assert (result.answers, result.answerable) == (alone.answers, alone.answerable)
    assert client.ask_many([]) == []
    with pytest.raises(errors.InputError):
        client.ask_many(["Who?", " "])


def test_answers_are_marked(client: Client) -> None:
    best = client.ask("Where is the party?").best
    assert best is not None
    sent = {"document_id": "party", "span": best.span, "content_hash": best.document.content_hash}
    mark = client.feedback("Where is the party?", "right", **sent)
    assert (mark.verdict, mark.text, mark.span) == ("right", "on the 🏖️ beach", best.span)
    assert client.feedback("Who sang?", "absent").document_id is None
    client.add(Source("The party is off.", id="party"))
    with pytest.raises(errors.VersionConflictError):
        client.feedback("Where is the party?", "right", **sent)


def test_files_are_uploaded(client: Client, tmp_path: Path) -> None:
    page, table, large = (tmp_path / name for name in ("a page.html", "faq.csv", "large.txt"))
    page.write_bytes(b"<!doctype html><title>Games</title><body><main><p>They end on Feb. 20.</p></main>")
    table.write_bytes(b"nr,answer\n7,On the beach.\n")
    added = client.upload(page, table, columns={"text": "answer", "id": "nr"})
    assert isinstance(added, Added)
    assert added.added == ("a~20page.html", "faq.csv/7")
    again = client.upload(page)
    assert isinstance(again, Added)
    assert again.unchanged == ("a~20page.html",)
    large.write_bytes(b"Words and more of them. " * 12_000)
    job = client.upload(large)
    assert isinstance(job, Job)
    assert (job.state, job.stored, job.failed) == ("done", ("large.txt",), ())
    assert client.job(job.id) == job
    assert client.cancel(job.id).state == "done"
    (tmp_path / "photo.txt").write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    with pytest.raises(errors.SourceError, match="an image, which is not read"):
        client.upload(tmp_path / "photo.txt")
    with pytest.raises(errors.SourceError, match="cannot be read"):
        client.upload(tmp_path / "missing.txt")


def test_documents_come_and_go(client: Client) -> None:
    assert [one.id for one in client.documents()] == ["news/games", "party"]
    assert client.document("party").text == SOURCES[1].text
    best = client.ask("Where is the party?").best
    assert best is not None
    part = client.slice("party", best.span.start, best.span.end, content_hash=best.document.content_hash)
    assert (part.text, part.span) == (best.text, best.span)

    replaced = client.add(Source("The party is off.", id="party"))
    assert (replaced.replaced, replaced.added) == (("party",), ())
    with pytest.raises(errors.VersionConflictError):
        client.slice("party", 0, 3, content_hash=best.document.content_hash)
    assert client.add("Without an id.").added
    assert client.remove("party") == 1
    with pytest.raises(errors.DocumentNotFoundError, match="'party'"):
        client.document("party")


def test_many_documents_are_paged(client: Client) -> None:
    client.add([f"Text number {number}." for number in range(130)])
    assert len(list(client.documents())) == 132


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda client: client.search("x", where={"a": {"$b": 1}}), errors.FilterError),
        (lambda client: client.search("x", cursor="x"), errors.CursorError),
        (lambda client: client.ask(""), errors.InputError),
        (lambda client: client.ask("x", top_k=0), errors.InputError),
        (lambda client: client.ask("x" * 5_000), errors.InputError),
        (lambda client: client.document("nothing"), errors.DocumentNotFoundError),
        (lambda client: client.slice("party", 5, 3), errors.LimitError),
        (lambda client: client.add(Source("x", id="a b")), errors.DocumentIdError),
        (lambda client: client.add({"id": "a", "text": "b"}), errors.SourceError),
        (lambda client: client.add([Source("x", id="y"), b"bytes"]), errors.SourceError),
        (lambda client: client.add(Path("a.txt")), errors.SourceError),
        (lambda client: client.add(Source("x", id="party"), replace=False), errors.DocumentExistsError),
        (lambda client: Client(client.endpoint, "nothing").ask("x"), errors.CollectionNotFoundError),
        (lambda client: Client(client.endpoint, "../x").ask("x"), errors.DocumentIdError),
    ],
)
def test_it_raises_what_the_library_raises(client: Client, call: object, error: type[Exception]) -> None:
    assert callable(call)
    with pytest.raises(error):
        call(client)


def test_the_errors_of_problems_are_of_those_that_the_server_has() -> None:
    assert set(ERRORS) <= {kind.name for kind in (*KINDS.values(), *HTTP_KINDS.values(), INVALID_REQUEST)}


def test_keys(served: tuple[str, Path]) -> None:
    address, data = served
    keys = KeyFile(data)
    (_, may_read), (_, may_write) = keys.create("", Scope.READ), keys.create("", Scope.WRITE)
    try:
        with pytest.raises(errors.KeyRequiredError):
            list(Client(address, "keyed").documents())
        with pytest.raises(errors.KeyRequiredError):
            list(Client(address, "keyed", key="wrong").documents())
        with pytest.raises(errors.AccessError, match="scope is read"):
            Client(address, "keyed", key=may_read).add("Something.")
        assert Client(address, "keyed", key=may_write).add("Something.").added
        assert len(list(Client(address, "keyed", key=may_read).documents())) == 1
    finally:
        (data / "keys.json").unlink()


def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(spanwise.SpanwiseError, match="cannot be reached"):
        Client(f"http://127.0.0.1:{port}").ask("x")
    with pytest.raises(errors.InputError, match="is not the address"):
        Client("file:///etc/passwd")


def test_a_server_that_is_something_else() -> None:
    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(10_000)
            connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\nConnection: close\r\n\r\nsorry")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        with pytest.raises(spanwise.SpanwiseError, match="answered 502 Bad Gateway"):
            Client(f"http://127.0.0.1:{listener.getsockname()[1]}").ask("x")
        thread.join(10)
