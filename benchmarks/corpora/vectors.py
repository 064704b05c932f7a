"""An embedder that remembers: each text is embedded once, whatever is built of it and however often it is cut off."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spanwise.index.embedding import Embedder, Fingerprint, Vectors
from spanwise.index.embedding_onnx import OnnxEmbedder
from spanwise.index.embedding_torch import TorchVectors
from spanwise.index.packaged_model import packaged_folder

_RIDGE = 0.01
_TOGETHER = 256
"""Texts embedded and kept in one go: what is lost when a run is cut off."""


class _Around:
    """An `Embedder` that is another one in all but how passages are embedded."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner

    @property
    def fingerprint(self) -> Fingerprint:
        return self._inner.fingerprint

    @property
    def max_tokens(self) -> int:
        return self._inner.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._inner.count_tokens(texts)

    def embed_query(self, text: str) -> Vectors:
        return self._inner.embed_query(text)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._inner.embed_passages(texts)


class CachedEmbedder(_Around):
    """An `Embedder` whose passage vectors are kept in a file, as float16, by the sha256 of the text.

    Processes may share the file.
    """

    def __init__(self, inner: Embedder, file: Path) -> None:
        super().__init__(inner)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._kept = sqlite3.connect(file, timeout=60, isolation_level=None, check_same_thread=False)
        self._kept.execute("PRAGMA journal_mode = WAL")
        self._kept.execute("PRAGMA synchronous = NORMAL")
        self._kept.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        missing = sorted({text for text in texts if self.kept(text) is None}, key=len)
        for start in range(0, len(missing), _TOGETHER):
            batch = missing[start : start + _TOGETHER]
            made = self._inner.embed_passages(batch)
            made /= np.linalg.norm(made, axis=1, keepdims=True)
            rows = [(_key(text), vector.astype("<f2").tobytes()) for text, vector in zip(batch, made, strict=True)]
            self._kept.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
        vectors = np.empty((len(texts), self.fingerprint.dimension), dtype=np.float32)
        for place, text in enumerate(texts):
            vectors[place] = self.kept(text)
        return vectors

    def kept(self, text: str) -> Vectors | None:
        """The vector of `text`, shape (dimension,), float32; None where it was not embedded."""
        row = self._kept.execute("SELECT vector FROM vectors WHERE key = ?", (_key(text),)).fetchone()
        return None if row is None else np.frombuffer(row[0], dtype="<f2").astype(np.float32)


def cached_embedder(folder: Path, *, bfloat16: bool = True) -> CachedEmbedder:
    """The default model over the vectors kept in `folder`.

    `bfloat16` embeds passages twice as fast where the processor multiplies such numbers; their cosine with those in
    float32 is over 0.9999. Queries are embedded in float32, as in the product.
    """
    name = "vectors-bfloat16.sqlite" if bfloat16 else "vectors-float32.sqlite"
    inner = OnnxEmbedder()
    return CachedEmbedder(_HalfPrecision(inner) if bfloat16 else inner, folder / name)


class MappedEmbedder(_Around):
    """Vectors without running the model: a linear map of the mean of the model's own vectors of the tokens, fitted on
    texts that were embedded. For texts that are there to be many."""

    def __init__(self, inner: Embedder, texts: Sequence[str], vectors: Vectors) -> None:
        """Fit on `texts` and their `vectors`; every fifth is kept out and says how well."""
        super().__init__(inner)
        self._means = _TokenMeans()
        means, known = self._means.of(texts), np.arange(len(texts)) % 5 != 4
        square = means[known].T @ means[known] + _RIDGE * np.eye(means.shape[1])
        self._map = np.linalg.solve(square, means[known].T @ vectors[known])
        self.cosine = float((self._mapped(means[~known]) * vectors[~known]).sum(axis=1).mean())
        """Mean cosine of a made vector and the embedded one."""

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._mapped(self._means.of(texts))

    def _mapped(self, means: Vectors) -> Vectors:
        mapped = means @ self._map
        unit: Vectors = (mapped / np.linalg.norm(mapped, axis=1, keepdims=True)).astype(np.float32)
        return unit


class _TokenMeans:
    """The means of the input vectors of texts' tokens, and a constant: shape (texts, dimension + 1)."""

    def __init__(self) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        folder = packaged_folder()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        weights = load_file(folder / "model.safetensors")
        self._tokens = next(matrix for name, matrix in weights.items() if name.endswith("word_embeddings.weight"))

    def of(self, texts: Sequence[str]) -> Vectors:
        means = np.ones((len(texts), self._tokens.shape[1] + 1), dtype=np.float32)
        for place, encoding in enumerate(self._tokenizer.encode_batch(list(texts), add_special_tokens=False)):
            means[place, :-1] = self._tokens[encoding.ids].mean(axis=0) if encoding.ids else 0
        return means


class _HalfPrecision(_Around):
    """The default embedder with passages always embedded as the product embeds many: by torch, in bfloat16."""

    def __init__(self, inner: OnnxEmbedder) -> None:
        super().__init__(inner)
        self._tokens, self._weights = inner.tokens, inner._weights
        self._torch: TorchVectors | None = None

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        if self._torch is None:
            self._torch = TorchVectors(self._weights)
        return self._torch(self._tokens(texts))


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]
