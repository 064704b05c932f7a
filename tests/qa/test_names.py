"""What is said of Alice Moreau is no answer about Alice Cooper."""

from __future__ import annotations

from pathlib import Path

import pytest

import spanwise
from spanwise import Source
from spanwise.qa.names import full_names, of_another, prefer_named
from spanwise.qa.reading import Candidate, Reading


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Phone number of Alice Cooper", [("Alice", "Cooper")]),
        ("When did Ann B. Lee and Omar Said meet?", [("Ann", "Lee"), ("Omar", "Said")]),
        ("Who Is Alice Cooper", []),
        ("what is Alice's number", []),
        ("Is Alice here?", []),
        ("When did Henry Tudor III die?", []),
    ],
)
def test_names_of_a_question(question: str, names: list[tuple[str, str]]) -> None:
    assert full_names(question) == names


@pytest.mark.parametrize(
    ("name", "text", "another"),
    [
        (("Alice", "Cooper"), "Alice Moreau, alice.moreau@example.org, 0151 555 73321", True),
        (("Alice", "Cooper"), "Alice Moreau and Ben Cooper", False),  # Cooper is known here
        (("Alice", "Cooper"), "Call Alice on 0151 555 73321", False),  # any Alice
        (("Alice", "Coper"), "Alice Moreau and Ben Cooper", False),  # misspelt
        (("Alice", "Moreaus"), "Alice Moreau", False),
        (("Warranty", "Period"), "Warranty Terms. The warranty is two years.", False),  # no name
        (("Ben", "Cooper"), "Alice Moreau", False),
    ],
)
def test_whether_a_text_is_about_another(name: tuple[str, str], text: str, another: bool) -> None:
    assert of_another(name, text) is another
    reading = Reading(0.0, 0.0, (Candidate(0, 5, 3.0),))
    assert (prefer_named([name], text, reading) is reading) is not another


@pytest.mark.models
def test_nothing_is_said_of_somebody_else(tmp_path: Path) -> None:
    with spanwise.open(tmp_path) as collection:
        collection.add(Source("Alice Moreau chairs the committee. Call Alice on 0151 555 73321.", id="moreau"))
        assert not collection.ask("What is the phone number of Alice Cooper?").answerable
        result = collection.ask("What is the phone number of Alice Moreau?")
        assert (result.answerable, result[0].text) == (True, "0151 555 73321")
        collection.add(Source("Alice Cooper looks after the garden. Call Alice on 0170 555 11223.", id="cooper"))
        assert collection.ask("What is the phone number of Alice Cooper?")[0].text == "0170 555 11223"
