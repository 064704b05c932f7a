"""What the index asks of an embedding model, and how a configured one is found."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptDataError

DEFAULT_MODEL = "all-MiniLM-L6-v2"

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What must stay the same for vectors to be comparable; stored with the collection."""

    model: str
    """The name the model is configured by."""
    dimension: int
    weights_sha256: str
    metric: str = "inner product of unit vectors"
    query_prompt: str = ""
    passage_prompt: str = ""
    precision: str = "float32"
    """The numbers the model computes with. Vectors are stored as float16."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Fingerprint:
        """Raises CorruptDataError when `values` is not what `as_dict` gave."""
        try:
            return cls(**values)
        except TypeError as error:
            raise CorruptDataError(
                f"The stored model fingerprint cannot be read: {error}.", way_out="Restore the folder from a backup."
            ) from error


class Embedder(Protocol):
    """Turns text into unit vectors. Implementations are thread-safe."""

    @property
    def fingerprint(self) -> Fingerprint: ...

    @property
    def max_tokens(self) -> int:
        """Longest text the model reads beside its prompts, special tokens included."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted, nothing truncated."""

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """float32, shape (len(texts), dimension), rows of length 1."""

    def embed_query(self, text: str) -> Vectors:
        """float32, shape (dimension,), length 1. The same text always gives the same vector."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """What a model wants in front of queries and of passages."""

    query: str = ""
    passage: str = ""


# Families whose model cards ask for prompts, by the last part of a path or hub name. A model that brings prompts in its
# own configuration is not looked up here.
_FAMILIES = (
    # huggingface.co/intfloat/e5-base-v2, multilingual-e5-base
    (r"(multilingual-)?e5-(small|base|large)(-v2|-unsupervised)?", Prompts("query: ", "passage: ")),
    (
        r"(multilingual-)?e5-.*instruct",
        Prompts("Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "),
    ),
    # huggingface.co/BAAI/bge-base-en-v1.5, bge-base-zh-v1.5; bge-m3 wants none
    (r"bge-(small|base|large)-en(-v1\.5)?", Prompts("Represent this sentence for searching relevant passages: ")),
    (r"bge-(small|base|large)-zh(-v1\.5)?", Prompts("为这个句子生成表示以用于检索相关文章：")),
)


def known_prompts(model: str) -> Prompts:
    """The prompts that the family of `model` wants; none for an unknown one."""
    name = re.split(r"[/\\]", model.rstrip("/\\"))[-1].lower()
    return next((prompts for pattern, prompts in _FAMILIES if re.fullmatch(pattern, name)), Prompts())


_loaded: dict[tuple[str, int, str | None, str | None], Embedder] = {}
_loading = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_loaded.clear)  # their threads stay behind: the child loads its own


def load_embedder(
    model: str, threads: int = 0, query_prompt: str | None = None, passage_prompt: str | None = None
) -> Embedder:
    """The embedding model `model`, loaded once per process; a prompt that is None is what the model asks for.

    Raises ModelError when it is missing or damaged.
    """
    with _loading:
        key = (model, threads, query_prompt, passage_prompt)
        if key not in _loaded:
            _loaded[key] = _load(model, threads, query_prompt, passage_prompt)
        return _loaded[key]


def _load(model: str, threads: int, query_prompt: str | None, passage_prompt: str | None) -> Embedder:
    if model == DEFAULT_MODEL:
        from .embedding_onnx import OnnxEmbedder

        return OnnxEmbedder(threads=threads, query_prompt=query_prompt, passage_prompt=passage_prompt)
    from .embedding_sentence_transformers import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder(model, threads=threads, query_prompt=query_prompt, passage_prompt=passage_prompt)
