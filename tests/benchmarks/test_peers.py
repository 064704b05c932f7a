"""The comparison with peers: figures, and a system in a process of its own. No peer is needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from spanwise.qa.evaluation.datasets import Gold, Row

PEERS = Path(__file__).parents[2] / "benchmarks" / "peers"
FAKE = """
import os
from dataclasses import dataclass
from protocol import Found

class Fake:
    def load(self): print("a library that prints")
    def ask(self, question):
        if question == "raise":
            raise LookupError("no answer")
        if question == "die":
            os._exit(3)
        return Found(question.upper(), "p", 0, len(question))

def build(folder, reader, variant):
    return Fake()
"""


@pytest.fixture(autouse=True)
def _peers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Its modules, which are scripts beside each other, for as long as a test lasts."""
    monkeypatch.syspath_prepend(str(PEERS))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(PEERS)):
            del sys.modules[name]


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    import child

    (folder / "with_fake.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setitem(child.SYSTEMS, "fake", ("", "with_fake", ""))
    return child.Child("fake", folder, folder / "index", folder, at_once=2)


def test_answers_errors_and_what_a_library_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake(tmp_path, monkeypatch).ready(["load"]) as process:
        said = process.request("ask", question="who")
        failed = process.request("ask", question="raise")
    assert said.result == {"text": "WHO", "passage": "p", "start": 0, "end": 3}
    assert said.error is None
    assert said.seconds > 0
    assert (failed.result, failed.error) == (None, "LookupError: no answer")


def test_a_process_that_dies_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake(tmp_path, monkeypatch) as process:
        with pytest.raises(RuntimeError, match="has ended"):
            process.request("ask", question="die")
        with pytest.raises(RuntimeError, match="has ended"):
            process.request("ask", question="who")


def test_places_are_checked_and_silence_counts_as_wrong() -> None:
    from child import Said
    from measure import quality

    def row(question: str) -> Row:
        return Row(question, "", "He was born in Rome.", question, (Gold("Rome", 15),))

    bench: Any = SimpleNamespace(texts={"p": "He was born in Rome."}, rows=[row(name) for name in "abcde"])
    rome = {"text": "Rome", "passage": "p"}
    said = [
        Said(rome | {"start": 15, "end": 19}, None, 1.0),
        Said(rome | {"start": 14, "end": 18}, None, 1.0),
        Said({"text": "in Rome", "passage": None, "start": None, "end": None}, None, 1.0),
        Said(None, None, 1.0),
        Said(None, "TypeError: …", 1.0),
    ]
    figures = quality(bench, said)
    assert figures["em"] == 40
    assert figures["f1"] == 53.33
    assert (figures["answers"], figures["with_span"], figures["span_right"]) == (3, 2, 1)
    assert (figures["with_passage"], figures["passage_holds_words"]) == (2, 2)
    assert figures["errors"] == {"TypeError: …": 1}


def test_figures_of_other_material_are_not_added_to(tmp_path: Path) -> None:
    from run import merged

    file = tmp_path / "peers.json"
    file.write_text('{"material": {"corpus": "a"}, "systems": {"bm25s": {}}}')
    assert merged(file, {"corpus": "a"})["systems"] == {"bm25s": {}}
    with pytest.raises(SystemExit, match="corpus"):
        merged(file, {"corpus": "b"})
