"""The JSON objects that HTTP and the command line share."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from spanwise import Answer, AskResult, Document, DocumentInfo, Hit, Hits, Passage, Scores, Span, Support
from spanwise.api.response_schema import AskResponse, DocumentTextOut, SearchResponse
from spanwise.api.serialise import ask_json, document_json, document_text_json, hits_json

INFO = DocumentInfo("a/b", "Title", None, {"year": 2022}, "sha256:00", "text/markdown", 40, 2, "2026-01-31T12:00:00Z")
REFERENCE = {
    "id": "a/b", "title": "Title", "uri": None, "metadata": {"year": 2022}, "content_hash": "sha256:00",
}  # fmt: skip
PASSAGE = Passage(INFO, Span(10, 30), "👋 It ends on Feb. 20.", Span(10, 31), ("Sport", "Winter"), 4)


def test_plain_words_of_an_answer_have_no_marks() -> None:
    answer = Answer("**12\n euros** a [day](x.md)", 0.5, Span(22, 29), Span(23, 30), PASSAGE)
    assert answer.plain == "12 euros a day"


def test_ask_json_is_the_settled_object() -> None:
    answer = Answer("Feb. 20", 0.123456, Span(22, 29), Span(23, 30), PASSAGE, (Support("c", Span(1, 8)),))
    assert ask_json(AskResult("When?", True, 0.98764, False, (answer,), 7, 12.345)) == {
        "question": "When?",
        "answerable": True,
        "no_answer_probability": 0.9876,
        "calibrated": False,
        "warnings": [],
        "corrected": {},
        "answers": [
            {
                "text": "Feb. 20",
                "probability": 0.1235,
                "document": REFERENCE,
                "span": {"start": 22, "end": 29},
                "span_utf16": {"start": 23, "end": 30},
                "page": 4,
                "heading": "Sport › Winter",
                "location": None,
                "passage": {"text": "👋 It ends on Feb. 20.", "start": 10, "end": 30},
                "support": [{"document_id": "c", "start": 1, "end": 8}],
            }
        ],
        "generation": 7,
        "took_ms": 12.3,
        "timings_ms": None,
    }


def test_hits_json_is_the_settled_object() -> None:
    body = hits_json(Hits("q", (Hit(PASSAGE, Scores(0.5, dense=0.25)),), 7, 0.04))
    assert body["took_ms"] == 0.0
    assert body["hits"] == [
        {
            "document": REFERENCE,
            "passage": {"text": "👋 It ends on Feb. 20.", "start": 10, "end": 30},
            "span": {"start": 10, "end": 30},
            "span_utf16": {"start": 10, "end": 31},
            "highlights": [],
            "merged": [],
            "sentence": None,
            "explanation": None,
            "scores": {"fused": 0.5, "dense": 0.25, "lexical": None, "relevance": None},
            "page": 4,
            "heading": "Sport › Winter",
        }
    ]


def test_http_keeps_the_order_of_fields() -> None:
    """So that HTTP and `--json` give the same text."""
    answer = Answer("Feb. 20", 0.5, Span(22, 29), Span(23, 30), PASSAGE, (Support("c", Span(1, 8)),))
    asked = ask_json(AskResult("When?", True, 0.5, False, (answer,), 7, 12.3))
    found = hits_json(Hits("q", (Hit(PASSAGE, Scores(0.5)),), 7, 0.1))
    document = document_text_json(Document(INFO, "text"), Span(0, 4))
    for body, model in ((asked, AskResponse), (found, SearchResponse), (document, DocumentTextOut)):
        assert json.dumps(model.model_validate(body).model_dump(mode="json")) == json.dumps(body)


def test_document_json() -> None:
    assert document_json(INFO) == {
        "id": "a/b",
        "title": "Title",
        "uri": None,
        "metadata": {"year": 2022},
        "content_hash": "sha256:00",
        "media_type": "text/markdown",
        "encoding": None,
        "characters": 40,
        "passages": 2,
        "added_at": "2026-01-31T12:00:00Z",
    }


@pytest.mark.slow
def test_it_imports_no_web_library() -> None:
    code = (
        "import sys, spanwise.api.serialise\n"
        "loaded = {'flask', 'pydantic', 'apiflask', 'gunicorn', 'numpy'} & set(sys.modules)\n"
        "sys.exit(str(loaded) if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
