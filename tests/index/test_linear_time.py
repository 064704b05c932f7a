"""Hostile text costs what its length costs: six times the text takes about six times as long, not thirty-six."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest

from spanwise.index.loading import TEXT_LAYOUTS
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


def split_as(media_type: str) -> Callable[[str], None]:
    """The whole way of a text: headings, blanked marks, sentences, pieces, passages."""

    def split_text(text: str) -> None:
        layout = TEXT_LAYOUTS[media_type](text)
        split(
            text, layout.headings, HashEmbedder().count_tokens, SplitLimits(),
            excluded=layout.excluded, unbroken=layout.unbroken,
        )  # fmt: skip

    return split_text


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
    check_growth(split_as("text/markdown"), run, SMALL, FACTOR)


@pytest.mark.parametrize(
    ("media_type", "run"),
    [
        ("text/x-rst", "="), ("text/x-rst", "====\n"), ("text/x-rst", "a\n==\n"), ("text/x-rst", "==  ==\n\n"),
        ("text/x-rst", "+--+\n"), ("text/x-rst", "| a\n"), ("text/x-rst", "a::\n\n  b\n"), ("text/x-rst", ".. a\n"),
        ("text/x-rst", "`<`a "), ("text/x-rst", " \t"), ("text/asciidoc", "----\n"), ("text/asciidoc", "a\n-\n"),
        ("text/asciidoc", "== a\n"), ("text/org", "*" * 30), ("text/org", "* a\n"), ("text/org", "|-\n"),
        ("text/plain", "+-+-+\n"), ("text/plain", "A(1) "),
    ],
)  # fmt: skip
def test_time_grows_with_the_length_of_other_marks(media_type: str, run: str) -> None:
    check_growth(split_as(media_type), run, SMALL, FACTOR)


def test_a_line_as_long_as_a_book() -> None:
    """To look back to where the line starts is fast, so that its cost shows only here."""
    check_growth(sentence_spans, "12. A ", 10_000, 40)
