"""Full and failing disks: each call of a run that changes a file fails once, or from then on.

python benchmarks/trust faults
"""

from __future__ import annotations

import argparse
import errno
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from trust.child import Nursery
from trust.promise import Broken, allowed_after, check, log_in, script
from trust.reporting import in_memory, write_report
from trust.shim import compile_shim

LENGTH = 12
ERRORS = {"the disk is full": errno.ENOSPC, "the disk fails": errno.EIO}


def calls_of(nursery: Nursery, folder: Path, seed: int, length: int = LENGTH) -> int:
    """How many calls of the script of `seed` can fail."""
    found = _trial(nursery, folder, seed, length)
    if found["said"].get("message"):
        raise Broken(f"the script fails undisturbed: {found['said']}")
    return int(found["said"]["calls"])


def failing(
    nursery: Nursery, folder: Path, seed: int, at: int, what: str, *, from_then_on: bool, length: int = LENGTH
) -> str:
    """Make call `at` fail and check what is left; the error the product raised, or "" where it needed none."""
    found = _trial(nursery, folder, seed, length, fail_at=at, errno=ERRORS[what], from_then_on=from_then_on)
    said = found["said"]
    if "message" not in said:
        return ""
    if not said["way_out"] or said["error_class"] not in ("StorageError",):
        raise Broken(f"seed {seed}, call {at}, {what}: {said}")
    return str(said["message"])


def _trial(nursery: Nursery, folder: Path, seed: int, length: int, **fault: object) -> dict:
    root = Path(tempfile.mkdtemp(dir=folder))
    log = root / "acks"
    files = root.with_name(root.name + "-files")
    found = nursery.trial(
        kind="fault",
        root=str(root),
        data=str(root / "deep" / "data"),
        log=str(log),
        files=str(files),
        seed=seed,
        length=length,
        **fault,
    )
    where = f"seed {seed}, {fault}, kept in {root}"
    if found["status"] != 0:
        raise Broken(f"{where}: {found['said'].get('error')}")
    changes = script(seed, length)
    try:
        check(root / "deep" / "data", allowed_after(changes, log_in(log)), changes)
    except Exception as error:
        raise Broken(f"{where}: {error!r}") from error
    shutil.rmtree(root)
    shutil.rmtree(files, ignore_errors=True)
    return found


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(prog="trust faults", description=__doc__)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--step", type=int, default=1, help="take every n-th call only")
    options.add_argument("--out", type=Path)
    chosen = options.parse_args(arguments)
    done: Counter[str] = Counter()
    messages: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(dir=in_memory()) as name:
        folder = Path(name)
        with Nursery(LD_PRELOAD=str(compile_shim(folder))) as nursery:
            calls = calls_of(nursery, folder, chosen.seed)
            for at in range(1, calls + 1, chosen.step):
                for what in ERRORS:
                    for from_then_on in (False, True):
                        said = failing(nursery, folder, chosen.seed, at, what, from_then_on=from_then_on)
                        done[f"{what} {'from then on' if from_then_on else 'once'}"] += 1
                        messages[said or "(the change succeeded all the same)"] += 1
    rows = "\n".join(f"| {what} | {count} |" for what, count in done.items())
    said = "\n".join(f"| {message} | {count} |" for message, count in messages.most_common())
    text = (
        f"{calls} calls that change files in {LENGTH} changes; {sum(done.values())} faults, 0 broken promises.\n\n"
        f"| fault | trials |\n|---|---:|\n{rows}\n\n| what was said | times |\n|---|---:|\n{said}\n"
    )
    write_report(chosen.out, "Disks that are full or fail", text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
