"""The command line, run as users run it: a process, its output and its exit code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import ANY

import pytest

import spanwise
from spanwise import cli
from spanwise.index import embedding_choice
from spanwise.qa import collection as qa_collection
from spanwise.testing import HashEmbedder, ScriptedReader

TEXT = "The games began Feb. 4. They conclude Feb. 20 in Beijing. 🎉 Everyone went home."


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in an empty folder, with fakes in place of the models."""
    embedder, reader = (
        HashEmbedder(model="all-MiniLM-L6-v2"),
        ScriptedReader({"when do they end?": "Feb. 20"}),
    )
    monkeypatch.setattr(embedding_choice, "load_embedder", lambda *_: embedder)
    monkeypatch.setattr(qa_collection, "load_reader", lambda *_: reader)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Done:
        try:
            code = cli.main(arguments)
        except SystemExit as stopped:  # argparse
            code = int(stopped.code or 0)
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of notes, and beside it a data folder that holds them."""
    folder = tmp_path_factory.mktemp("stored")
    (folder / "notes").mkdir()
    (folder / "notes" / "games.txt").write_text(TEXT, encoding="utf-8")
    with spanwise.open(folder / "spanwise-data", embedder=HashEmbedder(model="all-MiniLM-L6-v2")) as collection:
        collection.add(folder / "notes")
    return folder


@pytest.fixture
def folder(tmp_path: Path, stored: Path) -> Path:
    """A copy of `stored`, to be changed."""
    return Path(shutil.copytree(stored, tmp_path, dirs_exist_ok=True))


def test_add_says_what_it_did_and_costs_nothing_again(tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.txt").write_text("one")
    assert run("add", "a.txt").stdout == "Added 1, replaced 0, unchanged 0.\n"
    assert run("add", "a.txt").stdout == "Added 0, replaced 0, unchanged 1.\n"
    (tmp_path / "a.txt").write_text("two")
    assert run("add", "a.txt").stdout == "Added 0, replaced 1, unchanged 0.\n"


@pytest.mark.slow
def test_two_paths_with_one_name_do_not_replace_each_other(tmp_path: Path, run: Run) -> None:
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "a.md").write_text(f"Words of {place}.")
        (tmp_path / place / f"{place}.md").write_text("More.")
    done = run("add", "one", "two")
    assert (done.returncode, done.stdout) == (1, "Added 3, replaced 0, unchanged 0.\n")
    assert "'a.md' stands twice" in done.stderr
    assert run("add", "two/two.md", "one/a.md", "two/a.md").stdout == "Added 0, replaced 0, unchanged 2.\n"
    assert run("show", "a.md").stdout.strip() == "Words of one."
    assert run("add", "two/a.md", "two/a.md").stdout == "Added 0, replaced 1, unchanged 0.\n"


def test_a_file_that_cannot_be_read_is_reported_and_the_rest_goes_on(tmp_path: Path, run: Run) -> None:
    (tmp_path / "good.txt").write_text("fine")
    (tmp_path / "bad.txt").write_bytes(b"\x00\x01\x02")
    done = run("add", ".")
    assert done.returncode == 1
    assert done.stdout.startswith("Added 1,")
    assert "bad.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_ask_prints_the_answer_in_its_sentence_with_its_place(folder: Path, run: Run) -> None:
    done = run("ask", "when do they end?")
    assert done.returncode == 0
    start = TEXT.index("Feb. 20")
    assert "They conclude Feb. 20 in Beijing." in done.stdout
    assert f"games.txt, characters {start}-{start + 7}" in done.stdout


def test_ask_without_an_answer_exits_with_1(folder: Path, run: Run) -> None:
    done = run("ask", "who is the mayor?")
    assert done.returncode == 1
    assert done.stdout.startswith("Not in these documents")


@pytest.mark.parametrize(
    "arguments",
    [
        (
            "--json",
            "--data",
            "spanwise-data",
            "--collection",
            "default",
            "ask",
            "when do they end?",
        ),
        (
            "ask",
            "when do they end?",
            "--json",
            "--data",
            "spanwise-data",
            "--collection",
            "default",
        ),
        (
            "--data",
            "spanwise-data",
            "ask",
            "--collection",
            "default",
            "when do they end?",
            "--json",
        ),
    ],
)
def test_common_options_stand_before_or_after_the_verb(folder: Path, run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    answer = json.loads(done.stdout)["answers"][0]
    span = answer["span"]
    assert TEXT[span["start"] : span["end"]] == answer["text"] == "Feb. 20"


def test_search_list_show_status_and_remove(folder: Path, run: Run) -> None:
    hits = json.loads(run("search", "games began", "--json").stdout)["hits"]
    assert hits[0]["passage"]["text"] == TEXT
    assert "Searched also for “games” for “gamse”." in run("search", "gamse").stdout
    assert "The games began Feb. 4." in run("search", "games began").stdout  # two words that matched, and the space
    assert json.loads(run("search", "gam", "--prefix", "--mode", "lexical", "--json").stdout)["hits"] == [
        {
            **hits[0],
            "scores": {**hits[0]["scores"], "dense": None, "fused": 1.0, "lexical": ANY},
            "highlights": hits[0]["highlights"][:1],
        }
    ]
    assert run("suggest", "gam", "--limit", "1").stdout == "games\n"
    assert run("suggest", "zzz").returncode == 1
    assert run("list").stdout.startswith(f"games.txt  {len(TEXT)} characters, 1 passages")
    assert run("show", "games.txt").stdout == TEXT
    assert run("show", "games.txt", "--start", "4", "--end", "9").stdout == "games"
    assert json.loads(run("status", "--json").stdout)["documents"] == 1
    assert run("remove", "games.txt").stdout == "Removed 1.\n"
    assert run("list").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("ask", ""), 2, "The question is empty."),
        (("ask", "x" * 1001), 2, "the limit is 1,000"),
        (("ask", "x", "--top-k", "0"), 2, "top_k is 0"),
        (("ask", "x", "--collection", "../up"), 2, "is not a collection name"),
        (("ask", "x", "--collection", "other"), 2, "There is no collection 'other'"),
        (("show", "nothing"), 2, "There is no document 'nothing'"),
        (("show", "games.txt", "--end", "9999"), 2, "It has 79 characters"),
        (("remove", "nothing"), 2, "There is no document 'nothing'"),
        (("add", "missing.txt"), 2, "There is no file 'missing.txt'"),
        (
            ("add", "notes", "--model", "other"),
            3,
            "built with the embedding model 'all-MiniLM-L6-v2', not 'other'",
        ),
        (("serve", "--host", "0.0.0.0"), 2, "0.0.0.0"),
        (("eval", "reading", "missing.jsonl"), 2, "missing.jsonl"),
        (("nonsense",), 2, "invalid choice"),
        ((), 2, "required"),
    ],
)
def test_wrong_use_is_one_sentence_and_a_code(
    folder: Path, run: Run, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = run(*arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_too_long_for_a_path_is_told_as_a_missing_file(run: Run) -> None:
    done = run("add", "a" * 300)
    assert done.returncode == 2
    assert "There is no file 'aaa" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_come_from_a_file(run: Run, folder: Path) -> None:
    file = folder / "spanwise.toml"
    file.write_text("max_top_k = 2")
    done = run("--config", str(file), "search", "games", "--top-k", "3")
    assert done.returncode == 2
    assert "Give a number from 1 to 2" in done.stderr


def test_a_wrong_setting_in_the_environment_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANWISE_THREADS", "many")
    done = run("status")
    assert done.returncode == 2
    assert "SPANWISE_THREADS is 'many', which is not a whole number from 0 to 1,024" in done.stderr


@pytest.mark.parametrize("place", ["a-file", "a-file/below", "a-link"])
@pytest.mark.parametrize(
    "arguments",
    ["status", "ask When?", "add notes", "keys list", "keys create", "collections list", "collections drop x", "serve"],
)
def test_a_data_folder_that_is_none_is_told(run: Run, folder: Path, place: str, arguments: str) -> None:
    (folder / "a-file").write_text("x")
    (folder / "a-link").symlink_to("nowhere")
    done = run("--data", place, *arguments.split())
    assert done.returncode == 3
    what = "a link that leads nowhere" if place == "a-link" else "a file"
    assert f"The data folder cannot be '{place}', because '{place.partition('/')[0]}' is {what}." in done.stderr
    assert (folder / "a-file").read_text() == "x"


@pytest.mark.parametrize("arguments", ["add _", "sync _", "--data _ status", "backup _", "--config _ status"])
def test_an_empty_path_is_not_the_present_folder(run: Run, arguments: str) -> None:
    """As of `spanwise sync "$FOLDER"` where the variable is not set."""
    done = run(*(one.replace("_", "") for one in arguments.split()))
    assert done.returncode == 2
    assert "the path is empty" in done.stderr


@pytest.mark.parametrize("seconds", ["inf", "nan", "0", "-1", "often"])
def test_looks_at_a_folder_have_a_time_between_them(run: Run, folder: Path, seconds: str) -> None:
    assert "give seconds from 0.1 to 86400" in run("sync", "notes", "--watch", "--every", seconds).stderr


def test_help_names_every_verb(run: Run) -> None:
    text = run("--help").stdout
    for verb in (
        "add",
        "remove",
        "list",
        "show",
        "ask",
        "search",
        "status",
        "serve",
        "eval",
    ):
        assert f"    {verb} " in text


def test_options_that_a_verb_would_ignore_are_neither_shown_nor_taken(run: Run) -> None:
    ignored = {
        "serve": ("--collection", "--json"), "eval": ("--collection", "--json"), "labels export": ("--json",),
        "keys list": ("--collection",), "collections create": ("--collection",), "ask": (), "labels clear": (),
    }  # fmt: skip
    for verb, names in ignored.items():
        shown = run(*verb.split(), "--help").stdout
        for name in ("--collection", "--json"):
            assert (f"  {name} " in shown) == (name not in names), (verb, name)
        for name in names:
            option = (name,) if name == "--json" else (name, "x")
            before = run(
                *option, *verb.split(), *{"eval": ("reading", "x"), "collections create": ("y",)}.get(verb, ())
            )
            assert (before.returncode, f"spanwise {verb} does not take {name}" in before.stderr) == (2, True)
            assert run(*verb.split(), *option).returncode == 2


@pytest.mark.parametrize("verb", ["add", "sync"])
def test_a_model_that_cannot_be_loaded_leaves_no_collection(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    def load(*_: object) -> HashEmbedder:
        raise spanwise.ModelError("There is no model 'wrong'.")

    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "games.txt").write_text(TEXT, encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(embedding_choice, "load_embedder", load)
        failed = run(verb, "notes", "--model", "wrong")
    assert (failed.returncode, failed.stderr) == (3, "spanwise: There is no model 'wrong'.\n")
    assert run("collections", "list").stdout == ""
    assert run(verb, "notes").returncode == 0


@pytest.mark.parametrize("bad", ["photo.png", "empty"])
def test_what_brings_nothing_leaves_no_collection(tmp_path: Path, run: Run, bad: str) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n")
    (tmp_path / "empty").mkdir()
    run("add", bad)
    assert run("collections", "list").stdout == ""
    run("collections", "create", "default")
    run("add", bad)
    assert run("collections", "list").stdout == "default\n"  # it was there before


def test_an_interrupted_import_is_an_interruption(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> ScriptedReader:
        raise ImportError("initialization failed") from why

    monkeypatch.setattr(qa_collection, "load_reader", load)
    why: BaseException = KeyboardInterrupt()
    done = run("ask", "when?")
    assert done.returncode == 130
    assert done.stderr.startswith("spanwise: interrupted")
    why = OSError("no such library")
    with pytest.raises(ImportError):
        run("ask", "when?")


@pytest.mark.slow
def test_the_console_script_is_a_process_without_tracebacks(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "spanwise", "ask", "anything"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    where = f"The data folder is {str(tmp_path / 'spanwise-data')!r}."
    assert done.stderr == f"spanwise: There is no collection 'default'. Add documents to make it. {where}\n"
    assert not (tmp_path / "spanwise-data").exists()


def test_collections_are_managed(run: Run) -> None:
    assert run("collections", "create", "notes").stdout == "Made notes.\n"
    refused = run("collections", "create", "notes")
    assert refused.returncode == 3
    assert "a collection 'notes' already" in refused.stderr
    assert run("collections", "rename", "notes", "book").returncode == 0
    assert json.loads(run("collections", "list", "--json").stdout) == {"collections": ["book"]}
    assert run("collections", "drop", "book").stdout == "Dropped book.\n"
    assert run("collections", "drop", "book").returncode == 2
    assert run("collections", "list").stdout == ""


def test_a_backup_is_verified_and_restored(run: Run, folder: Path) -> None:
    assert "All is well: 1 documents, 1 passages." in run("verify").stdout
    assert run("backup", "backup.tar").returncode == 0
    assert run("remove", "games.txt").returncode == 0
    assert run("restore", "backup.tar").returncode == 3
    assert run("restore", "backup.tar", "--replace").stdout == "Restored default: 1 documents, 1 passages.\n"
    assert run("show", "games.txt").stdout == TEXT
    original = next((folder / "spanwise-data" / "collections" / "default" / "originals").iterdir())
    original.write_bytes(b"other")
    wrong = run("verify")
    assert wrong.returncode == 1
    assert wrong.stdout == "original: games.txt: Its original is damaged: other bytes than were kept.\n"
    assert json.loads(run("verify", "--json").stdout)["findings"][0]["kind"] == "original"
    assert "bytes before" in run("compact").stdout


def test_status_tells_of_work_that_was_cut_off(run: Run, folder: Path) -> None:
    from spanwise.index import work

    kept = folder / "spanwise-data" / "collections" / "default"
    working = work.announced(kept, "add", "/files")
    working.__enter__()(32, 100)
    running = run("status").stdout
    working.__exit__(KeyError, KeyError(), None)
    assert re.search(r"^pending +add /files, 32 of 100, process \d+$", running, re.MULTILINE)
    assert re.search(r"^pending +add /files, 32 of 100, cut off", run("status").stdout, re.MULTILINE)
    assert json.loads(run("status", "--json").stdout)["pending"][0]["running"] is False
    with work.announced(kept, "add", "/files"):
        pass
    assert "pending" not in run("status").stdout


def test_search_takes_filters_pages_and_explains(tmp_path: Path, run: Run) -> None:
    rows = [
        f'{{"id": "{year}", "text": "The games of {year} were held.", "year": {year}}}' for year in range(2000, 2030)
    ]
    (tmp_path / "games.jsonl").write_text("\n".join(rows))
    assert run("add", "games.jsonl").returncode == 0

    def found(*arguments: str) -> list[str]:
        done = run("search", "games", "--json", "--mode", "lexical", *arguments)
        return [hit["document"]["id"].rpartition("/")[2] for hit in json.loads(done.stdout)["hits"]]

    assert sorted(found("--where", "year>=2028")) == ["2028", "2029"]
    assert found("--where", "year>=2028", "--where", "year<2029") == ["2028"]
    assert found("--where", "year=[2001, 2003]", "--where", '{"year": {"$gt": 2001}}') == ["2003"]
    assert run("search", "games", "--where", "year>=3000").returncode == 1
    nothing = run("ask", "Which games?", "--where", "year>=3000").stdout
    assert nothing.startswith("Note: Nothing that is stored meets the filter.\nNot in these documents")
    unknown = run("search", "games", "--where", "yeer>=2000")
    assert (unknown.returncode, unknown.stdout.replace("\n", " ")) == (
        1,
        "Note: Nothing that is stored meets the filter: no document has metadata named yeer. There is year. "
        "Nothing found. ",
    )
    refused = run("search", "games", "--where", "year")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "Write it like year>=2020" in refused.stderr

    first = run("search", "games", "--top-k", "2", "--explain", "--sentences").stdout
    assert "Score: " in first
    cursor = first.rpartition("--cursor ")[2].strip()
    second = run("search", "games", "--top-k", "2", "--cursor", cursor).stdout
    assert first.splitlines()[0] != second.splitlines()[0]
    assert "3000" not in second
    assert run("search", "other", "--cursor", cursor).returncode == 2


def test_the_version_is_said(run: Run) -> None:
    assert run("--version").stdout.split() == ["spanwise", spanwise.__version__]
