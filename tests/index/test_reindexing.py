"""A collection under another embedding model: the old one serves until all is there, and a cut-off run is taken up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from spanwise import CollectionBusyError, ModelMismatchError, Source
from spanwise.index import reindexing
from spanwise.index.embedding import Vectors
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder

Open = Callable[..., Collection]


class Watched(HashEmbedder):
    """Another model, that calls `meanwhile` before each batch."""

    def __init__(self, meanwhile: Callable[[], object] = lambda: None, model: str = "other") -> None:
        super().__init__(32, max_tokens=64, model=model)
        self.embedded: list[str] = []
        self.meanwhile = meanwhile

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.meanwhile()
        self.embedded.extend(texts)
        return super().embed_passages(texts)


@pytest.fixture
def filled(opened: Open, tmp_path: Path) -> Collection:
    library = opened()
    (tmp_path / "tower.md").write_text(
        "# Tower\n\nThe tower is tall. It has a lift.\n\n## Lift\n\nIt takes 40 seconds."
    )
    library.add(tmp_path / "tower.md")
    library.add([Source(f"Unit {number} is stored. " * 40, id=f"d{number}") for number in range(5)])
    return library


def test_tables_and_lists_are_indexed_as_when_they_were_added(opened: Open, tmp_path: Path) -> None:
    rows = "".join(f"<tr><td>Pump {number}</td><td>{number} bar</td></tr>" for number in range(90))
    items = "".join(f"<li>Step {number} of the work</li>" for number in range(12))
    file = tmp_path / "pumps.html"
    file.write_text(
        f"<html><body><h1>Pumps</h1><p>{'Words to fill the page. ' * 12}</p><p>Do this:</p><ul>{items}</ul>"
        f"<table><tr><th>Machine</th><th>Pressure</th></tr>{rows}</table></body></html>"
    )
    library, added = opened(embedder=Watched()), Watched()
    library.add(file)
    again = opened("fresh", embedder=added)
    again.add(file)
    other = Watched(model="third")
    library.reindex(embedder=other)
    assert sorted(other.embedded) == sorted(added.embedded)
    assert sum("Machine" in text and "Pressure" in text for text in other.embedded) > 2


def test_everything_is_of_the_new_model(filled: Collection, opened: Open, data: Path) -> None:
    before = filled.documents()
    passages = filled.status().passages
    other = Watched()
    generation = filled.reindex(embedder=other)
    status = filled.status()
    assert (status.embedding_model, status.dimension, status.generation) == ("other", 32, generation)
    assert status.passages > passages  # it reads less at once
    assert status.pending == ()
    assert not (data / "collections" / "default" / reindexing.FILE).exists()
    assert filled.verify() == []
    assert [(info.id, info.content_hash, info.original) for info in filled.documents()] == [
        (info.id, info.content_hash, info.original) for info in before
    ]
    assert filled.search("lift seconds")[0].passage.heading == ("Tower", "Lift")
    fresh = opened("fresh", embedder=Watched())
    fresh.add([Source(filled.document(f"d{number}").text, id=f"d{number}") for number in range(5)])
    assert [hit.span for hit in fresh.search("unit 3")] == [
        hit.span for hit in filled.search("unit 3") if hit.document.id != "tower.md"
    ]
    assert filled.reindex(embedder=other) == generation  # nothing to do
    with pytest.raises(ModelMismatchError):
        opened()


def test_readers_are_served_until_the_switch_and_changes_are_kept(filled: Collection, opened: Open) -> None:
    reader, rounds = opened(), []

    def meanwhile() -> None:
        assert reader.status().embedding_model == "hash-embedder"
        assert reader.search("tower lift")[0].document.id == "tower.md"
        if not rounds:
            reader.add(Source("The bridge is wide.", id="bridge"))
            reader.remove("d0")
            reader.add(Source("Unit 1 was replaced.", id="d1"))
        rounds.append(reader.status().pending)

    other = Watched(meanwhile)
    filled.reindex(embedder=other)
    other.meanwhile = lambda: None
    assert len(rounds) >= 2  # what came meanwhile was made, too
    assert [(work.what, work.subject, work.running) for work in rounds[0]] == [("reindex", "other", True)]
    assert [info.id for info in filled.documents()] == ["bridge", "d1", "d2", "d3", "d4", "tower.md"]
    assert filled.search("bridge")[0].text == "The bridge is wide."
    assert filled.document("d1").text == "Unit 1 was replaced."
    assert filled.verify() == []
    with pytest.raises(ModelMismatchError, match=r"built with .*'other'"):
        reader.search("tower")  # it was given the old model and has no other


def test_documents_that_were_embedded_before_the_switch_are_embedded_again(
    filled: Collection, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Watched()
    drafted = filled._drafts
    calls: list[int] = []

    def drafts(*arguments: object) -> object:
        made = drafted(*arguments)  # type: ignore[arg-type]
        calls.append(1)
        if len(calls) == 1:
            filled.reindex(embedder=other)
        return made

    monkeypatch.setattr(filled, "_drafts", drafts)
    filled.add(Source("The bridge is wide.", id="bridge"))
    assert len(calls) == 2
    assert filled.verify() == []


def test_two_at_once_are_one_too_many(filled: Collection, opened: Open) -> None:
    other = opened()

    def meanwhile() -> None:
        with pytest.raises(CollectionBusyError, match="being reindexed"):
            other.reindex(embedder=Watched())

    filled.reindex(embedder=Watched(meanwhile))
    assert filled.status().embedding_model == "other"


KILLED = """
import os, sys
import spanwise
from spanwise.index import reindexing, store_sqlite
from spanwise.testing import HashEmbedder, ScriptedReader
store_sqlite.BATCH_CHARACTERS = 1_000
library = spanwise.open(sys.argv[1], embedder=HashEmbedder(), reader=ScriptedReader())
steps = []
def report(progress):
    steps.append(progress)
    if sys.argv[2] == "preparing" and progress.done == 3:
        os.kill(os.getpid(), 9)
if sys.argv[2] == "publishing":
    store_sqlite._advance = lambda connection: os.kill(os.getpid(), 9)
library.reindex(embedder=HashEmbedder(32, max_tokens=64, model="other"), on_progress=report)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("point", "left"), [("preparing", 3), ("publishing", 0)])
def test_a_killed_run_leaves_the_old_model_and_is_taken_up(
    filled: Collection, opened: Open, data: Path, point: str, left: int
) -> None:
    child = subprocess.run([sys.executable, "-c", KILLED, str(data), point], check=False)
    assert child.returncode == -9
    library = opened()
    assert library.status().embedding_model == "hash-embedder"
    assert [(work.what, work.running) for work in library.status().pending] == [("reindex", False)]
    assert library.search("tower lift")[0].document.id == "tower.md"
    assert library.verify() == []
    other = Watched()
    library.reindex(embedder=other)
    assert len({text.split()[1] for text in other.embedded if "Unit" in text}) == left
    assert library.status().pending == ()
    assert library.verify() == []


def test_what_was_prepared_under_a_third_model_or_is_damaged_is_made_anew(
    filled: Collection, opened: Open, data: Path
) -> None:
    file = data / "collections" / "default" / reindexing.FILE
    file.write_bytes(b"garbage" * 1_000)
    filled.reindex(embedder=Watched())
    assert filled.verify() == []
    assert np.linalg.norm(filled._store.verify(1)[1][0].vector) == pytest.approx(1, abs=0.01)
