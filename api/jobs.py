"""Uploads that take longer than a request should: kept on disk, stored one file at a time, resumed after a restart.

`DATA_DIR/jobs/<id>/` holds `job.json` and the files that are still to be stored, called 0, 1, 2, … A step is one file;
its document is in the collection before the step is written down, and doing a step again changes nothing.
"""

from __future__ import annotations

import fcntl
import json
import logging
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import IO, Any

from flask import current_app

from ..errors import CorruptDataError, InputError, NotFoundError, OverloadedError, SpanwiseError, StorageError
from ..index.durable import sync_folder, write_file
from ..index.loading import LoadOptions
from ..settings import Settings
from .open_collections import Collections
from .uploads import Upload, store

logger = logging.getLogger(__name__)

KEEP_SECONDS = 7 * 24 * 3600
"""How long a finished job can be looked at."""
POLL_SECONDS = 1
MOST_WAITING = 100
LOOK_SECONDS = 1.0
"""How often a process looks for jobs that another one has taken in."""
WAITING = "waiting"
"""An empty file in the folder of each job that is not finished."""
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Job:
    """An upload and how far it is."""

    id: str
    collection: str
    state: str
    """`queued`, `running`, `done` or `cancelled`."""
    names: tuple[str, ...]
    created_at: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """How the files are to be read: the fields of `LoadOptions`."""
    done: int = 0
    """Files that were stored or failed."""
    stored: tuple[str, ...] = ()
    failed: tuple[dict[str, str], ...] = ()

    @property
    def finished(self) -> bool:
        return self.state in ("done", "cancelled")


