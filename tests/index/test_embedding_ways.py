"""The packaged model runs in several ways: they agree, and none needs more than it must."""

from __future__ import annotations

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from spanwise import ModelError, TimeLimitError
from spanwise.index import embedding_onnx, hub, packaged_model
from spanwise.index.embedding import Embedder
from spanwise.index.embedding_onnx import BULK_CHARACTERS, OnnxEmbedder
from spanwise.index.embedding_torch import TorchVectors
from spanwise.index.packaged_model import PackagedWeights, packaged_folder
from spanwise.index.timings import time_limit

pytestmark = pytest.mark.models

ROOT = Path(__file__).parents[2]
ODD = [
    "", " ", "x", "Bridge", "Brücke, ÉCOLE, straße", "日本語のテキスト", "한국어", "🙂🙂 emoji", "a [SEP] b [MASK] c",
    "\ttabs\nand\r\nlines\x0c", "x" * 300, "1906 " * 400, "e\u0301 e\u0300", "don't can't U.S.", "\u200b\ufeffhidden",
]  # fmt: skip


@pytest.fixture(scope="module")
def reference() -> Embedder:
    from spanwise.index.embedding_sentence_transformers import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder()


@pytest.fixture(scope="module")
def onnx() -> OnnxEmbedder:
    return OnnxEmbedder()


@pytest.fixture(scope="module")
def texts() -> list[str]:
    article = next((ROOT / "seeds").glob("*.txt")).read_text(encoding="utf-8")
    lengths = (20, 100, 400, 800, 2_000)
    return ODD + [article[start : start + length] for length in lengths for start in range(0, 8_000, 1_000)]


def test_the_tokens_are_those_of_the_library(onnx: OnnxEmbedder, reference: Embedder, texts: list[str]) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(packaged_folder()))
    expected = tokenizer(texts, truncation=True, max_length=256)["input_ids"]
    assert [one.tolist() for one in onnx.tokens(texts)] == expected
    assert onnx.count_tokens(texts) == reference.count_tokens(texts)
    assert onnx.count_tokens([]) == []
    assert onnx.max_tokens == reference.max_tokens == 256


def test_both_are_the_same_model_to_a_collection(onnx: OnnxEmbedder, reference: Embedder) -> None:
    assert onnx.fingerprint == reference.fingerprint


def test_onnxruntime_gives_the_vectors_of_the_library(
    onnx: OnnxEmbedder, reference: Embedder, texts: list[str]
) -> None:
    expected = reference.embed_passages(texts)
    found = onnx.embed_passages(texts)
    assert found.dtype == np.float32
    assert found.shape == (len(texts), 384)
    assert np.sum(expected * found, axis=1).min() > 0.99999
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-5
    assert np.sum(expected[4] * onnx.embed_query(texts[4])) > 0.99999


def test_torch_in_bfloat16_gives_them_up_to_rounding(onnx: OnnxEmbedder, reference: Embedder, texts: list[str]) -> None:
    found = TorchVectors(PackagedWeights(packaged_folder()))(onnx.tokens(texts))
    cosines = np.sum(reference.embed_passages(texts) * found, axis=1)
    assert found.dtype == np.float32
    assert 0.999 <= cosines.min() < 0.9999999  # were it equal, it would not be bfloat16


def test_prompts_go_in_front(onnx: OnnxEmbedder) -> None:
    prompted = OnnxEmbedder(query_prompt="query: ", passage_prompt="passage: ")
    assert np.array_equal(prompted.embed_query("a bridge"), onnx.embed_query("query: a bridge"))
    assert np.array_equal(prompted.embed_passages(["a"]), onnx.embed_passages(["passage: a"]))
    assert prompted.max_tokens == onnx.max_tokens - 2


def test_a_vector_depends_on_nothing_but_its_text(onnx: OnnxEmbedder, texts: list[str]) -> None:
    alone = [onnx.embed_query(text) for text in texts]
    assert np.array_equal(np.stack(alone), onnx.embed_passages(texts))
    assert np.array_equal(np.stack(alone), OnnxEmbedder(threads=1).embed_passages(texts))
    with ThreadPoolExecutor(4) as pool:
        side_by_side = list(pool.map(onnx.embed_query, texts * 3))
    assert np.array_equal(np.stack(side_by_side), np.stack(alone * 3))


