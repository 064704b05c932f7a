"""The speed of everything in one table: 2,000, 100,000 and 1,000,000 passages, and the quality of the answers timed.

python benchmarks/speed_table.py 2000 100000 1000000 --cache FOLDER --ingest squad1.1-dev-a.jsonl.gz --scale FOLDER

The collections are those of `corpora/build.py`, each measured in a process of its own, warm; a size that is not there
is left out. Questions are distinct, a seeded sample of SQuAD dev A, whose passages are in every collection with
the model's own vectors; no two rows share any, and nothing keeps answers or vectors of queries. EM and F1 are of
the top answers that were timed, always answering. `--scale FOLDER` adds the million given vectors of `scale.py --keep`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ |= {"SPANWISE_ANSWER_CACHE_BYTES": "0", "SPANWISE_QUERY_CACHE_BYTES": "0"}  # for the processes, too
sys.path.insert(0, str(Path(__file__).resolve().parent))

from speed import beside_encode, cold_start, ingest, over_http, percentiles
from stages import throughput

import spanwise
from corpora.build import NAME, corpus_folder
from spanwise.qa.evaluation.datasets import read_rows, sample
from spanwise.qa.evaluation.metrics import mean_text, score_text
from trust.reporting import write_figures

SOURCE = "squad-dev-a"
FIRST_ROWS = ("passages", "documents")
OF_SCALE = (
    "build s (SQLite and BM25; vectors given)",
    "build s of the vector index file, processor time",
    "search dense p50",
    "search dense p95",
    "search hybrid p50",
    "search hybrid p95",
    "recall@10 against exact",
    "resident memory MB added",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="+", help="passages")
    parser.add_argument("--cache", type=Path, required=True, help="where the corpora are")
    parser.add_argument("--ingest", type=Path, help="SQuAD rows whose contexts are added to a new collection")
    parser.add_argument("--contexts", type=int, help="only so many of them, for a short run")
    parser.add_argument("--scale", type=Path, help="the folder that `scale.py 1000000 --keep` has built in")
    parser.add_argument("--scale-passages", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=150, help="distinct ones of a row")
    parser.add_argument("--seconds", type=float, default=8, help="of each measurement of asks per second")
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sys.stdout.write(json.dumps(one(options)))
        return
    columns: dict[str, dict[str, Any]] = {}
    for size in options.sizes:
        if (corpus_folder(options.cache, size) / "corpus.json").exists():
            columns[f"{size:,}"] = _alone("--one", options, size)
    if options.ingest:
        columns.setdefault(f"{options.sizes[0]:,}", {}).update(_alone("--one", options, 0))
    text = as_markdown(columns)
    if options.scale:
        given = scale(options.scale, options.scale_passages, min(options.questions, 60))
        text += (
            f"\nGiven vectors, {options.scale_passages:,} passages of made words (`scale.py`):\n\n| | |\n|---|---:|\n"
        )
        text += "".join(f"| {name} | {given[name]} |\n" for name in OF_SCALE)
        columns["given vectors"] = given
    settings = f"Search, ask and HTTP: {options.questions} questions each; asks per second: {options.seconds:g} s each."
    write_figures(options.out, "Speed", f"{settings} Times in milliseconds unless said.\n\n{text}", columns)


def _alone(flag: str, options: argparse.Namespace, size: int) -> dict[str, Any]:
    """A column in a process of its own; size 0 is the ingest."""
    command = [sys.executable, __file__, flag, str(size), "--cache", str(options.cache)]
    command += ["--questions", str(options.questions), "--seconds", str(options.seconds)]
    if size == 0:
        command += ["--ingest", str(options.ingest)]
        command += ["--contexts", str(options.contexts)] if options.contexts else []
    found: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    sys.stderr.write(f"{size:,}: {found}\n")
    return found


def one(options: argparse.Namespace) -> dict[str, Any]:
    if options.sizes == [0]:
        return ingested(options.ingest, options.contexts)
    return measure(corpus_folder(options.cache, options.sizes[0]), options.questions, options.seconds)


def ingested(rows: Path, contexts: int | None) -> dict[str, Any]:
    """Distinct contexts added to a new collection, beside `encode()` on the same texts."""
    texts = list(dict.fromkeys(row.context for row in read_rows(rows)))[:contexts]
    with tempfile.TemporaryDirectory() as folder, spanwise.open(folder) as collection:
        collection.warm()
        figures = ingest(collection, texts)
    figures |= beside_encode(figures["ingest tokens/s"], texts)
    names = ("ingest tokens/s", "encode() alone tokens/s", "ingest / encode()")
    return {"contexts added": len(texts), **{name: figures[name] for name in names}}


def measure(folder: Path, count: int, seconds: float) -> dict[str, Any]:
    """All figures of one collection; times in milliseconds unless the name says otherwise."""
    rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    known = {row["question"]: row["answers"] for row in rows if row["source"] == SOURCE}
    drawn = sample(list(known), min(4 * count, len(known)))
    searched, asked, sent, together = (drawn[start::4] for start in range(4))
    figures: dict[str, Any] = {}
    with spanwise.open(folder, NAME, create=False) as collection:
        status = collection.status()
        figures |= {"passages": status.passages, "documents": status.documents}
        figures["reading model"] = collection.reader_fingerprint
        started = time.perf_counter()
        collection.warm()
        collection.ask("Who pays for what is read once?")
        figures["open, models, first answer s"] = round(time.perf_counter() - started, 2)
        figures |= timed("search", collection.search, searched)[0]
        times, results = timed("ask", collection.ask, asked)
        figures |= times
        figures |= quality(asked, results, known)
        for name, value in throughput(collection, folder, together, seconds).items():
            figures[name if name.startswith("processor") else f"asks per second, {name}"] = value
    figures |= over_http(folder, sent, NAME)
    return figures | cold_start(folder, asked[0], "", NAME)


def timed(name: str, run: Callable[[str], Any], questions: Sequence[str]) -> tuple[dict[str, float], list[Any]]:
    """p50 and p95 by the clock, p50 of processor time; and what came back."""
    times, reckoned, results = [], [], []
    for question in questions:
        started, busy = time.perf_counter(), time.process_time()
        results.append(run(question))
        times.append((time.perf_counter() - started) * 1000)
        reckoned.append((time.process_time() - busy) * 1000)
    figures = percentiles(name, times)
    return {**figures, f"{name} p50 of processor time": round(statistics.median(reckoned), 1)}, results


def quality(questions: Sequence[str], results: Sequence[spanwise.AskResult], known: dict[str, Any]) -> dict[str, float]:
    """Of the top answers, always answering."""
    scores = [
        score_text(result.answers[0].text if result.answers else "", known[question])
        for question, result in zip(questions, results, strict=True)
    ]
    means = mean_text(scores)
    return {f"{name} of the answers": round(means[key], 1) for name, key in (("EM", "em"), ("F1", "f1"))}


def scale(folder: Path, passages: int, queries: int) -> dict[str, Any]:
    """What `scale.py` measures of a collection that it has built."""
    script = str(Path(__file__).with_name("scale.py"))
    command = [sys.executable, script, str(passages), "--keep", str(folder), "--queries", str(queries)]
    return dict(json.loads(subprocess.run([*command, "--step", "measure"], stdout=subprocess.PIPE, check=True).stdout))


def as_markdown(columns: dict[str, dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for column in columns.values() for name in column if name not in FIRST_ROWS))
    lines = ["| " + " | ".join(["collection", *columns]) + " |", "|---|" + "---:|" * len(columns)]
    for name in (*FIRST_ROWS, *names):
        lines.append(f"| {name} | " + " | ".join(str(column.get(name, "")) for column in columns.values()) + " |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
