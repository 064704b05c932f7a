"""Questions are cleaned alike for both kinds, and changed at the stated rates."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from training import questions


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (
            '"In what year was the "" Buffalo Commons "" proposal made?"',
            'In what year was the " Buffalo Commons " proposal made?',
        ),
        ("What ca n't plants do ?", "What can't plants do?"),
        ("What ``was'' it ? ", 'What "was" it?'),
        ("Who said “no”??", 'Who said "no"?'),
        ("What did  he do/ ", "What did he do?"),
        ("When was Drexel incorporated >", "When was Drexel incorporated?"),
        ("Who was it", "Who was it?"),
    ],
)
def test_normalise(raw: str, clean: str) -> None:
    assert questions.normalise(raw) == clean
    assert questions.normalise(clean) == clean


def test_keywords_drop_stop_words_but_never_the_whole_question() -> None:
    assert questions.keywords("When did the Olympics end?") == "olympics end"
    assert questions.keywords("Who was he?") == "Who was he?"


def test_a_typo_changes_one_inner_letter_of_a_long_word() -> None:
    question = "Who is the painter?"
    seen = {questions.typo(question, np.random.default_rng(seed)) for seed in range(50)}
    assert len(seen) > 5
    for changed in seen:
        assert changed.startswith("Who is the p")
        assert abs(len(changed) - len(question)) <= 1
    assert questions.typo("Who is it?", np.random.default_rng(0)) == "Who is it?"


def test_rates(config) -> None:  # type: ignore[no-untyped-def]
    rates = dataclasses.replace(config.augment, keyword=0.3, typo=0.0, no_question_mark=0.5)
    made = [questions.augment("When did the Olympics end?", rates, np.random.default_rng(n)) for n in range(2000)]
    assert 0.25 < sum(text.startswith("olympics") for text in made) / 2000 < 0.35
    assert 0.60 < sum(not text.endswith("?") for text in made) / 2000 < 0.70  # 1 - 0.7 * 0.5
