"""What calibrations are fitted on: gold passages, and wrong ones that are really wrong."""

from __future__ import annotations

from spanwise.qa.contacts import is_contact
from spanwise.qa.evaluation.contact_rows import contact_rows
from spanwise.qa.evaluation.datasets import Gold, Row
from spanwise.qa.evaluation.fit_calibration import (
    CONTACT,
    SINGLE_CONTACT,
    SMALL,
    as_evidence,
    gathered_contacts,
    gathered_pairs,
    gathered_small,
)
from spanwise.qa.stopping import StopRule
from spanwise.testing import HashEmbedder, ScriptedReader

QUESTION = "Who may see my data?"


def row(number: int, title: str, context: str, answer: str, question: str = QUESTION) -> Row:
    gold = Gold(answer, context.index(answer))
    return Row(str(number), title, context, question, (gold,))


ROWS = [
    row(1, "Alpha", "Our partners may see your data at Alpha.", "Our partners"),
    row(2, "Beta", "Only our staff may see your data at Beta.", "Only our staff"),
    row(3, "Alpha", "Alpha keeps your data for a year, says the data notice.", "a year", "How long is data kept?"),
    row(4, "Beta", "Beta keeps data for a week, and who may see it is told above.", "a week", "How long is data kept?"),
]


def wrong_passages(same_title: bool) -> dict[str, str]:
    reader = ScriptedReader({QUESTION: "data"})
    records = list(gathered_pairs(ROWS, reader, 4, same_title=same_title, embedder=HashEmbedder()))
    assert [record["group"] for record in records] == ["gold", "wrong"] * (len(records) // 2)
    assert all(not record["golds"] for record in records if record["group"] == "wrong")
    return {record["id"]: record["passages"][0]["text"] for record in records if record["group"] == "wrong"}


def test_a_wrong_passage_is_none_that_the_question_is_asked_of() -> None:
    wrong = wrong_passages(same_title=False)
    assert wrong.keys() == {row.id for row in ROWS}
    for id_, text in wrong.items():
        asked = ROWS[int(id_) - 1].question
        assert text not in [other.context for other in ROWS if other.question == asked]


def test_the_same_title_on_request() -> None:
    wrong = wrong_passages(same_title=True)
    assert wrong == {"1": ROWS[2].context, "2": ROWS[3].context, "3": ROWS[0].context, "4": ROWS[1].context}


def test_evidence_is_read_as_far_as_the_engine_reads() -> None:
    passages = [
        {"doc": f"d{place}", "start": 0, "text": f"Word{place} here.", "fused": 1 - place / 10, "relevance": 0.0,
         "null": 0.0, "cands": [(0, 5, 9.0 - place)]}
        for place in range(5)
    ]  # fmt: skip
    record = {"question": "Which word?", "golds": ["Word0"], "passages": passages}
    assert [one.text for one in as_evidence(record, None).ranking] == [f"Word{place}" for place in range(5)]
    assert [one.text for one in as_evidence(record, StopRule(8.0, 0.1)).ranking] == ["Word0", "Word1"]


def test_contact_questions_ask_for_what_is_there_and_for_what_is_not() -> None:
    assert {asked[0].title for asked in contact_rows(ROWS)} == {"Alpha", "Beta"}
    for asked in contact_rows(ROWS):
        assert [row.answerable for row in asked] == [True, True, False, False]
        text = asked[0].context
        for row in asked:
            assert row.context == text
            for gold in row.answers:
                assert text[gold.start : gold.start + len(gold.text)] == gold.text
                assert is_contact(row.question, gold.text)
        other = {"Alpha": "Beta", "Beta": "Alpha"}[asked[0].title]
        for row in asked[2:]:
            assert other in row.question or not is_contact(row.question, text)
    assert list(contact_rows(ROWS)) == list(contact_rows(ROWS))


def test_a_detail_left_out_leaves_the_others_whole() -> None:
    for seed in range(100):  # the web address left out is part of the e-mail address in some
        made = list(contact_rows(ROWS, seed))
        assert made
        for asked in made:
            assert sum(row.answerable for row in asked) == 2


def test_small_collections_and_contacts_are_read() -> None:
    reader = ScriptedReader({row.question: row.golds[0] for row in ROWS})
    rows = [*ROWS, Row("5", "Alpha", ROWS[0].context, "Who may sell it?", ())]
    small = list(gathered_small(rows, reader, 1, HashEmbedder()))
    assert {record["group"] for record in small} == {"small-ans", "small-un"}
    assert all(bool(record["golds"]) is (record["group"] == "small-ans") for record in small)
    contacts = list(gathered_contacts(rows, reader, HashEmbedder()))
    assert {record["group"] for record in contacts} == {*CONTACT, *SINGLE_CONTACT}
    for record in contacts:
        best = as_evidence(record, None).ranking[0]
        assert is_contact(record["question"], best.text) >= bool(record["golds"])
    assert not set(CONTACT) & set(SMALL)
