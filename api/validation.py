"""What pydantic refused, as field, reason and limit in words for whoever sent the request."""

from __future__ import annotations

from types import ModuleType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Json = dict[str, Any]

NOT_BLANK = r"\S"
"""The pattern of a text that must hold more than spaces."""

_REASONS = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "string_type": "must be a string",
    "string_too_long": "must be at most {max_length} characters long",
    "string_too_short": "must not be empty",
    "string_unicode": "holds half of a surrogate pair, which is not text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}, and holds {actual_length}",
    "model_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "bool_type": "must be true or false",
    "literal_error": "must be {expected}",
    "string_pattern_mismatch": "must match the pattern {pattern}",
}
_COLLECTION_IN_ADDRESS = ("AddDocumentsRequest", "DocumentContent")
"""Bodies whose collection is a query parameter."""
_LIMITS = ("max_length", "min_length", "le", "ge")


def field_errors(error: ValidationError) -> list[Json]:
    """One object for each field at fault: `field`, `detail` and, where one was passed, `limit`."""
    return [_field_error(one) for one in error.errors(include_url=False, include_input=False)]


def where_it_belongs(error: ValidationError, schemas: ModuleType) -> str:
    """A sentence, behind a space, on the first unknown field: which are known where it stands; empty without one.

    `schemas` is the module of the class that refused the request, which pydantic tells by its name.
    """
    unknown = next((one for one in error.errors(include_url=False) if one["type"] == "extra_forbidden"), None)
    model: Any = getattr(schemas, error.title, None)
    if unknown is None or model is None:
        return ""
    for step in unknown["loc"][:-1]:
        if isinstance(step, str):  # a number is a place in a list of the model that is named before it
            field = getattr(model, "model_fields", {}).get(step)
            model = next(iter(get_args(field.annotation)), None) if field else None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return ""
    if not model.model_fields:
        return " This address takes no query string: send it in the JSON body."
    known = f" Known are {', '.join(model.model_fields)}."
    in_address = error.title in _COLLECTION_IN_ADDRESS and unknown["loc"] == ("collection",)
    return known + (" Here it stands in the address: ?collection=NAME." if in_address else "")


def sentence(fields: list[Json]) -> str:
    """The first few field errors in one sentence."""
    said = "; ".join(f"`{one['field']}` {one['detail']}" for one in fields[:3])
    return f"{said}; and {len(fields) - 3} more." if len(fields) > 3 else f"{said}."


def shown(name: str) -> str:
    """`name` as an error may repeat it: short and printable."""
    return printable(name if len(name) <= 80 else f"{name[:79]}…")


def printable(text: str) -> str:
    """`text` with what UTF-8 cannot encode written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _field_error(error: ErrorDetails) -> Json:
    context = error.get("ctx", {})
    reason = _REASONS[error["type"]].format(**context) if error["type"] in _REASONS else error["msg"]
    if context.get("pattern") == NOT_BLANK:
        reason = "must hold more than spaces"
    described: Json = {"field": _field_name(error["loc"]), "detail": reason}
    if limits := [context[name] for name in _LIMITS if name in context]:
        described["limit"] = limits[0]
    return described


def _field_name(location: tuple[int | str, ...]) -> str:
    name = ""
    for step in location:
        name += f"[{step}]" if isinstance(step, int) else f".{shown(step)}"
    return name.removeprefix(".") or "body"
