"""Collections of every format that was ever written open for ever; a damaged schema is named."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from spanwise import CorruptDataError, Source, Span
from spanwise.index.migrations import FORMAT_VERSION, parts
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder

Open = Callable[..., Collection]
FIXTURES = Path(__file__).parents[1] / "data"


def placed(data: Path, version: int) -> Path:
    """A collection as that format's program left it (`HashEmbedder(16)`)."""
    folder = data / "collections" / "default"
    folder.mkdir(parents=True)
    shutil.copy(FIXTURES / f"collection-format-{version}.sqlite", folder / "collection.sqlite")
    return folder / "collection.sqlite"


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION))
def test_an_old_collection_opens_and_works(opened: Open, data: Path, version: int, tmp_path: Path) -> None:
    file = placed(data, version)
    library = opened(embedder=HashEmbedder(16), create=False)
    assert library.status().format_version == FORMAT_VERSION
    assert [info.id for info in library.documents()] == ["bridge", "notes/tower.md"]
    bridge = library.document("bridge")
    assert bridge.text == "The bridge is 120 metres wide 🏖️. It opened in 1932."
    assert (bridge.info.title, bridge.info.uri, bridge.info.metadata) == ("Bridge", "bridge.txt", {"year": 1932})
    assert bridge.info.original is None
    hit = library.search("lift seconds")[0]
    assert (hit.text, hit.passage.heading) == ("## Lift\n\nThe lift takes 40 seconds.", ("Tower", "Lift"))
    assert library.locate("bridge", Span(0, 3)).line == 1
    assert library.search("metrse", mode="lexical").corrected == {"metrse": "metres"}
    assert library.suggest("bri")[0].text == "Bridge"
    assert library.verify() == []
    (tmp_path / "bridge").write_text("The bridge is wide.")
    library.add(tmp_path / "bridge")
    library.add(Source("New words.", id="new"))
    assert library.original("bridge") == b"The bridge is wide."
    library.compact()
    assert library.verify() == []
    library.close()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT_VERSION,)


@pytest.mark.parametrize("part", sorted(parts(FORMAT_VERSION) - {"meta"}))
def test_a_missing_part_of_the_schema_is_named(
    new_collection: Callable[[Path], None], opened: Open, data: Path, part: str
) -> None:
    new_collection(data / "collections" / "default")
    with closing(sqlite3.connect(data / "collections" / "default" / "collection.sqlite")) as connection:
        kind = connection.execute("SELECT type FROM sqlite_master WHERE name = ?", (part,)).fetchone()[0]
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(f"DROP {kind} {part}")
    with pytest.raises(CorruptDataError, match=rf"lacks .*{part}.*spanwise restore"):
        opened()
