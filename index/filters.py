"""Which documents and passages a search may return: a small tree of conditions, read from JSON or from `year>=2020`.

    {"topic": "sport"}                                equal; a list of values holds when one of them does
    {"topic": ["sport", "games"]}                     any of
    {"year": {"$gte": 2020, "$lt": 2024}}             ranges, of numbers and of text (so of ISO dates)
    {"$or": [{"year": 2020}, {"$not": {"topic": "sport"}}]}

Names are those of the metadata; what Spanwise knows itself is `document.id`, `document.title`, … (`BUILT_IN`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Any, Literal

from ..errors import FilterError

Value = str | int | float | bool
Bound = Literal["<", "<=", ">", ">="]
AnyWhere = Mapping[str, object] | str | Sequence[Mapping[str, object] | str]

BUILT_IN = (
    "document.id",
    "document.title",
    "document.uri",
    "document.media_type",
    "document.added_at",
    "passage.page",
)
MOST_CONDITIONS = 100
MOST_VALUES = 10_000
MOST_LEVELS = 10


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The field has one of `values`; with `or_none`, or no value at all. 1 equals 1.0, not true."""

    field: str
    values: tuple[Value, ...]
    or_none: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """The field has a value on that side of `bound`: numbers by size, text by code points."""

    field: str
    side: Bound
    bound: str | int | float


@dataclass(frozen=True, slots=True)
class AllHold:
    parts: tuple[Where, ...]


@dataclass(frozen=True, slots=True)
class OneHolds:
    parts: tuple[Where, ...]


@dataclass(frozen=True, slots=True)
class DoesNotHold:
    part: Where


Where = AnyOf | Range | AllHold | OneHolds | DoesNotHold

