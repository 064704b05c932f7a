"""A folder read in batches of bounded size: files that look as they did when they were added are not read again."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ..errors import InputError, MissingExtraError, SourceError
from ..settings import Settings
from .formats.limits import ParseLimits
from .ingest import BATCH_CHARACTERS, check_distinct, checked, is_folder, parse_limits
from .loading import LoadOptions, files_below, id_of_path, load_bytes, read_file, shown
from .records import Failure, Source
from .store import FileRecord

BATCH_BYTES = 32 * 2**20
"""Files held in memory before they are committed."""
BATCH_FILES = 1_000
READING_VERSION = 4
"""Raise it when files are read differently, so that those that have not changed are read again."""
_YOUNG_NS = 2_000_000_000
"""A file that changed less than this ago may change again without its time showing it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far `add` has come, in sources; `name` is the one just finished."""

    done: int
    total: int
    name: str


OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class Batch:
    """What is committed together: sources to store, ids that stay as they are, and the files that both came from."""

    sources: list[Source] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    files: list[FileRecord] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    progress: Progress = Progress(0, 0, "")

    @property
    def full(self) -> bool:
        held = {source.original.sha256: len(source.original.data) for source in self.sources if source.original}
        return (
            sum(len(source.text) for source in self.sources) >= BATCH_CHARACTERS
            or sum(held.values()) >= BATCH_BYTES
            or len(self.files) >= BATCH_FILES
        )


def place_of(folder: Path) -> str:
    """The absolute path of `folder` as records name it; bytes that are not UTF-8 are written out (`\\udcff`)."""
    return str(folder.resolve()).encode("utf-8", "backslashreplace").decode()


def check_folder(folder: object) -> None:
    """Raises SourceError for what is no folder, or one that is given as a string."""
    if not is_folder(folder):
        way_out = f"Check the path, and give it as Path({folder!r})." if isinstance(folder, str) else "Check the path."
        raise SourceError(f"{shown(str(folder))} is not a folder.", subject=folder, way_out=shown(way_out))


def ids_without_file(folder: Path, ids: Iterable[str]) -> list[str]:
    """Those of `ids` that no file below `folder` bears, itself or as a table, mail or archive of several documents."""
    files = {id_of_path(file.relative_to(folder)) for file in files_below(folder)}
    return [one for one in ids if not any(part in files for part in (one, *map(str, PurePosixPath(one).parents)))]


def check_few_go(gone: Sequence[str], stored: int, folder: Path, so_far: str) -> None:
    """Raises SourceError where `gone` are more than half of the documents that were `stored`: most often the path is
    wrong or a disk is not mounted. One or two of a handful may go."""
    if 2 * len(gone) > stored:
        raise SourceError(
            f"{len(gone):,} of {stored:,} documents of the collection have no file in {shown(str(folder))} "
            f"and would be deleted, {gone[0]!r} first. {so_far}.",
            subject=folder,
            way_out="Check the path, and that its disk is mounted. To delete them give --delete-most "
            "(in Python: delete_most=True).",
        )


class FolderReader:
    """Reads the files below `folder`; `records` are those of its files that were added before, by path."""

    def __init__(
        self,
        folder: Path,
        records: Mapping[str, FileRecord],
        options: LoadOptions,
        settings: Settings,
        taken: set[str],
        *,
        check_content: bool,
    ) -> None:
        self._folder = folder
        self._records = records
        self._options = options
        self._settings = settings
        self._limits: ParseLimits = parse_limits(settings)
        self._taken = taken
        self._check_content = check_content
        self._place = place_of(folder)
        self._read_with = json.dumps(
            [READING_VERSION, options.encoding, options.keep_all, dict(options.columns), dict(options.metadata)],
            sort_keys=True,
        )

    def batches(self) -> Iterator[Batch]:
        """Every file, in a fixed order. A batch is yielded after each file, with `progress`, and begun anew by whoever
        has committed it: `full` says when, and the last one is to be committed in any case."""
        files = list(files_below(self._folder))
        batch = Batch()
        for done, file in enumerate(files, 1):
            try:
                self._read(file, batch)
            except (InputError, MissingExtraError) as error:
                name = shown(file.relative_to(self._folder).as_posix())
                batch.failed.append(Failure(name, shown(str(error))))
            batch.progress = Progress(done, len(files), shown(file.name))
            full = batch.full
            yield batch
            if full:
                batch = Batch()

    def _read(self, file: Path, batch: Batch) -> None:
        path = file.relative_to(self._folder).as_posix()
        known = self._records.get(path)
        if known and (known.read_with != self._read_with or (self._settings.keep_originals and not known.kept)):
            known = None
        try:
            stat = file.stat()
            size, changed_ns = stat.st_size, stat.st_mtime_ns
        except OSError:
            size, changed_ns = -1, 0  # reading it says why
        if known and not self._check_content and changed_ns and (known.size, known.mtime_ns) == (size, changed_ns):
            self._keep(known, batch)
            return
        data = read_file(file, self._folder, self._limits)
        young = time.time_ns() - changed_ns < _YOUNG_NS
        digest = hashlib.sha256(data).hexdigest()
        stamp = (self._place, shown(path), len(data), 0 if young else changed_ns, digest, self._read_with)
        if known and known.sha256 == digest:
            self._keep(known, batch)
            if (known.size, known.mtime_ns) != stamp[2:4]:
                batch.files.append(FileRecord(*stamp, known.documents))
            return
        loaded = load_bytes(data, path, options=self._options, limits=self._limits, named=False)
        sources = [checked(source, self._settings) for source in loaded.sources]
        ids = tuple(str(source.id) for source in sources)
        check_distinct(ids, self._taken)
        batch.sources.extend(sources)
        batch.failed.extend(loaded.failed)
        if ids and not loaded.failed and stamp[1] == path:  # else it is read again, and what failed is said again
            batch.files.append(FileRecord(*stamp, ids))

    def _keep(self, known: FileRecord, batch: Batch) -> None:
        check_distinct(known.documents, self._taken)
        batch.unchanged.extend(known.documents)
