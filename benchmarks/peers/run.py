"""Spanwise beside Haystack, txtai, bm25s and flat FAISS: same machine, same passages, same questions.

    benchmarks/peers/setup.sh ENVIRONMENTS                                       # once
    python benchmarks/peers/run.py --environments ENVIRONMENTS --reader FLOAT16 \\
        --corpus dev.jsonl.gz --more train.jsonl.gz

measures everything and writes `benchmarks/results/peers.md` and `.json`; with `--systems` or `--stages` only that, and
what is already in the JSON stays if it was measured on the same material. See `benchmarks/peers/README.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from child import SYSTEMS
from measure import STAGES, WARM_UPS, Bench, applies
from protocol import READ_AT_MOST, embedding_folder
from report import markdown
from tokenizers import Tokenizer

from spanwise.qa.evaluation.datasets import Row, context_id, read_rows, sample
from spanwise.qa.evaluation.files import digest

ROOT = Path(__file__).parents[2]


def main() -> None:
    options = arguments().parse_args()
    bench, material = prepared(options)
    file = options.out.with_suffix(".json")
    report = merged(file, material)
    for system in options.systems:
        for stage in options.stages:
            if not applies(stage, system):
                continue
            before, started = os.getloadavg()[0], time.perf_counter()
            figures = STAGES[stage](bench, system)
            figures |= {"commit": commit(), "load_before": round(before, 1)}
            figures["stage_seconds"] = round(time.perf_counter() - started)
            report["systems"].setdefault(system, {})[stage] = figures
            file.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
            sys.stdout.write(f"{system} {stage}: {json.dumps(figures)}\n")
            sys.stdout.flush()
    options.out.with_suffix(".md").write_text(markdown(report), "utf-8")


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, required=True, help="the folder given to setup.sh")
    parser.add_argument(
        "--reader", type=Path, required=True, help="the peers' reader: an AutoModelForQuestionAnswering folder"
    )
    parser.add_argument(
        "--corpus", type=Path, required=True, help="SQuAD rows: all contexts are the corpus, some questions are asked"
    )
    parser.add_argument("--more", type=Path, help="SQuAD rows whose contexts fill the corpus of the indexing stage up")
    parser.add_argument("--work", type=Path, help="where the indexes lie and stay (default: ENVIRONMENTS/work)")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument(
        "--stages", nargs="*", choices=STAGES, default=list(STAGES), help="none: only write the Markdown anew"
    )
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--clients-questions", type=int, default=64, help="how many of them the clients stage asks")
    parser.add_argument(
        "--at-once",
        type=int,
        nargs="+",
        default=[1, 2, 16],
        help="how many requests of 16 clients are handled at a time",
    )
    parser.add_argument("--passages", type=int, help="use only the first so many contexts, for a short run")
    parser.add_argument("--index-passages", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/peers")
    return parser


def prepared(options: argparse.Namespace) -> tuple[Bench, dict[str, Any]]:
    """The bench, and what names its material in the report."""
    options.work = options.work or options.environments / "work"
    options.work.mkdir(parents=True, exist_ok=True)
    rows = [row for row in read_rows(options.corpus) if row.answerable]
    texts = dict(list(contexts(rows).items())[: options.passages])
    rows = distinct([row for row in rows if context_id(row.context) in texts])
    drawn = sample(rows, min(len(rows), options.questions + WARM_UPS), 0)
    asked, warm_ups = drawn[WARM_UPS:], [row.question for row in drawn[:WARM_UPS]]
    many = texts | (contexts(read_rows(options.more)) if options.more else {})
    many = dict(list(many.items())[: options.index_passages])
    tokenizer = Tokenizer.from_file(str(embedding_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encoded = tokenizer.encode_batch(list(many.values()), add_special_tokens=False)
    bench = Bench(
        environments=options.environments.absolute(),
        work=options.work.absolute(),
        reader=options.reader.absolute(),
        texts=texts,
        many=many,
        tokens=sum(len(one.ids) for one in encoded),
        rows=asked,
        warm_ups=warm_ups,
        own={row.question: context_id(row.context) for row in asked},
        at_once=options.at_once,
        clients_questions=min(options.clients_questions, len(asked)),
    )
    material = {
        "machine": f"{os.cpu_count()} cores, {processor()}, Python {platform.python_version()}",
        "corpus": f"{options.corpus.name} ({digest([options.corpus])}), {len(texts)} contexts",
        "indexing": f"{len(many)} contexts, {bench.tokens:,} tokens"
        + (f", filled up from {options.more.name} ({digest([options.more])})" if options.more else ""),
        "questions": len(asked),
        "peers_reader": digest([options.reader / "model.safetensors"]),
        "embedding": f"all-MiniLM-L6-v2 ({digest([embedding_folder() / 'model.safetensors'])})",
        "read_at_most": READ_AT_MOST,
    }
    return bench, material


def contexts(rows: Sequence[Row]) -> dict[str, str]:
    return {context_id(row.context): row.context for row in rows}


def distinct(rows: Sequence[Row]) -> list[Row]:
    """The first row of each question."""
    return list({row.question: row for row in reversed(rows)}.values())[::-1]


def merged(file: Path, material: dict[str, Any]) -> dict[str, Any]:
    """What the file holds, if that was measured on the same material. Exits when it was not."""
    if not file.exists():
        return {"material": material, "systems": {}}
    report: dict[str, Any] = json.loads(file.read_text("utf-8"))
    if report["material"] != material:
        changed = [name for name, value in material.items() if report["material"].get(name) != value]
        raise SystemExit(
            f"{file} was measured on other material ({', '.join(changed)}): remove it or give another --out."
        )
    return report


def commit() -> str:
    said = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    return said.stdout.strip()


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
