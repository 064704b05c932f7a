"""The contract of a passage store: all of a change or nothing, at once, and answers that agree with plain counting."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwise import DocumentExistsError, DocumentNotFoundError, Span
from spanwise.index.embedding import Fingerprint, Vectors
from spanwise.index.store import DocumentDraft, PassageStore
from spanwise.testing import HashEmbedder

Draft = Callable[..., DocumentDraft]
Open = Callable[[], PassageStore]
Texts = Callable[..., list[str]]

vector_of = HashEmbedder(16).embed_query


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


def test_what_is_added_is_found_at_once(store: PassageStore, draft: Draft, dense: Texts, lexical: Texts) -> None:
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


def test_a_replaced_document_is_only_the_new_one(
    store: PassageStore, draft: Draft, dense: Texts, lexical: Texts
) -> None:
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


def test_a_deleted_document_is_found_nowhere(store: PassageStore, draft: Draft, dense: Texts, lexical: Texts) -> None:
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


def test_the_last_document_can_be_deleted_and_others_follow(store: PassageStore, draft: Draft, dense: Texts) -> None:
    store.add([draft("a", "alba birk")], replace=True)
    assert dense(store, "alba") == ["alba birk"]
    store.delete(["a"])
    assert dense(store, "alba") == []
    store.add([draft("b", "elm fern")], replace=True)
    assert dense(store, "alba") == ["elm fern"]


def test_a_deletion_with_an_unknown_id_deletes_nothing(store: PassageStore, draft: Draft, lexical: Texts) -> None:
    store.add([draft("a", "alba birk"), draft("b", "elm fern")], replace=True)
    with pytest.raises(DocumentNotFoundError, match="'nobody'") as caught:
        store.delete(["a", "nobody", "b"])
    assert caught.value.subject == "nobody"
    assert (ids(store), generation(store)) == (["a", "b"], 1)
    assert lexical(store, "alba fern", 5) == ["alba birk", "elm fern"]


def test_adding_what_exists_stores_nothing(store: PassageStore, draft: Draft, dense: Texts, lexical: Texts) -> None:
    store.add([draft("b", "elm fern")], replace=False)
    with pytest.raises(DocumentExistsError, match="'b'") as caught:
        store.add([draft("a", "alba birk"), draft("b", "gorse heath"), draft("c", "iris")], replace=False)
    assert caught.value.subject == "b"
    assert (ids(store), generation(store)) == (["b"], 1)
    assert lexical(store, "alba elm gorse iris") == ["elm fern"]
    assert dense(store, "alba") == ["elm fern"]


def test_an_addition_that_breaks_off_leaves_no_trace(
    store: PassageStore, draft: Draft, dense: Texts, lexical: Texts
) -> None:
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


def test_a_draft_without_passages_is_a_document(store: PassageStore, draft: Draft, dense: Texts) -> None:
    store.add([draft("empty")], replace=True)
    assert (ids(store), dense(store, "alba")) == (["empty"], [])


# Searching


POOL = "alba birk corn dusk elm fern gorse heath iris junco".split()


def test_dense_search_is_the_nearest_vectors(
    store: PassageStore, draft: Draft, dense: Texts, texts_of: Texts, random_passages: Texts
) -> None:
    passages = random_passages(60, seed=6)
    store.add([draft("a", *passages[:20]), draft("b", *passages[20:])], replace=True)
    exact = {text: float(vector_of(text) @ vector_of("corn dusk unit7")) for text in passages}
    with store.reading() as view:
        found = view.dense(vector_of("corn dusk unit7"), 100)
        scores = dict(zip(texts_of(view, found), (score for _, score in found), strict=True))
    assert scores == pytest.approx(exact, abs=2e-3)  # stored in half precision
    assert list(scores.values()) == sorted(scores.values(), reverse=True)
    assert dense(store, "corn dusk unit7", 3) == list(scores)[:3]


def test_similarities_are_the_scores_of_dense_search(store: PassageStore, draft: Draft, random_passages: Texts) -> None:
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


@pytest.mark.slow
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


def test_a_view_is_one_generation_while_others_write(
    store: PassageStore, open_store: Open, draft: Draft, dense: Texts, texts_of: Texts
) -> None:
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


def test_two_stores_on_one_place_see_each_other_at_the_next_read(
    open_store: Open, draft: Draft, dense: Texts, lexical: Texts
) -> None:
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


def test_a_store_opened_later_holds_the_same(
    open_store: Open, draft: Draft, dense: Texts, lexical: Texts, random_passages: Texts
) -> None:
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


@pytest.mark.slow
def test_any_history_ends_where_a_dictionary_would(
    store: PassageStore, draft: Draft, dense: Texts, lexical: Texts
) -> None:
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
