"""Headings, tables and code of reStructuredText, AsciiDoc, Org, manual pages and RFCs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwise import Source
from spanwise.index.formats.kinds import ASCIIDOC, ORG, PLAIN, RST
from spanwise.index.ingest import layout_of
from spanwise.index.layout_outline import asciidoc_layout, org_layout
from spanwise.index.layout_plain import plain_layout
from spanwise.index.layout_rst import rst_layout
from spanwise.index.loading import TEXT_LAYOUTS, TEXT_TYPES, text_source
from spanwise.index.markup import blank_markup
from spanwise.index.records import Heading, Layout
from spanwise.index.splitting import SplitLimits, split
from spanwise.testing import HashEmbedder

RST_TEXT = """\
.. Copyright nobody.
   All rights waived.

.. _top:

=========
The Title
=========
:Author: A field
--------------------
Intro::

    Not a heading
    =============

.. code-block:: console

   $ make
   ======

Section *one* of :ref:`many <top>`
----------------------------------
.. note::

   Nor this
   --------

A paragraph's last line
is no heading
-------------

.. _B: http://b

1. Numbered
-----------
Ab
-

Ab
==
Sub ``code``
~~~~
"""
RST_HEADINGS = [
    ("=========", 1, "The Title"),
    ("Section *one* of :ref:`many <top>`", 2, "Section one of many"),
    ("1. Numbered", 2, "1. Numbered"),
    ("Ab", 3, "Ab"),
    ("Sub ``code``", 4, "Sub code"),
]


def headings(layout: Layout, text: str) -> list[tuple[str, int, str]]:
    """(the line of the text that the heading starts with, level, words)"""
    return [(text[found.start :].splitlines()[0], found.level, found.text) for found in layout.headings]


def whole(layout: Layout, text: str) -> list[str]:
    """What stays whole, without ends of lines."""
    return [span.of(text).rstrip("\r\n") for span in layout.unbroken]


def test_headings_of_restructuredtext() -> None:
    assert headings(rst_layout(RST_TEXT), RST_TEXT) == RST_HEADINGS


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_offsets_with_other_line_ends(line_end: str) -> None:
    text = RST_TEXT.replace("\n", line_end)
    assert headings(rst_layout(text), text) == RST_HEADINGS


def test_what_shows_nothing_above_a_heading_is_in_no_passage() -> None:
    layout = rst_layout(RST_TEXT)
    assert [span.of(RST_TEXT) for span in layout.excluded] == [RST_TEXT[: RST_TEXT.index("=====")]]
    quoted = "Before.\n\n.. _label:\n\n   Quoted words.\n\nTitle\n=====\n"
    assert rst_layout(quoted).excluded == ()
    below = "Title\n=====\n.. a comment\n\nWords.\n"
    assert rst_layout(below).excluded == ()


def test_levels_follow_the_order_of_appearance() -> None:
    text = "A\n~\n\nB\n=\n\nC\n~\n\n-\nD\n-\n\nE\n=\n\nF\n-\n"
    assert [(one.level, one.text) for one in rst_layout(text).headings] == [
        (1, "A"), (2, "B"), (1, "C"), (3, "D"), (2, "E"), (4, "F"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "ABC\n--",
        "- item\n------",
        "====\n====\n",
        "======\nTitle\n=====\n",
        ":field: x\n---------",
        "----\n",
        "a\n----b",
        "",
    ],
)
def test_what_is_no_heading(text: str) -> None:
    assert rst_layout(text).headings == ()


def test_words_are_what_a_reader_sees() -> None:
    text = "The `docs <http://x>`_ of :py:func:`~a.b` **bold** 2*3*4 |sub| \\*star\n" + "=" * 70 + "\n"
    [found] = rst_layout(text).headings
    assert found.text == "The docs of ~a.b bold 2*3*4 sub *star"


def test_lines_of_code_stay_whole() -> None:
    text = (
        "- Type::\n\n      a. B\n\n      c. D\n\n  Words. More.\n\n"
        ".. code:: sh\n   :name: x\n\n   e. F\n\nG.\n\n.. note:: ::\n\n   H.\n"
    )
    assert whole(rst_layout(text), text) == ["      a. B", "      c. D", "   :name: x", "   e. F"]


GRID = """\
+--------+-------+
| Size   | Price |
| (cm)   |       |
+========+=======+
| 10     | £5    |
+--------+-------+
| 20     | £8    |
+--------+-------+
"""
SIMPLE = """\
=====  =====  ========
Size   Price  In stock
(cm)
=====  =====  ========
10     £5     yes, both
              sorts
