"""What the command line prints of an answer: its sentence or row, and where it stands, each said once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import spanwise
from spanwise import Source, cli
from spanwise.cli_output import path_of, print_answers
from spanwise.index.records import DocumentInfo
from spanwise.qa.records import AskResult
from spanwise.testing import HashEmbedder, ScriptedReader

QUESTION = "what does the chair cost?"
UNTITLED = DocumentInfo("", None, None, {}, "", "text/plain", 0, 1, "")


def printed(tmp_path: Path, capsys: pytest.CaptureFixture[str], source: Source, answer: str) -> list[str]:
    """The lines that `ask` prints of `source`, whose answer to QUESTION is `answer`."""
    with spanwise.open(tmp_path, embedder=HashEmbedder(), reader=ScriptedReader({QUESTION: answer})) as collection:
        collection.add(source)
        print_answers(collection.ask(QUESTION))
    return capsys.readouterr().out.splitlines()


def test_a_title_that_is_the_first_heading_too_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "prices.md"
    page.write_text(
        "# Price list 2026\n\nAll in euros.\n\n## Chairs\n\nThe chair costs 40 euros today.\n", encoding="utf-8"
    )
    reader = ScriptedReader({QUESTION: "40 euros"})
    with spanwise.open(tmp_path, embedder=HashEmbedder(), reader=reader) as collection:
        collection.add(page)
        result = collection.ask(QUESTION)
    assert result[0].heading[0] == result[0].document.title == "Price list 2026"
    print_answers(result)
    assert "  — Price list 2026, Chairs, characters" in capsys.readouterr().out
    other = replace(result[0].passage.document, title="Prices")
    print_answers(_of_document(result, other))
    assert "  — Prices, Price list 2026 › Chairs, characters" in capsys.readouterr().out


def _of_document(result: AskResult, document: DocumentInfo) -> AskResult:
    answers = tuple(replace(one, passage=replace(one.passage, document=document)) for one in result.answers)
    return replace(result, answers=answers)


def test_of_a_table_the_row_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "Item | Price\nChair | 40 euros\nDesk | 90 euros"
    assert printed(tmp_path, capsys, Source(text, id="prices"), "40 euros")[1:3] == ["40 euros", "  Chair | 40 euros"]


def test_lines_that_are_no_table_stay_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "Today the chair\ncosts 40 euros\nin every shop."
    said = printed(tmp_path, capsys, Source(text, id="prices"), "40 euros")
    assert said[2] == "  Today the chair costs 40 euros in every shop."


@pytest.mark.parametrize(
    ("document_id", "path"),
    [
        ("~C3~9Cbersicht~202024.txt", "Übersicht 2024.txt"),
        ("a~FFb~20c", "a~FFb c"),  # what is no UTF-8 stays as it is
        ("x~1B~5B31m", "x\ufffd[31m"),  # no commands for the terminal
        ("notes/plan.md", "notes/plan.md"),
    ],
)
def test_a_file_is_called_as_it_is_called(document_id: str, path: str) -> None:
    assert path_of(replace(UNTITLED, id=document_id)) == path


def test_what_is_said_of_a_file_finds_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "Übersicht 2024.txt"
    file.write_text("The chair costs 40 euros.", encoding="utf-8")
    with spanwise.open("spanwise-data", embedder=HashEmbedder(), reader=ScriptedReader({QUESTION: "40"})) as collection:
        collection.add(file)
        print_answers(collection.ask(QUESTION))
    assert "  — Übersicht 2024.txt, characters" in capsys.readouterr().out
    for name in ("Übersicht 2024.txt", "~C3~9Cbersicht~202024.txt"):
        assert cli.main(["show", name]) == 0
        assert capsys.readouterr().out == "The chair costs 40 euros."
    assert cli.main(["show", "Übersicht 2025.txt"]) == 2
    assert "There is no document 'Übersicht 2025.txt'" in capsys.readouterr().err
    assert cli.main(["list"]) == 0
    assert capsys.readouterr().out == "~C3~9Cbersicht~202024.txt  25 characters, 1 passages  Übersicht 2024.txt\n"
