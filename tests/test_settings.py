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
        ("threads = 2.5", "threads in .* is 2.5, which is not a whole number from 0 to 1,024"),
        ("threads = true", "is True, which is not a whole number"),
        ("model = 3", "is 3, which is not a text"),
        ("data = 3", "is 3, which is not a path"),
        ("threads = -1", "is -1, which is not a whole number from 0 to 1,024"),
        ("queue_seconds = nan", "is nan, which is not a number from 0 to 86,400"),
        ("request_seconds = inf", "is inf, which is not a number from 0.01 to 86,400"),
        ("threads =", "are not TOML"),
        ("[server]\nthreads = 2", "'server' in"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Settings.from_environment({}, written(tmp_path, text))
    with pytest.raises(InputError, match="cannot be read: No such file"):
        Settings.from_environment({}, tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("name", "raw", "allowed"),
    [
        ("max_concurrent", "0", "a whole number from 1 to 1,000"),
        ("max_concurrent", "1000000", "a whole number from 1 to 1,000"),
        ("queue_seconds", "1e300", "a number from 0 to 86,400"),
        ("write_wait_seconds", "9" * 20, "a number from 0 to 86,400"),
        ("request_seconds", "0", "a number from 0.01 to 86,400"),
        ("parse_seconds", "0", "a number from 0.1 to 86,400"),
        ("parse_memory_bytes", "1000", "a whole number from 67,108,864 to"),
        ("parse_memory_bytes", str(10**30), "a whole number from 67,108,864 to"),
        ("max_top_k", "0", "a whole number of at least 1"),
        ("max_question_characters", "0", "a whole number of at least 1"),
        ("max_document_characters", "0", "a whole number of at least 1"),
        ("max_source_bytes", "0", "a whole number of at least 1"),
        ("max_unpacked_bytes", "0", "a whole number of at least 1"),
        ("max_body_bytes", "0", "a whole number of at least 1"),
        ("max_files", "0", "a whole number of at least 1"),
        ("max_file_bytes", "0", "a whole number of at least 1"),
        ("answer_cache_bytes", "-1", "a whole number of at least 0"),
        ("proxies", "1000", "a whole number from 0 to 100"),
        ("log_format", "xml", "text or json"),
        ("use_server", "maybe", "yes or no"),
        ("data", "", "a path"),
    ],
)
def test_a_value_out_of_range_is_told_with_the_range(name: str, raw: str, allowed: str) -> None:
    with pytest.raises(InputError, match=f"^SPANWISE_{name.upper()} is '{raw}', which is not {allowed}"):
        Settings.from_environment({f"SPANWISE_{name.upper()}": raw})


def test_settings_made_in_python_are_held_to_the_same(tmp_path: Path) -> None:
    for given, said in (
        ({"max_concurrent": 0}, "max_concurrent is 0, which is not a whole number from 1 to 1,000"),
        ({"max_top_k": "3"}, "max_top_k is '3', which is not a whole number"),
        ({"max_top_k": True}, "max_top_k is True, which is not a whole number"),
        ({"queue_seconds": float("nan")}, "queue_seconds is nan"),
        ({"data": str(tmp_path)}, "data is '.*', which is not a path"),
        ({"log_format": None}, "log_format is None, which is not text or json"),
    ):
        with pytest.raises(InputError, match=said):
            Settings(**given)
    assert Settings(write_wait_seconds=5, max_concurrent=1).write_wait_seconds == 5