20     £8     no
=====  =====  ========
"""
PRINTED = """\
+----+-------+
| id | name  |
+----+-------+
| 1  | Anna  |
| 2  | Berta |
+----+-------+
"""
WRAPPED = """\
+-------+-------------+
| Name  | What it is  |
+=======+=============+
| cat   | An animal   |
|       | that purrs  |
+-------+-------------+
"""
BITS = """\
+-+-+-+-+-+-+-+-+
|Version|  IHL  |
+-+-+-+-+-+-+-+-+
|  Identifier   |
+-+-+-+-+-+-+-+-+
"""


@pytest.mark.parametrize(
    ("text", "columns", "below"),
    [
        (GRID, "Size (cm) | Price", ["| 10     | £5    |", "| 20     | £8    |"]),
        (SIMPLE, "Size (cm) | Price | In stock", ["10     £5     yes, both\n              sorts", "20     £8     no"]),
        (PRINTED, "id | name", ["| 1  | Anna  |", "| 2  | Berta |"]),
        (WRAPPED, None, ["| cat   | An animal   |\n|       | that purrs  |"]),
        (BITS, None, ["|  Identifier   |"]),
    ],
)
def test_tables_that_are_drawn(text: str, columns: str | None, below: list[str]) -> None:
    text = f"Words.\n\n{text}"
    for layout in (rst_layout(text), *([] if text.endswith(SIMPLE) else [plain_layout(text)])):
        assert whole(layout, text)[-len(below) :] == below
        assert [table.columns for table in layout.tables] == ([columns] if columns else [])
        for table in layout.tables:
            assert text[table.start : table.end].startswith(below[0])


def test_a_simple_table_without_names_and_one_without_an_end() -> None:
    text = "==  ==\na   b\nc   d\n==  ==\n\nWords.\n"
    assert (whole(rst_layout(text), text), rst_layout(text).tables) == (["a   b", "c   d"], ())
    assert rst_layout("==  ==\na   b\n").unbroken == ()


def test_headings_of_asciidoc() -> None:
    text = (
        "= The Title\nAuthor\n\n[[one]]\n== One\n\n[source]\n----\n== code. More\n----\n\n....\n=== no\n....\n\n"
        "Two words\n---------\n\nnot\nthis one\n--------\n"
    )
    layout = asciidoc_layout(text)
    assert headings(layout, text) == [
        ("= The Title", 1, "The Title"), ("== One", 2, "One"), ("Two words", 2, "Two words"),
    ]  # fmt: skip
    assert "== code. More" in whole(layout, text)


def test_headings_of_org() -> None:
    text = (
        "#+TITLE: Notes\n\n* TODO [#A] One [[http://x][link]]  :tag:\n** Two\n#+BEGIN_SRC sh\nls. More\n#+END_SRC\n"
        "| a | b |\n|---+---|\n| 1 | 2 |\n *bold* no\n*neither*\n"
    )
    layout = org_layout(text)
    assert headings(layout, text) == [
        ("#+TITLE: Notes", 1, "Notes"), ("* TODO [#A] One [[http://x][link]]  :tag:", 2, "One link"),
        ("** Two", 3, "Two"),
    ]  # fmt: skip
    assert "ls. More" in whole(layout, text)
    [table] = layout.tables
    assert (table.columns, text[table.start : table.end]) == ("a | b", "| 1 | 2 |\n")


MANUAL = """\
LS(1)                  User Commands                  LS(1)

NAME
       ls - list directory contents

OPTIONS
   Sorting
       -t     by time

       A line.

EXIT STATUS
       0      all is well

