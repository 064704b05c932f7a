"""Embedding with sentence-transformers: any model by path or hub name.

It can run the packaged all-MiniLM-L6-v2 too, and is then what the faster ways are held against."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import ModelError
from .embedding import DEFAULT_MODEL, Fingerprint, Prompts, Vectors, known_prompts
from .hub import NOT_HERE, must_be_here
from .packaged_model import check_weights, packaged_folder, sha256
from .timings import check_time
from .turns import Turns

_BATCH_SIZE = 32


class SentenceTransformerEmbedder:
    """A sentence-transformers model behind the `Embedder` protocol. One lock: the model runs one batch at a time."""

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        threads: int = 0,
        query_prompt: str | None = None,
        passage_prompt: str | None = None,
    ) -> None:
        """Load `model`. A prompt that is None is the model's own, or that of its family (`known_prompts`).

        Raises ModelError when it is missing or its weights are not the expected ones.
        """
        packaged = model == DEFAULT_MODEL
        folder = packaged_folder() if packaged else None
        weights = check_weights(folder) if folder else _weights_digest(Path(model))
        local = bool(folder) or must_be_here(model)
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        if threads:
            torch.set_num_threads(threads)
        try:
            self._model = SentenceTransformer(
                str(folder or model), device="cpu", trust_remote_code=False, local_files_only=local
            )
        except Exception as error:  # the library raises whatever its loaders raise
            raise ModelError(
                f"The embedding model {model!r} could not be loaded ({type(error).__name__}{NOT_HERE * local}).",
                subject=model,
                way_out=f"Give a sentence-transformers model by path or hub name, or leave it out for {DEFAULT_MODEL}.",
            ) from error
        self._turns = Turns()
        own = {name: prompt for name, prompt in (self._model.prompts or {}).items() if prompt}
        wanted = known_prompts(model)
        if own:
            wanted = Prompts(own.get("query", ""), own.get("document") or own.get("passage", ""))
        self.fingerprint = Fingerprint(
            model=model,
            dimension=int(self._model.get_embedding_dimension() or 0),
            weights_sha256=weights,
            query_prompt=wanted.query if query_prompt is None else query_prompt,
            passage_prompt=wanted.passage if passage_prompt is None else passage_prompt,
            precision=str(next(self._model.parameters()).dtype).removeprefix("torch."),
        )
        prompt_tokens = self.count_tokens([self.fingerprint.query_prompt, self.fingerprint.passage_prompt])
        self.max_tokens = int(self._model.max_seq_length or 512) - max(prompt_tokens)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        with self._turns.turn():
            encoded = self._model.tokenizer(
                list(texts), add_special_tokens=False, truncation=False, padding=False, verbose=False
            )
        return [len(ids) for ids in encoded["input_ids"]]

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._encode(list(texts), self.fingerprint.passage_prompt)

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self._encode([text], self.fingerprint.query_prompt)[0]
        return vector

    def _encode(self, texts: list[str], prompt: str) -> Vectors:
        if not texts:
            return np.empty((0, self.fingerprint.dimension), dtype=np.float32)
        # Longest first, so that a batch is little padding; a turn for each batch, so that a question need not wait for
        # all of a document.
        order = sorted(range(len(texts)), key=lambda position: -len(texts[position]))
        vectors = np.empty((len(texts), self.fingerprint.dimension), dtype=np.float32)
        for start in range(0, len(order), _BATCH_SIZE):
            check_time()
            positions = order[start : start + _BATCH_SIZE]
            with self._turns.turn():
                vectors[positions] = self._model.encode(
                    [texts[position] for position in positions],
                    prompt=prompt or None,
                    batch_size=_BATCH_SIZE,
                    convert_to_numpy=True,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
        return vectors


def _weights_digest(path: Path) -> str:
    """A digest of a local model's weights; a hub name stands for itself."""
    weights = sorted(path.glob("**/*.safetensors")) if path.is_dir() else []
    if not weights:
        return f"name:{path}"
    return hashlib.sha256("".join(sha256(file) for file in weights).encode()).hexdigest()
