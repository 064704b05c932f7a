"""Passages are read under their title, headings and names of columns, in which no answer lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import spanwise
from spanwise import Source
from spanwise.index.records import DocumentInfo, Passage, Span, TableRows
from spanwise.qa.reading import Candidate, Reading
from spanwise.qa.shown import Shown, read_passages
from spanwise.testing import HashEmbedder, ScriptedReader

ROUTERS = """# Routers
## Netbox 210
### Warranty
Two years, from the date of **purchase**.
## Netbox 450
### Warranty
Five years, from the date of **purchase**.
"""
INFO = DocumentInfo("a", None, None, {}, "", "", 0, 0, "")


class SpansReader(ScriptedReader):
    """Finds the spans it was given in whatever it is shown, and keeps what that was."""

    def __init__(self, spans: Sequence[tuple[int, int]] = ()) -> None:
        super().__init__()
        self._spans = spans
        self.shown: list[str] = []

    def read(self, question: str, passages: Sequence[str], *, top_n: int = 5) -> list[Reading]:
        self.shown += passages
        found = tuple(Candidate(start, end, float(-place)) for place, (start, end) in enumerate(self._spans))
        return [Reading(0.0, 0.0, found[:top_n]) for _ in passages]


def passage(text: str, prefix: str) -> Passage:
    return Passage(INFO, Span(0, len(text)), text, Span(0, len(text)), prefix=prefix)


def test_the_reader_sees_what_a_passage_stands_under(tmp_path: Path) -> None:
    reader = SpansReader()
    with spanwise.open(tmp_path, embedder=HashEmbedder(), reader=reader) as collection:
        collection.add(Source(ROUTERS, id="routers.md", media_type="text/markdown"))
        collection.ask("How long is the warranty?", use_cache=False)
        collection.search("warranty", rerank=True)
    asked, ranked = reader.shown[: len(reader.shown) // 2], reader.shown[len(reader.shown) // 2 :]
    assert sorted(asked) == sorted(ranked)
    assert any(
        words.startswith("Routers. Netbox 450. Warranty. ")
        and words.endswith("Five years, from the date of   purchase  .")
        for words in asked
    )


def test_without_title_and_headings_the_text_is_read_alone() -> None:
    reader = SpansReader([(0, 3)])
    [reading] = read_passages(reader, "How long?", [passage("Two years.", "")])
    assert reader.shown == ["Two years."]
    assert reading.candidates == (Candidate(0, 3, 0.0),)


def test_spans_in_the_headings_are_no_answers() -> None:
    above = len("Netbox 210. Warranty. ")
    reader = SpansReader([(0, 6), (above - 10, above + 3), (above + 4, above + 9)])
    [reading] = read_passages(reader, "How long?", [passage("Two years.", "Netbox 210 › Warranty")])
    assert reading.candidates == (Candidate(0, 3, -1.0), Candidate(4, 9, -2.0))


PRICES = "Prices\n\nService | Dog | Cat\nCheck | £48 | £44\nTeeth | £310 | \nall day | only\nNails"
ROWS = TableRows(10 + PRICES.index("Check"), 10 + len(PRICES), "Service | Dog | Cat")
PRICED = Passage(INFO, Span(10, 10 + len(PRICES)), PRICES, Span(0, 0), tables=(ROWS,))


def test_each_cell_is_read_behind_its_row_and_column() -> None:
    found = Shown.of(PRICED)
    assert found.text == (
        "Prices\n\nService | Dog | Cat\nCheck Dog: £48. Check Cat: £44. \nTeeth Dog: £310. \nall day | only\nNails"
    )


@pytest.mark.parametrize(
    ("shown", "answer"),
    [
        ("£44", "£44"),
        ("Cat: £44. ", "£44"),
        ("Check", "Check"),
        ("£48. Check Cat: £44", "£48 | £44"),
        ("£48. Check", "£48"),
        ("Teeth Dog: £310", "Teeth | £310"),
        ("Dog: ", None),
        ("Prices", "Prices"),
    ],
)
def test_answers_from_tables_are_words_of_the_passage(shown: str, answer: str | None) -> None:
    start = Shown.of(PRICED).text.rindex(shown)
    [reading] = read_passages(SpansReader([(start, start + len(shown))]), "What?", [PRICED])
    assert [PRICES[found.start : found.end] for found in reading.candidates] == ([answer] if answer else [])


def test_a_name_told_of_several_cells_is_one_answer() -> None:
    text = Shown.of(PRICED).text
    places = [text.index("Check"), text.rindex("Check")]
    [reading] = read_passages(SpansReader([(place, place + 5) for place in places]), "What?", [PRICED])
    assert len(reading.candidates) == 1


def test_a_table_that_would_be_too_long_is_read_as_it_stands() -> None:
    text = "\n".join(["a long name of a row " * 10 + "| 1 | 2 | 3"] * 20)
    rows = (TableRows(0, len(text), "Name | A | B | C"),)
    assert Shown.of(Passage(INFO, Span(0, len(text)), text, Span(0, 0), tables=rows)).text == text


def test_a_row_that_begins_with_a_code_is_named_by_two_cells_unless_the_question_has_the_code() -> None:
    text = "E02 | Low toner | Replace the cartridge"
    passage = Passage(INFO, Span(0, len(text)), text, Span(0, 0), tables=(TableRows(0, len(text), "Code | Name | Do"),))
    two = "Low toner Code: E02. E02 Name: Low toner. E02 Low toner Do: Replace the cartridge. "
    assert Shown.of(passage, "What is the code for low toner?").text == two
    assert Shown.of(passage, "What does E02 mean?").text == "E02 Name: Low toner. E02 Do: Replace the cartridge. "


def test_cells_without_bars_stand_between_gaps() -> None:
    text = "Size  Price\n====  =====\n10    £5 each\n      or £4\n20    £8  x\n====  ====="
    table = TableRows(text.index("10"), len(text), "Size | Price")
    found = Shown.of(Passage(INFO, Span(0, len(text)), text, Span(0, 0), tables=(table,)))
    head = "Size  Price\n           \n"
    assert found.text == head + "10 Price: £5 each. \n      or £4\n20    £8  x\n           "


@given(
    rows=st.lists(st.lists(st.text("ab |\n£.", max_size=6), min_size=1, max_size=4), max_size=5),
    names=st.text("AB |"),
    between=st.sampled_from([" | ", "  "]),
)
def test_every_cell_leads_back_to_itself(rows: list[list[str]], names: str, between: str) -> None:
    text = "\n".join(between.join(cells) for cells in rows)
    table = TableRows(0, len(text), names)
    found = Shown.of(Passage(INFO, Span(0, len(text)), text, Span(0, len(text)), tables=(table,)))
    told = set()
    for piece in found.pieces:
        words = slice(piece.start, piece.start + piece.length)
        assert found.text[piece.shown : piece.shown + piece.length] == text[words]
        told.update(range(words.start, words.stop))
    lost = {text[place] for place in range(len(text)) if place not in told}
    assert all(character in "| \n" for character in lost)  # all but what stands between cells is shown


@given(
    text=st.text(min_size=1, max_size=40),
    prefix=st.text(max_size=40),
    spans=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12),
    top_n=st.integers(1, 6),
)
def test_spans_lie_in_the_passage(text: str, prefix: str, spans: list[tuple[int, int]], top_n: int) -> None:
    length = len(text) + (len(prefix) + 2 if prefix else 0)
    reader = SpansReader([(start, min(start + size, length)) for start, size in spans if start < length])
    [reading] = read_passages(reader, "What?", [passage(text, prefix)], top_n=top_n)
    assert all(0 <= one.start < one.end <= len(text) for one in reading.candidates)
    assert len(reading.candidates) <= top_n + 3
    assert len(reader.shown[0]) >= len(text)


def test_rows_that_name_their_columns_are_called_by_more_than_a_number() -> None:
    text = "id: 1041 | full_name: Hannah Brook | ext: 441\ncity: Lyon | people: 520774\nno name | people: 3"
    record = Passage(INFO, Span(0, len(text)), text, Span(0, 0), tables=(TableRows(0, len(text), ""),))
    shown = Shown.of(record)
    assert shown.text.splitlines() == [
        "Hannah Brook id: 1041. 1041 full name: Hannah Brook. 1041 Hannah Brook ext: 441. ",
        "Lyon people: 520774. ",
        "no name people: 3. ",
    ]
    for words in ("1041. 1041 full", "ext: 441", "Hannah Brook ext"):
        start = shown.text.index(words)
        [told] = shown.told(Reading(0.0, 0.0, (Candidate(start, start + len(words), 0.0),))).candidates
        assert text[told.start : told.end] in words


@pytest.mark.models
def test_a_cell_is_found_by_its_row_and_column(tmp_path: Path) -> None:
    (tmp_path / "staff.csv").write_text("name,office,salary\nAda Lane,Bergen,51000\nBo Chen,Oslo,47500\n")
    (tmp_path / "parts.csv").write_text("no,part,net_price\nX-7731,Ball bearing,1.85\nX-7740,Drive belt,14.20\n")
    with spanwise.open(tmp_path / "data") as collection:
        collection.add([tmp_path / "staff.csv", tmp_path / "parts.csv"])
        collection.add(
            Source("| | Dog | Cat |\n|-|-|-|\n| Check | £48 | £44 |\n| Teeth | £310 | £270 |\n", id="a.md",
                   media_type="text/markdown")
        )  # fmt: skip
        for question, cell in (
            ("How much is a check for a cat?", "£44"),
            ("What does cleaning the teeth of a dog cost?", "£310"),
            ("Where does Bo Chen work?", "Oslo"),
            ("What is the salary of Ada Lane?", "51000"),
            ("What is the price of the drive belt?", "14.20"),
        ):
            assert collection.ask(question)[0].text == cell


@pytest.mark.models
def test_columns_beside_a_text_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "tickets.csv").write_text(
        "ticket,handled_by,status,description\n"
        "4417,Jonas Lind,open,The lower deck of the oven overheats by forty degrees since it was cleaned.\n"
        "4418,Miriam Okoye,closed,The hose between the dryer and the flour silo keeps slipping off its clamp.\n"
    )
    with spanwise.open(tmp_path / "data") as collection:
        collection.add(tmp_path / "tickets.csv")
        for question, row, column, words in (
            ("Who handled ticket 4418?", 2, "handled_by", "Miriam Okoye"),
            ("Who handled ticket 4417?", 1, "handled_by", "Jonas Lind"),
            ("By how much does the oven overheat?", 1, "description", "forty degrees"),
        ):
            result = collection.ask(question)
            assert result.answerable
            assert (result[0].text, result[0].document.id) == (words, f"tickets.csv/{row}")
            assert result[0].location.element == f"record[{row}]/{column}"
        assert not collection.ask("Who handled ticket 4431?").answerable


@pytest.mark.models
def test_a_fact_under_a_heading_is_found_for_what_the_heading_names(tmp_path: Path) -> None:
    with spanwise.open(tmp_path) as collection:
        collection.add(Source(ROUTERS, id="routers.md", media_type="text/markdown"))
        for model, years in (("210", "Two years"), ("450", "Five years")):
            result = collection.ask(f"How long is the warranty of the Netbox {model}?")
            assert result.answerable
            assert result[0].text == years
        assert not collection.ask("How long is the warranty of the Netbox 900?").answerable
