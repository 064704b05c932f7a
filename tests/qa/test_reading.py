"""From the logits of passes to spans: the best in one paragraph, whichever window saw it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from spanwise.qa.reading import Candidate, Pass, combine


def read(text: str, starts: dict[str, float], ends: dict[str, float]) -> list[tuple[str, float]]:
    """The spans of one pass over `text`, best first; logits of its words, 0 for words not named."""
    words = list(re.finditer(r"\S+", text))
    start, end = (np.array([said.get(word[0], 0.0) for word in words], np.float32) for said in (starts, ends))
    reading = combine([Pass([word.span() for word in words], start, end, 1.0, 0.0)], text, 2)
    return [(text[one.start : one.end], one.score) for one in reading.candidates]


@pytest.mark.parametrize("border", ["\n\n", "\n \t \n", "\r\n\r\n", "\n\n\n\n"])
def test_a_span_crosses_no_blank_line(border: str) -> None:
    text = f"EXIT VALUES{border}0 success{border}1 permission denied"
    said = read(text, {"0": 4.0, "1": 6.0}, {"1": 6.0, "success": 3.0})
    assert said[:2] == [("1", 11.0), ("0 success", 6.0)]
    assert read(text, {"0": 5.0}, {"1": 6.0})[0] != (f"0 success{border}1", 10.0)


def test_a_span_goes_on_over_the_end_of_a_line() -> None:
    assert read("Write to\n12 Mill Lane\nBristol\nsoon", {"12": 4.0}, {"Bristol": 3.0})[0] == (
        "12 Mill Lane\nBristol",
        6.0,
    )


def test_a_span_counts_with_its_best_window() -> None:
    logits = np.array([3.0, 0.0], np.float32)
    windows = [Pass([(0, 1), (2, 3)], logits, logits, null, 0.0) for null in (2.0, 1.0)]
    reading = combine(windows, "a b", 1)
    assert (reading.candidates, reading.null_score) == ((Candidate(0, 1, 5.0),), 1.0)
