"""Filters as SQL: a condition on the rows of `passages p`, with its parameters.

Metadata is looked up in the table `metadata`, one row for each value of a document: (name, kind, value, document), kind
`n` number, `t` text, `b` true or false. Triggers keep it equal to `documents.metadata`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import inf

from .filters import AllHold, AnyOf, DoesNotHold, OneHolds, Range, Value, Where

Sql = tuple[str, list[object]]

_COLUMNS = {
    "document.id": "id",
    "document.title": "title",
    "document.uri": "uri",
    "document.media_type": "media_type",
    "document.added_at": "added_at",
}
_LARGEST = 2**63 - 1


def condition(where: Where) -> Sql:
    """The condition that a row of `passages p` meets when `where` holds for it; never null."""
    if isinstance(where, DoesNotHold):
        inner, parameters = condition(where.part)
        return f"NOT ({inner})", parameters
    if isinstance(where, AllHold | OneHolds):
        parts = [condition(part) for part in where.parts]
        joined = (" AND " if isinstance(where, AllHold) else " OR ").join(f"({inner})" for inner, _ in parts)
        return joined or "1", [one for _, parameters in parts for one in parameters]
    if where.field == "passage.page":
        return _page(where)
    if where.field in _COLUMNS:
        return _document(_COLUMNS[where.field], where)
    return _metadata(where)


def _metadata(where: AnyOf | Range) -> Sql:
    if isinstance(where, Range):
        return (
            f"p.document IN (SELECT document FROM metadata WHERE name = ? AND kind = ? AND value {where.side} ?)",
            [where.field, _kind(where.bound), _bound(where.bound)],
        )
    pieces: list[str] = []
    parameters: list[object] = []
    for kind in "ntb":
        if values := _listed(where.values, kind):
            pieces.append(
                "p.document IN (SELECT document FROM metadata WHERE name = ? AND kind = ? "
                "AND value IN (SELECT value FROM json_each(?)))"
            )
            parameters += [where.field, kind, values]
    if where.or_none:
        pieces.append("p.document NOT IN (SELECT document FROM metadata WHERE name = ?)")
        parameters.append(where.field)
    return " OR ".join(pieces) or "0", parameters


def _document(column: str, where: AnyOf | Range) -> Sql:
    if isinstance(where, Range):
        known, given = f"{column} {where.side} ?", where.bound
        if _kind(where.bound) != "t":
            return "0", []
    else:
        known, given = f"{column} IN (SELECT value FROM json_each(?))", _listed(where.values, "t") or "[]"
        if where.or_none:
            known += f" OR {column} IS NULL"
    return f"p.document IN (SELECT key FROM documents WHERE {known})", [given]


def _page(where: AnyOf | Range) -> Sql:
    if isinstance(where, Range):
        if _kind(where.bound) != "n":
            return "0", []
        return f"p.page IS NOT NULL AND p.page {where.side} ?", [_bound(where.bound)]
    known = "p.page IS NOT NULL AND p.page IN (SELECT value FROM json_each(?))"
    return known + (" OR p.page IS NULL" if where.or_none else ""), [_listed(where.values, "n") or "[]"]


def _kind(value: Value) -> str:
    return "t" if isinstance(value, str) else "b" if isinstance(value, bool) else "n"


def _listed(values: Sequence[Value], kind: str) -> str | None:
    """Those of `values` that are of that kind, as a JSON array; None where there are none. Numbers too large for a
    float equal nothing that is stored, and are left out."""
    chosen = [_bound(value) for value in values if _kind(value) == kind]
    return json.dumps([value for value in chosen if value not in (inf, -inf)]) if chosen else None


def _bound(value: Value) -> Value:
    """`value` as SQLite takes it: whole numbers beyond 64 bits as floats, which is how it reads them from JSON."""
    if isinstance(value, int) and not isinstance(value, bool) and not -_LARGEST <= value <= _LARGEST:
        try:
            return float(value)
        except OverflowError:
            return inf if value > 0 else -inf
    return value
