"""Opening collections: in good folders, in bad ones, and with another model."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import spanwise
from spanwise import (
    CollectionNotFoundError,
    CorruptDataError,
    DocumentIdError,
    FormatVersionError,
    InputError,
    ModelMismatchError,
    Settings,
    Source,
    Span,
    SpanwiseError,
    StorageError,
)
from spanwise.index import embedding
from spanwise.index.migrations import FORMAT_VERSION
from spanwise.index.storage import Database, collections
from spanwise.qa import reading
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder, ScriptedReader

Open = Callable[..., Collection]


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a closed collection with two documents, to be copied."""
    data = tmp_path_factory.mktemp("closed")
    with spanwise.open(data, embedder=HashEmbedder(), reader=ScriptedReader()) as library:
        library.add([Source("The bridge is wide. " * 80, id="a"), Source("# Tower\n\nIt is tall.", id="b", title="T")])
    return data


@pytest.fixture
def database(data: Path, closed: Path) -> Path:
    """The file of a closed collection with two documents."""
    shutil.copytree(closed, data)
    return data / "collections" / "default" / "collection.sqlite"


def change(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_a_collection_has_its_folder(opened: Open, data: Path) -> None:
    opened("one").add("Words.")
    opened("two")
    assert collections(data) == ["one", "two"]
    assert sorted(path.name for path in (data / "collections").iterdir()) == ["one", "two"]
    assert collections(data / "nowhere") == []


def test_closing_leaves_one_file(database: Path) -> None:
    assert [path.name for path in database.parent.iterdir()] == ["collection.sqlite"]


def test_a_relative_folder_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with spanwise.open("data", embedder=HashEmbedder(), reader=ScriptedReader({"When?": "noon"})) as library:
        library.add("It begins at noon.")
        monkeypatch.chdir("elsewhere")
        library.add(Source("It ends at noon.", id="end"))
        assert [answer.text for answer in library.ask("When?")] == ["noon"]
        assert len(library.documents()) == 2
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # since Python 3.12
def test_a_collection_is_refused_behind_a_fork(opened: Open) -> None:
    library = opened()
    library.add("Words.")
    library.search("words")
    child = os.fork()
    if not child:
        try:
            library.search("words")
        except StorageError as error:
            os._exit(7 if "spawn" in error.way_out else 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert library.documents()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # since Python 3.12
def test_a_forked_process_can_open_a_collection_of_its_own(opened: Open) -> None:
    library = opened()
    library.add("Words.")
    library.search("words")  # starts the thread that a fork leaves behind
    child = os.fork()
    if not child:
        signal.alarm(20)  # a search that waits for a thread that is not there would wait for ever
        try:
            os._exit(len(opened().search("words")))
        finally:
            os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # since Python 3.12
def test_models_are_loaded_anew_behind_a_fork() -> None:
    embedding._loaded["ours", 0, None, None] = HashEmbedder()
    reading._loaded["ours", 0] = ScriptedReader()
    child = os.fork()
    if not child:
        os._exit(len(embedding._loaded) + len(reading._loaded))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    del embedding._loaded["ours", 0, None, None], reading._loaded["ours", 0]


def test_a_writer_that_does_not_wait_leaves_the_next_one_waiting(database: Path) -> None:
    opened = Database(database.parent, create=False, write_wait_seconds=3)
    with closing(opened):
        with opened.writing(wait_seconds=0):
            pass
        with opened.reading() as connection:
            assert connection.execute("PRAGMA busy_timeout").fetchone() == (3_000,)


def test_ids_and_numbers_that_nothing_can_have_are_refused(opened: Open) -> None:
    library = opened()
    library.add(Source("The bridge is wide.", id="a"))
    odd = "\ud800"
    asked: list[Callable[[], object]] = [
        lambda: library.document(odd),
        lambda: library.remove("a", odd),
        lambda: library.documents(after=odd),
        lambda: library.documents(limit=10**30),
        lambda: library.locate(odd, Span(0, 1)),
        lambda: library.original(odd),
        lambda: library.page_image(odd, 1),
        lambda: library.mark("Where?", "right", document_id=odd),
    ]
    for ask in asked:
        with pytest.raises(InputError, match="cannot be asked for that"):
            ask()
    assert [info.id for info in library.documents()] == ["a"]


def test_a_commit_is_on_disk_when_it_returns(database: Path) -> None:
    opened = Database(database.parent, create=False, write_wait_seconds=1)
    with closing(opened), opened.reading() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_collections_do_not_share_documents(opened: Open) -> None:
    one, two = opened("one"), opened("two")
    one.add(Source("The bridge is wide.", id="a"))
    assert two.documents() == []
    assert len(two.search("bridge")) == 0


def test_a_missing_collection_is_made_only_on_request(opened: Open, data: Path) -> None:
    with pytest.raises(CollectionNotFoundError, match=rf"no collection 'default'.*Add documents to make it.*{data}"):
        opened(create=False)
    assert not data.exists()
    opened("other").add("Words.")
    with pytest.raises(CollectionNotFoundError, match="choose one of: other"):
        opened(create=False)
    assert opened("other", create=False).status().documents == 1


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", "a b", "-a", ".a", "x" * 65, "ä", "a\n", "a\0", None, 7]
)
def test_a_name_that_is_not_allowed(opened: Open, data: Path, name: str) -> None:
    with pytest.raises(DocumentIdError, match="is not a collection name"):
        opened(name)
    assert not data.exists()


def test_a_data_folder_that_is_a_file(data: Path, opened: Open) -> None:
    data.write_text("not a folder")
    for create in (True, False):
        with pytest.raises(StorageError, match=r"The data folder cannot be '.*' is a file\. Name a folder"):
            opened(create=create)
    assert data.read_text() == "not a folder"


def test_a_database_that_is_a_folder(database: Path, opened: Open) -> None:
    database.unlink()
    database.mkdir()
    with pytest.raises(StorageError, match="cannot be opened"):
        opened()


@pytest.mark.parametrize("garbage", [b"garbage" * 1_000, b"SQLite format 3\0" + b"\xff" * 5_000])
def test_a_database_of_garbage(database: Path, opened: Open, garbage: bytes) -> None:
    database.write_bytes(garbage)
    with pytest.raises(CorruptDataError, match=r"damaged.*Restore"):
        opened()
    assert database.read_bytes() == garbage


def use(library: Collection) -> None:
    """Read everything; what can be read must be right."""
    for info in library.documents():
        text = library.document(info.id).text
        assert len(text) == info.characters
    library.status()
    for mode in ("hybrid", "dense", "lexical"):
        for hit in library.search("bridge tower", mode=mode):
            assert hit.span.of(library.document(hit.document.id).text) == hit.text
    library.ask("How wide is the bridge?")
    library.add(Source("Another.", id="c"))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_truncated_database(database: Path, opened: Open, share: float) -> None:
    whole = database.read_bytes()
    database.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CorruptDataError, match="damaged"):
        use(opened())


