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

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import asked

import spanwise
from spanwise.qa.evaluation.metrics import score_text
from trust.reporting import write_figures

HERE = Path(__file__).parent
MOST_SEEN = 3
"""Answers that somebody looks at."""
UNANSWERABLE = "silent (or right), of {} that no sentence answers"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("docs", type=Path, help="folder with the packaged pages")
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, spanwise.open(folder) as collection:
        collection.add(HERE / "documents")
        collection.add(options.docs)
        questions = json.loads((HERE / "questions.json").read_text("utf-8"))
        report = asked.ask(collection, questions, is_right, is_well)
    write_figures(options.out, "Papers and documentation", asked.as_markdown(report, UNANSWERABLE), report)


def is_right(one: asked.Question, answer: spanwise.Answer) -> bool:
    """Whether `answer` stands in a document that has it and says what a gold answer says, of an old paper or a new."""
    gold = [*one["answers"], *(text for texts in one.get("also", []) for text in texts)]
    documents = one.get("documents", [one["document"], *(["price-list-2023.md"] if "also" in one else [])])
    return answer.document.id in documents and score_text(answer.text, gold).right


def is_well(one: asked.Question, result: spanwise.AskResult, right: bool) -> bool:
    """Whether a right answer is shown, of an old paper and a new one both; or silence or what is allowed where there is
    none."""
    if not result.answerable:
        return not one["answers"]
    if not one["answers"]:
        return score_text(result[0].text, one.get("allowed", [])).right
    seen = [answer.text for answer in result[:MOST_SEEN]]
    return right and all(any(score_text(text, gold).right for text in seen) for gold in one.get("also", []))


if __name__ == "__main__":
    main()
