"""Where sentences end, and where they do not."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spanwise.index.sentences import sentence_spans


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    "whole",
    [
        "The games end on Feb. 20 in the city.",
        "So said U.S. officials on Monday.",
        "So said U.S. Officials on Monday.",
        "Then Mr. Smith and Mrs. Jones left.",
        "It grew by 3.5 percent.",
        "Many birds, e.g. this one, fly.",
        "Many birds, i.e. Penguins, swim.",
        "It was J. R. R. Tolkien who wrote it.",
        "It was J.R.R. Tolkien who wrote it.",
        "See Fig. 3 and No. 7 on pp. 12 to 14.",
        "Dr. No met Prof. Moriarty, St. Peter and Gen. Lee.",
        'He asked "why?" and left.',
        "Wait... what is this.",
        "Visit example.org/a.b?c=d today.",
        "1. First item of a list",
        "\t 12. Twelfth item of a list",
        "The version is 3.11.7 now.",
    ],
)
def test_no_boundary_inside(whole: str) -> None:
    assert sentences(whole) == [whole]


@pytest.mark.parametrize(
    "parts",
    [
        ["That is the end. ", "Next comes this."],
        ['He said "the end." ', "Next comes this."],
        ["(This is the end.) ", "Next comes this."],
        ["He said “the end.” ", "“Next,” she said."],
        ["Really?! ", "Yes! ", "No… ", "Well."],
        ["It was May. ", "20 people came."],
        ["It began in 1984. ", "It ended."],
        ["これは終わりです。", "次です！", "「はい。」", "以上"],
        ["第一句。", "第二句"],
        ["A heading without a stop\n\n", "Then a paragraph"],
        ["A heading without a stop\r\n \r\n", "Then a paragraph"],
        ["One page\f", "Another page"],
        ["Shopping:\n", "- milk\n", "- bread\n", "2) eggs"],
        ["Some text\n", "## A heading"],
        ["The end.  \n", "Next line."],
        ["Ende.\xa0", "Über."],
    ],
)
def test_a_boundary_between(parts: list[str]) -> None:
    assert sentences("".join(parts)) == parts


@pytest.mark.parametrize(
    "parts",
    [
        ["He lives in the U.S.\n\n", "Next paragraph."],
        ["a lower-case paragraph.\n\n", "and one more."],
        ["Signed, Mr.\r\n\r\n", "Nobody"],
        ["the end of a page.\f", "and the next one"],
        ["Then it stopped.     \n\n\n\n\n", "iPhones are phones."],
        ["Many spaces follow." + " " * 30 + "\n" * 30, "and then words"],
    ],
)
def test_a_blank_line_ends_a_sentence_whatever_stands_around_it(parts: list[str]) -> None:
    assert sentences("".join(parts)) == parts


@given(data=st.data())
def test_spans_are_contiguous_and_cover_the_text(data: st.DataObject, nasty_texts: st.SearchStrategy[str]) -> None:
    text = data.draw(nasty_texts)
    spans = sentence_spans(text)
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(start < end for start, end in spans)
    assert [start for start, _ in spans] == [0, *(end for _, end in spans)][: len(spans)]


@given(st.text("ab.!? \n\r\f\"')。A1-#", max_size=40))
@example("")
@example(".")
@example("a. \n")
def test_a_boundary_stands_behind_a_stop_or_at_a_line(text: str) -> None:
    for start, _ in sentence_spans(text)[1:]:
        before = text[:start]
        assert before.endswith(("\n", "\f")) or before.rstrip().rstrip("\"')")[-1:] in tuple(".!?。"), repr(before)
