"""Answers that say the same, and answers that only look alike."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spanwise.qa.same_answer import contains_answer, same_answer_key


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
        ("5 May", "the 5th of May", "May 5"),
        ("5 Dec.", "the 5th of Dec.", "December 5"),
        ("3.50", "3.5"),
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
        ("9007199254740993", "9007199254740992"),  # a float holds only the latter
        ("1" * 400, "2" * 400),
        ("3.14159265", "3.14159266"),
        ("0.0000001", "0"),
    ],
)
def test_what_differs_stays_apart(one: str, other: str) -> None:
    assert same_answer_key(one) != same_answer_key(other)


WORDS = (
    "the a of in 5 05 20th 1.5 1,300 130000 2022-02-30 $ % + & . - / ½ ² ٣ five twenty hundred thousand million and "
    "may march dec feb. of u.s. §§ 🏖️ 東京 dollars per cent king's"
).split()


@given(st.lists(st.sampled_from(WORDS), min_size=1).map(" ".join) | st.text(min_size=1))
@example("the")
@example("9999-99-99")
@example("may " + "1" * 5_000 + "st")
def test_no_text_has_an_empty_key(text: str) -> None:
    assert same_answer_key(text)


ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
LARGE = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1_000, "thousand"), (100, "hundred"))


def in_words(number: int, tie: str) -> str:
    if number < 20:
        return ONES[number]
    if number < 100:
        return TENS[number // 10 - 2] + (f"-{ONES[number % 10]}" if number % 10 else "")
    size, name = next(one for one in LARGE if number >= one[0])
    rest = number % size
    behind = (tie if rest < 100 else " ") + in_words(rest, tie) if rest else ""
    return f"{in_words(number // size, tie)} {name}{behind}"


numbers = st.integers(0, 15).flatmap(lambda digits: st.integers(0, 10**digits - 1))


@given(numbers, st.sampled_from([" ", " and "]))
def test_a_number_in_words_is_the_number_in_figures(number: int, tie: str) -> None:
    assert same_answer_key(in_words(number, tie)) == same_answer_key(f"{number:,}") == str(number)


@given(st.decimals(0, 10**20, places=6), st.integers(1, 10**6))
def test_different_figures_are_different_answers(one: Decimal, step: int) -> None:
    other = one + Decimal(step).scaleb(-6)
    assert same_answer_key(f"{one:f}") != same_answer_key(f"{other:f}")


MONTHS = "January February March April May June July August September October November December".split()


@given(st.dates(date(1000, 1, 1)))
def test_a_date_is_the_same_however_it_is_written(day: date) -> None:
    number, month, year = day.day, MONTHS[day.month - 1], day.year
    ending = "th" if 10 < number < 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    days = [
        f"{number} {month}", f"{month} {number}", f"{month[:3]}. {number}", f"{number:02} {month[:3]}",
        f"the {number}{ending} of {month}", f"{month} {number}{ending}", f"on {month.upper()} {number}",
    ]  # fmt: skip
    assert {same_answer_key(one) for one in days} == {f"{month.lower()} {number}"}
    dates = [day.isoformat(), *(f"{one}{tie}{year}" for one in days for tie in (" ", ", "))]
    assert {same_answer_key(one) for one in dates} == {f"{month.lower()} {number} {year}"}


def test_words_within_words() -> None:
    assert contains_answer("vladimir putin", "putin")
    assert not contains_answer("vladimir putin", "put")