@pytest.mark.slow
def test_a_damaged_page_is_an_error_of_ours_or_does_no_harm(database: Path, data: Path) -> None:
    whole = database.read_bytes()
    outcomes = set()
    for page in range(0, len(whole), 4096):
        for place in (page, page + 3_900):
            database.write_bytes(
                whole[:place] + bytes(byte ^ 0x5A for byte in whole[place : place + 96]) + whole[place + 96 :]
            )
            try:
                with spanwise.open(
                    data, embedder=HashEmbedder(), reader=ScriptedReader(), settings=Settings()
                ) as library:
                    use(library)
                outcomes.add("harmless")
            except SpanwiseError as error:
                outcomes.add(type(error).__name__)
    assert "CorruptDataError" in outcomes


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE documents SET metadata = '{'",
        "UPDATE documents SET headings = 'x'",
        "UPDATE documents SET text = CAST(x'ff' AS TEXT)",
        "UPDATE passages SET text = CAST(x'ff' AS TEXT)",
        "UPDATE passages SET heading = ''",
        "UPDATE vectors SET vector = x'00' WHERE passage = 2",
        "UPDATE vectors SET vector = 7 WHERE passage = 1",
        "UPDATE meta SET value = 'x' WHERE key = 'generation'",
        "DELETE FROM meta WHERE key = 'generation'",
        "UPDATE meta SET value = '[' WHERE key = 'fingerprint'",
        "UPDATE meta SET value = '{\"x\": 1}' WHERE key = 'fingerprint'",
    ],
)
def test_a_row_that_nobody_stored(database: Path, opened: Open, harm: str) -> None:
    change(database, harm)
    with pytest.raises(CorruptDataError, match=r"damaged|cannot be read.*backup"):
        use(opened())


