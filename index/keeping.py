"""A collection as something to be kept: its models, its state, checking it, saving it, building it anew."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import CollectionBusyError, LimitError
from ..settings import Settings
from .embedding import DEFAULT_MODEL, Embedder, Fingerprint
from .embedding_choice import configured, configured_embedder, mismatch, named
from .folders import OnProgress, Progress
from .ingest import draft
from .migrations import FORMAT_VERSION
from .reports import Compacted, Finding, Status
from .splitting import SplitLimits
from .store import PassageStore
from .verifying import compare


class KeptCollection:
    """What every collection has, whatever is asked of it. Safe to use from many threads."""

    def __init__(self, name: str, store: PassageStore, settings: Settings, embedder: Embedder | None = None) -> None:
        self.name = name
        self._store = store
        self._settings = settings
        self._given_embedder = embedder
        self._checked_embedders: dict[Fingerprint | None, Embedder] = {}
        self._check_configured_model()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def status(self) -> Status:
        """What the collection holds. Loads no model."""
        with self._store.reading() as view:
            counts, generation = view.counts(), view.generation
            fingerprint = self._store.fingerprint()
        return Status(
            **asdict(counts),
            collection=self.name,
            generation=generation,
            embedding_model=self._model_name(),
            reader=self._reader_name(),
            format_version=FORMAT_VERSION,
            indexed_generation=self._store.indexed_generation,
            search=self._store.search_kind,
            index_file=self._store.index_file,
            dimension=fingerprint.dimension if fingerprint else None,
            query_prompt=fingerprint.query_prompt if fingerprint else "",
            passage_prompt=fingerprint.passage_prompt if fingerprint else "",
            pending=tuple(self._store.work()),
        )

    @property
    def generation(self) -> int:
        """A counter that every change raises by one."""
        with self._store.reading() as view:
            return view.generation

    def verify(self, sample: int = 200) -> list[Finding]:
        """Check everything that is promised of what is stored; what is wrong, nothing when all is well.

        `sample` passages are embedded again and compared with their vectors; with 0 no model is loaded.
        Raises LimitError for a sample that is no number of at least 0, StorageError.
        """
        if not isinstance(sample, int) or isinstance(sample, bool) or sample < 0:
            raise LimitError(f"sample is {sample!r}.", subject=sample, way_out="Give a whole number of at least 0.")
        findings, samples = self._store.verify(sample)
        if samples:
            findings.extend(compare(samples, self._embedder().embed_passages([one.text for one in samples])))
        return findings

    def backup(self, file: Path) -> None:
        """Write the whole collection to `file`, which is replaced, while others read and write it. `spanwise.restore`
        brings it back. Raises StorageError."""
        self._store.backup(Path(file))

    def compact(self) -> Compacted:
        """Give the space of what was deleted back to the disk; readers do not notice. Raises CollectionBusyError."""
        return self._store.compact()

    def build_index(self) -> bool:
        """Make the vector index of a large collection now, if one is due; whether it was.

        Nothing depends on it: else it is made in the background of a process that searches, and until then every vector
        is compared. Raises StorageError, CollectionBusyError.
        """
        return self._store.build_index()

    def reindex(
        self, model: str = "", *, embedder: Embedder | None = None, on_progress: OnProgress | None = None
    ) -> int:
        """Split and embed every document again under another embedding model; the new generation.

        The old model serves until the new one is complete, then all is replaced in one transaction. A run that was cut
        off is taken up where it was by the next one under the same model. `embedder` is given instead of a name in
        tests. Nothing is done when the collection is under that model already.
        Raises ModelError, CollectionBusyError when a reindexing runs, StorageError.
        """
        embedder = embedder or configured_embedder(replace(self._settings, model=model), None)
        fingerprint = embedder.fingerprint
        if self._store.fingerprint() == fingerprint:
            return self.generation
        if any(work.running and work.what == "reindex" for work in self._store.work()):
            raise CollectionBusyError(
                f"Collection {self.name!r} is being reindexed.",
                subject=self.name,
                way_out="`status` says how far it is.",
            )
        limits = SplitLimits.for_model(embedder.max_tokens)
        self._checked_embedders[fingerprint] = embedder  # for the moment it is in place
        with self._store.announced("reindex", fingerprint.model) as announce:

            def step(done: int, total: int) -> None:
                announce(done, total)
                if on_progress:
                    on_progress(Progress(done, total, fingerprint.model))

            return self._store.rebuild(fingerprint, lambda sources: draft(list(sources), embedder, limits), step)

    @property
    def moved(self) -> bool:
        """Whether it was dropped, renamed or restored since it was opened; every use raises then. Open it again."""
        return self._store.moved

    def close(self) -> None:
        """Close the files. Models stay loaded for other collections."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # The models.

    def _embedder(self, *, adding: bool = False) -> Embedder:
        """The embedding model, loaded on first use and checked against what the collection was built with.

        The first document settles the model; a search before that changes nothing.
        """
        stored = self._store.fingerprint()
        if stored in self._checked_embedders:
            return self._checked_embedders[stored]
        if self._checked_embedders:  # another process has reindexed the collection
            self._check_configured_model()
        embedder = self._given_embedder or configured_embedder(self._settings, stored)
        if stored is None and adding:
            self._store.set_fingerprint(embedder.fingerprint)
            stored = self._store.fingerprint()
        if stored is None:
            return embedder
        if stored != embedder.fingerprint:
            raise mismatch(self.name, stored, embedder.fingerprint)
        self._checked_embedders[stored] = embedder
        return embedder

    def _check_configured_model(self) -> None:
        stored = self._store.fingerprint()
        if stored is None:
            return
        given = self._given_embedder.fingerprint if self._given_embedder else configured(self._settings, stored)
        if named(given) != named(stored):  # what the weights are is seen when they are loaded
            raise mismatch(self.name, stored, given)

    def _model_name(self) -> str:
        stored = self._store.fingerprint()
        return stored.model if stored else self._settings.model or DEFAULT_MODEL

    def _reader_name(self) -> str:
        return "none"
