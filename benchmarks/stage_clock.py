"""Puts a clock into the engine's stages that takes the processor's time too. Import it before the engine."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from spanwise.index import timings as engine_timings

_STAGE = engine_timings.stage
spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
"""Of each stage the milliseconds by the clock, and of the processor."""


@contextmanager
def measured(name: str, clock: Callable[[], float] = time.process_time) -> Iterator[None]:
    """Adds what the block takes to `spent`; `clock` gives seconds of the processor."""
    started, busy = time.perf_counter(), clock()
    try:
        yield
    finally:
        mine = spent[name]
        mine[0] += (time.perf_counter() - started) * 1000
        mine[1] += (clock() - busy) * 1000


@contextmanager
def _timed_stage(name: str) -> Iterator[None]:
    with measured(name), _STAGE(name):
        yield


engine_timings.stage = _timed_stage  # before the engine is imported, which takes it by name
os.environ |= {"SPANWISE_ANSWER_CACHE_BYTES": "0", "SPANWISE_QUERY_CACHE_BYTES": "0"}
