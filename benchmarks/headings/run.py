"""Facts under headings: documents whose sections do not repeat what their headings say, and 90 questions.

python benchmarks/headings/run.py --out benchmarks/results/headings

The six documents beside this file are invented, and the questions were written down with their gold before the first
run. Right: the document, and token F1 of 0.6 or more against a
gold answer. Well: a right answer shown, or silence where there is none.
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    parser.add_argument("--of", type=Path, default=HERE, help="folder with documents/ and questions.json")
    parser.add_argument("--title", default="Facts under headings", help="of the Markdown")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, spanwise.open(folder) as collection:
        collection.add(options.of / "documents")
        report = asked.ask(collection, json.loads((options.of / "questions.json").read_text("utf-8")))
    write_figures(options.out, options.title, asked.as_markdown(report), report)


if __name__ == "__main__":
    main()
