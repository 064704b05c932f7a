"""Many threads on one store: no errors, nothing half, nothing stale, nothing left open."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from spanwise import StorageError
from spanwise.index.store import DocumentDraft, PassageStore
from spanwise.testing import HashEmbedder

Draft = Callable[..., DocumentDraft]
Open = Callable[[], PassageStore]

vector_of = HashEmbedder(16).embed_query
LINUX = Path("/proc/self/fd")


@pytest.mark.slow
def test_readers_beside_a_writer_see_whole_and_current_versions(store: PassageStore, draft: Draft) -> None:
    """Document `a` is replaced again and again; every version has the words of all its passages numbered alike."""

    here, there = np.eye(2, 16, dtype=np.float32)

    def version(number: int) -> DocumentDraft:
        return draft("a", *(f"alba part{part} version{number}" for part in range(3)), vectors=[here] * 3)

    store.add([version(0), draft("b", "elm fern", vectors=[there])], replace=True)
    committed = 0  # the version that the writer has been told is stored
    stop = threading.Event()
    reads = [0] * 8

    def write() -> int:
        nonlocal committed
        for number in range(1, 1_000):
            store.add([version(number)], replace=True)
            committed = number
            store.add([draft("c", "iris", vectors=[there])], replace=True)
            store.delete(["c"])
            if stop.is_set():
                break
        return committed

    def read(reader: int) -> None:
        while not stop.is_set():
            at_least = committed
            with store.reading() as view:
                text = view.document("a").text
                number = int(text.rpartition("version")[2])
                assert number >= at_least
                for scored in (view.dense(here, 3), view.lexical(view.read("alba"), 3)):
                    passages = view.passages([key for key, _ in scored])
                    assert sorted(passage.text for passage in passages.values()) == text.split("\n\n")
                assert len(view.dense(there, 9)) == view.counts().passages
            reads[reader] += 1

    with ThreadPoolExecutor(9) as threads:
        writer = threads.submit(write)
        readers = [threads.submit(read, reader) for reader in range(8)]
        ends = time.monotonic() + 60
        while (min(reads) < 2 or committed < 2) and time.monotonic() < ends:  # however busy the machine is
            time.sleep(0.05)
        stop.set()
        assert writer.result() > 1
        assert all(reader.result() is None for reader in readers)
        assert min(reads) > 1


def test_writers_in_many_threads_take_turns(store: PassageStore, draft: Draft) -> None:
    with ThreadPoolExecutor(6) as threads:
        stored = list(threads.map(lambda n: store.add([draft(f"d{n}", f"alba unit{n}")], replace=False), range(12)))
    assert sorted(one.generation for one in stored) == list(range(1, 13))
    with store.reading() as view:
        assert len(view.dense(vector_of("alba"), 99)) == len(view.lexical(view.read("alba"), 99)) == 12


def test_many_can_open_a_new_place_at_once(open_store: Open, draft: Draft) -> None:
    together = threading.Barrier(8)

    def open_and_add(number: int) -> int:
        together.wait()
        return open_store().add([draft(f"d{number}", "alba")], replace=False).generation

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(open_and_add, range(8))) == list(range(1, 9))


@pytest.mark.skipif(not LINUX.is_dir(), reason="counts open files in /proc")
def test_threads_that_end_leave_no_files_open(store: PassageStore, draft: Draft) -> None:
    store.add([draft("a", "alba")], replace=True)

    def read() -> None:
        with store.reading() as view:
            view.lexical(view.read("alba"), 1)

    def read_in_threads(count: int) -> None:
        for _ in range(count):
            thread = threading.Thread(target=read)
            thread.start()
            thread.join()

    read_in_threads(2)
    before = len(list(LINUX.iterdir()))
    read_in_threads(20)
    assert len(list(LINUX.iterdir())) == before


def test_closing_waits_for_no_one_and_breaks_no_one(store: PassageStore, draft: Draft, tmp_path: Path) -> None:
    store.add([draft("a", "alba birk")], replace=True)
    inside, closed = threading.Event(), threading.Event()

    def read() -> str:
        with store.reading() as view:
            inside.set()
            closed.wait(5)
            return view.document("a").text

    with ThreadPoolExecutor(1) as threads:
        reader = threads.submit(read)
        inside.wait(5)
        store.close()
        closed.set()
        assert reader.result() == "alba birk"
    if LINUX.is_dir():
        assert not [file for file in LINUX.iterdir() if tmp_path in file.resolve().parents]


def test_a_closed_store_says_so(store: PassageStore, draft: Draft) -> None:
    store.add([draft("a", "alba birk")], replace=True)
    store.close()
    store.close()
    with pytest.raises(StorageError, match="is closed"), store.reading():
        pass
    with pytest.raises(StorageError, match="is closed"):
        store.add([draft("b", "alba")], replace=True)
