"""Power failures: the recorded file changes of a run, cut off anywhere, without what was not synced.

python benchmarks/trust power --seeds 4
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from trust.child import Nursery
from trust.disk import Disk, Kept, everything, nothing
from trust.promise import Broken, allowed_after, check, script
from trust.reporting import in_memory, write_report
from trust.shim import SYNC, WRITE, Call, compile_shim, recorded

LENGTH = 30

Leave = Callable[[Disk, Path, random.Random], None]


def _some(rng: random.Random) -> Kept:
    share = rng.random()
    return lambda count: [number for number in range(count) if rng.random() < share]


def _first(rng: random.Random) -> Kept:
    return lambda count: range(rng.randint(0, count))


FAILURES: dict[str, Leave] = {
    "nothing that was not synced is left": lambda disk, place, rng: disk.leave(place, nothing, nothing),
    "all is left (the process died)": lambda disk, place, rng: disk.leave(place, everything, everything),
    "names are left, data is not": lambda disk, place, rng: disk.leave(place, everything, nothing),
    "data is left, names are not": lambda disk, place, rng: disk.leave(place, nothing, everything),
    "the last pages are torn": lambda disk, place, rng: disk.leave(place, everything, everything, rng),
    "any writes are left, in part": lambda disk, place, rng: disk.leave(place, _first(rng), _some(rng), rng),
}


def record(nursery: Nursery, folder: Path, seed: int, length: int = LENGTH) -> list[Call]:
    """The file changes of the script of `seed`, from an empty folder to the end."""
    root = folder / f"recorded-{seed}"
    root.mkdir()
    found = nursery.trial(
        kind="power", root=str(root), data=str(root / "deep" / "data"), files=str(folder / f"files-{seed}"),
        log=str(root / "acks"), seed=seed,
        length=length, record=str(folder / f"calls-{seed}"),
    )  # fmt: skip
    if found["status"] != 0 or "message" in found["said"]:
        raise Broken(f"the script fails undisturbed: {found['said']}")
    calls = recorded(folder / f"calls-{seed}")
    if not (any(call.kind == WRITE for call in calls) and any(call.kind == SYNC for call in calls)):
        raise Broken("nothing was recorded")
    changes = script(seed, length)
    check(root / "deep" / "data", allowed_after(changes, (root / "acks").read_text()), changes)
    return calls


def replay(
    calls: list[Call], folder: Path, seed: int, choose: Callable[[int, Call], list[str]], length: int = LENGTH
) -> Counter[str]:
    """Fail the power after each call for which `choose` names failures, and check what is left; how often which."""
    changes = script(seed, length)
    disk = Disk(folder / f"recorded-{seed}")
    done: Counter[str] = Counter()
    for number, call in enumerate(calls):
        disk.apply(call)
        for failure in choose(number, call):
            place = Path(tempfile.mkdtemp(dir=folder))
            FAILURES[failure](disk, place / "left", random.Random(f"{seed} {number} {failure}"))
            try:
                allowed = allowed_after(changes, disk.log.decode())
                check(place / "left" / "deep" / "data", allowed, changes)
            except Exception as error:
                where = f"seed {seed}, call {number} of {len(calls)}, {failure}, kept in {place}"
                raise Broken(f"{where}: {error!r}") from error
            shutil.rmtree(place)
            done[failure] += 1
    return done


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(prog="trust power", description=__doc__)
    options.add_argument("--seeds", type=int, default=2)
    options.add_argument("--share", type=float, default=1.0, help="share of the calls after which the power fails")
    options.add_argument("--out", type=Path)
    chosen = options.parse_args(arguments)
    done: Counter[str] = Counter()
    total = 0
    with tempfile.TemporaryDirectory(dir=in_memory()) as name:
        folder = Path(name)
        with Nursery(LD_PRELOAD=str(compile_shim(folder))) as nursery:
            for seed in range(1, chosen.seeds + 1):
                calls = record(nursery, folder, seed)
                rng = random.Random(seed)
                total += len(calls)
                done += replay(
                    calls, folder, seed,
                    lambda number, call: list(FAILURES) if rng.random() < chosen.share else [],  # noqa: B023
                )  # fmt: skip
    rows = "\n".join(f"| {failure} | {count} |" for failure, count in done.items())
    text = (
        f"{chosen.seeds} recorded runs of {LENGTH} changes, {total} calls; {sum(done.values())} power failures, "
        f"0 broken promises.\n\n| when the power fails | trials |\n|---|---:|\n{rows}\n"
    )
    write_report(chosen.out, "Power failure", text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
