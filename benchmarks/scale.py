"""How a collection grows: the store with given vectors, at 10,000 to 1,000,000 passages. No model is loaded.

python benchmarks/scale.py 10000 100000

Texts are seeded sentences over a vocabulary with a Zipf distribution; vectors are unit vectors scattered around seeded
centres, 384 numbers each, as they come from the embedding model. Searching is done as `Collection.search` does it:
dense and lexical candidates, the missing cosines, fusion, passages; a query's vector is near one that is stored.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from spanwise.index.embedding import Vectors
from spanwise.index.fusion import fuse
from spanwise.index.ranking import CANDIDATES
from spanwise.index.records import Span
from spanwise.index.store import DocumentDraft, PassageDraft, View
from spanwise.index.store_sqlite import SqlitePassageStore
from spanwise.index.vectors_faiss import FaissFlatIndex
from trust.reporting import write_report

DIMENSION = 384
CENTRES = 2_000
SPREAD = 0.8
"""Length of the noise around a centre: neighbours' cosines are about 1 / (1 + SPREAD²)."""
WORDS_PER_PASSAGE = 40
PASSAGES_PER_DOCUMENT = 10
VOCABULARY = 50_000
BATCH_DOCUMENTS = 500
_BESIDE = ThreadPoolExecutor(1)


