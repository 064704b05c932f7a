"""The open collections of the process: one object for each name, opened when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import CollectionNotFoundError
from ..index import managing
from ..index.embedding_choice import configured_embedder
from ..index.ingest import check_distinct, checked
from ..qa.collection import Collection
from ..settings import Settings

if TYPE_CHECKING:
    from ..index.embedding import Embedder
    from ..index.records import Source
    from ..qa.reading import Reader


class Collections:
    """Opens collections of `settings.data` and keeps them. Safe to use from many threads."""

    def __init__(self, settings: Settings, *, embedder: Embedder | None = None, reader: Reader | None = None) -> None:
        self._settings = settings
        self._embedder = embedder
        self._reader = reader
        self._open: dict[str, Collection] = {}
        self._lock = threading.Lock()
        self._warm: set[str] = set()

    def get(self, name: str, *, create: bool = False) -> Collection:
        """The collection of that name.

        Raises CollectionNotFoundError unless it exists or `create` is true, and what `Collection.open` raises.
        """
        with self._lock:
            if name in self._open and self._open[name].moved:  # by another process
                self._forget(name)
            if name not in self._open:
                self._open[name] = Collection.open(
                    self._settings.data,
                    name,
                    create=create,
                    settings=self._settings,
                    embedder=self._embedder,
                    reader=self._reader,
                )
            return self._open[name]

    def get_for(self, name: str, sources: Sequence[Source]) -> Collection:
        """The collection of that name, to add `sources` to; it is made for them, unless they could not be stored.

        Raises what `Collection.open` raises and, of a collection that does not exist yet, what `Collection.add` raises.
        """
        if not managing.exists(self._settings.data, name):
            check_distinct((str(checked(source, self._settings).id) for source in sources), set())
            if self._embedder is None:
                configured_embedder(self._settings, None)
        return self.get(name, create=True)

    def make(self, name: str) -> None:
        """Make an empty collection. Raises CollectionExistsError and what `get` raises."""
        managing.make(self._settings.data, name, self._settings)

    def rename(self, name: str, new_name: str) -> None:
        """Give a collection another name, while requests use it or not; see `managing.rename`."""
        with self._lock:
            managing.rename(self._settings.data, name, new_name, self._settings)
            self._forget(name)

    def drop(self, name: str) -> None:
        """Delete a collection, while requests use it or not; see `managing.drop`."""
        with self._lock:
            managing.drop(self._settings.data, name, self._settings)
            self._forget(name)

    def _forget(self, name: str) -> None:
        self._warm.discard(name)
        if collection := self._open.pop(name, None):
            collection.close()

    def opened(self) -> list[Collection]:
        """Those that are open."""
        with self._lock:
            return list(self._open.values())

    def warm(self, name: str = "default") -> int | None:
        """Load the models and the index of a collection, so that the first question is as fast as the next.

        Its generation, or None: a collection that does not exist yet is left for later. Raises ModelError and what
        `Collection.open` raises.
        """
        try:
            collection = self.get(name)
        except CollectionNotFoundError:
            return None
        if name not in self._warm:
            collection.warm()
            self._warm.add(name)
        return collection.generation

    def close(self) -> None:
        """Close every open collection."""
        with self._lock:
            self._warm.clear()
            while self._open:
                self._open.popitem()[1].close()
