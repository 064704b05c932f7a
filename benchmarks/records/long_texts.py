"""Do the cells of a record get in the way of its long text?

python benchmarks/records/long_texts.py squad2.0-dev-a.jsonl.gz --out benchmarks/results/records-long-texts

A seeded sample of the file's contexts is added twice: as texts with titles, and as a CSV whose records have an author,
a date and other made-up columns besides. Both are asked the questions of those contexts.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import spanwise
from spanwise import Source
from spanwise.qa.evaluation.datasets import CorpusDocument, Row, context_id, contexts, read_rows, sample
from spanwise.qa.evaluation.metrics import auroc, expected_calibration_error, score_text
from trust.reporting import write_figures

_AUTHORS = ("Maria Lindgren", "Peter Asante", "Joan Whitfield", "Luca Ferri", "Noor Rahman", "Emil Novak")
_DESKS = ("archive", "science", "history", "places", "people")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, help="SQuAD-format file")
    parser.add_argument("--contexts", type=int, default=60)
    parser.add_argument("--questions", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("texts", "records"))
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    options = parser.parse_args()
    rows = read_rows(options.rows)
    chosen = sample(contexts(rows, titles=True), options.contexts, options.seed)
    within = {one.id for one in chosen}
    asked = sample([row for row in rows if context_id(row.context) in within], options.questions, options.seed)
    report: dict[str, Any] = {"contexts": len(chosen), "questions": len(asked)}
    for way in ("texts", "records"):
        if options.only in (None, way):
            with tempfile.TemporaryDirectory() as folder, spanwise.open(Path(folder) / "data") as collection:
                add(collection, chosen, Path(folder) if way == "records" else None)
                report["reader"] = collection.reader_fingerprint
                report[way] = measure(collection, asked)
    write_figures(options.out, "Records with a long text", as_markdown(report), report)


def add(collection: spanwise.Collection, documents: Sequence[CorpusDocument], folder: Path | None) -> None:
    """As texts, or as a file of records in `folder`."""
    titled = [(one, one.title.replace("_", " ")) for one in documents]
    if folder is None:
        collection.add([Source(one.text, f"archive.csv/{one.id}", title) for one, title in titled])
        return
    drawn = random.Random(5)
    with (folder / "archive.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("id", "title", "author", "published", "desk", "words", "reviewed_by", "text"))
        for one, title in titled:
            author, reviewer = drawn.sample(_AUTHORS, 2)
            day = f"20{drawn.randint(10, 24)}-{drawn.randint(1, 12):02}-{drawn.randint(1, 28):02}"
            words = len(one.text.split())
            table.writerow((one.id, title, author, day, drawn.choice(_DESKS), words, reviewer, one.text))
    collection.add(folder / "archive.csv")


def measure(collection: spanwise.Collection, rows: Sequence[Row]) -> dict[str, Any]:
    """Percentages, and ECE and AUROC of the probability."""
    said = []
    for row in rows:
        result, hits = collection.ask(row.question), collection.search(row.question, 1)
        best = result[0] if len(result) else None
        forced = score_text(best.text if best else "", row.golds)
        shown = score_text(best.text if best and result.answerable else "", row.golds)
        said.append(
            {
                "answerable": row.answerable,
                "probability": round(best.probability, 3) if best else 0.0,
                "shown": result.answerable,
                "right": forced.right and row.answerable,
                "f1": forced.f1,
                "f1_shown": shown.f1,
                "first": hits[0].document.id.endswith(context_id(row.context)),
            }
        )
    answerable = [one for one in said if one["answerable"]]
    rest = [one for one in said if not one["answerable"]]
    probabilities, right = [one["probability"] for one in said], [one["right"] for one in said]
    return {
        "F1 forced": _percent([one["f1"] for one in answerable]),
        "F1 with silence": _percent([one["f1_shown"] for one in said]),
        "silent of the unanswerable": _percent([not one["shown"] for one in rest]),
        "right and shown": _percent([one["right"] and one["shown"] for one in answerable]),
        "own document first": _percent([one["first"] for one in answerable]),
        "mean probability of right answers": _percent([one["probability"] for one in said if one["right"]]),
        "ECE": round(expected_calibration_error(probabilities, right), 3),
        "AUROC": round(auroc(probabilities, right) or 0.0, 3),
    }


def _percent(values: Sequence[float]) -> float:
    return round(100 * sum(values) / max(len(values), 1), 1)


def as_markdown(report: dict[str, Any]) -> str:
    ways = [way for way in ("texts", "records") if way in report]
    lines = [
        f"Reader `{report['reader']}`; {report['contexts']} contexts, {report['questions']} questions.",
        "",
        "| | " + " | ".join(ways) + " |",
        "|---|" + "---:|" * len(ways),
    ]
    for what in report[ways[0]]:
        lines.append(f"| {what} | " + " | ".join(str(report[way][what]) for way in ways) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
