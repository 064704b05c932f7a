"""The values used last, kept within a size. Thread-safe."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

ENTRY_BYTES = 400
"""About what an entry takes beside its value: the objects of the key and the cache's own."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LruCache(Generic[Key, Value]):
    """At most `most` bytes (or whatever the sizes count that values are put in with); 0 keeps nothing."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        with self._lock:
            if key not in self._found:
                return None
            self._found.move_to_end(key)
            return self._found[key][0]

    def put(self, key: Key, value: Value, size: int) -> None:
        """Keep `value`, which takes `size` with its key; one that is larger than the whole is not kept."""
        with self._lock:
            if key in self._found:
                self._bytes -= self._found.pop(key)[1]
            if size > self._most:
                return
            self._found[key] = (value, size)
            self._bytes += size
            while self._bytes > self._most:
                self._bytes -= self._found.popitem(last=False)[1][1]

    def clear(self) -> None:
        with self._lock:
            self._found.clear()
            self._bytes = 0

    @property
    def bytes(self) -> int:
        """Of what is kept now."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._found)
