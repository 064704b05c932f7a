"""What goes out: the shapes of responses, which are schemas of the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from . import examples
from .fields import Offset, Probability

CORRECTED = "Words that no document holds, each with the word of the documents that was searched for instead."


class SpanOut(BaseModel):
    """A half-open range: `end` is the first position after it."""

    start: Offset
    end: Offset


class PassageOut(BaseModel):
    """A passage and where it stands in its document, in code points."""

    text: str
    start: Offset
    end: Offset


class SupportOut(BaseModel):
    """Another place that says the same, in code points of that document."""

    document_id: str
    start: Offset
    end: Offset


class ScoresOut(BaseModel):
    """How a hit was found; null where that way of searching did not return it."""

    fused: float
    dense: float | None
    lexical: float | None
    relevance: float | None


class DocumentReference(BaseModel):
    id: str
    title: str | None
    uri: str | None
    metadata: dict[str, Any]
    content_hash: str = Field(description="Names the version of the text: `sha256:` and the digest of its UTF-8 bytes.")


class DocumentOut(DocumentReference):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.DOCUMENT]})

    media_type: str
    encoding: str | None = Field(None, description="How the bytes of a text file were decoded.")
    characters: int = Field(description="Length of the text in code points.")
    passages: int
    added_at: str = Field(description="When this version was stored: UTC, ISO 8601.")


class DocumentTextOut(DocumentOut):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.DOCUMENT_TEXT]})

    text: str = Field(description="The whole text, or the slice that was asked for.")
    span: SpanOut = Field(description="Where `text` stands in the document, in code points.")
    pages: int = Field(description="How many pages the source has; 0 where it has none.")
    page: int | None = Field(description="The page that `text` begins on, from 1.")


class DocumentsOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"documents": [examples.DOCUMENT], "next": None}]})

    documents: list[DocumentOut] = Field(description="Ordered by id.")
    next: str | None = Field(description="Pass it as `after` for the next page; null on the last one.")


class FailedOut(BaseModel):
    """What could not be stored, and why."""

    source: str = Field(description="The file's name.")
    error: str


class StoredOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.STORED]})

    documents: list[DocumentOut] = Field(description="What is stored now, in the order given.")
    added: list[str] = Field(description="The ids that are new.")
    replaced: list[str] = Field(description="The ids whose document was another one.")
    unchanged: list[str] = Field(description="The ids whose document was the same already.")
    failed: list[FailedOut] = Field(description="Members of archives that could not be read.")
    generation: int


class RectangleOut(BaseModel):
    """In points from the top left corner of the page as it is shown, y downwards."""

    page: int
    left: float
    top: float
    right: float
    bottom: float


class LocationOut(BaseModel):
    page: int | None = Field(description="From 1.")
    rectangles: list[RectangleOut] = Field(description="What the words cover, one for each line they touch.")
    element: str | None = Field(description="XPath of the element, behind `part#` where the source has parts.")
    fragment: str | None = Field(description="What to append to the address of the source to be led to the words.")
    paragraph: int | None = Field(description="From 1, in the body of the source.")
    line: int | None = Field(description="From 1.")
    column: int | None = Field(description="From 1, in code points.")


class AnswerOut(BaseModel):
    text: str = Field(description="The exact words of the document at `span`.")
    probability: Probability = Field(description="P(this answer is right).")
    document: DocumentReference
    span: SpanOut = Field(description="In Unicode code points of the document's text.")
    span_utf16: SpanOut = Field(description="The same range in UTF-16 code units, as JavaScript counts.")
    page: int | None
    heading: str | None
    passage: PassageOut
    support: list[SupportOut]
    location: LocationOut | None = Field(None, description="Where the words stand in the source.")


TIMINGS = Field(None, description="Milliseconds of each stage, where `timings` asked for them.")


class AskResponse(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.ASK_RESPONSE]})

    question: str
    answerable: bool = Field(description="Whether the first answer is good enough to be shown as one.")
    no_answer_probability: Probability
    calibrated: bool = Field(description="Whether the probabilities were fitted on labelled questions.")
    warnings: list[str] = Field(description="Why the answers deserve less trust than their probabilities say.")
    corrected: dict[str, str] = Field(description=CORRECTED)
    answers: list[AnswerOut] = Field(description="Best first, also when `answerable` is false.")
    generation: int = Field(description="The generation of the collection that was read.")
    took_ms: float
    timings_ms: dict[str, float] | None = TIMINGS


class AskManyResponse(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"results": [examples.ASK_RESPONSE]}]})

    results: list[AskResponse] = Field(description="One for each question, in their order.")


class AskOut(RootModel[AskResponse | AskManyResponse]):
    """For `question` its result; for `questions` a list of results."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ASK_RESPONSE]})


class HighlightOut(BaseModel):
    """A part of the document's text, in code points and in UTF-16 code units."""

    span: SpanOut
    span_utf16: SpanOut


class TermOut(BaseModel):
    word: str
    score: float = Field(description="Its share of the BM25 score.")


class ExplanationOut(BaseModel):
    """`fused` is `dense_weight * dense_share + (1 - dense_weight) * lexical_share`; where `exact` is not null, half
    of that, and one half more where it is true."""

    terms: list[TermOut] = Field(description="The words of the query that count.")
    left_out: list[str] = Field(description="Words of the query that stand in too many passages to count.")
    dense_share: float = Field(description="The cosine, normalised within the question.")
    lexical_share: float = Field(description="The BM25 score, normalised within the question.")
    dense_weight: float
    words: list[str] = Field(description="The same in sentences.")
    exact: bool | None = Field(None, description="Whether it holds the quoted phrases and codes; null where none does.")


