"""How to do it: pages that name commands, options and settings, and 71 questions.

python benchmarks/howto/run.py --out benchmarks/results/howto

The nine pages beside this file are documentation as others wrote it (NOTICE says whose). The questions were written
down with their gold before the first run. They come in two halves, by document: one to look at while rules are made,
one to judge them by. Sixteen more that nothing answers were written when the rule had changed once on account of the
second half (`extra`). Right: the document, and token F1 of 0.6 or more against a gold answer. Well: a right answer
shown, or silence where nothing says how.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import asked

import spanwise
from trust.reporting import write_figures

HERE = Path(__file__).parent
HALVES = ("look", "judge", "extra")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=HALVES, action="append", help="only this one")
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    options = parser.parse_args()
    questions = json.loads((HERE / "questions.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder, spanwise.open(folder) as collection:
        collection.add(HERE / "documents")
        reports = {
            half: asked.ask(collection, [one for one in questions if one["half"] == half])
            for half in options.half or HALVES
        }
    text = "\n".join(f"## The half to {half}\n\n{asked.as_markdown(report)}" for half, report in reports.items())
    write_figures(options.out, "How to do it", text, reports)


if __name__ == "__main__":
    main()
