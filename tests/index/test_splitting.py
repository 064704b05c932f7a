"""Passages: lossless slices of the text, within every limit, aligned with sentences and headings."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwise import Heading, Source, Span
from spanwise.index.embedding import Vectors
from spanwise.index.ingest import draft
from spanwise.index.loading import markdown_layout
from spanwise.index.markup import blank_markup
from spanwise.index.records import Layout
from spanwise.index.splitting import SplitLimits, TokenCounter, heading_paths, indexed_prefix, split
from spanwise.index.splitting_langchain import lossless_pieces
from spanwise.testing import HashEmbedder

words = HashEmbedder().count_tokens
limits_of_any_model = st.sampled_from([8, 32, 128, 256, 512]).map(SplitLimits.for_model)


def decomposed(texts: Sequence[str]) -> list[int]:
    """Counts as tokenizers do that decompose first: a Hangul syllable is two or three tokens."""
    return [sum(not letter.isspace() for letter in unicodedata.normalize("NFD", text)) for text in texts]


def passages(text: str, headings: Sequence[Heading] = (), limits: SplitLimits | None = None) -> list[str]:
    return [each.span.of(text) for each in split(text, headings, words, limits or SplitLimits())]


def check(text: str, count: TokenCounter, limits: SplitLimits, layout: Layout | None = None) -> None:
    """Every promise of `split`."""
    seen = blank_markup(text)
    layout = layout or Layout()
    spans = [each.span for each in split(text, layout.headings, count, limits, unbroken=layout.unbroken)]
    tokens = count([span.of(seen) for span in spans])
    assert max(tokens, default=0) <= limits.most
    previous = Span(0, 0)
    for span in spans:
        assert previous.end <= span.start < span.end <= len(text)
        assert text[previous.end : span.start].strip() == ""  # nothing but space between passages
        assert span.of(text) == span.of(text).strip()
        assert span.end - span.start <= limits.most_characters
        previous = span
    assert text[previous.end :].strip() == ""


@given(data=st.data(), limits=limits_of_any_model)
def test_any_text_is_split_without_loss_and_within_limits(
    data: st.DataObject, limits: SplitLimits, nasty_texts: st.SearchStrategy[str]
) -> None:
    text = data.draw(nasty_texts)
    check(text, words, limits)
    check(text, words, limits, markdown_layout(text))


@given(data=st.data())
def test_decomposing_tokenizers_stay_within_limits(data: st.DataObject, nasty_texts: st.SearchStrategy[str]) -> None:
    check(data.draw(nasty_texts), decomposed, SplitLimits.for_model(128))


@pytest.mark.parametrize("count", [words, decomposed])
@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_000,
        "한국어문장입니다" * 300,
        "字" * 5_000,
        "Yes. " * 1_000,
        "no stop at all " * 500,
        "{[(;)]}" * 500,
        "\n".join(f"    value_{n} = compute({n}, other[{n}])" for n in range(100)),
        "👩‍👩‍👧‍👦" * 500,
        "e\u0301" * 2_000,
        "a" + " " * 30_000 + "b",
        "A line.\r\n" * 500,
    ],
    ids=lambda value: value[:8] if isinstance(value, str) else value.__name__,
)
def test_long_runs_of_one_kind(text: str, count: TokenCounter) -> None:
    check(text, count, SplitLimits.for_model(256))


@given(data=st.data(), max_tokens=st.sampled_from([32, 128, 256]), title=st.text(max_size=80))
def test_prefix_and_passage_together_fit_the_model(
    data: st.DataObject, max_tokens: int, title: str, nasty_texts: st.SearchStrategy[str]
) -> None:
    class Remembering(HashEmbedder):
        def embed_passages(self, texts: Sequence[str]) -> Vectors:
            self.embedded = list(texts)
            return super().embed_passages(texts)

    embedder = Remembering(max_tokens=max_tokens)
    text = data.draw(nasty_texts) + "one word"
    [drafted] = draft(
        [Source(text, id="a", title=title, media_type="text/markdown")], embedder, SplitLimits.for_model(max_tokens)
    )
    assert all(tokens + 2 <= max_tokens for tokens in embedder.count_tokens(embedder.embedded))
    seen = blank_markup(text)
    for passage, embedded in zip(drafted.passages, embedder.embedded, strict=True):
        assert embedded == f"{passage.prefix}\n{passage.span.of(seen)}".removeprefix("\n")


@given(data=st.data())
def test_pieces_join_to_the_text(data: st.DataObject, nasty_texts: st.SearchStrategy[str]) -> None:
    text = data.draw(nasty_texts)
    pieces = lossless_pieces(text, 200)
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= 200 for piece in pieces)


@pytest.mark.parametrize(
    "phrase",
    ["Feb. 20", "U.S. officials", "Mr. Smith", "3.5", "e.g. this", "J. R. R. Tolkien"],
)
def test_no_passage_starts_inside(phrase: str) -> None:
    text = " ".join(f"Line {n} says that {phrase} is meant." for n in range(200))
    parts = passages(text)
    assert len(parts) > 5
    assert sum(part.count(phrase) for part in parts) == 200


def test_passages_are_sentences_packed_to_the_target() -> None:
    sentences = [f"Sentence number {n} has exactly seven words." for n in range(100)]
    parts = passages(" ".join(sentences))
    assert [part.count("Sentence") for part in parts] == [21, 21, 21, 21, 16]  # 8 tokens each, at most 170
    assert " ".join(parts) == " ".join(sentences)


def test_a_heading_opens_a_passage() -> None:
    text = "# One\n\nFirst words.\n\n## Two\n\nSecond words.\n\n# Three\n\nThird words.\n"
    found = [
        (each.span.of(text), each.heading) for each in split(text, markdown_layout(text).headings, words, SplitLimits())
    ]
    assert found == [
        ("# One\n\nFirst words.", ("One",)),
        ("## Two\n\nSecond words.", ("One", "Two")),
        ("# Three\n\nThird words.", ("Three",)),
    ]


def test_a_well_filled_passage_ends_at_a_paragraph() -> None:
    first, second = "word " * 119 + "end.", "other " * 40 + "end."  # together within the target of 170 tokens
    assert passages(f"{first}\n\n{second}") == [first, second]
    assert passages(f"{first} {second.title()}") == [f"{first} {second.title()}"]


def test_a_short_last_line_joins_the_passage_before_it() -> None:
    sentence = "word " * 168 + "end."  # 170 tokens: full
    assert passages(f"{sentence}\n\nA few last words.") == [f"{sentence}\n\nA few last words."]


def test_a_text_of_spaces_has_no_passages() -> None:
    assert passages(" \r\n\t\f\u2028") == []
    assert passages("") == []


def test_a_heading_above_a_lower_one_is_read_with_it() -> None:
    text = (
        "# Hotel\n\n## Parking\n### Cars\nTwelve euros a day.\n### Bicycles\nFree.\n## Empty\n## Meals\nFrom 7 to 10.\n"
    )
    found = [
        (each.span.of(text), each.heading) for each in split(text, markdown_layout(text).headings, words, SplitLimits())
    ]
    assert found == [
        ("# Hotel\n\n## Parking\n### Cars\nTwelve euros a day.", ("Hotel", "Parking", "Cars")),
        ("### Bicycles\nFree.", ("Hotel", "Parking", "Bicycles")),
        ("## Empty", ("Hotel", "Empty")),  # a section of its own, as nothing follows it that is lower
        ("## Meals\nFrom 7 to 10.", ("Hotel", "Meals")),
    ]


def test_every_passage_has_the_headings_it_stands_under() -> None:
    text = "before\n\n" + "".join(f"{'#' * level} {name}\n{'word ' * 100}. And more.\n" for level, name in [
        (2, "A"), (4, "B"), (3, "C"), (3, "D"), (1, "E"), (2, "F"),
    ])  # fmt: skip
    paths = {"A": "A", "B": "AB", "C": "AC", "D": "AD", "E": "E", "F": "EF"}
    found = split(text, markdown_layout(text).headings, words, SplitLimits.for_model(64))
    assert [each.heading for each in found][:1] == [()]
    assert len(found) > 12
    for each in found:
        last = text[: each.span.start + 6].rpartition("# ")[2][:1] if "# " in text[: each.span.start + 6] else None
        assert each.heading == tuple(paths[last] if last else ())


def test_a_heading_path_is_the_chain_of_open_sections() -> None:
    headings = [Heading(0, 1, "A"), Heading(10, 3, "B"), Heading(20, 2, "C"), Heading(30, 2, "D"), Heading(40, 1, "E")]
    assert heading_paths(headings) == [(), ("A",), ("A", "B"), ("A", "C"), ("A", "D"), ("E",)]


def test_outer_parts_of_the_prefix_give_way() -> None:
    limits = SplitLimits()
    assert indexed_prefix("Title", ("Part", "Chapter"), words, limits) == "Title › Part › Chapter"
    assert indexed_prefix("Part", ("Part", "Chapter"), words, limits) == "Part › Chapter"
    assert indexed_prefix("Title " * 40, ("Part", "Chapter"), words, limits) == "Part › Chapter"
    assert indexed_prefix("Title", ("word " * 50,), words, limits) == ""
    assert indexed_prefix(None, (), words, limits) == ""


@pytest.mark.parametrize("max_tokens", [8, 16, 64, 128, 256, 512, 8192])
def test_limits_leave_room_for_prefix_and_special_tokens(max_tokens: int) -> None:
    limits = SplitLimits.for_model(max_tokens)
    assert 0 < limits.target <= limits.most
    assert limits.most + limits.prefix + 2 <= max_tokens
