"""Eight readers beside one writer, as threads and as processes: no errors, nothing stale, nothing of two versions.

python benchmarks/trust readers --seconds 300
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import spanwise
from spanwise import DocumentNotFoundError, Settings, Source
from spanwise.index.records import Passage
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder, ScriptedReader
from trust.large import large_from
from trust.reporting import write_report

DOCUMENTS = 30
READERS = 8
LEAST = 5
"""Changes, and reads of each reader, that a run goes on for when its seconds are over: each way of reading once."""
PATIENCE_SECONDS = 300.0
"""But no longer than this: a reader may have died."""
STOP, OLDEST, VERSION, SINCE, READS = 0, 1, 1 + DOCUMENTS, 1 + 2 * DOCUMENTS, 1 + 3 * DOCUMENTS
"""Places in the shared numbers: whether to stop; for each document the oldest version that may still be returned, the
version that is there, and the time (ns) since when the writer knows that; for each reader how often it has read."""
NUMBERS = READS + READERS
EARLY_NS = 20_000_000
"""A look later than this after a change says how late the process looked, not when the change could be seen."""
_VERSION = re.compile(r"\bdoc(\d+)version(\d+)x\b")

Numbers = NDArray[np.int64]


@dataclass
class Outcome:
    """What readers have seen. `stale` counts passages of a version that was gone before the read began."""

    reads: Counter[str] = field(default_factory=Counter)
    stale: int = 0
    mixed: int = 0
    errors: list[str] = field(default_factory=list)
    seen_after_ms: list[float] = field(default_factory=list)
    """How long after the writer was told so another process found what was added."""

    def __iadd__(self, other: Outcome) -> Outcome:
        self.reads += other.reads
        self.stale += other.stale
        self.mixed += other.mixed
        self.errors += other.errors
        self.seen_after_ms += other.seen_after_ms
        return self


def open_library(data: Path) -> Collection:
    settings = Settings(max_top_k=1_000, write_wait_seconds=60)
    large_from(20, changes=8, patience_seconds=0.2)
    return spanwise.open(data, settings=settings, embedder=HashEmbedder(32), reader=ScriptedReader())


def text_of(number: int, version: int) -> str:
    return "".join(f"The name{number} stands by doc{number}version{version}x in line {line}. " for line in range(40))


def write(library: Collection, numbers: Numbers, seconds: float, seed: int) -> int:
    """Add, replace and delete for `seconds`, and until every reader has read (see `LEAST`); how many changes."""
    rng = random.Random(seed)
    version = changes = 0
    begun = time.monotonic()
    while (took := time.monotonic() - begun) < seconds or (
        min(changes, *numbers[READS:]) < LEAST and took < PATIENCE_SECONDS
    ):
        number = rng.randrange(DOCUMENTS)
        there = numbers[VERSION + number]
        version += 1
        numbers[SINCE + number] = 0
        if there and rng.random() < 0.4:
            library.remove(f"doc{number}")
            numbers[OLDEST + number] = version
            numbers[VERSION + number] = 0
        else:
            library.add(Source(text_of(number, version), id=f"doc{number}"))
            numbers[OLDEST + number] = version
            numbers[VERSION + number] = version
            numbers[SINCE + number] = time.monotonic_ns()
        changes += 1
        time.sleep(rng.uniform(0, 0.004))
    return changes


def read(library: Collection, numbers: Numbers, seed: int, place: int = 0) -> Outcome:
    """Read in every way until told to stop; `place` is this reader's among the shared numbers."""
    rng = random.Random(seed)
    outcome = Outcome()
    ways: dict[str, Callable[[int], list[Passage]]] = {
        "dense": lambda number: _passages(library.search(f"name{number}", 20, mode="dense").hits),
        "lexical": lambda number: _passages(library.search(f"name{number}", 200, mode="lexical").hits),
        "hybrid": lambda number: _passages(library.search(f"name{number}", 20).hits),
        "ask": lambda number: [one.passage for one in library.ask(f"Where is name{number}?", 10).answers],
    }
    for way in cycle((*ways, "document")):
        if numbers[STOP]:
            return outcome
        numbers[READS + place] += 1
        number = rng.randrange(DOCUMENTS)
        oldest = numbers[OLDEST : OLDEST + DOCUMENTS].copy()
        try:
            if way == "document":
                texts = [(f"doc{number}", _document(library, number))]
            else:
                texts = [(passage.document.id, passage.text) for passage in ways[way](number)]
        except Exception as error:
            outcome.errors.append(f"{way}: {error!r}")
            continue
        outcome.reads[way] += 1
        seen: dict[str, set[int]] = {}
        for name, text in texts:
            for of, version in _VERSION.findall(text):
                if name != f"doc{of}":
                    outcome.errors.append(f"{way}: {name} has the text of doc{of}")
                seen.setdefault(of, set()).add(int(version))
        outcome.mixed += sum(len(versions) > 1 for versions in seen.values())
        outcome.stale += sum(min(versions) < int(oldest[int(of)]) for of, versions in seen.items())
    raise AssertionError("a cycle does not end")


