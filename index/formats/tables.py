"""CSV, TSV, JSON and JSONL: a document for each record that has a text; a table without one is one document."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ...errors import SourceError
from ..loading import decoded, id_of_path
from ..records import MetadataValue, Source
from .building import TextBuilder, one_line, visible
from .kinds import CSV, JSON, JSONL, TSV
from .names import posix

_USUAL = {
    "text": ("text", "content", "body", "passage", "document", "article", "description", "answer"),
    "id": ("id", "_id", "doc_id", "document_id", "docid", "key"),
    "title": ("title", "headline", "subject", "name", "question"),
    "uri": ("uri", "url", "link", "source"),
}
_MEDIA_TYPES = {
    CSV: "text/csv", TSV: "text/tab-separated-values", JSON: "application/json", JSONL: "application/jsonl",
}  # fmt: skip
_MAY_BE_SHORT = ("description", "answer")
_SHORT = 60
"""Characters; what is shorter on average is read as a cell (“Ball bearing 12 mm”), and stays in its table."""
_LONGEST_CELL = 200
"""Characters; what is longer says no fact in short, and may be a vector of numbers."""
_ONE_PASSAGE = 600
"""Characters; with more, cells and text are passages of their own, and the text is found and read as if alone."""
Record = Mapping[str, Any]


def table_sources(
    kind: str, data: bytes, name: str, encoding: str | None, columns: Mapping[str, str], most: int
) -> list[Source]:
    """The documents of a file of records, named `name/id` or `name/number`; at most `most`.

    `columns` maps `text`, `id`, `title`, `uri` (else usual names are looked for) and further names, which become
    metadata, to columns; without such further names every other column becomes metadata. Raises SourceError.
    """
    text, found = decoded(data, name, encoding)
    records, overlong = _records(kind, text, name)
    if len(records) > most:
        raise SourceError(
            f"{name} holds {len(records):,} records; the limit is {most:,}.", subject=name, way_out="Split the file."
        )
    chosen = _columns(records, columns, name)
    if "text" not in chosen:
        return [_whole_table(kind, records, name, found)]
    if overlong:  # most often a comma inside a text, whose words behind it would be lost
        raise SourceError(
            f"{name} has more cells in line {overlong} than columns.",
            subject=name,
            way_out="Put cells that hold the separator between quotes, or give the columns that lack one a name.",
        )
    sources = []
    for number, record in enumerate(records, 1):
        words = _words(record.get(chosen["text"]))  # also of a list of paragraphs
        if words.strip():
            sources.append(_source(kind, record, number, visible(words), chosen, name, found))
    if not sources:
        raise SourceError(f"{name} holds no text.", subject=name, way_out="Leave it out.")
    return sources


def _source(
    kind: str, record: Record, number: int, text: str, chosen: Mapping[str, str], name: str, encoding: str
) -> Source:
    def told(what: str) -> str | None:
        value = record.get(chosen.get(what, ""))
        return one_line(str(value))[:500] or None if isinstance(value, str | int | float) else None

    taken = {chosen[what] for what in _USUAL if what in chosen}
    asked = {what: column for what, column in chosen.items() if what not in _USUAL}
    extra = asked or {column: column for column in record if column not in taken or column.strip().lower() == "name"}
    metadata = {what: value for what, column in extra.items() if (value := _plain(record.get(column))) is not None}
    builder = TextBuilder()
    cells = _short_cells(record, {column: what for what, column in extra.items()}, taken, chosen["text"])
    if cells:
        elements = [f"record[{number}]/{column}" for column in cells]
        builder.add_row(list(cells.values()), elements=elements, first=True, named=True)
    apart = bool(cells) and len(builder) + len(text) > _ONE_PASSAGE
    builder.add(text, element=f"record[{number}]/{chosen['text']}", apart=apart)
    return builder.source(
        id_of_path(posix(f"{name}/{_segment(told('id') or str(number))}")),
        told("uri") or name,
        _MEDIA_TYPES[kind],
        title=told("title"),
        metadata=metadata,
        encoding=encoding,
    )


def _short_cells(record: Record, facts: Mapping[str, str], naming: Collection[str], text: str) -> dict[str, str]:
    """The short values of `record` behind their names, by column: of the columns `facts` (column → name) and of those
    that are `naming` it, but for questions, which would answer themselves. None where the latter are all there is,
    which the title and the id say already."""
    cells = {}
    for column, raw in record.items():
        value = one_line(_words(raw)) if column != text and (column in facts or column in naming) else ""
        if 0 < len(value) <= _LONGEST_CELL and not value.endswith("?"):
            cells[column] = f"{facts.get(column, column)}: {value}"
    return cells if cells.keys() - naming else {}


def _segment(told: str) -> str:
    parts = [part for part in told.split("/") if part not in ("", ".", "..")]
    return "/".join(parts)[:200] or "_"


def _whole_table(kind: str, records: list[Record], name: str, encoding: str) -> Source:
    """A table of short values: each record on a line, each value behind the name of its column."""
    builder = TextBuilder()
    for number, record in enumerate(records, 1):
        cells = [f"{column}: {value}" for column, raw in record.items() if (value := one_line(_words(raw)))]
        builder.add_row(cells, element=f"record[{number}]", first=number == 1, named=True)
    return builder.source(id_of_path(posix(name)), name, _MEDIA_TYPES[kind], encoding=encoding)


def _columns(records: list[Record], columns: Mapping[str, str], name: str) -> dict[str, str]:
    present = dict.fromkeys(column for record in records[:1_000] for column in record)
    for column in columns.values():
        if column not in present:
            raise SourceError(
                f"{name} has no column {column!r}.", subject=column, way_out=f"It has {', '.join(list(present)[:20])}."
            )
    folded = {column.strip().lower(): column for column in present}
    usual = {
        what: next(folded[name] for name in names if name in folded)
        for what, names in _USUAL.items()
        if any(name in folded for name in names)
    }
    if usual.get("text", "").strip().lower() in _MAY_BE_SHORT and "text" not in columns:
        lengths = [len(_words(record.get(usual["text"]))) for record in records[:1_000]]
        if sum(lengths) < _SHORT * len(lengths):
            del usual["text"]
    return usual | dict(columns)


def _records(kind: str, text: str, name: str) -> tuple[list[Record], int]:
    """The records, and of a table the first line with more cells than there are columns; 0 where there is none."""
    try:
        if kind in (CSV, TSV):
            return _rows(text, kind)
        found = _lines(text) if kind == JSONL else _list_of(_loads(text))
    except (csv.Error, ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error).partition(";")[0]
        raise SourceError(
            f"{name} is not sound {kind.upper()} ({why}).", subject=name, way_out="Check the file."
        ) from error
    records: list[Record] = [item if isinstance(item, dict) else {"text": item} for item in found]
    if not records:
        raise SourceError(f"{name} holds no records.", subject=name, way_out="Give a list of objects.")
    return records, 0


def _lines(text: str) -> list[Any]:
    found = []
    for number, line in enumerate(re.split(r"\r\n?|\n", text), 1):  # others, as U+2028, may stand inside strings
        if line.strip():
            try:
                found.append(_loads(line))
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number}, character {error.colno}: {error.msg}") from error
    return found


def _loads(text: str) -> Any:
    return json.loads(text, parse_constant=lambda constant: None)


def _list_of(value: Any) -> list[Any]:
    """The records of a JSON document: a list, the only list in an object, texts by id, or one record."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        lists = [item for item in value.values() if isinstance(item, list) and item and isinstance(item[0], dict)]
        if len(lists) == 1:
            return list(lists[0])
    return [value]


