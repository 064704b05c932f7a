"""What comes in: JSON bodies and query strings. They validate requests and are schemas of the OpenAPI document.

JSON bodies are read strictly: `"3"` and `true` are not whole numbers, and an unknown field is refused by its name.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from ..errors import LimitError
from ..index.loading import LoadOptions
from ..index.pages import DEFAULT_WIDTH, LEAST_WIDTH, MOST_WIDTH
from ..index.records import DocumentInfo, Source, Span
from . import examples
from .fields import (
    MAX_DOCUMENTS_PER_REQUEST,
    MAX_PAGE,
    MAX_QUESTIONS_PER_REQUEST,
    CollectionName,
    DocumentId,
    Filter,
    Metadata,
    Probability,
    Question,
    Text,
    Timed,
    Title,
    TopK,
    Uri,
)


class JsonBody(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class QueryString(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NoQuery(QueryString):
    """The query string of an address that reads everything from the body: a `collection` there would be ignored."""


class _Absent(str):
    """The question of a request that has none: unlike every text that comes in."""


_ABSENT = _Absent()


class AskRequest(JsonBody):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.ASK_REQUEST]})

    # Before `question`, whose check asks whether these were given.
    questions: list[Question] = Field(
        [], min_length=1, max_length=MAX_QUESTIONS_PER_REQUEST, description="Several questions, answered together."
    )
    question: Question = Field(
        default_factory=lambda: _ABSENT,
        validate_default=True,
        description="One question; required without `questions`.",
    )
    top_k: TopK = 3
    min_probability: Probability | None = Field(
        None,
        description="How likely the first answer must be to count as one; what the calibration asks for if absent.",
    )
    where: Filter | None = None
    collection: CollectionName = "default"
    timings: Timed = False

    @field_validator("question", mode="wrap")
    @classmethod
    def one_or_several(cls, value: Any, validate: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """Raises unless exactly one of `question` and `questions` is given."""
        several = bool(info.data.get("questions", True))  # refused ones are named by their own error
        if value is _ABSENT:
            if not several:
                raise PydanticKnownError("missing")
            return value
        if several and info.data.get("questions"):
            raise PydanticCustomError("question", "must be left out where `questions` are given")
        return validate(value)


class SearchRequest(JsonBody):
    model_config = ConfigDict(
        json_schema_extra={"examples": [examples.SEARCH_REQUEST, examples.FILTERED_SEARCH_REQUEST]}
    )

    query: Question
    top_k: TopK = 10
    mode: Literal["hybrid", "dense", "lexical"] = Field("hybrid", description="By meaning and words, or one of them.")
    where: Filter | None = None
    cursor: str | None = Field(
        None, max_length=200, description="`next` of the page before, with the same query, mode, filter and options."
    )
    rerank: bool = Field(False, description="Let the reading model re-rank the first 20 passages.")
    merge: bool = Field(True, description="Show a passage and its neighbours that are hits too as one.")
    sentences: bool = Field(False, description="Mark the sentence of each hit whose meaning is nearest to the query.")
    explain: bool = Field(False, description="Say how each score came about.")
    prefix: bool = Field(False, description="Whether the last word may be unfinished, as while it is typed.")
    collection: CollectionName = "default"
    timings: Timed = False


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


class CollectionRequest(JsonBody):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.COLLECTION_REQUEST]})

    name: CollectionName


class CollectionQuery(QueryString):
    collection: CollectionName = "default"


class SuggestQuery(CollectionQuery):
    text: Question = Field(description="What was typed so far; a space at its end finishes the last word.")
    limit: TopK = 8


class FeedbackRequest(JsonBody):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.FEEDBACK]})

    question: Question
    verdict: Literal["right", "wrong", "absent"] = Field(
        description="Of the answer; `absent`, without a document: the documents do not answer the question."
    )
    document_id: DocumentId | None = None
    start: int | None = Field(None, ge=0, description="First code point of the answer; absent for the whole document.")
    end: int | None = Field(None, ge=0, description="End of the answer, exclusive.")
    content_hash: str | None = Field(
        None, max_length=200, description="The version that was judged. Where another one is stored, a 409."
    )
    collection: CollectionName = "default"

    @property
    def span(self) -> Span | None:
        """What was judged; None for the whole document. Raises LimitError where only one end is given."""
        return _span(self.start, self.end)


class UploadQuery(CollectionQuery):
    encoding: str | None = Field(None, max_length=40, description="Encoding of text files; detected if absent.")
    keep_all: bool = Field(False, description="Whether to keep the navigation of web pages.")
    columns: str | None = Field(
        None,
        max_length=1_000,
        pattern=r"^[^=,]+=[^=,]+(,[^=,]+=[^=,]+)*$",
        description="Which columns of CSV, JSON and JSONL files hold `text`, `id`, `title` and `uri`, like "
        "`text=answer,title=question`; further names become metadata.",
    )

    def options(self) -> LoadOptions:
        """How the engine is to read the files."""
        pairs = (pair.partition("=") for pair in (self.columns or "").split(",") if pair)
        return LoadOptions(self.encoding, self.keep_all, {name: column for name, _, column in pairs})


class PageQuery(CollectionQuery):
    limit: int = Field(100, ge=1, le=MAX_PAGE, description="How many documents to list.")
    after: str | None = Field(None, max_length=512, description="List what follows this id: `next` of the page before.")


class SliceQuery(CollectionQuery):
    start: int | None = Field(None, ge=0, description="First code point of the slice; the start of the text if absent.")
    end: int | None = Field(None, ge=0, description="End of the slice, exclusive; the end of the text if absent.")

    content_hash: str | None = Field(
        None, max_length=200, description="The version that is meant. Where another one is stored, the answer is a 409."
    )

    def within(self, document: DocumentInfo) -> Span:
        """The span that was asked for in the text of `document`.

        Raises VersionConflictError if another version was meant, LimitError if the span does not lie inside the text.
        """
        document.check_version(self.content_hash)
        return document.span(self.start or 0, document.characters if self.end is None else self.end)


class PictureQuery(CollectionQuery):
    start: int | None = Field(None, ge=0, description="First code point of the words to highlight; none if absent.")
    end: int | None = Field(None, ge=0, description="End of those words, exclusive.")
    width: int = Field(DEFAULT_WIDTH, ge=LEAST_WIDTH, le=MOST_WIDTH, description="Width of the picture in pixels.")
    content_hash: str | None = Field(
        None, max_length=200, description="The version that is meant. Where another one is stored, the answer is a 409."
    )

    @property
    def span(self) -> Span | None:
        """What is to be highlighted, if anything. Raises LimitError for half a span."""
        return _span(self.start, self.end)


class IdentityQuery(QueryString):
    nonce: str = Field(pattern=r"^[0-9a-f]{32,64}$", description="Random.", examples=[examples.NONCE])


def _span(start: int | None, end: int | None) -> Span | None:
    """Both ends as a span; None where there is neither. Raises LimitError for one end, and an end before the start."""
    if start is None and end is None:
        return None
    if start is None or end is None or end < start:
        raise LimitError(
            "A span has a `start` and an `end` behind it.",
            subject=(start, end),
            way_out="Send both, as the answer has them, or neither.",
        )
    return Span(start, end)
