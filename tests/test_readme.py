"""What the README shows runs as it stands: its Python, its shell commands, its HTTP calls."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.models


def block(language: str, containing: str) -> str:
    (found,) = [text for kind, text in BLOCKS if kind == language and containing in text]
    return found


def shell(script: str, cwd: Path) -> str:
    """Run `script` with the `spanwise` of this Python first on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    return tmp_path


def test_every_block_is_covered() -> None:
    assert [kind for kind, _ in BLOCKS] == ["sh", "python", "sh", "sh"]


def test_python(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block("python", "spanwise.open")], capture_output=True, text=True, check=True, cwd=folder
    )
    assert done.stdout.startswith("Feb. 20 Span(start=2694, end=2701)")
    assert "hours The library opens at 9 a.m. on weekdays." in done.stdout


def test_command_line(folder: Path) -> None:
    out = shell(block("sh", "spanwise add"), folder)
    assert out.startswith("Added 1, replaced 0, unchanged 0.")
    assert '"text": "Feb. 20"' in out
    shown = re.search(r"\$ spanwise ask .*\n(Feb\. 20\n  At the same time.*\n)  — (.*?; )probability", README)
    assert shown is not None
    assert shown[1] in out
    assert shown[2] in out


def test_http(folder: Path) -> None:
    serve = shlex.split(f"{sys.executable} -m spanwise serve --port 0")
    shell("spanwise add seeds", folder)
    with subprocess.Popen(serve, stderr=subprocess.PIPE, text=True, cwd=folder) as server:
        try:
            assert server.stderr is not None
            address = next(word for line in server.stderr for word in line.split() if word.startswith("http://"))
            out = shell(block("sh", "curl").replace("http://127.0.0.1:8000", address), folder)
        finally:
            server.terminate()
    assert '"answerable":true' in out.replace(" ", "")
    assert '"text":"Feb.20"' in out.replace(" ", "")
    assert '"id":"hours"' in out.replace(" ", "")
