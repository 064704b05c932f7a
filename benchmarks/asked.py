"""Questions with known answers, asked of a collection: how each went, as figures and as Markdown."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import spanwise
from spanwise.qa.evaluation.metrics import score_text
from trust.reporting import write_figures

Question = dict[str, Any]
"""`question`, its gold `answers` (none: silence is right) and, if there are any, the `document` they stand in."""


def is_right(one: Question, answer: spanwise.Answer) -> bool:
    """Whether `answer` stands in the document it should and says what a gold answer says."""
    return bool(answer.document.id == one.get("document") and score_text(answer.text, one["answers"]).right)


def is_well(one: Question, result: spanwise.AskResult, right: bool) -> bool:
    """Whether a right answer is shown, or nothing where there is none."""
    return right if result.answerable else not one["answers"]


def ask(
    collection: spanwise.Collection,
    questions: Sequence[Question],
    is_right: Callable[[Question, spanwise.Answer], bool] = is_right,
    is_well: Callable[[Question, spanwise.AskResult, bool], bool] = is_well,
) -> dict[str, Any]:
    """How the questions went: counts, and each of them under `asked`."""
    asked = []
    for one, result in zip(questions, collection.ask_many([one["question"] for one in questions]), strict=True):
        best = result[0] if len(result) else None
        right = best is not None and is_right(one, best)
        asked.append(
            {
                **one,
                "said": best.text if best else "",
                "document_said": best.document.id if best else None,
                "probability": round(best.probability, 2) if best else 0.0,
                "shown": result.answerable,
                "right": right,
                "well": is_well(one, result, right),
            }
        )
    answerable = [one for one in asked if one["answers"]]
    return {
        "reader": collection.reader_fingerprint,
        "questions": len(asked),
        "answerable": len(answerable),
        "right_when_forced": sum(one["right"] for one in answerable),
        "right_and_shown": sum(one["right"] and one["shown"] for one in answerable),
        "well_of_unanswerable": sum(one["well"] for one in asked if not one["answers"]),
        "well": sum(one["well"] for one in asked),
        "asked": asked,
    }


def as_markdown(report: dict[str, Any], unanswerable: str = "silent, of {} without an answer") -> str:
    """The counts, those of each `kind` where questions have one, and the questions that did not go well."""
    lines = [
        f"Reader `{report['reader']}`.",
        "",
        "| | |",
        "|---|---:|",
        f"| best answer right, of {report['answerable']} with an answer | {report['right_when_forced']} |",
        f"| right and shown | {report['right_and_shown']} |",
        f"| {unanswerable.format(report['questions'] - report['answerable'])} | {report['well_of_unanswerable']} |",
        f"| handled well, of {report['questions']} | {report['well']} |",
        "",
    ]
    kinds = dict.fromkeys(one["kind"] for one in report["asked"] if "kind" in one)
    if kinds:
        lines += ["| kind | well | of |", "|---|---:|---:|"]
        for kind in kinds:
            some = [one["well"] for one in report["asked"] if one["kind"] == kind]
            lines.append(f"| {kind} | {sum(some)} | {len(some)} |")
        lines.append("")
    lines += ["| not handled well | gold | best answer | P | shown |", "|---|---|---|---:|---|"]
    for one in report["asked"]:
        if not one["well"]:
            said = one["said"].replace("\n", " ").replace("|", "\\|")[:80]
            gold = (one["answers"][0] if one["answers"] else "silence").replace("|", "\\|")
            shown = "yes" if one["shown"] else "no"
            lines.append(f"| {one['question']} | {gold} | {said} | {one['probability']:.2f} | {shown} |")
    return "\n".join(lines) + "\n"


def ask_halves(folder: Path, halves: Sequence[str], title: str, description: str) -> None:
    """Ask the `questions.json` of `folder` half by half of its `documents`, and report as the command line says."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=halves, action="append", help="only this one")
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    options = parser.parse_args()
    questions = json.loads((folder / "questions.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as store, spanwise.open(store) as collection:
        collection.add(folder / "documents")
        reports = {
            half: ask(collection, [one for one in questions if one["half"] == half]) for half in options.half or halves
        }
    text = "\n".join(f"## The half to {half}\n\n{as_markdown(report)}" for half, report in reports.items())
    write_figures(options.out, title, f"{description}\n{text}", reports)
