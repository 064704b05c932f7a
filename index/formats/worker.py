"""The process that parses: reads requests from standard input, answers on standard output, until the input ends.

A frame is a line with the number of bytes that follow. A request is a JSON frame and a frame of the file's bytes; the
answer is one JSON frame. Whatever a library prints goes nowhere.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
from typing import IO, Any

from ...errors import InputError, MissingExtraError, PageNotFoundError
from .limits import ParseLimits


def main() -> None:
    """Serve until standard input is closed."""
    answers = os.fdopen(os.dup(1), "wb")
    requests = os.fdopen(os.dup(0), "rb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.setrecursionlimit(2_000)
    while (head := read_frame(requests)) is not None:
        data = read_frame(requests)
        if data is None:
            return
        write_frame(answers, json.dumps(_answer(json.loads(head), data), ensure_ascii=False).encode("utf-8", "replace"))


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The next frame; None where the stream ended, whole or not."""
    line = stream.readline(32)
    if not line.endswith(b"\n") or not line.strip().isdigit():
        return None
    data = stream.read(int(line))
    return data if len(data) == int(line) else None


def write_frame(stream: IO[bytes], data: bytes) -> None:
    """One frame, flushed."""
    stream.write(b"%d\n" % len(data))
    stream.write(data)
    stream.flush()


def _answer(request: dict[str, Any], data: bytes) -> dict[str, Any]:
    limits = ParseLimits(**request["limits"])
    name = str(request["name"])
    _limit(limits)
    try:
        from .dispatch import Dispatch, missing_extra
        from .wire import source_json

        dispatch = Dispatch(limits, **request["options"])
        if "picture" in request:
            from .pdf_page import page_png

            return {"png": base64.b64encode(page_png(data, name, dispatch, **request["picture"])).decode()}
        sources = dispatch.sources(request["kind"], data, name)
        failed = [[failure.source, failure.error] for failure in dispatch.failed]
        return {"sources": [source_json(source) for source in sources], "failed": failed}
    except ModuleNotFoundError as error:
        missing = missing_extra(name, error)
        return {"error": "extra", "problem": missing.problem, "way_out": missing.way_out}
    except PageNotFoundError as error:
        return {"error": "absent", "problem": error.problem, "way_out": error.way_out}
    except MissingExtraError as error:
        return {"error": "extra", "problem": error.problem, "way_out": error.way_out}
    except InputError as error:
        return {"error": "input", "problem": error.problem, "way_out": error.way_out}
    except MemoryError:
        return {"error": "memory"}
    except Exception as error:  # a parser met bytes its authors did not think of: that file fails, not the batch
        return {"error": "other", "problem": f"{type(error).__name__}: {error}"[:300]}
    finally:
        _unlimit()


def _limit(limits: ParseLimits) -> None:
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = limits.memory_bytes if hard == resource.RLIM_INFINITY else min(limits.memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
        # The owner ends this process in time; this ends it when the owner is gone.
        signal.alarm(int(limits.seconds) + 10)


def _unlimit() -> None:
    if sys.platform != "win32":
        signal.alarm(0)
