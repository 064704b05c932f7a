"""Tokens a second that the reading model reads, on one thread and on all cores: `python benchmarks/reader_speed.py`.

Passages of the seed article and one question, over and over; tokens count without padding. The best of three rounds.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tokenizers import Tokenizer

from spanwise.index.markup import blank_markup
from spanwise.qa.reader_onnx import SHIPPED, OnnxReader

SEEDS = Path(__file__).parents[1] / "seeds"
QUESTION = "When do the Olympics end?"
PASSES = 100
LONG = 800
"""Characters of a passage: about 180 tokens."""


def main() -> None:
    text = blank_markup(next(SEEDS.glob("*.txt")).read_text(encoding="utf-8"))
    pieces = [text[start : start + LONG] for start in range(0, len(text) - LONG, LONG)]
    passages = [pieces[number % len(pieces)] for number in range(PASSES)]
    tokenizer = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
    tokenizer.no_padding()
    lines = ["| threads | tokens/s | ms of one pass | tokens of one pass |", "|---:|---:|---:|---:|"]
    for threads in sorted({1, os.cpu_count() or 1}):
        reader = OnnxReader(threads=threads)
        tokens = sum(len(tokenizer.encode(QUESTION, passage).ids) for passage in passages)
        rounds = []
        for _ in range(3):
            started = time.perf_counter()
            reader.read(QUESTION, passages)
            rounds.append(time.perf_counter() - started)
        took = min(rounds)
        lines.append(
            f"| {threads} | {tokens / took:,.0f} | {1000 * took * threads / PASSES:.1f} | {tokens / PASSES:.0f} |"
        )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
