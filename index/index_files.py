"""The large vector index on disk: a cache of the database that may be deleted, and is made again when it is damaged.

`search/manifest.json` says which files are the index, what their sha256 are, and of which generation and model. It is
replaced at once, when the files are there to last, so that whoever reads it finds a whole index or none.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from .durable import PART, file_sha256, file_sizes, sync_folder, write_file
from .embedding import Fingerprint
from .snapshot import Keys
from .vectors import LargeIndexes, VectorIndex

FOLDER = "search"
MANIFEST = "manifest.json"
FORMAT = 1


class DamagedIndexError(Exception):
    """The files are not what was written; `str` says which and why. Never leaves the store."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the files are."""

    generation: int
    fingerprint: str
    """Of the model, as canonical JSON."""
    vectors: int
    last_key: int
    index: str
    """Name of the file that the index is in."""
    index_bytes: int
    index_sha256: str
    keys: str
    """Name of the file of its rows' keys: int64, little endian, ascending."""
    keys_sha256: str
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Draft:
    """An index that is written and not yet published."""

    manifest: Manifest
    index: Path
    keys: Path

    def exists(self) -> bool:
        return self.index.exists() and self.keys.exists()

    def discard(self) -> None:
        self.index.unlink(missing_ok=True)
        self.keys.unlink(missing_ok=True)


class IndexFiles:
    """The folder `search` of a collection."""

    def __init__(self, collection: Path, kinds: LargeIndexes) -> None:
        self.folder = collection / FOLDER
        self._kinds = kinds

    def manifest(self) -> Manifest | None:
        """What is published; None where nothing is. Raises DamagedIndexError."""
        try:
            content = (self.folder / MANIFEST).read_bytes()
            said = json.loads(content)["manifest"]
            if said.get("format") != FORMAT:
                return None
            manifest = Manifest(**said)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DamagedIndexError(f"{MANIFEST} cannot be read") from error
        if sealed(manifest) != content:
            raise DamagedIndexError(f"{MANIFEST} is not what was written")
        return manifest

    def load(self, manifest: Manifest) -> tuple[Keys, VectorIndex]:
        """The keys of the rows, and the index. Raises DamagedIndexError, FileNotFoundError when another one has just
        taken its place."""
        self.check(manifest)
        keys = np.frombuffer((self.folder / manifest.keys).read_bytes(), dtype="<i8").astype(np.int64)
        try:
            index = self._kinds.read(self.folder / manifest.index)
        except ValueError as error:
            if self.manifest() != manifest:  # swept away since it was checked
                raise FileNotFoundError(manifest.index) from error
            raise DamagedIndexError(f"{manifest.index} cannot be read") from error
        if not len(keys) == len(index) == manifest.vectors:
            raise DamagedIndexError(f"{manifest.index} holds another number of vectors")
        return keys, index

    def check(self, manifest: Manifest) -> None:
        """Raises DamagedIndexError when a file is not what was written, FileNotFoundError."""
        for name, sha256 in ((manifest.index, manifest.index_sha256), (manifest.keys, manifest.keys_sha256)):
            try:
                if file_sha256(self.folder / name) != sha256:
                    raise DamagedIndexError(f"{name} is not what was written")
            except FileNotFoundError:
                if self.manifest() == manifest:
                    raise DamagedIndexError(f"{name} is lost") from None
                raise
            except OSError as error:
                raise DamagedIndexError(f"{name} cannot be read") from error

    def write(self, index: VectorIndex, keys: Keys, generation: int, fingerprint: Fingerprint | None) -> Draft:
        """Put the files on disk, to last. Nobody looks at them before `publish`. Raises OSError."""
        with suppress(FileExistsError):
            self.folder.mkdir()  # not those above it: then the collection has been moved
        name = f"{generation}-{secrets.token_hex(4)}"
        index_file, keys_file = self.folder / f"{PART}{name}.index", self.folder / f"{PART}{name}.keys"
        keys_sha256 = _stored(keys_file, lambda write: write(keys.astype("<i8").tobytes()))
        index_sha256 = _stored(index_file, lambda write: self._kinds.write(index, write))
        manifest = Manifest(
            generation=generation,
            fingerprint=canonical(fingerprint),
            vectors=len(index),
            last_key=int(keys[-1]),
            index=f"{name}.index",
            index_bytes=index_file.stat().st_size,
            index_sha256=index_sha256,
            keys=f"{name}.keys",
            keys_sha256=keys_sha256,
        )
        return Draft(manifest, index_file, keys_file)

    def publish(self, draft: Draft) -> None:
        """Make a draft the index, in the place of the one before. Only under the collection's write lock: it is then
        where it was. Raises OSError."""
        draft.index.rename(self.folder / draft.manifest.index)
        draft.keys.rename(self.folder / draft.manifest.keys)
        sync_folder(self.folder)
        write_file(self.folder / MANIFEST, sealed(draft.manifest))
        sync_folder(self.folder)
        self._sweep(draft.manifest)

    def clean(self) -> None:
        """Remove what one that was cut off has left."""
        with suppress(FileNotFoundError):
            for file in self.folder.glob(f"{PART}*"):
                file.unlink(missing_ok=True)

    def bytes(self) -> int:
        """What the files take."""
        return sum(file_sizes(self.folder).values())

    def _sweep(self, kept: Manifest) -> None:
        for file in self.folder.iterdir():
            if file.name not in (MANIFEST, kept.index, kept.keys):
                file.unlink(missing_ok=True)


def sealed(manifest: Manifest) -> bytes:
    """A manifest as it is written, with its own sha256."""
    sha256 = hashlib.sha256(json.dumps(asdict(manifest), sort_keys=True).encode()).hexdigest()
    return json.dumps({"manifest": asdict(manifest), "sha256": sha256}, indent=1).encode()


def canonical(fingerprint: Fingerprint | None) -> str:
    return json.dumps(fingerprint.as_dict() if fingerprint else None, sort_keys=True)


def _stored(file: Path, fill: Callable[[Callable[[bytes], object]], object]) -> str:
    """Make `file` of what `fill` writes, to last; its sha256."""
    sha256 = hashlib.sha256()
    with file.open("wb") as stream:

        def write(piece: bytes) -> None:
            sha256.update(piece)
            stream.write(piece)

        fill(write)
        stream.flush()
        os.fsync(stream.fileno())
    return sha256.hexdigest()
