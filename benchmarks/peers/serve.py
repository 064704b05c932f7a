"""One system behind JSON lines on standard input and output: `serve.py MODULE VARIANT FOLDER READER AT_ONCE`.

A request is `{"id", "op", …}`, its answer `{"id", "result", "seconds"}` or `{"id", "error", "seconds"}`; seconds are
those of the call alone. Requests run in AT_ONCE threads, so answers may come in another order.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any


def main() -> None:
    module, variant, folder, reader, at_once = sys.argv[1:]
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    lock = threading.Lock()
    system = importlib.import_module(module).build(Path(folder), Path(reader), variant)

    def respond(request: dict[str, Any]) -> None:
        started = time.perf_counter()
        try:
            said = {"result": perform(system, request)}
        except Exception as error:  # whatever a peer raises is a result of the benchmark
            said = {"error": f"{type(error).__name__}: {error}"[:300]}
        said |= {"id": request["id"], "seconds": time.perf_counter() - started}
        with lock:
            out.write(json.dumps(said) + "\n")
            out.flush()

    with ThreadPoolExecutor(int(at_once)) as workers:
        for line in sys.stdin:
            workers.submit(respond, json.loads(line))


def perform(system: Any, request: dict[str, Any]) -> Any:
    match request["op"]:
        case "index":
            from protocol import Passage

            return system.index([Passage(*pair) for pair in request["passages"]])
        case "search":
            return system.search(request["query"], request["top_k"])
        case "ask":
            found = system.ask(request["question"])
            return found and asdict(found)
        case "usage":
            return usage()
        case "warm" | "load" | "about" as name:
            return getattr(system, name)()
    raise ValueError(request["op"])


def usage() -> dict[str, float]:
    """Of this process: resident megabytes now and at most so far, and seconds of processor time so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    said = dict(line.split(":", 1) for line in lines)
    megabytes = {key: round(int(said[key].split()[0]) / 1024, 1) for key in ("VmRSS", "VmHWM")}
    return {"resident_mb": megabytes["VmRSS"], "most_mb": megabytes["VmHWM"], "processor": time.process_time()}


if __name__ == "__main__":
    main()