@pytest.fixture
def bulk(onnx: OnnxEmbedder, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many texts went to the bulk way, which does nothing here."""
    sizes: list[int] = []

    def record(ids: list[np.ndarray]) -> np.ndarray:
        sizes.append(len(ids))
        return np.zeros((len(ids), 384), np.float32)

    monkeypatch.setattr(onnx, "_bulk", record)
    return sizes


def test_only_many_texts_go_the_bulk_way(onnx: OnnxEmbedder, bulk: list[int]) -> None:
    text = "x" * 1_000
    onnx.embed_passages([text] * (BULK_CHARACTERS // 1_000 - 1))
    assert bulk == []
    onnx.embed_passages([text] * (BULK_CHARACTERS // 1_000))
    assert bulk == [BULK_CHARACTERS // 1_000]


def test_time_limits_end_the_work(onnx: OnnxEmbedder) -> None:
    torch = TorchVectors(PackagedWeights(packaged_folder()))
    with time_limit(-1):
        for work in (
            lambda: onnx.embed_query("a"),
            lambda: onnx.embed_passages(["a"]),
            lambda: torch(onnx.tokens("a")),
        ):
            with pytest.raises(TimeLimitError):
                work()


def test_damaged_and_missing_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_onnx, "packaged_folder", lambda: tmp_path)
    with pytest.raises(ModelError, match=r"model\.safetensors cannot be read"):
        OnnxEmbedder()
    (tmp_path / "model.safetensors").write_bytes(b"not the weights")
    with pytest.raises(ModelError, match="are damaged"):
        OnnxEmbedder()
    monkeypatch.setattr(packaged_model, "_WEIGHTS_SHA256", packaged_model.sha256(tmp_path / "model.safetensors"))
    with pytest.raises(ModelError, match="could not be loaded"):
        OnnxEmbedder()


def test_a_model_that_is_nowhere_is_said_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    from spanwise.index.embedding_sentence_transformers import SentenceTransformerEmbedder

    def refuse(*_: object) -> list[object]:
        raise socket.gaierror("no such host")

    monkeypatch.setattr(hub, "getproxies", dict)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for missing in ("no-such-model", "no/such-model", "/no/such/folder", "./none"):
        with pytest.raises(ModelError, match=r"could not be loaded.*hub cannot be reached"):
            SentenceTransformerEmbedder(missing)


def in_a_process(code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def test_adding_a_little_and_asking_loads_neither_torch_nor_sentence_transformers(tmp_path: Path) -> None:
    code = f"""
import sys, spanwise
with spanwise.open({str(tmp_path)!r}) as library:
    library.add(spanwise.Source("The bridge opened in 1906.", id="a"))
    print(library.ask("When did the bridge open?")[0].text)
print(sorted({{"torch", "transformers", "sentence_transformers", "langchain_text_splitters"}} & set(sys.modules)))
"""
    assert in_a_process(code).splitlines() == ["1906", "[]"]


@pytest.mark.skipif(sys.platform == "darwin", reason="there torch is always first")
def test_torch_may_come_behind_faiss() -> None:
    code = """
import numpy as np
from spanwise.index.vectors_faiss import FaissFlatIndex
from spanwise.index.embedding_onnx import OnnxEmbedder
from spanwise.index.embedding_torch import TorchVectors
rows = np.random.default_rng(0).normal(size=(5_000, 384)).astype(np.float32)
index = FaissFlatIndex(rows)
before = index.search(rows[7], 10)
onnx = OnnxEmbedder()
text = "The bridge opened in 1906."
found = TorchVectors(onnx._weights)(onnx.tokens([text] * 40))
after = FaissFlatIndex(rows).search(rows[7], 10)
print(all(np.array_equal(a, b) for a, b in zip(before, after)), bool(found[0] @ onnx.embed_query(text) > 0.999))
"""
    assert in_a_process(code) == "True True"
