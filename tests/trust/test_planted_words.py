"""Words planted at known places of nasty texts come back with the spans they were planted at, in both units."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trust.promise import Broken
from trust.spans import (
    Counts,
    Planted,
    check_with_javascript,
    compare,
    node,
    plant,
    through_http,
    through_the_library,
)  # fmt: skip

SPANS = 100_000
THROUGH_HTTP = 5_000
BATCH = 300


@pytest.fixture(scope="module")
def engine() -> str:
    found = node()
    if found is None:
        if os.environ.get("SPANWISE_BROWSER") == "required":
            pytest.fail("node is not installed: apt-get install nodejs")
        pytest.skip("node is not installed")
    return found


def planted_until(enough: int, run: Any, folder: Path, engine: str) -> Counts:
    rng = random.Random(7)
    counts, number, sliced = Counts(), 0, 0
    while counts.found < enough:
        batch = [plant(rng, number + more) for more in range(min(BATCH, (enough - counts.found) // 50 + 1))]
        number += len(batch)
        sliced += check_with_javascript(engine, run(folder, batch, counts))
    assert sliced == counts.found
    return counts


def test_a_hundred_thousand_spans_through_the_library(memory: Path, engine: str) -> None:
    counts = planted_until(SPANS, through_the_library, memory, engine)
    assert counts.cut < 0.01 * counts.planted


def test_spans_through_a_server(memory: Path, engine: str) -> None:
    counts = planted_until(THROUGH_HTTP, through_http, memory, engine)
    assert counts.cut < 0.01 * counts.planted


def test_a_span_that_is_off_by_one_is_seen(engine: str) -> None:
    one = plant(random.Random(1), 0)
    right = [(word, start, end, 0, 0) for word, (start, end) in one.words.items()]

    def compared(answers: Sequence[Any], planted: Planted = one) -> None:
        compare(planted, answers, 0, Counts())

    compared(right)
    word, start, end, *_ = right[3]
    for wrong in ([(word, start + 1, end + 1, 0, 0), *right[:3], *right[4:]], right[1:]):
        with pytest.raises(Broken):
            compared(wrong)
    with pytest.raises(Broken):
        compared(right, replace(one, text=f" {one.text}"))
    assert check_with_javascript(engine, [["a🎉b", [[3, 4, "b"]]]]) == 1
    with pytest.raises(Broken, match="JavaScript"):
        check_with_javascript(engine, [["a🎉b", [[2, 3, "b"]]]])
