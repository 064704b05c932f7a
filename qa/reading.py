"""What the engine asks of a reading model, and how logits become spans."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]

MOST_ANSWER_TOKENS = 30


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


class Reader(Protocol):
    """A model that reads passages for an answer. Implementations are thread-safe and deterministic, and the reading
    of a passage does not depend on the others in the call."""

    @property
    def threshold(self) -> float:
        """The candidate score above which a question counts as answered."""

    @property
    def fingerprint(self) -> str:
        """Names the model and its weights."""

    def read(self, question: str, passages: Sequence[str], *, top_n: int = 5) -> list[Reading]:
        """One Reading for each passage, each with at most `top_n` candidates. Passages may have any length."""


def best_spans(
    start_logits: Logits, end_logits: Logits, *, top_n: int, most_tokens: int = MOST_ANSWER_TOKENS
) -> list[tuple[int, int, float]]:
    """The best non-overlapping token spans `(first, last, start logit + end logit)`, best first.

    Both arrays have shape (tokens,) and hold passage tokens only. Ties go to the earlier, then the shorter span.
    """
    tokens = len(start_logits)
    if not tokens:
        return []
    # Only strong ends can make a strong span; 4 top_n of each leaves room for the overlapping ones.
    starts = np.argsort(-start_logits, kind="stable")[: 4 * top_n + 4]
    ends = np.argsort(-end_logits, kind="stable")[: 4 * top_n + 4]
    first, last = (grid.ravel() for grid in np.meshgrid(starts, ends, indexing="ij"))
    valid = (last >= first) & (last - first < most_tokens)
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


_loaded: dict[tuple[str, int], Reader] = {}
_loading = threading.Lock()


def load_reader(reader: str = "default", threads: int = 0) -> Reader:
    """The shipped reading model, or the one in the folder `reader`; loaded once per process.

    Raises ModelError when it is missing or damaged.
    """
    with _loading:
        if (reader, threads) not in _loaded:
            from .reader_onnx import OnnxReader

            _loaded[reader, threads] = OnnxReader(None if reader == "default" else Path(reader), threads=threads)
        return _loaded[reader, threads]