def test_a_database_of_another_program(database: Path, opened: Open) -> None:
    for version in (0, 1, FORMAT_VERSION, FORMAT_VERSION + 5, -1):
        database.unlink()
        change(database, "CREATE TABLE songs (title TEXT)", f"PRAGMA user_version = {version}")
        before = database.read_bytes()
        with pytest.raises(CorruptDataError, match="was not made by Spanwise"):
            opened()
        assert database.read_bytes() == before


def test_a_newer_format(database: Path, opened: Open) -> None:
    change(database, f"PRAGMA user_version = {FORMAT_VERSION + 1}")
    problem = rf"has format {FORMAT_VERSION + 1}; this .* up to {FORMAT_VERSION}.*pip install --upgrade spanwise"
    with pytest.raises(FormatVersionError, match=problem):
        opened()


def test_an_empty_file_is_a_new_collection(database: Path, opened: Open) -> None:
    database.write_bytes(b"")  # what a crash while it was being made leaves
    assert opened().documents() == []


def test_a_passage_that_differs_from_its_slice_is_never_returned(database: Path, opened: Open) -> None:
    change(database, "UPDATE documents SET text = 'X' || substr(text, 2) WHERE id = 'b'")
    library = opened()
    with pytest.raises(spanwise.SpanInvariantError, match="'b' does not equal its slice"):
        library.search("tower tall")


# Models


def test_another_model_is_refused_at_once(database: Path, opened: Open) -> None:
    with pytest.raises(
        ModelMismatchError, match=r"built with .*'hash-embedder', not 'other'.*SPANWISE_MODEL=hash-embedder"
    ):
        opened(embedder=HashEmbedder(model="other"))
    with pytest.raises(ModelMismatchError, match="not 'other'"):
        opened(embedder=None, settings=Settings(model="other"))


@pytest.mark.parametrize(
    "act", [lambda c: c.search("x"), lambda c: c.ask("x"), lambda c: c.add("x"), lambda c: c.warm()]
)
def test_another_version_of_the_model_is_refused_when_it_is_used(
    database: Path, opened: Open, act: Callable[[Collection], object]
) -> None:
    library = opened(embedder=HashEmbedder(32))
    assert library.status().documents == 2  # reading needs no model
    with pytest.raises(ModelMismatchError, match="another dimension of the embedding model 'hash-embedder'"):
        act(library)


def test_the_first_document_settles_the_model(opened: Open) -> None:
    library = opened(embedder=HashEmbedder(32))
    assert len(library.search("anything")) == 0
    assert library.ask("Anything?").answers == ()
    library.warm()
    other = opened(embedder=HashEmbedder(48, model="other"))  # nothing has been settled
    other.add("Words.")
    assert other.status().embedding_model == "other"
    with pytest.raises(ModelMismatchError):
        library.add("Other words.")
    with pytest.raises(ModelMismatchError):
        library.search("anything")


def test_a_failed_opening_leaves_no_file_open(database: Path, opened: Open) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("counts open files in /proc")
    database.write_bytes(b"garbage" * 1_000)
    before = len(list(descriptors.iterdir()))
    for _ in range(3):
        with pytest.raises(CorruptDataError):
            opened()
    assert len(list(descriptors.iterdir())) == before
