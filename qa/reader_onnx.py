"""The reading model on onnxruntime: one pass per (question, passage) gives relevance, span logits and a null score.

Every pass runs alone, padded to a multiple of 8 tokens, so that its result depends on nothing else (invariant 9).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from ..errors import ModelError
from ..index.durable import file_sha256
from .reading import PAD_TO, WINDOW_STRIDE, Pass, Reading, combine, whole_words

SHIPPED = Path(__file__).parent / "model"
_MOST_QUESTION_TOKENS = 128


@dataclass(frozen=True, slots=True)
class _Window:
    """Passage tokens of one pass: their ids, and where each stands in the passage, in code points."""

    ids: list[int]
    offsets: list[tuple[int, int]]


class OnnxReader:
    """A folder with `reader.onnx` (the graph contract of `training/README.md`), `tokenizer.json` and `reader.json`.

    `reader.json` names the model, its `threshold`, its `max_tokens` and the sha256 of the other two files.
    """

    def __init__(self, folder: Path | None = None, *, threads: int = 0) -> None:
        """Load the model in `folder` (default: the shipped one). Raises ModelError when it is missing or damaged."""
        folder = folder or SHIPPED
        manifest = _checked_manifest(folder)
        options = onnxruntime.SessionOptions()
        # One thread per pass and several passes at a time: faster than one pass after the other on all cores, and the
        # arithmetic of a pass does not depend on how many there are.
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        # For files with int8 weights and float32 arithmetic: without QDQ fusion they are unpacked once, at load, which
        # is 1.5x as fast. A file with int8 arithmetic, as the shipped one, has no QDQ nodes.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._session = onnxruntime.InferenceSession(
                str(folder / "reader.onnx"), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # both libraries raise bare exceptions of their own
            raise _damaged(folder, type(error).__name__) from error
        # A tokenizer file may carry padding and truncation of its own; both would break the offsets.
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._cls, self._sep = (self._tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
        self._max_tokens = int(manifest["max_tokens"])
        self.threshold = float(manifest["threshold"])
        self.at_once = threads or os.cpu_count() or 1
        self._workers = ThreadPoolExecutor(self.at_once, thread_name_prefix="spanwise-reader")
        self.fingerprint = f"{manifest['name']}@{manifest['sha256']['reader.onnx'][:12]}"

    def knows(self, word: str) -> bool:
        return self._tokenizer.token_to_id(word) is not None

    def read(self, question: str, passages: Sequence[str], *, top_n: int = 5) -> list[Reading]:
        question_ids = self._tokenizer.encode(question, add_special_tokens=False).ids[:_MOST_QUESTION_TOKENS]
        if len(passages) == 1:
            return [self._read(question_ids, passages[0], top_n)]
        return list(self._workers.map(lambda passage: self._read(question_ids, passage, top_n), passages))

    def _read(self, question_ids: list[int], passage: str, top_n: int) -> Reading:
        passes = (self._run(question_ids, window) for window in self._windows(question_ids, passage))
        return combine(passes, passage, top_n)

    def _windows(self, question_ids: list[int], passage: str) -> Iterator[_Window]:
        encoding = self._tokenizer.encode(passage, add_special_tokens=False)
        ids, offsets = encoding.ids, whole_words(encoding.offsets, encoding.word_ids)
        room = self._max_tokens - len(question_ids) - 3
        for start in range(0, max(len(ids) - WINDOW_STRIDE, 1), room - WINDOW_STRIDE):
            yield _Window(ids[start : start + room], offsets[start : start + room])

    def _run(self, question_ids: list[int], window: _Window) -> Pass:
        ids = [self._cls, *question_ids, self._sep, *window.ids, self._sep]
        passage_start = len(question_ids) + 2
        length = -(-len(ids) // PAD_TO) * PAD_TO
        feed = np.zeros((3, 1, length), dtype=np.int64)  # input_ids, attention_mask, token_type_ids
        feed[0, 0, : len(ids)] = np.asarray(ids)
        feed[1, 0, : len(ids)] = 1
        feed[2, 0, passage_start : len(ids)] = 1
        start, end, relevance = self._session.run(
            ["start_logits", "end_logits", "relevance"],
            {"input_ids": feed[0], "attention_mask": feed[1], "token_type_ids": feed[2]},
        )
        tokens = slice(passage_start, passage_start + len(window.ids))
        null_score = float(start[0, 0] + end[0, 0])
        return Pass(window.offsets, start[0, tokens], end[0, tokens], null_score, float(relevance[0]))


def _checked_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / "reader.json").read_text())
        for name, expected in manifest["sha256"].items():
            if file_sha256(folder / name) != expected:
                raise _damaged(folder, f"{name} does not match its sha256")
        return {key: manifest[key] for key in ("name", "threshold", "max_tokens", "sha256")}
    except OSError as error:
        raise ModelError(
            f"The reading model has no readable {Path(str(error.filename)).name}.",
            subject=folder.name,
            way_out=_way_out(folder),
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder, f"reader.json: {error}") from error


def _damaged(folder: Path, why: str) -> ModelError:
    return ModelError(f"The reading model is damaged ({why}).", subject=folder.name, way_out=_way_out(folder))


def _way_out(folder: Path) -> str:
    if folder == SHIPPED:
        return "Reinstall it with: pip install --force-reinstall --no-deps spanwise"
    return "A reader folder holds reader.onnx, tokenizer.json and reader.json."
