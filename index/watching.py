"""Follows a folder: looks at it every so often, and syncs once what changed has come to rest.

By looking and not by the notifications of the system (as watchdog does): those do not come from network shares and
most mounted volumes, run out on large trees, and a look is needed all the same for what happened while nobody
listened. A look at 10,000 files takes a fraction of a second.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from ..errors import SpanwiseError
from .loading import files_below
from .records import Added

Look = dict[Path, tuple[int, ...] | None]
"""When each file changed, its size and its number; None for what cannot be looked at."""


def follow(
    folder: Path,
    sync: Callable[[], Added],
    *,
    every: float,
    stop: threading.Event,
    on_result: Callable[[Added], None],
    on_error: Callable[[SpanwiseError], None],
) -> None:
    """Call `sync` now and after every change below `folder`, until `stop` is set.

    A change is synced when two looks, `every` seconds apart, see the same: a file that is being written is waited for.
    Where `sync` raises, it is called again at the next look; the same error is told once.
    """
    settled: Look | None = None
    before = look(folder)
    told = ""
    while not stop.is_set():
        now = look(folder)
        if now != settled and now == before:
            try:
                on_result(sync())
                settled, told = now, ""
            except SpanwiseError as error:
                if str(error) != told:
                    on_error(error)
                told = str(error)
        before = now
        stop.wait(every)


def look(folder: Path) -> Look:
    """What the files below `folder` look like from outside; hidden ones are passed over, as when they are added."""
    return {file: _stamp(file) for file in files_below(folder)}


def _stamp(file: Path) -> tuple[int, ...] | None:
    try:
        seen = file.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino
