"""Example messages of the OpenAPI document. They are about the seed article, and a test holds them against it."""

from __future__ import annotations

from typing import Any

from .. import __version__

Json = dict[str, Any]

_TITLE = "Even if a Russian invasion of Ukraine doesn't happen"
_HASH = "sha256:05d18842634a46bb72728631cf31d130a09c3ed94bd0890c1885fe1e8eb5234d"
_PASSAGE = (
    "At the same time, the Winter Olympics in China, [often cited as a potential deterrent to immediate Russian "
    "action](#), will conclude Feb. 20."
)
_PASSAGE_START = 2561
_SPAN = {"start": 2694, "end": 2701}
_REFERENCE: Json = {
    "id": "news/ukraine",
    "title": _TITLE,
    "uri": None,
    "metadata": {"year": 2022, "topics": ["europe", "sport"]},
    "content_hash": _HASH,
}
_PASSAGE_OUT = {"text": _PASSAGE, "start": _PASSAGE_START, "end": _PASSAGE_START + len(_PASSAGE)}

ASK_REQUEST: Json = {"question": "When do the Olympics end?", "top_k": 3, "collection": "default"}

FILTER: Json = {"year": {"$gte": 2020}}

ASK_RESPONSE: Json = {
    "question": "When do the Olympics end?",
    "answerable": True,
    "no_answer_probability": 0.0312,
    "calibrated": True,
    "warnings": [],
    "corrected": {},
    "answers": [
        {
            "text": "Feb. 20",
            "probability": 0.9127,
            "document": _REFERENCE,
            "span": _SPAN,
            "span_utf16": _SPAN,
            "page": None,
            "heading": None,
            "passage": _PASSAGE_OUT,
            "support": [],
            "location": {
                "page": None,
                "rectangles": [],
                "element": None,
                "fragment": None,
                "paragraph": None,
                "line": 5,
                "column": 174,
            },
        }
    ],
    "generation": 1,
    "took_ms": 61.4,
}

SEARCH_REQUEST: Json = {"query": "winter olympics", "top_k": 10}

FILTERED_SEARCH_REQUEST: Json = {**SEARCH_REQUEST, "where": FILTER, "explain": True}


def _highlight(words: str) -> Json:
    start = _PASSAGE_START + _PASSAGE.index(words)
    span = {"start": start, "end": start + len(words)}
    return {"span": span, "span_utf16": span}


SEARCH_RESPONSE: Json = {
    "query": "winter olympics",
    "hits": [
        {
            "document": _REFERENCE,
            "passage": _PASSAGE_OUT,
            "span": {"start": _PASSAGE_OUT["start"], "end": _PASSAGE_OUT["end"]},
            "span_utf16": {"start": _PASSAGE_OUT["start"], "end": _PASSAGE_OUT["end"]},
            "highlights": [_highlight("Winter"), _highlight("Olympics")],
            "merged": [],
            "sentence": None,
            "scores": {"fused": 1.0, "dense": 0.51, "lexical": 7.2, "relevance": None},
            "explanation": None,
            "page": None,
            "heading": None,
        }
    ],
    "warnings": [],
    "corrected": {},
    "next": None,
    "generation": 1,
    "took_ms": 8.9,
}

SUGGEST_RESPONSE: Json = {
    "text": "winter oly",
    "suggestions": [{"text": "Winter Olympics", "kind": "phrase"}],
    "generation": 1,
    "took_ms": 2.4,
}

DOCUMENT_CONTENT: Json = {"text": "The games conclude Feb. 20.", "title": "News", "metadata": {"year": 2022}}

NEW_DOCUMENT: Json = {"id": "news/games", **DOCUMENT_CONTENT}

DOCUMENT: Json = {
    **_REFERENCE,
    "media_type": "text/plain",
    "encoding": "utf-8",
    "characters": 7397,
    "passages": 12,
    "added_at": "2026-01-31T12:00:00+00:00",
}

STORED: Json = {
    "documents": [DOCUMENT],
    "added": ["news/ukraine"],
    "replaced": [],
    "unchanged": [],
    "failed": [{"source": "news.zip/photo.jpg", "error": "news.zip/photo.jpg is an image, which is not read."}],
    "generation": 1,
}

DOCUMENT_TEXT: Json = {**DOCUMENT, "text": "Feb. 20", "span": _SPAN, "pages": 0, "page": None}

FEEDBACK: Json = {
    "question": "When do the Olympics end?",
    "verdict": "right",
    "document_id": "news/ukraine",
    **_SPAN,
    "content_hash": _HASH,
}

MARK: Json = {
    "question": "When do the Olympics end?",
    "verdict": "right",
    "document_id": "news/ukraine",
    "content_hash": _HASH,
    "span": _SPAN,
    "text": "Feb. 20",
    "marked_at": "2026-01-31T12:00:00+00:00",
}

LABEL: Json = {"question": "When do the Olympics end?", "answers": ["Feb. 20"], "wrong": ["Beijing"]}

HEALTH: Json = {"status": "ok", "version": __version__}

NONCE = "6f1d0c1b3a0e4f7c9b2a5d8e7f605142"

IDENTITY: Json = {"proof": "9c0b6b1f7f0f3a4f6f5d1f3b6f2a0d1c4e5b7a8990123456789abcdef0123456"}

READY: Json = {"status": "ready", "version": __version__, "generation": 3}

STATUS: Json = {
    "collection": "default",
    "documents": 1,
    "passages": 12,
    "characters": 7397,
    "generation": 1,
    "embedding_model": "all-MiniLM-L6-v2",
    "reader": "default",
    "format_version": 4,
    "bytes_on_disk": 159_744,
    "database_bytes": 118_784,
    "log_bytes": 32_768,
    "originals": 1,
    "originals_bytes": 8_192,
    "changed_at": "2026-01-31T12:00:00Z",
    "indexed_generation": 1,
    "search": "exact, every vector compared",
    "index_file": None,
    "dimension": 384,
    "query_prompt": "",
    "passage_prompt": "",
    "pending": [
        {"what": "add", "done": 3_200, "total": 10_000, "started_at": "2026-01-31T12:00:00+00:00", "running": True}
    ],
}

COLLECTION_REQUEST: Json = {"name": "handbook"}

COLLECTION: Json = {"name": "default", "public": False}

JOB: Json = {
    "id": "0f8fad5bd9cb469fa16570867728950e",
    "collection": "default",
    "state": "running",
    "files": 3,
    "done": 2,
    "stored": ["handbook.md"],
    "failed": [{"source": "photo.txt", "error": "photo.txt is not text: byte 0 is 0xff."}],
    "created_at": "2026-01-31T12:00:00+00:00",
}

INDEX: Json = {"name": "Spanwise", "version": __version__, "openapi": "/openapi.json"}

PROBLEM: Json = {
    "type": "urn:spanwise:problem:invalid-request",
    "title": "The request is not valid",
    "status": 422,
    "detail": "`top_k` must be at most 100.",
    "errors": [{"field": "top_k", "detail": "must be at most 100", "limit": 100}],
}
