"""How fast is search over real text? Distinct queries, one process and one client, warm; nothing keeps answers.

python benchmarks/search_speed.py --cache FOLDER 2000 100000 --out benchmarks/results/search-speed

The corpora are those of `corpora/build.py`. Queries are a seeded sample of the data sets' own questions. For searches
while one types, and for `suggest`, each question is cut in the middle of a word: the second to fifth for searches, the
first to fourth for `suggest`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import spanwise
from corpora.build import NAME, corpus_folder
from spanwise.qa.evaluation.datasets import sample
from trust.reporting import write_figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="+", help="passages")
    parser.add_argument("--cache", type=Path, required=True, help="where the corpora are")
    parser.add_argument("--queries", type=int, default=200, help="distinct queries for each way of searching")
    parser.add_argument("--slowest", type=int, default=0, help="print so many of the slowest queries of each way")
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sys.stdout.write(json.dumps(measure(options.cache, options.sizes[0], options.queries, options.slowest)))
        return
    columns = {}
    for size in options.sizes:  # each in a process of its own
        command = [sys.executable, __file__, "--one", str(size), "--cache", str(options.cache)]
        command += ["--queries", str(options.queries), "--slowest", str(options.slowest)]
        columns[size] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    write_figures(
        options.out,
        "Speed of search",
        f"{options.queries} queries for each row.\n\n{as_markdown(columns)}",
        columns,
    )


def measure(cache: Path, size: int, queries: int, slowest: int) -> dict[str, dict[str, float]]:
    """Milliseconds by row: p50, p95, the longest, p50 of processor time and the share of each stage at p50."""
    folder = corpus_folder(cache, size)
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    texts = list(dict.fromkeys(json.loads(line)["question"] for line in lines))
    parts = [texts[start::5] for start in range(5)]  # no two rows have a query in common
    asked = [sample(part, queries) for part in parts]
    typed = [[cut(text, at, 2 + at % 4) for at, text in enumerate(asked[3])]]
    typed += [[cut(text, at, 1 + at % 4) for at, text in enumerate(asked[4])]]
    rows: dict[str, dict[str, float]] = {}
    with spanwise.open(folder, NAME) as collection:
        collection.warm()
        ways: dict[str, tuple[Callable[[str], Any], Sequence[str]]] = {
            "hybrid": (collection.search, asked[0]),
            "lexical": (lambda query: collection.search(query, mode="lexical"), asked[1]),
            "dense": (lambda query: collection.search(query, mode="dense"), asked[2]),
            "hybrid, while typing": (lambda query: collection.search(query, prefix=True), typed[0]),
            "lexical, while typing": (lambda query: collection.search(query, mode="lexical", prefix=True), typed[0]),
            "suggest": (collection.suggest, typed[1]),
        }
        for way, (ask, those) in ways.items():
            rows[way] = timed(way, ask, list(dict.fromkeys(those)), slowest)
    return rows


def cut(question: str, seed: int, word: int) -> str:
    """`question` as far as the first letters of its `word`th word, or of its last one."""
    words = question.split()
    place = min(word, len(words)) - 1
    letters = max(len(words[place]) * (2 + seed % 3) // 5, 1)
    return " ".join([*words[:place], words[place][:letters]])


def timed(way: str, ask: Callable[[str], Any], queries: Sequence[str], slowest: int) -> dict[str, float]:
    ask("the first one pays for what is read once")
    times: list[float] = []
    reckoned: list[float] = []
    stages: dict[str, list[float]] = defaultdict(list)
    for query in queries:
        started, cpu = time.perf_counter(), time.process_time()
        found = ask(query)
        times.append((time.perf_counter() - started) * 1000)
        reckoned.append((time.process_time() - cpu) * 1000)
        for stage, took in getattr(found, "timings_ms", {}).items():
            stages[stage].append(took)
    for place in sorted(range(len(times)), key=lambda place: -times[place])[:slowest]:
        sys.stderr.write(f"{way}: {times[place]:.1f} ms, {queries[place]}\n")
    row = {
        "p50": statistics.median(times),
        "p95": float(np.percentile(times, 95)),
        "longest": max(times),
        "processor p50": statistics.median(reckoned),
        "processor p95": float(np.percentile(reckoned, 95)),
    }
    row |= {f"{stage} p50": statistics.median(each) for stage, each in stages.items() if len(each) > len(times) / 2}
    return {name: round(value, 1) for name, value in row.items()}


def as_markdown(columns: dict[int, dict[str, dict[str, float]]]) -> str:
    lines = ["| passages | search | p50 ms | p95 ms | longest | processor time p50 | p95 | stages, p50 |"]
    lines.append("|---:|---|---:|---:|---:|---:|---:|---|")
    for size, rows in columns.items():
        for way, row in rows.items():
            figures = " | ".join(
                f"{row[name]:.1f}" for name in ("p50", "p95", "longest", "processor p50", "processor p95")
            )
            stages = [
                f"{name.removesuffix(' p50')} {value:.1f}"
                for name, value in row.items()
                if name.endswith(" p50") and name != "processor p50" and value >= 0.1
            ]
            lines.append(f"| {size:,} | {way} | {figures} | {', '.join(stages)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
