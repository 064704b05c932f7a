"""A process that is killed at any point: what it acknowledged is there, the rest wholly or not at all."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from spanwise import SpanwiseError
from trust.child import Nursery
from trust.death import Histogram, failpoints, killed_after, killed_at
from trust.promise import Broken, State, check, open_collection, perform, script, states

TRIALS = 16
AT_RANDOM = 4


def test_processes_killed_at_failpoints_and_at_random(nursery: Nursery, memory: Path) -> None:
    rng = random.Random(11)
    passed = failpoints(nursery, memory, seed=11)
    assert {"add: before commit", "delete: after commit", "open: between two writes"} <= passed.keys()
    histogram = Histogram()
    for name in rng.sample(sorted(passed), TRIALS):
        killed_at(nursery, memory, 11, name, rng.randint(1, passed[name]))
        histogram.deaths[name] += 1
    for number in range(AT_RANDOM):
        histogram.at_random += killed_after(nursery, memory, 100 + number, rng.uniform(0.01, 0.15))
    print(histogram.markdown())  # noqa: T201 - for whoever runs it with -s
    assert len(histogram.deaths) == TRIALS


LIES = {
    "a document that was deleted": "INSERT INTO documents SELECT NULL, 'd99', title, uri, metadata, content_hash, "
    "media_type, headings, added_at, characters, passages, text, encoding, layout_hash, pages, excluded "
    "FROM documents LIMIT 1",
    "a document that is gone": "UPDATE documents SET id = 'elsewhere' WHERE key = (SELECT max(key) FROM documents)",
    "a vector that is missing": "DELETE FROM vectors WHERE passage = (SELECT max(passage) FROM vectors)",
    "a vector of something else": "UPDATE vectors SET vector = (SELECT vector FROM vectors LIMIT 1)",
    "a lexical entry that is missing": "INSERT INTO lexical (lexical, rowid, prefix, text) "
    "SELECT 'delete', key, prefix, text FROM passages LIMIT 1",
    "a passage that is shifted": 'UPDATE passages SET start = start + 1, "end" = "end" + 1',
    "a passage that is missing": "DELETE FROM passages WHERE key = (SELECT max(key) FROM passages)",
}


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[str], None]:
    """Checks a collection that has carried out a script, after a statement was carried out on its database."""

    def check_after(statement: str) -> None:
        changes = script(5, 20)
        library = open_collection(tmp_path / "data")
        for change in changes:
            library = perform(library, change, tmp_path / "data", tmp_path / "files")
        library.close()
        with closing(
            sqlite3.connect(tmp_path / "data" / "collections" / "default" / "collection.sqlite")
        ) as connection:
            connection.execute(statement)
            connection.commit()
        assert check(tmp_path / "data", [states(changes)[-1], State()], changes) == states(changes)[-1]

    return check_after


def test_a_script_carried_out_is_found_whole(kept: Callable[[str], None]) -> None:
    kept("SELECT 1")


@pytest.mark.parametrize("lie", LIES)
def test_the_check_sees(kept: Callable[[str], None], lie: str) -> None:
    with pytest.raises((Broken, SpanwiseError, sqlite3.DatabaseError, KeyError)):
        kept(LIES[lie])
