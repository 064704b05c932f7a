"""Search by words in a passage store: BM25 as its formula says, words in their other forms, and no query syntax."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from spanwise.index import lexical_sqlite
from spanwise.index.store import DocumentDraft, PassageStore

Draft = Callable[..., DocumentDraft]
Texts = Callable[..., list[str]]


def bm25(documents: list[str], terms: list[str]) -> dict[str, float]:
    """Robertson's formula with k1 = 1.2 and b = 0.75, and no word counted for less than nothing."""
    words = {text: Counter(text.split()) for text in documents}
    average = sum(map(Counter.total, words.values())) / len(documents)
    scores = {}
    for text, counts in words.items():
        score = 0.0
        for term in terms:
            holders = sum(term in other for other in words.values())
            weight = max(math.log((len(documents) - holders + 0.5) / (holders + 0.5)), 1e-6)
            tf = counts[term]
            score += weight * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * counts.total() / average))
        if score:
            scores[text] = score
    return scores


def test_lexical_search_is_bm25(store: PassageStore, draft: Draft, texts_of: Texts, random_passages: Texts) -> None:
    passages = random_passages(60, seed=5)
    store.add([draft("a", *passages[:20]), draft("b", *passages[20:]), draft("c", "alba gone")], replace=True)
    store.delete(["c"])  # statistics forget what is deleted
    for terms in (["junco"], ["iris", "junco"], ["heath", "iris", "unit7"], ["nowhere"]):
        expected = bm25(passages, terms)
        with store.reading() as view:
            found = view.lexical(view.read(" ".join(terms)), 100)
            scores = dict(zip(texts_of(view, found), (score for _, score in found), strict=True))
        assert scores == pytest.approx(expected, abs=1e-6)
        assert list(scores.values()) == sorted(scores.values(), reverse=True)


def test_the_best_are_looked_for_among_the_rarer_words_and_scored_by_all(
    store: PassageStore, draft: Draft, monkeypatch: pytest.MonkeyPatch, texts_of: Texts
) -> None:
    monkeypatch.setattr(lexical_sqlite, "ENOUGH", 1)
    rng = np.random.default_rng(9)
    often = {"gorse": 0.02, "heath": 0.04, "iris": 0.08}
    passages = [" ".join([f"unit{n}", *(word for word in often if rng.random() < often[word])]) for n in range(500)]
    passages[:4] = ["unit0 gorse heath", "unit1 gorse iris iris", "unit2 gorse heath iris", "unit3 heath iris"]
    store.add([draft("a", *passages)], replace=True)
    held = {word: {text for text in passages if word in text.split()} for word in often}
    scores = bm25(passages, list(often))
    for most, rarer in ((5, ["gorse"]), (20, ["gorse", "heath"]), (100, list(often))):
        assert most > len(set.union(*(held[word] for word in rarer[:-1]), set()))  # or fewer words would do
        among = set.union(*(held[word] for word in rarer))
        with store.reading() as view:
            found = view.lexical(view.read(" ".join(often)), most)
            names = texts_of(view, found)
        assert len(names) == min(most, len(among))
        assert among.issuperset(names)
        assert [score for _, score in found] == pytest.approx([scores[name] for name in names], abs=1e-6)
        assert [scores[name] for name in names] == pytest.approx(
            sorted((scores[name] for name in among), reverse=True)[:most], abs=1e-6
        )


def test_words_are_counted_anew_after_a_change(store: PassageStore, draft: Draft) -> None:
    def left_out() -> tuple[str, ...]:
        with store.reading() as view:
            words = view.read("alba zebra")
            return view.terms(words, view.lexical(words, 1)[0][0]).left_out

    store.add([draft("a", *["alba birk"] * 20, "zebra")], replace=True)
    assert left_out() == left_out() == ()
    store.add([draft("b", "alba corn")], replace=True)
    assert left_out() == ("alba",)
    store.delete(["b"])
    assert left_out() == ()


def test_the_prefix_is_searched_but_is_no_part_of_the_passage(
    store: PassageStore, draft: Draft, lexical: Texts
) -> None:
    store.add([draft("a", "alba birk", prefix="Report › Zebras"), draft("b", "corn")], replace=True)
    assert lexical(store, "zebra") == ["alba birk"]


FORMS = {
    "The runner was running": "runs",
    "several nations": "nation",
    "the Café": "cafe",
    "a tavern": "TÁVERN",
    "re\u0301sume\u0301 here": "résumé",
    "garçon here": "garc\u0327on",
    "in İstanbul today": "İstanbul",
    "the U.S. Senate": "U.S.",
    "call 555-1234 now": "555-1234",
    "don't go": "don’t",
    "mail ann@example.org": "ann@example.org",
    "ÅNGSTRÖM unit": "\u212bngström",
    "snake_case_name": "snake_case_name",
    "東京タワー へ": "東京タワー",
    "हिन्दी भाषा": "हिन्दी",
}


def test_words_match_in_their_other_forms(store: PassageStore, draft: Draft, lexical: Texts) -> None:
    store.add([draft("a", *FORMS)], replace=True)
    assert {query: lexical(store, query) for query in FORMS.values()} == {
        query: [text] for text, query in FORMS.items()
    }


SYNTAX = [
    '"', '"alba', "alba*", "NEAR(", "NEAR(alba birk, 2)", "AND", "OR NOT", "alba AND", "-alba", "text: alba", "^alba",
    "(", "{a}", "a + b", "'; DROP TABLE documents; --", "\\", "%", "_", "__", "²", "...", "-", "’", "\x01", "🏖️",
    "alba" * 200, "prefix:alba", "alba" + "'" * 30,
]  # fmt: skip


def test_query_syntax_is_plain_words(store: PassageStore, draft: Draft, lexical: Texts) -> None:
    store.add([draft("a", "alba birk"), draft("b", "elm fern")], replace=True)
    found = {query: lexical(store, query) for query in SYNTAX}
    assert found == {query: ["alba birk"] * bool(re.search(r"\balba\b", query)) for query in SYNTAX}


def test_a_query_of_common_words_still_ranks(store: PassageStore, draft: Draft, lexical: Texts) -> None:
    store.add([draft("a", *(f"the word number{n} of the text" for n in range(300)), "the the the the")], replace=True)
    assert lexical(store, "the", 1) == ["the the the the"]
    assert lexical(store, "the number7", 5) == ["the word number7 of the text"]  # what is rare decides


def test_a_long_query_of_many_words(store: PassageStore, draft: Draft, lexical: Texts) -> None:
    store.add([draft("a", "alba birk"), draft("b", "elm fern")], replace=True)
    assert lexical(store, " ".join(f"w{n}" for n in range(1_500)) + " fern") == ["elm fern"]
