"""The files that documents were read from, kept beside the database under the sha256 of their bytes.

Written before the transaction that refers to them commits, removed after the one that drops the last reference, both
under the write lock: a crash may leave a file that nothing refers to, which the next opening removes, and never a
document without its file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..errors import CorruptDataError
from .durable import file_sizes, make_folder, sync_folder, write_file
from .records import Original
from .storage import ORIGINALS

_AT_ONCE = 8
_NAME = re.compile(r"[0-9a-f]{64}")


class Originals:
    """The kept files of one collection; `folder` is the collection's. Changes need the collection's write lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / ORIGINALS

    def keep(self, originals: Iterable[Original]) -> None:
        """Store the bytes, to last; those that are there and whole are not written again."""
        wanted = {one.sha256: one for one in originals}
        if not wanted:
            return
        make_folder(self.folder)
        missing = [one for one in wanted.values() if not self._holds(one.sha256)]
        if len(missing) == 1:
            self._write(missing[0])
        elif missing:  # a file system waits once for several that are to be on disk at the same time
            with ThreadPoolExecutor(min(_AT_ONCE, len(missing))) as workers:
                for _ in workers.map(self._write, missing):
                    pass
        sync_folder(self.folder)  # also for those that were there: a crash may have come before this

    def read(self, sha256: str) -> bytes:
        """The bytes of that digest. Raises FileNotFoundError, and CorruptDataError when they are others."""
        data = (self.folder / sha256).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise CorruptDataError(
                f"The original {sha256} of collection {self.folder.parent.name!r} is damaged.",
                subject=sha256,
                way_out="Remove the document and add its file again, or restore the collection from a backup.",
            )
        return data

    def _write(self, original: Original) -> None:
        write_file(self.folder / original.sha256, original.data)

    def _holds(self, sha256: str) -> bool:
        try:
            self.read(sha256)
        except (FileNotFoundError, CorruptDataError):
            return False
        return True

    def remove(self, names: Collection[str]) -> None:
        """Remove files that nothing refers to."""
        for name in names:
            (self.folder / name).unlink(missing_ok=True)
        if names:
            sync_folder(self.folder)

    def names(self) -> set[str]:
        """What lies in the folder: digests, and leftovers of writes that were cut off."""
        return set(self.sizes())

    def sizes(self) -> Mapping[str, int]:
        """The size of each file in bytes, by name; leftovers are among them."""
        return file_sizes(self.folder)


def is_digest(name: str) -> bool:
    """Whether `name` is the hex form of a sha256."""
    return _NAME.fullmatch(name) is not None
