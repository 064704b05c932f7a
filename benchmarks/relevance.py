"""Relevance of passages to queries, as models give it: judged once, kept in a file, whatever is reckoned from it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Protocol

from spanwise.index.markup import blank_markup
from spanwise.qa.reading import load_reader

Pair = tuple[str, str]
"""A query and the text of a passage."""
_TOGETHER = 400
"""Pairs judged and kept in one go: what is lost when a run is cut off."""
_SIDE_BY_SIDE = 16
"""Pairs of like length in one pass of the head."""


class Judge(Protocol):
    """A model that says how relevant passages are to queries, as logits."""

    @property
    def fingerprint(self) -> str:
        """Names the model and its weights."""

    def judge(self, pairs: Sequence[Pair]) -> list[float]: ...


class ReaderJudge:
    """The relevance of a reading model, by default the shipped one, as `search(rerank=True)` asks it for passages
    without title and headings: on all cores."""

    def __init__(self, folder: Path | None = None) -> None:
        self._reader = load_reader(str(folder) if folder else "default")
        self.fingerprint = self._reader.fingerprint

    def judge(self, pairs: Sequence[Pair]) -> list[float]:
        logits: list[float] = []
        for query, those in groupby(pairs, key=itemgetter(0)):
            readings = self._reader.read(blank_markup(query), [blank_markup(text) for _, text in those], top_n=1)
            logits += [reading.relevance for reading in readings]
        return logits


class HeadJudge:
    """A cross-encoder with one output (a sequence-classification folder of transformers), as published: what the
    reading model was made from, for comparison.

    `bfloat16` is twice as fast where the processor multiplies such numbers; logits differ by 0.02, at most by 0.1.
    """

    def __init__(self, folder: Path, *, bfloat16: bool = False) -> None:
        digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:12]
        self.fingerprint = f"{folder.name}@{digest}{' bfloat16' * bfloat16}"
        self._folder, self._bfloat16 = folder, bfloat16
        self._loaded: tuple[Any, Any] | None = None

    def judge(self, pairs: Sequence[Pair]) -> list[float]:
        import torch

        tokenizer, model = self._loaded or self._load()
        seen = [(blank_markup(query), blank_markup(text)) for query, text in pairs]
        encoded = [tokenizer(*one, truncation="only_second", max_length=512) for one in seen]
        order = sorted(range(len(seen)), key=lambda place: len(encoded[place]["input_ids"]))
        logits = [0.0] * len(seen)
        for start in range(0, len(order), _SIDE_BY_SIDE):
            places = order[start : start + _SIDE_BY_SIDE]
            batch = tokenizer.pad([encoded[place] for place in places], return_tensors="pt")
            with torch.inference_mode():
                for place, logit in zip(places, model(**batch).logits[:, 0].tolist(), strict=True):
                    logits[place] = logit
        return logits

    def _load(self) -> tuple[Any, Any]:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        dtype = torch.bfloat16 if self._bfloat16 else torch.float32
        model = AutoModelForSequenceClassification.from_pretrained(self._folder, dtype=dtype).eval()
        self._loaded = AutoTokenizer.from_pretrained(self._folder), model
        return self._loaded


class Relevance:
    """What a judge said, kept in `file`. A run that was cut off asks only for the rest; processes may share it."""

    def __init__(self, file: Path, judge: Judge) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._judge = judge
        self._kept = sqlite3.connect(file, timeout=60, isolation_level=None)
        self._kept.execute("PRAGMA journal_mode = WAL")
        self._kept.execute("PRAGMA synchronous = NORMAL")
        self._kept.execute("CREATE TABLE IF NOT EXISTS relevance (key BLOB PRIMARY KEY, logit REAL) WITHOUT ROWID")

    def of(self, pairs: Sequence[Pair], progress: Callable[[int, int], None] | None = None) -> list[float]:
        """The relevance of each pair, a logit. `progress` hears how many of those to be judged are judged."""
        missing = [pair for pair in dict.fromkeys(pairs) if self._known(pair) is None]
        for start in range(0, len(missing), _TOGETHER):
            some = missing[start : start + _TOGETHER]
            rows = [(self._key(pair), logit) for pair, logit in zip(some, self._judge.judge(some), strict=True)]
            self._kept.executemany("INSERT OR REPLACE INTO relevance VALUES (?, ?)", rows)
            if progress:
                progress(start + len(some), len(missing))
        return [logit for pair in pairs if (logit := self._known(pair)) is not None]

    def _known(self, pair: Pair) -> float | None:
        row = self._kept.execute("SELECT logit FROM relevance WHERE key = ?", (self._key(pair),)).fetchone()
        return None if row is None else float(row[0])

    def _key(self, pair: Pair) -> bytes:
        parts = (self._judge.fingerprint, *pair)
        return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).digest()[:16]
