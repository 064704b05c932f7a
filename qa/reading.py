"""What the engine asks of a reading model, and how logits become spans."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]

MOST_ANSWER_TOKENS = 30
WINDOW_STRIDE = 96
"""Tokens that neighbouring windows of a long passage share."""
PAD_TO = 8
"""Passes are padded to a multiple of so many tokens: kernels run best on multiples of 8, and padding costs time."""
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A span of a passage that may be the answer; `start` and `end` in code points of the passage text.

    `score` is the sum of its start and end logits minus the null score of the same pass, so that 0 means "as good as
    no answer" and scores of different passages of one question compare. No softmax over one passage is involved.
    """

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What one passage says to one question. Candidates are best first and do not overlap."""

    relevance: float
    """A logit: does the passage answer the question at all?"""
    null_score: float
    """Start plus end logit of "no answer here"; the lowest of the passage's windows."""
    candidates: tuple[Candidate, ...]

    @property
    def best_score(self) -> float:
        """Of the best candidate; minus infinity without one."""
        return self.candidates[0].score if self.candidates else -np.inf


class Reader(Protocol):
    """A model that reads passages for an answer. Implementations are thread-safe and deterministic, and the reading
    of a passage does not depend on the others in the call."""

    @property
    def threshold(self) -> float:
        """The candidate score above which a question counts as answered."""

    @property
    def fingerprint(self) -> str:
        """Names the model and its weights."""

    @property
    def at_once(self) -> int:
        """How many passages it reads side by side."""

    def knows(self, word: str) -> bool:
        """Whether the model learned `word`, in small letters, as a whole: then it is no misspelling."""

    def read(self, question: str, passages: Sequence[str], *, top_n: int = 5) -> list[Reading]:
        """One Reading for each passage, each with at most `top_n` candidates. Passages may have any length."""


def best_spans(
    start_logits: Logits, end_logits: Logits, *, top_n: int, paragraphs: NDArray[np.int64] | None = None
) -> list[tuple[int, int, float]]:
    """The best non-overlapping token spans `(first, last, start logit + end logit)`, best first.

    All arrays have shape (tokens,) and hold passage tokens only; `paragraphs` numbers the paragraph of each, and no
    span leaves its own. Ties go to the earlier, then the shorter span.
    """
    tokens = len(start_logits)
    if not tokens:
        return []
    # Only strong ends can make a strong span; 4 top_n of each leaves room for the overlapping ones.
    starts = np.argsort(-start_logits, kind="stable")[: 4 * top_n + 4]
    ends = np.argsort(-end_logits, kind="stable")[: 4 * top_n + 4]
    first, last = (grid.ravel() for grid in np.meshgrid(starts, ends, indexing="ij"))
    valid = (last >= first) & (last - first < MOST_ANSWER_TOKENS)
    if paragraphs is not None:
        valid &= paragraphs[first] == paragraphs[last]
    first, last = first[valid], last[valid]
    if not len(first):  # every strong end lies before every strong start
        position = int(np.argmax(start_logits + end_logits))
        return [(position, position, float(start_logits[position] + end_logits[position]))]
    scores = start_logits[first] + end_logits[last]
    chosen: list[tuple[int, int, float]] = []
    for index in np.lexsort((last, first, -scores)):
        begin, finish = int(first[index]), int(last[index])
        if all(finish < other[0] or begin > other[1] for other in chosen):
            chosen.append((begin, finish, float(scores[index])))
            if len(chosen) == top_n:
                break
    return chosen


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass over a window of a passage gave: logits of its passage tokens, and where those tokens stand."""

    offsets: Sequence[tuple[int, int]]
    """Code points of the passage text, one pair per token."""
    start_logits: Logits
    end_logits: Logits
    null_score: float
    relevance: float


def combine(passes: Iterable[Pass], passage: str, top_n: int) -> Reading:
    """One Reading of all windows of a passage: a span counts with its best window, and crosses no blank line."""
    relevance, null_score = -np.inf, np.inf
    scores: dict[tuple[int, int], float] = {}
    blank_lines = [found.start() for found in _BLANK_LINE.finditer(passage)]
    for one in passes:
        relevance, null_score = max(relevance, one.relevance), min(null_score, one.null_score)
        paragraphs = np.searchsorted(blank_lines, [start for start, _ in one.offsets]) if blank_lines else None
        for first, last, score in best_spans(one.start_logits, one.end_logits, top_n=top_n, paragraphs=paragraphs):
            place = (one.offsets[first][0], one.offsets[last][1])
            scores[place] = max(scores.get(place, -np.inf), score - one.null_score)
    chosen: list[Candidate] = []
    for (start, end), score in sorted(scores.items(), key=lambda item: (-item[1], item[0])):
        if start < end and all(end <= other.start or start >= other.end for other in chosen):
            chosen.append(Candidate(start, end, score))
    return Reading(float(relevance), float(null_score), tuple(chosen[:top_n]))


def whole_words(offsets: Sequence[tuple[int, int]], words: Sequence[int | None]) -> list[tuple[int, int]]:
    """Offsets widened to the word each token belongs to, so that no span ends inside a word."""
    bounds: dict[int | None, tuple[int, int]] = {}
    for (start, end), word in zip(offsets, words, strict=True):
        first, last = bounds.get(word, (start, end))
        bounds[word] = (min(first, start), max(last, end))
    return [bounds[word] for word in words]


_loaded: dict[tuple[str, int], Reader] = {}
_loading = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_loaded.clear)  # their threads stay behind: the child loads its own


def load_reader(reader: str = "default", threads: int = 0) -> Reader:
    """The shipped reading model, or another; loaded once per process.

    `reader` is a folder with `reader.onnx`, or any extractive question-answering model of the transformers library:
    its folder, or its name on the hub. Raises ModelError when it is missing or damaged.
    """
    with _loading:
        if (reader, threads) not in _loaded:
            _loaded[reader, threads] = _load(reader, threads)
        return _loaded[reader, threads]


def _load(reader: str, threads: int) -> Reader:
    folder = None if reader == "default" else Path(reader)
    if folder and not (folder / "reader.onnx").exists() and (not folder.is_dir() or (folder / "config.json").exists()):
        from .reader_transformers import TransformersReader

        return TransformersReader(reader, threads=threads)
    from .reader_onnx import OnnxReader

    return OnnxReader(folder, threads=threads)
