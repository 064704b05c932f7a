"""The command line beside a running server: the same output, and never a question to anyone but that server."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.request import urlopen

import pytest

import spanwise
from spanwise import Settings, cli
from spanwise.api import running
from spanwise.api.keys import KeyFile, Scope
from spanwise.index import embedding_choice
from spanwise.qa import collection as qa_collection
from spanwise.testing import HashEmbedder, ScriptedReader

QUESTION = "When do the Olympics end?"
SCRIPT = {QUESTION: "Feb. 20", "Where is the party?": "on the 🏖️ beach", "Wann enden die Spiele?": "Feb. 20"}
PROGRAM = f"""
import sys
from pathlib import Path
from spanwise import Settings
from spanwise.api.server import serve
from spanwise.testing import HashEmbedder, ScriptedReader
serve(Settings(data=Path(sys.argv[1])), port=0, embedder=HashEmbedder(model="all-MiniLM-L6-v2"),
      reader=ScriptedReader({SCRIPT!r}), on_ready=lambda address: print(address, flush=True))
"""
Done = tuple[int, str, str]
Serving = Callable[..., AbstractContextManager[tuple[subprocess.Popen[str], str]]]


@pytest.fixture(scope="module")
def serving(started: Serving) -> Serving:
    """`serving(data)`: a context with a server process and its address."""
    return lambda data: started(PROGRAM, data)


def fill(data: Path, article: str) -> None:
    with spanwise.open(data, embedder=HashEmbedder(model="all-MiniLM-L6-v2")) as collection:
        collection.add(
            [
                spanwise.Source(article, id="news/ukraine", title="Ukraine › “news”", metadata={"year": 2022}),
                spanwise.Source(
                    "# Fun › games\n\n👋🏽 Hello. The party is on the 🏖️ beach. Bring cake.",
                    id="party",
                    metadata={"n": 1e22, "t": ["a", None, 0.1], "big": 2**70, "ü": "\u2028 \x7f ›"},
                ),
            ]
        )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "data"
    fill(folder, (Path(__file__).parents[2] / "seeds" / "000_609dc210a99a1b4d.txt").read_text("utf-8"))
    return folder


@pytest.fixture(scope="module")
def server(data: Path, serving: Serving) -> Iterator[str]:
    with serving(data) as (_, address):
        yield address


class CommandLine:
    """The commands in this process, and how often they opened a collection themselves."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.opened = 0

    def __call__(self, *arguments: str) -> Done:
        self.opened = 0
        try:
            code = cli.main(arguments)
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        captured = self._capsys.readouterr()
        return code, re.sub(r'"took_ms": [0-9.]+', '"took_ms": 0', captured.out), captured.err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> CommandLine:
    line = CommandLine(capsys)
    embedder, reader = HashEmbedder(model="all-MiniLM-L6-v2"), ScriptedReader(SCRIPT)
    monkeypatch.setattr(embedding_choice, "load_embedder", lambda *_: embedder)
    monkeypatch.setattr(qa_collection, "load_reader", lambda *_: reader)
    open_collection = qa_collection.Collection.open

    def opening(*arguments: object, **named: object) -> object:
        line.opened += 1
        return open_collection(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(qa_collection.Collection, "open", opening)
    for name in [name for name in os.environ if name.startswith("SPANWISE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "questions.txt").write_text("\n".join([*SCRIPT, "Who sang?"] * 9), "utf-8")
    return line


SERVED = [
    ("ask", QUESTION),
    ("ask", QUESTION, "--json"),
    ("ask", f"  {QUESTION} \n", "--json"),
    ("ask", "Where is the party?"),
    ("ask", "Where is the party?", "--json", "--top-k", "1", "--min-probability", "0.99"),
    ("ask", "Wann enden die Spiele?"),
    ("ask", "Who sang at the olypmics?"),
    ("ask", QUESTION, "--where", "year>=2020", "--where", "document.id=news/ukraine"),
    ("ask", QUESTION, "--where", '{"$not": {"year": 2022}}', "--json"),
    ("ask", QUESTION, "--where", 'year=["2022", 2022.0, null]', "--json"),
    ("ask", "--file", "questions.txt"),
    ("ask", "--file", "questions.txt", "--json"),
    ("search", "olympics party"),
    ("search", "olympics party", "--json", "--explain", "--sentences"),
    ("search", "olympics party", "--explain", "--no-merge", "--top-k", "2"),
    ("search", "olympics party", "--rerank"),
    ("search", "olymp", "--prefix", "--mode", "lexical"),
    ("search", "party", "--mode", "dense", "--where", "big>1", "--json"),
    ("search", '"no such phrase at all"', "--mode", "lexical", "--where", "year=1"),
    ("suggest", "oly"),
    ("suggest", "oly", "--json", "--limit", "2"),
    ("suggest", "zzzz"),
]
NOT_SERVED = [
    ("ask", " "),
    ("ask", "x" * 5_000),
    ("ask", QUESTION, "--top-k", "0"),
    ("ask", QUESTION, "--min-probability", "nan"),
    ("ask", QUESTION, "--where", "no condition"),
    ("ask", QUESTION, "--where", '{"$nor": 1}'),
    ("ask", QUESTION, "--collection", "another"),
    ("ask", QUESTION, "--collection", "an other"),
    ("ask", "\udc80"),
    ("ask",),
    ("ask", "--file", "/dev/null", "--collection", "another"),
    ("search", "olympics", "--cursor", "nonsense"),
    ("search", "olympics", "--top-k", "101"),
    ("suggest", "oly", "--limit", "0"),
]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", SERVED, ids=" ".join)
def test_the_output_is_that_without_a_server(
    server: str, data: Path, run: CommandLine, arguments: tuple[str, ...]
) -> None:
    served = run(*arguments, "--data", str(data))
    assert run.opened == 0
    assert served == run(*arguments, "--data", str(data), "--local")
    assert run.opened == 1
    assert served[1]
    assert served[2] == ""


@pytest.mark.slow
@pytest.mark.parametrize("arguments", NOT_SERVED, ids=lambda arguments: ascii(" ".join(arguments))[:40])
def test_errors_are_those_without_a_server(
    server: str, data: Path, run: CommandLine, arguments: tuple[str, ...]
) -> None:
    served = run(*arguments, "--data", str(data))
    assert served == run(*arguments, "--data", str(data), "--local")


@pytest.mark.slow
def test_pages_go_on_across_server_and_command_line(server: str, data: Path, run: CommandLine) -> None:
    where = ("--where", 'document.added_at>"2000"', "--where", "year=2022")
    first = json.loads(
        run("search", "olympics", "--no-merge", "--top-k", "2", "--json", "--data", str(data), *where)[1]
    )
    assert first["next"]
    more = (
        "search",
        "olympics",
        "--no-merge",
        "--top-k",
        "2",
        "--json",
        "--cursor",
        first["next"],
        "--data",
        str(data),
        *where,
    )
    second = run(*more)
    assert run.opened == 0
    assert second == run(*more, "--local")
    assert json.loads(second[1])["hits"]


@pytest.mark.slow
def test_other_settings_and_a_wish_keep_it_local(
    server: str, data: Path, run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("USE_SERVER", "no"), ("MAX_TOP_K", "99"), ("QUERY_PROMPT", "")):
        with monkeypatch.context() as other:
            other.setenv(f"SPANWISE_{name}", value)
            assert run("ask", QUESTION, "--data", str(data))[0] == 0
            assert run.opened == 1
    assert run("ask", QUESTION, "--data", str(data))[0] == 0
    assert run.opened == 0
    monkeypatch.setattr(running, "__version__", "0.0.1")
    assert run("ask", QUESTION, "--data", str(data))[0] == 0
    assert run.opened == 1


@pytest.mark.slow
def test_a_copy_of_the_folder_is_another_folder(server: str, data: Path, run: CommandLine, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "copy")
    assert (tmp_path / "copy" / running.FILE).exists()
    assert run("remove", "news/ukraine", "--data", str(tmp_path / "copy"))[0] == 0
    code, out, _ = run("ask", QUESTION, "--data", str(tmp_path / "copy"))
    assert run.opened == 1
    assert code == 1
    assert "Feb. 20" not in out
    (tmp_path / "link").symlink_to(data)
    assert run("ask", QUESTION, "--data", str(tmp_path / "link"))[0] == 0
    assert run.opened == 0


class Listener:
    """A program on a port of this machine that is not the server: it remembers what it is sent, and may pass the
    nonce on to the true one."""

    def __init__(self, relay: str | None = None) -> None:
        self.heard: list[str] = []
        heard = self.heard

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                heard.append(f"{self.path} {self.headers.as_string()}")
                answer = b'{"proof": "0000"}'
                if relay:
                    with urlopen(relay + self.path, timeout=30) as response:
                        answer = response.read()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def do_POST(self) -> None:
                heard.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_error(500)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Listener:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def rewrite(data: Path, **changes: object) -> None:
    file = data / running.FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.slow
@pytest.mark.parametrize("relays", [False, True])
def test_another_program_on_the_port_hears_no_question(
    server: str, data: Path, run: CommandLine, relays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANWISE_API_KEY", "sw_secret")
    said = (data / running.FILE).read_text()
    token = json.loads(said)["token"]
    try:
        with Listener(server if relays else None) as listener:
            rewrite(data, address=listener.address)
            assert run("ask", QUESTION, "--data", str(data))[0] == 0
            assert run.opened == 1
            assert len(listener.heard) == 1
            assert not any(word in listener.heard[0] for word in ("Olympics", token, "sw_secret"))
    finally:
        (data / running.FILE).write_text(said)


def kill(process: subprocess.Popen[str]) -> None:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in (process.pid, *map(int, children)):
        os.kill(pid, signal.SIGKILL)
    process.wait(30)


@pytest.fixture
def own(tmp_path: Path, article: str) -> Path:
    fill(tmp_path / "own", article)
    return tmp_path / "own"


@pytest.mark.slow
def test_a_life_with_changes_and_a_gentle_stop(own: Path, run: CommandLine, serving: Serving) -> None:
    ask = ("ask", QUESTION, "--data", str(own))
    with serving(own) as (process, address):
        assert running.found(Settings(data=own)) is not None
        assert json.loads((own / running.FILE).read_text())["address"] == address
        assert "Feb. 20" in run(*ask)[1]
        assert run.opened == 0
        assert run("remove", "news/ukraine", "--data", str(own))[0] == 0  # by this process
        code, out, _ = run(*ask)
        assert (run.opened, code) == (0, 1)
        assert "Feb. 20" not in out
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        assert not (own / running.FILE).exists()
        assert run(*ask)[:2] == (code, out)
        assert run.opened == 1


@pytest.mark.slow
def test_a_killed_server_is_not_waited_for(own: Path, run: CommandLine, serving: Serving) -> None:
    ask = ("ask", QUESTION, "--data", str(own))
    with serving(own) as (process, _):
        served = run(*ask)
        assert run.opened == 0
        kill(process)
        assert (own / running.FILE).exists()
        assert run(*ask) == served
        assert run.opened == 1
        rewrite(own, pid=os.getpid())  # another process has its number now, and nothing its port
        assert run(*ask) == served
        assert run.opened == 1
    with serving(own):
        assert run(*ask) == served
        assert run.opened == 0


@pytest.mark.slow
def test_with_keys_the_key_of_the_environment_or_none(
    own: Path, run: CommandLine, monkeypatch: pytest.MonkeyPatch, serving: Serving
) -> None:
    _, key = KeyFile(own).create("reader", Scope.READ)
    ask = ("ask", QUESTION, "--data", str(own))
    with serving(own):
        without = run(*ask)
        assert run.opened == 1
        for given, opened in (("sw_wrong", 1), ("no header\n", 1), (key, 0)):
            monkeypatch.setenv("SPANWISE_API_KEY", given)
            assert run(*ask) == without
            assert run.opened == opened
