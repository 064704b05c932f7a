"""The shapes of requests and responses. They validate what comes in and are the OpenAPI document's schemas.

JSON bodies are read strictly: `"3"` and `true` are not whole numbers, and an unknown field is refused by its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from flask import current_app
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from ..errors import LimitError
from ..index.records import Source, Span
from ..settings import Settings
from . import examples
from .validation import NOT_BLANK, shown

MAX_DOCUMENTS_PER_REQUEST = 1_000
MAX_PAGE = 1_000
MAX_METADATA_NAME = 200
MAX_METADATA_TEXT = 10_000


def settings() -> Settings:
    """The settings of the running application."""
    found = current_app.config["SPANWISE"]
    assert isinstance(found, Settings)
    return found


@dataclass(frozen=True)
class AtMost:
    """Bounds a text's length or a number by the running application's setting of that name."""

    setting: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler(schema)
        described["maxLength" if described["type"] == "string" else "maximum"] = self.limit
        return described

    @property
    def limit(self) -> int:
        limit = getattr(settings(), self.setting)
        assert isinstance(limit, int)
        return limit

    def check(self, value: str | int) -> str | int:
        """`value`, if it is within the limit.

        Raises the errors that pydantic's own `max_length` and `le` raise.
        """
        if isinstance(value, str):
            if len(value) > self.limit:
                raise PydanticKnownError("string_too_long", {"max_length": self.limit})
        elif value > self.limit:
            raise PydanticKnownError("less_than_equal", {"le": self.limit})
        return value


def _one_metadata_error(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Names the key at fault once, where pydantic would list every member of the union that did not fit."""
    if not isinstance(value, dict):
        raise PydanticCustomError("metadata", "must be a JSON object")
    try:
        return validate(value)
    except ValidationError as error:
        raise PydanticCustomError(
            "metadata",
            "may hold text (names up to {name} characters, values up to {text}), finite numbers, true, false, null and "
            "lists of those, and “{key}” is something else",
            {"name": MAX_METADATA_NAME, "text": MAX_METADATA_TEXT, "key": shown(str(error.errors()[0]["loc"][0]))},
        ) from None


Scalar = Annotated[str, Field(max_length=MAX_METADATA_TEXT)] | int | float | bool | None
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=MAX_METADATA_NAME)], Scalar | list[Scalar]],
    WrapValidator(_one_metadata_error),
    Field(description="Your own values, returned with every answer from this document."),
]
Question = Annotated[str, Field(min_length=1, pattern=NOT_BLANK), AtMost("max_question_characters")]
CollectionName = Annotated[str, Field(min_length=1, max_length=64, description="The collection to use.")]
TopK = Annotated[int, Field(ge=1, description="How many to return, best first."), AtMost("max_top_k")]
Text = Annotated[
    str,
    Field(min_length=1, description="The text. Stored as it is: spans count its Unicode code points."),
    AtMost("max_document_characters"),
]
DocumentId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=512,
        pattern=r"^[A-Za-z0-9._~/-]+$",
        description="Letters, digits and `. _ ~ / -`, without empty, `.` or `..` segments. "
        "Without an id, the content hash of the text is used.",
    ),
]
Title = Annotated[str, Field(max_length=1_000)]
Uri = Annotated[str, Field(max_length=2_000, description="Shown with answers; never opened.")]
Offset = Annotated[int, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]


# ── What comes in ─────────────────────────────────────────────────────────────────────────────────────────────────


class JsonBody(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class QueryString(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AskRequest(JsonBody):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.ASK_REQUEST]})

    question: Question
    top_k: TopK = 3
    collection: CollectionName = "default"


class SearchRequest(JsonBody):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.SEARCH_REQUEST]})

    query: Question
    top_k: TopK = 10
    collection: CollectionName = "default"


class DocumentContent(JsonBody):
    """What PUT stores under the id of the address."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.DOCUMENT_CONTENT]})

    text: Text
    title: Title | None = None
    uri: Uri | None = None
    metadata: Metadata = Field(default_factory=dict)

    def source(self, document_id: str | None = None) -> Source:
        """The source that the engine takes."""
        return Source(self.text, id=document_id, title=self.title, uri=self.uri, metadata=self.metadata)


class NewDocument(DocumentContent):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.NEW_DOCUMENT]})

    id: DocumentId | None = None


class AddDocumentsRequest(JsonBody):
    model_config = ConfigDict(json_schema_extra={"examples": [{"documents": [examples.NEW_DOCUMENT]}]})

    documents: list[NewDocument] = Field(min_length=1, max_length=MAX_DOCUMENTS_PER_REQUEST)

    def sources(self) -> list[Source]:
        """The sources that the engine takes, in the order given."""
        return [document.source(document.id) for document in self.documents]


class CollectionQuery(QueryString):
    collection: CollectionName = "default"


class PageQuery(CollectionQuery):
    limit: int = Field(100, ge=1, le=MAX_PAGE, description="How many documents to list.")
    after: str | None = Field(None, max_length=512, description="List what follows this id: `next` of the page before.")


class SliceQuery(CollectionQuery):
    start: int | None = Field(None, ge=0, description="First code point of the slice; the start of the text if absent.")
    end: int | None = Field(None, ge=0, description="End of the slice, exclusive; the end of the text if absent.")

    def within(self, characters: int) -> Span:
        """The span that was asked for in a text of so many code points.

        Raises LimitError if it does not lie inside the text.
        """
        start = 0 if self.start is None else self.start
        end = characters if self.end is None else self.end
        if not start <= end <= characters:
            raise LimitError(
                f"The span from {start} to {end} does not lie in this document, which is {characters} characters long.",
                subject=(start, end),
                way_out=f"`start` and `end` count code points: 0 ≤ start ≤ end ≤ {characters}.",
            )
        return Span(start, end)


# ── What goes out ─────────────────────────────────────────────────────────────────────────────────────────────────


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
    characters: int = Field(description="Length of the text in code points.")
    passages: int
    added_at: str = Field(description="When this version was stored: UTC, ISO 8601.")


class DocumentTextOut(DocumentOut):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.DOCUMENT_TEXT]})

    text: str = Field(description="The whole text, or the slice that was asked for.")
    span: SpanOut = Field(description="Where `text` stands in the document, in code points.")


class DocumentsOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"documents": [examples.DOCUMENT], "next": None}]})

    documents: list[DocumentOut] = Field(description="Ordered by id.")
    next: str | None = Field(description="Pass it as `after` for the next page; null on the last one.")


class StoredOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"documents": [examples.DOCUMENT], "generation": 1}]})

    documents: list[DocumentOut] = Field(description="What was stored, in the order given.")
    generation: int


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


class AskResponse(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.ASK_RESPONSE]})

    question: str
    answerable: bool = Field(description="Whether the first answer is good enough to be shown as one.")
    no_answer_probability: Probability
    calibrated: bool = Field(description="Whether the probabilities were fitted on labelled questions.")
    answers: list[AnswerOut] = Field(description="Best first, also when `answerable` is false.")
    generation: int = Field(description="The generation of the collection that was read.")
    took_ms: float


class HitOut(BaseModel):
    document: DocumentReference
    passage: PassageOut
    span_utf16: SpanOut
    scores: ScoresOut
    page: int | None
    heading: str | None


class SearchResponse(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.SEARCH_RESPONSE]})

    query: str
    hits: list[HitOut] = Field(description="Best first.")
    generation: int
    took_ms: float


class HealthOut(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.HEALTH]})

    status: str
    version: str


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
