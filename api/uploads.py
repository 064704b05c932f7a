"""Files of a multipart upload. Their names become ids; nothing is ever written under a name they bring."""

from __future__ import annotations

from dataclasses import dataclass, replace

from werkzeug.datastructures import FileStorage

from ..errors import DocumentIdError, LimitError, SourceError
from ..index.formats.kinds import check_suffix
from ..index.ingest import parse_limits
from ..index.loading import Loaded, LoadOptions, load_bytes
from ..index.records import Added
from ..index.timings import seconds_left
from ..settings import Settings
from .open_collections import Collections


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent: its name, with what leads out of a folder taken away, and its bytes."""

    name: str
    data: bytes

    def load(self, options: LoadOptions, settings: Settings) -> Loaded:
        """What the file holds: one source, or of an archive several. Raises SourceError, MissingExtraError."""
        limits = parse_limits(settings)
        limits = replace(
            limits, file_bytes=settings.max_file_bytes, seconds=max(0.1, min(limits.seconds, seconds_left()))
        )
        return load_bytes(self.data, self.name, options=options, limits=limits, named=False)


def store(
    collections: Collections, name: str, uploads: list[Upload], options: LoadOptions, settings: Settings
) -> Added:
    """Store what `uploads` hold in the collection `name`: all of it or nothing, but for members of archives that cannot
    be read.

    Raises SourceError, DocumentIdError, MissingExtraError, StorageError.
    """
    found = [upload.load(options, settings) for upload in uploads]
    sources = [source for one in found for source in one.sources]
    added = collections.get_for(name, sources).add(sources)
    return added + Added(failed=tuple(failure for one in found for failure in one.failed))


def received(files: list[FileStorage], settings: Settings) -> list[Upload]:
    """The files of a request. Raises SourceError, DocumentIdError (the same name twice), LimitError."""
    if not files:
        raise SourceError(
            "No file was sent, or the form breaks off.",
            way_out="Send one or more fields “file” as multipart/form-data.",
        )
    if len(files) > settings.max_files:
        raise LimitError(
            f"{len(files)} files were sent; the limit is {settings.max_files}.", way_out="Send them in parts."
        )
    uploads = [_received(file, settings.max_file_bytes) for file in files]
    names = [upload.name for upload in uploads]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DocumentIdError(f"Two files are called {twice[:120]!r}.", subject=twice, way_out="Rename one of them.")
    return uploads


def _received(file: FileStorage, most_bytes: int) -> Upload:
    name = _relative(file.filename or "")
    check_suffix(name)  # before it is kept for a job
    data = file.stream.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise LimitError(
            f"{name[:120]!r} is larger than {most_bytes:,} bytes.",
            subject=name,
            way_out="Split it, or raise SPANWISE_MAX_FILE_BYTES.",
        )
    return Upload(name, data)


def _relative(filename: str) -> str:
    """The name without what leads out of a folder. Raises SourceError where nothing is left."""
    parts = [part for part in filename.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    if not parts:
        raise SourceError("A file has no name.", way_out="Name it in the field's `filename`.")
    return "/".join(parts)
