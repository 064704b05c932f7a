"""Settings: one frozen object, from defaults, a TOML file and `SPANWISE_*` environment variables."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from math import inf
from pathlib import Path
from typing import Any

from .errors import InputError


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. Each field `name` is read from the environment as `SPANWISE_NAME`, else from the
    settings file as `name`. Raises InputError for a value of the wrong kind or outside its range."""

    data: Path = Path("spanwise-data")
    """Folder of the collections."""
    model: str = ""
    """Embedding model: a sentence-transformers model by path or hub name. Empty means what the collection was built
    with, and for a new one the packaged all-MiniLM-L6-v2."""
    query_prompt: str = "auto"
    """What the embedding model of a new collection gets in front of queries; `auto` is what the model asks for."""
    passage_prompt: str = "auto"
    """What it gets in front of passages."""
    reader: str = "default"
    """Reading model: `default` (shipped), a folder that holds `reader.onnx`, or any extractive question-answering model
    of the transformers library, by path or hub name."""
    threads: int = 0
    """Threads per model; 0 lets each library choose."""
    answer_cache_bytes: int = 8 * 1024 * 1024
    """Answers that each open collection keeps in memory for questions asked again; 0 keeps none. They are of the
    present generation, or not used."""
    query_cache_bytes: int = 2 * 1024 * 1024
    """Vectors of queries that each open collection keeps in memory; 0 keeps none."""
    use_server: bool = True
    """Whether `spanwise ask`, `search` and `suggest` let a server that runs on the same data folder answer."""
    max_question_characters: int = 1_000
    max_top_k: int = 100
    max_document_characters: int = 20_000_000
    max_source_bytes: int = 256 * 1024 * 1024
    """Largest file that is read from disk."""
    parse_seconds: float = 120.0
    """How long reading one PDF, HTML, DOCX or other file that is not plain text may take."""
    parse_memory_bytes: int = 2 * 1024 * 1024 * 1024
    """Address space of the process that reads such files."""
    max_unpacked_bytes: int = 512 * 1024 * 1024
    """All members of an archive, DOCX or EPUB unpacked, archives inside it included."""
    keep_originals: bool = True
    """Whether the files that documents are read from are kept beside the database."""
    max_body_bytes: int = 64 * 1024 * 1024
    """Largest HTTP request body."""
    rate_limit: str = "1200 per minute"
    """HTTP requests of one API key, or of one address without a key."""
    max_concurrent: int = 8
    """HTTP requests that run at once; the next ones wait `queue_seconds` for a place and are then answered 503."""
    queue_seconds: float = 5.0
    request_seconds: float = 60.0
    """How long one HTTP request may work before it is answered 503; jobs may take as long as they need."""
    hosts: str = ""
    """Names the HTTP server answers to, separated by commas. Empty means any name, and on loopback only its own."""
    origins: str = ""
    """Web origins whose pages may send an API key, separated by commas."""
    proxies: int = 0
    """Reverse proxies in front of the HTTP server whose X-Forwarded-For is believed."""
    max_files: int = 100
    """Files in one upload."""
    max_file_bytes: int = 16 * 1024 * 1024
    """Size of one uploaded file."""
    job_bytes: int = 256 * 1024
    """Uploads larger than this are answered with a job and stored behind the answer."""
    log_format: str = "text"
    """How `spanwise serve` logs: `text`, or `json`, one object a line."""
    write_wait_seconds: float = 10.0
    """How long a writer waits for another one before it gives up."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not _is_allowed(field.name, value, _kind(field.default)):
                raise _refused(field.name, field.name, value, field.default)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, config: Path | None = None) -> Settings:
        """Defaults, overridden by the TOML file `config` (else the one `SPANWISE_CONFIG` names), overridden by the
        other `SPANWISE_*` variables.

        Raises InputError for a file that cannot be read, a name that is no setting, and a value of the wrong kind.
        """
        environment = os.environ if environment is None else environment
        if config is None and environment.get("SPANWISE_CONFIG"):
            config = Path(environment["SPANWISE_CONFIG"])
        values = _of_file(config) if config else {}
        for field in fields(cls):
            name = f"SPANWISE_{field.name.upper()}"
            if (raw := environment.get(name)) is not None:
                values[field.name] = _value(name, field.name, raw, field.default)
        return cls(**values)


def _of_file(file: Path) -> dict[str, Any]:
    try:
        said = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            f"The settings in {str(file)!r} cannot be read: {error.strerror}.", subject=file, way_out="Check the path."
        ) from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise InputError(
            f"The settings in {str(file)!r} are not TOML: {error}.",
            subject=file,
            way_out="Write lines like: threads = 2",
        ) from error
    known: dict[str, Any] = {field.name: field.default for field in fields(Settings)}
    values = {}
    for name, value in said.items():
        if name not in known:
            like = get_close_matches(name, known, 1)
            raise InputError(
                f"{name!r} in {str(file)!r} is not a setting.",
                subject=name,
                way_out=f"Did you mean {like[0]!r}?" if like else f"There are: {', '.join(known)}.",
            )
        values[name] = _value(f"{name} in {str(file)!r}", name, value, known[name])
    return values


_MOST_SECONDS = 24 * 3600
_RANGES: Mapping[str, tuple[float, float]] = {
    "threads": (0, 1_024),
    "max_question_characters": (1, inf),
    "max_top_k": (1, inf),
    "max_document_characters": (1, inf),
    "max_source_bytes": (1, inf),
    "parse_seconds": (0.1, _MOST_SECONDS),
    "parse_memory_bytes": (64 * 1024 * 1024, 2**50),  # with less the parsers cannot be loaded
    "max_unpacked_bytes": (1, inf),
    "max_body_bytes": (1, inf),
    "max_concurrent": (1, 1_000),  # a thread each
    "queue_seconds": (0, _MOST_SECONDS),
    "request_seconds": (0.01, _MOST_SECONDS),
    "proxies": (0, 100),
    "max_files": (1, inf),
    "max_file_bytes": (1, inf),
    "write_wait_seconds": (0, _MOST_SECONDS),
}
"""The least and the most of numbers; of every other number the least is 0."""
_CHOICES: Mapping[str, tuple[str, ...]] = {"log_format": ("text", "json")}
_KINDS = {
    int: "a whole number", float: "a number", bool: "yes or no", str: "a text", Path: "a path",
}  # fmt: skip
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _kind(default: object) -> type:
    return Path if isinstance(default, Path) else type(default)


def _allowed(name: str, kind: type) -> str:
    """What the setting `name` may be, in words."""
    if name in _CHOICES:
        return " or ".join(_CHOICES[name])
    if kind not in (int, float):
        return _KINDS[kind]
    least, most = _RANGES.get(name, (0, inf))
    return f"{_KINDS[kind]} " + (f"of at least {least:,}" if most == inf else f"from {least:,} to {most:,}")


def _is_allowed(name: str, value: object, kind: type) -> bool:
    if name in _CHOICES:
        return value in _CHOICES[name]
    if kind in (int, float):
        least, most = _RANGES.get(name, (0, inf))
        return type(value) in (int, kind) and least <= value <= most and value < inf  # type: ignore[operator]
    return isinstance(value, kind)


def _refused(called: str, name: str, raw: object, default: object) -> InputError:
    return InputError(
        f"{called} is {raw!r}, which is not {_allowed(name, _kind(default))}.",
        subject=raw,
        way_out=f"Leave it out, or give it a value like {default!s}.",
    )


def _value(called: str, name: str, raw: object, default: Any) -> Any:
    """`raw`, as the environment (always text) or TOML has it, as the kind that `default` is. Raises InputError."""
    kind: Any = _kind(default)
    if kind is str and isinstance(raw, list) and all(isinstance(one, str) for one in raw):
        return ",".join(raw)
    try:
        if kind is bool:
            return _TRUTH[str(raw).lower()]
        if (
            (isinstance(raw, str) and (raw or kind is not Path))
            or type(raw) is kind
            or (kind is float and type(raw) is int)
        ):
            value = kind(raw)
            if _is_allowed(name, value, kind):
                return value
    except (ValueError, KeyError):
        pass
    raise _refused(called, name, raw, default)
