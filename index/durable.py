"""Files that are there after a power cut once the call has returned, and never half of one; and whether they still are
what was written."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

PART = ".part-"
"""How names of files begin that are not finished."""


def write_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write `data` to `path`, all of it or nothing. Call `sync_folder` behind it to make the name last, too."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=PART)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def file_sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file in `folder`, by name; those that another one is just removing are left out."""
    sizes: dict[str, int] = {}
    with suppress(FileNotFoundError, NotADirectoryError):
        for file in os.scandir(folder):
            with suppress(FileNotFoundError):
                if file.is_file():
                    sizes[file.name] = file.stat().st_size
    return sizes


def file_sha256(file: Path) -> str:
    """Hex digest of what `file` holds. Raises OSError."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` last: what was made, renamed and removed there."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it, to last."""
    missing = [folder, *folder.parents]
    missing = missing[: next((n for n, one in enumerate(missing) if one.exists()), len(missing))]
    folder.mkdir(parents=True, exist_ok=True)
    for made in reversed(missing):
        sync_folder(made.parent)
