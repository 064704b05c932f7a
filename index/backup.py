"""A collection as one file, and back: a tar archive that begins with a manifest of sizes and digests.

The database in it is one generation, copied while others read and write; the originals are those it refers to.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from ..errors import (
    CollectionBusyError,
    CollectionExistsError,
    CorruptDataError,
    FormatVersionError,
    SourceError,
    SpanwiseError,
    StorageError,
)
from ..settings import Settings
from .durable import PART, file_sha256, make_folder, sync_folder
from .managing import REPLACED, alone, already, set_aside, sweep
from .originals import Originals, is_digest
from .storage import DATABASE, ORIGINALS, Database, collection_folder, translated

FORMAT = 1
MANIFEST = "manifest.json"
RESTORING = ".restoring-"
"""How names of folders begin that are being filled; one that is left over is removed by a later restore."""
_LEFT_OVER_SECONDS = 24 * 3600
_CHUNK = 1 << 20


def backup(database: Database, originals: Originals, target: Path) -> None:
    """Write the collection to `target`, all of it or nothing; a backup that is there is replaced, and nothing else.

    Raises StorageError, CorruptDataError when an original is lost or damaged.
    """
    _check_target(target, database.file.parent.parent)
    with translated(database.file.parent.name):
        try:
            _backup(database, originals, target)
        except FileNotFoundError:
            if not target.parent.is_dir():
                raise
            # A document was deleted while the originals were copied, and its file with it: now nobody may write.
            with database.writing():
                _backup(database, originals, target)


def _check_target(target: Path, collections: Path) -> None:
    """Raises StorageError for what a backup must not take the place of."""
    problem, way_out = "", ""
    if target.is_dir():
        problem, way_out = f"{str(target)!r} is a folder.", "Give a file in a folder that is there."
    elif not target.parent.is_dir():
        problem = f"There is no folder {str(target.parent)!r} to write the backup in."
        way_out = "Give a file in a folder that is there."
    elif target.parent.resolve().is_relative_to(collections.resolve()):
        problem, way_out = f"{str(target)!r} is among the files of the collections.", "Give a file elsewhere."
    elif target.exists() and not _may_be_replaced(target):
        problem, way_out = f"{str(target)!r} is there, and is no backup.", "Give another name, or remove it first."
    if problem:
        raise StorageError(problem, subject=target, way_out=way_out)


def _may_be_replaced(file: Path) -> bool:
    """Whether `file` is empty, or a tar file as backups are."""
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        head = stream.read(512)
    return not head or head[257:262] == b"ustar"


def restore(data: Path, name: str, archive: Path, *, replace: bool, settings: Settings) -> None:
    """Make collection `name` from a backup. It is there as a whole or not at all; with `replace` in the place of one
    that exists, which is gone then.

    Raises CollectionExistsError, SourceError (no backup, or none of ours), CorruptDataError (not what was written),
    FormatVersionError, CollectionBusyError, DocumentIdError, StorageError.
    """
    place = collection_folder(data, name)
    with translated(name):
        sweep(data)
        if place.exists() and not replace:
            raise CollectionExistsError(
                already(name).problem, subject=name, way_out="Choose another name, or say --replace."
            )
        make_folder(place.parent)
        for left in place.parent.glob(f"{RESTORING}*"):
            if time.time() - left.stat().st_mtime > _LEFT_OVER_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        outer = place.with_name(f"{RESTORING}{secrets.token_hex(8)}")
        try:
            folder = outer / name  # so that errors name the collection
            folder.mkdir(parents=True)
            _unpack(archive, folder)
            _check_database(folder, settings)
            _put_in_place(data, folder, place, settings)
        finally:
            shutil.rmtree(outer, ignore_errors=True)
        sweep(data)


def _backup(database: Database, originals: Originals, target: Path) -> None:
    folder = database.file.parent
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=PART) as scratch:
        copy = Path(scratch) / DATABASE
        database.copy_to(copy)
        with closing(sqlite3.connect(copy)) as copied:
            copied.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
            generation = int(copied.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()[0])
            rows = copied.execute("SELECT DISTINCT original FROM documents WHERE original IS NOT NULL ORDER BY 1")
            kept = [name for (name,) in rows]
        members = {DATABASE: copy} | {file.name: file for file in sorted(folder.glob("*.json"))}
        files: dict[str, dict[str, Any]] = {}
        files |= {name: {"size": file.stat().st_size, "sha256": file_sha256(file)} for name, file in members.items()}
        for name in kept:
            members[f"{ORIGINALS}/{name}"] = file = originals.folder / name
            files[f"{ORIGINALS}/{name}"] = {"size": file.stat().st_size, "sha256": name}
        manifest = {
            "format": FORMAT,
            "collection": folder.name,
            "generation": generation,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "files": files,
        }
        whole = Path(scratch) / "archive"
        with whole.open("wb") as stream:
            with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
                described = json.dumps(manifest, indent=1).encode()
                archive.addfile(_member(MANIFEST, len(described)), io.BytesIO(described))
                for name, file in members.items():
                    with file.open("rb") as content:
                        checked = _Checked(content)
                        archive.addfile(_member(name, files[name]["size"]), checked)
                    if checked.hexdigest() != files[name]["sha256"]:
                        raise CorruptDataError(
                            f"The original {name} of collection {folder.name!r} is damaged.",
                            subject=name,
                            way_out="`spanwise verify` names its document: remove it and add its file again.",
                        )
            stream.flush()
            os.fsync(stream.fileno())
        whole.replace(target)
        sync_folder(target.parent)


def _unpack(archive: Path, folder: Path) -> None:
    with _opened(archive) as tar:
        manifest = _manifest(tar, archive)
        expected = dict(manifest["files"])
        (folder / ORIGINALS).mkdir()
        while (member := tar.next()) is not None:
            said = expected.pop(member.name, None)
            content = tar.extractfile(member)
            if said is None or content is None or not _is_ours(member.name):
                raise _not_as_written(archive, member.name)
            checked = _Checked(content)
            with (folder / member.name).open("xb") as file:
                shutil.copyfileobj(checked, file, _CHUNK)
                file.flush()
                os.fsync(file.fileno())
            if checked.hexdigest() != said["sha256"]:
                raise _not_as_written(archive, member.name)
        if expected:
            raise _not_as_written(archive, min(expected))
    if any((folder / ORIGINALS).iterdir()):
        sync_folder(folder / ORIGINALS)
    else:
        (folder / ORIGINALS).rmdir()
    sync_folder(folder)


def _check_database(folder: Path, settings: Settings) -> None:
    """Open it as any collection is opened: migrated, and refused where it is of a newer format."""
    database = Database(folder, create=False, write_wait_seconds=settings.write_wait_seconds)
    with closing(database), database.reading() as connection:
        if (said := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise CorruptDataError(f"The database in the backup is damaged: {said}.", way_out="Use another backup.")


def _put_in_place(data: Path, folder: Path, place: Path, settings: Settings) -> None:
    if not place.exists():
        folder.rename(place)
    else:
        with alone(data, place.name, settings):
            aside = place.with_name(f"{REPLACED}{place.name}")  # `sweep` puts it back if this is cut off here
            place.rename(aside)
            try:
                folder.rename(place)
            except OSError as error:  # another process has opened it in this moment, and had it put back
                raise CollectionBusyError(
                    f"Collection {place.name!r} is being opened.", subject=place.name, way_out="Try again."
                ) from error
            with suppress(FileNotFoundError):  # somebody swept it
                set_aside(aside)
    sync_folder(place.parent)


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive, mode="r:") as tar:
            yield tar
    except SpanwiseError:
        raise
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise SourceError(f"There is no file {str(archive)!r}.", subject=archive, way_out="Check the path.") from error
    except (tarfile.TarError, EOFError) as error:
        raise _not_as_written(archive, "archive") from error


def _manifest(tar: tarfile.TarFile, archive: Path) -> dict[str, Any]:
    first = tar.next()
    content = tar.extractfile(first) if first is not None and first.name == MANIFEST else None
    if content is None:
        raise SourceError(
            f"{archive.name} is not a backup.", subject=archive, way_out="Give a file that `spanwise backup` wrote."
        )
    try:
        manifest = dict(json.loads(content.read()))
        number, files = int(manifest["format"]), manifest["files"]
        good = isinstance(files, dict) and DATABASE in files and all(str(one["sha256"]) for one in files.values())
    except (ValueError, KeyError, TypeError) as error:
        raise _not_as_written(archive, MANIFEST) from error
    if number > FORMAT:
        raise FormatVersionError(
            f"{archive.name} was written by a newer version.", subject=archive, way_out="Upgrade Spanwise."
        )
    if not good:
        raise _not_as_written(archive, MANIFEST)
    return manifest


def _is_ours(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    if folder:
        return folder == ORIGINALS and is_digest(file)
    return name == DATABASE or (name.endswith(".json") and not name.startswith("."))


def _not_as_written(archive: Path, part: str) -> CorruptDataError:
    return CorruptDataError(
        f"{archive.name} is damaged: {part} is not as it was written.",
        subject=part,
        way_out="Use another copy. Nothing was restored.",
    )


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mtime = int(time.time())
    member.mode = 0o600
    return member


class _Checked(io.RawIOBase):
    """A stream that is digested while it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        part = self._stream.read(size)
        self._digest.update(part)
        return part

    def hexdigest(self) -> str:
        return self._digest.hexdigest()
