"""Which way of computing the packaged model is the fastest here for many texts, found out once per installation.

All ways give the same vectors up to rounding (cosine at least 0.999, which the probe checks too), so the choice is not
part of a collection's fingerprint.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from .durable import write_file
from .embedding import Vectors
from .packaged_model import Ids, PackagedWeights

Way = Callable[[Sequence[Ids]], Vectors]
ONNX, TORCH = "onnxruntime float32", "torch bfloat16"
_WORTH = 1.15  # so many times as fast torch must be: it costs a second to load, and memory
_NEAR = 0.999  # the least cosine between the vectors of two ways


class Bulk:
    """The fastest way, chosen at the first use of a process: from what is kept, else by a probe of about a second."""

    def __init__(self, weights: PackagedWeights, onnx: Way, *, threads: int = 0) -> None:
        self._weights, self._onnx, self._threads = weights, onnx, threads
        self._chosen: Way | None = None
        self._choosing = threading.Lock()

    def __call__(self, ids: Sequence[Ids]) -> Vectors:
        """float32, a row of length 1 for each of `ids`. Raises TimeLimitError between batches."""
        with self._choosing:
            if self._chosen is None:
                self._chosen = self._choose()
        return self._chosen(ids)

    def _choose(self) -> Way:
        key = _key(self._threads)
        kept = _kept(key)
        if key is None or kept == ONNX:
            return self._onnx
        try:
            from .embedding_torch import TorchVectors

            torch = TorchVectors(self._weights, threads=self._threads)
            if kept is None:
                kept, rates = probe(self._onnx, torch)
                if not _busy():
                    _keep({"key": key, "fastest": kept, "tokens_per_second": rates})
        except (ImportError, OSError, RuntimeError):  # no torch, one that does not load, or one that cannot do it
            return self._onnx
        return torch if kept == TORCH else self._onnx


def probe(onnx: Way, torch: Way, rounds: int = 3) -> tuple[str, dict[str, int]]:
    """The faster of both, and the tokens per second of each in its best round of eight texts of 192 tokens."""
    made = np.random.default_rng(0)
    ids = [made.integers(1_000, 30_000, 192) for _ in range(8)]
    right = onnx(ids)
    if not np.sum(right * torch(ids), axis=1).min() >= _NEAR:  # not so either when there are NaN
        return ONNX, {}
    best = dict.fromkeys((ONNX, TORCH), 0.0)
    for _ in range(rounds):
        for name, way in ((ONNX, onnx), (TORCH, torch)):
            started = time.perf_counter()
            way(ids)
            best[name] = max(best[name], sum(map(len, ids)) / (time.perf_counter() - started))
    rates = {name: round(rate) for name, rate in best.items()}
    return (TORCH if best[TORCH] > _WORTH * best[ONNX] else ONNX), rates


def _busy() -> bool:
    """Whether others want the processor too: a probe then favours onnxruntime, whose threads do not wait for each
    other, and is not worth keeping."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1)


def _key(threads: int) -> str | None:
    """What the choice depends on; None where torch is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # takes its time, and is needed for many texts only

    try:
        versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "onnxruntime"))
    except PackageNotFoundError:
        return None
    graphics = "with" if Path("/proc/driver/nvidia").exists() else "without"
    return f"{_processor()}, {os.cpu_count()} cores, {threads} threads, {graphics} GPU, {versions}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    wanted = {"model name": "", "cpu family": "", "model": ""}
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in wanted:
            wanted[name.strip()] = value.strip()
    return " ".join(value for value in wanted.values() if value) or platform.machine()


def kept_file() -> Path:
    """Where the choice is kept: the user's cache folder."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "spanwise" / "embedding.json"


def _kept(key: str | None) -> str | None:
    try:
        kept = json.loads(kept_file().read_text("utf-8"))
        return str(kept["fastest"]) if kept["key"] == key and kept["fastest"] in (ONNX, TORCH) else None
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):  # none, no home folder, or damaged: probe again
        return None


def _keep(choice: dict[str, Any]) -> None:
    """For the next process, where there is a place for it. Of two at once the last one stays, whole."""
    with suppress(OSError, RuntimeError):
        file = kept_file()
        file.parent.mkdir(parents=True, exist_ok=True)
        write_file(file, (json.dumps(choice, indent=2) + "\n").encode())
