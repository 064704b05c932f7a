"""How a collection grows: the store with given vectors, at 10,000 to 1,000,000 passages. No model is loaded.

python benchmarks/scale.py 10000 100000
python benchmarks/scale.py 1000000 --keep FOLDER --minutes 9      (again, until it has finished)

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
from spanwise.index.filters import AnyOf
from spanwise.index.fusion import fuse
from spanwise.index.ranking import CANDIDATES
from spanwise.index.records import Span
from spanwise.index.store import DocumentDraft, PassageDraft, View
from spanwise.index.store_sqlite import SqlitePassageStore
from spanwise.index.vectors_faiss import FaissFlatIndex, FaissInverted
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
        self.seed = seed
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
        """Document `number`, the same whatever was made before it."""
        self.rng = np.random.default_rng((self.seed, number))
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


def opened(folder: Path) -> SqlitePassageStore:
    return SqlitePassageStore(folder, FaissFlatIndex, FaissInverted())


def built(folder: Path, material: Material, documents: int, ends: float) -> bool:
    """Build the collection in `folder`, or go on building; False when it is not finished at `ends`. How long it took in
    all is kept beside it."""
    record = folder.with_suffix(".seconds.json")
    taken = json.loads(record.read_text()) if record.exists() else {"store": 0.0, "index": 0.0}
    with closing(opened(folder)) as store:
        with store.reading() as view:
            first = view.counts().documents
        for at in range(first, documents, BATCH_DOCUMENTS):
            if time.monotonic() > ends:
                return False
            numbers = range(at, min(at + BATCH_DOCUMENTS, documents))
            drafts = [material.document(number, PASSAGES_PER_DOCUMENT) for number in numbers]
            started = time.perf_counter()
            store.add(drafts, replace=True)
            taken["store"] += time.perf_counter() - started
            record.write_text(json.dumps(taken))
        started = time.process_time()
        if store.build_index():
            taken["index"] = time.process_time() - started
            record.write_text(json.dumps(taken))
    return True


def measure(folder: Path, passages: int, queries: int) -> dict[str, Any]:
    """All figures of the collection in `folder`; times in milliseconds unless the name says otherwise."""
    taken = json.loads(folder.with_suffix(".seconds.json").read_text())
    figures: dict[str, Any] = {
        "passages": f"{passages:,}",
        "build s (SQLite and BM25; vectors given)": round(taken["store"], 1),
        "build s of the vector index file, processor time": round(taken["index"], 1),
    }
    material = Material()
    documents = passages // PASSAGES_PER_DOCUMENT
    sizes = {file: file.stat().st_size for file in folder.rglob("*") if file.is_file()}
    figures["bytes on disk MB"] = round(sum(sizes.values()) / 1e6)
    figures["of which index files"] = round(sum(size for file, size in sizes.items() if file.parent != folder) / 1e6)
    figures["bytes on disk per passage"] = round(sum(sizes.values()) / passages)
    questions = _questions(material, documents, queries)
    before = resident()
    started = time.perf_counter()
    with closing(opened(folder)) as store:
        figures["open ms (files)"] = round((time.perf_counter() - started) * 1000, 1)
        started, cpu = time.perf_counter(), time.process_time()
        with store.reading() as view:
            view.dense(material.vectors(1)[0], 10)
        figures["first dense search ms (index read)"] = round((time.perf_counter() - started) * 1000)
        figures["first dense search ms of processor time"] = round((time.process_time() - cpu) * 1000)
        figures["resident memory MB added"] = round((resident() - before) / 1e6)
        figures["search"] = store.search_kind.partition(":")[0].partition(",")[0]
        for way, search in {
            "dense": dense, "lexical": lexical, "hybrid": hybrid, "hybrid, side by side": side_by_side,
        }.items():  # fmt: skip
            figures |= timed(f"search {way}", partial(_in_view, store, search), questions)
        figures["recall@10 against exact"] = recall(store, questions[:50])
        allowed = AnyOf("document.id", tuple(f"d{number:08}" for number in range(0, documents, 100)))
        filtered = partial(_in_view, store, partial(dense, where=allowed))
        figures |= timed("search dense, filter for 1 %,", filtered, questions)
        figures["recall@10 with that filter"] = recall(store, questions[:50], allowed)
        figures |= changes(store, material, documents)
        figures["resident memory MB added at the end"] = round((resident() - before) / 1e6)
    return figures


def _questions(material: Material, documents: int, queries: int) -> list[tuple[Vectors, str]]:
    """Vectors near, and words from, documents that lie evenly over the collection."""
    drafts = [
        material.document(number, PASSAGES_PER_DOCUMENT) for number in range(0, documents, max(1, documents // queries))
    ][:queries]
    vectors = material.near(np.array([one.vectors[0] for one in drafts]))
    return [(vector, " ".join(one.text.split()[:6])) for vector, one in zip(vectors, drafts, strict=True)]


def _in_view(store: SqlitePassageStore, search: Callable[..., object], vector: Vectors, words: str) -> None:
    with store.reading() as view:
        search(view, vector, words)


def dense(view: View, vector: Vectors, words: str, where: AnyOf | None = None) -> None:
    view.passages([key for key, _ in view.dense(vector, 10, where)])


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


def recall(store: SqlitePassageStore, questions: list[tuple[Vectors, str]], where: AnyOf | None = None) -> float:
    """Share of the ten nearest by the vectors as they are stored, reckoned with NumPy, that dense search returns."""
    vectors = np.stack([vector for vector, _ in questions])
    with store.reading() as view:
        allowed = None if where is None else view._allowed(where)  # type: ignore[attr-defined]
        best = np.full((len(questions), 10), -2.0, np.float32)
        nearest = np.zeros((len(questions), 10), np.int64)
        for keys, stored in view.vectors_behind(-1):  # type: ignore[attr-defined]
            scores = vectors @ stored.astype(np.float32).T
            if allowed is not None:
                scores[:, ~np.isin(keys, allowed)] = -2
            scores = np.concatenate([best, scores], axis=1)
            everyone = np.concatenate([nearest, np.broadcast_to(keys, (len(questions), len(keys)))], axis=1)
            places = np.argpartition(-scores, 9, axis=1)[:, :10]
            best, nearest = np.take_along_axis(scores, places, 1), np.take_along_axis(everyone, places, 1)
        hits = sum(
            len(set(right) & {key for key, _ in view.dense(vector, 10, where)})
            for right, vector in zip(nearest.tolist(), vectors, strict=True)
        )
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
        changing, reckoned, searching = [], [], []
        for number in range(15):
            started, cpu = time.perf_counter(), time.process_time()
            change(number)
            changed, changed_cpu = time.perf_counter(), time.process_time()
            with store.reading() as view:
                view.dense(vector, 10)
            changing.append((changed - started) * 1000)
            reckoned.append((changed_cpu - cpu) * 1000)
            searching.append((time.process_time() - changed_cpu) * 1000)
        figures[f"{name} ms"] = round(statistics.median(changing), 1)
        figures[f"{name} ms of processor time"] = round(statistics.median(reckoned), 1)
        figures[f"dense search after `{name}`, ms of processor time"] = round(statistics.median(searching), 1)
    with closing(opened(store._database.file.parent)) as other:  # as another process would
        other.add([material.document(number * 7, PASSAGES_PER_DOCUMENT) for number in range(15)], replace=True)
        other.delete(["d00000007"])
        other.add([material.document(7, PASSAGES_PER_DOCUMENT)], replace=True)
    started = time.process_time()
    with store.reading() as view:
        view.dense(vector, 10)
    name = "dense search after changes by another process, ms of processor time"
    figures[name] = round((time.process_time() - started) * 1000, 1)
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


def _step(command: list[str], step: str) -> Any:
    return json.loads(subprocess.run([*command, step], stdout=subprocess.PIPE, check=True).stdout)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("passages", type=int, nargs="*", default=[10_000, 100_000])
    options.add_argument("--queries", type=int, default=100)
    options.add_argument("--keep", type=Path, help="folder to build in, and to go on building in")
    options.add_argument("--minutes", type=float, default=600, help="stop building after so long; run again to go on")
    options.add_argument("--step", choices=("build", "measure"), help=argparse.SUPPRESS)
    options.add_argument("--out", type=Path)
    chosen = options.parse_args()
    if chosen.step:
        folder, passages = chosen.keep / f"scale-{chosen.passages[0]}", chosen.passages[0]
        if chosen.step == "measure":
            said: object = measure(folder, passages, chosen.queries)
        else:
            ends = time.monotonic() + 60 * chosen.minutes
            said = built(folder, Material(), passages // PASSAGES_PER_DOCUMENT, ends)
        sys.stdout.write(json.dumps(said))
        return
    columns = []
    with tempfile.TemporaryDirectory() as name:
        for passages in chosen.passages:  # each step in a process of its own, so that memory is its own
            command = [sys.executable, __file__, str(passages), "--queries", str(chosen.queries)]
            command += ["--minutes", str(chosen.minutes), "--keep", str(chosen.keep or name), "--step"]
            if not _step(command, "build"):
                sys.stderr.write(f"{passages:,} passages: building is not finished; run this again.\n")
                continue
            columns.append(_step(command, "measure"))
            sys.stderr.write(f"{columns[-1]}\n")
    if not columns:
        return
    names = list(columns[0])
    head = "| " + " | ".join([names[0], *(str(column[names[0]]) for column in columns)]) + " |"
    rows = ["| " + " | ".join([name, *(str(column[name]) for column in columns)]) + " |" for name in names[1:]]
    text = "\n".join([head, "|---|" + "---:|" * len(columns), *rows, ""])
    write_report(chosen.out, "Scale", text)


if __name__ == "__main__":
    main()
