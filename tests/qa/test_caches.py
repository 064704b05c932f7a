"""What is kept in memory between questions: never of another generation, calibration or filter; never too much."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import spanwise
from spanwise import Settings, Source, TimeLimitError
from spanwise.index.caching import LruCache
from spanwise.index.embedding import Vectors
from spanwise.index.timings import time_limit
from spanwise.qa import calibration as calibrations
from spanwise.qa.collection import Collection
from spanwise.qa.reading import Reading
from spanwise.testing import HashEmbedder, ScriptedReader

QUESTION = "When do the games end?"
TEXT = "The games conclude Feb. 20. They are held in Beijing."


class Embedder(HashEmbedder):
    def __init__(self) -> None:
        super().__init__(model="all-MiniLM-L6-v2")
        self.queries: list[str] = []

    def embed_query(self, text: str) -> Vectors:
        self.queries.append(text)
        return super().embed_query(text)


class Reader(ScriptedReader):
    def __init__(self) -> None:
        super().__init__({QUESTION: ("Feb. 20", "Feb. 21", "never"), "Where?": "Beijing"})
        self.asked: list[str] = []

    def read(self, question: str, passages: Sequence[str], *, top_n: int = 5) -> list[Reading]:
        self.asked.append(question)
        return super().read(question, passages, top_n=top_n)


class Library:
    """A collection and what its models were asked."""

    def __init__(self, data: Path, **settings: int) -> None:
        self.data, self.embedder, self.reader = data, Embedder(), Reader()
        self.collection = self.again(**settings)

    def again(self, **settings: int) -> Collection:
        return spanwise.open(
            self.data, settings=Settings(data=self.data, **settings), embedder=self.embedder, reader=self.reader
        )


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path)
    library.collection.add(Source(TEXT, id="games", metadata={"year": 1}))
    return library


def texts(result: spanwise.AskResult) -> list[str]:
    return [answer.text for answer in result.answers]


def test_a_question_asked_again_is_read_once_and_answered_the_same(library: Library) -> None:
    first, second = library.collection.ask(QUESTION), library.collection.ask(f" {QUESTION}\n")
    assert library.reader.asked == library.embedder.queries == [QUESTION]
    assert replace(second, took_ms=0, timings_ms={}) == replace(first, took_ms=0, timings_ms={})
    assert list(second.timings_ms) == ["confirm"]
    assert second.took_ms >= second.timings_ms["confirm"] > 0
    assert [one.answers for one in library.collection.ask_many([QUESTION, "Where?", QUESTION])][::2] == [
        first.answers
    ] * 2
    assert library.reader.asked == [QUESTION, "Where?"]  # and nothing else, such as a question to warm up with


def test_without_the_cache_everything_is_done_again(library: Library) -> None:
    for _ in range(2):
        library.collection.ask(QUESTION, use_cache=False)
        library.collection.ask_many(["Where?"], use_cache=False)
    assert library.reader.asked == [QUESTION, "Where?"] * 2
    assert library.embedder.queries == [QUESTION, "Where?"]
    off = library.again(answer_cache_bytes=0, query_cache_bytes=0)
    library.embedder.queries.clear()
    for _ in range(2):
        off.ask(QUESTION)
        off.search("games")
    assert library.reader.asked[4:] == [QUESTION, QUESTION]
    assert library.embedder.queries == [QUESTION, "games"] * 2


def test_what_decides_the_answer_decides_whether_it_is_read_again(library: Library) -> None:
    collection = library.collection
    collection.add(Source(TEXT.replace("20", "21"), id="later", metadata={"year": True}))
    assert collection.ask(QUESTION, min_probability=0.0).answerable
    assert not collection.ask(QUESTION, min_probability=1.0).answerable  # the same reading, judged anew
    assert len(library.reader.asked) == 1
    assert texts(collection.ask(QUESTION)) == ["Feb. 20", "Feb. 21"]
    assert texts(collection.ask(QUESTION, 1)) == ["Feb. 20"]
    # Equal to Python, not to a filter: 1 and True.
    assert texts(collection.ask(QUESTION, where={"year": 1})) == ["Feb. 20"]
    assert texts(collection.ask(QUESTION, where={"year": True})) == ["Feb. 21"]
    assert texts(collection.ask(QUESTION, where={"document.id": "later"})) == ["Feb. 21"]
    assert texts(collection.ask(QUESTION.lower())) != texts(collection.ask(QUESTION))


def test_a_calibration_stored_by_another_process_holds_at_once(library: Library) -> None:
    collection = library.collection
    collection.ask(QUESTION)
    assert not collection.ask(QUESTION).calibrated
    shipped = calibrations.load(calibrations.SHIPPED)
    file = library.data / "collections" / "default" / calibrations.FILE
    calibrations.save(replace(shipped, reader=library.reader.fingerprint), file)
    assert collection.ask(QUESTION).calibrated
    judge = replace(shipped.collection, answer_above=0.123)
    calibrations.save(replace(shipped, reader=library.reader.fingerprint, collection=judge), file)
    asked = len(library.reader.asked)
    collection.ask(QUESTION)
    collection.ask(QUESTION)
    assert len(library.reader.asked) == asked + 1


def test_every_change_is_seen(library: Library) -> None:
    collection = library.collection
    assert texts(collection.ask(QUESTION)) == ["Feb. 20"]
    collection.add(Source(TEXT.replace("20", "21"), id="games"))
    assert texts(collection.ask(QUESTION)) == ["Feb. 21"]
    other = library.again()
    other.add(Source(TEXT.replace("20", "21"), id="games", title="A title"))
    assert collection.ask(QUESTION).answers[0].document.title == "A title"
    other.remove("games")
    gone = collection.ask(QUESTION)
    assert (gone.answers, gone.no_answer_probability, gone.generation) == ((), 1.0, 4)
    assert collection.ask(QUESTION).answers == ()


def test_words_that_no_longer_stand_are_refused_however_the_answer_came(library: Library) -> None:
    library.collection.ask(QUESTION)
    with library.collection._store._database.writing() as connection:  # type: ignore[attr-defined]
        connection.execute("UPDATE documents SET text = replace(text, '20', '99')")  # behind everyone's back
    library.collection._store._texts.clear()  # type: ignore[attr-defined]
    with pytest.raises(spanwise.SpanInvariantError):
        library.collection.ask(QUESTION)
    assert len(library.reader.asked) == 1


def test_an_answer_found_before_a_change_and_kept_behind_it_is_not_used(library: Library) -> None:
    """The reader is held up; meanwhile the document is replaced and asked about."""
    collection, reader = library.collection, library.reader
    reading, go_on = threading.Event(), threading.Event()
    read = reader.read

    def slowly(question: str, passages: Sequence[str], *, top_n: int = 5) -> list[Reading]:
        if any("Feb. 20" in passage for passage in passages):
            reading.set()
            assert go_on.wait(30)
        return read(question, passages, top_n=top_n)

    reader.read = slowly  # type: ignore[method-assign]
    early: list[spanwise.AskResult] = []
    asking = threading.Thread(target=lambda: early.append(collection.ask(QUESTION)))
    asking.start()
    assert reading.wait(30)
    library.again().add(Source(TEXT.replace("20", "21"), id="games"))
    assert texts(collection.ask(QUESTION)) == ["Feb. 21"]
    go_on.set()
    asking.join(30)
    assert texts(early[0]) == []
    assert texts(collection.ask(QUESTION)) == ["Feb. 21"]


def test_time_that_is_up_is_up_for_kept_answers_too(library: Library) -> None:
    library.collection.ask(QUESTION)
    with time_limit(0), pytest.raises(TimeLimitError):
        library.collection.ask(QUESTION)


CHANGING = """
import sys
from pathlib import Path
import spanwise
from spanwise.testing import HashEmbedder
collection = spanwise.open(Path(sys.argv[1]), embedder=HashEmbedder(model="all-MiniLM-L6-v2"))
for line in sys.stdin:
    what, version = line.split()
    if what == "replace":
        collection.add(spanwise.Source(f"The games conclude Feb. 20. It is version{version}x.", id="games"))
    else:
        collection.remove("games")
    print("done", flush=True)