def _rows(text: str, kind: str) -> tuple[list[Record], int]:
    """The rows behind the head by the names of their columns, which are told apart, and the first line that has more
    cells than the head (0: none): those are called by their number."""
    csv.field_size_limit(len(text) + 1)
    delimiter = "\t"
    if kind == CSV:
        try:
            delimiter = csv.Sniffer().sniff(text[:20_000].rpartition("\n")[0] or text[:20_000], ",;\t|").delimiter
        except csv.Error:
            delimiter = ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header: list[str] = []
    for number, cell in enumerate(next(rows, []), 1):
        named = one_line(cell) or f"column {number}"
        header.append(f"{named} (column {number})" if named in header else named)
    records: list[Record] = []
    overlong = 0
    for row in rows:
        if any(cell.strip() for cell in row):
            further = {
                f"column {number}": cell
                for number, cell in enumerate(row[len(header) :], len(header) + 1)
                if cell.strip()
            }
            overlong = overlong or (rows.line_num if further else 0)
            records.append(dict(zip(header, row, strict=False)) | further)
    return records, overlong


def _plain(value: Any) -> MetadataValue | list[MetadataValue]:
    if isinstance(value, str):
        return one_line(value)[:1_000] or None
    if isinstance(value, list):
        items = [item for item in (_plain(item) for item in value[:100]) if not isinstance(item, list)]
        return [item for item in items if item is not None] or None
    if isinstance(value, bool | int):
        return value if abs(value) < 2**53 else str(value)
    return value if isinstance(value, float) else None


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_words(item)}" for key, item in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(_words(item) for item in value)
    return "" if value is None else str(value)
