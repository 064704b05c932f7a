"""Questions and searches: what is refused, what is found, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import spanwise
from spanwise import LimitError, QuestionError, Settings, Source
from spanwise.index.fusion import DENSE_WEIGHT, STANDING_OUT, fuse
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder, ScriptedReader

Act = Callable[[Collection, Any], Any]
both = pytest.mark.parametrize("act", [Collection.search, Collection.ask])


SOURCES = [
    Source("The bridge over the Elbe is twelve metres wide.", id="bridge"),
    Source("The tower was built in 1906.", id="tower"),
    Source("Bread is baked every morning.", id="bread"),
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """A collection that no test changes."""
    folder = tmp_path_factory.mktemp("questions")
    with spanwise.open(folder, settings=Settings(), embedder=HashEmbedder(), reader=ScriptedReader()) as library:
        library.add(SOURCES)
        yield library


@both
@pytest.mark.parametrize("question", ["", " ", "\n\t\r\n", "\u2003\u3000", "\0", " \0\0 "])
def test_an_empty_question(filled: Collection, act: Act, question: str) -> None:
    with pytest.raises(QuestionError, match="is empty"):
        act(filled, question)


@both
@pytest.mark.parametrize("question", [None, 7, b"bytes", ["a"], {"a": 1}, True])
def test_a_question_that_is_no_text(filled: Collection, act: Act, question: object) -> None:
    with pytest.raises(QuestionError, match=f"is {type(question).__name__}, not a string"):
        act(filled, question)


@both
def test_a_question_that_is_too_long(filled: Collection, act: Act) -> None:
    with pytest.raises(QuestionError, match=r"has 1,000,000 characters; the limit is 1,000\b") as caught:
        act(filled, "x" * 1_000_000)
    assert len(str(caught.value)) < 200
    act(filled, " " * 5_000 + "x" * 1_000)  # space around it does not count


@both
@pytest.mark.parametrize("top_k", [0, -1, True, False, 101, 10**9, 1.0, "3", None])
def test_top_k_out_of_its_limits(filled: Collection, act: Any, top_k: object) -> None:
    with pytest.raises(LimitError, match=r"top_k is .* Give a number from 1 to 100"):
        act(filled, "bridge", top_k)


def test_an_unknown_mode(filled: Collection) -> None:
    with pytest.raises(QuestionError, match=r"no search mode 'semantic'.*hybrid, dense, lexical"):
        filled.search("bridge", mode="semantic")  # type: ignore[arg-type]


@pytest.mark.parametrize("question", ["\ud800 bridge", "bridge\0wide", "bridge \udfff\ud800", "\U0010ffff bridge"])
def test_odd_characters_are_read_over(filled: Collection, question: str) -> None:
    assert filled.search(question)[0].document.id == "bridge"
    filled.ask(question).question.encode()


@given(st.text(st.characters(exclude_categories=()), max_size=40) | st.text('"*()-+:^{}NEARANDOR ', max_size=30))
def test_any_question_has_hits_unless_it_is_empty(filled: Collection, question: str) -> None:
    if question.replace("\0", " ").strip():
        hits = filled.search(question)
        assert {hit.document.id for hit in hits} == {"bridge", "tower", "bread"}  # the nearest, however far
    else:
        with pytest.raises(QuestionError, match="is empty"):
            filled.search(question)


def test_an_empty_collection_has_no_hits_and_no_answer(library: Collection) -> None:
    assert len(library.search("bridge")) == 0
    result = library.ask("How wide is the bridge?")
    assert (result.answers, result.answerable, result.no_answer_probability, result.best) == ((), False, 1.0, None)
    assert library.status().generation == result.generation == 0


def test_each_mode_gives_its_scores(filled: Collection) -> None:
    hybrid, dense, lexical = (filled.search("wide bridge", mode=mode)[0] for mode in ("hybrid", "dense", "lexical"))  # type: ignore[arg-type]
    assert hybrid.document.id == dense.document.id == lexical.document.id == "bridge"
    assert dense.scores.lexical is None
    assert lexical.scores.dense is None
    assert (hybrid.scores.dense, hybrid.scores.lexical) == (dense.scores.dense, lexical.scores.lexical)
    assert hybrid.scores.fused == dense.scores.fused == lexical.scores.fused == 1.0
    assert [hit.document.id for hit in filled.search("bread", mode="lexical")] == ["bread"]
    assert len(filled.search("bread", mode="dense")) == 3


def test_a_deleted_or_replaced_text_is_not_found(library: Collection) -> None:
    library.add(SOURCES)
    library.search("bridge")
    library.remove("bridge")
    library.add(Source("The mill grinds.", id="tower"))
    for mode in ("hybrid", "dense", "lexical"):
        found = {hit.text for hit in library.search("bridge Elbe tower built 1906", mode=mode)}  # type: ignore[arg-type]
        assert found <= {"The mill grinds.", "Bread is baked every morning."}
    assert {answer.document.id for answer in library.ask("When was the tower built?")} <= {"tower", "bread"}


def test_equal_passages_rank_by_document_and_place_however_they_came(opened: Callable[..., Collection]) -> None:
    ids = [f"d{number:02}" for number in range(12)]
    sources = [Source("The bridge is wide.", id=id_) for id_ in ids]
    forward, backward = opened("forward"), opened("backward")
    forward.add(sources)
    for source in reversed(sources):
        backward.add(source)
    for library in (forward, backward):
        assert [hit.document.id for hit in library.search("wide bridge", 7)] == ids[:7]


def test_cosines_of_the_same_words_are_one(library: Collection) -> None:
    library.add(Source("The bridge over the Elbe is twelve metres wide", id="a"))
    score = library.search("the bridge over the elbe is twelve metres wide")[0].scores.dense
    assert score == pytest.approx(1, abs=1e-3)


scores = st.dictionaries(st.integers(1, 8), st.floats(-1, 1, allow_subnormal=False), max_size=6)


@given(scores, scores.map(lambda found: {key: abs(value) + 1e-3 for key, value in found.items()}))
def test_fused_scores_lie_in_zero_to_one_best_first(dense: dict[int, float], lexical: dict[int, float]) -> None:
    fused = fuse(dense, lexical)
    assert {one.key for one in fused} == dense.keys() | lexical.keys()
    assert [(-one.fused, one.key) for one in fused] == sorted((-one.fused, one.key) for one in fused)
    assert all(0 <= one.fused <= 1 + 1e-9 for one in fused)
    assert all((one.dense, one.lexical) == (dense.get(one.key), lexical.get(one.key)) for one in fused)


def test_the_ranking_whose_best_stand_out_is_trusted_more() -> None:
    even = {key: 0.5 - key / 1000 for key in range(40)}  # the 20th best is 19 / 39 below the best
    flat, sloping = ({key: 10.0 - key / per for key in range(40)} for per in (100, 5))
    steep = {39: 10.0, **dict.fromkeys(range(39), 1.0)}

    def weight(lexical: dict[int, float]) -> float:
        return fuse(even, lexical)[0].dense_weight

    assert weight(flat) == 0.95
    assert weight(sloping) == pytest.approx(DENSE_WEIGHT + STANDING_OUT * (19 / 39 - 0.38))
    assert weight(steep) == pytest.approx(DENSE_WEIGHT + STANDING_OUT * (19 / 39 - 0.9))


def test_a_worked_fusion() -> None:
    fused = {one.key: one.fused for one in fuse({1: 0.8, 2: 0.6, 3: 0.4}, {2: 5.0, 3: 10.0}, dense_weight=0.6)}
    assert fused == pytest.approx({1: 0.6, 2: 0.6 * 0.5 + 0.4 * 0.5, 3: 0.4})
