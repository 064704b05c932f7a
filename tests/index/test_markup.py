"""The copy that the models see: same length, marks blanked, nothing else changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwise.index.markup import blank_markup, strip_markup


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("See [the page](https://example.org/a) now", "See  the page" + 25 * " " + "now"),
        ("![a cat](cat.png)!", "  a cat          !"),
        ("[a](#) [b](#)", " a      b    "),
        ("A **bold** and __strong__ word", "A   bold   and   strong   word"),
        ("~~gone~~ `code` ```py", "  gone    code     py"),
        ("# Head\n## Two", "  Head\n   Two"),
        ("> > quoted\n> more", "    quoted\n  more"),
        ("x\r\n# Head", "x\r\n  Head"),
        ("Title\r\n=====\r\nx", "Title\r\n     \r\nx"),
        ("+----+-+\n| a  | |\n  ====  =\nb", "        \n| a  | |\n         \nb"),
        ("---- x\n---\n|----|", "---- x\n---\n|----|"),
    ],
)
def test_marks_become_spaces(text: str, seen: str) -> None:
    assert blank_markup(text) == seen


def test_what_people_read_has_no_gaps_for_marks() -> None:
    assert strip_markup("Pay **12 euros**, see [the `page`](https://example.org/a).") == "Pay 12 euros, see the page."
    assert strip_markup("2 * 3 [1]") == "2 * 3 [1]"


@pytest.mark.parametrize(
    "text",
    [
        "snake__case__name",
        "a # b",
        "a > b",
        "#hashtag",
        "f(x)[0]",
        "[1] and (2)",
        "[a] (b)",
        "2 * 3 * 4",
        "[a](b c)",
        "",
    ],
)
def test_what_is_no_mark_stays(text: str) -> None:
    assert blank_markup(text) == text


@given(data=st.data())
def test_length_stays_and_changes_are_spaces(data: st.DataObject, nasty_texts: st.SearchStrategy[str]) -> None:
    text = data.draw(nasty_texts)
    seen = blank_markup(text)
    assert len(seen) == len(text)
    assert all(now in (was, " ") for was, now in zip(text, seen, strict=True))


@given(st.lists(st.text("[]()!*_~`#> \tab.", max_size=20), min_size=1, max_size=4))
def test_a_line_is_seen_the_same_whatever_stands_around_it(lines: list[str]) -> None:
    assert blank_markup("\n".join(lines)).split("\n") == [blank_markup(line) for line in lines]


@given(data=st.data())
def test_letters_and_digits_are_blanked_only_in_link_targets(
    data: st.DataObject, nasty_texts: st.SearchStrategy[str]
) -> None:
    text = data.draw(nasty_texts).replace("](", "] (")
    seen = blank_markup(text)
    assert all(now == was for was, now in zip(text, seen, strict=True) if was.isalnum())
