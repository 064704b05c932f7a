"""Several questions at once, kinds of questions, and questions in other languages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

import spanwise
from spanwise import LimitError, QuestionError, Source, TimeLimitError
from spanwise.index.timings import time_limit
from spanwise.qa.contacts import prefer_contacts
from spanwise.qa.languages import language_warning, unknown_language
from spanwise.qa.question_kinds import question_kind
from spanwise.qa.reading import Candidate, Reading
from spanwise.testing import HashEmbedder, ScriptedReader

SCRIPT = {"When do the games end?": "Feb. 20", "Wann enden die Spiele?": "Feb. 20", "Where are they?": "Beijing"}


@pytest.fixture
def collection(tmp_path: Path) -> spanwise.Collection:
    collection = spanwise.open(tmp_path, embedder=HashEmbedder(), reader=ScriptedReader(SCRIPT))
    collection.add(Source("The games conclude Feb. 20. They are held in Beijing.", id="games"))
    return collection


def test_many_questions_are_answered_as_one_by_one(collection: spanwise.Collection) -> None:
    questions = [*SCRIPT, "Who?", "When do the games end?"] * 3
    together = collection.ask_many(questions, 2)
    assert [result.question for result in together] == questions
    for question, result in zip(questions, together, strict=True):
        alone = collection.ask(question, 2)
        assert (result.answers, result.answerable, result.warnings) == (alone.answers, alone.answerable, alone.warnings)
    assert collection.ask_many([]) == []
    for wrong, said in ((" ", "is empty"), ("x" * 1_001, "has 1,001 characters"), (None, "is NoneType")):
        with pytest.raises(QuestionError, match=f"The question 2 of 3 {said}"):
            collection.ask_many(["Who?", wrong, "Where?"])


def test_a_time_limit_holds_for_every_question(collection: spanwise.Collection) -> None:
    stages = ["lexical", "encode", "dense", "fuse", "read", "decide", "confirm"]
    assert list(collection.ask("Who?").timings_ms) == stages
    assert list(collection.search("games", mode="lexical").timings_ms) == ["lexical", "fuse", "mark"]
    with time_limit(0), pytest.raises(TimeLimitError):
        collection.ask_many(["Who?", "Where?"])
    with time_limit(0), pytest.raises(TimeLimitError):
        collection.add("Never stored.")
    assert [document.id for document in collection.documents()] == ["games"]
    assert collection.ask_many(["Who?", "Where?"])


def test_one_bad_question_stops_all_before_anything_is_read(collection: spanwise.Collection) -> None:
    with pytest.raises(QuestionError):
        collection.ask_many(["Who?", " "])
    with pytest.raises(LimitError):
        collection.ask_many(["Who?"], top_k=0)


def test_a_question_in_another_language_is_warned_of_and_not_answered(collection: spanwise.Collection) -> None:
    sure, foreign = collection.ask_many(["When do the games end?", "Wann enden die Spiele?"])
    assert sure.answerable
    assert sure.warnings == ()
    assert [answer.text for answer in foreign.answers] == ["Feb. 20"]
    assert not foreign.answerable
    assert foreign.best is None
    assert not foreign.calibrated
    assert foreign.answers[0].probability < 0.5 < foreign.no_answer_probability
    assert "German" in foreign.warnings[0]


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Wann enden die Olympischen Spiele?", "German"),
        ("Quand se terminent les Jeux olympiques ?", "French"),
        ("¿Cuándo terminan los Juegos Olímpicos?", "Spanish"),
        ("¿Cuánto cuesta la silla de oficina?", "Spanish"),
        ("Cuánto cuesta la silla de oficina", "Spanish"),
        ("Quando terminam os Jogos Olímpicos?", "Portuguese"),
        ("Quando finiscono le Olimpiadi?", "Italian"),
        ("Wanneer eindigen de Olympische Spelen?", "Dutch"),
        ("Когда закончится Олимпиада?", "Cyrillic script"),
        ("オリンピックはいつ終わりますか", "Japanese"),
        ("متى تنتهي الألعاب؟", "Arabic script"),
        ("When do the Olympics end?", None),
        ("olympics end date", None),
        ("WHO IS THE CHANCELLOR?", None),
        ("wehn do teh olimpics edn", None),
        ("What does 'la vida es sueño' mean?", None),
        ("What is Die Zeit?", None),
        ("Was Bach in Leipzig?", None),
        ("Le Havre port", None),
        ("2+2", None),
        ("🏖️?", None),
    ],
)
def test_languages(question: str, language: str | None) -> None:
    assert unknown_language(question) == language
    assert (language_warning(question) is None) == (language is None)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who is Ian Kelly?", "who"),
        ("WHO IS THE VICE PRESIDENT?", "who"),
        ("What year did the war end?", "when"),
        ("olympics end date", "when"),
        ("which city hosts it", "where"),
        ("How many troops are there?", "how_many"),
        ("How long did it last?", "how_long"),
        ("Why did he leave?", "why"),
        ("What caused the rupture?", "why"),
        ("How did it go?", "how"),
        ("What is a quark?", "definition"),
        ("Is the alliance about to invite Ukraine?", "yes_no"),
        ("Do you know who won?", "who"),
        ("ukraine president name", "other"),
        ("???", "other"),
    ],
)
def test_kinds(question: str, kind: str) -> None:
    assert question_kind(question) == kind


def test_contact_details_are_answered_with_an_address() -> None:
    text = "Write to team@example.org or see courses.example.in, (+91) 120 4565994."
    start = text.index("courses")
    reading = Reading(0.0, 0.0, (Candidate(start, start + 18, 3.0), Candidate(0, 5, 1.0)))

    def best(question: str) -> tuple[str, float]:
        first = prefer_contacts(question, text, reading).candidates[0]
        return text[first.start : first.end], first.score

    assert best("What is the e-mail address?") == ("team@example.org", 3.0)
    assert best("What is the web site?") == ("courses.example.in", 3.0)
    assert best("phone number") == ("(+91) 120 4565994", 3.0)
    assert prefer_contacts("Who wrote it?", text, reading) is reading
    doubtful = Reading(0.0, 0.0, (Candidate(start, start + 18, -9.0),))
    first = prefer_contacts("What is the e-mail address?", text, doubtful).candidates[0]
    assert (text[first.start : first.end], first.score) == ("team@example.org", 2.0)
    several = "Bookings: a@example.org. Press: b@example.org. Anna Lindqvist leads the office."
    place = several.index("b@")

    def first_of(*candidates: Candidate) -> tuple[str, float]:
        one = prefer_contacts("e-mail of Anna", several, Reading(0.0, 0.0, candidates)).candidates[0]
        return several[one.start : one.end], one.score

    assert first_of(Candidate(place + 20, place + 24, -3.0))[1] == -3.0  # which of the two would be a guess
    elsewhere = Candidate(0, 8, -3.0)
    assert first_of(elsewhere, Candidate(place, place + 5, -14.0))[1] == -3.0
    assert first_of(elsewhere, Candidate(place, place + 5, -4.0)) == ("b@example.org", 2.0)
    other = prefer_contacts("What e-mail?", "nothing here", Reading(0.0, 0.0, (Candidate(0, 7, 3.0),)))
    assert [one.score for one in other.candidates] == [-3.0]  # no address: nothing here can be the answer


@pytest.mark.parametrize(
    ("question", "text", "best"),
    [
        ("phone number of the firm", "Fax: 0734 048 7646. Tel: 0734 048 7647.", "0734 048 7647"),
        ("What is the fax number?", "Tel: 0734 048 7647. Fax: 0734 048 7646.", "0734 048 7646"),
        ("What is the fax number?", "Tel./Fax 0734 048 7647", "0734 048 7647"),
        ("phone number of the firm", "Tel./Fax 0734 048 7647", "0734 048 7647"),
        ("Anna's fax number?", "Who | Phone | Fax\nAnna | 0734 048 7647 | 0734 048 7646", "0734 048 7647"),
        ("Anna's telephone number?", "Dial 0734 048 and then the extension.\nAnna | -31", "-31"),
        ("Anna's telephone number?", "Anna is at ext. 31.", "ext. 31"),
        ("What is the fax number?", "Call us at 0734 048 7647. Faxes are not read.", None),
        ("Anna's telephone number?", "Anna lives at 2-31, it is -12 °C", None),
    ],
)
def test_numbers_are_fax_numbers_or_extensions_by_what_stands_around(
    question: str, text: str, best: str | None
) -> None:
    reading = Reading(0.0, 0.0, (Candidate(0, 4, 3.0),))
    first = prefer_contacts(question, text, reading).candidates[0]
    assert (first.score > 0) is (best is not None)
    assert best is None or text[first.start : first.end] == best


class Remembering(ScriptedReader):
    """Knows one rare word, and remembers what it was asked."""

    def knows(self, word: str) -> bool:
        return word == "gaelic"

    def read(self, question: str, passages: Sequence[str], *, top_n: int = 5) -> list[Reading]:
        self.asked = question
        return super().read(question, passages, top_n=top_n)


@pytest.mark.parametrize(
    ("asked", "read"),
    [
        ("When do the Olympcis end?", "When do the Olympics end?"),
        ("Where does gaelic grow?", "Where does gaelic grow?"),  # the reader knows it: no misspelling
        ("Which food is unnatural?", "Which food is unnatural?"),  # not "natural"
        ("When do the Olympics end?", "When do the Olympics end?"),
    ],
)
def test_the_reader_sees_what_was_corrected(tmp_path: Path, asked: str, read: str) -> None:
    reader = Remembering({"When do the Olympics end?": "Feb. 20"})
    with spanwise.open(tmp_path, embedder=HashEmbedder(), reader=reader) as collection:
        collection.add(Source("The Olympics conclude Feb. 20. Food with garlic is natural."))
        result = collection.ask(asked)
        assert reader.asked == read
        assert result.question == asked
        assert bool(result.corrected) is (asked not in ("When do the Olympics end?", "Where does gaelic grow?"))
        assert result.answerable is (read == "When do the Olympics end?")
        collection._rank_answers(asked)
        assert reader.asked == read


def test_what_a_prompt_shows_is_short(tmp_path: Path) -> None:
    reader = ScriptedReader({"When do the games end?": "Feb. 20"})
    with spanwise.open(tmp_path, embedder=HashEmbedder(), reader=reader) as collection:
        assert repr(collection) == "<Collection 'default'>"
        assert repr(collection.ask("Where?")) == "<AskResult of 'Where?': no answer>"
        added = collection.add(Source("The games conclude Feb. 20. " + "They are held in Beijing. " * 20, id="games"))
        assert repr(added) == "<Added: 1 added; generation 1>"
        assert repr(added + added) == "<Added: 2 added; generation 1>"
        assert repr(collection.add([])) == "<Added: nothing; generation 1>"
        result = collection.ask("When do the games end?")
        assert repr(result) == "<AskResult of 'When do the games end?': 'Feb. 20' (0.99)>"
        assert repr(result.best) == "<Answer 'Feb. 20' (0.99) 'games'[19:26]>"
        assert repr(collection.ask("Who ends it?")).startswith("<AskResult of 'Who ends it?': no answer; nearest: '")
        hits = collection.search("games", 1)
        assert repr(hits) == "<Hits of 'games': 1>"
        assert repr(hits[0]).startswith("<Hit 1.000 'games'[0:")
        assert len(repr(hits[0])) < 130
        assert (
            repr(collection.document("games"))
            == f"<Document 'games': {len(collection.document('games').text)} characters>"
        )
