"""The process that is killed: it carries out a script and says after each change that it is done.

It is forked from a process that has imported everything and done nothing, so that a trial costs milliseconds. The
failpoints are put into it from here, by wrapping what the product calls; the product knows nothing of them.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Failpoints:
    """Counts the named points that are passed and kills the process at the one that was chosen."""

    def __init__(self, name: str | None, nth: int) -> None:
        self.operation = "open"
        self.passed: Counter[str] = Counter()
        self._name = name
        self._nth = nth

    def hit(self, step: str) -> None:
        name = f"{self.operation}: {step}"
        self.passed[name] += 1
        if name == self._name and self.passed[name] == self._nth:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str, step: str, before: str = "before", after: str = "after") -> None:
        """Wrap `owner.name`: a point before it and one after it."""
        function: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(function)
        def wrapped(*arguments: Any, **options: Any) -> Any:
            if before:
                self.hit(f"{before} {step}")
            found = function(*arguments, **options)
            self.hit(f"{after} {step}")
            return found

        setattr(owner, name, wrapped)

    def install(self) -> None:
        from spanwise.index.index_files import IndexFiles
        from spanwise.index.indexing import Indexes

        points = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
                words = " ".join(sql.split()[:2]).upper()
                named = {"COMMIT": "commit", "BEGIN IMMEDIATE": "begin", "PRAGMA JOURNAL_MODE": "journal mode"}
                if words.startswith(("VACUUM", "PRAGMA WAL_CHECKPOINT", "PRAGMA INCREMENTAL_VACUUM")):
                    named[words] = words.removeprefix("PRAGMA ").lower()
                if words in named:
                    points.hit(f"before {named[words]}")
                found = super().execute(sql, *arguments)
                if words in named:
                    points.hit(f"after {named[words]}")
                elif words.startswith(
                    ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "PRAGMA USER_VERSION =")
                ):
                    points.hit("between two writes")
                return found

            def close(self) -> None:
                points.hit("before closing a connection")
                super().close()
                points.hit("after closing a connection")

            def backup(self, *arguments: Any, **options: Any) -> None:
                points.hit("before copying the database")
                super().backup(*arguments, **options)
                points.hit("after copying the database")

        sqlite3.connect = functools.partial(sqlite3.connect, factory=Connection)  # type: ignore[misc, assignment]
        for name, step in {
            "fsync": "fsync", "fdatasync": "fsync", "replace": "rename", "rename": "rename", "unlink": "unlink",
            "remove": "unlink", "mkdir": "mkdir", "rmdir": "rmdir", "link": "link",
        }.items():  # fmt: skip
            self.around(os, name, step)
        self.around(shutil, "copyfile", "copying a file")
        self.around(Indexes, "_refreshed", "building the vector index")
        self.around(Indexes, "current", "the vector index is swapped in", before="")
        self.around(Indexes, "_build", "making the large index")
        self.around(Indexes, "_install", "the large index is swapped in", before="")
        self.around(IndexFiles, "load", "reading the large index")
        self.around(IndexFiles, "write", "writing the large index")
        self.around(IndexFiles, "publish", "publishing the large index")


def run(
    data: Path,
    files: Path,
    seed: int,
    length: int,
    acknowledge: Callable[[str], None],
    points: Failpoints | None = None,
) -> None:
    """Carry out the whole script of `seed` on a new or existing data folder."""
    from trust.promise import open_collection, perform, script

    library = open_collection(data)
    for number, change in enumerate(script(seed, length), 1):
        acknowledge(f"start {number}\n")
        if points:
            points.operation = change.kind
            points.hit("before it begins")
        library = perform(library, change, data, files)
        if points:
            points.hit("before it is acknowledged")
        acknowledge(f"done {number}\n")
        if points:
            points.hit("after it is acknowledged")
    if points:
        points.operation = "close"
    library.close()


class Nursery:
    """A process that forks children for trials, one at a time."""

    def __init__(self, **environment: str) -> None:
        command = [sys.executable, str(HERE), "nursery"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )

    def trial(self, **task: Any) -> dict[str, Any]:
        """Run one child to its end: `status` (negative: the signal), `log`, and what it says of itself in `said`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process that forks the children has died")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def nursery() -> None:
    """Serve trials: one JSON object per line in, one out."""
    import spanwise.index.vectors_faiss  # noqa: F401
    import trust.promise  # noqa: F401

    for line in sys.stdin:
        task = json.loads(line)
        said_read, said_write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(said_read)
            status = 1
            try:
                status = _child(task, said_write)
            except BaseException:  # what went wrong is for the parent to see
                import traceback

                os.write(said_write, json.dumps({"error": traceback.format_exc()[-4000:]}).encode())
            finally:
                os._exit(status)
        os.close(said_write)
        if seconds := task.get("kill_after"):
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)
        with os.fdopen(said_read, "rb") as stream:
            said = stream.read()
        _, waited = os.waitpid(child, 0)
        answer = {"status": os.waitstatus_to_exitcode(waited), "said": json.loads(said) if said else {}}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _child(task: dict[str, Any], said: int) -> int:
    log: list[int] = []

    def acknowledge(line: str) -> None:
        if not log:  # opened late, so that a recorder sees it
            log.append(os.open(task["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644))
        os.write(log[0], line.encode())

    def say(**words: Any) -> None:
        os.write(said, json.dumps(words).encode())

    if task["kind"] == "death":
        points = Failpoints(task.get("failpoint"), task.get("nth", 0))
        points.install()
        run(Path(task["data"]), Path(task["files"]), task["seed"], task["length"], acknowledge, points)
        say(passed=points.passed)
    elif task["kind"] in ("power", "fault"):
        from trust.shim import armed

        with armed(task) as shim:
            words = _disturbed(task, acknowledge)
            say(calls=shim.calls(), **words)
    return 0


def _disturbed(task: dict[str, Any], acknowledge: Callable[[str], None]) -> dict[str, Any]:
    """Run the script with frequent checkpoints; what the first failing change raised, if one did."""
    from spanwise import StorageError

    connect = sqlite3.connect

    def checkpointing(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.execute("PRAGMA wal_autocheckpoint = 40").fetchall()
        return connection

    sqlite3.connect = checkpointing  # type: ignore[assignment]
    try:
        run(Path(task["data"]), Path(task["files"]), task["seed"], task["length"], acknowledge)
    except StorageError as error:
        return {"error_class": type(error).__name__, "message": str(error), "way_out": error.way_out}
    return {}
