"""Floors for search: bm25s alone, and flat FAISS over the same embedding model. They do not answer questions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from protocol import Found, Passage, embedding_folder


class Bm25s:
    """bm25s with its English stop words and PyStemmer, as its README shows it."""

    def __init__(self, folder: Path) -> None:
        import bm25s
        import Stemmer

        self._library, self._stemmer, self._folder = bm25s, Stemmer.Stemmer("english"), folder
        self._index: Any = None
        self._ids: list[str] = []

    def warm(self) -> None:
        """Nothing to load."""

    def index(self, passages: Sequence[Passage]) -> None:
        self._ids, self._index = [one.id for one in passages], self._library.BM25()
        self._index.index(self._tokens([one.text for one in passages]), show_progress=False)
        self._index.save(str(self._folder / "bm25s"))
        (self._folder / "ids.json").write_text(json.dumps(self._ids), "utf-8")

    def load(self) -> None:
        self._index = self._library.BM25.load(str(self._folder / "bm25s"))
        self._ids = json.loads((self._folder / "ids.json").read_text("utf-8"))

    def search(self, query: str, top_k: int) -> list[str]:
        rows, _ = self._index.retrieve(self._tokens([query]), k=top_k, show_progress=False)
        return [self._ids[row] for row in rows[0]]

    def ask(self, question: str) -> Found | None:
        raise NotImplementedError

    def about(self) -> dict[str, str]:
        return {"bm25s": version("bm25s"), "settings": "English stop words, PyStemmer"}

    def _tokens(self, texts: list[str]) -> Any:
        return self._library.tokenize(texts, stopwords="en", stemmer=self._stemmer, show_progress=False)


class Faiss:
    """`IndexFlatIP` over normalised vectors of sentence-transformers with its defaults."""

    def __init__(self, folder: Path) -> None:
        from sentence_transformers import SentenceTransformer  # torch before faiss: see the macOS note in the engine

        self._model = SentenceTransformer(str(embedding_folder()), device="cpu")
        import faiss

        self._library, self._folder = faiss, folder
        self._index: Any = None
        self._ids: list[str] = []

    def warm(self) -> None:
        self._vectors(["warm"])

    def index(self, passages: Sequence[Passage]) -> None:
        vectors = self._vectors([one.text for one in passages])
        self._ids, self._index = [one.id for one in passages], self._library.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)
        self._library.write_index(self._index, str(self._folder / "flat.faiss"))
        (self._folder / "ids.json").write_text(json.dumps(self._ids), "utf-8")

    def load(self) -> None:
        self._index = self._library.read_index(str(self._folder / "flat.faiss"))
        self._ids = json.loads((self._folder / "ids.json").read_text("utf-8"))

    def search(self, query: str, top_k: int) -> list[str]:
        _, rows = self._index.search(self._vectors([query]), top_k)
        return [self._ids[row] for row in rows[0] if row >= 0]

    def ask(self, question: str) -> Found | None:
        raise NotImplementedError

    def about(self) -> dict[str, str]:
        names = ("faiss-cpu", "sentence-transformers", "torch")
        return {name: version(name) for name in names} | {"settings": "IndexFlatIP"}

    def _vectors(self, texts: list[str]) -> Any:
        return self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False)


def build(folder: Path, reader: Path, variant: str) -> Bm25s | Faiss:
    return Bm25s(folder) if variant == "bm25s" else Faiss(folder)
