"""The file in which a server says where it is: what is believed of it, who reads it, who removes it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from spanwise import Settings
from spanwise.api import running

SAID_OTHERWISE: list[str | dict[str, object]] = [
    "", "[]", "{}", "null", '{"address": 1, "pid": 1, "token": "", "version": "", "settings": ""}',
    {"address": "http://192.0.2.1:80"}, {"address": "http://localhost:80"}, {"address": "https://127.0.0.1:1"},
    {"address": "http://127.0.0.1"}, {"address": "http://127.0.0.1:99999"}, {"address": "http://0.0.0.0:80"},
    {"address": "http://127.0.0.1@192.0.2.1:80"}, {"address": "http://127.0.0.1:80/path"},
    {"pid": 2**30}, {"pid": 2**99}, {"pid": "1"}, {"pid": 0}, {"pid": -1}, {"pid": None}, {"token": 5}, {"more": 1},
]  # fmt: skip


def test_a_file_that_says_anything_else_is_passed_over(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    file = tmp_path / running.FILE
    for said in SAID_OTHERWISE:
        assert running.announce(settings, "http://127.0.0.1:80", os.getpid())
        assert running.found(settings), "the file before the change is believed"
        file.write_text(said if isinstance(said, str) else json.dumps({**json.loads(file.read_text()), **said}))
        assert running.found(settings) is None, said


@pytest.mark.parametrize(
    ("listens", "reached"),
    [
        ("http://127.0.0.1:80", "http://127.0.0.1:80"), ("http://127.0.0.2:80", "http://127.0.0.2:80"),
        ("http://0.0.0.0:80", "http://127.0.0.1:80"), ("http://[::]:80", "http://[::1]:80"),
        ("http://[::1]:80", "http://[::1]:80"), ("http://192.0.2.1:80", None),
    ],
)  # fmt: skip
def test_only_loopback_addresses_are_announced(tmp_path: Path, listens: str, reached: str | None) -> None:
    said = running.announce(Settings(data=tmp_path / "new"), listens, os.getpid())
    assert (said.address if said else None) == reached
    assert (tmp_path / "new").exists() == (reached is not None)


def test_only_its_owner_reads_the_file_and_only_its_server_removes_it(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    first = running.announce(settings, "http://127.0.0.1:80", os.getpid())
    second = running.announce(settings, "http://127.0.0.1:81", os.getppid())
    assert first
    assert second
    assert first.token != second.token
    assert (tmp_path / running.FILE).stat().st_mode & 0o777 == 0o600
    running.withdraw(tmp_path, os.getpid())
    assert running.found(settings) == second
    running.withdraw(tmp_path, os.getppid())
    assert running.found(settings) is None
    assert list(tmp_path.iterdir()) == []
    running.withdraw(tmp_path, os.getppid())


def test_a_file_of_another_user_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data=tmp_path)
    running.announce(settings, "http://127.0.0.1:80", os.getpid())
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert running.found(settings) is None


def test_relative_models_are_those_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reader").mkdir()
    here = replace(Settings(), reader=str(tmp_path / "reader"))
    monkeypatch.chdir(tmp_path)
    there = replace(Settings(), reader="reader")
    assert running.digest(here) == running.digest(there)
    monkeypatch.chdir("/")
    assert running.digest(here) != running.digest(there) != running.digest(Settings())
