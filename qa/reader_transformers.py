"""Any extractive question-answering model of the transformers library as a reader, by path or hub name.

Slower than the shipped file, which onnxruntime runs, and its probabilities are uncalibrated until `spanwise calibrate`
has seen labels. Such a model has no relevance head: relevance is its best span score.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..index.hub import NOT_HERE, must_be_here
from .reading import PAD_TO, WINDOW_STRIDE, Pass, Reading, best_spans, combine, whole_words

_MOST_TOKENS = 384
_MOST_QUESTION_CHARACTERS = 500
"""A question may not crowd the passage out of the pass."""
_NO_SPAN = -1e4
"""Relevance of a passage without a word in it."""


class TransformersReader:
    """An `AutoModelForQuestionAnswering`; safetensors only, no remote code. One lock: one pass at a time.

    Every pass runs alone, as in `reader_onnx`.
    """

    threshold = 0.0
    at_once = 1

    def __init__(self, model: str, *, threads: int = 0) -> None:
        """Load `model`, a folder or a hub name. Raises ModelError when it cannot be loaded or reads no spans."""
        folder = Path(model)
        local = must_be_here(model)
        import torch
        from transformers import AutoModelForQuestionAnswering, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self._torch = torch
        if threads:
            torch.set_num_threads(threads)
        try:
            safely = {"trust_remote_code": False, "local_files_only": local}
            self._tokenizer: Any = AutoTokenizer.from_pretrained(model, use_fast=True, **safely)
            self._model, loaded = AutoModelForQuestionAnswering.from_pretrained(
                model, use_safetensors=True, output_loading_info=True, dtype=torch.float32, **safely
            )
        except Exception as error:  # the library raises whatever its loaders raise
            raise _unusable(model, type(error).__name__ + NOT_HERE * local) from error
        if not self._tokenizer.is_fast:
            raise _unusable(model, "its tokenizer gives no offsets")
        if any("qa_outputs" in name for name in loaded["missing_keys"]):
            raise _unusable(model, "it was not trained to answer questions")
        self._model.eval()
        most = min(int(self._tokenizer.model_max_length), int(self._model.config.max_position_embeddings))
        self._max_tokens = min(_MOST_TOKENS, most)
        self._lock = threading.Lock()
        self.fingerprint = f"{folder.name}@{_version(folder, self._model.config)}"

    def knows(self, word: str) -> bool:
        return len(self._tokenizer.tokenize(word)) == 1

    def read(self, question: str, passages: Sequence[str], *, top_n: int = 5) -> list[Reading]:
        question = question[:_MOST_QUESTION_CHARACTERS]
        with self._lock, self._torch.inference_mode():
            return [combine(self._passes(question, passage), passage, top_n) for passage in passages]

    def _passes(self, question: str, passage: str) -> Iterator[Pass]:
        windows = self._tokenizer(
            question,
            passage,
            truncation="only_second",
            max_length=self._max_tokens,
            stride=WINDOW_STRIDE,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            padding=True,
            pad_to_multiple_of=PAD_TO,
            return_tensors="np",
        )
        offsets = windows.pop("offset_mapping")
        windows.pop("overflow_to_sample_mapping")
        for number in range(len(offsets)):
            inputs = {name: self._torch.from_numpy(values[number : number + 1]) for name, values in windows.items()}
            out = self._model(**inputs)
            start, end = out.start_logits[0].numpy(), out.end_logits[0].numpy()
            tokens = [place for place, part in enumerate(windows.sequence_ids(number)) if part == 1]
            null = list(windows["input_ids"][number]).index(self._tokenizer.cls_token_id)
            null_score = float(start[null] + end[null])
            words = windows.word_ids(number)
            places = whole_words(
                [(int(offsets[number][token][0]), int(offsets[number][token][1])) for token in tokens],
                [words[token] for token in tokens],
            )
            best = best_spans(start[tokens], end[tokens], top_n=1)
            relevance = best[0][2] - null_score if best else _NO_SPAN
            yield Pass(places, start[tokens], end[tokens], null_score, relevance)


def _version(folder: Path, config: Any) -> str:
    """The first digits of the weights' sha256, or of the hub's commit."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:12] if folder.is_dir() else str(getattr(config, "_commit_hash", None) or "hub")[:12]


def _unusable(model: str, why: str) -> ModelError:
    return ModelError(
        f"The reading model {model!r} cannot be used ({why}).",
        subject=model,
        way_out="Give a folder with reader.onnx, or an extractive question-answering model of the transformers library "
        "(safetensors) by path or hub name, or leave it out for the shipped one.",
    )