class Material:
    """Seeded texts and vectors."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        self.centres = self._unit(self.rng.standard_normal((CENTRES, DIMENSION), dtype=np.float32))
        weights = 1 / np.arange(1, VOCABULARY + 1)
        self._cumulated = np.cumsum(weights / weights.sum())
        letters = np.array(list("aeioubdfgklmnprstvz"))
        lengths = self.rng.integers(3, 10, VOCABULARY)
        self.words = ["".join(self.rng.choice(letters, length)) + str(n) for n, length in enumerate(lengths)]

    def vectors(self, count: int) -> Vectors:
        noise = self.rng.standard_normal((count, DIMENSION), dtype=np.float32) * (SPREAD / DIMENSION**0.5)
        return self._unit(self.centres[self.rng.integers(0, CENTRES, count)] + noise)

    def near(self, vectors: Vectors) -> Vectors:
        noise = self.rng.standard_normal(vectors.shape, dtype=np.float32) * (0.5 / DIMENSION**0.5)
        return self._unit(vectors + noise)

    def sentence(self, words: int) -> str:
        drawn = np.searchsorted(self._cumulated, self.rng.random(words))
        return " ".join(self.words[min(number, VOCABULARY - 1)] for number in drawn)

    def document(self, number: int, passages: int) -> DocumentDraft:
        texts = [f"{self.sentence(WORDS_PER_PASSAGE)}." for _ in range(passages)]
        text = " ".join(texts)
        drafts, start = [], 0
        for one in texts:
            drafts.append(PassageDraft(Span(start, start + len(one)), (), ""))
            start += len(one) + 1
        vectors = tuple(self.vectors(passages))
        digest = f"sha256:{sha256(text.encode()).hexdigest()}"
        return DocumentDraft(f"d{number:08}", text, digest, None, None, {}, "text/plain", (), tuple(drafts), vectors)

    @staticmethod
    def _unit(vectors: Vectors) -> Vectors:
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def measure(passages: int, queries: int) -> dict[str, Any]:
    """All figures of one size; times in milliseconds unless the name says otherwise."""
    figures: dict[str, Any] = {"passages": f"{passages:,}"}
    material = Material()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "scale"
        asked: list[tuple[Vectors, str]] = []
        documents = passages // PASSAGES_PER_DOCUMENT
        seconds = 0.0
        with closing(SqlitePassageStore(folder, FaissFlatIndex)) as store:
            for first in range(0, documents, BATCH_DOCUMENTS):
                drafts = [
                    material.document(number, PASSAGES_PER_DOCUMENT)
                    for number in range(first, min(first + BATCH_DOCUMENTS, documents))
                ]
                if first % max(BATCH_DOCUMENTS, documents // queries // 4) < BATCH_DOCUMENTS:
                    asked += [(one.vectors[0], " ".join(one.text.split()[:6])) for one in drafts[:4]]
                started = time.perf_counter()
                store.add(drafts, replace=True)
                seconds += time.perf_counter() - started
        figures["build s (SQLite and BM25; vectors given)"] = round(seconds, 1)
        figures["bytes on disk MB"] = round(sum(file.stat().st_size for file in folder.rglob("*")) / 1e6)
        figures["bytes on disk per passage"] = round(sum(file.stat().st_size for file in folder.rglob("*")) / passages)
        before = resident()
        started = time.perf_counter()
        with closing(SqlitePassageStore(folder, FaissFlatIndex)) as store:
            figures["open ms (files)"] = round((time.perf_counter() - started) * 1000, 1)
            started = time.perf_counter()
            with store.reading() as view:
                view.dense(material.vectors(1)[0], 10)
            figures["first dense search ms (index read from SQLite)"] = round((time.perf_counter() - started) * 1000)
            figures["resident memory MB added"] = round((resident() - before) / 1e6)
            questions = _questions(material, asked, queries)
            for way, search in {
                "dense": dense, "lexical": lexical, "hybrid": hybrid, "hybrid, side by side": side_by_side,
            }.items():  # fmt: skip
                figures |= timed(f"search {way}", partial(_in_view, store, search), questions)
            figures["recall@10 against exact"] = recall(store, questions[:50])
            figures |= changes(store, material, documents)
    return figures


def _questions(material: Material, asked: list[tuple[Vectors, str]], queries: int) -> list[tuple[Vectors, str]]:
    chosen = [asked[number % len(asked)] for number in range(queries)]
    vectors = material.near(np.array([vector for vector, _ in chosen]))
    return [(vector, words) for vector, (_, words) in zip(vectors, chosen, strict=True)]


def _in_view(store: SqlitePassageStore, search: Callable[..., object], vector: Vectors, words: str) -> None:
    with store.reading() as view:
        search(view, vector, words)


def dense(view: View, vector: Vectors, words: str) -> None:
    view.passages([key for key, _ in view.dense(vector, 10)])


def lexical(view: View, vector: Vectors, words: str) -> None:
    view.passages([key for key, _ in view.lexical(view.read(words), 10)])


def hybrid(view: View, vector: Vectors, words: str) -> None:
    by_words = dict(view.lexical(view.read(words), CANDIDATES))
    by_meaning = dict(view.dense(vector, CANDIDATES))
    by_meaning |= view.similarities(vector, [key for key in by_words if key not in by_meaning])
    view.passages([one.key for one in fuse(by_meaning, by_words)[:10]])


def side_by_side(view: View, vector: Vectors, words: str) -> None:
    """As `hybrid`, with the vectors compared in a second thread while SQLite looks for the words."""
    comparing = _BESIDE.submit(view.dense, vector, CANDIDATES)  # asks nothing of SQLite while the index is of this view
    by_words = dict(view.lexical(view.read(words), CANDIDATES))
    by_meaning = dict(comparing.result())
    by_meaning |= view.similarities(vector, [key for key in by_words if key not in by_meaning])
    view.passages([one.key for one in fuse(by_meaning, by_words)[:10]])


def recall(store: SqlitePassageStore, questions: list[tuple[Vectors, str]]) -> float:
    """Share of the ten nearest by the vectors as they are stored, reckoned with NumPy, that dense search returns."""
    with store.reading() as view:
        rows = view._connection.execute("SELECT passage, vector FROM vectors ORDER BY passage")  # type: ignore[attr-defined]
        keys, blobs = zip(*rows, strict=True)
        stored = np.frombuffer(b"".join(blobs), dtype="<f2").reshape(len(keys), DIMENSION)
        hits = 0
        for vector, _ in questions:
            scores = np.concatenate(
                [stored[at : at + 100_000].astype(np.float32) @ vector for at in range(0, len(keys), 100_000)]
            )
            nearest = {keys[place] for place in np.argpartition(-scores, 10)[:10]}
            hits += len(nearest & {key for key, _ in view.dense(vector, 10)})
    return round(hits / (10 * len(questions)), 4)


def changes(store: SqlitePassageStore, material: Material, documents: int) -> dict[str, float]:
    """A change of one document (one passage), and the first dense search after it, which sees it."""
    figures: dict[str, float] = {}
    vector = material.vectors(1)[0]
    steps: dict[str, Callable[[int], object]] = {
        "add one": lambda number: store.add([material.document(documents + number, 1)], replace=True),
        "delete one": lambda number: store.delete([f"d{documents + number:08}"]),
        "delete one of the first": lambda number: store.delete([f"d{number * 7:08}"]),
    }
    for name, change in steps.items():
        changing, searching = [], []
        for number in range(15):
            started = time.perf_counter()
            change(number)
            changed = time.perf_counter()
            with store.reading() as view:
                view.dense(vector, 10)
            changing.append((changed - started) * 1000)
            searching.append((time.perf_counter() - changed) * 1000)
        figures[f"{name} ms"] = round(statistics.median(changing), 1)
        figures[f"first dense search after `{name}` ms"] = round(statistics.median(searching), 1)
    return figures


def timed(name: str, run: Callable[[Vectors, str], object], questions: list[tuple[Vectors, str]]) -> dict[str, float]:
    run(*questions[0])
    times, reckoned = [], []
    for vector, words in questions:
        started, cpu = time.perf_counter(), time.process_time()
        run(vector, words)
        times.append((time.perf_counter() - started) * 1000)
        reckoned.append((time.process_time() - cpu) * 1000)
    cuts = statistics.quantiles(times, n=20)
    return {
        f"{name} p50": round(cuts[9], 1),
        f"{name} p95": round(cuts[18], 1),
        f"{name} p50 of processor time": round(statistics.median(reckoned), 1),
    }


def resident() -> int:
    """Bytes of memory this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("passages", type=int, nargs="*", default=[10_000, 100_000])
    options.add_argument("--queries", type=int, default=100)
    options.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options.add_argument("--out", type=Path)
    chosen = options.parse_args()
    if chosen.one:
        sys.stdout.write(json.dumps(measure(chosen.passages[0], chosen.queries)))
        return
    columns = []
    for passages in chosen.passages:  # each in a process of its own, so that memory is its own
        command = [sys.executable, __file__, "--one", str(passages), "--queries", str(chosen.queries)]
        columns.append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
        sys.stderr.write(f"{columns[-1]}\n")
    names = list(columns[0])
    head = "| " + " | ".join([names[0], *(str(column[names[0]]) for column in columns)]) + " |"
    rows = ["| " + " | ".join([name, *(str(column[name]) for column in columns)]) + " |" for name in names[1:]]
    text = "\n".join([head, "|---|" + "---:|" * len(columns), *rows, ""])
    write_report(chosen.out, "Scale", sys.argv[1:], text, "benchmarks/scale.py")


if __name__ == "__main__":
    main()
