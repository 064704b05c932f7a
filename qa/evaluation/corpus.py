"""A corpus in a collection of its own, and the ranking of its documents that the engine gives for a query."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import SourceError
from ...index.embedding_choice import configured_embedder
from ...index.records import Source
from ...index.splitting import SplitLimits
from ...settings import Settings
from .datasets import CorpusDocument
from .progress import Step, unseen

if TYPE_CHECKING:
    from ...index.embedding import Embedder
    from ...index.ranking import Mode
    from ..collection import Collection
    from ..reading import Reader

DEEPEST = 1_000
"""The most passages one search is asked for."""
_BATCH = 64
"""Documents added in one change of the collection: few enough to show progress, many enough to be fast."""


@contextmanager
def indexed(
    documents: Sequence[CorpusDocument],
    *,
    data: Path | None = None,
    settings: Settings | None = None,
    embedder: Embedder | None = None,
    reader: Reader | None = None,
    on_step: Step = unseen,
) -> Iterator[Collection]:
    """A collection of exactly `documents`, in a temporary folder or kept in the data folder `data`.

    A kept collection is named after its documents, the embedding model and the passage lengths, and is found again by
    the next run, which then embeds nothing. It is as old as the code that built it: delete the folder after a change of
    splitting or embedding. `on_step` is called for each document. Raises SourceError if the collection refuses one.
    """
    from ..collection import Collection

    settings = Settings.from_environment() if settings is None else settings
    settings = replace(settings, max_top_k=max(settings.max_top_k, DEEPEST))
    if embedder is None:
        embedder = configured_embedder(settings, None)
    name = _name(documents, embedder)
    with tempfile.TemporaryDirectory(prefix="spanwise-eval-") as folder:
        root = Path(folder) if data is None else data
        collection = Collection.open(root, name, settings=settings, embedder=embedder, reader=reader)
        try:
            _fill(collection, documents, on_step)
            yield collection
        finally:
            collection.close()


def stored_id(document_id: str) -> str:
    """The id a document has in the collection: corpora name documents in ways that a collection does not allow."""
    return f"document-{hashlib.sha256(document_id.encode()).hexdigest()[:24]}"


def ranked_documents(collection: Collection, query: str, want: int, mode: Mode = "hybrid") -> tuple[list[str], float]:
    """The stored ids of the `want` best documents, and the seconds that searching for `want` passages took.

    A document is as good as its best passage. Where long documents fill the search with several passages each, deeper
    searches follow, to `DEEPEST` passages; they are not timed.
    """
    started = time.perf_counter()
    hits = collection.search(query, want, mode=mode, merge=False)
    seconds = time.perf_counter() - started
    depth = want
    while True:
        ranking = list(dict.fromkeys(hit.document.id for hit in hits))
        if len(ranking) >= want or len(hits) < depth or depth >= DEEPEST:
            return ranking[:want], seconds
        depth = min(2 * depth, DEEPEST)
        hits = collection.search(query, depth, mode=mode, merge=False)


def _name(documents: Sequence[CorpusDocument], embedder: Embedder) -> str:
    made_by = [embedder.fingerprint.as_dict(), asdict(SplitLimits.for_model(embedder.max_tokens))]
    digest = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode())
    for document in documents:
        for part in (document.id, document.title, document.text):
            digest.update(f"{len(part)}:{part}".encode())
    return f"eval-{digest.hexdigest()[:16]}"


def _fill(collection: Collection, documents: Sequence[CorpusDocument], on_step: Step) -> None:
    remaining = iter(documents)
    while batch := list(islice(remaining, _BATCH)):
        added = collection.add(
            [Source(document.text, id=stored_id(document.id), title=document.title or None) for document in batch]
        )
        if added.failed:
            failure = added.failed[0]
            raise SourceError(
                f"{len(added.failed)} documents of the corpus could not be added; the first: {failure.error}",
                subject=failure.source,
                way_out="Repair or drop them.",
            )
        for _ in batch:
            on_step()
