"""python benchmarks/trust death|power|faults|readers|spans: the long forms. See each one's --help."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

FORMS = ("death", "power", "faults", "readers", "spans")


def main() -> int:
    form = sys.argv[1] if len(sys.argv) > 1 else ""
    if form == "nursery":
        from trust.child import nursery

        nursery()
        return 0
    if form not in FORMS:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    module = importlib.import_module(f"trust.{form}")
    return int(module.main(sys.argv[2:]))


if __name__ == "__main__":
    sys.exit(main())