def watch(library: Collection, numbers: Numbers, seed: int, place: int) -> Outcome:
    """Look for what was just added, again and again; how long it took to be seen."""
    rng = random.Random(seed)
    outcome = Outcome()
    done: set[int] = set()
    while not numbers[STOP]:
        number = rng.randrange(DOCUMENTS)
        since, version = int(numbers[SINCE + number]), int(numbers[VERSION + number])
        if not since or version in done:
            continue
        early = time.monotonic_ns() - since <= EARLY_NS
        while not numbers[STOP] and numbers[VERSION + number] == version:
            hits = library.search(f"doc{number}version{version}x", 1, mode="lexical").hits
            outcome.reads["watch"] += 1
            numbers[READS + place] += 1
            if hits and f"doc{number}version{version}x" in hits[0].text:
                if early:
                    outcome.seen_after_ms.append((time.monotonic_ns() - since) / 1e6)
                done.add(version)
                break
    return outcome


def in_threads(folder: Path, seconds: float, seed: int = 1) -> tuple[int, Outcome]:
    """Changes made, and what eight threads of the same process saw."""
    numbers = np.zeros(NUMBERS, np.int64)
    outcomes: list[Outcome] = []
    with open_library(folder / "data") as library:
        library.add(Source("Something to begin with.", id="other"))
        threads = [
            threading.Thread(target=lambda one=one: outcomes.append(read(library, numbers, seed + one, one)))  # type: ignore[misc]
            for one in range(READERS)
        ]
        for thread in threads:
            thread.start()
        changes = write(library, numbers, seconds, seed)
        numbers[STOP] = 1
        for thread in threads:
            thread.join()
    return changes, _sum(outcomes)


def in_processes(folder: Path, seconds: float, seed: int = 1) -> tuple[int, Outcome]:
    """Changes made, and what eight other processes saw; one of them looks for what was just added."""
    shared = folder / "numbers"
    numbers: Any = np.memmap(shared, np.int64, "w+", shape=(NUMBERS,))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["spanwise.qa.collection", "spanwise.testing", "spanwise.index.vectors_faiss"])
    ready = context.Barrier(READERS + 1)
    with open_library(folder / "data") as library:
        library.add(Source("Something to begin with.", id="other"))
        processes = [context.Process(target=_process, args=(folder, seed + one, one, ready)) for one in range(READERS)]
        for process in processes:
            process.start()
        try:
            ready.wait(PATIENCE_SECONDS)
            changes = write(library, numbers, seconds, seed)
        finally:
            numbers[STOP] = 1
            for process in processes:
                process.join(PATIENCE_SECONDS)
    outcomes = [_outcome(folder / f"seen-{seed + one}") for one in range(READERS)]
    return changes, _sum(outcomes)


def _process(folder: Path, seed: int, place: int, ready: Any) -> None:
    numbers = np.memmap(folder / "numbers", np.int64, "r+", shape=(NUMBERS,))
    with open_library(folder / "data") as library:
        ready.wait(PATIENCE_SECONDS)
        outcome = (read if place else watch)(library, numbers, seed, place)  # the first one watches
    (folder / f"seen-{seed}").write_text(json.dumps(vars(outcome)))


def _outcome(file: Path) -> Outcome:
    if not file.exists():
        return Outcome(errors=[f"{file.name} is missing: the process died"])
    said = json.loads(file.read_text())
    return Outcome(Counter(said.pop("reads")), **said)


def _passages(hits: Any) -> list[Passage]:
    return [hit.passage for hit in hits]


def _document(library: Collection, number: int) -> str:
    try:
        return library.document(f"doc{number}").text
    except DocumentNotFoundError:
        return ""


def _sum(outcomes: list[Outcome]) -> Outcome:
    total = Outcome()
    for outcome in outcomes:
        total += outcome
    return total


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(prog="trust readers", description=__doc__)
    options.add_argument("--seconds", type=float, default=300, help="for threads, and again for processes")
    options.add_argument("--only", choices=("threads", "processes"))
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--out", type=Path)
    chosen = options.parse_args(arguments)
    rows, failed = [], False
    for name, run in (("threads", in_threads), ("processes", in_processes)):
        if chosen.only not in (None, name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            changes, outcome = run(Path(folder), chosen.seconds, chosen.seed)
        failed |= bool(outcome.stale or outcome.mixed or outcome.errors)
        waits = outcome.seen_after_ms
        seen = f"{np.median(waits):.1f} / {max(waits):.1f} ({len(waits)})" if waits else "-"
        figures = (changes, outcome.reads.total(), len(outcome.errors), outcome.stale, outcome.mixed, seen)
        rows.append(f"| {name} | {' | '.join(map(str, figures))} |")
        sys.stderr.writelines(f"{error}\n" for error in outcome.errors[:20])
    about = f"{chosen.seconds:.0f} s each; the last column: median / most.\n"
    head = "| 8 readers as | changes | reads | errors | stale | of two versions | seen elsewhere after ms (of) |"
    text = "\n".join([about, head, "|---|---:|---:|---:|---:|---:|---:|", *rows, ""])
    write_report(chosen.out, "Readers beside a writer", text)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
