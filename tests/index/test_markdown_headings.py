"""Headings of Markdown texts stand where their lines start."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwise.index.loading import markdown_layout


def headings(text: str) -> list[tuple[str, int, str]]:
    """(what stands in the text where the heading starts, level, words)"""
    return [(text[found.start : found.start + 6], found.level, found.text) for found in markdown_layout(text).headings]


TEXT = """Intro
# One

Two
===
A *line*
of **setext** `code`
---
```
# no heading
```
    # nor this
   ### Three ###
> ## Quoted
- # In a list

####### not seven
#not either
#
"""
FOUND = [
    ("# One\n", 1, "One"),
    ("Two\n==", 1, "Two"),
    ("A *lin", 2, "A lineof setext code"),
    ("   ###", 3, "Three"),
    ("> ## Q", 2, "Quoted"),
    ("- # In", 1, "In a list"),
]


def test_of_all_kinds() -> None:
    assert headings(TEXT) == FOUND


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_offsets_with_other_line_ends(line_end: str) -> None:
    text = TEXT.replace("\n", line_end)
    assert headings(text) == [(start.replace("\n", line_end)[:6], level, words) for start, level, words in FOUND]


def test_words_are_what_a_reader_sees() -> None:
    text = "# A [link](http://x) & \\*star\\* ![pic](y) &amp; <b>bold</b>\n\n## [ref]\n\n[ref]: http://z\n"
    assert [found.text for found in markdown_layout(text).headings] == ["A link & *star*  & bold", "ref"]


def test_long_ones_are_cut() -> None:
    [found] = markdown_layout("# " + "word " * 1_000).headings
    assert (len(found.text), found.text[:9]) == (200, "word word")


def test_a_form_feed_or_line_separator_is_no_line_end() -> None:
    assert headings("a\f# b\u2028# c\n# d") == [("# d", 1, "d")]


@given(data=st.data())
def test_any_text_has_headings_in_order_at_line_starts(
    data: st.DataObject, nasty_texts: st.SearchStrategy[str]
) -> None:
    text = data.draw(nasty_texts)
    found = markdown_layout(text).headings
    assert [one.start for one in found] == sorted({one.start for one in found})
    for one in found:
        assert one.start == 0 or text[one.start - 1] in "\r\n"
        assert one.text
