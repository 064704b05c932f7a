"""What belongs to an answer beside the words the reader found: units, list items, brackets and quotes in pairs."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spanwise.qa.spans import complete, tidy


@pytest.mark.parametrize(
    ("question", "text", "said", "meant"),
    [
        ("How high is it?", "it climbs 60,000 ft and more", "60,000", "60,000 ft"),
        ("How many feet high is it?", "it climbs 60,000 feet and more", "60,000", "60,000"),
        ("How much did it cost?", "he paid $5 million for it", "$5", "$5 million"),
        ("How much did it cost?", "it cost US$61.3 billion then", "$61.3 billion", "US$61.3 billion"),
        ("How much was it?", "OUR VALUES$ 5 and NO$", "5", "5"),
        ("What share came?", "three out of five residents came", "three", "three out of five"),
        ("Who came?", "three out of breath men came", "three", "three"),
        ("Does Coral have one?", "seats: 8 | projector: no | price: 95", "no", "no"),
        ("Is it washed?", "Coat | It is not washed | 40", "washed", "It is not washed"),
        ("How many people came?", "about 300 people came", "300", "300"),
        ("When did they meet?", "they met last Monday in Bonn", "Monday", "last Monday"),
        ("When was it?", "it lasts Monday long", "Monday", "Monday"),
        ("What is FIFA?", "the football body (FIFA) met", "football body (FIFA", "football body (FIFA)"),
        ("How is he called?", 'the "fastest mind" of all', 'the "fastest mind', 'the "fastest mind"'),
        ("Which three colours?", "red, green, and deep blue. Then", "red, green", "red, green, and deep blue"),
        ("What are the four?", "a; b; c (or d); e. More, and more", "a; b", "a; b; c (or d); e"),
        ("Which three colours?", "red, green. Or none, and", "red, green", "red, green"),
        ("Which two colours?", "red and green, and blue", "red and green", "red and green"),
        ("Which three men?", "Ann met three men, and left, and ate", "three men", "three men"),
        ("When did the three kings come?", "on March 5, 1990, and left", "March 5, 1990", "March 5, 1990"),
        ("Which colours?", "red, green, and blue", "red, green", "red, green"),
        ("What was rejected?", "its main [security demands](#), and", "its main [security demands", "security demands"),
        (
            "Is it possible?",
            "A trade, of cost and time, is rare. It is not possible, he said.",
            "possible",
            "It is not possible",
        ),
        ("Did they win?", "Nobody knew. They won the cup. Then all went", "They won the cup.", "They won the cup"),
        ("Can it be?", "Costs rise. A trade is possible.[1] Then", "possible", "A trade is possible"),
        ("Can it be?", "Costs rise.[1][2] A trade is possible, or so.", "possible", "A trade is possible"),
        (
            "Are dogs allowed?",
            "Dogs are allowed on [leashes](http://x).",
            "leashes",
            "Dogs are allowed on [leashes](http://x)",
        ),
        ("When does it open?", "It opens at 9 a.m. on Mondays", "9 a.m", "9 a.m."),
        ("Where is it?", "He went to the U.S. Then he came", "U.S", "U.S."),
        ("Who came?", "Then came Dr. A. Smith", "A. Smith", "A. Smith"),
        ("Is there a phone number?", "or call 0734 048 7647 at noon", "0734 048 7647", "0734 048 7647"),
        ("How much do I get?", "You get **12 euros** a day on", "12 euros** a day", "**12 euros** a day"),
        ("How much do I get?", "You get **12 euros**, no more", "**12 euros**", "12 euros"),
        ("How much do I get?", "You get a sum of **12 euros**, no more", "sum of **12 euros", "sum of **12 euros**"),
        ("Which tools?", "It needs `cargo` and `rustc` here", "cargo` and `rustc", "`cargo` and `rustc`"),
        ("Which form?", "Fill in the form `FT-27` in it", "form `FT-27", "form `FT-27`"),
        (
            "When?",
            "at least *10 working days* before it, or",
            "10 working days* before it",
            "*10 working days* before it",
        ),
        ("Which option locks it?", "  -l, --lock\n  Lock it", "l, --lock", "-l, --lock"),
        ("Which option shows it?", "-n\n\n--dry-run\n\nShow it", "n\n\n--dry-run", "-n\n\n--dry-run"),
        ("Which option is it?", "Use --no-cache or none", "no-cache", "--no-cache"),
        ("How cold is it?", "It may be -40 outside", "40", "-40"),
        ("In which years?", "It was 1990-1995 or so", "1995", "1995"),
        ("What was it?", "- Apples\n- Pears", "- Apples", "Apples"),
        ("Where is it?", "It is in `/usr/share/dict` there", "usr/share/dict", "/usr/share/dict"),
        ("Where is it?", "Put it in ~/.config/app.toml.", ".config/app.toml", "~/.config/app.toml"),
        ("Which unit?", "in km/h and/or mph", "or", "or"),
        ("Which language?", "It is written in C++ and C#.", "C", "C++"),
        ("Which language?", "It is written in C# by him", "C#", "C#"),
        ("What is the code?", "The code for the barrier is 4471#.", "4471", "4471#"),
        ("What is the code?", "The code is **4471#** now", "4471", "4471#"),
        ("What do I dial?", "Dial *100# to see it", "100", "*100#"),
        ("Which one?", "See issue #4471 for it", "4471", "4471"),
        ("What year?", "## 1998 ## Berlin", "1998", "1998"),
        ("How much is it?", "| Norway | 75 € | 182 € |", "182", "182 €"),
        ("What share do they pay?", "they pay 60 % of it", "60", "60 %"),
        ("How long before?", "at least 10 working days before", "10", "10 working days"),
        ("How large may it be?", "photographs up to 5 MB", "5", "5 MB"),
        ("Is it hot or cold?", "The water is cold there.", "cold", "cold"),
        ("How is the nurse reached?", "- Nurse: ext. 31\n- Caretaker: 44", "ext. 31\n- Caretaker: 44", "ext. 31"),
        ("How is the nurse reached?", "Nurse: Ann Lee,\next. 31 or 44", "Ann Lee,\next. 31", "Ann Lee,\next. 31"),
        ("Who is the nurse?", "Nurse: Ann\nSchool nurse: Bob\n", "Ann\nSchool nurse: Bob", "Ann\nSchool nurse: Bob"),
        ("How do I do it?", "Step 1: Turn\nStep 2: Pull\n", "Turn\nStep 2: Pull", "Turn\nStep 2: Pull"),
        ("What was rejected?", "[his demand to keep out](#). Then", "keep out", "keep out"),
    ],
)
def test_an_answer_takes_in_what_belongs_to_it(question: str, text: str, said: str, meant: str) -> None:
    start = text.index(said)
    first, last = complete(question, text, start, start + len(said))
    assert text[first:last] == meant


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
        ("ls [-acdfV19 ] [-S] [x]", "acdfV19 ] [-S", "[-acdfV19 ] [-S]"),
        ("either (one) or (two) of", "one) or (two", "(one) or (two)"),
        ("red (one) or (two), then", "red (one) or (two", "red (one) or (two)"),
        ("of f(x), g(y) and", "f(x), g(y", "f(x), g(y)"),
        ("1) red 2) green", "red 2) green", "red 2) green"),
        ("“indivisibility” is", "“indivisibility”", "“indivisibility”"),
        ("in Kyiv, Ukraine", "Kyiv,", "Kyiv"),
        ("It ended. The next", "ended", "ended"),
        ("((", "((", "(("),
        ("er sagt „Wort“ dazu", "Wort“", "Wort"),
        ("for $1.5“ only", "1.5“", "$1.5"),
        ("come, but [see](http://x.y)", "but [", "but"),
        ("come, but [ **see**](http://x.y)", "but [ **", "but"),
    ],
)
def test_edges_of_an_answer(text: str, said: str, meant: str) -> None:
    start = text.index(said)
    first, last = tidy(text, start, start + len(said))
    assert text[first:last] == meant


PIECES = [
    "a", "Bob", "é", "字", "5", "1.5", " ", " ", "\n", ".", ",", "-", "**", "#", "$", "%", '"', "“", "”", "„", "(",
    ")", "[", "]", " and ", " but ", "U.S.", "9 a.m.", "a@b.org", "www.x.org/y", "+49 30 12345", "[lab el](http://x.y)",
    "[1]",
]  # fmt: skip


@st.composite
def spans(draw: st.DrawFn) -> tuple[str, int, int]:
    text = "".join(draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=9)))
    start = draw(st.integers(0, len(text) - 1))
    return text, start, draw(st.integers(start + 1, len(text)))


def said(text: str, start: int, end: int) -> list[int]:
    return [place for place in range(start, end) if text[place].isalnum()]


@settings(max_examples=5 * settings().max_examples)
@given(spans())
@example((".é“", 1, 3))
@example((" but  .[lab el](http://x.y)", 0, 8))
@example(("(“a[lab el](http://x.y)%", 2, 4))
def test_a_span_keeps_its_words_and_is_tidied_once(span: tuple[str, int, int]) -> None:
    text, start, end = span
    first, last = tidy(text, start, end)
    assert 0 <= first < last <= len(text)
    words = said(text, start, end)
    if words:
        assert said(text, first, last)
        assert tidy(text, first, last) == (first, last)
    if "](" not in text:
        assert set(words) <= set(range(first, last))


@settings(max_examples=2 * settings().max_examples)
@given(spans(), st.sampled_from(["Is it?", "Which three?", "What?", "How many feet?"]))
def test_a_completed_span_holds_the_tidy_one(span: tuple[str, int, int], question: str) -> None:
    text, start, end = span
    first, last = complete(question, text, start, end)
    assert 0 <= first < last <= len(text)
    assert set(said(text, *tidy(text, start, end))) <= set(range(first, last))


def test_hostile_text_takes_no_time() -> None:
    text = "a, " * 20_000 + "[" * 20_000
    first, last = complete("Which two things?", text, 0, 4)
    assert (first, last) == (0, 4)
