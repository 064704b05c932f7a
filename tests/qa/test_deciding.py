"""One ranking over all passages: equal answers merged, copies not counted twice, nothing overlapping."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwise import DocumentInfo, Hit, Passage, Scores, Span, SpanInvariantError
from spanwise.qa.deciding import Decided, decide, standing
from spanwise.qa.reading import Candidate, Reading

LONG = "Nobody in the whole town had expected that the old winter games would ever come to an end so soon. "


def hit(document: str, text: str, start: int = 0) -> Hit:
    info = DocumentInfo(document, None, None, {}, "", "", len(text), 1, "")
    return Hit(Passage(info, Span(start, start + len(text)), text, Span(start, start + len(text))), Scores(1.0))


def ranked(*passages: tuple[str, str, dict[str, float]]) -> list[Decided]:
    hits = [hit(document, text) for document, text, _ in passages]
    readings = []
    for _, text, said in passages:
        found = [Candidate(text.index(words), text.index(words) + len(words), score) for words, score in said.items()]
        readings.append(Reading(0.0, 0.0, tuple(found)))
    return decide(hits, readings)


def test_spellings_in_several_documents_support_each_other() -> None:
    found = ranked(
        ("a", "The games conclude Feb. 20.", {"Feb. 20": 5.0, "games": -3.0}),
        ("b", "On 20 February it is over.", {"20 February": 4.0}),
        ("c", "It starts in March.", {"March": 1.0}),
    )
    assert [one.text for one in found] == ["Feb. 20", "March", "games"]
    assert [(place.document_id, place.span) for place in found[0].support] == [("b", Span(3, 14))]
    assert found[1].support == []


def test_a_copy_of_a_passage_is_not_another_voice() -> None:
    text = LONG + "They conclude Feb. 20."
    (best,) = ranked(
        ("a", text, {"Feb. 20": 5.0}),
        ("b", text.replace("old", "very old"), {"Feb. 20": 4.9}),
        ("c", "The mayor said 20 February, and he should know.", {"20 February": 2.0}),
        ("d", text, {"Feb. 20": 4.8}),
    )
    assert [place.document_id for place in best.support] == ["c"]


def test_a_good_span_in_a_passage_about_something_else_stands_lower() -> None:
    text = "It ended in 1947."
    readings = [Reading(relevance, 0.0, (Candidate(12, 16, score),)) for relevance, score in ((2.0, 4.0), (-3.0, 6.0))]
    found = decide([hit("near", text), hit("far", text.replace("1947", "1809"))], readings)
    assert [(one.text, one.score) for one in found] == [("1947", 4.0), ("1809", 6.0)]
    first, second, tenth = (standing(1.0, readings[0], rank) for rank in (0, 1, 9))
    assert first == 3.0
    assert first - 2.5 < tenth < second < first  # the search is believed a little


def test_one_place_in_two_passages_is_one_answer() -> None:
    text = "The games conclude Feb. 20. Then all go home."
    info = hit("a", text).document
    passages = [Passage(info, Span(s, len(text)), text[s:], Span(s, len(text))) for s in (0, 4)]
    readings = [
        Reading(0.0, 0.0, (Candidate(p.text.index("Feb"), p.text.index("Feb") + 7, 3.0 - n),))
        for n, p in enumerate(passages)
    ]
    (best,) = decide([Hit(passage, Scores(1.0)) for passage in passages], readings)
    assert best.support == []
    assert best.span.of(text) == "Feb. 20"


def test_within_a_sentence_the_longer_and_the_shorter_are_one() -> None:
    found = ranked(
        ("a", "Vladimir Putin met guests, and Putin left. Putin slept.", {"Vladimir Putin": 5.0, "met": 1.0}),
    )
    assert [one.text for one in found] == ["Vladimir Putin", "met"]
    text = "Vladimir Putin met guests, and Putin left. Then Putin slept."
    second = text.index("Putin left")
    third = text.index("Putin slept")
    reading = Reading(
        0.0, 0.0, (Candidate(0, 14, 5.0), Candidate(second, second + 5, 4.0), Candidate(third, third + 5, 3.0))
    )
    found = decide([hit("a", text)], [reading])
    assert [one.text for one in found] == ["Vladimir Putin", "Putin"]  # the next sentence may mean another one


def test_answers_of_a_document_never_overlap() -> None:
    text = "Tea, coffee and 1,300 cups of cocoa (hot) were sold on 3 May 2020 in Rome."
    places = list(itertools.combinations(range(0, len(text) + 1, 3), 2))
    reading = Reading(0.0, 0.0, tuple(Candidate(start, end, -float(n)) for n, (start, end) in enumerate(places)))
    found = decide([hit("a", text, 100)], [reading])
    assert len(found) > 1
    for one, other in itertools.combinations(found, 2):
        assert one.span.end <= other.span.start or other.span.end <= one.span.start
    for one in found:
        assert text[one.span.start - 100 : one.span.end - 100] == one.text != ""


def test_bare_words_are_no_further_answers() -> None:
    found = ranked(
        ("a", "We met in the hall, and in spring.", {"the hall": 2.0, "in": 1.0, "We": 0.5, "in spring": 0.2})
    )
    assert [one.text for one in found] == ["the hall", "in spring"]
    assert [one.text for one in ranked(("a", "It is a novel by King.", {"It": 2.0, "is": 1.0}))] == ["It"]


def test_punctuation_is_no_answer() -> None:
    found = ranked(("a", "It ends on Feb. 20. 🎉 Hooray!", {"Feb. 20": 5.0, "🎉": 1.0, "!": 0.5, ". ": 0.1}))
    assert [one.text for one in found] == ["Feb. 20", "🎉"]


def test_equal_scores_go_by_the_search_then_by_place() -> None:
    found = ranked(("b", "Rome", {"Rome": 1.0}), ("a", "Oslo or Bern", {"Bern": 1.0, "Oslo": 1.0}))
    assert [one.text for one in found] == ["Rome", "Oslo", "Bern"]


def test_characters_outside_the_passage_are_refused() -> None:
    with pytest.raises(SpanInvariantError):
        decide([hit("a", "Rome")], [Reading(0.0, 0.0, (Candidate(0, 5, 1.0),))])


VOCABULARY = [
    "Rome",
    "5",
    "five",
    "May 5",
    "5 May",
    "the",
    "(hot",
    "tea)",
    '"',
    ", ",
    ". ",
    "a@b.org",
    "1,300",
    "🏖️",
    "[x](#)",
]


@st.composite
def read_passages(draw: st.DrawFn) -> tuple[list[Hit], list[Reading]]:
    """Passages of two documents, which may overlap, and what a reader found in them."""
    texts = {
        name: " ".join(draw(st.lists(st.sampled_from(VOCABULARY), min_size=2, max_size=14))) for name in ("a", "b")
    }
    hits, readings = [], []
    for name in draw(st.lists(st.sampled_from("ab"), min_size=1, max_size=4)):
        begin = draw(st.integers(0, len(texts[name]) - 1))
        hits.append(hit(name, texts[name][begin : begin + draw(st.integers(1, 40))], begin))
        found = []
        for _ in range(draw(st.integers(0, 5))):
            start = draw(st.integers(0, len(hits[-1].text) - 1))
            end = draw(st.integers(start + 1, len(hits[-1].text)))
            found.append(Candidate(start, end, draw(st.sampled_from([-2.0, 1.0, 5.0]))))
        readings.append(Reading(draw(st.sampled_from([-1.0, 2.0])), 0.0, tuple(found)))
    return hits, readings


@given(read_passages())
def test_the_ranking_of_any_readings(given: tuple[list[Hit], list[Reading]]) -> None:
    found = decide(*given)
    assert found == decide(*given)
    order = [(-one.standing, one.passage.document.id, one.span.start) for one in found]
    assert order == sorted(order)
    assert len({one.key for one in found}) == len(found)
    for one in found:
        start = one.passage.span.start
        assert one.passage.text[one.span.start - start : one.span.end - start] == one.text != ""
        places = [(one.passage.document.id, one.span), *((place.document_id, place.span) for place in one.support)]
        assert len(places) <= len(given[0])  # one of each passage at most
        for (document, span), (another, other) in itertools.combinations(places, 2):
            assert document != another or not overlap(span, other)
    for one, another in itertools.combinations(found, 2):
        assert one.passage.document.id != another.passage.document.id or not overlap(one.span, another.span)


def overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
