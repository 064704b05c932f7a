"""A planted word comes back as exactly the span it was planted at, in code points and in UTF-16 units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import spanwise
from spanwise import LimitError, Settings, Source, Span
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder, ScriptedReader

WORDS = ["Zanzibar77", "Žižkov", "🏖️Strandbad", "e\u0301te\u0301-x", "答案", "𝔘𝔫𝔦99", "שלום"]
SCRIPT = {f"Where is {word} now?": word for word in WORDS}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    folder: Path = tmp_path_factory.mktemp("spans")
    with spanwise.open(folder, settings=Settings(), embedder=HashEmbedder(), reader=ScriptedReader(SCRIPT)) as library:
        yield library


def utf16_slice(text: str, span: Span) -> str:
    """As JavaScript's `slice` would cut it."""
    return text.encode("utf-16-le")[2 * span.start : 2 * span.end].decode("utf-16-le")


def ask_for(library: Collection, word: str, text: str, media_type: str, places: list[int]) -> None:
    library.add(Source(text, id="planted", title="A title 🏖️", media_type=media_type))  # type: ignore[arg-type]
    result = library.ask(f"Where is {word} now?")
    best = result.answers[0]
    assert best.text == word
    assert utf16_slice(text, best.span_utf16) == word
    assert utf16_slice(text, best.passage.span_utf16) == best.passage.text
    found = [best.span, *(support.span for support in best.support)]
    assert all(span.of(text) == word for span in found)
    assert {span.start for span in found} <= set(places)
    assert best.passage.span.of(text) == best.passage.text
    assert best.document.content_hash == library.document("planted").info.content_hash


@given(data=st.data(), word=st.sampled_from(WORDS), media_type=st.sampled_from(["text/plain", "text/markdown"]))
def test_the_planted_span_is_the_answer(
    data: st.DataObject, word: str, media_type: str, library: Collection, nasty_texts: st.SearchStrategy[str]
) -> None:
    before = data.draw(nasty_texts) + " "
    text = before + word + " " + data.draw(nasty_texts)
    # What is around it may hold the word too.
    ask_for(library, word, text, media_type, [place.start() for place in re.finditer(re.escape(word), text)])


@pytest.mark.parametrize("word", WORDS)
def test_every_place_that_says_it_is_support(word: str, library: Collection) -> None:
    places: list[int] = []
    text = "\ufeff👋🏽\r\n"
    for place in range(3):
        text += f"In paragraph {place} it says "
        places.append(len(text))
        others = " ".join(f"unit{place}x{number}" for number in range(130))  # each place in a passage of its own
        text += f"{word} e\u0301 🏖️ {others}.\r\n\r\n"
    ask_for(library, word, text, "text/plain", places)
    result = library.ask(f"Where is {word} now?")
    assert {result.answers[0].span.start, *(one.span.start for one in result.answers[0].support)} == set(places)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 40), st.integers(0, 40))
@example("a🏖️b", 1, 3)
def test_utf16_spans_cut_the_same_words(text: str, start: int, length: int) -> None:
    start = min(start, len(text))
    span = Span(start, min(start + length, len(text)))
    assert utf16_slice(text, span.utf16(text)) == span.of(text)


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (4, 3), (-2, -1)])
def test_a_span_runs_forward_from_zero(start: int, end: int) -> None:
    with pytest.raises(LimitError, match=f"no span from {start} to {end}. Give code points with 0 ≤ start ≤ end"):
        Span(start, end)
