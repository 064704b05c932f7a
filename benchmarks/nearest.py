"""Kinds of index over vectors: time of one query on one thread, and recall@10 against all vectors compared.

python benchmarks/nearest.py 200000                                  the vectors of scale.py, around 2,000 centres
python benchmarks/nearest.py 200000 --like passages.npy              normal, with the mean and covariance of those: no
                                                                     centres at all, the hardest for lists
python benchmarks/nearest.py --rows passages.npy --queries questions.npy      real ones (float16, unit length)
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from scale import Material

from spanwise.index.vectors import Positions, Rows16, inner_products
from spanwise.index.vectors_faiss import FaissFlatIndex, FaissInverted
from trust.reporting import write_report

RUN = 10_000
CANDIDATES = 2 * 10 + 64  # as `snapshot.Segment.search` takes them
Search = Callable[[np.ndarray], Positions]


def made(count: int, queries: int) -> tuple[Rows16, np.ndarray]:
    material = Material()
    rows = np.concatenate([material.vectors(min(RUN, count)).astype(np.float16) for _ in range(0, count, RUN)])
    return rows, material.near(rows[:: max(1, len(rows) // queries)][:queries].astype(np.float32))


def alike(real: Rows16, count: int, queries: int) -> tuple[Rows16, np.ndarray]:
    numbers = np.random.default_rng(1)
    mean, covariance = real.astype(np.float32).mean(axis=0), np.cov(real.astype(np.float32).T)
    root = np.linalg.cholesky(covariance + 1e-9 * np.eye(len(mean))).astype(np.float32)

    def drawn(some: int) -> np.ndarray:
        rows = mean + numbers.standard_normal((some, len(mean)), dtype=np.float32) @ root.T
        unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    return np.concatenate([drawn(min(RUN, count)).astype(np.float16) for _ in range(0, count, RUN)]), drawn(queries)


def measured(name: str, search: Search, questions: np.ndarray, gold: list[set[int]], built: float) -> str:
    times, found = [], []
    search(questions[0])
    for question in questions:
        started = time.process_time()
        found.append(set(search(question).tolist()))
        times.append((time.process_time() - started) * 1000)
    recall = np.mean([len(some & right) / 10 for some, right in zip(found, gold, strict=True)])
    row = f"| {name} | {built:.1f} | {np.median(times):.2f} | {np.quantile(times, 0.95):.2f} | {recall:.4f} |"
    sys.stderr.write(f"{row}\n")
    return row


def kinds(rows: Rows16, questions: np.ndarray, gold: list[set[int]]) -> Iterator[str]:
    def cut() -> Iterator[Rows16]:
        return (rows[at : at + RUN] for at in range(0, len(rows), RUN))

    inner = faiss.METRIC_INNER_PRODUCT
    others: dict[str, Callable[[], Any]] = {
        "flat, float32": lambda: faiss.IndexFlatIP(rows.shape[1]),
        "flat, 8 bits": lambda: faiss.IndexScalarQuantizer(rows.shape[1], faiss.ScalarQuantizer.QT_8bit, inner),
    }
    for name, make in others.items():
        started = time.process_time()
        other = make()
        other.train(rows[:40_000].astype(np.float32))
        for run in cut():
            other.add(run.astype(np.float32))
        built = time.process_time() - started
        yield measured(name, lambda one, other=other: other.search(one[None], 10)[1][0], questions, gold, built)
        del other
    started = time.process_time()
    flat = FaissFlatIndex(rows)
    built = time.process_time() - started
    yield measured("flat, float16", lambda one, flat=flat: flat.search(one, 10)[1], questions, gold, built)
    del flat

    started = time.process_time()
    maker = FaissInverted()
    sample = rows[np.linspace(0, len(rows) - 1, maker.sample_size(len(rows))).astype(np.int64)]
    index = maker.build(len(rows), sample, cut(), lambda: None)
    built = time.process_time() - started

    def compared(question: np.ndarray) -> Positions:
        _, found = index.search(question, CANDIDATES)
        return found[np.argsort(-inner_products(rows[found], question), kind="stable")[:10]]

    lists, usual = index._index.nlist, index._usual
    for share in (64, 32, 16, 8, 4):
        index._usual = max(1, lists // share)
        name = f"{lists:,} lists, 8 bits, {index._usual:,} searched" + (" (as shipped)" * (index._usual == usual))
        yield measured(name, compared, questions, gold, built)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("count", type=int, nargs="?", default=200_000)
    options.add_argument("--rows", type=Path)
    options.add_argument("--queries", type=Path)
    options.add_argument("--like", type=Path)
    options.add_argument("--questions", type=int, default=100)
    options.add_argument("--out", type=Path)
    chosen = options.parse_args()
    faiss.omp_set_num_threads(1)
    if chosen.rows:
        rows, questions = np.load(chosen.rows), np.load(chosen.queries).astype(np.float32)
    elif chosen.like:
        rows, questions = alike(np.load(chosen.like), chosen.count, chosen.questions)
    else:
        rows, questions = made(chosen.count, chosen.questions)
    scores = np.concatenate([rows[at : at + RUN].astype(np.float32) @ questions.T for at in range(0, len(rows), RUN)])
    gold = [set(np.argpartition(-column, 10)[:10].tolist()) for column in scores.T]
    del scores
    lines = [
        f"{len(rows):,} vectors of {rows.shape[1]} numbers, {len(questions)} queries; processor time.\n",
        "| index | build s | one query ms, p50 | p95 | recall@10 |\n|---|---:|---:|---:|---:|",
        *kinds(rows, questions, gold),
    ]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stderr.write(f"peak memory {peak} MB\n")
    write_report(chosen.out, "Kinds of index", "\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
