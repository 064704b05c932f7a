"""The main job, with the real models, through every way in: "when do the Olympics end?" is "Feb. 20"."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import spanwise

SEEDS = Path(__file__).parents[1] / "seeds"
ARTICLE = SEEDS / "000_609dc210a99a1b4d.txt"
QUESTION = "when do the Olympics end?"
START, END = 2694, 2701

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    with spanwise.open(data) as collection:
        assert collection.add(SEEDS).added == (ARTICLE.name,)
    return data


def test_through_the_library(data: Path) -> None:
    with spanwise.open(data) as collection:
        result = collection.ask(QUESTION)
        best = result.best
        assert best is not None
        assert (best.text, best.span) == ("Feb. 20", spanwise.Span(START, END))
        assert collection.document(best.document.id).text[START:END] == "Feb. 20"
        again = collection.ask(QUESTION)
        assert again.answers == result.answers  # same input, same output


def test_through_the_command_line(data: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "spanwise",
        "ask",
        QUESTION,
        "--json",
        "--data",
        str(data),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    _check(json.loads(done.stdout))
    assert done.stderr == ""


def test_through_http(data: Path) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [
        sys.executable,
        "-m",
        "spanwise",
        "serve",
        "--port",
        "0",
        "--data",
        str(data),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stderr is not None
            address = next(word for line in server.stderr for word in line.split() if word.startswith("http://"))
            body = json.dumps({"question": QUESTION}).encode()
            request = urllib.request.Request(
                f"{address}/v1/ask",
                data=body,
                headers={"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=60) as response:
                _check(json.load(response))
        finally:
            server.terminate()
    assert server.returncode == 0


def _check(result: dict[str, object]) -> None:
    assert result["answerable"] is True
    answers = result["answers"]
    assert isinstance(answers, list)
    assert answers[0]["text"] == "Feb. 20"
    assert answers[0]["span"] == {"start": START, "end": END}
    text = ARTICLE.read_text(encoding="utf-8")
    assert text[START:END] == "Feb. 20"
