"""Large indexes, in files, for collections as small as those of the trials."""

from __future__ import annotations

import threading
from functools import partial

from spanwise.index import collection, indexing, snapshot
from spanwise.index.vectors_faiss import FaissInverted


def large_from(vectors: int, changes: int, patience_seconds: float = threading.TIMEOUT_MAX) -> None:
    """From now on a collection with so many vectors has a large index, which is made again after so many changes; in
    the background of a process that has searched for so long, else when it is asked for."""
    indexing.SMALL = snapshot.SMALL = changes
    indexing.PATIENCE_SECONDS = patience_seconds
    collection.FaissInverted = partial(FaissInverted, above=vectors)  # type: ignore[misc, assignment]
