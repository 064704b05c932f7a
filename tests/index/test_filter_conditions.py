"""Reading a filter: whatever is given is understood or refused, and one object says the same as several conditions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spanwise import FilterError
from spanwise.index.filters import parse_where, where_object


def test_a_value_may_begin_with_a_sign_when_it_is_quoted() -> None:
    assert parse_where('note=">5 m"') == parse_where({"note": ">5 m"})


def nested(levels: int) -> dict[str, Any]:
    deep: dict[str, Any] = {"a": 1}
    for _ in range(levels):
        deep = {"$not": deep}
    return deep


def test_deep_nesting_is_refused() -> None:
    assert parse_where(nested(9)) is not None
    for one in (nested(12), "{" + '"$not":{' * 100_000):
        with pytest.raises(FilterError, match="10 levels"):
            parse_where(one)


scalar = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
operators = st.sampled_from(["$and", "$or", "$not", "$eq", "$ne", "$in", "$nin", "$lt", "$gte", "year", "document.id"])
anything = st.recursive(
    scalar,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(operators | st.text(max_size=3), inner, max_size=3),
)
objects = st.dictionaries(operators | st.text(max_size=3), anything, max_size=3)
conditions = st.text('year=<>!$[]{}":,2 ', max_size=20) | objects


def outcome(where: Any) -> object:
    try:
        return parse_where(where)
    except FilterError:
        return FilterError


@given(anything | st.lists(anything | conditions, max_size=3))
def test_anything_is_understood_or_refused(where: Any) -> None:
    outcome(where)  # nothing else is raised


@given(conditions | st.lists(conditions, max_size=3))
@example([])
@example([nested(9), {"a": 1}])
def test_conditions_and_their_one_object_mean_the_same(where: Any) -> None:
    try:
        one = where_object(where)
    except FilterError:
        assert outcome(where) is FilterError
    else:
        assert outcome(one) == outcome(where)
