"""What the index asks of an embedding model, and how a configured one is found."""

from __future__ import annotations

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


_loaded: dict[tuple[str, int], Embedder] = {}
_loading = threading.Lock()


def load_embedder(model: str, threads: int = 0) -> Embedder:
    """The embedding model `model`, loaded once per process.

    Raises ModelError when it is missing or damaged.
    """
    with _loading:
        if (model, threads) not in _loaded:
            from .embedding_sentence_transformers import SentenceTransformerEmbedder

            _loaded[model, threads] = SentenceTransformerEmbedder(model, threads=threads)
        return _loaded[model, threads]
