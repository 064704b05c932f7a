"""A system in its own process and environment, as the driver sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).parent
SYSTEMS = {
    "spanwise": ("", "with_spanwise", ""),
    "haystack": ("haystack", "with_haystack", ""),
    "haystack-hybrid": ("haystack", "with_haystack", "hybrid"),
    "txtai": ("txtai", "with_txtai", ""),
    "txtai-hybrid": ("txtai", "with_txtai", "hybrid"),
    "txtai-reference": ("txtai", "with_txtai", "reference"),
    "bm25s": ("floors", "with_floors", "bm25s"),
    "faiss": ("floors", "with_floors", "faiss"),
}
"""Of each system its environment ("" is that of the driver), its module and its variant."""
ANSWERS = ("spanwise", "haystack", "haystack-hybrid", "txtai", "txtai-hybrid", "txtai-reference")


@dataclass(frozen=True, slots=True)
class Said:
    """What a request came back with, and the seconds that the call alone took."""

    result: Any
    error: str | None
    seconds: float


class Child:
    """`request` may be called from several threads. Use as a context manager."""

    def __init__(self, system: str, environments: Path, folder: Path, reader: Path, at_once: int = 1) -> None:
        environment, module, variant = SYSTEMS[system]
        python = str(environments / environment / "bin" / "python") if environment else sys.executable
        folder.mkdir(parents=True, exist_ok=True)
        self._log = (folder.parent / f"{system}.log").open("a", encoding="utf-8")
        self._process = subprocess.Popen(
            [python, str(HERE / "serve.py"), module, variant, str(folder), str(reader), str(at_once)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, encoding="utf-8",
            env={**os.environ, "HF_HUB_OFFLINE": "1", "HAYSTACK_TELEMETRY_ENABLED": "False"},
        )  # fmt: skip
        self._lock, self._next, self._ended = threading.Lock(), 0, False
        self._waiting: dict[int, Future[Said]] = {}
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    def request(self, op: str, **arguments: Any) -> Said:
        """Send one request and wait for its answer. Raises RuntimeError when the process has ended."""
        assert self._process.stdin is not None
        answer: Future[Said] = Future()
        with self._lock:
            if self._ended:
                raise self._gone()
            self._next += 1
            self._waiting[self._next] = answer
            self._process.stdin.write(json.dumps({"id": self._next, "op": op, **arguments}) + "\n")
            self._process.stdin.flush()
        return answer.result()

    def must(self, op: str, **arguments: Any) -> Said:
        """`request` that has to succeed."""
        said = self.request(op, **arguments)
        if said.error:
            raise RuntimeError(f"{op}: {said.error} (see {self._log.name})")
        return said

    def ready(self, ops: Sequence[str]) -> Self:
        """Each of `ops` done, in order."""
        for op in ops:
            self.must(op)
        return self

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            with self._lock:
                answer = self._waiting.pop(said["id"])
            answer.set_result(Said(said.get("result"), said.get("error"), said["seconds"]))
        with self._lock:
            left, self._waiting, self._ended = list(self._waiting.values()), {}, True
        for answer in left:
            answer.set_exception(self._gone())

    def _gone(self) -> RuntimeError:
        return RuntimeError(f"The process has ended (see {self._log.name}).")
