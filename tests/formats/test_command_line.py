"""The options that say how files are read, and that nothing heavy loads before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from spanwise.cli import build_parser


@pytest.mark.parametrize("command", ["add", "sync"])
def test_columns_and_keep_all(command: str) -> None:
    options = build_parser().parse_args([command, "folder", "--columns", "text=body,id=nr", "--keep-all"])
    assert options.columns == {"text": "body", "id": "nr"}
    assert options.keep_all is True
    assert build_parser().parse_args([command, "folder"]).columns is None


@pytest.mark.parametrize("value", ["text", "text=", "=body", ""])
def test_columns_that_make_no_sense(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["add", "folder", "--columns", value])
    assert "NAME=COLUMN" in capsys.readouterr().err


@pytest.mark.slow
def test_loading_text_loads_no_format_library() -> None:
    code = (
        "import sys; from spanwise.index.loading import load_bytes; "
        "load_bytes('Grüße'.encode(), 'a.txt'); load_bytes(b'# Head', 'a.md'); load_bytes(b'<html><p>x', 'a.html'); "
        "print(sorted({'lxml', 'docx', 'pypdfium2', 'charset_normalizer', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
