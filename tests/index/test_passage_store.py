"""The contract of a passage store: all of a change or nothing, at once, and answers that agree with plain counting."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwise import DocumentExistsError, DocumentNotFoundError, Span
from spanwise.index import lexical_sqlite
from spanwise.index.embedding import Fingerprint, Vectors
from spanwise.index.store import DocumentDraft, PassageStore, View
from spanwise.testing import HashEmbedder

Draft = Callable[..., DocumentDraft]
Open = Callable[[], PassageStore]

vector_of = HashEmbedder(16).embed_query


def texts_of(view: View, scored: list[tuple[int, float]]) -> list[str]:
    passages = view.passages([key for key, _ in scored])
    return [passages[key].text for key, _ in scored]


def dense(store: PassageStore, text: str, k: int = 10) -> list[str]:
    with store.reading() as view:
        return texts_of(view, view.dense(vector_of(text), k))


def lexical(store: PassageStore, query: str, k: int = 10) -> list[str]:
    with store.reading() as view:
        return texts_of(view, view.lexical(view.read(query), k))


def ids(store: PassageStore) -> list[str]:
    with store.reading() as view:
        return [info.id for info in view.documents(None, None)]


def generation(store: PassageStore) -> int:
    with store.reading() as view:
        return view.generation


# Changes


def test_an_empty_store_finds_nothing(store: PassageStore) -> None:
    with store.reading() as view:
        assert view.generation == 0
        assert view.dense(vector_of("alba"), 5) == []
        assert view.lexical(view.read("alba"), 5) == []
        assert view.similarities(vector_of("alba"), [1, 2]) == {}
        assert view.passages([1]) == {}
        assert view.documents(None, None) == []
        assert (view.counts().documents, view.counts().passages, view.counts().characters) == (0, 0, 0)


def test_what_is_added_is_found_at_once(store: PassageStore, draft: Draft) -> None:
    stored = store.add([draft("a", "alba birk", "corn dusk"), draft("b", "elm fern")], replace=True)
    assert stored.generation == 1
    assert ids(store) == ["a", "b"]
    assert dense(store, "corn dusk", 1) == ["corn dusk"]
    assert lexical(store, "fern") == ["elm fern"]
    with store.reading() as view:
        assert view.generation == 1
        assert list(stored.documents) == view.documents(None, None)
        document = view.document("a")
        assert document.text == "alba birk\n\ncorn dusk"
        assert (document.info.title, document.info.metadata, document.info.passages) == ("A", {"n": 1}, 2)
        [passage] = view.passages([view.lexical(view.read("corn"), 1)[0][0]]).values()
    assert (passage.document.id, passage.span, passage.heading) == ("a", Span(11, 20), ("Top",))


def test_a_replaced_document_is_only_the_new_one(store: PassageStore, draft: Draft) -> None:
    store.add([draft("a", "alba birk", "corn dusk"), draft("b", "elm fern")], replace=True)
    with store.reading() as view:
        old = view.document("a").info
        [(old_key, _)] = view.lexical(view.read("birk"), 1)
    stored = store.add([draft("a", "gorse heath")], replace=True)
    assert stored.generation == 2
    assert ids(store) == ["a", "b"]
    assert lexical(store, "alba birk corn dusk") == []
    assert set(dense(store, "alba birk")) == {"gorse heath", "elm fern"}
    with store.reading() as view:
        assert view.document("a").text == "gorse heath"
        assert view.passages([old_key]) == {}
        assert view.slice(old, Span(0, 4)) is None
        assert view.slice(view.document("a").info, Span(0, 5)) == "gorse"
        assert (view.counts().documents, view.counts().passages, view.counts().characters) == (2, 2, 19)


def test_a_deleted_document_is_found_nowhere(store: PassageStore, draft: Draft) -> None:
    store.add([draft("a", "alba birk"), draft("b", "elm fern")], replace=True)
    assert dense(store, "alba birk", 1) == ["alba birk"]  # the index in memory knows it
    with store.reading() as view:
        info = view.document("a").info
        [(key, _)] = view.lexical(view.read("alba"), 1)
    assert store.delete(["a"]) == 2
    assert ids(store) == ["b"]
    assert dense(store, "alba birk") == ["elm fern"]
    assert lexical(store, "alba birk") == []
    with store.reading() as view:
        assert view.known(["a", "b"]).keys() == {"b"}
        assert view.passages([key]) == {}
        assert view.similarities(vector_of("alba"), [key]) == {}
        assert view.slice(info, Span(0, 4)) is None
        with pytest.raises(DocumentNotFoundError, match="'a'"):
            view.document("a")


def test_the_last_document_can_be_deleted_and_others_follow(store: PassageStore, draft: Draft) -> None:
    store.add([draft("a", "alba birk")], replace=True)
    assert dense(store, "alba") == ["alba birk"]
    store.delete(["a"])
    assert dense(store, "alba") == []
    store.add([draft("b", "elm fern")], replace=True)
    assert dense(store, "alba") == ["elm fern"]


def test_a_deletion_with_an_unknown_id_deletes_nothing(store: PassageStore, draft: Draft) -> None:
    store.add([draft("a", "alba birk"), draft("b", "elm fern")], replace=True)
    with pytest.raises(DocumentNotFoundError, match="'nobody'") as caught:
        store.delete(["a", "nobody", "b"])
    assert caught.value.subject == "nobody"
    assert (ids(store), generation(store)) == (["a", "b"], 1)
    assert lexical(store, "alba fern", 5) == ["alba birk", "elm fern"]


def test_adding_what_exists_stores_nothing(store: PassageStore, draft: Draft) -> None:
    store.add([draft("b", "elm fern")], replace=False)
    with pytest.raises(DocumentExistsError, match="'b'") as caught:
        store.add([draft("a", "alba birk"), draft("b", "gorse heath"), draft("c", "iris")], replace=False)
    assert caught.value.subject == "b"
    assert (ids(store), generation(store)) == (["b"], 1)
    assert lexical(store, "alba elm gorse iris") == ["elm fern"]
    assert dense(store, "alba") == ["elm fern"]


def test_an_addition_that_breaks_off_leaves_no_trace(store: PassageStore, draft: Draft) -> None:
    store.add([draft("a", "alba birk")], replace=True)
    short_of_a_vector = draft("b", "elm fern", "gorse heath", vectors=[[1.0] + [0.0] * 15])
    with pytest.raises(ValueError, match="shorter"):
        store.add([draft("a", "corn dusk"), short_of_a_vector], replace=True)
    assert (ids(store), generation(store)) == (["a"], 1)
    assert lexical(store, "alba corn elm gorse") == ["alba birk"]
    assert dense(store, "corn dusk") == ["alba birk"]


def test_every_change_is_one_generation(store: PassageStore, draft: Draft) -> None:
    assert store.add([draft("a", "alba"), draft("b", "birk")], replace=True).generation == 1
    assert store.add([draft("a", "corn")], replace=True).generation == 2
    assert store.delete(["a", "b"]) == 3
    assert store.add([draft("a", "corn")], replace=False).generation == 4
    assert generation(store) == 4


def test_the_fingerprint_is_set_once(store: PassageStore) -> None:
    assert store.fingerprint() is None
    first = Fingerprint("one", 16, "abc", query_prompt="query: ")
    store.set_fingerprint(first)
    store.set_fingerprint(Fingerprint("two", 32, "def"))
    assert store.fingerprint() == first


def test_a_draft_without_passages_is_a_document(store: PassageStore, draft: Draft) -> None:
    store.add([draft("empty")], replace=True)
    assert (ids(store), dense(store, "alba")) == (["empty"], [])


# Searching


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


POOL = "alba birk corn dusk elm fern gorse heath iris junco".split()


def random_passages(count: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, len(POOL) + 1)
    return [
        f"unit{n} " + " ".join(rng.choice(POOL, size=int(rng.integers(2, 12)), p=weights / weights.sum()))
        for n in range(count)
    ]


def test_lexical_search_is_bm25(store: PassageStore, draft: Draft) -> None:
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
    store: PassageStore, draft: Draft, monkeypatch: pytest.MonkeyPatch
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


def test_the_prefix_is_searched_but_is_no_part_of_the_passage(store: PassageStore, draft: Draft) -> None:
    store.add([draft("a", "alba birk", prefix="Report › Zebras"), draft("b", "corn")], replace=True)
    assert lexical(store, "zebra") == ["alba birk"]


def test_dense_search_is_the_nearest_vectors(store: PassageStore, draft: Draft) -> None:
    passages = random_passages(60, seed=6)
    store.add([draft("a", *passages[:20]), draft("b", *passages[20:])], replace=True)
    exact = {text: float(vector_of(text) @ vector_of("corn dusk unit7")) for text in passages}
    with store.reading() as view:
        found = view.dense(vector_of("corn dusk unit7"), 100)
        scores = dict(zip(texts_of(view, found), (score for _, score in found), strict=True))
    assert scores == pytest.approx(exact, abs=2e-3)  # stored in half precision
    assert list(scores.values()) == sorted(scores.values(), reverse=True)
    assert dense(store, "corn dusk unit7", 3) == list(scores)[:3]


def test_similarities_are_the_scores_of_dense_search(store: PassageStore, draft: Draft) -> None:
    store.add([draft("a", *random_passages(40, seed=7))], replace=True)
    vector = vector_of("corn dusk")
    with store.reading() as view:
        scores = dict(view.dense(vector, 40))
        assert view.similarities(vector, list(scores)) == scores
        some = list(scores)[3:6]
        assert view.similarities(vector, [*some, 10**9]) == {key: scores[key] for key in some}
        assert view.similarities(vector, []) == {}


def test_equal_passages_score_alike_and_come_in_the_order_they_were_stored(store: PassageStore, draft: Draft) -> None:
    store.add([draft(f"d{n:02}", "corn dusk", "alba birk") for n in range(60)], replace=True)
    with store.reading() as view:
        for scored in (view.dense(vector_of("alba birk"), 7), view.lexical(view.read("alba birk"), 7)):
            assert len({score for _, score in scored}) == 1
            assert [passage.document.id for passage in view.passages([key for key, _ in scored]).values()] == [
                f"d{n:02}" for n in range(7)
            ]


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


def test_words_match_in_their_other_forms(store: PassageStore, draft: Draft) -> None:
    store.add([draft("a", *FORMS)], replace=True)
    assert {query: lexical(store, query) for query in FORMS.values()} == {
        query: [text] for text, query in FORMS.items()
    }


SYNTAX = [
    '"', '"alba', "alba*", "NEAR(", "NEAR(alba birk, 2)", "AND", "OR NOT", "alba AND", "-alba", "text: alba", "^alba",
    "(", "{a}", "a + b", "'; DROP TABLE documents; --", "\\", "%", "_", "__", "²", "...", "-", "’", "\x01", "🏖️",
    "alba" * 200, "prefix:alba", "alba" + "'" * 30,
]  # fmt: skip


def test_query_syntax_is_plain_words(store: PassageStore, draft: Draft) -> None:
    store.add([draft("a", "alba birk"), draft("b", "elm fern")], replace=True)
    found = {query: lexical(store, query) for query in SYNTAX}
    assert found == {query: ["alba birk"] * bool(re.search(r"\balba\b", query)) for query in SYNTAX}


def test_a_query_of_common_words_still_ranks(store: PassageStore, draft: Draft) -> None:
    store.add([draft("a", *(f"the word number{n} of the text" for n in range(300)), "the the the the")], replace=True)
    assert lexical(store, "the", 1) == ["the the the the"]
    assert lexical(store, "the number7", 5) == ["the word number7 of the text"]  # what is rare decides


def test_a_long_query_of_many_words(store: PassageStore, draft: Draft) -> None:
    store.add([draft("a", "alba birk"), draft("b", "elm fern")], replace=True)
    assert lexical(store, " ".join(f"w{n}" for n in range(1_500)) + " fern") == ["elm fern"]


# Reading


def test_documents_page_in_the_order_of_ids(store: PassageStore, draft: Draft) -> None:
    order = sorted(["b", "a", "a/b", "Z", "a-b", "10", "9", "~7E"])
    store.add([draft(id_, "alba") for id_ in reversed(order)], replace=True)
    with store.reading() as view:
        assert [info.id for info in view.documents(None, None)] == order
        assert [info.id for info in view.documents(None, 3)] == order[:3]
        assert [info.id for info in view.documents(order[2], 2)] == order[3:5]
        assert [info.id for info in view.documents("a.", None)] == [id_ for id_ in order if id_ > "a."]
        assert view.documents(order[-1], 5) == []
        assert view.documents(None, 0) == []


def test_text_and_fields_come_back_as_they_were(
    store: PassageStore, draft: Draft, nasty_texts: st.SearchStrategy[str]
) -> None:
    @settings(max_examples=20)
    @given(text=nasty_texts.filter(str.strip))
    def check(text: str) -> None:
        stored = store.add([draft("a", text)], replace=True)
        with store.reading() as view:
            document = view.document("a")
            assert (document.text, document.info) == (text, stored.documents[0])
            [passage] = view.passages([key for key, _ in view.dense(vector_of(text), 1)]).values()
            assert (passage.text, passage.document) == (text, document.info)

    check()


def test_a_view_is_one_generation_while_others_write(store: PassageStore, open_store: Open, draft: Draft) -> None:
    store.add([draft("a", "alba birk"), draft("b", "elm fern")], replace=True)
    other = open_store()
    with store.reading() as view:
        other.add([draft("a", "gorse heath"), draft("c", "iris")], replace=True)
        other.delete(["b"])
        with ThreadPoolExecutor(1) as thread:  # brings the index in memory up to the later generation
            assert set(thread.submit(dense, store, "iris").result()) == {"gorse heath", "iris"}
        assert view.generation == 1
        assert view.document("a").text == "alba birk"
        assert texts_of(view, view.dense(vector_of("elm fern"), 5)) == ["elm fern", "alba birk"]
        assert texts_of(view, view.lexical(view.read("alba"), 5)) == ["alba birk"]
        assert view.lexical(view.read("gorse iris"), 5) == []
        assert [info.id for info in view.documents(None, None)] == ["a", "b"]
        assert view.counts().documents == 2
    assert dense(store, "gorse heath") == ["gorse heath", "iris"]


# Two on one place


def test_two_stores_on_one_place_see_each_other_at_the_next_read(open_store: Open, draft: Draft) -> None:
    one, two = open_store(), open_store()
    one.add([draft("a", "alba birk")], replace=True)
    assert dense(two, "alba") == ["alba birk"]
    two.add([draft("a", "corn dusk"), draft("b", "elm fern")], replace=True)
    assert set(dense(one, "alba")) == {"corn dusk", "elm fern"}
    assert lexical(one, "alba corn") == ["corn dusk"]
    two.delete(["a"])
    assert (dense(one, "alba"), lexical(one, "corn"), ids(one)) == (["elm fern"], [], ["b"])
    one.set_fingerprint(Fingerprint("one", 16, "abc"))
    assert two.fingerprint() == one.fingerprint()
    assert generation(one) == generation(two) == 3


def test_a_store_opened_later_holds_the_same(open_store: Open, draft: Draft) -> None:
    first = open_store()
    first.add([draft("a", *random_passages(20, seed=8)), draft("b", "elm fern")], replace=True)
    first.delete(["b"])
    before = (dense(first, "corn dusk", 20), lexical(first, "iris junco", 20), ids(first), generation(first))
    first.close()
    later = open_store()
    assert (dense(later, "corn dusk", 20), lexical(later, "iris junco", 20), ids(later), generation(later)) == before


words = st.lists(st.sampled_from(POOL), min_size=1, max_size=4).map(" ".join)
changes = st.lists(
    st.tuples(st.sampled_from("abc"), st.lists(words, min_size=1, max_size=3) | st.none()), min_size=1, max_size=7
)


def test_any_history_ends_where_a_dictionary_would(store: PassageStore, draft: Draft) -> None:
    @settings(max_examples=12)
    @given(changes=changes)
    def check(changes: list[tuple[str, list[str] | None]]) -> None:
        if left := ids(store):  # by the example before
            store.delete(left)
        model: dict[str, list[str]] = {}
        for id_, passages in changes:
            if passages is not None:
                store.add([draft(id_, *passages)], replace=True)
                model[id_] = passages
            elif id_ in model:
                store.delete([id_])
                del model[id_]
            texts = [text for passages in model.values() for text in passages]
            assert ids(store) == sorted(model)
            assert sorted(dense(store, "corn", 99)) == sorted(texts)
            for word in POOL[:4]:
                assert sorted(lexical(store, word, 99)) == sorted(text for text in texts if word in text.split())

    check()


def test_vectors_are_kept_in_half_precision(store: PassageStore, draft: Draft) -> None:
    vector: Vectors = np.full(16, 0.25, np.float32)
    store.add([draft("a", "alba", vectors=[vector])], replace=True)
    with store.reading() as view:
        assert view.dense(vector, 1)[0][1] == 1.0
