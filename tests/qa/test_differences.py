"""Asked for a difference, a figure is no answer: it has to be said."""

from __future__ import annotations

import pytest

from spanwise.qa.differences import asks_for_difference, prefer_said
from spanwise.qa.reading import Candidate, Reading


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("How much more expensive is the Rill 16 than the Rill 8?", True),
        ("How many visits more does Oak have than Fern?", True),
        ("How much cheaper was it in 2023?", True),
        ("What is the difference in price between Fern and Oak?", True),
        ("by how much did the rent go up", True),
        ("How much did the firm grow?", True),
        ("How much does the Oak plan cost?", False),
        ("How many teams averaged more than 13,000 spectators?", False),
        ("How much do families with less than $60,000 pay?", False),
        ("What is the difference between a tag and a branch?", False),
        ("How many more are there?", False),
        ("How much water is needed?", False),
    ],
)
def test_questions_for_a_difference(question: str, asks: bool) -> None:
    assert asks_for_difference(question) is asks


def test_only_a_sentence_that_compares_answers() -> None:
    text = "Fern | £17\nOak | £34\n\nFern costs £17. It is £17 cheaper than Oak. Nothing else is known."
    places = [text.index("£17"), text.index("£34"), text.index("£17. "), text.index("£17 cheaper")]
    reading = Reading(1.0, 2.0, tuple(Candidate(one, one + 3, 9.0 - number) for number, one in enumerate(places)))
    said = prefer_said("How much cheaper is Fern than Oak?", text, reading)
    assert (said.candidates[0].start, said.candidates[0].score) == (places[3], 6.0)
    assert [one.score for one in said.candidates[1:]] == [-3.0, -4.0, -5.0]
    assert prefer_said("How much is Fern?", text, reading) is reading
