"""txtai: an embeddings database with content, and its RAG pipeline over an extractive question-answering model."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from protocol import READ_AT_MOST, Found, Passage, embedding_folder
from txtai import Embeddings
from txtai.pipeline import RAG


class Forced:
    """Stands before the reading model: spans begin and end in the text alone. txtai takes the best of all tokens, and
    raises when a model that knows “no answer” says so by the first one."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __call__(self, **inputs: Any) -> Any:
        outputs = self._model(**inputs)
        text = inputs["token_type_ids"].bool()
        text[:, -1] = False  # [SEP]
        for logits in (outputs.start_logits, outputs.end_logits):
            logits.masked_fill_(~text, -1e4)
        return outputs


class Txtai:
    def __init__(self, folder: Path, reader: Path, hybrid: bool, reference: bool) -> None:
        self._folder, self._hybrid, self._model = folder / "index", hybrid, str(reader)
        self._output = "reference" if reference else "default"
        self._use(Embeddings(path=str(embedding_folder()), content=True, hybrid=hybrid, gpu=False))

    def warm(self) -> None:
        self._embeddings.batchtransform(["warm"])
        self._extractor()

    def index(self, passages: Sequence[Passage]) -> None:
        self._embeddings.index([(one.id, one.text, None) for one in passages])
        self._embeddings.save(str(self._folder))

    def load(self) -> None:
        embeddings = Embeddings()
        embeddings.load(str(self._folder))
        self._use(embeddings)

    def search(self, query: str, top_k: int) -> list[str]:
        return [one["id"] for one in self._embeddings.search(query, top_k)]

    def ask(self, question: str) -> Found | None:
        said = self._extractor()({"query": question, "question": question})
        return Found(said["answer"], said.get("reference")) if said["answer"] else None

    def about(self) -> dict[str, str]:
        how = "hybrid (embeddings and BM25)" if self._hybrid else "embeddings"
        return {name: version(name) for name in ("txtai", "transformers", "torch", "faiss-cpu")} | {
            "settings": f"{how}; RAG with context={READ_AT_MOST}, output={self._output}; "
            "reader in float32, its spans kept to the text"
        }

    def _use(self, embeddings: Embeddings) -> None:
        self._embeddings: Embeddings = embeddings
        self._rag: RAG | None = None

    def _extractor(self) -> RAG:
        if self._rag is None:
            self._rag = RAG(
                self._embeddings, self._model, gpu=False, context=READ_AT_MOST, output=self._output, dtype="float32"
            )
            self._rag.model.model = Forced(self._rag.model.model)
        return self._rag


def build(folder: Path, reader: Path, variant: str) -> Txtai:
    return Txtai(folder, reader, hybrid=variant != "", reference=variant == "reference")
