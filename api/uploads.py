"""Files of a multipart upload. Their names become ids; nothing is ever written under a name they bring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from werkzeug.datastructures import FileStorage

from ..errors import DocumentIdError, LimitError, SourceError
from ..index.loading import decode, id_of_path
from ..index.records import Original, Source
from ..settings import Settings

MEDIA_TYPES = {".txt": "text/plain", ".text": "text/plain", ".md": "text/markdown", ".markdown": "text/markdown"}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent: its name, with what leads out of a folder taken away, and its bytes."""

    name: str
    data: bytes

    def source(self) -> Source:
        """The file as a source. Raises SourceError for bytes that are no text."""
        path = PurePosixPath(self.name)
        text = decode(self.data, self.name)
        return Source(
            text, id=id_of_path(path), media_type=MEDIA_TYPES[path.suffix.lower()], original=Original.of(self.data)
        )


def received(files: list[FileStorage], settings: Settings) -> list[Upload]:
    """The files of a request. Raises SourceError, DocumentIdError (the same name twice), LimitError."""
    if not files:
        raise SourceError("No file was sent.", way_out="Send one or more fields “file” as multipart/form-data.")
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
    if PurePosixPath(name).suffix.lower() not in MEDIA_TYPES:
        raise SourceError(
            f"{name[:120]!r} is not a kind of file that is read.",
            subject=name,
            way_out=f"Send files that end in {', '.join(MEDIA_TYPES)}.",
        )
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
