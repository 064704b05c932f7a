"""Adding texts, files and folders: what is stored, replaced, left alone or refused."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from spanwise import (
    DocumentExistsError,
    DocumentIdError,
    DocumentNotFoundError,
    Failure,
    Heading,
    LimitError,
    Settings,
    Source,
    SourceError,
)
from spanwise.index import loading
from spanwise.index.formats.limits import ParseLimits
from spanwise.index.records import Layout
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder


def stored(library: Collection) -> dict[str, str]:
    return {info.id: library.document(info.id).text for info in library.documents()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


# Texts and sources


def test_a_text_is_named_by_its_hash(library: Collection) -> None:
    added = library.add("The bridge is 12 metres wide.\r\n")
    [id_] = added.added
    assert library.document(id_).info.content_hash == f"sha256:{id_}"
    assert stored(library) == {id_: "The bridge is 12 metres wide.\r\n"}


def test_the_same_content_again_costs_nothing(library: Collection, embedder: Any) -> None:
    source = Source("The bridge is wide.", id="a", title="Bridge", metadata={"n": 1, "tags": ["x", None]})
    first = library.add([source, Source("The tower is tall.", id="b")])
    assert (first.added, first.generation, len(embedder.embedded)) == (("a", "b"), 1, 2)
    again = library.add([source, Source("The tower is taller.", id="b")])
    assert (again.unchanged, again.replaced, again.added) == (("a",), ("b",), ())
    assert embedder.embedded[2:] == ["The tower is taller."]
    assert library.add(source).unchanged == ("a",)
    assert (len(embedder.embedded), library.status().generation) == (3, 2)


@pytest.mark.parametrize(
    "changed",
    [
        {"title": "Another"},
        {"title": None},
        {"uri": "https://example.org"},
        {"metadata": {"n": 2}},
        {"metadata": {"n": True}},
        {"metadata": {"n": 1.0}},
        {"media_type": "text/markdown"},
    ],
)
def test_changed_fields_are_a_change(library: Collection, embedder: Any, changed: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"id": "a", "title": "Bridge", "metadata": {"n": 1}}
    library.add(Source("The bridge is wide.", **fields))
    assert library.add(Source("The bridge is wide.", **(fields | changed))).replaced == ("a",)
    info = library.document("a").info
    for name, value in changed.items():
        assert repr(getattr(info, name)) == repr(value)
    assert len(embedder.embedded) == 2


def test_a_title_is_embedded_and_searched_but_is_no_part_of_the_passage(library: Collection, embedder: Any) -> None:
    library.add(Source("It is wide.", id="a", title="  The\nOld Bridge "))
    assert embedder.embedded == ["The Old Bridge\nIt is wide."]
    [hit] = library.search("bridge")
    assert (hit.text, hit.document.title) == ("It is wide.", "The Old Bridge")


def test_an_existing_id_is_kept_when_replacing_is_not_wanted(library: Collection) -> None:
    library.add(Source("The bridge is wide.", id="a"))
    with pytest.raises(DocumentExistsError, match="'a'"):
        library.add([Source("New.", id="b"), Source("The tower is tall.", id="a")], replace=False)
    assert stored(library) == {"a": "The bridge is wide."}


def test_the_same_id_twice_in_one_call_stores_nothing(library: Collection) -> None:
    with pytest.raises(DocumentIdError, match="'a' stands twice"):
        library.add([Source("One.", id="a"), Source("Two.", id="b"), Source("Three.", id="a")])
    with pytest.raises(DocumentIdError, match="stands twice"):
        library.add(["The same text.", "The same text."])
    assert stored(library) == {}


BAD_SOURCES: list[Any] = [
    Source("", id="b"),
    Source(" \n ", id="b"),
    Source("a\0b", id="b"),
    Source("a\udc80", id="b"),
    Source(7, id="b"),  # type: ignore[arg-type]
    Source("Text.", id="not an id"),
    Source("Text.", id="../up"),
    Source("Text.", id="b", title="\ud800"),
    Source("Text.", id="b", uri="\ud800"),
    Source("Text.", id="b", metadata={"x": float("nan")}),
    Source("Text.", id="b", metadata={"x": "\ud800"}),
    Source("Text.", id="b", metadata={"x": {"y": 1}}),  # type: ignore[dict-item]
    Source("Text.", id="b", metadata={7: "x"}),  # type: ignore[dict-item]
    Source("Text.", id="b", metadata="year"),  # type: ignore[arg-type]
    Source("Text.", id="b", metadata=None),  # type: ignore[arg-type]
    Source("Text.", id="b", media_type=None),  # type: ignore[arg-type]
    7,
    b"bytes",
    None,
]


def test_one_bad_source_stores_nothing(library: Collection) -> None:
    for bad in BAD_SOURCES:
        with pytest.raises((SourceError, DocumentIdError)) as caught:
            library.add([Source("Good.", id="a"), bad])
        assert caught.value.way_out, bad
        assert stored(library) == {}, bad


def test_what_is_no_source_is_not_taken_apart(library: Collection) -> None:
    for given in ({"id": "a", "text": "Words."}, b"Words.", bytearray(b"Words."), None, 7):
        with pytest.raises(SourceError, match=f"type {type(given).__name__} is not a source"):
            library.add(given)  # type: ignore[arg-type]
        assert stored(library) == {}


def test_metadata_of_the_call_go_with_texts_and_sources(library: Collection, folder: Path) -> None:
    (folder / "b.txt").write_text("From a file.")
    given = [Source("A source.", id="a", metadata={"shelf": 1, "year": 2020}), folder / "b.txt", "A text."]
    added = library.add(given, metadata={"shelf": 3})
    assert [info.metadata for info in added.documents] == [{"shelf": 3, "year": 2020}, {"shelf": 3}, {"shelf": 3}]


def test_a_text_over_the_limit_is_refused(opened: Callable[..., Collection]) -> None:
    library = opened(settings=Settings(max_document_characters=10))
    with pytest.raises(SourceError, match=r"11 characters; the limit is 10.*SPANWISE_MAX_DOCUMENT_CHARACTERS"):
        library.add("x" * 11)
    assert library.add("x" * 10).added


def test_removing(library: Collection) -> None:
    library.add([Source("One.", id="a"), Source("Two.", id="b"), Source("Three.", id="c")])
    with pytest.raises(DocumentNotFoundError, match="'nobody'"):
        library.remove("a", "nobody")
    assert library.remove("a", "b", "a") == 2
    assert library.remove() == 0
    with pytest.raises(DocumentIdError, match=r"remove\(\*ids\)"):
        library.remove(["c"])  # type: ignore[arg-type]
    assert stored(library) == {"c": "Three."}


@pytest.mark.parametrize("limit", [-1, "3", 1.5, True])
def test_a_page_of_documents_is_a_whole_number(library: Collection, limit: Any) -> None:
    library.add("Words.")
    assert library.documents(limit=0) == []
    with pytest.raises(LimitError, match="whole number"):
        library.documents(limit=limit)


def test_adding_nothing_changes_nothing(library: Collection) -> None:
    assert library.add([]).ids == ()
    assert library.status().generation == 0


# Files


def test_a_file_keeps_its_line_ends_and_is_named_by_its_name(library: Collection, folder: Path) -> None:
    (folder / "für Anna.txt").write_bytes(b"\xef\xbb\xbf One\r\ntwo\n\n")
    library.add(folder / "für Anna.txt")
    assert stored(library) == {"f~C3~BCr~20Anna.txt": " One\r\ntwo\n\n"}
    info = library.document("f~C3~BCr~20Anna.txt").info
    assert (info.uri, info.title, info.media_type) == ("für Anna.txt", None, "text/plain")


def test_a_markdown_file_has_headings_and_a_title(library: Collection, folder: Path) -> None:
    text = "Before.\r\n\r\n# The *Bridge*\r\n\r\nIt is wide.\r\n\r\n## Tolls\r\n\r\nNone."
    (folder / "a.MD").write_bytes(text.encode())
    library.add(folder / "a.MD")
    document = library.document("a.MD")
    assert document.headings == (
        Heading(text.index("# The"), 1, "The Bridge"),
        Heading(text.index("## Tolls"), 2, "Tolls"),
    )
    assert document.info.title == "The Bridge"
    assert [hit.passage.heading for hit in library.search("none tolls", 1)] == [("The Bridge", "Tolls")]


def test_a_string_that_is_a_path_is_refused(library: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.txt").write_text("Words.")
    monkeypatch.chdir(folder)
    for path in ("a.txt", str(folder / "a.txt"), str(folder)):
        with pytest.raises(SourceError, match="is a path, and a string is taken as text") as caught:
            library.add(path)
        assert f"Path({path!r})" in caught.value.way_out
    assert library.add(Source("a.txt")).added
    assert library.add(["b.txt", "a/" * 400, "x" * 300]).added  # no such paths: texts


@pytest.mark.parametrize("name", ["gone.txt", "no/such/folder", "x" * 300, "y/" * 3_000, "nul\0"])
def test_a_path_that_leads_nowhere(library: Collection, folder: Path, name: str) -> None:
    with pytest.raises(SourceError, match="There is no file"):
        library.add(folder / name)


@pytest.mark.parametrize("content", [b"", b" \r\n", b"GIF89a\0\1", b"K\xe4se \x81\x9d"])
def test_a_file_that_is_no_text_is_refused(library: Collection, folder: Path, content: bytes) -> None:
    (folder / "a.txt").write_bytes(content)
    (folder / "b.txt").write_bytes(b"Good.")
    with pytest.raises(SourceError, match=r"a\.txt"):
        library.add([folder / "b.txt", folder / "a.txt"])
    assert stored(library) == {}


# Folders


def test_a_folder_is_added_as_far_as_it_can_be_read(library: Collection, folder: Path) -> None:
    for name, data in {
        "a.txt": b"Good.",
        "sub/deeper/b.md": b"# Also\n\ngood.",
        "sub/LATIN.TEXT": b"\xff\xfeU\0T\0F\0",
        "noextension": b"Plain.",
        "empty.txt": b"",
        "binary.txt": b"a\0b",
        f"{'ü' * 120}.txt": b"The id of this name would be too long.",
        ".hidden.txt": b"Hidden.",
        ".git/config.txt": b"Hidden.",
        "tool.exe": b"MZ\0",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    steps: list[tuple[int, int, str]] = []
    added = library.add(folder, on_progress=lambda step: steps.append((step.done, step.total, step.name)))
    good = {"a.txt": "Good.", "sub/deeper/b.md": "# Also\n\ngood.", "sub/LATIN.TEXT": "UTF", "noextension": "Plain."}
    assert stored(library) == good
    assert set(added.added) == set(good)
    assert {failure.source for failure in added.failed} == {"empty.txt", "binary.txt", "tool.exe", f"{'ü' * 120}.txt"}
    assert Failure("empty.txt", "empty.txt holds no text. Leave it out, or give it its text.") in added.failed
    assert [step[:2] for step in steps] == [(number, 8) for number in range(1, 9)]
    assert library.add(folder).unchanged == added.added


def test_what_is_no_file_or_cannot_be_read_is_reported(library: Collection, folder: Path) -> None:
    (folder / "a.txt").write_text("Good.")
    (folder / "dangling.txt").symlink_to(folder / "gone.txt")
    (folder / "linked.txt").symlink_to(folder / "a.txt")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.txt")  # reading it would wait for ever
    added = library.add(folder)
    assert set(added.added) == {"a.txt", "linked.txt"}
    assert [failure.source for failure in added.failed] == ["dangling.txt", "pipe.txt"]


def test_a_name_that_is_no_text_is_stored_and_shown(library: Collection, folder: Path) -> None:
    (folder / os.fsdecode(b"bad\xff.txt")).write_bytes(b"")
    (folder / os.fsdecode(b"odd\xff.txt")).write_bytes(b"Odd.")
    added = library.add(folder)
    assert stored(library) == {"odd~FF.txt": "Odd."}
    assert library.documents()[0].uri == "odd?.txt"
    [failure] = added.failed
    assert failure.source == "bad?.txt"
    assert failure.error.encode()  # can be printed


def test_what_is_reserved_is_not_stored(library: Collection, folder: Path) -> None:
    (folder / "a.txt").write_text("One.")
    (folder / "b.txt").write_text("Two.")
    assert [one.source for one in library.add(folder, reserved=["a.txt"]).failed] == ["a.txt"]
    with pytest.raises(DocumentIdError, match="stands twice"):
        library.add([Source("Three.", id="c"), folder / "a.txt"], reserved=["a.txt"])
    assert stored(library) == {"b.txt": "Two."}


def test_a_markdown_file_is_parsed_once(library: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    really = loading.markdown_layout

    def parse(text: str) -> Layout:
        parsed.append(text)
        return really(text)

    monkeypatch.setitem(loading.TEXT_LAYOUTS, "text/markdown", parse)
    text = "# The bridge\n\n- It is wide.\n"
    (tmp_path / "bridge.md").write_text(text)
    [found] = library.add(tmp_path / "bridge.md").documents
    assert parsed == [text]
    read_before = Source(text, found.id, found.title, found.uri, media_type="text/markdown", encoding="utf-8")
    assert library.add(read_before).unchanged == ("bridge.md",)


def test_the_same_name_in_two_folders_is_not_lost_silently(library: Collection, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(f"Words of {name}.")
    (tmp_path / "two" / "b.txt").write_text("More.")
    added = library.add([tmp_path / "one", tmp_path / "two"])
    assert stored(library) == {"a.txt": "Words of one.", "b.txt": "More."}
    [failure] = added.failed
    assert failure.source == "a.txt"
    assert "'a.txt' stands twice" in failure.error


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of four files of 600 characters."""
    monkeypatch.setattr("spanwise.index.folders.BATCH_CHARACTERS", 2_000)


