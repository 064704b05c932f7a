"""The recorder of file changes: compiled here, preloaded into the process that forks the children, read back."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPEN, CLOSE, WRITE, SYNC, TRUNCATE, RENAME, UNLINK, MKDIR, RMDIR, MAP, LINK = range(1, 12)
O_TRUNC = os.O_TRUNC
_HEADER = struct.Struct("=iiqqii")


class NoCompiler(RuntimeError):
    """There is no C compiler, or not the system the recorder is written for."""


@dataclass(frozen=True)
class Call:
    """One call that changed a file or folder (or opened, synced or mapped it)."""

    kind: int
    fd: int
    offset: int
    first: str
    second: str
    data: bytes


def compile_shim(folder: Path) -> Path:
    """The shared library, compiled into `folder`. Raises NoCompiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or not Path("/proc/self/fd").is_dir():
        raise NoCompiler("recording file changes takes Linux and a C compiler: apt-get install gcc libc6-dev")
    library = folder / "trust-shim.so"
    source = Path(__file__).with_name("shim.c")
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl", "-lpthread"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoCompiler(f"the recorder of file changes does not compile: {done.stderr[-600:]}")
    return library


class Armed:
    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def calls(self) -> int:
        """How many calls that change something there were."""
        return int(self._library.trust_calls())


@contextmanager
def armed(task: dict[str, Any]) -> Iterator[Armed]:
    """In the child: record below `root`, and make the call number `fail_at` fail with `errno`."""
    library = ctypes.CDLL(None)
    library.trust_calls.restype = ctypes.c_long
    library.trust_arm.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_long, ctypes.c_int, ctypes.c_int]
    record = task.get("record")
    library.trust_arm(
        task["root"].encode(), record.encode() if record else None, task.get("fail_at", 0), task.get("errno", 0),
        int(task.get("from_then_on", False)),
    )  # fmt: skip
    try:
        yield Armed(library)
    finally:
        library.trust_disarm()


def recorded(file: Path) -> list[Call]:
    raw = file.read_bytes()
    calls: list[Call] = []
    place = 0
    while place < len(raw):
        kind, fd, offset, length, first, second = _HEADER.unpack_from(raw, place)
        place += _HEADER.size
        names = raw[place : place + first].decode(), raw[place + first : place + first + second].decode()
        place += first + second
        data = raw[place : place + length] if kind == WRITE else b""
        place += len(data)
        calls.append(Call(kind, fd, offset, *names, data))
    return calls
