"""`prepare`: data sets to tokenised arrays in the run folder, with wrong passages and the base's own judgement."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Encoding

from . import negatives, prepared, sources, teacher
from .config import Config
from .prepared import copy_tokenizer

_SENTENCE_END = re.compile(r"[.!?][\"')\]”’]*\s+(?=[\"'(\[“‘]*[A-Z0-9])|\n+")


def _sentence_starts(text: str) -> list[int]:
    return [0] + [match.end() for match in _SENTENCE_END.finditer(text)]


def marks(text: str, offsets: list[tuple[int, int]]) -> npt.NDArray[np.uint8]:
    """For each token, whether a word and whether a sentence of `text` begins with it (see Prepared)."""
    result = np.zeros(len(offsets), dtype=np.uint8)
    begins = _sentence_starts(text)
    following, previous_end = 0, -1
    for number, (start, end) in enumerate(offsets):
        if start > previous_end or previous_end < 0:
            result[number] |= prepared.WORD
        if following < len(begins) and start >= begins[following]:
            result[number] |= prepared.SENTENCE
            while following < len(begins) and start >= begins[following]:
                following += 1
        previous_end = end
    return result


def token_span(offsets: list[tuple[int, int]], span: tuple[int, int]) -> tuple[int, int] | None:
    """First and last token that touch the character span, None if no token does."""
    inside = [i for i, (start, end) in enumerate(offsets) if end > span[0] and start < span[1]]
    return (inside[0], inside[-1]) if inside else None


def _pack(rows: list[sources.Row], tokenizer_file: Path, folder: Path) -> prepared.Prepared:
    tokenizer = prepared.load_tokenizer(tokenizer_file)
    contexts = list(dict.fromkeys(row.context for row in rows))
    number_of = {context: number for number, context in enumerate(contexts)}
    encodings: list[Encoding] = tokenizer.encode_batch(contexts, add_special_tokens=False)
    spans, kept = [], []
    for row in rows:
        offsets = encodings[number_of[row.context]].offsets
        span = token_span(offsets, row.span) if row.span else (-1, -1)
        if span is not None:
            spans.append(span)
            kept.append(row)
    questions = [row.question.encode("utf-8") for row in kept]
    return prepared.Prepared(
        folder=folder,
        context_tokens=np.concatenate([np.asarray(e.ids, dtype=np.uint16) for e in encodings]),
        context_starts=np.cumsum([0] + [len(e.ids) for e in encodings], dtype=np.int64),
        context_marks=np.concatenate([marks(c, e.offsets) for c, e in zip(contexts, encodings, strict=True)]),
        row_context=np.asarray([number_of[row.context] for row in kept], dtype=np.int32),
        row_kind=np.asarray([row.kind for row in kept], dtype=np.uint8),
        row_first=np.asarray([first for first, _ in spans], dtype=np.int32),
        row_last=np.asarray([last for _, last in spans], dtype=np.int32),
        row_teacher=np.full(len(kept), np.nan, dtype=np.float32),
        question_bytes=np.frombuffer(b"".join(questions), dtype=np.uint8),
        question_starts=np.cumsum([0] + [len(q) for q in questions], dtype=np.int64),
    )


def choose_for_teacher(kinds: npt.NDArray[np.uint8], count: int, seed: int) -> npt.NDArray[np.int64]:
    """About `count` row numbers in equal parts of each kind, drawn from the seed, in ascending order."""
    rng = np.random.default_rng([seed, 4])
    chosen = [rng.permutation(np.flatnonzero(kinds == kind))[: count // len(sources.KINDS)] for kind in range(4)]
    return np.sort(np.concatenate(chosen))


def digest(data: prepared.Prepared) -> str:
    """SHA-256 over all arrays: the identity of the prepared data."""
    total = hashlib.sha256()
    for name in prepared.ARRAYS:
        total.update(np.ascontiguousarray(getattr(data, name)).tobytes())
    return total.hexdigest()


def prepare(config: Config, data: Path, base: Path, run: Path) -> dict[str, object]:
    """Fill `run/data` from the data folder and the base model; returns what it wrote into meta.json."""
    folder = run / "data"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "meta.json").unlink(missing_ok=True)
    rows = sources.training_rows(data, config)
    rows += negatives.wrong_passages(rows, config)
    copy_tokenizer(base, folder)
    packed = _pack(rows, base / "tokenizer.json", folder)
    with (folder / "held_out.jsonl").open("w", encoding="utf-8") as lines:
        for item in sources.held_out_sample(data, config):
            lines.write(json.dumps(item, ensure_ascii=False) + "\n")
    asked = choose_for_teacher(packed.row_kind, config.data.teacher_rows, config.seed)
    packed.row_teacher[asked] = teacher.judge(packed, asked, base, config)
    packed.save()
    note: dict[str, object] = {
        "rows": {sources.KINDS[kind]: n for kind, n in sorted(Counter(packed.row_kind.tolist()).items())},
        "contexts": len(packed.context_starts) - 1,
        "dropped": len(rows) - len(packed),
        "teacher_rows": int(asked.size),
        "digest": digest(packed),
        "base_sha256": hashlib.sha256((base / "model.safetensors").read_bytes()).hexdigest(),
        "config": dataclasses.asdict(config),
    }
    (folder / "meta.json").write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    return note
