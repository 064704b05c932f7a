"""The index in memory after any number of changes, of this process and of others: exactly what is stored."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from spanwise.index import snapshot
from spanwise.index.store import DocumentDraft, PassageStore

Draft = Callable[..., DocumentDraft]
Open = Callable[[], PassageStore]


def exact(expected: dict[str, np.ndarray], question: np.ndarray, k: int) -> list[tuple[str, float]]:
    scores = {text: float((row.astype("<f2").astype(np.float64) * question).sum()) for text, row in expected.items()}
    return sorted(scores.items(), key=lambda pair: -pair[1])[:k]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_changes_upon_changes_are_searched_exactly(
    open_store: Open, draft: Draft, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(snapshot, "SMALL", 12)
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    here, elsewhere = open_store(), open_store()
    documents: dict[str, dict[str, np.ndarray]] = {}
    shapes = set()
    for step in range(60):
        changing = rng.choice((here, here, elsewhere))
        if documents and rng.random() < 0.45:
            gone = rng.sample(sorted(documents), min(len(documents), rng.choice((1, 1, 5))))
            changing.delete(gone)
            for name in gone:
                del documents[name]
        else:
            name = f"d{rng.randrange(25)}"
            rows = numbers.standard_normal((rng.choice((1, 2, 7)), 16)).astype(np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            texts = [f"{name} step{step} part{part}" for part in range(len(rows))]
            changing.add([draft(name, *texts, vectors=rows)], replace=True)
            documents[name] = dict(zip(texts, rows, strict=True))
        if rng.random() < 0.3:
            continue  # the next look has several changes to catch up with
        expected = {text: row for one in documents.values() for text, row in one.items()}
        question = numbers.standard_normal(16).astype(np.float32)
        for store in (here, elsewhere):
            for k in (1, 5, 500):
                with store.reading() as view:
                    found = view.dense(question, k)
                    texts_of = {key: passage.text for key, passage in view.passages([key for key, _ in found]).items()}
                wanted = exact(expected, question, k)
                assert [texts_of[key] for key, _ in found] == [text for text, _ in wanted]
                assert [score for _, score in found] == pytest.approx([score for _, score in wanted], abs=1e-5)
            held = store._indexes.held  # type: ignore[attr-defined]
            shapes.add((len(held.segments), any(len(one.dead) for one in held.segments)) if held else None)
    assert {(1, False), (2, False), (2, True)} <= shapes


def test_a_small_change_leaves_the_large_index_as_it_is(store: PassageStore, draft: Draft) -> None:
    store.add([draft(f"d{number}", f"alba unit{number}") for number in range(50)], replace=True)

    def large() -> object:
        with store.reading() as view:
            view.dense(np.eye(1, 16, dtype=np.float32)[0], 1)
        return store._indexes.held.segments[0].index  # type: ignore[attr-defined]

    before = large()
    store.add([draft("new", "birk")], replace=True)
    store.delete(["d7"])
    assert large() is before


def test_rows_of_another_dimension_take_the_place_of_all(store: PassageStore, draft: Draft) -> None:
    """As when a collection is built again under another model."""
    store.add([draft("a", "alba birk", vectors=np.eye(1, 16))], replace=True)
    store.add([draft("b", "elm fern", vectors=np.eye(1, 16))], replace=True)
    with store.reading() as view:
        assert len(view.dense(np.eye(1, 16, dtype=np.float32)[0], 9)) == 2
    store.delete(["a", "b"])
    store.add([draft("c", "iris", vectors=np.eye(1, 8))], replace=True)
    with store.reading() as view:
        assert [score for _, score in view.dense(np.eye(1, 8, dtype=np.float32)[0], 9)] == [1.0]
    store.delete(["c"])
    with store.reading() as view:
        assert view.dense(np.eye(1, 8, dtype=np.float32)[0], 9) == []


THREADS = """
import os
import numpy as np
from spanwise.index.vectors_faiss import FaissFlatIndex

index = FaissFlatIndex(np.eye(2000, 64, dtype=np.float32))
before = len(os.listdir("/proc/self/task"))
for row in np.eye(64, dtype=np.float32):
    index.search(row, 10)
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
def test_a_search_starts_no_threads() -> None:
    """A team of threads for one vector waits for its slowest member: on busy cores a hundred times as long."""
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
