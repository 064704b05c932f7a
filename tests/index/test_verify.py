"""`verify` finds nothing in what was stored, and every kind of damage that is done to it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import spanwise
from spanwise import CorruptDataError, LimitError, Source
from spanwise.index.storage import ORIGINALS
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder, ScriptedReader

Open = Callable[..., Collection]
TEXT = "# Bridge\n\n" + "The bridge is wide and it opened in 1932. " * 60


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a collection with two documents, one of them with an original, to be copied."""
    folder = tmp_path_factory.mktemp("closed")
    (folder / "bridge.md").write_text(TEXT)
    with spanwise.open(folder / "data", embedder=HashEmbedder(), reader=ScriptedReader()) as library:
        library.add(folder / "bridge.md")
        library.add([Source("The tower is tall. 🏖️", id="b"), Source("Gone.", id="gone")])
        library.remove("gone")
    return folder / "data"


@pytest.fixture
def database(data: Path, closed: Path, opened: Open) -> Path:
    """The file of a copy of that collection, which is open elsewhere."""
    shutil.copytree(closed, data)
    opened()
    return data / "collections" / "default" / "collection.sqlite"


def change(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(statement)
        connection.commit()


def kinds(library: Collection, sample: int = 50) -> set[str]:
    return {finding.kind for finding in library.verify(sample)}


def test_all_is_well(database: Path, opened: Open) -> None:
    assert opened().verify() == []


@pytest.mark.parametrize(
    ("statement", "kind", "subject"),
    [
        ("UPDATE documents SET text = 'X' || substr(text, 2) WHERE id = 'b'", "text", "b"),
        ("UPDATE documents SET text = 'X' || substr(text, 2) WHERE id = 'b'", "span", "b, characters 0 to 21"),
        ("UPDATE passages SET start = start + 1 WHERE key = 1", "span", "bridge.md"),
        ("DELETE FROM vectors WHERE passage = 1", "count", "passages"),
        ("UPDATE documents SET characters = 1 WHERE id = 'b'", "count", "b"),
        ("UPDATE documents SET passages = 9 WHERE id = 'b'", "count", "b"),
        ("UPDATE documents SET excluded = '[[1]]' WHERE id = 'b'", "document", "b"),
        ("UPDATE vectors SET vector = zeroblob(128) WHERE passage = 1", "vector", "passage 1"),
        ("UPDATE vectors SET vector = x'007c' || zeroblob(126) WHERE passage = 1", "vector", "passage 1"),
        ("UPDATE vectors SET vector = zeroblob(64) WHERE passage = 1", "vector", "passage 1"),
        ('UPDATE passages SET text = text || \'x\', "end" = "end" + 1 WHERE document = 2', "words", "lexical"),
        ("DROP INDEX places_of_document", "schema", "places_of_document"),
        ("ALTER TABLE documents ADD COLUMN more TEXT", "schema", "documents"),
        ("UPDATE meta SET value = 'x' WHERE key = 'generation'", "count", "generation"),
    ],
)
def test_damage_is_found(database: Path, opened: Open, statement: str, kind: str, subject: str) -> None:
    library = opened()
    change(database, statement)
    with library._store._database.reading() as connection:  # type: ignore[attr-defined]
        from spanwise.index import verifying

        found = list(verifying.check(connection, library._store.originals, 64))  # type: ignore[attr-defined]
        assert found or kind == "words"
    with library._store._database.writing() as connection:  # type: ignore[attr-defined]
        found += list(verifying.check_words(connection))
    assert any(one.kind == kind and one.subject.startswith(subject) for one in found), found


def test_a_passage_that_is_missing_leaves_text_uncovered(database: Path, opened: Open) -> None:
    library = opened()
    change(database, "DELETE FROM vectors WHERE passage = 2")
    change(database, "DELETE FROM passages WHERE key = 2")
    assert kinds(library) == {"coverage", "count"}


def test_a_vector_of_another_text_is_found(database: Path, opened: Open) -> None:
    library = opened()
    other = HashEmbedder().embed_query("entirely different words").astype("<f2").tobytes()
    change(database, f"UPDATE vectors SET vector = x'{other.hex()}' WHERE passage = 1")
    assert kinds(library) == {"vector"}
    assert kinds(library, sample=0) == set()  # nothing was embedded again
    assert abs(float(np.linalg.norm(np.frombuffer(other, "<f2").astype(np.float32))) - 1) < 0.01


def test_a_lost_and_a_damaged_original_are_found(database: Path, opened: Open) -> None:
    original = next((database.parent / ORIGINALS).iterdir())
    good = original.read_bytes()
    original.write_bytes(good[:-1] + b"!")
    assert [(one.kind, one.subject) for one in opened().verify(0)] == [("original", "bridge.md")]
    original.unlink()
    assert "cannot be read" in opened().verify(0)[0].problem


def test_a_flipped_page_is_found_or_refused(database: Path, opened: Open) -> None:
    library = opened()
    library.close()
    raw = bytearray(database.read_bytes())
    refusals: list[str] = []
    for page in range(2, len(raw) // 4096 - 1):
        damaged = bytearray(raw)
        damaged[page * 4096 : page * 4096 + 512] = b"\xff" * 512
        database.write_bytes(damaged)
        try:
            with opened() as library:
                assert library.verify(0), page
        except CorruptDataError as error:
            refusals.append(str(error))
    assert all("restore BACKUP --replace" in said for said in refusals)
    database.write_bytes(raw)
    assert opened().verify() == []


@pytest.mark.parametrize("sample", [-1, 2.5, True, "all"])
def test_a_sample_is_a_number_of_passages(library: Collection, sample: object) -> None:
    with pytest.raises(LimitError, match=f"sample is {sample!r}. Give a whole number of at least 0"):
        library.verify(sample)  # type: ignore[arg-type]
