"""The kinds of fields that requests and responses are made of, with their limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from flask import current_app
from pydantic import (
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from ..settings import Settings
from .validation import NOT_BLANK, shown

MAX_DOCUMENTS_PER_REQUEST = 1_000
MAX_QUESTIONS_PER_REQUEST = 100
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
COLLECTION_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
CollectionName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description="The collection to use.",
        json_schema_extra={"pattern": COLLECTION_PATTERN},  # described here, checked by the engine
    ),
]
TopK = Annotated[int, Field(ge=1, description="How many to return, best first."), AtMost("max_top_k")]


def _no_text(value: Any) -> Any:
    """Refuses a filter as the command line and the library take it, with the form it has here."""
    if isinstance(value, str):
        raise PydanticCustomError("filter", 'must be a JSON object, such as {"year": {"$gte": 2020}}, not a text')
    return value


Filter = Annotated[
    dict[str, Any],
    BeforeValidator(_no_text),
    Field(
        description="Which documents and passages may be found, by metadata and by `document.id`, `document.title`, "
        "`document.uri`, `document.media_type`, `document.added_at` and `passage.page`. Values are equal, one of a "
        "list, or compared with `$eq $ne $in $nin $lt $lte $gt $gte`; `$and`, `$or` and `$not` combine.",
        examples=[{"year": {"$gte": 2020}, "topics": ["sport", "art"]}],
    ),
]
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
Timed = Annotated[bool, Field(description="Whether to say how long each stage took.")]
Offset = Annotated[int, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
