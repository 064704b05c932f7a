"""Uploads that take longer than a request should: kept on disk, stored one file at a time, resumed after a restart.

`DATA_DIR/jobs/<id>/` holds `job.json` and the files that are still to be stored, called 0, 1, 2, … A step is one file;
its document is in the collection before the step is written down, and doing a step again changes nothing.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from flask import current_app

from ..errors import InputError, NotFoundError, OverloadedError, SpanwiseError, StorageError
from ..index.durable import sync_folder, write_file
from ..index.loading import LoadOptions
from ..settings import Settings
from .open_collections import Collections
from .serialise import failure_json
from .uploads import Upload, store

logger = logging.getLogger(__name__)

KEEP_SECONDS = 7 * 24 * 3600
"""How long a finished job can be looked at."""
POLL_SECONDS = 1
MOST_WAITING = 100
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
    """The jobs of a data folder, worked off by one thread. Safe to use from many threads."""

    def __init__(self, settings: Settings, collections: Collections) -> None:
        self._settings = settings
        self._folder = settings.data / "jobs"
        self._collections = collections
        self._queue: deque[str] = deque()
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None
        self._stopping = False

    def submit(self, collection: str, uploads: list[Upload], options: LoadOptions | None = None) -> Job:
        """Keep the files and queue the work. Raises OverloadedError, StorageError."""
        if len(self._queue) >= MOST_WAITING:
            raise OverloadedError(
                "Too many uploads wait to be stored.", subject=30, way_out="Nothing was kept; try again later."
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        names = tuple(upload.name for upload in uploads)
        job = Job(secrets.token_hex(16), collection, "queued", names, now, asdict(options or LoadOptions()))
        folder = self._folder / job.id
        try:
            self._forget_old()
            folder.mkdir(parents=True, mode=0o700)
            for number, upload in enumerate(uploads):
                write_file(folder / str(number), upload.data)
            self._write(job)
            for above in (folder, folder.parent, folder.parent.parent):
                sync_folder(above)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise StorageError(
                f"The files cannot be kept: {error.strerror}.", way_out=f"Check the disk of {self._folder}."
            ) from None
        self._enqueue(job.id)
        return job

    def get(self, job_id: str) -> Job:
        """The job of that id. Raises NotFoundError."""
        try:
            if _ID.fullmatch(job_id):
                said: dict[str, Any] = json.loads((self._folder / job_id / "job.json").read_text("utf-8"))
                lists = {name: tuple(said[name]) for name in ("names", "stored", "failed")}
                return Job(**{**said, **lists})
        except FileNotFoundError:
            pass
        raise NotFoundError("There is no such job.", subject=job_id)

    def cancel(self, job_id: str) -> Job:
        """Stop a job behind its current file; what was stored stays. Raises NotFoundError."""
        with self._changed:
            job = self.get(job_id)
            if not job.finished:
                job = replace(job, state="cancelled")
                self._write(job)
                for number in range(len(job.names)):
                    (self._folder / job.id / str(number)).unlink(missing_ok=True)
            return job

    def cancel_all(self, collection: str) -> None:
        """Stop the jobs of a collection that is going to be dropped, so that none makes it again."""
        for file in self._folder.glob("*/job.json"):
            with suppress(NotFoundError):
                job = self.get(file.parent.name)
                if job.collection == collection and not job.finished:
                    self.cancel(job.id)

    def resume(self) -> None:
        """Go on with the jobs that a stop or a crash has left."""
        for file in sorted(self._folder.glob("*/job.json"), key=lambda file: file.stat().st_mtime):
            if not self.get(file.parent.name).finished:
                self._enqueue(file.parent.name)

    def close(self) -> None:
        """Finish the current file and stop; the rest is resumed by the next process."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._worker is not None:
            self._worker.join()

    def _enqueue(self, job_id: str) -> None:
        with self._changed:
            if job_id not in self._queue:
                self._queue.append(job_id)
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="spanwise-jobs", daemon=True)
                self._worker.start()
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._queue)
                if self._stopping:
                    return
                job_id = self._queue[0]
            try:
                going_on = self._step(job_id)
            except Exception:  # a disk that is full, a folder that was removed: the thread must live on
                logger.exception("job %s stopped", job_id)
                going_on = False
            if not going_on:
                with self._changed:
                    self._queue.popleft()

    def _step(self, job_id: str) -> bool:
        """Store the next file of a job; whether there is more to do."""
        job = self.get(job_id)
        if job.finished:
            return False
        name = job.names[job.done]
        file = self._folder / job.id / str(job.done)
        stored, failed = job.stored, job.failed
        try:
            collection = self._collections.get(job.collection, create=True)
            added = store(collection, [Upload(name, file.read_bytes())], LoadOptions(**job.options), self._settings)
            stored += added.ids
            failed += tuple(failure_json(failure) for failure in added.failed)
        except InputError as error:
            failed += ({"source": name, "error": str(error)},)
        except (SpanwiseError, OSError):
            logger.exception("job %s could not store a file", job_id)
            failed += ({"source": name, "error": "It could not be stored. The server's log says more."},)
        with self._changed:
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
