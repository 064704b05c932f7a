"""Hostile text costs what its length costs: six times the text takes about six times as long, not thirty-six."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest

from spanwise.index.loading import markdown_layout
from spanwise.index.sentences import sentence_spans
from spanwise.index.splitting import SplitLimits, split
from spanwise.testing import HashEmbedder

pytestmark = pytest.mark.slow  # it measures processor time, which nothing beside it should disturb
FACTOR = 6
SMALL = 2_100  # characters: more than a passage may have

RUNS = [
    "[", "*", ".", "\n", "> ", "字", "한", "x", "![", "[a](", "`", " ", "\r\n", "! ", "…\" ", "12. ", "U.S. ", "- ",
    "# a\n", "[a]: b\n", "a\n==\n", "    code\n", "|a|\n|-|\n|b|\n",
]  # fmt: skip


def split_markdown(text: str) -> None:
    """The whole way of a Markdown text: headings, blanked marks, sentences, pieces, passages."""
    layout = markdown_layout(text)
    split(text, layout.headings, HashEmbedder().count_tokens, SplitLimits(), unbroken=layout.unbroken)


def seconds(work: Callable[[str], object], text: str) -> float:
    """Processor time of this thread alone, so that a busy machine does not count."""
    gc.disable()  # its rounds cost what the whole test run holds
    started = time.thread_time()
    work(text)
    taken = time.thread_time() - started
    gc.enable()
    return taken


def check_growth(work: Callable[[str], object], run: str, small: int, factor: int) -> None:
    few, many = (run * (size // len(run)) for size in (small, factor * small))
    growth = 0.0
    for _ in range(4):  # other work on the machine may spoil one
        growth = seconds(work, many) / min(seconds(work, few) for _ in range(2))
        if growth < 2.5 * factor:
            return
    pytest.fail(f"{factor} times the text takes {growth:.0f} times as long")


@pytest.mark.parametrize("run", RUNS)
def test_time_grows_with_the_length(run: str) -> None:
    check_growth(split_markdown, run, SMALL, FACTOR)


def test_a_line_as_long_as_a_book() -> None:
    """To look back to where the line starts is fast, so that its cost shows only here."""
    check_growth(sentence_spans, "12. A ", 10_000, 40)
