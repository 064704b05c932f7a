"""The words of a query and of a collection: codes, quotations, scripts without spaces, misspellings, completions."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import spanwise
from spanwise import LimitError, QuestionError, Source
from spanwise.index.vocabulary import Vocabulary, edits_allowed
from spanwise.index.words import plain_words, respelt
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder, ScriptedReader

EXACT = {
    "CVE-2024-3094": "The flaw CVE-2024-3094 is in the library, and nobody knew.",
    "(+91) 120 4565994": "Ring the office at (+91) 120 4565994 on working days.",
    "courses.thekootneeti.in": "Everything is listed at courses.thekootneeti.in for members.",
    "ISO 9001:2015": "The plant was certified to ISO 9001:2015 by an auditor.",
    "user@example.org": "Complaints are sent to user@example.org by post or mail.",
    "v2.13.0": "The fault was mended in v2.13.0 of the program.",
    '"the running man"': "They called him the running man of the village.",
    '"Straße der Löwen"': "The parade went down Straße der Löwen at noon.",
}
DISTRACTORS = [
    "CVE-2024-3095 CVE-2023-3094 CVE CVE 2024 2024 3094 3094: a list of flaws.",
    "What is CVE-2024-1086 and CVE-2023-3094? The flaw, the flaw, the flaw in 3094.",
    "(+91) 120 4565995 and 120 4565 994: ring, ring the office. The office at 4565994 120 (+91).",
    "courses.example.in thekootneeti.com courses in thekootneeti: courses, courses, courses.",
    "ISO 9001:2008 ISO 14001:2015 ISO 9001 2015 2015 ISO certified certified by an ISO auditor.",
    "IEC 9001:2015 is no norm, said the auditor of the plant.",
    "other@example.org user@example.com user@user.org example user: complaints.",
    "v2.13.1 v2.12.0 v2 13 0 v2-13-0: the fault was mended, mended, mended in the program v2.",
    "The man was running. Running is what the man does; the run of the men, the men who run.",
    "He called them the run men of the village.",
    "The lions of the street, die Löwen der Straße, der Löwe.",
]


@pytest.fixture
def coded(library: Collection) -> Collection:
    library.add([Source(text, id=f"other/{number}") for number, text in enumerate(DISTRACTORS)])
    library.add([Source(text, id=f"right/{number}") for number, text in enumerate(EXACT.values())])
    return library


@pytest.mark.parametrize("mode", ["hybrid", "lexical"])
def test_exact_words_find_their_passage_first(coded: Collection, mode: str) -> None:
    for exact, text in EXACT.items():
        for query in (exact, f"What is said about {exact}?", f"{exact} auditor flaw ring courses men running in 2015"):
            hits = coded.search(query, mode=mode)  # type: ignore[arg-type]
            assert hits[0].text == text, query
            assert all(0 <= hit.scores.fused <= 1 for hit in hits)


def test_what_stands_nowhere_exactly_is_searched_by_its_words(coded: Collection) -> None:
    assert "CVE" in coded.search("CVE-1999-3094", mode="lexical")[0].text
    assert coded.search('"of village the"', mode="lexical")[0].document.id in ("right/6", "other/9")


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("我们明天去北京大学图书馆看书。", ["北京", "图书馆", "大学", "书"]),
        ("東京都に住んでいる犬がいます。", ["東京", "住んでいる", "犬"]),
        ("ภาษาไทยเป็นภาษาที่สวยงามมาก", ["ภาษาไทย", "สวยงาม"]),
        ("한국어를 배우고 싶습니다.", ["한국어", "배우고"]),
        ("हिन्दी भारत की भाषा है।", ["हिन्दी", "भाषा"]),
        ("שָׁלוֹם לכולם", ["שלום", "שָׁלוֹם"]),
        ("مُحَمَّد يكتب", ["محمد", "مُحَمَّد"]),
        ("Η Δοκιμή είναι μία", ["δοκιμη", "ΔΟΚΙΜΉ", "μία"]),
        ("Die Straße nach Łódź, der ﬁnale Ｔｅｓｔ", ["strasse", "STRASSE", "Lodz", "final", "test", "straße"]),
        ("Un café très élégant à Orléans", ["cafe", "orleans", "elegant", "café", "cafe\u0301"]),
    ],
)
def test_every_script_is_searched_by_words(library: Collection, text: str, queries: list[str]) -> None:
    library.add([Source(text, id="it"), Source("Nothing of it stands here: 天気, อากาศ, 날씨.", id="other")])
    for query in queries:
        assert [hit.document.id for hit in library.search(query, mode="lexical")] == ["it"], query


@pytest.mark.parametrize(
    ("text", "query", "words"),
    [
        ("The Winter Olympics end in February.", "olimpics", ["Olympics"]),
        ("我们明天去北京大学图书馆看书。", "图书馆", ["图书馆"]),
        ("東京都に住んでいる犬がいます。", "犬", ["犬"]),
        ("Die Straße nach Łódź.", "strasse lodz", ["Straße", "Łódź"]),
        ("The flaw CVE-2024-3094 is known.", "CVE-2024-3094", ["CVE-2024-3094"]),
    ],
)
def test_what_was_searched_for_instead_is_marked(library: Collection, text: str, query: str, words: list[str]) -> None:
    library.add([Source(text, id="a"), Source("Bread.", id="b")])
    hit = library.search(query, mode="lexical", explain=True)[0]
    assert [one.span.of(text) for one in hit.highlights] == words
    assert hit.explanation is not None
    assert hit.scores.lexical == pytest.approx(sum(term.score for term in hit.explanation.terms))


def test_completions_are_marked(library: Collection) -> None:
    library.add([Source("The Winter Olympics end in February.", id="a"), Source("Bread.", id="b")])
    [hit] = library.search("winter oly", prefix=True, mode="lexical")
    assert [one.span.of(hit.text) for one in hit.highlights] == ["Winter", "Olympics"]


def test_exact_words_are_filtered_and_explained(coded: Collection) -> None:
    where = {"document.id": [f"other/{number}" for number in range(11)]}
    hits = coded.search("What is CVE-2024-3094?", 50, where=where, merge=False, explain=True)
    assert {hit.document.id for hit in hits} <= set(where["document.id"])
    hits = coded.search("What is CVE-2024-3094?", 50, merge=False, explain=True)
    assert [hit.document.id for hit in hits if hit.explanation and hit.explanation.exact] == ["right/0"]
    for hit in hits:
        said = hit.explanation
        assert said is not None
        assert said.exact is not None
        fused = said.dense_weight * said.dense_share + (1 - said.dense_weight) * said.lexical_share
        assert hit.scores.fused == pytest.approx((fused + said.exact) / 2)
    assert "÷ 2 + 0.5 exact words" in hits[0].explanation.words[-1]  # type: ignore[union-attr]
    for top_k in (1, 3, 6):
        page = coded.search("What is CVE-2024-3094?", top_k, merge=False)
        assert [hit.document.id for hit in page] == [hit.document.id for hit in hits][:top_k]
    dense = coded.search("What is CVE-2024-3094?", mode="dense", explain=True)[0]
    assert dense.explanation is not None
    assert dense.explanation.exact is None


def test_a_word_of_most_passages_still_counts_where_there_is_no_other(library: Collection) -> None:
    library.add([Source(f"The boat number{number} is here.", id=f"{number:02}") for number in range(30)])
    assert len(library.search("the boat", top_k=50, mode="lexical")) == 30
    assert [hit.document.id for hit in library.search("the boat number7", mode="lexical")] == ["07"]
    library.remove(*[f"{number:02}" for number in range(10, 30)])
    assert len(library.search("boat number7", mode="lexical")) == 10  # in few passages no word is common


# Misspellings.


def test_misspelt_words_are_corrected_from_the_collection(library: Collection) -> None:
    library.add([Source("The Winter Olympics end in February.", id="a"), Source("Bread is baked here.", id="b")])
    hits = library.search("olimpics", mode="lexical")
    assert (hits[0].document.id, hits.corrected) == ("a", {"olimpics": "olympics"})
    assert library.search("breda", mode="lexical").corrected == {"breda": "bread"}
    assert library.ask("When do the olimpycs end?").corrected == {"olimpycs": "olympics"}
    for right in ("olympics", "Olympic", "baking", "olxxxpics", "bxxad", "zzz", "the", "when", "brd", "a1ymp1cs"):
        assert library.search(right, mode="lexical").corrected == {}, right
    assert library.search("olimpics", mode="dense").corrected == {}
    library.add(Source("Such cakes are eaten along the river.", id="c"))
    assert library.search("how much and how long", mode="lexical").corrected == {}
    library.remove("a")
    assert library.search("olimpics", mode="lexical").corrected == {}


MISSPELT = {
    "Where does Ian Kely teach?": ("Northwestern University", {"kely": "kelly"}),
    "What is the possible target date of an invssion?": ("Wednesday", {"invssion": "invasion"}),
    "When did Biden and Zlenskyy speak?": ("Sunday", {"zlenskyy": "zelenskyy"}),
    "Who heads the Cenetr for European Research?": ("Timofei Bordachev", {"cenetr": "center"}),
    "How many Russian troopps are near Ukraine's borders?": ("more than 130,000", {"troopps": "troops"}),
    "How long did Putin talk to Mcron?": ("more than five hours", {"mcron": "macron"}),
    "Who is the German chsncellor?": ("Olaf Scholz", {"chsncellor": "chancellor"}),
    "Who is Dmitry Kozsk?": ("Kremlin representative", {"kozsk": "kozak"}),
    "Which opposirion leader was poisoned in 2020?": ("Alexei Navalny", {"opposirion": "opposition"}),
    "How long is the online coruse?": ("SIX-WEEK", {"coruse": "course"}),
    "WHO IS THE VICE PERSIDENT?": ("Kamala Harris", {"persident": "president"}),
}


@pytest.fixture(scope="module")
def article(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """A collection of a real article, which no test changes."""
    with spanwise.open(tmp_path_factory.mktemp("article"), embedder=HashEmbedder(), reader=ScriptedReader()) as found:
        found.add(Path(__file__).parents[2] / "seeds" / "000_609dc210a99a1b4d.txt")
        yield found


@pytest.mark.parametrize("question", MISSPELT)
def test_a_misspelt_question_finds_its_passage_in_a_real_article(article: Collection, question: str) -> None:
    answer, corrected = MISSPELT[question]
    hits = article.search(question, 1, mode="lexical")
    assert hits.corrected == corrected
    assert answer in hits[0].passage.text


def test_of_equally_near_words_the_more_frequent_is_meant(library: Collection) -> None:
    library.add([Source("The cart.", id="a"), Source("The care.", id="b"), Source("A care, a card.", id="c")])
    assert library.search("carx", mode="lexical").corrected == {"carx": "care"}
    library.remove("b")
    assert library.search("carx", mode="lexical").corrected == {"carx": "card"}  # then by the alphabet


def test_the_vocabulary_is_in_step_with_the_passages(library: Collection, data: Path) -> None:
    rng = random.Random(3)
    names = ["alder", "birch", "cedar", "élan", "Ähre", "fir’s", "x1y", "漢字", "Straße"]
    texts: dict[str, str] = {}
    for _ in range(40):
        id_ = f"d{rng.randrange(6)}"
        if id_ in texts and rng.random() < 0.4:
            library.remove(id_)
            del texts[id_]
        else:
            texts[id_] = " ".join(rng.choices(names, k=4))
            library.add(Source(texts[id_], id=id_, title=rng.choice(names)))
        with sqlite3.connect(data / "collections" / "default" / "collection.sqlite") as connection:
            stored = dict(connection.execute("SELECT word, passages FROM words"))
            passages = connection.execute("SELECT prefix || ' ' || text FROM passages").fetchall()
            names_stored = dict(connection.execute("SELECT text, uses FROM names"))
            titles = [row[0] for row in connection.execute("SELECT title FROM documents")]
        held = [plain_words(text) for (text,) in passages]
        assert stored == {word: sum(word in one for one in held) for word in set().union(*held)}
        assert names_stored == {title: titles.count(title) for title in titles}


def distances(a: str, b: str) -> list[int]:
    """Optimal string alignment of `a` with each beginning of `b`, by its definition; the last: with all of it."""
    table = {(i, j): i + j for i in range(len(a) + 1) for j in range(len(b) + 1) if not i or not j}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            best = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                best = min(best, table[i - 2, j - 2] + 1)
            table[i, j] = best
    return [table[len(a), j] for j in range(len(b) + 1)]


@pytest.mark.slow
def test_near_words_are_all_that_are_near() -> None:
    rng = random.Random(0)
    words = sorted({"".join(rng.choices("abcdé字", k=rng.randint(3, 10))) for _ in range(800)})
    vocabulary = Vocabulary(words[:300]).with_more(words[300:])
    for word in rng.sample(words, 25):
        most = edits_allowed(word)
        away = {one: distances(word, one) for one in words}
        assert vocabulary.near(word) == {one: d[-1] for one, d in away.items() if 0 < d[-1] <= most}
        expected = {one: min(d) for one, d in away.items() if 0 < min(d) <= most and one[0] in word[:2]}
        assert vocabulary.near(word, beginning=True) == expected


# What is being typed.


@pytest.fixture
def typing(library: Collection) -> Collection:
    library.add(
        [
            Source("# Opening hours\n\nWinter Olympics are cold.", "a", "Winter sports", media_type="text/markdown"),
            Source("The Winter Olympics ended. Winter tyres are black.", id="b", title="Tyres"),
            Source("The winter market sells winter tyres and Olympic rings.", id="c", title="The winter market"),
        ]
    )  # fmt: skip
    return library


def texts(library: Collection, typed: str, limit: int = 8) -> list[str]:
    return [suggestion.text for suggestion in library.suggest(typed, limit)]


def test_suggestions_come_from_titles_headings_and_phrases(typing: Collection) -> None:
    assert texts(typing, "win")[0] == "Winter sports"
    assert "The winter market" in texts(typing, "win")
    assert "Winter Olympics" in texts(typing, "winter ")
    assert texts(typing, "winter ty")[0].lower() == "winter tyres"
    assert texts(typing, "open") == ["Opening hours", "Opening"]
    assert [one.kind for one in typing.suggest("open")] == ["title", "phrase"]
    assert texts(typing, "when do the winter oly")[0] == "when do the Winter Olympics"
    assert texts(typing, "zebra") == texts(typing, "…") == []
    assert texts(typing, "win", 1) == ["Winter sports"]


def test_a_typing_error_is_forgiven(typing: Collection) -> None:
    assert texts(typing, "wintre oly")[0].lower() == "winter olympics"
    assert "Olympics" in " ".join(texts(typing, "olimpics"))
    assert "Olympic" in " ".join(texts(typing, "olimp"))
    assert texts(typing, "opening huors") == ["Opening hours"]
    assert texts(typing, "xlympics") == ["Olympics"] or texts(typing, "xlympics") == []
    assert texts(typing, "oxyxp") == []


def test_deleted_text_is_not_suggested(typing: Collection) -> None:
    typing.remove("a", "b")
    for typed in ("w", "win", "winter ", "winter o", "open", "tyr", "olympi"):
        found = " ".join(texts(typing, typed))
        assert "Olympics" not in found
        assert "sports" not in found
        assert "Opening" not in found
    assert texts(typing, "the win")[0] == "The winter market"
    typing.remove("c")
    assert texts(typing, "w") == []


def test_suggestions_do_not_depend_on_the_order_of_adding(opened: Callable[..., Collection]) -> None:
    sources = [Source(f"A red apple, red apples and red ants. Item {n}.", id=f"{n}", title="Red") for n in range(5)]
    forward, backward = opened("forward"), opened("backward")
    forward.add(sources)
    for source in reversed(sources):
        backward.add(source)
    for typed in ("r", "red", "red a"):
        assert texts(forward, typed) == texts(forward, typed) == texts(backward, typed) != []


def test_what_cannot_be_completed_is_refused(typing: Collection) -> None:
    with pytest.raises(QuestionError, match="text is empty"):
        typing.suggest("  ")
    with pytest.raises(LimitError, match="limit is 0"):
        typing.suggest("a", 0)
    for odd in ('"', "a\0b", '" OR', "*", "NEAR(", "ab\ud800", "\u0301", "'", "-", "(", "x" * 900):
        typing.suggest(odd)
        typing.search(odd, prefix=True)


def test_the_last_word_may_be_unfinished(typing: Collection) -> None:
    def found(query: str, prefix: bool = True) -> list[str]:
        return [hit.document.id for hit in typing.search(query, mode="lexical", prefix=prefix)]

    assert set(found("olymp")) == {"a", "b", "c"}
    assert found("oly", prefix=False) == []
    assert found("mark") == ["c"]
    assert found("mark ") == []  # a space finishes the word
    assert typing.search("marxe", mode="lexical", prefix=True).corrected == {"marxe": "market"}
    typing.add(Source("The code is CVE-2024-3094.", id="d"))
    assert found("CVE-2024-30") == ["d"]


def test_corrected_words_are_put_into_the_text() -> None:
    corrected = {"olimpics": "olympics", "ende": "end"}
    assert respelt("When do the Olimpics ende?", corrected) == "When do the Olympics end?"
    assert respelt("OLIMPICS’ ending", corrected) == "Olympics’ ending"
    assert respelt("Ünder 👍 olimpics", corrected) == "Ünder 👍 olympics"
    assert respelt("When?", {}) == "When?"
