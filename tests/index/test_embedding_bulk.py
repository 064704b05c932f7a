"""Which way is taken for many texts: probed once, kept, and never in the way of the work."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spanwise.index import embedding_bulk, embedding_torch
from spanwise.index.embedding import Vectors
from spanwise.index.embedding_bulk import ONNX, TORCH, Bulk, kept_file, probe
from spanwise.index.packaged_model import Ids

WEIGHTS: Any = None  # the fakes do not look at them
IDS = [np.array([101, 102])]


class FakeWay:
    """Unit vectors after `seconds` of the test's clock, marked by `sign`."""

    clock = 0.0

    def __init__(self, seconds: float = 0.0, sign: int = 1) -> None:
        self.seconds, self.sign, self.calls = seconds, sign, 0

    def __call__(self, ids: Sequence[Ids]) -> Vectors:
        self.calls += 1
        FakeWay.clock += self.seconds + 1e-6
        return np.full((len(ids), 4), self.sign / 2, np.float32)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(embedding_bulk, "_busy", lambda: False)
    monkeypatch.setattr(embedding_bulk.time, "perf_counter", lambda: FakeWay.clock)
    return tmp_path / "spanwise" / "embedding.json"


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> FakeWay:
    """A torch that is as fast as can be."""
    way = FakeWay()
    monkeypatch.setattr(embedding_torch, "TorchVectors", lambda *_, **__: way)
    return way


def test_the_faster_way_is_taken(torch: FakeWay, cache: Path) -> None:
    onnx = FakeWay(0.02)
    bulk = Bulk(WEIGHTS, onnx)
    bulk(IDS)
    probed = onnx.calls
    bulk(IDS)
    assert onnx.calls == probed
    kept = json.loads(cache.read_text())
    assert kept["fastest"] == TORCH
    assert kept["tokens_per_second"][TORCH] > kept["tokens_per_second"][ONNX] > 0
    assert list(cache.parent.iterdir()) == [cache]


def test_a_little_faster_is_not_worth_it() -> None:
    assert probe(FakeWay(0.02), FakeWay(0.019))[0] == ONNX
    assert probe(FakeWay(0.01), FakeWay(0.05))[0] == ONNX


def test_a_way_with_other_vectors_is_never_taken() -> None:
    assert probe(FakeWay(0.02), FakeWay(sign=-1)) == (ONNX, {})

    def nothing(ids: Sequence[Ids]) -> Vectors:
        return np.full((len(ids), 4), np.nan, np.float32)

    assert probe(FakeWay(0.02), nothing) == (ONNX, {})


def test_it_is_probed_once_and_torch_is_not_loaded_in_vain(torch: FakeWay, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.seconds = 0.01
    Bulk(WEIGHTS, FakeWay())(IDS)

    def never(*_: object, **__: object) -> FakeWay:
        raise AssertionError("torch was loaded")

    monkeypatch.setattr(embedding_torch, "TorchVectors", never)
    onnx = FakeWay()
    Bulk(WEIGHTS, onnx)(IDS)
    assert onnx.calls == 1


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"key": 1}', '{"key": "other", "fastest": "torch bfloat16"}'])
def test_what_is_kept_of_another_machine_or_damaged_is_probed_again(torch: FakeWay, cache: Path, damage: str) -> None:
    cache.parent.mkdir()
    cache.write_text(damage)
    torch.seconds = 0.01
    Bulk(WEIGHTS, FakeWay())(IDS)
    assert json.loads(cache.read_text())["fastest"] == ONNX


def test_what_a_busy_machine_says_is_not_kept(torch: FakeWay, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_bulk, "_busy", lambda: True)
    Bulk(WEIGHTS, FakeWay(0.01))(IDS)
    assert torch.calls > 1
    assert not cache.exists()


def test_a_cache_folder_that_cannot_be_written_is_no_matter(torch: FakeWay, cache: Path) -> None:
    cache.parent.write_text("a file where the folder should be")
    onnx = FakeWay(0.02)
    assert Bulk(WEIGHTS, onnx)(IDS).shape == (1, 4)
    assert torch.calls > 1  # probed, and taken


@pytest.mark.parametrize("error", [ImportError, OSError, RuntimeError])
def test_without_a_torch_that_works_it_is_onnxruntime(
    monkeypatch: pytest.MonkeyPatch, cache: Path, error: type[Exception]
) -> None:
    def broken(*_: object, **__: object) -> FakeWay:
        raise error("broken")

    monkeypatch.setattr(embedding_torch, "TorchVectors", broken)
    onnx = FakeWay()
    Bulk(WEIGHTS, onnx)(IDS)
    assert onnx.calls == 1
    assert not cache.exists()


def test_without_torch_installed_nothing_is_tried(monkeypatch: pytest.MonkeyPatch, torch: FakeWay) -> None:
    monkeypatch.setattr(embedding_bulk, "_key", lambda threads: None)
    Bulk(WEIGHTS, FakeWay())(IDS)
    assert torch.calls == 0


def test_the_key_names_what_the_choice_depends_on() -> None:
    key = embedding_bulk._key(3)
    assert key is not None
    assert all(part in key for part in ("3 threads", "cores", "torch 2.", "onnxruntime 1."))


@pytest.mark.parametrize(
    ("system", "variable", "under"),
    [("win32", "LOCALAPPDATA", ""), ("darwin", "HOME", "Library/Caches"), ("linux", "XDG_CACHE_HOME", "")],
)
def test_it_is_kept_where_the_system_keeps_caches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, system: str, variable: str, under: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setenv(variable, str(tmp_path))
    assert kept_file() == tmp_path / under / "spanwise" / "embedding.json"


@pytest.mark.slow
@pytest.mark.parametrize(("system", "order"), [("darwin", ["torch", "faiss"]), ("linux", ["faiss"])])
def test_torch_comes_before_faiss_on_macos(tmp_path: Path, system: str, order: list[str]) -> None:
    for name in ("torch", "faiss"):  # stand-ins that say when they are loaded
        (tmp_path / f"{name}.py").write_text(f"print({name!r})\ndef __getattr__(name): return object\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import numpy; sys.platform = {system!r}; "
        "import spanwise.index.vectors_faiss"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == order
