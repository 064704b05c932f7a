"""Dataclasses as the JSON objects of HTTP and of the command line's `--json`. Imports neither flask nor pydantic.

What has the same fields in both is taken over by `asdict`; the rest, and what there is much of, is written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..index.locating import page_at
from ..index.records import Added, Document, DocumentInfo, Passage, Span
from ..index.results import Highlight, Hit, Hits, Suggestions
from ..qa.records import Answer, AskResult, Support

Json = dict[str, Any]

HEADING_SEPARATOR = " › "


def ask_json(result: AskResult, *, timings: bool = False) -> Json:
    """The object that `POST /v1/ask` answers; with `timings`, how long each stage took."""
    return {
        "question": result.question,
        "answerable": result.answerable,
        "no_answer_probability": _probability(result.no_answer_probability),
        "calibrated": result.calibrated,
        "warnings": list(result.warnings),
        "corrected": dict(result.corrected),
        "answers": [answer_json(answer) for answer in result.answers],
        "generation": result.generation,
        "took_ms": _milliseconds(result.took_ms),
        "timings_ms": _timings(result.timings_ms) if timings else None,
    }


def answer_json(answer: Answer) -> Json:
    """One answer: its words, where they stand, and the other places that agree."""
    return {
        "text": answer.text,
        "probability": _probability(answer.probability),
        "document": reference_json(answer.document),
        "span": span_json(answer.span),
        "span_utf16": span_json(answer.span_utf16),
        "page": answer.page,
        "heading": heading_json(answer.heading),
        "passage": passage_json(answer.passage),
        "support": [support_json(support) for support in answer.support],
        "location": asdict(answer.location) if answer.location else None,
    }


def hits_json(hits: Hits, *, timings: bool = False) -> Json:
    """The object that `POST /v1/search` answers; with `timings`, how long each stage took."""
    return {
        "query": hits.query,
        "hits": [hit_json(hit) for hit in hits],
        "warnings": list(hits.warnings),
        "corrected": dict(hits.corrected),
        "next": hits.next,
        "generation": hits.generation,
        "took_ms": _milliseconds(hits.took_ms),
        "timings_ms": _timings(hits.timings_ms) if timings else None,
    }


def suggestions_json(found: Suggestions) -> Json:
    """The object that `GET /v1/suggest` answers."""
    return {
        "text": found.text,
        "suggestions": [{"text": one.text, "kind": one.kind} for one in found],
        "generation": found.generation,
        "took_ms": _milliseconds(found.took_ms),
    }


def hit_json(hit: Hit) -> Json:
    """One passage that was found, with its scores; `span` is that of the passage, where answers have theirs."""
    return {
        "document": reference_json(hit.document),
        "passage": passage_json(hit.passage),
        "span": span_json(hit.passage.span),
        "span_utf16": span_json(hit.passage.span_utf16),
        "highlights": [highlight_json(one) for one in hit.highlights],
        "merged": [span_json(span) for span in hit.merged],
        "sentence": highlight_json(hit.sentence) if hit.sentence else None,
        "scores": asdict(hit.scores),
        "explanation": asdict(hit.explanation) if hit.explanation else None,
        "page": hit.passage.page,
        "heading": heading_json(hit.passage.heading),
    }


def reference_json(document: DocumentInfo) -> Json:
    """A document as answers and hits name it."""
    return {
        "id": document.id,
        "title": document.title,
        "uri": document.uri,
        "metadata": dict(document.metadata),
        "content_hash": document.content_hash,
    }


def document_json(document: DocumentInfo) -> Json:
    """A document as lists show it, without its text."""
    return {
        **reference_json(document),
        "media_type": document.media_type,
        "encoding": document.encoding,
        "characters": document.characters,
        "passages": document.passages,
        "added_at": document.added_at,
    }


def stored_json(added: Added) -> Json:
    """What a change did: the versions that are stored now, in the order given, and the generation that shows them."""
    return {
        "documents": [document_json(document) for document in added.documents],
        "added": list(added.added),
        "replaced": list(added.replaced),
        "unchanged": list(added.unchanged),
        "failed": [asdict(failure) for failure in added.failed],
        "generation": added.generation,
    }


def document_text_json(document: Document, span: Span) -> Json:
    """A document with the part of its text that `span` names; `span` must lie inside the text."""
    return {
        **document_json(document.info),
        "text": span.of(document.text),
        "span": span_json(span),
        "pages": len(document.pages),
        "page": page_at(document.pages, span.start),
    }


def passage_json(passage: Passage) -> Json:
    """The words of a passage and where they start and end in its document, in code points."""
    return {"text": passage.text, **span_json(passage.span)}


def support_json(support: Support) -> Json:
    """Another place that says the same, in code points of its document."""
    return {"document_id": support.document_id, **span_json(support.span)}


def span_json(span: Span) -> Json:
    return {"start": span.start, "end": span.end}


def highlight_json(highlight: Highlight) -> Json:
    """A part of a document's text in both ways of counting."""
    return {"span": span_json(highlight.span), "span_utf16": span_json(highlight.span_utf16)}


def heading_json(heading: tuple[str, ...]) -> str | None:
    """The headings above a passage as one line, outermost first; None where there are none."""
    return HEADING_SEPARATOR.join(heading) or None


def _timings(stages: Mapping[str, float]) -> Json:
    return {name: round(value, 2) for name, value in stages.items()}


def _probability(value: float) -> float:
    return round(value, 4)


def _milliseconds(value: float) -> float:
    return round(value, 1)
