"""`sync --watch`: a process follows a folder until it is told to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import spanwise
from spanwise import Added, StorageError
from spanwise.index.watching import follow, look
from spanwise.testing import HashEmbedder, ScriptedReader

PROGRAM = """
import sys
from spanwise import cli
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder, ScriptedReader

opened = Collection.open
Collection.open = lambda *given, **named: opened(*given, **named, embedder=HashEmbedder(), reader=ScriptedReader())
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    (made / "a.txt").write_text("Alpha words.")
    return made


@pytest.fixture
def watcher(tmp_path: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, "--data", str(tmp_path / "data"), "sync", str(folder), "--watch"]
    command += ["--every", "0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        timer = threading.Timer(60, process.kill)
        timer.start()
        yield process
        timer.cancel()
        process.kill()


def told(process: subprocess.Popen[str]) -> str:
    """The next line, without its time."""
    assert process.stdout is not None
    return process.stdout.readline().partition(" ")[2].strip()


def texts(data: Path) -> dict[str, str]:
    with spanwise.open(data, embedder=HashEmbedder(), reader=ScriptedReader()) as collection:
        return {info.id: collection.document(info.id).text for info in collection.documents()}


@pytest.mark.slow
def test_a_process_follows_the_folder_and_stops_when_told(
    watcher: subprocess.Popen[str], folder: Path, tmp_path: Path
) -> None:
    assert told(watcher) == "added 1"
    (folder / "b.html").write_text("<html><body><p>Beta words.</p></body></html>")
    assert told(watcher) == "added 1"
    (folder / "a.txt").write_text("Other words.")
    (folder / "b.html").unlink()
    said = [told(watcher)]  # both at once, or one look after the other
    while sum(line.count("removed 1") + line.count("replaced 1") for line in said) < 2:
        said.append(told(watcher))
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 cut off")
    assert told(watcher) == "nothing changed"
    assert watcher.stderr is not None
    assert "broken.pdf is not a sound PDF" in watcher.stderr.readline()
    assert texts(tmp_path / "data") == {"a.txt": "Other words."}
    folder.rename(tmp_path / "away")  # nothing is deleted when the folder itself is gone, as when it is not mounted
    assert "is not a folder" in watcher.stderr.readline()
    assert texts(tmp_path / "data") == {"a.txt": "Other words."}
    (tmp_path / "away").rename(folder)
    (folder / "broken.pdf").unlink()
    (folder / "c.txt").write_text("Gamma words.")
    while told(watcher) != "added 1":  # the two changes may be seen one after the other
        pass
    watcher.send_signal(signal.SIGTERM)
    assert watcher.wait(30) == 0
    assert watcher.stdout is not None
    assert watcher.stdout.read() == ""
    assert "Traceback" not in watcher.stderr.read()
    assert texts(tmp_path / "data") == {"a.txt": "Other words.", "c.txt": "Gamma words."}


class Looks:
    """Runs `follow` over a folder that `steps` change, one before each look."""

    def __init__(self, folder: Path, steps: list[Callable[[], object]]) -> None:
        self.folder, self.steps = folder, steps
        self.stop = threading.Event()
        self.stop.wait = self._step  # type: ignore[method-assign]
        self.synced: list[set[str]] = []
        self.errors: list[str] = []
        self.fail = 0

    def _step(self, timeout: float | None = None) -> bool:
        if not self.steps:
            self.stop.set()
            return True
        self.steps.pop(0)()
        return False

    def sync(self) -> Added:
        if self.fail:
            self.fail -= 1
            raise StorageError("The disk is full.")
        self.synced.append({file.name for file in look(self.folder)})
        return Added()

    def run(self) -> None:
        follow(
            self.folder, self.sync, every=9.0, stop=self.stop, on_result=lambda result: None,
            on_error=lambda error: self.errors.append(str(error)),
        )  # fmt: skip


def test_a_file_that_still_grows_is_waited_for(folder: Path) -> None:
    growing = folder / "b.txt"
    steps: list[Callable[[], object]] = [
        *[lambda size=size: growing.write_text("word " * size) for size in (1, 2, 3)],
        *[lambda: None] * 3,
    ]
    looks = Looks(folder, steps)
    looks.run()
    assert looks.synced == [{"a.txt"}, {"a.txt", "b.txt"}]


def test_an_error_is_told_once_and_tried_again(folder: Path) -> None:
    looks = Looks(folder, [lambda: None] * 4)
    looks.fail = 3
    looks.run()
    assert looks.errors == ["The disk is full."]
    assert looks.synced == [{"a.txt"}]


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_seen(folder: Path) -> None:
    import os

    before = look(folder)
    times = (folder / "a.txt").stat()
    (folder / "new").write_text("Gamma words.")
    (folder / "new").replace(folder / "a.txt")
    os.utime(folder / "a.txt", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert look(folder) != before
