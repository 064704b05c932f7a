"""Long work on a collection, announced to every process: what runs, how far it is, and what was cut off.

A file in the collection's folder for each, locked by the process at work for as long as it lives: a file that nobody
locks tells of work that was cut off. Nothing depends on it but what `status` says.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from .reports import Work

_PREFIX = ".work-"

OnStep = Callable[[int, int], None]
"""Told (done, total)."""


@contextmanager
def announced(folder: Path, what: str, subject: str) -> Iterator[OnStep]:
    """Announce work for as long as the block lasts; with an error, as cut off from then on."""
    for file, one in _found(folder):
        if not one.running and (one.what, one.subject) == (what, subject):
            file.unlink(missing_ok=True)
    work = Work(what, subject, 0, 0, os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"), True)
    file = folder / f"{_PREFIX}{secrets.token_hex(8)}"
    unlocked = file.with_name(f".part-{file.name}")
    with unlocked.open("w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        unlocked.rename(file)

        def step(done: int, total: int) -> None:
            stream.seek(0)
            stream.write(json.dumps({**asdict(work), "done": done, "total": total}))
            stream.truncate()
            stream.flush()

        step(0, 0)
        yield step
        file.unlink(missing_ok=True)


def found(folder: Path) -> list[Work]:
    """The work on a collection, that which was cut off included."""
    return [work for _, work in _found(folder)]


def forget_cut_off(folder: Path) -> None:
    """Forget work that nobody will take up again."""
    for file, work in _found(folder):
        if not work.running:
            file.unlink(missing_ok=True)


def _found(folder: Path) -> Iterator[tuple[Path, Work]]:
    for file in sorted(folder.glob(f"{_PREFIX}*")):
        with suppress(OSError, ValueError, TypeError), file.open(encoding="utf-8") as stream:  # ended just now
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
                running = False
            except BlockingIOError:
                running = True
            yield file, Work(**{**json.load(stream), "running": running})
