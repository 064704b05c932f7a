"""Is somebody else's fact kept back when a question names one of whom the documents say nothing?

python benchmarks/other_names.py squad2.0-dev-a.jsonl.gz --out benchmarks/results/other-names

The file's contexts are pooled, under the titles of their articles. A seeded sample of questions with a name of two
words or more, mostly a person's, that the gold passage has too, is asked as written, and with the last word of another
such name that nothing in the article has; both with the rule of `qa/names.py` and without it.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parent))

from spanwise.qa.collection import Collection
from spanwise.qa.evaluation.corpus import indexed
from spanwise.qa.evaluation.datasets import Row, contexts, read_rows
from spanwise.qa.evaluation.metrics import score_text
from spanwise.qa.names import full_names
from spanwise.qa.reading import load_reader
from trust.reporting import write_figures

_PLACES = ("New", "North", "South", "East", "West", "Super", "World", "United")
"""First words of names that are mostly no people."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as written and with the end of the name exchanged."""

    row: Row
    swapped: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, help="SQuAD-format file")
    parser.add_argument("--data", type=Path, help="keeps the index")
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    options = parser.parse_args()
    reader, rows = load_reader(), read_rows(options.rows)
    asked = swapped_names(rows, options.questions)
    report: dict[str, Any] = {"reader": reader.fingerprint, "questions": len(asked)}
    for way, names in (("with the rule", full_names), ("without it", lambda question: [])):
        # Opened anew each time: answers are cached.
        with (
            patch("spanwise.qa.collection.full_names", names),
            indexed(contexts(rows, titles=True), data=options.data, reader=reader) as collection,
        ):
            report[way] = measure(collection, asked)
    write_figures(options.out, "Questions about somebody else", as_markdown(report), report)


def swapped_names(rows: Sequence[Row], count: int) -> list[Asked]:
    """At most `count` questions, no two with one name in one article."""
    told: dict[str, str] = {}
    for row in rows:
        told[row.title] = f"{told.get(row.title, '')} {row.context}"
    picked: dict[tuple[str, str], tuple[Row, str, str]] = {}
    answerable = [row for row in rows if row.answerable]
    random.Random(3).shuffle(answerable)
    for row in answerable:
        for first, last in full_names(row.question):
            name = f"{first} {last}"
            if name in row.question and name in row.context and last.isalpha() and first not in _PLACES:
                picked.setdefault((row.title, name), (row, first, last))
    chosen = list(picked.values())[:count]
    surnames = [last for _, _, last in chosen]
    asked = []
    for place, (row, first, last) in enumerate(chosen):
        for other in (*surnames[place + 1 :], *surnames[:place]):
            if not re.search(rf"\b{re.escape(other)}", told[row.title], re.IGNORECASE):
                asked.append(Asked(row, row.question.replace(f"{first} {last}", f"{first} {other}")))
                break
    return asked


def measure(collection: Collection, asked: Sequence[Asked]) -> dict[str, Any]:
    """Of the questions as written how many were rightly answered and shown, of the others how many were shown."""
    written = [collection.ask(one.row.question) for one in asked]
    swapped = [collection.ask(one.swapped) for one in asked]
    right = [
        bool(result.answerable and score_text(result[0].text, one.row.golds).right)
        for one, result in zip(asked, written, strict=True)
    ]
    return {
        "right and shown": sum(right),
        "shown for somebody else": sum(result.answerable for result in swapped),
        "still shown": [one.swapped for one, result in zip(asked, swapped, strict=True) if result.answerable],
        "lost": [one.row.question for one, found in zip(asked, right, strict=True) if not found],
    }


def as_markdown(report: dict[str, Any]) -> str:
    """A table of both ways, and the questions that the rule does not see."""
    before, now = report["without it"], report["with the rule"]
    lines = [
        f"Reader `{report['reader']}`; {report['questions']} questions.",
        "",
        "| | without | with |",
        "|---|---:|---:|",
    ]
    lines += [f"| {what} | {before[what]} | {now[what]} |" for what in ("right and shown", "shown for somebody else")]
    lost = sorted(set(now["lost"]) - set(before["lost"]))
    lines += ["", "Right and shown without the rule alone: " + ("; ".join(lost) or "none") + ".", ""]
    lines.append("Still shown: " + ("; ".join(now["still shown"]) or "none") + ".")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
