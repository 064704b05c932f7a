"""Questions with one thing exchanged: still about the passage, and never one that somebody asked."""

from __future__ import annotations

import dataclasses

from training import altered, sources

PASSAGE = (
    "Ada Lovelace wrote her first program in 1843, years before Charles Babbage died in London in 1871. "
    "The oldest copy is in Oxford."
)
ASKED = (
    ("When did Ada Lovelace write a program?", "1843"),
    ("Where did Charles Babbage die in 1871?", "London"),
    ("Where is the oldest copy?", "Oxford"),
)


def _row(question: str, answer: str, group: str = "Computing") -> sources.Row:
    start = PASSAGE.index(answer)
    return sources.Row(question, PASSAGE, group, sources.ANSWERABLE, (start, start + len(answer)), (answer,))


def _made(config, rows: list[sources.Row], share: float = 1.0, seed: int = 1) -> list[sources.Row]:  # type: ignore[no-untyped-def]
    changed = dataclasses.replace(config, seed=seed, data=dataclasses.replace(config.data, altered_share=share))
    return altered.altered_questions(rows, changed)


def test_names_figures_and_opposites_are_exchanged(config) -> None:  # type: ignore[no-untyped-def]
    rows = [_row(*pair) for pair in ASKED]
    seen = {row.question for seed in range(20) for row in _made(config, rows, seed=seed)}
    assert seen >= {
        "When did Charles Babbage write a program?",
        "Where did Ada Lovelace die in 1871?",
        "Where did Charles Babbage die in 1843?",
        "Where is the youngest copy?",
    }


def test_they_are_unanswerable_on_the_same_passage(config) -> None:  # type: ignore[no-untyped-def]
    made = _made(config, [_row(*pair) for pair in ASKED])
    assert len(made) == 3
    assert {(row.kind, row.span, row.texts, row.context) for row in made} == {(sources.UNANSWERABLE, None, (), PASSAGE)}


def test_a_question_that_was_asked_is_never_made(config) -> None:  # type: ignore[no-untyped-def]
    rows = [_row("Where is the oldest copy?", "Oxford"), _row("Where is the youngest copy?", "London")]
    assert not any(_made(config, rows, seed=seed) for seed in range(20))


def test_the_share_says_how_many(config) -> None:  # type: ignore[no-untyped-def]
    rows = [
        dataclasses.replace(_row("Where is the oldest copy?", "Oxford"), context=f"{PASSAGE} {n}") for n in range(200)
    ]
    assert _made(config, rows, share=0.0) == []
    assert 60 < len(_made(config, rows, share=0.5)) < 140
    assert _made(config, rows, share=0.5) == _made(config, rows, share=0.5)


def test_sentences_without_an_article_are_left_alone(config) -> None:  # type: ignore[no-untyped-def]
    assert _made(config, [_row("Where is the oldest copy?", "Oxford", sources.QAMR)]) == []


def test_words_that_are_written_small_elsewhere_are_no_names(config) -> None:  # type: ignore[no-untyped-def]
    passage = "The War of the states was a war that shook Spain, Portugal and a State."
    asked = sources.Row("What shook Spain?", passage, "Wars", sources.ANSWERABLE, (4, 7), ("War",))
    others = [
        sources.Row(f"Who shook {name}?", "A state.", "Wars", sources.UNANSWERABLE, None, ())
        for name in ("War", "State", "Portugal")
    ]
    made = {row.question for seed in range(20) for row in _made(config, [asked, *others], seed=seed)}
    assert made == {"What shook Portugal?"}
    of_war = dataclasses.replace(asked, question="What shook State?")
    assert not any(_made(config, [of_war, *others], seed=seed) for seed in range(20))
