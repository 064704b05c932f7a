"""Reading data files: UTF-8, gzip or not (told by content), line by line, with errors that name file and row."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ...errors import SourceError
from ...index.durable import file_sha256

_GZIP_MAGIC = b"\x1f\x8b"


def read_text(path: Path) -> str:
    """The text of a file, a BOM dropped. Raises SourceError: no file, a folder, unreadable, damaged gzip, not UTF-8."""
    try:
        content = path.read_bytes()
    except IsADirectoryError:
        raise SourceError(
            f"{path} is a folder, not a file.", subject=path, way_out="Name the data file inside it."
        ) from None
    except FileNotFoundError:
        raise SourceError(f"There is no file {path}.", subject=path, way_out="Check the path.") from None
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read ({error.strerror}).", subject=path, way_out="Check its permissions."
        ) from error
    if content.startswith(_GZIP_MAGIC):
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error):
            raise SourceError(
                f"{path} is gzip data that is cut short or damaged.", subject=path, way_out="Copy the file again."
            ) from None
    if not content.strip():
        raise SourceError(f"{path} is empty.", subject=path, way_out="Give a file that holds data.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"{path}, row {row}: byte {error.start} is not UTF-8.",
            subject=path,
            way_out="Save the file as UTF-8.",
        ) from None


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Row numbers from 1 and the rows that are not blank.

    Rows end at line feeds only: JSON text may hold U+2028 and the other breaks of `str.splitlines`.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line


def json_objects(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSONL file with their row numbers. Raises SourceError for a row that is not one JSON object."""
    for number, line in lines(text):
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            detail = f" ({error.msg} at character {error.pos})" if isinstance(error, json.JSONDecodeError) else ""
            raise row_error(path, number, f"not a JSON object{detail}.", "Each row must be one whole object.") from None
        if not isinstance(record, dict):
            raise row_error(path, number, f"a JSON {_kind(record)}, not an object.", "Each row must be one object.")
        yield number, record


def text_value(path: Path, row: int, record: dict[str, Any], key: str, *, blank: bool = False) -> str:
    """The text under `key` of a row; whitespace alone only where `blank` allows it. Raises SourceError."""
    if key not in record:
        raise row_error(path, row, f'the key "{key}" is missing.', "Add it to every row.")
    value = record[key]
    if not isinstance(value, str):
        raise row_error(path, row, f'"{key}" is a JSON {_kind(value)}, not a string.', "Give it as text.")
    if not blank and not value.strip():
        raise row_error(path, row, f'"{key}" is empty.', "Fill it in or drop the row.")
    if (nul := value.find("\0")) >= 0:
        raise row_error(path, row, f'"{key}" is not text: character {nul} is U+0000.', "Remove it.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise row_error(
            path, row, f'"{key}" holds half a character (a lone surrogate, position {error.start}).', "Repair the text."
        ) from None
    return value


def row_error(path: Path, row: int, problem: str, way_out: str) -> SourceError:
    """The error of one row of a file, with the row number counted from 1."""
    return SourceError(f"{path}, row {row}: {problem}", subject=f"{path}:{row}", way_out=way_out)


def digest(paths: Iterable[Path]) -> str:
    """12 hex digits that name the content: of one file's SHA-256, or of all the files' names and digests."""
    found = sorted((path.name, file_sha256(path)) for path in paths)
    if len(found) == 1:
        return found[0][1][:12]
    return hashlib.sha256("".join(f"{name} {value}\n" for name, value in found).encode()).hexdigest()[:12]


def _kind(value: object) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")
