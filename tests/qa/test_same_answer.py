"""Answers that say the same, and answers that only look alike."""

from __future__ import annotations

import pytest

from spanwise.qa.same_answer import contains_answer, same_answer_key
from spanwise.qa.spans import tidy


@pytest.mark.parametrize(
    "spellings",
    [
        ("Feb. 20", "February 20", "20 February", "the 20th of February", "on Feb 20th"),
        ("Feb. 20, 2022", "20 February 2022", "2022-02-20", "February 20th, 2022"),
        ("130,000", "130000", "130 thousand", "a hundred and thirty thousand", "about 130,000"),
        ("five", "5", "Five"),
        ("twenty-five", "25"),
        ("1.5 million", "1,500,000"),
        ("$5 million", "5 million dollars", "5,000,000 dollars"),
        ("10%", "10 percent", "ten per cent"),
        ("the Kremlin", "Kremlin", "in the Kremlin", "KREMLIN."),
        ("President Joe Biden", "Joe Biden"),
        ("U.S.", "US"),
    ],
)
def test_other_spellings_of_the_same(spellings: tuple[str, ...]) -> None:
    assert len({same_answer_key(one) for one in spellings}) == 1, [same_answer_key(one) for one in spellings]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Feb. 20", "Feb. 21"),
        ("130,000", "13,000"),
        ("1.5 million", "15 million"),
        ("before 1990", "1990"),
        ("more than five hours", "five hours"),
        ("Joe Biden", "Hunter Biden"),
        ("1990 1991", "3981"),
        ("may", "May 2014"),
    ],
)
def test_what_differs_stays_apart(one: str, other: str) -> None:
    assert same_answer_key(one) != same_answer_key(other)


@pytest.mark.parametrize("text", ["§§", "the", "🏖️", "½", "٣", "²", "0-0", "9999-99-99", "a hundred", "hundreds", ". ."])
def test_no_text_has_an_empty_key(text: str) -> None:
    assert same_answer_key(text)


def test_words_within_words() -> None:
    assert contains_answer("vladimir putin", "putin")
    assert not contains_answer("vladimir putin", "put")


@pytest.mark.parametrize(
    ("text", "said", "meant"),
    [
        ("mail team@example.com now", "team@example", "team@example.com"),
        ("was 130,000 men", "000", "130,000"),
        ("costs $5.50, or less", "5", "$5.50"),
        ("see courses.example.org today", "example", "courses.example.org"),
        ("(+91) 120 4565994", "120 4565994", "(+91) 120 4565994"),
        ("the [security demands](#) were", "[security demands", "security demands"),
        ('he said "yes" then', '"yes', "yes"),
        ("“indivisibility” is", "“indivisibility”", "“indivisibility”"),
        ("in Kyiv, Ukraine", "Kyiv,", "Kyiv"),
        ("It ended. The next", "ended", "ended"),
        ("((", "((", "(("),
    ],
)
def test_edges_of_an_answer(text: str, said: str, meant: str) -> None:
    start = text.index(said)
    first, last = tidy(text, start, start + len(said))
    assert text[first:last] == meant
