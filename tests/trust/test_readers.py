"""Readers beside a writer, as threads and as processes: no errors, nothing stale, nothing of two versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spanwise import Source
from trust.readers import (
    DOCUMENTS,
    LEAST,
    NUMBERS,
    OLDEST,
    STOP,
    Outcome,
    in_processes,
    in_threads,
    open_library,
    read,
    text_of,
)

SECONDS = 4.0


@pytest.mark.parametrize("run", [in_threads, in_processes])
def test_eight_readers_and_a_writer(run: Callable[[Path, float], tuple[int, Outcome]], memory: Path) -> None:
    folder = memory / run.__name__
    folder.mkdir()
    changes, seen = run(folder, SECONDS)
    assert not seen.errors
    assert (seen.stale, seen.mixed) == (0, 0)
    assert changes >= LEAST
    assert {"dense", "lexical", "hybrid", "ask", "document"} <= seen.reads.keys()
    if run is in_processes:
        assert seen.reads["watch"]


def test_what_is_stale_is_counted(tmp_path: Path) -> None:
    numbers = np.zeros(NUMBERS, np.int64)
    numbers[OLDEST : OLDEST + DOCUMENTS] = 2

    class Stopping(type(numbers)):  # type: ignore[misc]
        """Says stop when it has been asked twenty times."""

        asked = 0

        def __getitem__(self, place: object) -> object:
            self.asked += place is STOP
            return self.asked > 20 if place is STOP else super().__getitem__(place)

    with open_library(tmp_path) as library:
        library.add([Source(text_of(number, 1), id=f"doc{number}") for number in range(DOCUMENTS)])
        seen = read(library, numbers.view(Stopping), 1)
    assert not seen.errors
    assert seen.stale >= 20
