"""Relevance of passages to queries, as models give it: judged once, kept in a file, whatever is reckoned from it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from spanwise.index.markup import blank_markup
from spanwise.qa.reading import load_reader


class Judge(Protocol):
    """A model that says how relevant passages are to a query, as logits."""

    @property
    def fingerprint(self) -> str:
        """Names the model and its weights."""

    def judge(self, query: str, texts: Sequence[str]) -> list[float]: ...


class ReaderJudge:
    """The relevance of the shipped reading model, as `search(rerank=True)` asks it."""

    def __init__(self) -> None:
        self._reader = load_reader()
        self.fingerprint = self._reader.fingerprint

    def judge(self, query: str, texts: Sequence[str]) -> list[float]:
        readings = self._reader.read(blank_markup(query), [blank_markup(text) for text in texts], top_n=1)
        return [reading.relevance for reading in readings]


class HeadJudge:
    """A cross-encoder with one output (a sequence-classification folder of transformers), as published: what the
    reading model was made from, for comparison.

    `bfloat16` is twice as fast where the processor multiplies such numbers.
    """

    def __init__(self, folder: Path, *, bfloat16: bool = False) -> None:
        digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:12]
        self.fingerprint = f"{folder.name}@{digest}{' bfloat16' * bfloat16}"
        self._folder, self._bfloat16 = folder, bfloat16
        self._loaded: tuple[object, object] | None = None

    def judge(self, query: str, texts: Sequence[str]) -> list[float]:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        if self._loaded is None:
            dtype = torch.bfloat16 if self._bfloat16 else torch.float32
            model = AutoModelForSequenceClassification.from_pretrained(self._folder, dtype=dtype).eval()
            self._loaded = AutoTokenizer.from_pretrained(self._folder), model
        tokenizer, model = self._loaded
        seen = [blank_markup(text) for text in texts]
        pairs = tokenizer(
            [blank_markup(query)] * len(seen), seen,
            truncation="only_second", max_length=512, padding=True, return_tensors="pt",
        )  # fmt: skip
        with torch.inference_mode():
            return [float(logit) for logit in model(**pairs).logits[:, 0]]


class Relevance:
    """What a judge said, kept in `file`. A run that was cut off asks only for the rest."""

    def __init__(self, file: Path, judge: Judge) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._judge = judge
        self._kept = sqlite3.connect(file, timeout=60, isolation_level=None)
        self._kept.execute("PRAGMA journal_mode = WAL")
        self._kept.execute("PRAGMA synchronous = NORMAL")
        self._kept.execute("CREATE TABLE IF NOT EXISTS relevance (key BLOB PRIMARY KEY, logit REAL) WITHOUT ROWID")

    def of(self, query: str, texts: Sequence[str]) -> list[float]:
        """The relevance of each of `texts` to `query`, a logit."""
        kept = [self._known(query, text) for text in texts]
        missing = [text for text, logit in zip(texts, kept, strict=True) if logit is None]
        if missing:
            made = self._judge.judge(query, missing)
            rows = [(self._key(query, text), logit) for text, logit in zip(missing, made, strict=True)]
            self._kept.executemany("INSERT OR REPLACE INTO relevance VALUES (?, ?)", rows)
            kept = [self._known(query, text) for text in texts]
        return [float(logit) for logit in kept if logit is not None]

    def _known(self, query: str, text: str) -> float | None:
        row = self._kept.execute("SELECT logit FROM relevance WHERE key = ?", (self._key(query, text),)).fetchone()
        return None if row is None else float(row[0])

    def _key(self, query: str, text: str) -> bytes:
        parts = (self._judge.fingerprint, query, text)
        return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).digest()[:16]