_SIDES: Mapping[str, Bound] = {"$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">="}
_OPERATORS = ("$eq", "$ne", "$in", "$nin", *_SIDES)
_CONDITION = re.compile(r"([^=<>!]+)(!=|>=|<=|=|<|>)(.*)", re.DOTALL)
_SIGNS = {"=": "$eq", "!=": "$ne", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}


def parse_where(given: AnyWhere | None) -> Where | None:
    """The conditions that `given` states: an object, a text like `year>=2020`, or several that must all hold.

    Raises FilterError.
    """
    if given is None:
        return None
    several = _several(given)
    levels = MOST_LEVELS - (len(several) > 1)  # several are one level more, as they are in `where_object`
    tree = _all([_from_object(_object(item), levels) for item in several])
    if _count(tree) > MOST_CONDITIONS:
        raise _refused(f"has more than {MOST_CONDITIONS} conditions", None, "Lists of values count as one.")
    return None if tree == AllHold(()) else tree


def fields(where: Where) -> list[str]:
    """The metadata names that `where` asks about, each once, in the order they stand in it."""
    if isinstance(where, AllHold | OneHolds):
        return list(dict.fromkeys(name for part in where.parts for name in fields(part)))
    if isinstance(where, DoesNotHold):
        return fields(where.part)
    return [] if where.field in BUILT_IN else [where.field]


def where_object(given: AnyWhere) -> Mapping[str, object]:
    """`given` as one object that `parse_where` reads as the same conditions. Raises FilterError."""
    parts = [_object(item) for item in _several(given)]
    return parts[0] if len(parts) == 1 else {"$and": parts} if parts else {}


def _several(given: AnyWhere) -> Sequence[Mapping[str, object] | str]:
    several = [given] if isinstance(given, Mapping | str) else given
    if not isinstance(several, Sequence) or isinstance(several, bytes):
        raise _refused(f"is {type(given).__name__}", given, 'Give an object like {"year": 2020}.')
    return several


def _object(given: Any) -> Any:
    """What a condition in text says as an object, which is not checked."""
    if not isinstance(given, str):
        return given
    if not given.lstrip().startswith("{"):
        return _of_text(given)
    try:
        return json.loads(given)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise _refused(f"is not JSON ({error})", given, 'Write it like {"year": {"$gte": 2020}}.') from None


def _of_text(text: str) -> Mapping[str, object]:
    match = _CONDITION.fullmatch(text)
    name, sign, words = (part.strip() for part in match.groups()) if match else ("", "", "")
    if not name:
        raise _refused(f"{text[:80]!r} is no condition", text, "Write it like year>=2020 or topic=sport.")
    if words[:1] in ("=", "<", ">", "!"):  # ==, =>: taken as part of the value they would find nothing, without a word
        raise _refused(
            f"{text[:80]!r} has a value that begins with {words[0]!r}",
            text,
            f'The signs are {", ".join(_SIGNS)}; a value that does begin so is quoted: {name}{sign}"{words[0]}…".',
        )
    try:
        value = json.loads(words)  # 2020, true, null, "2020", ["sport", "games"]
    except (ValueError, RecursionError):
        value = words
    return {name: {_SIGNS[sign]: value}}


def _from_object(given: object, levels: int) -> Where:
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise _refused(f"holds {_short(given)} where an object belongs", given, 'Write it like {"year": 2020}.')
    if not levels:
        raise _too_deep()
    return _all([_entry(name, value, levels - 1) for name, value in given.items()])


def _entry(name: str, value: object, levels: int) -> Where:
    name = name.encode("utf-8", "replace").decode()  # as in values: half a surrogate pair is in no metadata
    if name in ("$and", "$or"):
        if not isinstance(value, list | tuple) or not value:
            raise _refused(f"gives {name} {_short(value)}", value, "Give it a list of filters.")
        parts = [_from_object(part, levels) for part in value]
        return _all(parts) if name == "$and" else OneHolds(tuple(parts))
    if name == "$not":
        return DoesNotHold(_from_object(value, levels))
    if name.startswith("$"):
        raise _refused(f"has no operator {name!r} here", name, "Outside of a field there are $and, $or and $not.")
    if name.partition(".")[0] in ("document", "passage") and "." in name and name not in BUILT_IN:
        raise _refused(f"names {name!r}, which is not known", name, f"There are {', '.join(BUILT_IN)}.")
    if isinstance(value, Mapping):
        if not value:
            raise _refused(f"says nothing about {name!r}", value, 'Write it like {"year": {"$gte": 2020}}.')
        return _all([_comparison(name, str(operator), operand) for operator, operand in value.items()])
    return _any_of(name, value)


def _comparison(name: str, operator: str, operand: object) -> Where:
    if operator not in _OPERATORS:
        raise _refused(f"has no operator {operator!r} for {name!r}", operator, f"There are {', '.join(_OPERATORS)}.")
    if operator in ("$in", "$nin") and not isinstance(operand, list | tuple):
        raise _refused(f"gives {operator} of {name!r} {_short(operand)}", operand, "Give it a list of values.")
    if operator in ("$eq", "$in"):
        return _any_of(name, operand)
    if operator in ("$ne", "$nin"):
        return DoesNotHold(_any_of(name, operand))
    bound = _value(name, operand)
    if bound is None or isinstance(bound, bool):
        raise _refused(f"compares {name!r} with {_short(operand)}", operand, "Give a number or a text.")
    return Range(name, _SIDES[operator], bound)


def _any_of(name: str, given: object) -> AnyOf:
    values = [_value(name, value) for value in (given if isinstance(given, list | tuple) else [given])]
    if len(values) > MOST_VALUES:
        raise _refused(f"gives {len(values):,} values for {name!r}", name, f"Give at most {MOST_VALUES:,}.")
    return AnyOf(name, tuple(value for value in values if value is not None), None in values)


def _value(name: str, given: object) -> Value | None:
    if isinstance(given, date):  # and datetime
        return given.isoformat()
    if isinstance(given, float) and not isfinite(given):
        raise _refused(f"compares {name!r} with {given}", given, "Give a finite number.")
    if isinstance(given, str):
        return given.encode("utf-8", "replace").decode()
    if given is None or isinstance(given, bool | int | float):
        return given
    raise _refused(f"compares {name!r} with {_short(given)}", given, "Values are text, numbers, true, false and null.")


def _all(parts: list[Where]) -> Where:
    return parts[0] if len(parts) == 1 else AllHold(tuple(parts))


def _count(where: Where) -> int:
    if isinstance(where, AllHold | OneHolds):
        return sum(map(_count, where.parts))
    return _count(where.part) if isinstance(where, DoesNotHold) else 1


def _short(value: object) -> str:
    return repr(value)[:60]


def _too_deep() -> FilterError:
    return _refused(f"is nested more than {MOST_LEVELS} levels deep", None, "Flatten it.")


def _refused(problem: str, subject: object, way_out: str) -> FilterError:
    return FilterError(f"The filter {problem}.", subject=subject, way_out=way_out)
