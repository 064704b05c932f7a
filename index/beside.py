"""One piece of work beside another, in a second thread, as long as the process has nothing else to do."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from typing import TypeVar

T = TypeVar("T")


class Beside:
    """Counts the searches and answers under way, and lends the only one of them a second thread.

    Where several are under way they keep the cores busy by themselves, and a thread more would only add to the work.
    """

    def __init__(self, cores: int | None = None) -> None:
        self.cores = cores or os.cpu_count() or 1
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget the thread, and what is under way: a forked process has neither."""
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="spanwise-beside")  # the thread starts at first use
        self._lock = threading.Lock()
        self._under_way = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """A search or an answer is under way while the block lasts."""
        with self._lock:
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def begin(self, work: Callable[[], T]) -> Callable[[], T]:
        """What `work` returns or raises, when it is asked for: begun now if nothing else is under way, else then; done
        once however often it is asked for."""
        if self.cores == 1 or self._under_way > 1:
            return cache(work)
        return self._worker.submit(copy_context().run, work).result


SHARED = Beside()
"""Of the process, whatever its collections."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=SHARED.begin_anew)
