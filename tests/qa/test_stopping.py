"""Reading stops when the best answer cannot change, and never because of how many passages are read side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import spanwise
from spanwise.qa.calibration import FILE, Calibration, Judge, save
from spanwise.qa.fitting import Logistic
from spanwise.qa.reading import Reading
from spanwise.qa.stopping import StopRule, enough, fit_rule
from spanwise.testing import HashEmbedder, ScriptedReader

RULE = StopRule(score=6.0, lead=0.2)
SCORES = st.lists(st.floats(-10, 10), min_size=1, max_size=10)


def test_both_the_score_and_the_lead_must_hold() -> None:
    fused = [1.0, 0.7, 0.6, 0.5]
    assert enough(RULE, [7.0, 1.0], fused) == 2
    assert enough(RULE, [5.0, 1.0], fused) is None
    assert enough(RULE, [7.0, 1.0], [1.0, 1.0, 0.9, 0.8]) is None
    assert enough(RULE, [1.0, 7.0, 1.0, 1.0], fused) is None  # its passage is only 0.1 ahead of the next
    assert enough(None, [9.0, 9.0], fused) is None


def test_what_is_read_last_needs_no_rule() -> None:
    assert enough(RULE, [9.0, 9.0], [1.0, 0.0]) is None


@given(scores=SCORES, gaps=st.lists(st.floats(0, 0.5), min_size=10, max_size=10), step=st.integers(1, 5))
def test_reading_more_at_once_stops_at_the_same_place(scores: list[float], gaps: list[float], step: int) -> None:
    fused = [1.0 - sum(gaps[:place]) for place in range(len(scores))]
    whole = enough(RULE, scores, fused)
    pieces = [enough(RULE, scores[:read], fused) for read in range(step, len(scores) + step, step)]
    assert next((found for found in pieces if found is not None), None) == whole


def test_a_rule_is_as_strict_as_the_questions_ask_for() -> None:
    """In one of ten questions the third passage turns over a score of 6; nothing turns over 8."""
    sure = ([8.0, 0.0, 0.0, 0.0], [1.0, 0.5, 0.4, 0.3], ["a", "b", "c", "d"])
    turned = ([6.0, 0.0, 9.0, 0.0], [1.0, 0.5, 0.4, 0.3], ["a", "b", "c", "d"])
    found = fit_rule([sure] * 90 + [turned] * 10, silent_below=2.0)
    assert found is not None
    assert 6.0 < found.score <= 8.0 or found.lead > 0.6
    assert fit_rule([sure] * 100, silent_below=2.0) == StopRule(2.0, 0.0)


class Counting(ScriptedReader):
    def __init__(self, script: dict[str, str], score: float) -> None:
        super().__init__(script, score=score)
        self.passages = 0

    def read(self, question: str, passages: Sequence[str], *, top_n: int = 5) -> list[Reading]:
        self.passages += len(passages)
        return super().read(question, passages, top_n=top_n)


def test_a_sure_answer_ends_the_reading(tmp_path: Path) -> None:
    reader = Counting({"Which harbour is the deepest?": "Grelle"}, score=9.0)
    flat = Judge(Logistic(0.0, {"margin": 1.0}), Logistic(0.0, {"margin": 1.0}), Logistic(0.0, {"margin": -1.0}), 0.5)
    with spanwise.open(tmp_path, embedder=HashEmbedder(), reader=reader) as collection:
        collection.add("The deepest harbour is Grelle, which harbour is the widest nobody knows.")
        collection.add([f"A harbour, number {number}." for number in range(9)])
        before = collection.ask("Which harbour is the deepest?")
        assert reader.passages == 10
        save(Calibration(reader.fingerprint, flat, flat, StopRule(6.0, 0.0)), tmp_path / "collections/default" / FILE)
        reader.passages = 0
        after = collection.ask("Which harbour is the deepest?")
        assert reader.passages == 2
        assert after.answers[0].span == before.answers[0].span
        assert after.answers[0].text == "Grelle"
