"""How long each stage of a search or an answer takes, and a limit on all of them together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf

from ..errors import TimeLimitError

_stages: ContextVar[dict[str, float] | None] = ContextVar("stages", default=None)
_until: ContextVar[float] = ContextVar("until", default=inf)


@contextmanager
def timings() -> Iterator[dict[str, float]]:
    """Milliseconds of each `stage` of the block, in the order they first began; filled while the block runs."""
    found: dict[str, float] = {}
    token = _stages.set(found)
    try:
        yield found
    finally:
        _stages.reset(token)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """A part of the work. Raises TimeLimitError, before it begins, where the time is up."""
    check_time()
    started = time.perf_counter()
    try:
        yield
    finally:
        if (found := _stages.get()) is not None:
            found[name] = found.get(name, 0.0) + (time.perf_counter() - started) * 1000


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """From `seconds` from now on no `stage` of the block begins."""
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def check_time() -> None:
    """Raises TimeLimitError where the time is up."""
    if seconds_left() < 0:
        raise TimeLimitError(
            "That takes longer than is allowed.", subject=5, way_out="Nothing was changed; ask for less at a time."
        )


def seconds_left() -> float:
    """Until the time is up; infinite where there is no limit."""
    return _until.get() - time.monotonic()
