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
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import spanwise
from spanwise.qa.evaluation.metrics import score_text
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
        report = measure(collection, json.loads((options.of / "questions.json").read_text("utf-8")))
    write_figures(options.out, options.title, __doc__, as_markdown(report), report)


def measure(collection: spanwise.Collection, questions: list[dict[str, Any]]) -> dict[str, Any]:
    asked = []
    for one, result in zip(questions, collection.ask_many([one["question"] for one in questions]), strict=True):
        best = result[0] if len(result) else None
        right = best is not None and best.document.id == one["document"] and score_text(best.text, one["answers"]).right
        asked.append(
            {
                **one,
                "said": best.text if best else "",
                "document_said": best.document.id if best else None,
                "probability": round(best.probability, 2) if best else 0.0,
                "shown": result.answerable,
                "right": right,
                "well": right if result.answerable else not one["answers"],
            }
        )
    answerable = [one for one in asked if one["answers"]]
    rest = [one for one in asked if not one["answers"]]
    return {
        "reader": collection.reader_fingerprint,
        "questions": len(asked),
        "answerable": len(answerable),
        "right_when_forced": sum(one["right"] for one in answerable),
        "right_and_shown": sum(one["right"] and one["shown"] for one in answerable),
        "silent_of_unanswerable": sum(not one["shown"] for one in rest),
        "well": sum(one["well"] for one in asked),
        "asked": asked,
    }


def as_markdown(report: dict[str, Any]) -> str:
    unanswerable = report["questions"] - report["answerable"]
    lines = [
        f"Reader `{report['reader']}`.",
        "",
        "| | |",
        "|---|---:|",
        f"| best answer right, of {report['answerable']} with an answer | {report['right_when_forced']} |",
        f"| right and shown | {report['right_and_shown']} |",
        f"| silent, of {unanswerable} without an answer | {report['silent_of_unanswerable']} |",
        f"| handled well, of {report['questions']} | {report['well']} |",
        "",
        "| not handled well | gold | best answer | P | shown |",
        "|---|---|---|---:|---|",
    ]
    for one in report["asked"]:
        if not one["well"]:
            said = one["said"].replace("\n", " ").replace("|", "\\|")[:80]
            gold = one["answers"][0] if one["answers"] else "silence"
            shown = "yes" if one["shown"] else "no"
            lines.append(f"| {one['question']} | {gold} | {said} | {one['probability']:.2f} | {shown} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
