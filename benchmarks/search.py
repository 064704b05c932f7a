"""What filters, highlights, sentences and explanations cost, and which way of choosing a sentence is right more often.

python benchmarks/search.py QUESTIONS [--passages 100000] [--questions 150]

QUESTIONS is SQuAD JSON or JSONL, gz or not. The filters are timed over made passages with the hashed embedder of
`spanwise.testing`, everything else over the contexts of the questions with the packaged model. Medians; prints JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import spanwise
from spanwise import Settings, Source
from spanwise.index.filters import parse_where
from spanwise.index.marking import nearest_sentences
from spanwise.index.sentences import sentence_spans
from spanwise.qa.evaluation.datasets import read_rows
from spanwise.qa.reading import load_reader
from spanwise.testing import HashEmbedder

FILTERS: dict[str, Any] = {
    "none": None,
    "1 % of documents": {"n": {"$lt": 0.01}},
    "10 % of documents": {"n": {"$lt": 0.1}},
    "half of the documents": {"n": {"$lt": 0.5}},
    "every document": {"n": {"$lt": 2}},
    "100 ids": {"document.id": [f"d{number}" for number in range(0, 1_000, 10)]},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=150)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = {"filters": filters(Path(folder), options.passages)}
        report["shown"] = shown(Path(folder), options.path, options.questions)
    sys.stdout.write(json.dumps(report, indent=2, ensure_ascii=False) + "\n")


def filters(folder: Path, passages: int) -> dict[str, Any]:
    """Milliseconds of a search over made passages, and recall@10 of the dense half against exact search."""
    chance = random.Random(0)
    words = [f"word{number}" for number in range(20_000)]
    weights = [1 / (rank + 10) for rank in range(len(words))]

    def text() -> str:
        return " ".join(chance.choices(words, weights, k=25))

    embedder = HashEmbedder(384)
    with spanwise.open(folder, "made", settings=Settings(), embedder=embedder) as library:
        for first in range(0, passages, 5_000):
            some = range(first, min(first + 5_000, passages))
            library.add([Source(text(), id=f"d{n}", metadata={"n": chance.random()}) for n in some])
        queries = [" ".join(chance.choices(words[:5_000], k=4)) for _ in range(30)]
        found: dict[str, Any] = {"passages": passages}
        for name, where in FILTERS.items():
            allowed = parse_where(where)
            library.search(queries[0], where=where)
            found[name] = {"ms": timed(lambda query, where=where: library.search(query, where=where), queries)}  # type: ignore[misc]
            with library._store.reading() as view:
                wanted = kept = 0
                for query in queries[:3]:
                    vector = embedder.embed_query(query)
                    every = [key for key, _ in view.dense(vector, passages)]
                    meets = set(every if allowed is None else view._allowed(allowed).tolist())  # type: ignore[attr-defined]
                    exact = [key for key in every if key in meets][:10]
                    kept += len({key for key, _ in view.dense(vector, 10, allowed)} & set(exact))
                    wanted += len(exact)
                found[name]["recall@10"] = kept / wanted
        return found


def shown(folder: Path, path: Path, count: int) -> dict[str, Any]:
    """Milliseconds of a search and of what it shows; how often the marked sentence holds the answer."""
    rows = random.Random(0).sample([row for row in read_rows(path) if row.answerable], count)
    contexts = {row.context: str(number) for number, row in enumerate(rows)}
    questions = [row.question for row in rows]
    with spanwise.open(folder, "real", settings=Settings()) as library:
        library.add([Source(context, id=name) for context, name in contexts.items()])
        library.warm()
        report: dict[str, Any] = {"passages": library.status().passages, "questions": len(rows)}
        for name, options in {
            "search": {}, "search, sentences": {"sentences": True}, "search, explain": {"explain": True},
        }.items():  # fmt: skip
            report[name] = timed(lambda question, options=options: library.search(question, **options), questions)  # type: ignore[misc]
        marks = [library.search(question).timings_ms["mark"] for question in questions]
        report["of which highlights"] = round(median(marks), 2)
        embedder = library._embedder()
        reader = load_reader()
        right = {"embedding": 0, "reader": 0}
        times: list[float] = []
        for row in rows:
            hits = library.search(row.question, 100, where={"document.id": contexts[row.context]}, merge=False).hits
            passages = [hit.passage for hit in hits]
            [best] = nearest_sentences(passages[:1], embedder.embed_query(row.question), embedder)
            right["embedding"] += best is not None and any(answer in best.span.of(row.context) for answer in row.golds)
            started = time.perf_counter()
            [reading] = reader.read(row.question, [passages[0].text])
            times.append((time.perf_counter() - started) * 1000)
            if reading.candidates:
                place = reading.candidates[0].start
                words = passages[0].text
                chosen = next(words[start:end] for start, end in sentence_spans(words) if start <= place < end)
                right["reader"] += any(answer in chosen for answer in row.golds)
        report["sentence holds the answer"] = {name: round(n / len(rows), 3) for name, n in right.items()}
        report["one passage read, ms"] = round(median(times), 1)
        return report


def timed(run: Callable[[str], Any], queries: list[str]) -> dict[str, float]:
    times = []
    for query in queries:
        started = time.perf_counter()
        run(query)
        times.append((time.perf_counter() - started) * 1000)
    times.sort()
    return {"p50": round(median(times), 1), "p95": round(times[int(len(times) * 0.95)], 1)}


if __name__ == "__main__":
    main()
