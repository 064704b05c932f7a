"""A search box over the documentation of three programs and the papers of a small firm: 80 questions, by kind.

python benchmarks/papers/run.py DOCS --out benchmarks/results/papers

The papers beside this file are invented. DOCS holds pages of Debian's packages borgbackup-doc 1.2.4, git-doc 2.39.5
and sqlite3-doc 3.40.1, in the folders `borg` (check, compact, faq, general, prune, quickstart), `git` (git-bisect,
git-clean, git-stash, git-worktree, gitfaq, githooks) and `sqlite` (faq, limits, wal, whentouse). The questions were
written down with their gold before the first run. Right: the document, and token F1 of 0.6 or more against a gold
answer. Well: a right answer shown, or silence where there is none; for what the papers of two years say otherwise both,
among the first three; for what nothing says but arithmetic silence or the right answer.
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
MOST_SEEN = 3
"""Answers that somebody looks at."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("docs", type=Path, help="folder with the packaged pages")
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, spanwise.open(folder) as collection:
        collection.add(HERE / "documents")
        collection.add(options.docs)
        report = measure(collection, json.loads((HERE / "questions.json").read_text("utf-8")))
    write_figures(options.out, "Papers and documentation", __doc__, as_markdown(report), report)


def measure(collection: spanwise.Collection, questions: list[dict[str, Any]]) -> dict[str, Any]:
    asked = []
    for one, result in zip(questions, collection.ask_many([one["question"] for one in questions]), strict=True):
        best = result[0] if len(result) else None
        right = best is not None and is_right(one, best)
        seen = [answer.text for answer in result[:MOST_SEEN]]
        both = all(any(score_text(text, gold).right for text in seen) for gold in one.get("also", []))
        allowed = best is not None and score_text(best.text, one.get("allowed", [])).right
        well = (right and both if one["answers"] else allowed) if result.answerable else not one["answers"]
        asked.append(
            {
                **one,
                "said": best.text if best else "",
                "document_said": best.document.id if best else None,
                "probability": round(best.probability, 2) if best else 0.0,
                "shown": result.answerable,
                "right": right,
                "well": well,
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
        "silent_or_allowed": sum(one["well"] for one in rest),
        "well": sum(one["well"] for one in asked),
        "asked": asked,
    }


def is_right(one: dict[str, Any], answer: spanwise.Answer) -> bool:
    """Whether `answer` stands in a document that has it and says what a gold answer says, of an old paper or a new."""
    gold = [*one["answers"], *(text for texts in one.get("also", []) for text in texts)]
    documents = one.get("documents", [one["document"], *(["price-list-2023.md"] if "also" in one else [])])
    return answer.document.id in documents and score_text(answer.text, gold).right


def as_markdown(report: dict[str, Any]) -> str:
    unanswerable = report["questions"] - report["answerable"]
    kinds = dict.fromkeys(one["kind"] for one in report["asked"])
    lines = [
        f"Reader `{report['reader']}`.",
        "",
        "| | |",
        "|---|---:|",
        f"| best answer right, of {report['answerable']} with an answer | {report['right_when_forced']} |",
        f"| right and shown | {report['right_and_shown']} |",
        f"| silent (or right), of {unanswerable} that no sentence answers | {report['silent_or_allowed']} |",
        f"| handled well, of {report['questions']} | {report['well']} |",
        "",
        "| kind | well | of |",
        "|---|---:|---:|",
    ]
    for kind in kinds:
        some = [one["well"] for one in report["asked"] if one["kind"] == kind]
        lines.append(f"| {kind} | {sum(some)} | {len(some)} |")
    lines += ["", "| not handled well | gold | best answer | P | shown |", "|---|---|---|---:|---|"]
    for one in report["asked"]:
        if not one["well"]:
            said = one["said"].replace("\n", " ").replace("|", "\\|")[:80]
            gold = (one["answers"][0] if one["answers"] else "silence").replace("|", "\\|")
            shown = "yes" if one["shown"] else "no"
            lines.append(f"| {one['question']} | {gold} | {said} | {one['probability']:.2f} | {shown} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
