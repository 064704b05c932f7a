"""Kinds of FAISS index over the vectors of `scale.py`: time of one query on one thread, recall@10 against flat.

python benchmarks/nearest.py 200000
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
from scale import DIMENSION, Material

INNER = faiss.METRIC_INNER_PRODUCT


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    material = Material()
    faiss.omp_set_num_threads(1)
    rows = np.concatenate([material.vectors(min(50_000, count)) for _ in range(max(1, count // 50_000))])
    queries = material.near(rows[:: max(1, len(rows) // 100)])
    kinds: dict[str, Callable[[], Any]] = {
        "flat": lambda: faiss.IndexFlatIP(DIMENSION),
        "float16": lambda: faiss.IndexScalarQuantizer(DIMENSION, faiss.ScalarQuantizer.QT_fp16, INNER),
        "8 bits": lambda: faiss.IndexScalarQuantizer(DIMENSION, faiss.ScalarQuantizer.QT_8bit, INNER),
        "IVF 1024, 8 bits": inverted,
    }
    gold: list[set[int]] = []
    for name, make in kinds.items():
        started = time.process_time()
        index = make()
        index.train(rows[:40_000])
        index.add(rows)
        built = time.process_time() - started
        for lists in (8, 16, 32, 64) if "IVF" in name else (0,):
            if lists:
                index.nprobe = lists
            times, found = [], []
            for query in queries:
                started = time.process_time()
                _, places = index.search(query[None], 10)
                times.append((time.process_time() - started) * 1000)
                found.append(set(places[0].tolist()))
            gold = gold or found
            recall = np.mean([len(some & right) / 10 for some, right in zip(found, gold, strict=True)])
            about = f"{name}, {lists} lists" if lists else name
            sys.stdout.write(f"| {about} | {built:.1f} s | {np.median(times):.2f} ms | {recall:.3f} |\n")


def inverted() -> Any:
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(DIMENSION), DIMENSION, 1024, faiss.ScalarQuantizer.QT_8bit, INNER
    )
    index.cp.niter = 6
    return index


if __name__ == "__main__":
    main()
