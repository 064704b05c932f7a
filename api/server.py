"""Serves the application with gunicorn: one process that answers, with threads in it.

Models and indexes load in the worker, after the fork: a FAISS index that was searched before a fork hangs in the child.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger as GunicornLogger  # type: ignore[import-untyped]

from .. import errors
from ..errors import InputError, SpanwiseError
from ..settings import Settings
from . import running
from .app import create_app
from .keys import KeyFile
from .security import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from apiflask import APIFlask

    from ..index.embedding import Embedder
    from ..qa.reading import Reader

logger = logging.getLogger(__name__)

THREADS = 32
"""The least threads, and SPARE_THREADS more than requests that run at once (`Settings.max_concurrent`) where those are
many, so that one too many is told so."""
SPARE_THREADS = 24
START_SECONDS = 300
"""How long models and index may take to load."""
STOP_SECONDS = 30
"""How long requests that run may take to end when the server is stopped."""


def serve(
    settings: Settings,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    allow_public: bool = False,
    embedder: Embedder | None = None,
    reader: Reader | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the collections of `settings.data` over HTTP until SIGTERM or SIGINT; requests that run are finished.

    Port 0 takes any free port. `on_ready` is called with the server's address, in the process that answers, when
    models and index have loaded. Call this from the main thread, before anything is searched in this process.

    Raises InputError for an address that cannot or, without `allow_public`, must not be served, SpanwiseError for a
    port in use, and what loading the models and opening the default collection raise.
    """
    guarded = KeyFile(settings.data).read().opens_something
    listener, local = _listen(host, port, allow_public or guarded)
    failure_read, failure_write = os.pipe()
    build = partial(
        create_app,
        settings,
        embedder=embedder,
        reader=reader,
        require_keys=guarded or not (local or allow_public),
        hosts=LOOPBACK_HOSTS if local else (),
    )
    server = _Server(settings, build, listener, failure_write, on_ready)
    main_process = os.getpid()
    try:
        server.run()
    except SystemExit as stop:
        if os.getpid() != main_process or stop.code:
            raise
    finally:
        if os.getpid() == main_process:
            running.withdraw(settings.data, main_process)
    os.close(failure_write)
    with os.fdopen(failure_read, encoding="utf-8") as failure:
        if said := failure.read():
            _raise_again(json.loads(said))


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn's application interface, configured in code: no command line and no configuration file is read."""

    def __init__(
        self,
        settings: Settings,
        build: Callable[[], APIFlask],
        listener: socket.socket,
        failure: int,
        on_ready: Callable[[str], None] | None,
    ) -> None:
        self._build = build
        self._settings = settings
        self._address = _address(listener)
        self._descriptor = listener.detach()
        self._failure = failure
        self._on_ready = on_ready
        super().__init__()

    def load_config(self) -> None:
        values: dict[str, Any] = {
            "bind": f"fd://{self._descriptor}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": max(THREADS, self._settings.max_concurrent + SPARE_THREADS),
            "timeout": START_SECONDS,
            "graceful_timeout": STOP_SECONDS,
            "keepalive": 5,
            "limit_request_line": 8190,  # an id of 512 characters, each percent-encoded, fits
            "proc_name": "spanwise",
            "logger_class": _QuietLogger,
            "errorlog": None,
            "when_ready": _stop_gently_on_interrupt,
            "post_worker_init": self._ready,
            "worker_exit": self._close,
            "control_socket_disable": True,
        }
        for name, value in values.items():
            if name in self.cfg.settings:  # older versions have no control socket
                self.cfg.set(name, value)

    def load(self) -> APIFlask:
        """Called in the worker, after the fork. A failure that we know goes to the main process, to be raised there."""
        try:
            app = self._build()
            app.extensions["spanwise"].warm()
            app.extensions["spanwise.jobs"].resume()
        except SpanwiseError as error:
            said = {"class": type(error).__name__, "problem": error.problem, "way_out": error.way_out}
            os.write(self._failure, json.dumps(said).encode())
            os.kill(os.getppid(), signal.SIGTERM)
            sys.exit(0)
        return app

    def _ready(self, worker: Any) -> None:
        # Ctrl-C in a terminal reaches every process; only the main one acts on it, and stops this one gently.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        logger.info("serving %s", self._address)
        try:
            self.callable.extensions["spanwise.running"] = running.announce(self._settings, self._address, os.getppid())
        except OSError as error:  # a data folder that is read-only: the command line works by itself
            logger.info("not announced: %s", error)
        if self._on_ready:
            self._on_ready(self._address)

    def _close(self, arbiter: Any, worker: Any) -> None:
        if self.callable is not None:
            self.callable.extensions["spanwise.jobs"].close()
            self.callable.extensions["spanwise"].close()


class _QuietLogger(GunicornLogger):  # type: ignore[misc]
    """Leaves handlers and levels to whoever configures `logging`, as a library should."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.propagate = True
            log.setLevel(logging.NOTSET)


def _stop_gently_on_interrupt(arbiter: Any) -> None:
    """SIGINT stops as SIGTERM does; a second one stops at once."""
    arbiter.handle_int = arbiter.handle_term


def _raise_again(said: dict[str, str]) -> None:
    raise getattr(errors, said["class"], SpanwiseError)(said["problem"], way_out=said["way_out"])


def _listen(host: str, port: int, allow_public: bool) -> tuple[socket.socket, bool]:
    """A listening socket, and whether only this machine can reach it."""
    if not 0 <= port <= 65_535:
        raise InputError(f"{port} is not a port.", subject=port, way_out="Choose one from 1024 to 65535.")
    try:
        # An empty host means every address of the machine.
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise InputError(
            f"{host!r} is not an address of this machine.", subject=host, way_out="Use 127.0.0.1."
        ) from None
    local = all(_is_loopback(str(address[0])) for *_, address in found)
    if not (local or allow_public):
        raise InputError(
            f"{host or 'every address'} can be reached from other machines, and the server has no API keys.",
            subject=host,
            way_out="Make one with `spanwise keys create`, or serve on 127.0.0.1.",
        )
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    try:
        return socket.create_server(address[:2], family=family, backlog=2048), local
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error  # `strerror` of the error repeats the address
        raise SpanwiseError(
            f"Cannot listen on port {port} of {host}: {why}.",
            subject=port,
            way_out="Stop the program that uses the port, or choose another port.",
        ) from None


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if listener.family == socket.AF_INET6 else f"http://{host}:{port}"
