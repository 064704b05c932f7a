"""Counting the steps of a long evaluation."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with (done, total) after each step."""
Step = Callable[[], None]
"""Called after each document indexed and each question asked."""


def unseen() -> None:
    """The step nobody looks at."""


class Steps:
    """A `Step` that tells `on_progress` how many of `total` steps are done."""

    def __init__(self, total: int, on_progress: Progress | None) -> None:
        self._total = total
        self._on_progress = on_progress
        self._done = 0

    def __call__(self) -> None:
        self._done += 1
        if self._on_progress is not None:
            self._on_progress(self._done, self._total)
