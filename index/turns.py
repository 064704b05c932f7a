"""Taking turns at a model: threads that share one get it in the order they come."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """One thread at a time. A lock alone would go back to the thread that has just let it go."""

    def __init__(self) -> None:
        self._lock, self._next = threading.Lock(), threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        with self._next:
            self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()