"""


@contextmanager
def another_process(data: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", CHANGING, str(data)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def tell(process: subprocess.Popen[str], what: str, version: int) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{what} {version}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"


@pytest.mark.slow
def test_another_process_changes_while_many_threads_ask(library: Library) -> None:
    """Once a change has returned there, no answer that is asked for here shows what was before it."""
    current = [0]  # the version that has returned; odd ones are deletions
    wrong: list[str] = []
    kept = [0]
    until = time.monotonic() + 60

    def ask() -> None:
        while current[0] < 80 and time.monotonic() < until:
            least = current[0]
            result = library.collection.ask(QUESTION)
            kept[0] += "read" not in result.timings_ms
            for answer in result.answers:
                shown = int(answer.passage.text.partition("version")[2].partition("x")[0])
                if shown < least:
                    wrong.append(f"{shown} after {least}")

    with another_process(library.data) as process:
        tell(process, "replace", 0)
        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for version in range(1, 81):
            tell(process, "remove" if version % 2 else "replace", version)
            current[0] = version
            if version % 10 == 0:
                time.sleep(0.02)  # time enough to be asked twice
        for thread in threads:
            thread.join(60)
    assert wrong == []
    assert kept[0] > 0  # or nothing was tried
    assert current[0] == 80


def test_a_kept_vector_cannot_be_changed_and_a_reindexed_collection_gets_new_ones(library: Library) -> None:
    collection = library.collection
    vector = collection._query_vector("games")
    assert collection._query_vector("games") is vector
    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 1.0
    other = HashEmbedder(32, model="another")
    collection.reindex(embedder=other)
    again = collection._query_vector("games")
    assert np.array_equal(again, other.embed_query("games"))


def test_the_cache_keeps_what_was_used_last_within_its_bytes() -> None:
    cache: LruCache[str, int] = LruCache(100)
    for number, key in enumerate("abc"):
        cache.put(key, number, 30)
    assert cache.get("a") == 0
    cache.put("d", 3, 30)
    assert [cache.get(key) for key in "abcd"] == [0, None, 2, 3]
    cache.put("a", 9, 60)
    assert [cache.get(key) for key in "acd"] == [9, None, 3]
    assert (cache.bytes, len(cache)) == (90, 2)
    cache.put("a", 1, 101)  # too large, and what stood there is of before
    assert cache.get("a") is None
    cache.clear()
    assert (cache.bytes, len(cache)) == (0, 0)


@pytest.mark.slow
def test_many_questions_do_not_grow_it(tmp_path: Path) -> None:
    library = Library(tmp_path, answer_cache_bytes=20_000, query_cache_bytes=20_000)
    library.collection.add(Source(TEXT, id="games"))
    for number in range(100):
        library.collection.ask(f"Where is number {number}?")
    answers, vectors = library.collection._answers._found, library.collection._query_vectors
    assert 0 < answers.bytes <= 20_000
    assert 0 < vectors.bytes <= 20_000
    assert 0 < len(answers) < 100
    assert 0 < len(vectors) < 100
