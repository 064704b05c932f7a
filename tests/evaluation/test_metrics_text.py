"""Words against gold, each expected value worked by hand from the rules of evaluate-v2.0.py."""

from __future__ import annotations

import pytest

from spanwise.qa.evaluation.metrics import aggregate, exact_match, mean_text, normalise, score_text, token_f1


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Olympic\tGames", "olympic games"),
        ("Feb. 20", "feb 20"),
        ("$12", "12"),
        ("a", ""),
        ("An apple a day", "apple day"),
        ("Theatre and another", "theatre and another"),  # articles are whole words only
        ("A-level", "alevel"),  # punctuation goes before articles do, so no "a" is left to drop
        ("rock 'n' the roll", "rock n roll"),
        ("the, an; a!", ""),
        ("1,234.5", "12345"),
        ("ÉCOLE", "école"),
        ("Zürich – Genève", "zürich – genève"),  # the dash is not ASCII punctuation, so it stays
        ("“quoted”", "“quoted”"),
        ("non\u00a0breaking\u2003space", "non breaking space"),
        ("", ""),
        ("...", ""),
    ],
)
def test_normalise(text: str, normal: str) -> None:
    assert normalise(text) == normal


@pytest.mark.parametrize(
    ("prediction", "gold", "em", "f1"),
    [
        ("Feb. 20", "Feb. 20", 1, 1),
        ("the Feb 20!", "feb. 20", 1, 1),
        ("20", "Feb. 20", 0, 2 / 3),  # precision 1/1, recall 1/2: 2·1·½ / 1½
        ("on Feb. 20, 2022", "Feb. 20", 0, 2 / 3),  # precision 2/4, recall 2/2: 2·½·1 / 1½
        ("20 Feb.", "Feb. 20", 0, 1),  # F1 does not see order
        ("new new york", "new york york", 0, 2 / 3),  # shared with counts: new 1, york 1; 2/3 and 2/3
        ("Paris", "London", 0, 0),
        ("", "London", 0, 0),
        ("the", "London", 0, 0),  # normalises to nothing
        ("東京", "東京", 1, 1),
        ("東京 都", "東京", 0, 2 / 3),
        ("STRASSE", "straße", 0, 0),  # lower case, not case folding
        ("cafe\u0301", "café", 0, 0),  # no Unicode normalisation either
    ],
)
def test_one_gold(prediction: str, gold: str, em: float, f1: float) -> None:
    assert exact_match(prediction, gold) == em
    assert token_f1(prediction, gold) == pytest.approx(f1)
    score = score_text(prediction, [gold])
    assert (score.em, score.f1, score.answerable) == (em, pytest.approx(f1), True)


def test_em_and_f1_are_each_the_best_over_all_golds() -> None:
    # Against "October 1973" F1 is 2·1·½/1½ = 2/3; against "1973" it is 1 and exact.
    score = score_text("1973", ["October 1973", "1973"])
    assert (score.em, score.f1) == (1, 1)
    # "in October 1973": 3 tokens, 2 shared with "October 1973": 2·2/(3+2) = 4/5; 2·1/(3+1) = 1/2 with "1973".
    score = score_text("in October 1973", ["1973", "October 1973"])
    assert (score.em, score.f1) == (0, pytest.approx(0.8))


def test_an_unanswerable_question_wants_the_empty_answer() -> None:
    assert (score_text("", []).em, score_text("", []).f1) == (1, 1)
    assert (score_text("Feb. 20", []).em, score_text("Feb. 20", []).f1) == (0, 0)
    # The official script compares normalised texts, so an article alone is as empty as nothing.
    assert score_text("the", []).f1 == 1
    assert not score_text("", []).answerable
    assert not score_text("", []).right  # silence is fitting, but it is not a right answer


def test_a_gold_that_normalises_to_nothing() -> None:
    # Beside another gold it is passed over: the empty prediction does not match it.
    assert score_text("", ["a", "vitamin A"]).f1 == 0
    # Alone it counts as the empty answer, as in the official script, and the question stays answerable.
    alone = score_text("", ["A"])
    assert (alone.em, alone.f1, alone.answerable) == (1, 1, True)
    assert score_text("A", ["A"]).em == 1


def test_right_begins_at_an_f1_of_0_6() -> None:
    # 3 shared of 5 and 5 tokens: 2·3/10 = 0.6 exactly.
    assert score_text("one two three x y", ["one two three four five"]).right
    # 1 shared of 2 and 2 tokens: 0.5.
    assert not score_text("one x", ["one two"]).right


def test_aggregate() -> None:
    scores = [
        score_text("Feb. 20", ["Feb. 20"]),  # 1, 1
        score_text("20", ["Feb. 20"]),  # 0, 2/3
        score_text("", ["Feb. 20"]),  # 0, 0
        score_text("", []),  # 1, 1
        score_text("Paris", []),  # 0, 0
    ]
    report = aggregate(scores)
    assert report["n"] == 5
    assert report["em"] == pytest.approx(40)  # 2 of 5
    assert report["f1"] == pytest.approx(100 * (1 + 2 / 3 + 1) / 5)  # 53.33
    assert report["has_ans"] == {"n": 3, "em": pytest.approx(100 / 3), "f1": pytest.approx(100 * (5 / 3) / 3)}
    assert report["no_ans"] == {"n": 2, "accuracy": 50}


def test_aggregate_of_one_kind_or_of_nothing() -> None:
    assert aggregate([score_text("x", ["x"])])["no_ans"] == {"n": 0, "accuracy": None}
    assert aggregate([score_text("", [])])["has_ans"] == {"n": 0, "em": None, "f1": None}
    assert mean_text([]) == {"n": 0, "em": None, "f1": None}
