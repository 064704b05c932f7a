"""Is a cell of another row shown, for rows that are there and rows that are not?

python benchmarks/records/rows.py --out benchmarks/results/records-rows

Each file beside this one is asked one question a column, of a seeded sample of its rows, and the same of invented ones.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import asked

import spanwise
from trust.reporting import write_figures

HERE = Path(__file__).parent
_TICKETS = {
    "handled_by": "Who handled ticket {}?",
    "customer": "Which customer is ticket {} from?",
    "product": "Which product is ticket {} about?",
    "status": "What is the status of ticket {}?",
    "opened": "When was ticket {} opened?",
}
_PRODUCTS = {
    "price": "What does the {} cost?",
    "supplier": "Who supplies the {}?",
    "warranty": "How long is the warranty of the {}?",
    "stock": "How many pieces of the {} are in stock?",
    "weight_kg": "What is the weight of the {}?",
}
_CODES = {column: question.replace("the {}", "{}") for column, question in _PRODUCTS.items()}
_STAFF = {
    "extension": "What is the extension of {}?",
    "room": "Which room is {} in?",
    "reports_to": "Who does {} report to?",
    "role": "What is the role of {}?",
    "department": "Which department does {} work in?",
}
_QUESTIONS = 8
"""Of each kind about rows that are there."""
_ABSENT_TICKETS = ("4399", "4421", "4481", "5418", "3107", "4430")
_ABSENT_PRODUCTS = (
    "Puffin block plane", "Marten coping saw", "Badger anvil", "Ibex workbench", "Kestrel spokeshave", "Lynx jigsaw",
)  # fmt: skip
_ABSENT_CODES = ("TL-999", "TL-211", "TL-812", "TX-407")
_ABSENT_STAFF = (
    "Ingrid Halvorsen", "Oliver Stanton", "Marta Delgado", "Priya Raman", "Tomás Herrera", "Grace Solberg",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    options = parser.parse_args()
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, spanwise.open(folder) as collection:
        collection.add(HERE / "documents")
        report["reader"] = collection.reader_fingerprint
        for name, some in questions().items():
            report[name] = asked.ask(collection, some)["asked"]
    write_figures(options.out, "Rows that are there and rows that are not", as_markdown(report), report)


def questions() -> dict[str, list[asked.Question]]:
    """By file and kind of row."""
    with (HERE / "documents" / "tickets.csv").open(encoding="utf-8", newline="") as file:
        tickets = list(csv.DictReader(file))
    products = json.loads((HERE / "documents" / "catalogue.json").read_text("utf-8"))["products"]
    staff = [json.loads(line) for line in (HERE / "documents" / "staff.jsonl").read_text("utf-8").splitlines()]
    files = (
        ("tickets.csv", "ticket", tickets, _TICKETS, _ABSENT_TICKETS),
        ("catalogue.json", "name", products, _PRODUCTS, _ABSENT_PRODUCTS),
        ("catalogue.json", "sku", products, _CODES, _ABSENT_CODES),
        ("staff.jsonl", "name", staff, _STAFF, _ABSENT_STAFF),
    )
    found: dict[str, list[asked.Question]] = {}
    drawn = random.Random(7)
    for file_name, key, rows, wordings, absent in files:
        there = [
            _question(wording.format(row[key]), [str(row[column])], f"{file_name}/{number}")
            for number, row in enumerate(rows, 1)
            for column, wording in wordings.items()
        ]
        found[f"{file_name} by {key}"] = drawn.sample(there, _QUESTIONS)
        found[f"{file_name} by {key}, not there"] = list(_absent(wordings, absent))
    return found


def _absent(by_column: dict[str, str], names: tuple[str, ...]) -> Iterator[asked.Question]:
    wordings = list(by_column.values())
    for number, name in enumerate(names):
        yield _question(wordings[number % len(wordings)].format(name), [], "")


def _question(question: str, answers: list[str], document: str) -> asked.Question:
    return {"question": question, "answers": answers, "document": document}


def as_markdown(report: dict[str, Any]) -> str:
    lines = [
        f"Reader `{report['reader']}`.",
        "",
        "| | questions | right | right and shown | of another row and shown | shown |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    wrong = []
    for name, some in report.items():
        if name != "reader":
            shown = [one for one in some if one["shown"]]
            counts = (
                len(some),
                sum(one["right"] for one in some),
                sum(one["right"] for one in shown),
                sum(one["document_said"] != one["document"] for one in shown),
                len(shown),
            )
            lines.append(f"| {name} | " + " | ".join(map(str, counts)) + " |")
            wrong += [one for one in some if not one["right"] and (one["shown"] or one["answers"])]
    lines += ["", "| not right | gold | best answer | of | P | shown |", "|---|---|---|---|---:|---|"]
    for one in wrong:
        words = one["said"].replace("\n", " ").replace("|", "\\|")[:80]
        shown = "yes" if one["shown"] else "no"
        gold, found = one["answers"][0] if one["answers"] else "silence", one["document_said"] or ""
        lines.append(f"| {one['question']} | {gold} | {words} | {found} | {one['probability']} | {shown} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