class Jobs:
    """The jobs of a data folder, worked off by one thread of one process. Safe to use from many of both.

    The process that holds the lock on `jobs/.worker` works; the others hand in, and take over when it ends.
    """

    def __init__(self, settings: Settings, collections: Collections) -> None:
        self._settings = settings
        self._folder = settings.data / "jobs"
        self._collections = collections
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None
        self._stopping = False
        self._woken = False
        self._broken: set[str] = set()

    def submit(self, collection: str, uploads: list[Upload], options: LoadOptions | None = None) -> Job:
        """Keep the files and queue the work. Raises OverloadedError, StorageError."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        names = tuple(upload.name for upload in uploads)
        job = Job(secrets.token_hex(16), collection, "queued", names, now, asdict(options or LoadOptions()))
        folder = self._folder / job.id
        try:
            self._forget_old()
            if len(self._waiting()) >= MOST_WAITING:
                raise OverloadedError(
                    "Too many uploads wait to be stored.", subject=30, way_out="Nothing was kept; try again later."
                )
            folder.mkdir(parents=True, mode=0o700)
            for number, upload in enumerate(uploads):
                write_file(folder / str(number), upload.data)
            self._write(job)
            (folder / WAITING).touch()
            for above in (folder, folder.parent, folder.parent.parent):
                sync_folder(above)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise StorageError(
                f"The files cannot be kept: {error.strerror}.", way_out=f"Check the disk of {self._folder}."
            ) from None
        self.resume()
        return job

    def get(self, job_id: str) -> Job:
        """The job of that id. Raises NotFoundError, CorruptDataError."""
        try:
            if _ID.fullmatch(job_id):
                said: dict[str, Any] = json.loads((self._folder / job_id / "job.json").read_text("utf-8"))
                lists = {name: tuple(said[name]) for name in ("names", "stored", "failed")}
                return Job(**{**said, **lists})
        except FileNotFoundError:
            pass
        except (ValueError, TypeError, KeyError):
            raise CorruptDataError(
                f"Job {job_id} is damaged.",
                subject=job_id,
                way_out=f"Its files are in {self._folder / job_id}: send them again, and remove that folder.",
            ) from None
        raise NotFoundError(
            f"There is no job {job_id[:80]!r}.",
            subject=job_id,
            way_out="The answer to the upload names its job under `Location`; finished ones are kept for a week.",
        )

    def cancel(self, job_id: str) -> Job:
        """Stop a job behind its current file; what was stored stays. Raises NotFoundError."""
        self.get(job_id)
        with self._changing():
            job = self.get(job_id)
            if not job.finished:
                job = replace(job, state="cancelled")
                self._write(job)
                for name in (WAITING, *map(str, range(len(job.names)))):
                    (self._folder / job.id / name).unlink(missing_ok=True)
            return job

    def cancel_all(self, collection: str) -> None:
        """Stop the jobs of a collection that is going to be dropped, so that none makes it again."""
        for file in self._folder.glob("*/job.json"):
            with suppress(NotFoundError, CorruptDataError):  # a damaged one does nothing any more
                job = self.get(file.parent.name)
                if job.collection == collection and not job.finished:
                    self.cancel(job.id)

    def resume(self) -> None:
        """Go on with the jobs that are there, also those that a stop or a crash has left."""
        with self._changed:
            self._woken = True
            if self._worker is None and not self._stopping and self._folder.is_dir():
                self._worker = threading.Thread(target=self._work, name="spanwise-jobs", daemon=True)
                self._worker.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Finish the current file and stop; the rest is resumed by the next process."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._worker is not None:
            self._worker.join()

    def _waiting(self) -> list[str]:
        """The ids of the jobs that are not finished, oldest first."""
        marks = []
        for file in self._folder.glob(f"*/{WAITING}"):
            with suppress(FileNotFoundError):  # cancelled just now
                marks.append((file.stat().st_mtime_ns, file.parent.name))
        return [job_id for _, job_id in sorted(marks)]

    def _work(self) -> None:
        with (self._folder / ".worker").open("w") as lock:
            while not self._taken(lock):
                if self._pause():
                    return
            looking = True
            while not self._stopping:
                try:
                    job_id = next((one for one in self._waiting() if one not in self._broken), None)
                    looking = True
                except OSError as error:  # a folder that may not be entered just now: the thread must live on
                    if looking:  # said once
                        logger.warning("The folder of the jobs cannot be read: %s", error.strerror)
                    job_id, looking = None, False
                if job_id is None:
                    self._pause()
                    continue
                try:
                    if not self._step(job_id):
                        (self._folder / job_id / WAITING).unlink(missing_ok=True)
                except CorruptDataError as error:
                    logger.error("%s", error)
                    self._broken.add(job_id)
                except Exception:  # a disk that is full, a folder that was removed: the thread must live on
                    logger.exception("job %s stopped", job_id)
                    self._broken.add(job_id)  # until the next process

    def _taken(self, lock: IO[str]) -> bool:
        """Whether this process is the one that works now. The lock is given up when its file is closed."""
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _pause(self) -> bool:
        """Wait for a job or a stop; whether it is a stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._woken, LOOK_SECONDS)
            self._woken = False
            return self._stopping

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """No other thread or process changes a job meanwhile."""
        with self._changed, (self._folder / ".change").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _step(self, job_id: str) -> bool:
        """Store the next file of a job; whether there is more to do."""
        job = self.get(job_id)
        if job.finished:
            return False
        name = job.names[job.done]
        file = self._folder / job.id / str(job.done)
        stored, failed = job.stored, job.failed
        try:
            upload, options = Upload(name, file.read_bytes()), LoadOptions(**job.options)
            added = store(self._collections, job.collection, [upload], options, self._settings)
            stored += added.ids
            failed += tuple(asdict(failure) for failure in added.failed)
        except InputError as error:
            failed += ({"source": name, "error": str(error)},)
        except (SpanwiseError, OSError):
            logger.exception("job %s could not store a file", job_id)
            failed += ({"source": name, "error": "It could not be stored. The server's log says more."},)
        with self._changing():
            done = job.done + 1
            state = "done" if done == len(job.names) else "running"
            if (now := self.get(job_id)).finished:  # cancelled meanwhile
                state = now.state
            self._write(replace(job, state=state, done=done, stored=stored, failed=failed))
        file.unlink(missing_ok=True)
        return state == "running"

    def _write(self, job: Job) -> None:
        folder = self._folder / job.id
        write_file(folder / "job.json", json.dumps(asdict(job), ensure_ascii=False).encode())

    def _forget_old(self) -> None:
        for file in self._folder.glob("*/job.json"):
            with suppress(OSError, NotFoundError):  # another upload has just forgotten it, or it is damaged
                if time.time() - file.stat().st_mtime > KEEP_SECONDS and self.get(file.parent.name).finished:
                    shutil.rmtree(file.parent, ignore_errors=True)


def running_jobs() -> Jobs:
    """The jobs of the running application."""
    found = current_app.extensions["spanwise.jobs"]
    assert isinstance(found, Jobs)
    return found


def job_json(job: Job) -> dict[str, Any]:
    """A job as HTTP shows it."""
    return {
        "id": job.id,
        "collection": job.collection,
        "state": job.state,
        "files": len(job.names),
        "done": job.done,
        "stored": list(job.stored),
        "failed": list(job.failed),
        "created_at": job.created_at,
    }