class HitOut(BaseModel):
    document: DocumentReference
    passage: PassageOut
    span: SpanOut = Field(description="Of the passage, in Unicode code points of the document's text, as of an answer.")
    span_utf16: SpanOut = Field(description="The same range in UTF-16 code units, as JavaScript counts.")
    highlights: list[HighlightOut] = Field([], description="What matched the words of the query, stems included.")
    merged: list[SpanOut] = Field([], description="The neighbouring passages that are shown as this one.")
    sentence: HighlightOut | None = Field(None, description="The nearest sentence, where it was asked for.")
    scores: ScoresOut
    explanation: ExplanationOut | None = Field(None, description="How the score came about, where it was asked for.")
    page: int | None
    heading: str | None


class SearchResponse(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.SEARCH_RESPONSE]})

    query: str
    hits: list[HitOut] = Field(description="Best first.")
    warnings: list[str] = Field(
        [], description="Why nothing could be found: no documents, or none that the filter allows."
    )
    corrected: dict[str, str] = Field(description=CORRECTED)
    next: str | None = Field(None, description="Pass it as `cursor` for the next page; null on the last one.")
    generation: int
    took_ms: float
    timings_ms: dict[str, float] | None = TIMINGS


class SuggestionOut(BaseModel):
    text: str
    kind: Literal["title", "phrase"] = Field(description="A title or heading, or words that stand in a document.")


class SuggestResponse(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.SUGGEST_RESPONSE]})

    text: str
    suggestions: list[SuggestionOut] = Field(description="Best first.")
    generation: int
    took_ms: float


class HealthOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.HEALTH]})

    status: str
    version: str


class ReadyOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.READY]})

    status: str
    version: str
    generation: int | None = Field(description="Of the default collection; null while there is none.")


class IdentityOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.IDENTITY]})

    proof: str = Field(description="HMAC-SHA256 of nonce, address and data folder, in hexadecimal digits.")


class WorkOut(BaseModel):
    what: Literal["add", "reindex", "index"]
    done: int
    total: int
    started_at: str
    running: bool = Field(description="False: it was cut off; begun again, it goes on where it was.")


class StatusOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.STATUS]})

    collection: str
    documents: int
    passages: int
    characters: int = Field(description="In code points.")
    generation: int = Field(description="Grows by one with every change.")
    embedding_model: str
    reader: str
    format_version: int
    bytes_on_disk: int = Field(description="Everything of the collection.")
    database_bytes: int
    log_bytes: int = Field(description="Changes that are not yet folded into the database file.")
    originals: int = Field(description="Files that are kept.")
    originals_bytes: int
    changed_at: str | None = Field(description="When the last change was made: UTC, ISO 8601.")
    indexed_generation: int | None = Field(
        description="The generation that the server's index is of; the next search brings it up to date."
    )
    search: str = Field(description="How vectors are searched: `exact…` or `approximate…`.")
    index_file: str | None = Field(
        description="What is kept of the vector index on disk, and what was wrong with it; null where nothing is."
    )
    dimension: int | None
    query_prompt: str
    passage_prompt: str
    pending: list[WorkOut] = Field(
        description="Folders being added, reindexings and vector indexes being made, in any process."
    )


class MarkOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.MARK]})

    question: str
    verdict: Literal["right", "wrong", "absent"]
    document_id: str | None
    content_hash: str | None
    span: SpanOut | None
    text: str | None = Field(description="The words that were judged.")
    marked_at: str = Field(description="UTC, ISO 8601.")


class LabelOut(BaseModel):
    """A line of the file that `spanwise calibrate` reads."""

    question: str
    answers: list[str] = Field(description="What was marked as right; empty where nothing answers the question.")
    wrong: list[str] = Field([], description="What was marked as wrong; without `answers`, what is right is not known.")


class LabelsOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"labels": [examples.LABEL]}]})

    labels: list[LabelOut] = Field(description="One for each question, in the order they were first marked.")


class CollectionOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.COLLECTION]})

    name: str
    public: bool = Field(description="Whether pages may read it without a key.")


class CollectionsOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"collections": [examples.COLLECTION], "scope": "read"}]})

    collections: list[CollectionOut] = Field(description="Ordered by name.")
    scope: Literal["read", "write", "admin"] = Field(description="What the caller may do with them.")


class JobOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.JOB]})

    id: str
    collection: str
    state: Literal["queued", "running", "done", "cancelled"]
    files: int = Field(description="How many were sent.")
    done: int = Field(description="How many were stored or failed.")
    stored: list[str] = Field(description="The ids of those that were stored.")
    failed: list[FailedOut]
    created_at: str


class IndexOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.INDEX]})

    name: str
    version: str
    openapi: str = Field(description="Where the OpenAPI document is.")


class FieldError(BaseModel):
    field: str = Field(description="The field at fault, like `documents[3].text`.")
    detail: str
    limit: int | float | None = Field(None, description="The limit that was passed, where there is one.")


class Problem(BaseModel):
    """An error as RFC 9457 describes it."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PROBLEM]})

    type: str = Field(description="Names the kind of problem; stable.")
    title: str
    status: int
    detail: str = Field(description="What went wrong this time, and the way out.")
    errors: list[FieldError] | None = Field(None, description="The fields at fault, where the request was refused.")
