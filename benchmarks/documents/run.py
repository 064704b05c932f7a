"""Real documents through the command line: a folder is added whole, then questions written down before are asked.

python benchmarks/documents/run.py FOLDER --data DIR --out benchmarks/results/documents
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

QUESTIONS = Path(__file__).with_name("questions.json")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path, help="the documents; their ids are the paths below it")
    options.add_argument("--data", type=Path, required=True, help="data folder; a collection that is there is used")
    options.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    chosen = options.parse_args()
    report: dict[str, Any] = {"machine": f"{os.cpu_count()} cores, Python {platform.python_version()}"}
    report["load before"] = [round(one, 1) for one in os.getloadavg()]
    if not (chosen.data / "collections" / "default").exists():
        report["ingest"] = ingest(chosen.folder, chosen.data)
    report["answers"] = ask(chosen.data)
    text = as_markdown(report)
    sys.stdout.write(text)
    if chosen.out:
        chosen.out.with_suffix(".md").write_text(text, encoding="utf-8")
        chosen.out.with_suffix(".json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")


def ingest(folder: Path, data: Path) -> dict[str, Any]:
    """`spanwise add`: what was added and what it cost."""
    started = time.perf_counter()
    said, memory = spanwise("--data", str(data), "add", str(folder), "--json")
    minutes = (time.perf_counter() - started) / 60
    kinds = Counter(Path(one["source"]).suffix for one in said["failed"])
    return {
        "files": sum(1 for file in folder.rglob("*") if file.is_file()),
        "documents": len(said["documents"]),
        "pages of PDF": sum(one["metadata"].get("pages", 0) for one in said["documents"]),
        "characters": sum(one["characters"] for one in said["documents"]),
        "passages": sum(one["passages"] for one in said["documents"]),
        "minutes": round(minutes, 1),
        "peak memory MB": memory,
        "failures by suffix": dict(kinds),
        "failures of formats that are read": [
            one for one in said["failed"] if Path(one["source"]).suffix in (".pdf", ".html", ".epub", ".txt")
        ],
    }


def ask(data: Path) -> list[dict[str, Any]]:
    """`spanwise ask --file`: each question with its gold and what was answered."""
    gold = json.loads(QUESTIONS.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "questions.txt")
        file.write_text("\n".join(one["question"] for one in gold), "utf-8")
        said, _ = spanwise("--data", str(data), "ask", "--file", str(file), "--json")
    found = []
    for one, result in zip(gold, said["results"], strict=True):
        right = [is_right(one, answer) for answer in result["answers"]]
        best = result["answers"][0] if result["answers"] else None
        found.append(
            {
                **one,
                "right": bool(right and right[0]),
                "in the first three": any(right[:3]),
                "shown": result["answerable"],
                "answered": best["text"] if best else None,
                "probability": best["probability"] if best else None,
                "answered in": best["document"]["id"] if best else None,
                "on": (best["location"]["page"] or best["heading"]) if best else None,
            }
        )
    return found


def is_right(gold: dict[str, Any], answer: dict[str, Any]) -> bool:
    """The words, the document, and the page or section that were written down."""
    if gold["document"] != answer["document"]["id"] or gold["answer"].lower() not in answer["text"].lower():
        return False
    if "page" in gold:
        return bool(answer["location"]["page"] == gold["page"])
    return gold["section"] in (answer["heading"] or "")


def spanwise(*arguments: str) -> tuple[dict[str, Any], int]:
    """The JSON that a command prints, and the peak memory of it and its worker in MB."""
    done = subprocess.run(
        ["/usr/bin/env", "time", "-f", "%M", sys.executable, "-m", "spanwise", *arguments],
        capture_output=True,
        text=True,
    )
    if not done.stdout:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout), int(done.stderr.strip().splitlines()[-1]) // 1024


def as_markdown(report: dict[str, Any]) -> str:
    lines = [f"machine {report['machine']}; load before the run {report['load before']}", ""]
    if "ingest" in report:
        lines += ["| ingest | |", "|---|---:|"]
        lines += [f"| {name} | {value} |" for name, value in report["ingest"].items()]
        lines.append("")
    answers = report["answers"]
    right = sum(one["right"] for one in answers)
    three = sum(one["in the first three"] for one in answers)
    lines.append(f"{right} of {len(answers)} right at the first place, {three} among the first three.")
    lines += ["", "| | question | gold | answered | p | shown |", "|---|---|---|---|---:|---|"]
    for one in answers:
        mark = "right" if one["right"] else "in three" if one["in the first three"] else "wrong"
        where = f"{one['document']}, {one.get('page') or one.get('section')}"
        said = (one["answered"] or "").replace("\n", " ").replace("|", "\\|")[:80]
        shown = "yes" if one["shown"] else "no"
        lines.append(
            f"| {mark} | {one['question']} | {one['answer']} ({where}) | {said} ({one['answered in']}, {one['on']}) "
            f"| {one['probability']} | {shown} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
