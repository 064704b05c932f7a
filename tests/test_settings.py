"""Where settings come from: defaults, a TOML file, the environment; and what is said of wrong ones."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from spanwise import InputError, Settings


def written(folder: Path, text: str) -> Path:
    file = folder / "spanwise.toml"
    file.write_text(text, "utf-8")
    return file


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    file = written(tmp_path, 'data = "/srv/data"\nthreads = 2\nqueue_seconds = 1\nhosts = ["a.example", "b.example"]\n')
    found = Settings.from_environment({"SPANWISE_CONFIG": str(file), "SPANWISE_THREADS": "3"})
    assert (found.data, found.threads, found.queue_seconds) == (Path("/srv/data"), 3, 1.0)
    assert isinstance(found.queue_seconds, float)
    assert found.hosts == "a.example,b.example"
    assert found.max_top_k == Settings().max_top_k
    other = tmp_path / "other.toml"
    other.write_text("threads = 7")
    assert Settings.from_environment({"SPANWISE_CONFIG": str(file)}, other).threads == 7
    assert Settings.from_environment({}) == Settings()


def test_every_setting_can_stand_in_the_file(tmp_path: Path) -> None:
    lines = []
    for field in fields(Settings):
        default = field.default
        shown = f'"{default}"' if isinstance(default, str | Path) else str(default).lower()
        lines.append(f"{field.name} = {shown}")
    assert Settings.from_environment({}, written(tmp_path, "\n".join(lines))) == Settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("thread = 2", "'thread' in .* is not a setting. Did you mean 'threads'?"),
        ("zzz = 2", "is not a setting. There are: data, model"),
        ("threads = 2.5", "threads in .* is 2.5, which is not a whole number of at least 0"),
        ("threads = true", "is True, which is not a whole number"),
        ("model = 3", "is 3, which is not a text"),
        ("data = 3", "is 3, which is not a path"),
        ("threads = -1", "is -1, which is not a whole number of at least 0"),
        ("queue_seconds = nan", "is nan, which is not a number of at least 0"),
        ("request_seconds = inf", "is inf, which is not a number of at least 0"),
        ("threads =", "are not TOML"),
        ("[server]\nthreads = 2", "'server' in"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Settings.from_environment({}, written(tmp_path, text))
    with pytest.raises(InputError, match="cannot be read: No such file"):
        Settings.from_environment({}, tmp_path / "missing.toml")
