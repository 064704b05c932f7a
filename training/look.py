"""Examples for the eye: what the model sees in an epoch, decoded, with the answer marked."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import numpy as np
from tokenizers import Tokenizer

from . import prepared
from .config import Config
from .epoch import Example, examples
from .sources import KINDS


def show(item: Example, tokenizer: Tokenizer) -> str:
    """`question | passage` with the answer in [[double brackets]]."""
    pieces = [str(tokenizer.id_to_token(int(i))) for i in item.ids]
    if item.start:
        pieces[item.start] = "[[" + pieces[item.start]
        pieces[item.end] += "]]"
    question, passage = " ".join(pieces[1 : item.passage - 1]), " ".join(pieces[item.passage : -1])
    return f"{question} | {passage}".replace(" ##", "")


def look(config: Config, run: Path, epoch: int, count: int, out: TextIO) -> None:
    """Write `count` randomly drawn examples of each kind to `out`."""
    data = prepared.load(run / "data")
    tokenizer = prepared.load_tokenizer(run / "data" / "tokenizer.json")
    rng = np.random.default_rng([config.seed, 7])
    for kind, name in enumerate(KINDS):
        rows = rng.permutation(np.flatnonzero(data.row_kind == kind))[:count]
        for row, item in zip(rows, examples(data, tokenizer, config, epoch, rows), strict=True):
            teacher = data.row_teacher[row]
            note = "" if np.isnan(teacher) else f" teacher {teacher:.2f}"
            out.write(f"{name} {row} {item.ids.shape[0]} tokens{note}: {show(item, tokenizer)}\n")
