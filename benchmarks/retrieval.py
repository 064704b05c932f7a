"""Is the fused search better than its parts? A table per corpus: BM25, dense, RRF, ours; and re-ranked by models.

python benchmarks/retrieval.py NAME=CORPUS… --data FOLDER --rerank 200 --head FOLDER --out benchmarks/results/retrieval

A corpus is a BEIR folder or a SQuAD-format file, whose contexts are pooled; NAME+titles indexes the documents' titles
with their passages; such rows are not re-ranked. NAME@2000 keeps a seeded 2,000 of the documents, all those among them
that the queries look for. Queries with the same text are one. `--data` keeps vectors, indexes, what was gathered and
what the models judged, so that another reading model costs its own reading only; delete `gathered` in it after a change
of the search.
The one parameter of a fusion is also chosen on the other corpora alone, and that figure reported. Differences come
with a 95 % interval of a paired bootstrap over queries.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from corpora.texts import judged_corpus, named, part_of
from corpora.vectors import CachedEmbedder, cached_embedder
from relevance import HeadJudge, ReaderJudge, Relevance
from spanwise.index.collection import RERANKED
from spanwise.index.fusion import DENSE_WEIGHT, exact_first, fuse
from spanwise.index.markup import blank_markup
from spanwise.index.ranking import CANDIDATES, SEARCH_WEIGHT, rank
from spanwise.qa.evaluation.corpus import indexed, stored_id
from spanwise.qa.evaluation.datasets import sample
from spanwise.qa.evaluation.metrics import ndcg, recall, reciprocal_rank
from trust.reporting import write_figures

WEIGHTS = tuple(round(0.4 + 0.05 * step, 2) for step in range(11))
SEARCH_WEIGHTS = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0)
SHARES = tuple(round(0.1 * step, 1) for step in range(10))
JUDGES = {"reader": "reading model", "head": "the head it was made from"}
SHIPPED = f"{JUDGES['reader']}: relevance + {SEARCH_WEIGHT:g} × score"
Scores = Mapping[int, float]
Method = Callable[["Judged"], Scores]


@dataclass(frozen=True, slots=True)
class Judged:
    """One query: its candidates' scores and documents, and the grades of the relevant documents."""

    query: str
    relevant: dict[str, float]
    document: dict[int, str]
    dense: dict[int, float]
    """Cosine of every candidate."""
    lexical: dict[int, float]
    nearest: list[int]
    """The dense ranking."""
    exact: list[int]
    """The candidates that hold the exact words of the query."""
    head: dict[int, str]
    """Texts of the first passages of the search, best first: those that a model re-ranks."""
    seconds: float
    relevance: dict[str, dict[int, float]] = field(default_factory=dict)
    """By judge: the logits of `head`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", nargs="+", metavar="NAME=CORPUS")
    parser.add_argument("--data", type=Path, required=True, help="keeps all that is costly")
    parser.add_argument("--float32", action="store_true", help="passage vectors as the product computes them")
    parser.add_argument("--queries", type=int, default=500, help="seeded sample of each corpus")
    parser.add_argument("--rerank", type=int, default=0, help="re-rank the first 20 of so many queries of each corpus")
    parser.add_argument("--reader", type=Path, help="folder of a reading model; default: the shipped one")
    parser.add_argument("--head", type=Path, help="a cross-encoder to compare the reading model's relevance with")
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    options = parser.parse_args()
    embedder = cached_embedder(options.data, bfloat16=not options.float32)
    found = {}
    for name, path in named(options.corpora).items():
        found[name] = gathered(name, path, embedder, options)
        sys.stderr.write(f"{name}: {len(found[name])} queries\n")
    judges: dict[str, Relevance] = {}
    if options.rerank:
        if options.head:
            judges["head"] = Relevance(options.data / "relevance.sqlite", HeadJudge(options.head, bfloat16=True))
        judges["reader"] = Relevance(options.data / "relevance.sqlite", ReaderJudge(options.reader))
    for judge, relevance in judges.items():
        for name, queries in found.items():
            if base_name(name) == name:
                let_judge(judge, relevance, name, sample(queries, options.rerank))
    report = {name: row(name, found) for name in found}
    judged = {name: [one for one in each if one.relevance] for name, each in found.items()}
    judged = {name: each for name, each in judged.items() if each}
    for name in judged:
        report[name]["re-ranked"] = reranking(name, judged)
    write_figures(options.out, "Retrieval against its parts", as_markdown(report), report)


def gathered(name: str, path: Path, embedder: CachedEmbedder, options: argparse.Namespace) -> list[Judged]:
    """What the store says to each query, kept in a file beside the index."""
    kept = options.data / "gathered" / f"{name}-{options.queries}{'-float32' * options.float32}.json.gz"
    if not kept.exists():
        judged = [asdict(one) for one in asked(name, path, embedder, options)]
        kept.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(kept, "wt", encoding="utf-8") as stream:
            json.dump(judged, stream)
    with gzip.open(kept, "rt", encoding="utf-8") as stream:
        return [from_record(record) for record in json.load(stream)]


def let_judge(judge: str, relevance: Relevance, name: str, queries: Sequence[Judged]) -> None:
    """Fill in what `judge` says to the head of each query."""

    def progress(done: int, of: int) -> None:
        sys.stderr.write(f"\r{name}: {done:,} of {of:,} pairs judged by the {judge}")

    logits = iter(relevance.of([(one.query, text) for one in queries for text in one.head.values()], progress))
    for one in queries:
        one.relevance[judge] = dict(zip(one.head, logits, strict=False))
    sys.stderr.write(f"\n{name}: judged by the {judge}\n")


def asked(name: str, path: Path, embedder: CachedEmbedder, options: argparse.Namespace) -> Iterator[Judged]:
    """Every query of the sample asked of the store, as `search` asks it."""
    corpus = judged_corpus(path, titles=name.endswith("+titles"))
    queries = sample(corpus.queries, options.queries)
    documents = corpus.documents
    if "@" in name:
        documents = part_of(documents, queries, int(name.removesuffix("+titles").partition("@")[2]))
    with indexed(documents, data=options.data / "index", embedder=embedder) as collection:
        for query in queries:
            with collection._store.reading() as view:
                started = time.perf_counter()
                vector = embedder.embed_query(blank_markup(query.text))
                words = view.read(query.text)
                first = list(islice(rank(view, words, vector.copy, "hybrid"), RERANKED))
                seconds = time.perf_counter() - started
                nearest = dict(view.dense(vector, CANDIDATES))
                lexical = dict(view.lexical(words, CANDIDATES))
                dense = nearest | view.similarities(vector, [key for key in lexical if key not in nearest])
                exact = view.exact(words, list(dense))
                places = {key: passage.document.id for key, passage in view.passages(list(dense)).items()}
            yield Judged(
                query.text,
                {stored_id(document): grade for document, grade in query.relevant.items()},
                places,
                dense,
                lexical,
                list(nearest),
                sorted(exact),
                {one.candidate.key: one.passage.text for one in first},
                seconds,
            )


def row(name: str, found: Mapping[str, Sequence[Judged]]) -> dict[str, Any]:
    """The figures of one corpus, 0 to 100."""
    here = found[name]
    columns: dict[str, list[list[str]]] = {column: rankings(method, here) for column, method in PARTS.items()}
    others = [each for other, each in found.items() if base_name(other) != base_name(name)]
    if others:
        weight = best(WEIGHTS, ours_with, others)
        columns[f"ours, weight chosen elsewhere ({weight})"] = rankings(ours_with(weight), here)
    per_query = {column: ndcgs(each, here) for column, each in columns.items()}
    better = max(("BM25", "dense"), key=lambda column: float(np.mean(per_query[column])))
    return {
        "queries": len(here),
        "columns": {
            column: {
                "ndcg10": mean(per_query[column]),
                "recall20": mean([recall(r, one.relevant, 20) for r, one in zip(each, here, strict=True)]),
                "mrr": mean([reciprocal_rank(r, one.relevant, 10) for r, one in zip(each, here, strict=True)]),
            }
            for column, each in columns.items()
        },
        "better part": better,
        "ours - better part": interval(per_query["ours"], per_query[better]),
        "p50_ms": 1000 * float(np.median([one.seconds for one in here])),
    }


def reranking(name: str, judged: Mapping[str, Sequence[Judged]]) -> dict[str, Any]:
    """nDCG@10 of queries that models judged, 0 to 100; how relevance and search score are best put together."""
    here = judged[name]
    others = [each for other, each in judged.items() if other != name]
    methods: dict[str, Method] = {column: PARTS[column] for column in ("BM25", "dense", "ours")}
    for judge, said in JUDGES.items():
        if judge not in here[0].relevance:
            continue
        methods[f"{said}: relevance alone"] = with_score(judge, 0.0)
        methods[f"{said}: relevance + {SEARCH_WEIGHT:g} × score"] = with_score(judge, SEARCH_WEIGHT)
        if others:
            weight = best(SEARCH_WEIGHTS, judged_by(with_score, judge), others)
            methods[f"{said}: the same, weight chosen elsewhere ({weight:g})"] = with_score(judge, weight)
            share = best(SHARES, judged_by(with_share, judge), others)
            methods[f"{said}: relevance within the 20, share of the score chosen elsewhere ({share})"] = with_share(
                judge, share
            )
    per_query = {column: ndcgs(rankings(method, here), here) for column, method in methods.items()}
    better = max(("BM25", "dense"), key=lambda column: float(np.mean(per_query[column])))
    figures: dict[str, Any] = {
        "queries": len(here),
        "ndcg10": {column: mean(each) for column, each in per_query.items()},
        "better part": better,
        "over the better part": {column: interval(each, per_query[better]) for column, each in per_query.items()},
        "by weight": {
            judge: {weight: mean(ndcgs(rankings(with_score(judge, weight), here), here)) for weight in SEARCH_WEIGHTS}
            for judge in here[0].relevance
        },
    }
    alone = [f"{said}: relevance alone" for said in JUDGES.values()]
    if all(column in per_query for column in alone):
        figures["reader - head, relevance alone"] = interval(*(per_query[column] for column in alone))
    return figures


def rankings(method: Method, queries: Sequence[Judged]) -> list[list[str]]:
    """Documents, each where its best passage stands."""
    found = []
    for one in queries:
        scored = method(one)
        keys = sorted(scored, key=lambda key: (-scored[key], key))
        found.append(list(dict.fromkeys(one.document[key] for key in keys)))
    return found


def ndcgs(found: Sequence[Sequence[str]], queries: Sequence[Judged]) -> list[float]:
    return [ndcg(ranking, one.relevant, 10) for ranking, one in zip(found, queries, strict=True)]


def best(values: Sequence[float], method: Callable[[float], Method], corpora: Sequence[Sequence[Judged]]) -> float:
    """The value with the best mean nDCG@10 over `corpora`, each counted alike."""
    return max(values, key=lambda value: sum(_reckoned(method, value, corpus) for corpus in corpora))


def _reckoned(method: Callable[[float], Method], value: float, corpus: Sequence[Judged]) -> float:
    """Mean nDCG@10, reckoned once."""
    key = (method, value, id(corpus))
    if key not in _known:
        _known[key] = mean(ndcgs(rankings(method(value), corpus), corpus))
    return _known[key]


_known: dict[Any, float] = {}


def ours_with(weight: float) -> Method:
    """The search of the product, with another share of the dense score."""

    def scores(one: Judged) -> Scores:
        fused = exact_first(fuse(one.dense, one.lexical, weight), one.exact)
        return {candidate.key: candidate.fused for candidate in fused}

    return scores


def reciprocal_ranks(one: Judged) -> Scores:
    """Reciprocal rank fusion with k = 60 (Cormack et al. 2009)."""
    total: dict[int, float] = {}
    for keys in (one.nearest, sorted(one.lexical, key=lambda key: -one.lexical[key])):
        for place, key in enumerate(keys, 1):
            total[key] = total.get(key, 0.0) + 1 / (60 + place)
    return total


PARTS: dict[str, Method] = {
    "BM25": lambda one: one.lexical,
    "dense": lambda one: {key: one.dense[key] for key in one.nearest},
    "RRF": reciprocal_ranks,
    "ours": ours_with(DENSE_WEIGHT),
}


def with_score(judge: str, weight: float) -> Method:
    """The head by the logit of `judge` plus `weight` times the score of the search; the rest behind it."""

    def scores(one: Judged) -> Scores:
        fused = PARTS["ours"](one)
        return {**fused, **{key: 1e3 + logit + weight * fused[key] for key, logit in one.relevance[judge].items()}}

    return scores


def with_share(judge: str, share: float) -> Method:
    """As `with_score`, with the logit mapped to 0 to 1 within the head and `share` for the score of the search."""

    def scores(one: Judged) -> Scores:
        fused, logits = PARTS["ours"](one), one.relevance[judge]
        low, high = min(logits.values(), default=0.0), max(logits.values(), default=0.0)
        return {
            **fused,
            **{
                key: 1e3 + (1 - share) * (logit - low) / ((high - low) or 1.0) + share * fused[key]
                for key, logit in logits.items()
            },
        }

    return scores


@cache
def judged_by(method: Callable[[str, float], Method], judge: str) -> Callable[[float], Method]:
    """The same object for the same judge, so that what was reckoned is found again."""
    return partial(method, judge)


def base_name(name: str) -> str:
    """The corpus of a row, with or without titles."""
    return name.removesuffix("+titles")


def mean(values: Sequence[float]) -> float:
    return 100 * float(np.mean(values))


def interval(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Mean difference and its 95 % interval, in points: 2,000 resamples of the queries."""
    difference = 100 * (np.asarray(ours) - np.asarray(theirs))
    draws = np.random.default_rng(0).integers(0, len(difference), size=(2_000, len(difference)))
    low, high = np.percentile(difference[draws].mean(axis=1), [2.5, 97.5])
    return {"mean": float(difference.mean()), "low": float(low), "high": float(high)}


