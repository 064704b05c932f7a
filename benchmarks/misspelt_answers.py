"""Are misspelt questions answered better when the reading model sees what was corrected?

python benchmarks/misspelt_answers.py titles-c.jsonl.gz --out benchmarks/results/misspelt-answers

The file's contexts are pooled. Of a seeded sample, questions with one typing error that the collection corrects (made
as in `typos.py`), and questions as written of which it corrected a word, are asked as they stand, with every
correction, and as the engine asks: without corrections of words that the reader knows or that only lost their
beginning. The same six passages are read each time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from typos import misspell

from spanwise.index.words import respelt
from spanwise.qa.collection import Collection, as_read
from spanwise.qa.deciding import decide
from spanwise.qa.evaluation.corpus import indexed
from spanwise.qa.evaluation.datasets import contexts, read_rows, sample
from spanwise.qa.evaluation.metrics import score_text
from spanwise.qa.reading import Reader, load_reader
from spanwise.qa.shown import read_passages
from trust.reporting import write_figures

PASSAGES = 6
WAYS = ("as they stand", "all corrected", "as the engine does")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, help="SQuAD-format file")
    parser.add_argument("--data", type=Path, help="keeps the index")
    parser.add_argument("--misspelt", type=int, default=100, help="questions that get a typing error")
    parser.add_argument("--written", type=int, default=700, help="questions looked at as they are")
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    options = parser.parse_args()
    reader, rows = load_reader(), read_rows(options.rows)
    asked = sample([row for row in rows if row.answerable], options.written, seed=9)
    report: dict[str, Any] = {"reader": reader.fingerprint}
    with indexed(contexts(rows), data=options.data, reader=reader) as collection:
        for kind, questions in (
            (
                "misspelt",
                [(made.text, row.golds) for row in asked[: options.misspelt] if (made := misspell(row.question))],
            ),
            ("as written", [(row.question, row.golds) for row in asked]),
        ):
            report[kind] = measure(collection, reader, questions)
    write_figures(options.out, "Misspelt questions, answered", as_markdown(report), report)


def measure(
    collection: Collection, reader: Reader, questions: Sequence[tuple[str, Sequence[str]]]
) -> dict[str, dict[str, float]]:
    """How many were corrected, and for each way F1 (0 to 100), right answers, and those above the threshold."""
    found: dict[str, list[tuple[float, bool, bool]]] = {way: [] for way in WAYS}
    for question, golds in questions:
        hits = collection.search(question, PASSAGES, merge=False)
        if not hits.corrected:
            continue
        passages = [hit.passage for hit in hits]
        unknown = {word: right for word, right in hits.corrected.items() if not reader.knows(word)}
        shown = (question, respelt(question, hits.corrected), as_read(question, unknown))
        for way, asked in zip(WAYS, shown, strict=True):
            best = decide(list(hits), read_passages(reader, asked, passages), asked)[0]
            score = score_text(best.text, golds)
            found[way].append((score.f1, score.right, score.right and best.score > reader.threshold))
    return {
        way: {
            "corrected": len(some),
            "f1": 100 * sum(one[0] for one in some) / max(len(some), 1),
            "right": sum(one[1] for one in some),
            "right_and_sure": sum(one[2] for one in some),
        }
        for way, some in found.items()
    }


def as_markdown(report: dict[str, Any]) -> str:
    lines = [f"Reader `{report['reader']}`. Answers forced; sure: above the reader's threshold.", ""]
    lines += [
        "| questions | the reader sees them | corrected | F1 | right | right and sure |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for kind in ("misspelt", "as written"):
        for way, one in report[kind].items():
            lines.append(
                f"| {kind} | {way} | {one['corrected']} | {one['f1']:.1f} | {one['right']} | {one['right_and_sure']} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