@pytest.mark.usefixtures("small_batches")
def test_a_large_folder_is_stored_in_batches(library: Collection, folder: Path) -> None:
    for number in range(9):
        (folder / f"{number}.txt").write_text("a word" * 100)
    generations = set()
    library.add(folder, on_progress=lambda step: generations.add(library.status().generation))
    assert (generations, len(library.documents())) == ({0, 1, 2, 3}, 9)


@pytest.mark.usefixtures("small_batches")
def test_ctrl_c_keeps_whole_batches_and_the_rest_can_follow(opened: Callable[..., Collection], folder: Path) -> None:
    for number in range(6):
        (folder / f"{number}.txt").write_text("a word" * 100)
    library = opened()

    def interrupt(step: Any) -> None:
        if step.done == 5:  # four files make a batch; the fifth waits for more
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.add(folder, on_progress=interrupt)
    kept = list(stored(library))
    assert kept == ["0.txt", "1.txt", "2.txt", "3.txt"]
    assert library.add(folder).unchanged == tuple(kept)
    assert len(library.documents()) == 6


class Failing(HashEmbedder):
    def embed_passages(self, texts: Any) -> Any:
        raise RuntimeError("no memory")


def test_a_failing_model_stores_nothing(opened: Callable[..., Collection]) -> None:
    library = opened(embedder=Failing())
    with pytest.raises(RuntimeError, match="no memory"):
        library.add("Some text.")
    assert library.documents() == []


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no device that never ends")
def test_a_file_without_an_end_is_read_up_to_the_limit(opened: Callable[..., Collection], tmp_path: Path) -> None:
    library = opened(settings=Settings(max_source_bytes=3_000_000))
    with pytest.raises(SourceError, match=r"zero has 3,000,001 bytes or more; the limit is 3,000,000"):
        library.add(Path("/dev/zero"))
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    for text, end in (("Words. " * 300_000, ""), ("Words. " * 500_000, "or more")):
        writer = threading.Thread(target=lambda text=text: _write(pipe, text), daemon=True)
        writer.start()
        if end:
            with pytest.raises(SourceError, match=end):
                library.add(pipe)
        else:
            assert loading.read_file(pipe, None, ParseLimits(file_bytes=3_000_000)) == text.encode()
        writer.join(30)


def _write(pipe: Path, text: str) -> None:
    with suppress(BrokenPipeError):
        pipe.write_text(text)
