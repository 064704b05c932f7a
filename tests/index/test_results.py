"""What a search shows: pages of one ranking, neighbours as one, what matched, how scores came about, re-ranking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spanwise
from spanwise import CursorError, Hit, Settings, Source, Span, StaleCursorError
from spanwise.index.cursors import make_cursor
from spanwise.index.ranking import SEARCH_WEIGHT
from spanwise.qa.collection import Collection
from spanwise.qa.reading import Reading
from spanwise.testing import HashEmbedder, ScriptedReader

WORDS = "alba birk corn dusk elm fern gorse heath iris junco".split()
Mode = Any


def place(hit: Hit) -> tuple[str, int]:
    return hit.document.id, hit.span.start


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """260 documents of one passage, several of them alike; no test changes them."""
    with spanwise.open(tmp_path_factory.mktemp("many"), settings=Settings(), embedder=HashEmbedder()) as library:
        words = [f"{WORDS[n % 10]} {WORDS[n // 10 % 10]} {WORDS[n // 7 % 10]}" for n in range(260)]
        library.add([Source(text, id=f"d{n:03}", metadata={"n": n}) for n, text in enumerate(words)])
        yield library


# Pages.


def pages(library: Collection, query: str, sizes: Sequence[int], **options: Any) -> list[Hit]:
    """All hits, by pages of those sizes in turn."""
    found: list[Hit] = []
    cursor = None
    for number in range(10_000):
        page = library.search(query, sizes[number % len(sizes)], cursor=cursor, **options)
        found.extend(page)
        cursor = page.next
        if cursor is None:
            return found
        assert len(page) == sizes[number % len(sizes)]
    raise AssertionError("the pages do not end")


@pytest.mark.slow
@settings(max_examples=8)
@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join),
    st.lists(st.integers(7, 100), min_size=1, max_size=3),
    st.sampled_from(["hybrid", "dense", "lexical"]),
    st.sampled_from([None, {"n": {"$lt": 130}}]),
)
def test_pages_of_any_size_are_slices_of_one_ranking(
    many: Collection, query: str, sizes: list[int], mode: Mode, where: Any
) -> None:
    found = pages(many, query, sizes, mode=mode, where=where)
    assert [place(hit) for hit in found] == [place(hit) for hit in pages(many, query, [100], mode=mode, where=where)]
    assert len({place(hit) for hit in found}) == len(found)
    allowed = 260 if where is None else 130
    if mode == "lexical":
        expected = sum(bool(set(query.split()) & set(many.document(f"d{n:03}").text.split())) for n in range(allowed))
        assert len(found) == expected
    else:
        assert len(found) == allowed  # nothing is lost, nothing comes twice
    if mode != "hybrid":  # then all scores compare, over the rounds too
        scores = [hit.scores.dense if mode == "dense" else hit.scores.lexical for hit in found]
        assert scores == sorted(scores, key=lambda score: -(score or 0))


def test_the_first_page_does_not_depend_on_how_much_is_asked_for(many: Collection) -> None:
    most = [place(hit) for hit in many.search("alba birk", 100)]
    for top_k in (1, 5, 49, 50, 51, 99):
        assert [place(hit) for hit in many.search("alba birk", top_k)] == most[:top_k]


def test_a_cursor_belongs_to_its_search(many: Collection) -> None:
    cursor = many.search("alba", 5).next
    assert cursor is not None
    assert "alba" not in cursor
    assert len(many.search(" alba ", 9, cursor=cursor)) == 9
    others: list[dict[str, Any]] = [
        {"query": "birk"}, {"mode": "dense"}, {"where": {"n": 1}}, {"merge": False}, {"rerank": True},
    ]  # fmt: skip
    for other in others:
        with pytest.raises(CursorError, match=r"another search.*same query, mode, filter"):
            many.search(**({"query": "alba", "cursor": cursor} | other))


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", "e30", "bnVsbA", "W10", "a" * 5_000, 7, b"x", make_cursor(1, 1, 0), make_cursor(1, 1, -5),
     make_cursor(1, 1, 10**9), make_cursor(1, 1, True), make_cursor(1, "1", 2)],  # type: ignore[arg-type]
)  # fmt: skip
def test_what_is_no_cursor_is_refused(many: Collection, cursor: Any) -> None:
    with pytest.raises(CursorError, match="Pass `next`"):
        many.search("alba", cursor=cursor)


def test_a_change_ends_the_pages(library: Collection) -> None:
    library.add([Source(f"The bridge {n}.", id=str(n)) for n in range(9)])
    cursor = library.search("bridge", 3).next
    library.remove("8")
    with pytest.raises(StaleCursorError, match=r"generation 1, now 2.*Search again"):
        library.search("bridge", 3, cursor=cursor)


# Neighbours.

SECTION = "Alba birk corn dusk elm. " * 60


def test_neighbours_that_hit_together_are_one_hit(library: Collection) -> None:
    library.add(Source(f"{SECTION}The bridge of fern is wide. {SECTION}", id="a"))
    library.add(Source("A bridge in another town.", id="b"))
    text = library.document("a").text
    single = library.search("bridge of fern", 20, merge=False)
    passages = sorted(hit.span for hit in single if hit.document.id == "a")
    assert len(passages) > 3
    assert not any(hit.merged for hit in single)

    hits = library.search("bridge of fern", 20)
    best = next(hit for hit in hits if hit.document.id == "a")
    alone = next(hit for hit in single if hit.document.id == "a")
    middle = passages.index(alone.span)
    around = passages[max(middle - 1, 0) : middle + 2]
    assert best.merged == tuple(around)
    assert best.span == Span(around[0].start, around[-1].end)
    assert best.text == text[best.span.start : best.span.end]
    assert best.passage.span_utf16 == best.span.utf16(text)
    assert best.scores == alone.scores
    covered = sorted(span for hit in hits if hit.document.id == "a" for span in hit.merged or (hit.span,))
    assert covered == passages  # each passage once
    assert all(len(hit.merged) != 1 for hit in hits)
    assert [one.span.of(text) for one in best.highlights] == ["bridge", "of", "fern"]


def test_a_heading_or_other_words_between_keep_passages_apart(library: Collection) -> None:
    library.add(Source("# One\n\nThe bridge.\n\n# Two\n\nThe bridge.\n", id="a", media_type="text/markdown"))
    hits = library.search("bridge")
    assert len(hits) == 2
    assert not any(hit.merged for hit in hits)


def test_pages_with_merged_hits_show_each_passage_once(library: Collection) -> None:
    library.add(Source(SECTION * 6, id="a"))
    every = {hit.span for hit in pages(library, "dusk elm", [50], merge=False)}
    shown = [span for hit in pages(library, "dusk elm", [3]) for span in hit.merged or (hit.span,)]
    assert len(shown) == len(every) > 12
    assert set(shown) == every


# What matched.


@pytest.mark.parametrize(
    ("text", "query", "words"),
    [
        ("Bridges were built; building a bridge costs.", "bridge builds", ["Bridges", "building", "bridge"]),
        ("The Café and the cafe\u0301.", "cafe", ["Café", "cafe\u0301"]),
        ("👩\u200d👩\u200d👧 The 🏖️ party at the beach 👋🏽 beach.", "beach", ["beach", "beach"]),
        ("See CVE-2024-3094 and CVE-2024-1.", "CVE-2024-3094", ["CVE-2024-3094"]),
        ("שלום עולם. العالم كبير.", "עולם كبير", ["עולם", "كبير"]),
        ("\U0001d518 𝔘𝔫𝔦 Straße in GRAZ", "graz strasse", ["Straße", "GRAZ"]),
        ("nothing here", "bridge", []),
        ("\ue000 bridge \ue001 and \ue000", "bridge", ["bridge"]),
    ],
)  # fmt: skip
def test_highlights_are_the_words_that_matched(library: Collection, text: str, query: str, words: list[str]) -> None:
    library.add(Source(text, id="a"))
    [hit] = library.search(query)
    assert [one.span.of(text) for one in hit.highlights] == words
    encoded = text.encode("utf-16-le")
    for one, word in zip(hit.highlights, words, strict=True):
        assert encoded[2 * one.span_utf16.start : 2 * one.span_utf16.end].decode("utf-16-le") == word


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    with spanwise.open(tmp_path_factory.mktemp("scratch"), settings=Settings(), embedder=HashEmbedder()) as library:
        yield library


QUERIES = ["cat mats", "Feb 20", "été", "peel U.S. Smith", "ไทย two head lorem", "字 Titles"]


@pytest.mark.slow
@settings(max_examples=20)
@given(st.data())
def test_each_highlight_is_a_word_of_the_query_as_search_reads_it(
    scratch: Collection, nasty_texts: st.SearchStrategy[str], data: st.DataObject
) -> None:
    """What is marked, taken alone as a document, is found by the query; what is not marked is not found."""
    text = data.draw(nasty_texts.filter(str.strip))
    query = data.draw(st.sampled_from(QUERIES))
    scratch.remove(*(info.id for info in scratch.documents()))
    scratch.add(Source(text, id="a"))
    parts: dict[str, tuple[str, bool]] = {}
    for hit in scratch.search(query, 3, mode="lexical"):
        assert hit.highlights
        assert [one.span for one in hit.highlights] == sorted(one.span for one in hit.highlights)
        rest = list(text)
        for one in hit.highlights:
            assert hit.span.start <= one.span.start < one.span.end <= hit.span.end
            assert one.span_utf16 == one.span.utf16(text)
            parts[f"m{len(parts)}"] = (one.span.of(text), True)
            rest[one.span.start : one.span.end] = " " * (one.span.end - one.span.start)
        if (unmarked := hit.span.of("".join(rest))).strip():
            parts[f"r{len(parts)}"] = (unmarked, False)
    scratch.add([Source(words, id=name) for name, (words, _) in parts.items()])
    for name, (words, found) in parts.items():
        hits = scratch.search(query, mode="lexical", where={"document.id": name})
        assert bool(hits.hits) == found, words


# The nearest sentence.


def test_the_nearest_sentence_is_marked_on_request(library: Collection) -> None:
    text = "👋 The tower is tall. The wide bridge crosses the river. Bread is baked here."
    library.add(Source(text, id="a"))
    assert library.search("wide bridge")[0].sentence is None
    sentence = library.search("wide bridge", sentences=True)[0].sentence
    assert sentence is not None
    assert sentence.span.of(text) == "The wide bridge crosses the river."
    assert sentence.span_utf16 == sentence.span.utf16(text)


@pytest.mark.slow
@settings(max_examples=25)
@given(st.data())
def test_any_passage_with_words_has_a_nearest_sentence(
    scratch: Collection, nasty_texts: st.SearchStrategy[str], data: st.DataObject
) -> None:
    text = data.draw(nasty_texts.filter(str.strip))
    scratch.add(Source(text, id="a"))
    for hit in scratch.search("two cats", 3, sentences=True, where={"document.id": "a"}):
        assert hit.sentence is not None or not any(map(str.isalnum, hit.text))
        if hit.sentence is not None:
            assert hit.span.start <= hit.sentence.span.start < hit.sentence.span.end <= hit.span.end
            assert hit.sentence.span.of(text) == hit.sentence.span.of(text).strip()
            assert hit.sentence.span_utf16 == hit.sentence.span.utf16(text)


# How a score came about.


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_an_explanation_adds_up(many: Collection, mode: Mode) -> None:
    assert many.search("alba birk")[0].explanation is None
    for hit in many.search("alba birk the zebra", 60, mode=mode, explain=True, merge=False):
        said = hit.explanation
        assert said is not None
        weight = said.dense_weight
        assert hit.scores.fused == pytest.approx(weight * said.dense_share + (1 - weight) * said.lexical_share)
        assert [term.word for term in said.terms] == ["alba", "birk", "the", "zebra"][-len(said.terms) :]
        assert sum(term.score for term in said.terms) == pytest.approx(hit.scores.lexical or 0)
        assert all((term.score > 0) == (term.word in hit.text.split()) for term in said.terms) or mode == "dense"
        assert any(f"= {hit.scores.fused:.3f}." in sentence for sentence in said.words)


def test_an_explanation_in_words(library: Collection) -> None:
    library.add([Source(f"Corn number {n}.", id=f"c{n}") for n in range(30)])
    library.add(Source("The bridges over corn.", id="a"))
    hit = library.search("bridge over corn", explain=True)[0]
    assert hit.explanation is not None
    assert hit.scores.lexical is not None
    lexical, half = f"{hit.scores.lexical:.2f}", f"{hit.scores.lexical / 2:.2f}"
    assert hit.explanation.left_out == ("corn",)
    assert list(hit.explanation.words) == [
        f"Meaning: cosine {hit.scores.dense:.3f}; 0 for the farthest and 1 for the nearest candidate: 1.000.",
        f"Words: BM25 {lexical} (“bridge” {half}, “over” {half}); 1 for the best candidate: 1.000.",
        "Left out as too common: “corn”.",
        "Score: 0.34 × 1.000 meaning + 0.66 × 1.000 words = 1.000.",  # no other passage has the words
    ]


# Re-ranking.


class Near(ScriptedReader):
    """Finds passages that say `near` a little more relevant than others."""

    def read(self, question: str, passages: Sequence[str], *, top_n: int = 5) -> list[Reading]:
        return [Reading(self.more * ("near" in passage), 0.0, ()) for passage in passages]

    def __init__(self, more: float) -> None:
        super().__init__()
        self.more = more


@pytest.mark.parametrize(("more", "first"), [(SEARCH_WEIGHT / 2, "a"), (SEARCH_WEIGHT * 2, "b")])
def test_the_score_of_the_search_counts_beside_the_reading_model(
    opened: Callable[..., Collection], more: float, first: str
) -> None:
    library = opened(reader=Near(more))
    library.add([Source("The old bridge of stone.", id="a"), Source("The bridge is near.", id="b")])
    library.add([Source(f"Nothing of number {n}.", id=f"d{n}") for n in range(5)])
    found = library.search("old bridge of stone", 2, mode="lexical", rerank=True, explain=True)
    assert [hit.document.id for hit in found] == sorted("ab", reverse=first == "b")
    fused, relevance = found[1].scores.fused, found[1].scores.relevance
    assert relevance is not None
    assert f"{relevance + SEARCH_WEIGHT * fused:.2f}" in found[1].explanation.words[-1]  # type: ignore[union-attr]


class LongestFirst(ScriptedReader):
    """Gives each passage its length as relevance."""

    def read(self, question: str, passages: Sequence[str], *, top_n: int = 5) -> list[Reading]:
        return [Reading(float(len(passage)), 0.0, ()) for passage in passages]


def test_the_reading_model_orders_the_first_twenty(opened: Callable[..., Collection]) -> None:
    library = opened(reader=LongestFirst())
    library.add([Source("bridge " * (1 + n % 15), id=f"d{n:02}") for n in range(40)])
    plain = [place(hit) for hit in library.search("bridge", 40)]
    hits = library.search("bridge", 40, rerank=True, explain=True)
    head = hits.hits[:20]
    assert {place(hit) for hit in head} == set(plain[:20])
    assert [place(hit) for hit in hits.hits[20:]] == plain[20:]
    assert [hit.scores.relevance for hit in head] == sorted((float(len(hit.text)) for hit in head), reverse=True)
    assert all(hit.scores.relevance is None for hit in hits.hits[20:])
    for one, other in pairwise(head):
        assert one.scores.relevance != other.scores.relevance or place(one) < place(other)
    assert "relevance of" in " ".join(hits[0].explanation.words)  # type: ignore[union-attr]
    assert [place(hit) for hit in pages(library, "bridge", [7], rerank=True)] == [place(hit) for hit in hits]


def test_what_is_deleted_while_the_model_reads_is_not_shown(opened: Callable[..., Collection]) -> None:
    class Deleting(LongestFirst):
        def read(self, question: str, passages: Sequence[str], *, top_n: int = 5) -> list[Reading]:
            other.remove("a")
            other.add(Source("The bridge is gone.", id="b"))
            return super().read(question, passages, top_n=top_n)

    other = opened()
    other.add([Source(f"The bridge {name}.", id=name) for name in "abc"])
    library = opened(reader=Deleting())
    assert [hit.document.id for hit in library.search("bridge", rerank=True)] == ["c"]
