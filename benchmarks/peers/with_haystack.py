"""Haystack: sentence-transformers embedders, the in-memory store and the extractive reader of transformers-haystack, in
a pipeline as its documentation shows it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from haystack import Document, Pipeline
from haystack.components.joiners import DocumentJoiner
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)
from haystack_integrations.components.readers.transformers import TransformersExtractiveReader
from protocol import READ_AT_MOST, Found, Passage, embedding_folder


class Haystack:
    def __init__(self, folder: Path, reader: Path, hybrid: bool) -> None:
        self._file, self._hybrid = folder / "store.json", hybrid
        model = str(embedding_folder())
        self._documents = SentenceTransformersDocumentEmbedder(model=model, progress_bar=False)
        self._query = SentenceTransformersTextEmbedder(model=model, progress_bar=False)
        # float32, as txtai's and both embedders: transformers would otherwise keep the float16 of the file.
        self._reader = TransformersExtractiveReader(
            model=str(reader), top_k=3, no_answer=False, model_kwargs={"dtype": torch.float32}
        )

    def warm(self) -> None:
        for part in (self._documents, self._query, self._reader):
            part.warm_up()
        self._documents.run([Document(content="warm")])
        self._query.run("warm")

    def index(self, passages: Sequence[Passage]) -> None:
        store = InMemoryDocumentStore()
        found = self._documents.run([Document(id=one.id, content=one.text) for one in passages])
        store.write_documents(found["documents"])
        store.save_to_disk(str(self._file))
        self._use(store)

    def load(self) -> None:
        self._use(InMemoryDocumentStore.load_from_disk(str(self._file)))

    def search(self, query: str, top_k: int) -> list[str]:
        # Part by part: a component can be in one pipeline only, and the pipeline of `ask` has them.
        found = self._dense.run(query_embedding=self._query.run(query)["embedding"], top_k=top_k)["documents"]
        if self._hybrid:
            found = self._joiner.run([found, self._bm25.run(query, top_k=top_k)["documents"]], top_k=top_k)["documents"]
        return [one.id for one in found]

    def ask(self, question: str) -> Found | None:
        inputs: dict[str, Any] = {"embedder": {"text": question}, "reader": {"query": question}}
        if self._hybrid:
            inputs["bm25"] = {"query": question}
        answers = self._pipeline.run(inputs)["reader"]["answers"]
        if not answers or answers[0].data is None:
            return None
        best = answers[0]
        span = best.document_offset
        return Found(best.data, best.document.id, span.start if span else None, span.end if span else None)

    def about(self) -> dict[str, str]:
        names = ("haystack-ai", "transformers-haystack", "sentence-transformers-haystack", "transformers", "torch")
        how = "embeddings and BM25, joined by reciprocal rank fusion" if self._hybrid else "embeddings"
        return {name: version(name) for name in names} | {
            "settings": f"in-memory store, {how}; reader in float32, max_seq_length 384, stride 128; no_answer off"
        }

    def _use(self, store: InMemoryDocumentStore) -> None:
        self._dense = InMemoryEmbeddingRetriever(store, top_k=READ_AT_MOST)
        self._bm25 = InMemoryBM25Retriever(store, top_k=READ_AT_MOST)
        self._joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=READ_AT_MOST)
        self._pipeline = Pipeline()
        self._pipeline.add_component("embedder", self._query)
        self._pipeline.add_component("dense", self._dense)
        self._pipeline.add_component("reader", self._reader)
        self._pipeline.connect("embedder.embedding", "dense.query_embedding")
        if self._hybrid:
            self._pipeline.add_component("bm25", self._bm25)
            self._pipeline.add_component("joiner", self._joiner)
            self._pipeline.connect("dense", "joiner")
            self._pipeline.connect("bm25", "joiner")
        self._pipeline.connect("joiner" if self._hybrid else "dense", "reader.documents")


def build(folder: Path, reader: Path, variant: str) -> Haystack:
    return Haystack(folder, reader, hybrid=variant == "hybrid")
