"""What is said of Alice Moreau is no answer about Alice Cooper."""

from __future__ import annotations

from pathlib import Path

import pytest

import spanwise
from spanwise import Source
from spanwise.qa.names import full_names, holds, modules, of_another, prefer_named
from spanwise.qa.reading import Candidate, Reading
from spanwise.testing import HashEmbedder, ScriptedReader


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


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Who wrote the heapq module?", [("heapq",)]),
        ("Who wrote the `numpy.ma` package?", [("numpy", "ma")]),
        ("What does the node-gyp command do?", [("gyp",)]),
        ("What does the re_path() function do?", [("re", "path")]),
        ("Which module is for heaps, and which function?", []),
        ("What is a node command-line?", []),
        ("Who wrote the Heapq module?", []),
        ("What is heapq?", []),
    ],
)
def test_modules_of_a_question(question: str, found: list[tuple[str, ...]]) -> None:
    assert modules(question, {"which", "a", "node"}.__contains__) == found


@pytest.mark.parametrize(
    ("module", "text", "there"),
    [
        (("heapq",), "The bisect module", False),
        (("heapq",), "import HEAPQ", True),
        (("heapqs",), "import heapq", True),
        (("numpy", "ma"), "numpy.fft", False),
        (("gyp",), "node_gyp_dir", True),
        (("optimised",), "an optimized library", True),
    ],
)
def test_whether_a_text_holds_a_module(module: tuple[str, ...], text: str, there: bool) -> None:
    assert holds(module, text) is there
    reading = Reading(0.0, 0.0, (Candidate(0, 5, 3.0),))
    assert (prefer_named([], text, reading, [module]) is reading) is there


BISECT = "The bisect module keeps a list in order. The module was written by Ada Quayle in 1998."
HEAPQ = "heapq is a queue with priorities. Its functions push and pop."


def test_the_author_of_one_module_is_not_the_author_of_another(tmp_path: Path) -> None:
    question = "Who wrote the heapq module?"
    reader = ScriptedReader({question: "Ada Quayle"})
    with spanwise.open(tmp_path, embedder=HashEmbedder(), reader=reader) as collection:
        collection.add(Source(BISECT, id="bisect"))
        assert collection.ask(question).answerable  # nothing here is about heapq: it may have another name
        collection.add(Source(HEAPQ, id="heapq"))
        assert not collection.ask(question).answerable


@pytest.mark.models
def test_nothing_is_said_of_somebody_else(tmp_path: Path) -> None:
    with spanwise.open(tmp_path) as collection:
        collection.add(Source("Alice Moreau chairs the committee. Call Alice on 0151 555 73321.", id="moreau"))
        assert not collection.ask("What is the phone number of Alice Cooper?").answerable
        result = collection.ask("What is the phone number of Alice Moreau?")
        assert (result.answerable, result[0].text) == (True, "0151 555 73321")
        collection.add(Source("Alice Cooper looks after the garden. Call Alice on 0170 555 11223.", id="cooper"))
        assert collection.ask("What is the phone number of Alice Cooper?")[0].text == "0170 555 11223"
