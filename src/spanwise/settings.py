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
    settings file as `name`."""

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
                values[field.name] = _value(name, raw, field.default)
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
        values[name] = _value(f"{name} in {str(file)!r}", value, known[name])
    return values


_KINDS = {
    int: "a whole number of at least 0", float: "a number of at least 0", bool: "yes or no", str: "a text",
    Path: "a path",
}  # fmt: skip
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _value(name: str, raw: object, default: Any) -> Any:
    """`raw`, as the environment (always text) or TOML has it, as the kind that `default` is. Raises InputError."""
    kind: Any = Path if isinstance(default, Path) else type(default)
    if kind is str and isinstance(raw, list) and all(isinstance(one, str) for one in raw):
        return ",".join(raw)
    try:
        if kind is bool:
            return _TRUTH[str(raw).lower()]
        if isinstance(raw, str) or type(raw) is kind or (kind is float and type(raw) is int):
            value = kind(raw)
            if not isinstance(value, int | float) or 0 <= value < inf:  # no amount, size or time is negative
                return value
    except (ValueError, KeyError):
        pass
    raise InputError(
        f"{name} is {raw!r}, which is not {_KINDS[kind]}.",
        subject=raw,
        way_out=f"Leave it out, or give it a value like {default!s}.",
    )
