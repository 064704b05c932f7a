"""The JSON objects of HTTP and of `--json` as the library's dataclasses: the way back of `api.serialise`."""

from __future__ import annotations

import dataclasses
from typing import Any

from .api.serialise import HEADING_SEPARATOR
from .index.records import DocumentInfo, Location, Passage, Rectangle, Span
from .index.results import Explanation, Highlight, Hit, Hits, Scores, Suggestion, Suggestions, TermScore
from .qa.records import Answer, AskResult, Support

Json = dict[str, Any]


def of_fields(said: Json, cls: type) -> Json:
    """What of an object the dataclass `cls` has a field for."""
    return {field.name: said[field.name] for field in dataclasses.fields(cls) if field.name in said}


def document_info(said: Json) -> DocumentInfo:
    """The document that an object names; of a document that a hit names, only what names it is known."""
    unknown = {"media_type": "", "characters": 0, "passages": 0, "added_at": ""}
    return DocumentInfo(**of_fields({**unknown, **said}, DocumentInfo))


def ask_result(said: Json) -> AskResult:
    """What `POST /v1/ask` answers to one question."""
    given = {"answers": tuple(_answer(one) for one in said["answers"]), "warnings": tuple(said.get("warnings", ()))}
    return AskResult(**{**of_fields(said, AskResult), **given})


def hits(said: Json) -> Hits:
    """What `POST /v1/search` answers."""
    found = tuple(_hit(one) for one in said["hits"])
    plain = {name: value for name, value in of_fields(said, Hits).items() if value is not None}
    return Hits(**{**plain, "hits": found, "warnings": tuple(said.get("warnings", ()))})


def suggestions(said: Json) -> Suggestions:
    """What `GET /v1/suggest` answers."""
    found = tuple(Suggestion(one["text"], one["kind"]) for one in said["suggestions"])
    return Suggestions(said["text"], found, said["generation"], said["took_ms"])


def _answer(said: Json) -> Answer:
    return Answer(
        text=said["text"],
        probability=said["probability"],
        span=Span(**said["span"]),
        span_utf16=Span(**said["span_utf16"]),
        passage=_passage(said, None),
        support=tuple(Support(one["document_id"], Span(one["start"], one["end"])) for one in said["support"]),
        location=_location(said.get("location")),
    )


def _location(said: Json | None) -> Location | None:
    if said is None:
        return None
    return Location(**{**said, "rectangles": tuple(Rectangle(**one) for one in said["rectangles"])})


def _hit(said: Json) -> Hit:
    return Hit(
        _passage(said, Span(**said["span_utf16"])),
        Scores(**said["scores"]),
        tuple(_highlight(one) for one in said["highlights"]),
        tuple(Span(**one) for one in said["merged"]),
        _highlight(said["sentence"]) if said["sentence"] else None,
        _explanation(said["explanation"]) if said["explanation"] else None,
    )


def _highlight(said: Json) -> Highlight:
    return Highlight(Span(**said["span"]), Span(**said["span_utf16"]))


def _explanation(said: Json) -> Explanation:
    terms = tuple(TermScore(**one) for one in said["terms"])
    lists = {"terms": terms, "left_out": tuple(said["left_out"]), "words": tuple(said["words"])}
    return Explanation(**{**said, **lists})


def _passage(said: Json, utf16: Span | None) -> Passage:
    passage = said["passage"]
    span = Span(passage["start"], passage["end"])
    heading = tuple(said["heading"].split(HEADING_SEPARATOR)) if said["heading"] else ()
    utf16 = utf16 or _passage_utf16(said, span)
    return Passage(document_info(said["document"]), span, passage["text"], utf16, heading, said["page"])


def _passage_utf16(said: Json, passage: Span) -> Span:
    """Where the passage of an answer stands in UTF-16, from where the answer in it does."""
    text = said["passage"]["text"]
    within = Span(0, said["span"]["start"] - passage.start).utf16(text).end
    start = said["span_utf16"]["start"] - within
    return Span(start, start + Span(0, len(text)).utf16(text).end)