def from_record(record: dict[str, Any]) -> Judged:
    """JSON has no numbers as keys."""
    by_key = ("document", "dense", "lexical", "head")
    return Judged(**{name: _by_key(value) if name in by_key else value for name, value in record.items()})


def _by_key(mapping: Mapping[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in mapping.items()}


def as_markdown(report: Mapping[str, Any]) -> str:
    lines = []
    for name, figures in report.items():
        lines += [f"## {name}: {figures['queries']} queries, search p50 {figures['p50_ms']:.0f} ms", ""]
        lines += ["| | nDCG@10 | recall@20 | MRR@10 |", "|---|---:|---:|---:|"]
        for column, one in figures["columns"].items():
            lines.append(f"| {column} | {one['ndcg10']:.1f} | {one['recall20']:.1f} | {one['mrr']:.1f} |")
        lines += ["", f"ours - better part ({figures['better part']}): {said(figures['ours - better part'])}", ""]
        if "re-ranked" in figures:
            lines += re_ranked_markdown(figures["re-ranked"])
    return "\n".join([*lines, *means(report), ""])


def re_ranked_markdown(figures: Mapping[str, Any]) -> list[str]:
    lines = [f"The first 20 passages re-ranked, for the first {figures['queries']} queries of the sample:", ""]
    lines += [f"| | nDCG@10 | over {figures['better part']} |", "|---|---:|---:|"]
    for column, value in figures["ndcg10"].items():
        over = "" if column == figures["better part"] else said(figures["over the better part"][column])
        lines.append(f"| {column} | {value:.1f} | {over} |")
    between = figures.get("reader - head, relevance alone")
    return [*lines, "", *([f"reading model - head, relevance alone: {said(between)}", ""] if between else [])]


def said(one: Mapping[str, float]) -> str:
    return f"{one['mean']:+.1f} ({one['low']:+.1f} to {one['high']:+.1f})"


def means(report: Mapping[str, Any]) -> list[str]:
    """Over the corpora, without those that have been given titles."""
    plain = [figures for name, figures in report.items() if base_name(name) == name]
    if not plain:
        return []
    lines = [
        "## Means of the corpora without titles",
        "",
        "| nDCG@10 | all queries | those re-ranked |",
        "|---|---:|---:|",
    ]
    judged = [each["re-ranked"] for each in plain if "re-ranked" in each]
    for column in (*PARTS, "the better part of each", SHIPPED):
        cells = []
        for tables in ([each | {"ndcg10": _ndcg10(each)} for each in plain], judged):
            values = [
                one["ndcg10"].get(one["better part"] if column.startswith("the better") else column) for one in tables
            ]
            cells.append(f"{np.mean(values):.1f}" if values and None not in values else "")
        lines.append(f"| {column} | {' | '.join(cells)} |")
    return lines


def _ndcg10(figures: Mapping[str, Any]) -> dict[str, float]:
    return {column: one["ndcg10"] for column, one in figures["columns"].items()}


if __name__ == "__main__":
    main()
