"""Power failures, full disks and failing ones, by a recorder below the process: the same promise."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from trust.child import Nursery
from trust.disk import Disk, everything, nothing
from trust.faults import ERRORS, calls_of, failing
from trust.power import FAILURES, record, replay
from trust.promise import Broken
from trust.shim import CLOSE, MKDIR, OPEN, RENAME, SYNC, WRITE, Call

LENGTH = 14


@pytest.fixture(scope="module")
def calls(recording_nursery: Nursery, memory: Path) -> list[Call]:
    return record(recording_nursery, memory, 5, LENGTH)


def test_power_failures_lose_nothing_that_was_acknowledged(calls: list[Call], memory: Path) -> None:
    rng = random.Random(5)
    acknowledged = {number for number, call in enumerate(calls) if call.kind == WRITE and call.data.startswith(b"done")}

    def choose(number: int, call: Call) -> list[str]:
        if number in acknowledged:
            return ["nothing that was not synced is left"]
        return [rng.choice(sorted(FAILURES))] if rng.random() < 0.05 else []

    done = replay(calls, memory, 5, choose, LENGTH)
    assert done.keys() == FAILURES.keys()
    assert sum(done.values()) > 30


@pytest.mark.parametrize("forgotten", ["collection.sqlite-wal", "collections"])
def test_a_forgotten_sync_would_be_seen(calls: list[Call], memory: Path, forgotten: str) -> None:
    """Without the syncs of the log, or of the folder that names the collection, replaying finds what is lost."""
    unsynced = []
    names: dict[int, str] = {}
    for call in calls:
        if call.kind == OPEN:
            names[call.fd] = Path(call.first).name
        unsynced.append(replace(call, kind=CLOSE, fd=-1) if call.kind == SYNC and names[call.fd] == forgotten else call)
    with pytest.raises(Broken, match="none of"):
        replay(
            unsynced, memory, 5,
            lambda _, call: ["nothing that was not synced is left"] if call.data.startswith(b"done") else [], LENGTH,
        )  # fmt: skip


def test_full_and_failing_disks_are_reported_and_lose_nothing(recording_nursery: Nursery, memory: Path) -> None:
    length = 7
    calls = calls_of(recording_nursery, memory, 8, length)
    assert calls > 100
    said = set()
    for number, at in enumerate(range(1, calls + 1, 6)):
        what = list(ERRORS)[number % 2]
        said.add(failing(recording_nursery, memory, 8, at, what, from_then_on=number % 4 > 1, length=length))
    assert any("The disk is full" in message for message in said)
    assert any("The disk reported an error" in message for message in said)


# The model of the disk, on a story that can be told by hand.


def story() -> list[Call]:
    def call(kind: int, fd: int = -1, offset: int = 0, first: str = "", second: str = "", data: bytes = b"") -> Call:
        return Call(kind, fd, offset, first and f"/disk/{first}", second and f"/disk/{second}", data)

    return [
        call(MKDIR, first="a"),
        call(OPEN, 3, first="a/new"),
        call(WRITE, 3, 0, data=b"old"),
        call(SYNC, 3),
        call(WRITE, 3, 3, data=b" and new"),
        call(CLOSE, 3),
        call(RENAME, first="a/new", second="a/final"),
    ]


def left(folder: Path, *more: Call, names: bool, data: bool) -> dict[str, str]:
    disk = Disk(Path("/disk"))
    for call in [*story(), *more]:
        disk.apply(call)
    place = folder / f"{len(more)}{names}{data}"
    disk.leave(place, everything if names else nothing, everything if data else nothing)
    return {str(file.relative_to(place)): file.read_text() for file in place.rglob("*") if file.is_file()}


def test_the_model_of_the_disk(tmp_path: Path) -> None:
    sync_folders = [
        Call(OPEN, 4, 0, "/disk", "", b""), Call(SYNC, 4, 0, "", "", b""),
        Call(OPEN, 5, 0, "/disk/a", "", b""), Call(SYNC, 5, 0, "", "", b""),
    ]  # fmt: skip
    assert left(tmp_path, names=False, data=True) == {}
    assert left(tmp_path, names=True, data=False) == {"a/final": "old"}
    assert left(tmp_path, names=True, data=True) == {"a/final": "old and new"}
    assert left(tmp_path, *sync_folders[:2], names=False, data=True) == {}
    assert left(tmp_path, *sync_folders, names=False, data=False) == {"a/final": "old"}
