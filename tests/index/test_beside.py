"""Work beside work: in a second thread for the only search under way, in the caller's own where there are several."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from pathlib import Path

import pytest

import spanwise
from spanwise.errors import TimeLimitError
from spanwise.index import beside
from spanwise.index.beside import Beside
from spanwise.index.embedding import Vectors
from spanwise.index.timings import time_limit
from spanwise.testing import HashEmbedder, ScriptedReader


def test_the_only_one_gets_a_second_thread_and_others_do_it_themselves() -> None:
    lent = Beside(cores=2)
    with lent.one():
        assert lent.begin(threading.get_ident)() != threading.get_ident()
        with lent.one():
            assert lent.begin(threading.get_ident)() == threading.get_ident()
        assert lent.begin(threading.get_ident)() != threading.get_ident()


def test_one_core_has_no_second_thread() -> None:
    assert Beside(cores=1).begin(threading.get_ident)() == threading.get_ident()


@pytest.mark.parametrize("cores", [1, 2])
def test_work_is_done_once_in_the_callers_context_and_its_error_is_the_callers(cores: int) -> None:
    done: list[str] = []
    here: ContextVar[str] = ContextVar("here")
    here.set("mine")
    result = Beside(cores=cores).begin(lambda: done.append(here.get()))
    result(), result()
    assert done == ["mine"]

    def failing() -> None:
        raise LookupError("work")

    with pytest.raises(LookupError, match="work"):
        Beside(cores=cores).begin(failing)()


class Watched(HashEmbedder):
    """Remembers which thread computed the vector of a query."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []

    def embed_query(self, text: str) -> Vectors:
        self.threads.append(threading.get_ident())
        return super().embed_query(text)


def test_search_and_ask_say_the_same_with_and_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Watched()
    with spanwise.open(tmp_path, embedder=embedder, reader=ScriptedReader()) as collection:
        collection.add(
            [spanwise.Source(f"The games of {year} ended on day {year % 28}.") for year in range(1900, 1990)]
        )
        said = {}
        for cores in (1, 2):
            monkeypatch.setattr(beside, "SHARED", Beside(cores=cores))
            collection._query_vectors.clear()
            embedder.threads.clear()
            hits = collection.search("games of 1912", sentences=True)
            asked = collection.ask("When did the games of 1912 end?", use_cache=False)
            said[cores] = [(hit.passage, hit.scores, hit.sentence) for hit in hits], asked.answers
            assert [thread == threading.get_ident() for thread in embedder.threads] == [cores == 1] * 2
            assert {"encode", "lexical", "dense"} <= set(hits.timings_ms)
        assert said[1] == said[2]
        assert all(said[1])


def test_a_time_limit_holds_in_the_second_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "SHARED", Beside(cores=2))
    with spanwise.open(tmp_path, embedder=HashEmbedder(), reader=ScriptedReader()) as collection:
        with time_limit(-1):
            vector = collection._vector_beside("games")
        with pytest.raises(TimeLimitError):
            vector()
