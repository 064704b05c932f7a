"""Processes killed at named failpoints and at random moments; after each, the collection must keep its promise.

python benchmarks/trust death --each 5 --random 200
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from trust.child import Nursery
from trust.promise import Broken, allowed_after, check, log_in, script
from trust.reporting import in_memory, write_report

LENGTH = 20


@dataclass
class Histogram:
    """How often the child died where."""

    deaths: Counter[str] = field(default_factory=Counter)
    at_random: int = 0
    survived: int = 0

    def markdown(self) -> str:
        rows = "\n".join(f"| {name} | {count} |" for name, count in sorted(self.deaths.items()))
        tail = f"| at a random moment | {self.at_random} |\n| finished before it could be killed | {self.survived} |"
        return f"| killed at | trials |\n|---|---:|\n{rows}\n{tail}\n"


def failpoints(nursery: Nursery, folder: Path, seed: int, length: int = LENGTH) -> dict[str, int]:
    """The failpoints that the script of `seed` passes, with how often."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name)
        found = nursery.trial(
            kind="death",
            data=str(place / "data"),
            files=str(place / "files"),
            log=str(place / "log"),
            seed=seed,
            length=length,
        )
        if found["status"] != 0:
            raise Broken(f"the script fails undisturbed: {found['said'].get('error')}")
        changes = script(seed, length)
        check(place / "data", allowed_after(changes, (place / "log").read_text()), changes)
    passed: dict[str, int] = found["said"]["passed"]
    return passed


def killed_at(nursery: Nursery, folder: Path, seed: int, name: str, nth: int, length: int = LENGTH) -> None:
    """Kill the child when it passes failpoint `name` for the `nth` time, and check what is left."""
    status = _trial(nursery, folder, seed, length, failpoint=name, nth=nth)
    if status != -signal.SIGKILL:
        raise Broken(f"failpoint {name!r} was not reached a {nth}. time")


def killed_after(nursery: Nursery, folder: Path, seed: int, seconds: float, length: int = LENGTH) -> bool:
    """Kill the child after `seconds`, and check what is left; whether it was still running."""
    return _trial(nursery, folder, seed, length, kill_after=seconds) == -signal.SIGKILL


def _trial(nursery: Nursery, folder: Path, seed: int, length: int, **how: object) -> int:
    place = Path(tempfile.mkdtemp(dir=folder))
    found = nursery.trial(
        kind="death",
        data=str(place / "data"),
        files=str(place / "files"),
        log=str(place / "log"),
        seed=seed,
        length=length,
        **how,
    )
    if found["said"].get("error"):
        raise Broken(f"{how} with seed {seed}: the child raised {found['said']['error']}")
    changes = script(seed, length)
    try:
        check(place / "data", allowed_after(changes, log_in(place / "log")), changes)
    except Exception as error:
        raise Broken(f"{how} with seed {seed}, kept in {place}: {error!r}") from error
    shutil.rmtree(place)
    return int(found["status"])


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(prog="trust death", description=__doc__)
    options.add_argument("--each", type=int, default=5, help="trials at each failpoint")
    options.add_argument("--random", type=int, default=200, help="trials at random moments")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--minutes", type=float, default=60, help="stop after so long and report what was done")
    options.add_argument("--out", type=Path)
    chosen = options.parse_args(arguments)
    rng = random.Random(chosen.seed)
    ends = time.monotonic() + 60 * chosen.minutes
    histogram = Histogram()
    with tempfile.TemporaryDirectory(dir=in_memory()) as name, Nursery() as nursery:
        folder = Path(name)
        seeds = [chosen.seed * 1000 + number for number in range(max(chosen.each, 1))]
        passed = {seed: failpoints(nursery, folder, seed) for seed in seeds}
        names = sorted(set().union(*passed.values()))
        for number in range(chosen.each):
            for place in names:
                if time.monotonic() > ends:
                    break
                having = [seed for seed in seeds if place in passed[seed]]
                seed = having[number % len(having)]
                killed_at(nursery, folder, seed, place, rng.randint(1, passed[seed][place]))
                histogram.deaths[place] += 1
        for number in range(chosen.random):
            if time.monotonic() > ends:
                break
            if killed_after(nursery, folder, chosen.seed * 5000 + number, rng.uniform(0.002, 0.8)):
                histogram.at_random += 1
            else:
                histogram.survived += 1
    trials = sum(histogram.deaths.values()) + histogram.at_random
    text = f"{trials} deaths, {len(names)} failpoints, 0 broken promises.\n\n{histogram.markdown()}"
    write_report(chosen.out, "Process death", text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
