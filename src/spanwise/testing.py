"""Doubles for tests: a deterministic embedder and a scripted reader, with no model files.

They keep every promise of the real ones (unit vectors, exact spans, same input same output), so what is built on
Spanwise can be tested in milliseconds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

import numpy as np

from .index.embedding import Fingerprint, Vectors
from .qa.reading import Candidate, Reading

_WORD = re.compile(r"\w+")


class HashEmbedder:
    """Bags of hashed words as unit vectors: texts that share words are near each other."""

    def __init__(
        self,
        dimension: int = 64,
        *,
        max_tokens: int = 256,
        model: str = "hash-embedder",
        query_prompt: str = "",
        passage_prompt: str = "",
    ) -> None:
        self.max_tokens = max_tokens
        self.fingerprint = Fingerprint(
            model, dimension, f"hash-{dimension}", query_prompt=query_prompt, passage_prompt=passage_prompt
        )

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """One token for each word and each other visible character."""
        return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        rows = [self._embed(self.fingerprint.passage_prompt + text) for text in texts]
        return np.array(rows, dtype=np.float32).reshape(-1, self.fingerprint.dimension)

    def embed_query(self, text: str) -> Vectors:
        return self._embed(self.fingerprint.query_prompt + text)

    def _embed(self, text: str) -> Vectors:
        dimension = self.fingerprint.dimension
        vector = np.zeros(dimension, dtype=np.float32)
        vector[0] = 1e-3  # a text without words still has a direction
        for word in _WORD.findall(text.lower()):
            digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
            vector[int.from_bytes(digest[:4], "little") % dimension] += 1.0 if digest[4] & 1 else -1.0
        unit: Vectors = vector / np.linalg.norm(vector)
        return unit


class ScriptedReader:
    """A reader that finds what it was told to: `script[question]`, or each of several, wherever it stands in a passage.

    Questions that are not in the script get the capitalised words and numbers, with scores below the threshold.
    """

    threshold = 0.0
    at_once = 1
    fingerprint = "scripted-reader"

    def __init__(self, script: Mapping[str, str | Sequence[str]] | None = None, *, score: float = 5.0) -> None:
        self._script = dict(script or {})
        self._score = score

    def knows(self, word: str) -> bool:
        return False

    def read(self, question: str, passages: Sequence[str], *, top_n: int = 5) -> list[Reading]:
        return [self._read(question, passage, top_n) for passage in passages]

    def _read(self, question: str, passage: str, top_n: int) -> Reading:
        wanted = self._script.get(question, ())
        words = (wanted,) if isinstance(wanted, str) else wanted
        places = [place.span() for one in words if one for place in re.finditer(re.escape(one), passage)]
        score = self._score if places else -self._score
        places = places or [guess.span() for guess in re.finditer(r"\b[A-Z0-9]\w*", passage)][:top_n]
        return Reading(score, 0.0, tuple(Candidate(start, end, score) for start, end in places))
