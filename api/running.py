"""How the command line finds the server of a data folder, and makes sure that it is the one. Imports no flask.

A server leaves `DATA_DIR/server.json`, readable by its owner only: where it answers on this machine, and a secret made
at its start. Whoever wants to use it sends a nonce first, and the server shows that it knows the secret, is reached at
that address and serves that very folder. So neither a file that a crash has left, nor a copy of the folder, nor another
program on the same port gets a question.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .. import __version__
from ..index.durable import make_folder, write_file
from ..settings import Settings

FILE = "server.json"
_DECIDING = ("max_question_characters", "max_top_k", "model", "query_prompt", "passage_prompt", "reader")
"""The settings that decide what is answered."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that said it was running."""

    address: str
    """`http://127.0.0.1:8000`: a literal loopback address and a port."""
    pid: int
    token: str
    version: str
    settings: str
    """A digest of the settings that decide what is answered."""

    def proof(self, nonce: str, data: Path) -> str:
        """What only this server can say to `nonce`, and only while it serves the folder that is `data`. Raises
        OSError."""
        folder = data.stat()
        said = f"{nonce} {self.address} {folder.st_dev} {folder.st_ino}"
        return hmac.new(self.token.encode(), said.encode(), hashlib.sha256).hexdigest()

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.address)
        return str(parts.hostname), parts.port or 0


def announce(settings: Settings, address: str, pid: int) -> Running | None:
    """Leave the file for a server at `address` (where it listens) whose main process is `pid`; None where other
    programs of this machine cannot reach it at a loopback address. Raises OSError."""
    local = _loopback(address)
    if local is None:
        return None
    running = Running(local, pid, secrets.token_hex(32), __version__, digest(settings))
    make_folder(settings.data)
    write_file(settings.data / FILE, json.dumps(asdict(running)).encode())
    return running


def withdraw(data: Path, pid: int) -> None:
    """Remove the file, if it is of the server whose main process is `pid`."""
    found = _read(data / FILE)
    if found is not None and found.pid == pid:
        with suppress(OSError):
            (data / FILE).unlink()


def found(settings: Settings) -> Running | None:
    """The server that has announced itself for `settings.data`, where it would answer as this process does: the same
    version, under the same settings. Whether it still runs is for its proof to say."""
    running = _read(settings.data / FILE)
    if running is None or (running.version, running.settings) != (__version__, digest(settings)):
        return None
    return running if _loopback(running.address) == running.address and _is_alive(running.pid) else None


def digest(settings: Settings) -> str:
    """Of the settings that decide what is answered."""
    values: dict[str, object] = {name: getattr(settings, name) for name in _DECIDING}
    for name in ("model", "reader"):  # a path means another folder elsewhere
        if values[name] and (path := Path(str(values[name]))).exists():
            values[name] = str(path.resolve())
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _read(file: Path) -> Running | None:
    """What the file says; None where there is none that its reader has written."""
    try:
        with file.open("rb") as stream:
            if hasattr(os, "geteuid") and os.fstat(stream.fileno()).st_uid != os.geteuid():
                return None
            said = json.loads(stream.read(10_000))
        running = Running(**said)
        return running if all(isinstance(value, str) for value in (running.address, running.token)) else None
    except (OSError, ValueError, TypeError):
        return None


def _loopback(address: str) -> str | None:
    """The address at which this machine reaches a server that listens at `address`; None for any other than its own."""
    parts = urlsplit(address)
    try:
        host, port = ipaddress.ip_address(parts.hostname or ""), parts.port
    except ValueError:
        return None
    if parts.scheme != "http" or port is None or not (host.is_loopback or host.is_unspecified):
        return None
    if host.is_unspecified:
        host = ipaddress.ip_address("127.0.0.1" if host.version == 4 else "::1")
    return f"http://{host}:{port}" if host.version == 4 else f"http://[{host}]:{port}"


def _is_alive(pid: int) -> bool:
    if os.name != "posix":  # where signal 0 would be one that stops it
        return True
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError, TypeError):
        return False
    return pid > 0
