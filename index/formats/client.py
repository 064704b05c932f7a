"""The owner's side of the worker process: one file at a time, bounded in time and memory, started again when it dies.

A plain subprocess and not `multiprocessing`: that would import the caller's main module again, and it pickles.
"""

from __future__ import annotations

import atexit
import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from ...errors import MissingExtraError, PageNotFoundError, SourceError
from ..records import Failure, Rectangle, Source
from .limits import ParseLimits
from .wire import source_of
from .worker import read_frame, write_frame

_FILES_PER_WORKER = 500
"""After so many files the process is replaced: what libraries leak goes with it."""
_START = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from {module} import main; main()"


class Worker:
    """A worker process that is started on first use. Safe to use from many threads, which take turns."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._files = 0
        self._turn = threading.Lock()

    def request(self, head: dict[str, Any], data: bytes, seconds: float) -> dict[str, Any] | None:
        """The worker's answer; None when it died or was ended after `seconds`."""
        with self._turn:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            timer = threading.Timer(seconds, process.kill)
            timer.daemon = True
            timer.start()
            try:
                write_frame(process.stdin, json.dumps(head).encode())
                write_frame(process.stdin, data)
                answer = read_frame(process.stdout)
            except (BrokenPipeError, ConnectionResetError, OSError):
                answer = None
            except BaseException:  # Ctrl-C between question and answer: the next request must not read this answer
                self._end()
                raise
            finally:
                timer.cancel()
            if answer is None:
                self._end()
                return None
            self._files += 1
            if self._files >= _FILES_PER_WORKER:
                self._end()
        return dict(json.loads(answer))

    def close(self) -> None:
        """End the process; the next request starts another."""
        with self._turn:
            self._end()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._owner != os.getpid():  # after a fork the process belongs to the parent
            self._process = None
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            start = _START.format(module=__name__.rpartition(".")[0] + ".worker")
            self._process = subprocess.Popen(
                [sys.executable, "-c", start, json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is the owner's to handle
            )
            self._owner, self._files = os.getpid(), 0
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                with suppress(OSError):  # what was still to be written has no reader
                    stream.close()


_worker = Worker()
_renderer = Worker()
"""Pictures do not wait until a long file is parsed."""
atexit.register(_worker.close)
atexit.register(_renderer.close)


def parse(
    kind: str, data: bytes, name: str, options: dict[str, object], limits: ParseLimits
) -> tuple[list[Source], list[Failure]]:
    """The sources of a file, and the members of it that could not be read. Raises SourceError, MissingExtraError."""
    head = {"kind": kind, "name": name, "options": options, "limits": asdict(limits)}
    answer = _checked(_worker.request(head, data, limits.seconds), name, limits)
    return [source_of(one) for one in answer["sources"]], [Failure(*failure) for failure in answer["failed"]]


def draw_page(
    data: bytes, document_id: str, page: int, width: int, rectangles: Sequence[Rectangle], limits: ParseLimits
) -> bytes:
    """PNG of a page of a PDF with `rectangles` highlighted; `data` is the PDF or an archive that holds it.

    Raises SourceError, PageNotFoundError, MissingExtraError.
    """
    edges = [[one.left, one.top, one.right, one.bottom] for one in rectangles]
    picture = {"document_id": document_id, "page": page, "width": width, "rectangles": edges}
    head = {"name": document_id, "options": {}, "limits": asdict(limits), "picture": picture}
    answer = _checked(_renderer.request(head, data, limits.seconds), document_id, limits)
    return base64.b64decode(answer["png"])


def _checked(answer: dict[str, Any] | None, name: str, limits: ParseLimits) -> dict[str, Any]:
    """The worker's answer where it is one. Raises what it tells, SourceError where it died."""
    if answer is None:
        raise SourceError(
            f"{name} could not be read within {limits.seconds:g} seconds and "
            f"{limits.memory_bytes // 2**20:,} MB of memory.",
            subject=name,
            way_out="Split it, or raise SPANWISE_PARSE_SECONDS or SPANWISE_PARSE_MEMORY_BYTES.",
        )
    error = answer.get("error")
    if error == "absent":
        raise PageNotFoundError(answer["problem"], subject=name, way_out=answer["way_out"])
    if error == "extra":
        raise MissingExtraError(answer["problem"], subject=name, way_out=answer["way_out"])
    if error == "input":
        raise SourceError(answer["problem"], subject=name, way_out=answer["way_out"])
    if error == "memory":
        raise SourceError(
            f"{name} needs more than {limits.memory_bytes // 2**20:,} MB of memory.",
            subject=name,
            way_out="Split it, or raise SPANWISE_PARSE_MEMORY_BYTES.",
        )
    if error:
        raise SourceError(
            f"{name} cannot be read ({answer['problem']}).", subject=name, way_out="Check the file, or leave it out."
        )
    return answer
