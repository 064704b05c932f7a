"""Is the fused search better than its parts? One row per corpus: BM25, dense, RRF, ours, and ours re-ranked.

python benchmarks/retrieval.py NAME=CORPUS… --data FOLDER --out benchmarks/results/retrieval

A corpus is a BEIR folder or a SQuAD-format file (all its contexts pooled); NAME+titles=FILE indexes the articles'
titles too. The one parameter of a fusion is also chosen on the other corpora alone, and that figure reported.
Differences come with a 95 % interval of a paired bootstrap over queries.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spanwise.index.embedding import DEFAULT_MODEL, load_embedder
from spanwise.index.fusion import DENSE_WEIGHT, fuse
from spanwise.index.markup import blank_markup
from spanwise.qa.evaluation.corpus import indexed, stored_id
from spanwise.qa.evaluation.datasets import JudgedCorpus, judged_contexts, read_judged, read_rows, sample
from spanwise.qa.evaluation.metrics import ndcg, recall, reciprocal_rank
from spanwise.qa.reading import load_reader

DEPTH = 100
"""Passages taken from each ranking."""
RERANKED = 20
WEIGHTS = tuple(round(0.3 + 0.05 * step, 2) for step in range(11))
Scores = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Judged:
    """One query: its candidates' scores and documents, and the grades of the relevant documents."""

    relevant: dict[str, float]
    document: dict[int, str]
    dense: dict[int, float]
    """Cosine of every candidate."""
    lexical: dict[int, float]
    nearest: list[int]
    """The dense ranking."""
    relevance: dict[int, float]
    """The reading model's judgement of the first candidates of the shipped fusion; empty when it was not asked."""
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", nargs="+", metavar="NAME=CORPUS")
    parser.add_argument("--data", type=Path, required=True, help="keeps the indexes and what was gathered")
    parser.add_argument("--queries", type=int, default=500, help="seeded sample of each corpus")
    parser.add_argument("--rerank", type=int, default=0, help="re-rank the first 20 of so many queries of each corpus")
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    options = parser.parse_args()
    found = {}
    for one in options.corpora:
        name, _, path = one.partition("=")
        found[name] = gathered(name, Path(path), options)
        sys.stderr.write(f"{name}: {len(found[name])} queries\n")
    report = {name: row(name, found) for name in found}
    text = as_markdown(report)
    sys.stdout.write(text)
    if options.out:
        options.out.with_suffix(".md").write_text(text, encoding="utf-8")
        options.out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def gathered(name: str, path: Path, options: argparse.Namespace) -> list[Judged]:
    """What the store says to each query, kept in a file beside the index."""
    kept = options.data / f"{name}-{options.queries}-{options.rerank}.json.gz"
    if not kept.exists():
        judged = [as_record(one) for one in asked(name, path, options)]
        kept.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(kept, "wt", encoding="utf-8") as stream:
            json.dump(judged, stream)
    with gzip.open(kept, "rt", encoding="utf-8") as stream:
        return [from_record(record) for record in json.load(stream)]


def asked(name: str, path: Path, options: argparse.Namespace) -> Iterator[Judged]:
    """Every query of the sample asked of the store, and of the reader while `--rerank` lasts."""
    corpus = corpus_of(name, path)
    embedder, reader = load_embedder(DEFAULT_MODEL), load_reader()
    with indexed(corpus.documents, data=options.data / "index", embedder=embedder) as collection:
        for number, query in enumerate(sample(corpus.queries, options.queries)):
            with collection._store.reading() as view:
                started = time.perf_counter()
                vector = embedder.embed_query(blank_markup(query.text))
                nearest = dict(view.dense(vector, DEPTH))
                lexical = dict(view.lexical(query.text, DEPTH))
                dense = nearest | view.similarities(vector, [key for key in lexical if key not in nearest])
                ranked = fuse(dense, lexical)
                seconds = time.perf_counter() - started
                passages = view.passages(list(dense))
            relevance = {}
            if number < options.rerank:
                head = [candidate.key for candidate in ranked[:RERANKED]]
                readings = reader.read(blank_markup(query.text), [blank_markup(passages[key].text) for key in head])
                relevance = {key: one.relevance for key, one in zip(head, readings, strict=True)}
            documents = {key: passage.document.id for key, passage in passages.items()}
            relevant = {stored_id(document): grade for document, grade in query.relevant.items()}
            yield Judged(relevant, documents, dense, lexical, list(nearest), relevance, seconds)


def corpus_of(name: str, path: Path) -> JudgedCorpus:
    if path.is_dir():
        return read_judged(path)[0]
    return judged_contexts(read_rows(path), titles=name.endswith("+titles"))