GNU                     May 2024                       LS(1)
"""
RFC = """\
Network Working Group                          A. Example
Request for Comments: 9999                     March 2026

   1. Introduction ...........................3

1.  Introduction

   Words.

4.2.  Frames and Bits

   1.  A step

Appendix A.  More

3 apples are eaten.
They were good.
"""


def test_headings_of_a_manual_page() -> None:
    assert [(one.level, one.text) for one in plain_layout(MANUAL).headings] == [
        (1, "LS(1)"), (2, "NAME"), (2, "OPTIONS"), (3, "Sorting"), (2, "EXIT STATUS"),
    ]  # fmt: skip
    assert plain_layout(MANUAL.partition("\n")[2]) == Layout()


def test_headings_of_an_rfc() -> None:
    assert [(one.level, one.text) for one in plain_layout(RFC).headings] == [
        (1, "1.  Introduction"), (2, "4.2.  Frames and Bits"), (1, "Appendix A.  More"),
    ]  # fmt: skip
    assert plain_layout(RFC.replace("Request for", "Request of")) == Layout()


@pytest.mark.parametrize(
    ("kind", "text", "title"),
    [
        (RST, "Guide\n=====\n\nUse\n---\n", "Guide"),
        (RST, "1.2\n===\n\nNew.\n\n1.1\n===\n\nOld.\n", None),
        (ASCIIDOC, "= Guide\n\n== Use\n", "Guide"),
        (ORG, "#+title: Guide\n* Use\n", "Guide"),
        (ORG, "* One\n* Two\n", None),
        (PLAIN, MANUAL, "LS(1)"),
        (PLAIN, "Guide\n=====\n", None),
    ],
)
def test_the_only_heading_of_the_highest_level_is_the_title(kind: str, text: str, title: str | None) -> None:
    source = text_source(text.encode(), "a/b", kind, None)
    assert (source.text, source.title, source.media_type) == (text, title, TEXT_TYPES[kind])
    assert layout_of(source) == layout_of(Source(text, media_type=source.media_type))


_SCRAPS = [
    "=" * 5, "====  ====", "+--+--+", "+==+==+", "| a | b |", "\n", "\n\n", "\r\n", "\r", "    ", "\t", "Title", "* ",
    "== ",    "::", "..", ".. _a:", ".. code::", "----", "....", "|===", "#+TITLE: ", "#+begin_src", "#+end_src", ":a:",
    "`b <c>`_",    "LS(1) LS(1)\n", "Request for Comments: 1\n\n", "1.2.  Title", "\x0c", "\u2028", "字",
]  # fmt: skip


@pytest.mark.parametrize("media_type", sorted(TEXT_LAYOUTS))
@given(data=st.data())
def test_any_text_has_parts_in_order_inside_it(
    media_type: str, data: st.DataObject, nasty_texts: st.SearchStrategy[str]
) -> None:
    drawn = st.lists(st.sampled_from(_SCRAPS), max_size=40).map("".join)
    text = data.draw(nasty_texts | drawn | st.builds("{}{}".format, drawn, nasty_texts))
    layout = TEXT_LAYOUTS[media_type](text)
    assert [one.start for one in layout.headings] == sorted({one.start for one in layout.headings})
    for heading in layout.headings:
        assert isinstance(heading, Heading)
        assert heading.text.strip() == heading.text != ""
        assert heading.start == 0 or text[heading.start - 1] in "\r\n" or media_type == "text/plain"
    for parts in (layout.excluded, layout.unbroken, layout.tables):
        edges = [edge for part in parts for edge in (part.start, part.end)]
        assert edges == sorted(edges)
        assert all(part.start < part.end <= len(text) for part in parts)
    found = split(
        text, layout.headings, HashEmbedder().count_tokens, SplitLimits(),
        excluded=layout.excluded, unbroken=layout.unbroken,
    )  # fmt: skip
    told = 0
    for span in sorted([*(one.span for one in found), *layout.excluded]):
        assert told <= span.start
        assert not text[told : span.start].strip()
        told = span.end
    assert not text[told:].strip()
    assert len(blank_markup(text)) == len(text)
