"""What a power failure may leave: a model of files and folders where only what was synced is sure.

A write is sure once its file has been synced; a name (made, renamed or removed) once its folder has been synced. Until
then either may be lost, whole or in parts, and in any order.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from trust.shim import (
    CLOSE,
    LINK,
    MAP,
    MKDIR,
    O_TRUNC,
    OPEN,
    RENAME,
    RMDIR,
    SYNC,
    TRUNCATE,
    UNLINK,
    WRITE,
    Call,
)  # fmt: skip

SECTOR = 512


@dataclass(eq=False)
class File:
    sure: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Since the last sync: (offset, data), or (length, None) for a truncation."""


@dataclass(eq=False)
class Folder:
    names: dict[str, File | Folder] = field(default_factory=dict)
    sure: dict[str, File | Folder] = field(default_factory=dict)


@dataclass(eq=False)
class Naming:
    """One change of names, whole or not at all: (folder, name, what it means from now on)."""

    steps: list[tuple[Folder, str, File | Folder | None]]


Kept = Callable[[int], Sequence[int]]
"""Of so many pending things, which are kept, as ascending numbers."""


def nothing(_: int) -> Sequence[int]:
    return ()


def everything(count: int) -> Sequence[int]:
    return range(count)


class Disk:
    """The folder `root` as the recorded calls make it."""

    def __init__(self, root: Path) -> None:
        self._root = PurePosixPath(root)
        self._top = Folder()
        self._pending: list[Naming] = []
        self._open: dict[int, File | Folder] = {}
        self._paths: dict[int, str] = {}
        self.log = b""
        """What was written to the file `acks`, which is no part of the disk that fails."""

    def apply(self, call: Call) -> None:
        kind = call.kind
        if kind == OPEN:
            self._opened(call)
        elif kind == CLOSE:
            self._open.pop(call.fd, None)
            self._paths.pop(call.fd, None)
        elif kind == WRITE and self._paths[call.fd] == "acks":
            self.log += call.data
        elif kind == WRITE:
            self._file(call.fd).pending.append((call.offset, call.data))
        elif kind == TRUNCATE:
            self._file(call.fd).pending.append((call.offset, None))
        elif kind == SYNC:
            self._sync(self._open[call.fd])
        elif kind == MKDIR:
            self._name([(call.first, Folder())])
        elif kind in (UNLINK, RMDIR):
            self._name([(call.first, None)])
        elif kind in (RENAME, LINK):
            folder, name = self._at(call.first)
            self._name([(call.second, folder.names[name])] + ([(call.first, None)] if kind == RENAME else []))
        elif kind == MAP and not self._paths[call.fd].endswith("-shm"):
            raise RuntimeError(f"{self._paths[call.fd]} is written through memory, which is not recorded")

    def leave(self, place: Path, names: Kept, writes: Kept, tear: random.Random | None = None) -> None:
        """Write to `place` what is left when the power fails now and `names` and `writes` tell what was lucky.

        With `tear`, each lucky write may have reached the disk in parts.
        """
        left: dict[Folder, dict[str, File | Folder]] = {}
        for number in names(len(self._pending)):
            for folder, name, means in self._pending[number].steps:
                entries = left.setdefault(folder, dict(folder.sure))
                if means is None:
                    entries.pop(name, None)
                else:
                    entries[name] = means
        self._write(self._top, place, left, writes, tear)

    def _write(
        self, folder: Folder, place: Path, left: dict[Folder, dict[str, File | Folder]], writes: Kept,
        tear: random.Random | None,
    ) -> None:  # fmt: skip
        place.mkdir()
        for name, what in left.get(folder, folder.sure).items():
            if isinstance(what, Folder):
                self._write(what, place / name, left, writes, tear)
            elif not name.endswith("-shm"):  # memory that processes share; nobody syncs it, nobody needs it after
                content = bytearray(what.sure)
                for number in writes(len(what.pending)):
                    _change(content, *what.pending[number], tear)
                (place / name).write_bytes(content)

    def _opened(self, call: Call) -> None:
        folder, name = self._at(call.first)
        if name and name not in folder.names:
            self._name([(call.first, File())])
        found = folder.names[name] if name else folder
        if isinstance(found, File) and call.offset & O_TRUNC:
            found.pending.append((0, None))
        self._open[call.fd] = found
        self._paths[call.fd] = str(PurePosixPath(call.first).relative_to(self._root))

    def _file(self, fd: int) -> File:
        found = self._open[fd]
        assert isinstance(found, File)
        return found

    def _sync(self, what: File | Folder) -> None:
        if isinstance(what, File):
            for offset, data in what.pending:
                _change(what.sure, offset, data, None)
            what.pending.clear()
            return
        for naming in [one for one in self._pending if any(folder is what for folder, _, _ in one.steps)]:
            for folder, name, means in naming.steps:
                if means is None:
                    folder.sure.pop(name, None)
                else:
                    folder.sure[name] = means
            self._pending.remove(naming)

    def _name(self, changes: list[tuple[str, File | Folder | None]]) -> None:
        steps = []
        for path, means in changes:
            folder, name = self._at(path)
            if means is None:
                folder.names.pop(name)
            else:
                folder.names[name] = means
            steps.append((folder, name, means))
        self._pending.append(Naming(steps))

    def _at(self, path: str) -> tuple[Folder, str]:
        """The folder of `path` and its last name; the folder itself and no name for one that is a folder."""
        folder = self._top
        *parents, last = PurePosixPath(path).relative_to(self._root).parts or ("",)
        for part in parents:
            found = folder.names[part]
            assert isinstance(found, Folder)
            folder = found
        return folder, last


def _change(content: bytearray, offset: int, data: bytes | None, tear: random.Random | None) -> None:
    if data is None:
        if offset < len(content):
            del content[offset:]
        else:
            content.extend(bytes(offset - len(content)))
        return
    pieces = [(offset, data)]
    if tear and tear.random() < 0.5:
        sectors = [(offset + at, data[at : at + SECTOR]) for at in range(0, len(data), SECTOR)]
        pieces = [piece for piece in sectors if tear.random() < 0.5]
    for at, piece in pieces:
        if at > len(content):
            content.extend(bytes(at - len(content)))
        content[at : at + len(piece)] = piece
