"""What the index does with a layout: ranges left out, lines kept whole, places stored, replaced and found again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import spanwise
from spanwise import LimitError, Location, Rectangle, Source, Span
from spanwise.index.ingest import layout_of
from spanwise.index.locating import line_and_column, locate, text_fragment
from spanwise.index.migrations import FORMAT_VERSION, MIGRATIONS
from spanwise.index.records import Block, GlyphLine, Layout, PageSpan
from spanwise.index.splitting import SplitLimits, split
from spanwise.testing import HashEmbedder, ScriptedReader

LIMITS = SplitLimits(target=40, most=60, prefix=10)


def passages(text: str, **ranges: list[Span]) -> list[str]:
    return [one.span.of(text) for one in split(text, (), HashEmbedder().count_tokens, LIMITS, **ranges)]


def test_excluded_ranges_are_in_no_passage_and_everything_else_is() -> None:
    text = "First part of it.\n\nRunning header\n\nSecond part. Third part.\n\n7\n\nThe end"
    excluded = [Span(text.index(words), text.index(words) + len(words)) for words in ("Running header", "7")]
    assert passages(text, excluded=excluded) == ["First part of it.", "Second part. Third part.", "The end"]
    assert passages("Only a header", excluded=[Span(0, 13)]) == []


def test_excluded_ranges_at_the_very_edges() -> None:
    text = "Head words here and foot"
    assert passages(text, excluded=[Span(0, 4), Span(20, 24)]) == ["words here and"]


def test_lines_of_code_and_rows_stay_whole() -> None:
    lines = [f'print("Line {number}. It ends. Here!", {number})' for number in range(30)]
    text = "\n".join(lines)
    starts = [text.index(line) for line in lines]
    unbroken = [Span(start, start + len(line)) for start, line in zip(starts, lines, strict=True)]
    found = passages(text, unbroken=unbroken)
    assert len(found) > 3
    assert [line for passage in found for line in passage.split("\n")] == lines


def test_a_line_longer_than_a_passage_is_still_cut() -> None:
    text = "word " * 300
    found = passages(text, unbroken=[Span(0, len(text))])
    assert max(len(passage.split()) for passage in found) <= LIMITS.most
    assert "".join("".join(found).split()) == "".join(text.split())


def test_markdown_code_and_tables_are_unbroken() -> None:
    text = "# Head\n\nWords. More.\n\n```py\na = 1. + 2. \nB = 3\n```\n\n| a | b |\n|---|---|\n| One. Two | x |\n"
    layout = layout_of(Source(text, media_type="text/markdown"))
    assert [heading.text for heading in layout.headings] == ["Head"]
    whole = [span.of(text).rstrip("\n") for span in layout.unbroken]
    assert whole == ["```py", "a = 1. + 2. ", "B = 3", "```", "| a | b |", "| One. Two | x |"]


@pytest.mark.parametrize(
    ("position", "expected"), [(0, (1, 1)), (4, (2, 1)), (6, (2, 3)), (9, (3, 1)), (10, (3, 2)), (13, (5, 1))]
)
def test_line_and_column_over_all_line_ends(position: int, expected: tuple[int, int]) -> None:
    assert line_and_column("abc\ndef\r\ngh\n\rxyz", position) == expected


def test_text_fragments() -> None:
    text = "The red fox. The blue fox, as they say - once. Long " + "words and " * 20 + "end."
    block = Block(0, len(text))
    assert text_fragment(text, Span(4, 7), block) == "#:~:text=red"
    assert text_fragment(text, Span(8, 11), block) == "#:~:text=The%20red-,fox,-.%20The%20blue"
    start = text.index("fox, as")
    assert text_fragment(text, Span(start, start + 18), block) == "#:~:text=fox%2C%20as%20they%20say%20%2D"
    assert text_fragment(text, Span(47, len(text)), block).startswith("#:~:text=Long%20words%20and%20words,")


def test_rectangles_of_a_span_over_two_lines() -> None:
    text = "one two\nthree"
    lines = [
        GlyphLine(0, 1, 100, 110, (100, 10, 0, 10, 0, 10, 5, 0, 5, 10, 0, 10, 0, 10)),
        GlyphLine(8, 2, 120, 130, (50, 10, 0, 10, 0, 10, 0, 10, 0, 10)),
    ]
    place = locate(
        text, Span(4, 10), "application/pdf", pages=(PageSpan(0, 7, 9, 9), PageSpan(8, 13, 9, 9)), lines=lines
    )
    assert place == Location(
        page=1, rectangles=(Rectangle(1, 14, 10, 17, 11), Rectangle(2, 5, 12, 7, 13)), fragment="#page=1"
    )


def made_source(shift: int = 0) -> Source:
    text = "Header\n\nThe bridge opened in 1884."
    layout = Layout(
        pages=(PageSpan(0, len(text), 600.0, 800.0),),
        excluded=(Span(0, 6),),
        lines=(GlyphLine(8, 1, 100, 110, tuple(n for _ in range(26) for n in (shift, 10))),),
    )
    return Source(text, id="bridge", media_type="application/pdf", layout=layout)


@pytest.fixture
def library(tmp_path: Path):
    script = {"When did it open?": "1884"}
    with spanwise.open(tmp_path / "data", embedder=HashEmbedder(), reader=ScriptedReader(script)) as opened:
        yield opened


def test_places_are_stored_found_and_replaced_with_their_document(library) -> None:
    library.add(made_source())
    answer = library.ask("When did it open?").best
    assert (answer.page, answer.location.page) == (1, 1)
    assert answer.location.rectangles == (Rectangle(1, 21.0, 10.0, 25.0, 11.0),)
    assert library.locate("bridge", answer.span) == answer.location
    assert [hit.passage.page for hit in library.search("bridge")] == [1]
    document = library.document("bridge")
    assert document.pages == (PageSpan(0, 34, 600.0, 800.0),)
    assert document.excluded == (Span(0, 6),)
    assert library.add(made_source()).unchanged == ("bridge",)
    # The same words at another place are another version.
    assert library.add(made_source(shift=5)).replaced == ("bridge",)
    assert library.ask("When did it open?").best.location.rectangles[0].left > 25
    library.remove("bridge")
    database = sqlite3.connect(library._store._database.file)
    assert database.execute("SELECT count(*) FROM places").fetchone() == (0,)
    database.close()


def test_a_span_outside_the_text_is_refused(library) -> None:
    library.add(made_source())
    with pytest.raises(LimitError, match="has 34 characters"):
        library.locate("bridge", Span(30, 35))


def test_plain_text_answers_name_line_and_column(library) -> None:
    library.add(Source("A title\n\nThe bridge opened in 1884.", id="a"))
    answer = library.ask("When did it open?").best
    assert (answer.location.line, answer.location.column) == (3, 22)
    assert answer.location.rectangles == ()


def test_a_collection_of_format_1_is_migrated(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "collections" / "default"
    folder.mkdir(parents=True)
    database = sqlite3.connect(folder / "collection.sqlite")
    database.executescript(MIGRATIONS[0])
    text = "The bridge opened in 1884."
    database.execute(
        "INSERT INTO documents VALUES (1, 'old', NULL, NULL, '{}', 'sha256:x', 'text/plain', '[]', 'now', 26, 1, ?)",
        (text,),
    )
    database.execute("INSERT INTO passages VALUES (1, 1, 0, 26, NULL, '[]', '', ?)", (text,))
    database.execute("PRAGMA user_version = 1")
    database.commit()
    database.close()
    assert FORMAT_VERSION >= 2
    with spanwise.open(tmp_path / "data", embedder=HashEmbedder(), reader=ScriptedReader()) as opened:
        document = opened.document("old")
        assert (document.text, document.pages, document.info.encoding) == (text, (), None)
        assert opened.locate("old", Span(4, 10)).column == 5
        opened.add(Source("New words.", id="old"))
        assert opened.document("old").text == "New words."


def test_an_upload_is_one_call() -> None:
    from spanwise.index.loading import LoadOptions, load_bytes

    loaded = load_bytes("Grüße".encode("utf-16"), "a.txt")
    assert loaded.sources[0].text == "Grüße"
    options = LoadOptions(encoding="cp1252")
    assert load_bytes("Grüße".encode("cp1252"), "a.txt", options=options).sources[0].encoding == "cp1252"
