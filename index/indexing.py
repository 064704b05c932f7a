"""The vector index of an open collection: searched, brought up to date, and past a size made in the background.

Few vectors are all compared: their index is read from the database by the first search. Past `LargeIndexes.above` an
approximate index takes over. It takes a minute to make, so it is made behind the scenes, while searches go on in what
there is, and kept in files. What is newer than the files is searched beside it. Files that are missing, damaged or of
another model are passed over and made again: the database is the truth.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING

import numpy as np

from ..errors import SpanwiseError
from . import work
from .index_files import DamagedIndexError, IndexFiles, Manifest, canonical
from .reports import Finding
from .snapshot import SMALL, Keys, Segment, Snapshot, refreshed
from .storage import Database
from .vectors import LargeIndexes, Rows16, VectorIndexFactory

if TYPE_CHECKING:
    from .embedding import Fingerprint
    from .view_sqlite import SqliteView

logger = logging.getLogger(__name__)
PATIENCE_SECONDS = 5.0
"""How long a process has searched without a large index before it makes one: a command that searches once does not."""
STOP_SECONDS = 10.0
WHAT = "index"


class Stopped(Exception):
    """The collection is closed, moved or under another model: what is being made is of no use."""


class Indexes:
    """One collection's vector index in this process. Safe to use from many threads."""

    def __init__(
        self,
        database: Database,
        reading: Callable[[], AbstractContextManager[SqliteView]],
        fingerprint: Callable[[], Fingerprint | None],
        small: VectorIndexFactory,
        large: LargeIndexes | None,
    ) -> None:
        self.held: Snapshot | None = None
        """The newest snapshot of this process."""
        self.trouble: str | None = None
        """What was wrong with the files when they were last read."""
        self._database = database
        self._reading = reading
        self._fingerprint = fingerprint
        self._small = small
        self._large = large
        self._files = IndexFiles(database.file.parent, large) if large else None
        self._refreshing = threading.Lock()
        self._looked_at: Manifest | None = None
        self._builder: threading.Thread | None = None
        self._stop = threading.Event()

    def current(self, view: SqliteView, held: Snapshot | None) -> Snapshot | None:
        """The snapshot of exactly the view's generation; None while there are no vectors."""
        if held and held.generation == view.generation:
            return held
        with self._refreshing:
            latest = self.held
            if latest is None or latest.generation < view.generation:
                self.held = latest = self._refreshed(latest, view)
            if latest is None or latest.generation == view.generation:
                return latest
        # Another thread has published a later one, which may lack what this view still holds.
        older = held if held and held.generation < view.generation else None
        return refreshed(older, view, self._small)

    @property
    def kind(self) -> str:
        """How vectors are searched, in a few words."""
        if self.held:
            return self.held.kind
        with suppress(DamagedIndexError):
            if self._files and (found := self._usable()):
                return f"approximate: from a file of {found.vectors:,} vectors, candidates compared exactly"
        return "exact, every vector compared"

    def state(self) -> str | None:
        """What is on disk, in a few words; None where nothing is and nothing need be."""
        if self._files is None:
            return None
        try:
            if found := self._files.manifest():
                said = f"generation {found.generation}, {found.vectors:,} vectors, {found.index_bytes:,} bytes"
                return f"{said}; {self.trouble}" if self.trouble else said
        except DamagedIndexError as error:
            return f"{error}; it will be made again"
        waiting = self.held is not None and len(self.held) >= self._files_above()
        return "not made yet; every vector is compared meanwhile" if waiting else None

    def bytes(self) -> int:
        """What the files take on disk."""
        return self._files.bytes() if self._files else 0

    def check(self, view: SqliteView) -> Iterator[Finding]:
        """What is wrong with the files; nothing when all is well or there are none."""
        if self._files is None:
            return
        try:
            if (manifest := self._usable()) is None or manifest.generation > view.generation:
                return
            keys, _ = self._files.load(manifest)
        except FileNotFoundError:
            return  # another one has taken its place just now
        except DamagedIndexError as error:
            yield Finding("index", "search", f"{error}. The next search passes over it, and it is made again.")
            return
        present = view.keys()
        if len(lost := np.setdiff1d(present[present <= manifest.last_key], keys, assume_unique=True)):
            yield Finding("index", "search", f"It lacks {len(lost):,} passages. Delete the folder: it is made again.")

    def build(self) -> bool:
        """Make the large index and publish it, if one is due; whether it was.

        Raises SpanwiseError and OSError as reading and writing do.
        """
        if self._files is None:
            return False
        with self._reading() as view:
            if not self._is_due_on_disk(self._files, view) or self._is_made_elsewhere():
                return False
        return self._build(self._files)

    def close(self) -> None:
        """Stop what runs in the background: it ends at its next step, which is waited for, but not long."""
        self._stop.set()
        if (builder := self._builder) and builder is not threading.current_thread():
            builder.join(STOP_SECONDS)

    def _refreshed(self, old: Snapshot | None, view: SqliteView) -> Snapshot | None:
        if self._files and (old is None or (self._due(old) and self._is_newer_published(old))):
            old = self._loaded(self._files, view) or old
        found = refreshed(old, view, self._small)
        if found and not found.exact and (len(found) < self._files_above() // 2 or not len(found.segments[0])):
            found = refreshed(None, view, self._small)  # few enough to compare all of them, or all of them are new
        if self._due(found) and self._builder is None:
            self._builder = threading.Thread(target=self._build_later, name="vector index", daemon=True)
            self._builder.start()
        return found

    def _files_above(self) -> int:
        return self._large.above if self._large else 0

    def _due(self, snapshot: Snapshot | None) -> bool:
        """Whether a large index is to be made."""
        if snapshot is None or self._large is None or len(snapshot) < self._large.above:
            return False
        return snapshot.exact or snapshot.outgrown

    def _is_due_on_disk(self, files: IndexFiles, view: SqliteView) -> bool:
        """The same of the files, which need not be loaded for it."""
        if (passages := view.count_behind(-1)) < self._files_above():
            return False
        try:
            if (manifest := self._usable()) is None:
                return True
            files.check(manifest)
        except (DamagedIndexError, FileNotFoundError):
            return True
        new = view.count_behind(manifest.last_key)
        dead = manifest.vectors - (passages - new)
        return max(new, dead) > max(SMALL, manifest.vectors // 8)

    def _usable(self) -> Manifest | None:
        """What is published and of this model. Raises DamagedIndexError."""
        manifest = self._files.manifest() if self._files else None
        return manifest if manifest and manifest.fingerprint == canonical(self._fingerprint()) else None

    def _is_newer_published(self, old: Snapshot) -> bool:
        with suppress(DamagedIndexError):
            found = self._usable()
            return found is not None and found != self._looked_at and (old.exact or found.last_key > old.last_large_key)
        return False

    def _loaded(self, files: IndexFiles, view: SqliteView) -> Snapshot | None:
        """What the files hold, as far as it is not younger than `view`."""
        for _ in range(2):
            try:
                manifest = self._usable()
                if manifest is None or manifest.generation > view.generation:
                    return None
                self._looked_at = manifest
                keys, index = files.load(manifest)
            except FileNotFoundError:  # another process has just published the next one
                continue
            except DamagedIndexError as error:
                self.trouble = f"{error}; it will be made again"
                logger.warning(
                    "The vector index of collection %r is damaged (%s): it is made again from the database.",
                    self._database.file.parent.name, error,
                )  # fmt: skip
                return None
            self.trouble = None
            return Snapshot(manifest.generation, (Segment(keys, index, np.empty(0, np.int64)),))
        return None

    # Making it.

    def _build_later(self) -> None:
        try:
            elsewhere = True
            while elsewhere and not self._stop.wait(PATIENCE_SECONDS):
                elsewhere = self._is_made_elsewhere()
                if not elsewhere and not self.build():
                    self._adopt()
        except (SpanwiseError, OSError) as error:  # searches go on in what there is
            logger.warning("The vector index of collection %r was not made: %s", self._database.file.parent.name, error)
        finally:
            self._builder = None

    def _build(self, files: IndexFiles) -> bool:
        name = self._database.file.parent.name
        logger.info("Making the vector index of collection %r.", name)
        files.clean()
        with work.announced(self._database.file.parent, WHAT, "vectors") as announce:
            try:
                made = self._made(files, announce)
            except (Stopped, FileNotFoundError):  # the latter: another process has swept it away for its own
                return False
        self.trouble = None
        self._install(made)
        logger.info("The vector index of collection %r is made: %d vectors.", name, len(made))
        return True

    def _made(self, files: IndexFiles, announce: work.OnStep) -> Snapshot:
        """A large index, published. Raises Stopped."""
        assert self._large is not None
        with self._reading() as view:
            generation, fingerprint, keys = view.generation, self._fingerprint(), view.keys()
            chosen = np.linspace(0, len(keys) - 1, self._large.sample_size(len(keys))).astype(np.int64)
            sample = view.vectors_of(keys[chosen])
        read: list[Keys] = []

        def go_on() -> None:
            announce(sum(map(len, read)), len(keys))
            if self._stop.is_set() or self._fingerprint() != fingerprint:
                raise Stopped

        runs = self._runs(int(keys[-1]), read)
        index = self._large.build(len(keys), sample, runs, go_on)
        found = np.concatenate(read)
        draft = files.write(index, found, generation, fingerprint)
        try:
            with self._database.writing():
                if self._fingerprint() != fingerprint or not draft.exists():  # swept away for one that is published
                    raise Stopped
                files.publish(draft)
        finally:
            draft.discard()
        return Snapshot(generation, (Segment(found, index, np.empty(0, np.int64)),))

    def _runs(self, last: int, read: list[Keys]) -> Iterator[Rows16]:
        """The vectors up to the key `last`, each run in a transaction of its own, so that the log can be folded in; of
        what changes meanwhile tombstones tell."""
        at = -1
        while at < last:
            with self._reading() as view:
                keys, rows = next(view.vectors_behind(at), (np.empty(0, np.int64), None))
            keys = keys[keys <= last]
            if rows is None or not len(keys):
                return
            read.append(keys)
            at = int(keys[-1])
            yield rows[: len(keys)]

    def _adopt(self) -> None:
        """Search in what another process has published."""
        if self._files:
            with self._reading() as view:
                loaded = self._loaded(self._files, view)
            if loaded:
                self._install(loaded)

    def _install(self, made: Snapshot) -> None:
        """Search in what was made from now on."""
        with self._reading() as view, self._refreshing:
            found = refreshed(made, view, self._small)
            if self.held is None or found is None or self.held.generation <= found.generation:
                self.held = found

    def _is_made_elsewhere(self) -> bool:
        return any(one.running and one.what == WHAT for one in work.found(self._database.file.parent))
