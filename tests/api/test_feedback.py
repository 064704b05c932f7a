"""Right or wrong: marks are kept with their collection and come back as labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import spanwise
from spanwise import Source, cli
from spanwise.index.marks import Mark
from spanwise.index.records import Span
from spanwise.qa.calibrating import Label, read_labels
from spanwise.qa.labels import labels_of
from spanwise.testing import HashEmbedder, ScriptedReader

QUESTION = "When do the Olympics end?"


def marked(client: FlaskClient, verdict: str, **more: Any) -> Any:
    return client.post("/v1/feedback", json={"question": QUESTION, "verdict": verdict, **more})


def answer(client: FlaskClient) -> dict[str, Any]:
    best = client.post("/v1/ask", json={"question": QUESTION}).get_json()["answers"][0]
    return {"document_id": best["document"]["id"], **best["span"], "content_hash": best["document"]["content_hash"]}


def labels(client: FlaskClient) -> Any:
    return client.get("/v1/labels").get_json()["labels"]


def test_an_answer_is_marked_and_becomes_a_label(stored: FlaskClient) -> None:
    response = marked(stored, "right", **answer(stored))
    assert response.status_code == 201, response.text
    assert response.get_json()["text"] == "Feb. 20"
    assert labels(stored) == [{"question": QUESTION, "answers": ["Feb. 20"], "wrong": []}]
    marked(stored, "wrong", **answer(stored))  # another opinion takes the place of the first
    assert labels(stored) == [{"question": QUESTION, "answers": [], "wrong": ["Feb. 20"]}]
    marked(stored, "absent")
    assert labels(stored) == [{"question": QUESTION, "answers": [], "wrong": []}]
    marked(stored, "right", document_id="party")  # of a whole document: kept, and no label
    assert labels(stored) == [{"question": QUESTION, "answers": [], "wrong": []}]
    generation = stored.get("/v1/status").get_json()["generation"]
    assert generation == 1  # no document has changed


@pytest.mark.parametrize(
    ("verdict", "more", "status", "kind"),
    [
        ("right", {}, 422, "out-of-limits"),
        ("absent", {"document_id": "party"}, 422, "out-of-limits"),
        ("maybe", {"document_id": "party"}, 422, "invalid-request"),
        ("right", {"document_id": "nothing"}, 404, "document-not-found"),
        ("right", {"document_id": "party", "start": 3}, 422, "out-of-limits"),
        ("right", {"document_id": "party", "start": 3, "end": 2}, 422, "out-of-limits"),
        ("right", {"document_id": "party", "start": 3, "end": 3}, 422, "out-of-limits"),
        ("right", {"document_id": "party", "start": 3, "end": 5_000}, 422, "out-of-limits"),
        ("right", {"document_id": "party", "start": 0, "end": 3, "content_hash": "sha256:0"}, 409, "version-conflict"),
    ],
)
def test_marks_that_are_refused(library: FlaskClient, verdict: str, more: Any, status: int, kind: str) -> None:
    response = marked(library, verdict, **more)
    assert (response.status_code, response.get_json()["type"]) == (status, f"urn:spanwise:problem:{kind}")
    assert labels(library) == []


def test_marks_go_with_their_document_and_not_with_a_version(stored: FlaskClient) -> None:
    there = answer(stored)
    marked(stored, "right", **there)
    marked(stored, "absent", question="Who sang?")
    stored.put("/v1/documents/party", json={"text": "Another text."})
    address = f"/v1/documents/{there['document_id']}"
    stored.put(address, json={"text": "The Olympics end later."})
    assert [one["question"] for one in labels(stored)] == [QUESTION, "Who sang?"]
    stored.delete(address)
    assert [one["question"] for one in labels(stored)] == ["Who sang?"]


def test_labels_of_marks() -> None:
    def mark(question: str, verdict: Any, text: str | None = None) -> Mark:
        return Mark(question, verdict, "d" if text else None, text=text)

    marks = [
        mark("a", "right", "one"), mark("a", "right", "two"), mark("a", "right", "one"), mark("b", "absent"),
        mark("a", "wrong", "three"), mark("b", "right", "four"), mark("c", "right", "five"), mark("c", "absent"),
    ]  # fmt: skip
    assert labels_of(marks) == [
        Label("a", ("one", "two"), ("three",)), Label("b", ("four",)), Label("c", ()),
    ]  # fmt: skip


def boxes(folder: Path, found: str = "red") -> spanwise.Collection:
    questions = [f"Which colour has box {number}?" for number in range(40)]
    collection = spanwise.open(folder, embedder=HashEmbedder(), reader=ScriptedReader(dict.fromkeys(questions, found)))
    collection.add([Source(f"This box {number} is red inside.", id=f"box{number}") for number in range(40)])
    for number, question in enumerate(questions):
        at = Span(len(f"This box {number} is "), len(f"This box {number} is red"))
        collection.mark(question, "right" if number % 4 else "wrong", document_id=f"box{number}", span=at)
    return collection


@pytest.mark.slow
def test_wrong_marks_count_and_stale_ones_do_not(tmp_path: Path) -> None:
    with boxes(tmp_path / "a") as collection:
        report = collection.calibrate(labels_of(collection.marks()))
        assert (report["labels"], report["answerable"]) == (40, 30)
        assert collection.ask("Which colour has box 5?").answers[0].probability == pytest.approx(0.75, abs=0.1)
    with boxes(tmp_path / "b", found="inside") as collection:  # what was marked as wrong is no longer answered
        report = collection.calibrate(labels_of(collection.marks()))
        assert (report["labels"], report["answerable"]) == (30, 30)


def test_the_command_line_exports_what_calibrate_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with boxes(tmp_path) as collection:
        wanted = labels_of(collection.marks())
    assert cli.main(["--data", str(tmp_path), "labels", "export"]) == 0
    file = tmp_path / "labels.jsonl"
    file.write_text(capsys.readouterr().out)
    assert read_labels(file) == wanted
    assert json.loads(file.read_text().splitlines()[0]) == {
        "question": "Which colour has box 0?", "answers": [], "wrong": ["red"],
    }  # fmt: skip
    assert cli.main(["--data", str(tmp_path), "labels", "clear"]) == 0
    assert capsys.readouterr().out == "Forgot 40.\n"
    assert cli.main(["--data", str(tmp_path), "labels", "export"]) == 1