def row(name: str, found: Mapping[str, Sequence[Judged]]) -> dict[str, Any]:
    """The figures of one corpus, 0 to 100."""
    here = found[name]
    columns: dict[str, list[list[str]]] = {
        "BM25": [ranking(one, one.lexical) for one in here],
        "dense": [ranking(one, {key: one.dense[key] for key in one.nearest}) for one in here],
        "RRF": [ranking(one, reciprocal_ranks(one)) for one in here],
        "ours": [ranking(one, ours(one)) for one in here],
    }
    others = [each for other, each in found.items() if other.split("+")[0] != name.split("+")[0]]
    if others:
        weight = max(WEIGHTS, key=lambda w: np.mean([np.mean(scores(each, fused_with(w))) for each in others]))
        columns[f"ours, weight chosen elsewhere ({weight})"] = [ranking(one, ours(one, weight)) for one in here]
    if all(one.relevance for one in here):
        columns["ours + re-rank"] = [reranked(one) for one in here]
    per_query = {
        column: [ndcg(r, one.relevant, 10) for r, one in zip(rankings, here, strict=True)]
        for column, rankings in columns.items()
    }
    better = max(("BM25", "dense"), key=lambda column: float(np.mean(per_query[column])))
    last = "ours + re-rank" if "ours + re-rank" in columns else "ours"
    return {
        "queries": len(here),
        "columns": {
            column: {
                "ndcg10": 100 * float(np.mean(per_query[column])),
                "recall20": 100
                * float(np.mean([recall(r, q.relevant, 20) for r, q in zip(rankings, here, strict=True)])),
                "mrr": 100
                * float(np.mean([reciprocal_rank(r, q.relevant, 10) for r, q in zip(rankings, here, strict=True)])),
            }
            for column, rankings in columns.items()
        },
        "better part": better,
        "ours - better part": interval(per_query["ours"], per_query[better]),
        f"{last} - better part": interval(per_query[last], per_query[better]),
        "p50_ms": 1000 * float(np.median([one.seconds for one in here])),
    }


def scores(queries: Sequence[Judged], method: Callable[[Judged], Scores]) -> list[float]:
    return [ndcg(ranking(one, method(one)), one.relevant, 10) for one in queries]


def fused_with(weight: float) -> Callable[[Judged], Scores]:
    return lambda one: ours(one, weight)


def ours(one: Judged, weight: float = DENSE_WEIGHT) -> Scores:
    return {candidate.key: candidate.fused for candidate in fuse(one.dense, one.lexical, weight)}


def reciprocal_ranks(one: Judged) -> Scores:
    """Reciprocal rank fusion with k = 60 (Cormack et al. 2009)."""
    total: dict[int, float] = {}
    for keys in (one.nearest, sorted(one.lexical, key=lambda key: -one.lexical[key])):
        for place, key in enumerate(keys, 1):
            total[key] = total.get(key, 0.0) + 1 / (60 + place)
    return total


def reranked(one: Judged) -> list[str]:
    fused = ours(one)
    head = {key: 1e3 + one.relevance[key] for key in one.relevance}
    return ranking(one, {**fused, **head})


def ranking(one: Judged, scored: Scores) -> list[str]:
    """Documents, each where its best passage stands."""
    keys = sorted(scored, key=lambda key: (-scored[key], key))
    return list(dict.fromkeys(one.document[key] for key in keys))


def interval(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Mean difference and its 95 % interval, in points: 2,000 resamples of the queries."""
    difference = 100 * (np.asarray(ours) - np.asarray(theirs))
    draws = np.random.default_rng(0).integers(0, len(difference), size=(2_000, len(difference)))
    low, high = np.percentile(difference[draws].mean(axis=1), [2.5, 97.5])
    return {"mean": float(difference.mean()), "low": float(low), "high": float(high)}


def as_record(one: Judged) -> dict[str, Any]:
    return {
        "relevant": one.relevant,
        "keys": [
            [key, one.document[key], one.dense[key], one.lexical.get(key), one.relevance.get(key)] for key in one.dense
        ],
        "nearest": one.nearest,
        "seconds": one.seconds,
    }


def from_record(record: dict[str, Any]) -> Judged:
    keys = record["keys"]
    return Judged(
        relevant=record["relevant"],
        document={key: document for key, document, *_ in keys},
        dense={key: dense for key, _, dense, _, _ in keys},
        lexical={key: lexical for key, _, _, lexical, _ in keys if lexical is not None},
        nearest=record["nearest"],
        relevance={key: relevance for key, *_, relevance in keys if relevance is not None},
        seconds=record["seconds"],
    )


def as_markdown(report: Mapping[str, Any]) -> str:
    lines = []
    for name, figures in report.items():
        lines += [f"## {name}: {figures['queries']} queries, p50 {figures['p50_ms']:.0f} ms", ""]
        lines += ["| | nDCG@10 | recall@20 | MRR@10 |", "|---|---:|---:|---:|"]
        for column, one in figures["columns"].items():
            lines.append(f"| {column} | {one['ndcg10']:.1f} | {one['recall20']:.1f} | {one['mrr']:.1f} |")
        for key, one in figures.items():
            if key.endswith("- better part"):
                lines += [
                    "",
                    f"{key} ({figures['better part']}): {one['mean']:+.1f} ({one['low']:+.1f} to {one['high']:+.1f})",
                ]
        lines.append("")
    means = {column for figures in report.values() for column in figures["columns"]}
    for column in ("BM25", "dense", "RRF", "ours", "ours + re-rank"):
        if column in means and all(column in figures["columns"] for figures in report.values()):
            mean = np.mean([figures["columns"][column]["ndcg10"] for figures in report.values()])
            lines.append(f"- mean nDCG@10, {column}: {mean:.1f}")
    best = np.mean([f["columns"][f["better part"]]["ndcg10"] for f in report.values()])
    return "\n".join([*lines, f"- mean nDCG@10, the better part of each: {best:.1f}", ""])


if __name__ == "__main__":
    main()
