"""Code written for the question-answering pipeline runs with its import changed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import spanwise
from spanwise import LimitError, QuestionError
from spanwise.testing import ScriptedReader

CONTEXT = "👋 The games conclude Feb. 20 in Beijing."
SCRIPT = {"When?": "Feb. 20", "Where?": "Beijing"}


@pytest.fixture
def answerer() -> spanwise.QuestionAnswerer:
    return spanwise.QuestionAnswerer(reader=ScriptedReader(SCRIPT))


def test_one_question_gives_one_dictionary(answerer: Any) -> None:
    found = answerer(question="When?", context=CONTEXT)
    assert list(found) == ["score", "start", "end", "answer"]
    assert found["answer"] == "Feb. 20" == CONTEXT[found["start"] : found["end"]]
    assert 0.5 < found["score"] <= 1
    assert answerer({"question": "When?", "context": CONTEXT}) == found


def test_lists_are_paired_up(answerer: Any) -> None:
    words = [found["answer"] for found in answerer(question=["When?", "Where?"], context=CONTEXT)]
    assert words == ["Feb. 20", "Beijing"]
    assert len(answerer(question="When?", context=[CONTEXT, "It ends Feb. 20."])) == 2
    example = {"question": "When?", "context": CONTEXT}
    assert [one["answer"] for one in answerer([example, example])] == ["Feb. 20", "Feb. 20"]
    assert [one["answer"] for one in answerer(one for one in (example, example))] == ["Feb. 20", "Feb. 20"]
    assert answerer([]) == []
    with pytest.raises(QuestionError, match="3 questions and 2 contexts"):
        answerer(question=["a", "b", "c"], context=["d", "e"])


def test_a_list_of_one_gives_no_list_as_in_the_pipeline(answerer: Any) -> None:
    alone = answerer(question="When?", context=CONTEXT)
    assert answerer([{"question": "When?", "context": CONTEXT}]) == alone
    assert answerer(question=["When?"], context=[CONTEXT]) == alone
    assert answerer(question=["When?"], context=CONTEXT, top_k=2) == answerer("When?", CONTEXT, top_k=2)


def test_the_other_ways_to_hand_over_are_understood(answerer: Any) -> None:
    alone = answerer(question="When?", context=CONTEXT)
    assert answerer("When?", CONTEXT) == alone
    example = SimpleNamespace(question_text="When?", context_text=CONTEXT)  # as a SquadExample has them
    assert answerer(example) == alone
    assert answerer([example, example], batch_size=8, num_workers=1, padding="longest") == [alone, alone]
    for wrong in ("When?", 3, [3], [{"question": "When?"}], ["When?", CONTEXT]):
        with pytest.raises(QuestionError, match="not a dictionary with question and context"):
            answerer(wrong)


def test_the_old_options_are_understood(answerer: Any) -> None:
    found = answerer(
        question="When?", context=CONTEXT, top_k=2, doc_stride=64, max_answer_len=5, max_seq_len=256,
        max_question_len=32, handle_impossible_answer=True, align_to_words=True,
    )  # fmt: skip
    assert [one["answer"] for one in found] == ["Feb. 20", ""]
    assert (found[1]["start"], found[1]["end"]) == (0, 0)
    assert answerer(question="When?", context=CONTEXT, max_answer_len=1, handle_impossible_answer=True)["answer"] == ""
    silent = answerer(question="Why?", context=CONTEXT, handle_impossible_answer=True)
    assert silent["answer"] == ""
    for wrong in ({"top_k": 0}, {"max_answer_len": 0}, {"doc_stride": -1}, {"max_seq_len": "x"}):
        with pytest.raises(LimitError):
            answerer(question="When?", context=CONTEXT, **wrong)
    for missing in ({}, {"question": "When?"}, {"question": " ", "context": CONTEXT}, {"question": 3, "context": "x"}):
        with pytest.raises(QuestionError):
            answerer(**missing)
    for half in ({"question": "When?\ud83d", "context": CONTEXT}, {"question": "When?", "context": CONTEXT + "\ud83d"}):
        with pytest.raises(QuestionError, match="half of a surrogate pair"):
            answerer(**half)


@pytest.mark.models
def test_with_the_shipped_model() -> None:
    found = spanwise.QuestionAnswerer()(question="When do the games end?", context="The games conclude Feb. 20. " * 60)
    assert found["answer"] == "Feb. 20"
    assert 0 < found["score"] < 1
