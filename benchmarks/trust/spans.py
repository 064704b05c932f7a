"""Words planted at known places of nasty texts: the span that is returned is the planted one, in every unit.

python benchmarks/trust spans --count 1000000
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unicodedata
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import spanwise
from spanwise import Settings, Source
from spanwise.index.embedding import Vectors
from spanwise.index.storage import DATABASE, collection_folder
from spanwise.testing import HashEmbedder, ScriptedReader
from trust.promise import Broken
from trust.reporting import write_report

HERE = Path(__file__).parent
SETTINGS = Settings(max_top_k=2_000, rate_limit="1000000 per minute")
PER_DOCUMENT = 60
NEAR = [
    "the bridge is wide", "and nobody saw it", "Dr. No met Mrs. Peel", "U.S. officials said so", "in 1999 it rained.",
    "Why? Because!", "3.5 percent of them", "👩\u200d👩\u200d👧\u200d👦 came", "🇩🇪 won", "on the 🏖️ beach", "👋🏽",
    "e\u0301te\u0301 and été", "a\u0301\u0302\u0303 stack", "n\u0303o", "ﬁn de siècle", "\u212b and Å", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "\r\n", "\r\n\r\n", "\n\n", "\n", "\r", "\t", "\f", "\v", "\x85", "\u2028", "\u200b", "\u00a0", "\ufeff",
    "שלום עולם.", "مرحبا، كيف الحال؟", "\u202eabc\u202c", "漢字かな交じり文。", "한국어 문장입니다.", "ภาษาไทย",
    "\U0010ffff", "\ue000", "def f(x): return x[0] ** 2", "https://example.org/a?b=c#d", "Title\n=====\n",
    "Donaudampfschifffahrtsgesellschaft", "...", "…", "“quoted”", "(in brackets)", "x" * 300, "字" * 200, "\u0301",
]  # fmt: skip
"""What has broken offsets before, between the planted words."""
SHAPES = (
    "{0}", "{0}", "{0}e\u0301{0}", "{0}🎉{0}", "{0} 👩\u200d👩\u200d👧\u200d👦 {0}", "ש{0}ם", "{0}\u0301", "🏖️{0}",
    "{0} und {0}", "𝔘{0}𝔘", "字{0}字", "{0}\u200d{0}", "é{0}Å", "e\u0301{0}A\u030a",
)  # fmt: skip


class TitleEmbedder(HashEmbedder):
    """Sees the title of a passage only, so that all passages of one document are nearest to it."""

    def __init__(self) -> None:
        super().__init__(256)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return super().embed_passages([text.partition("\n")[0] for text in texts])


@dataclass(frozen=True)
class Planted:
    """A text and where words were planted in it: words → (start, end), in code points."""

    id: str
    title: str
    text: str
    words: Mapping[str, tuple[int, int]]
    encoding: str | None
    """With which it is written to a file; None: it is added as text."""


def plant(rng: random.Random, number: int) -> Planted:
    """A nasty text with `PER_DOCUMENT` planted words, about ten passages or fewer."""
    pieces: list[str] = ["\ufeff"] if rng.random() < 0.1 else []
    words: dict[str, tuple[int, int]] = {}
    place = sum(map(len, pieces))
    plain = rng.random() < 0.3  # one very long line
    for which in range(PER_DOCUMENT):
        for _ in range(rng.randint(1, 3)):
            near = rng.choice(NEAR)
            if plain:
                near = " ".join(near.split())
            pieces.append(near + " ")
            place += len(pieces[-1])
        word = rng.choice(SHAPES).format(_letters(number * PER_DOCUMENT + which))
        form = rng.choice(("NFC", "NFD", ""))
        word = unicodedata.normalize(form, word) if form else word  # type: ignore[arg-type]
        words[word] = (place, place + len(word))
        pieces.append(word + rng.choice((" ", " ", ". ", ", ", "\n", "\r\n", "\f") if not plain else (" ",)))
        place += len(pieces[-1])
    title = f"{_letters(number)}title {_letters(number)}head {_letters(number)}name"
    encoding = rng.choice((None, None, "utf-8", "utf-8-sig", "utf-16")) if not pieces[0].startswith("\ufeff") else None
    return Planted(f"doc-{number:07}.txt", title, "".join(pieces), words, encoding)


def _letters(number: int) -> str:
    """A word of its own for each number, without digits."""
    found = ""
    for _ in range(5):
        number, rest = divmod(number, 20)
        found += "bcdfghjklmnpqrstvwxz"[rest]
    return f"qu{found}"


def store(collection: Any, folder: Path, planted: Sequence[Planted]) -> None:
    """Add the texts, some of them by way of a file, and see that each is stored as it is."""
    sources: list[Source] = []
    for one in planted:
        source = Source(one.text, id=one.id, title=one.title)
        if one.encoding:
            from spanwise.index.loading import load_path

            file = folder / one.id
            file.write_bytes(one.text.encode(one.encoding))
            [loaded] = load_path(file).sources
            source = replace(loaded, id=one.id, title=one.title)
            file.unlink()
        sources.append(source)
    collection.add(sources)
    for one in planted:
        if collection.document(one.id).text != one.text:
            raise Broken(f"{one.id} ({one.encoding}) is stored with another text")


@dataclass
class Counts:
    """How many words were planted; how many were found; how many no passage holds in one piece."""

    planted: int = 0
    found: int = 0
    cut: int = 0


def compare(one: Planted, answers: Sequence[tuple[str, int, int, int, int]], cut: int, counts: Counts) -> list[Any]:
    """Answers (text, start, end, and in UTF-16) against what was planted; what JavaScript is to check."""
    # In a passage that holds none of its words the scripted reader guesses one: that is its slice of the text, no more.
    answers = [found for found in answers if found[0] in one.words or one.text[found[1] : found[2]] != found[0]]
    if len(answers) != len(one.words) - cut:
        raise Broken(f"{one.id}: {len(answers)} answers to {len(one.words)} planted words, {cut} of them cut")
    checks = []
    for text, start, end, start16, end16 in answers:
        if one.words.get(text) != (start, end) or one.text[start:end] != text:
            raise Broken(f"{one.id}: {text!r} was planted at {one.words.get(text)}, not {start, end}")
        checks.append([start16, end16, text])
    counts.planted += len(one.words)
    counts.found += len(answers)
    counts.cut += cut
    return [one.text, checks]


def cut_words(database: Path, planted: Sequence[Planted]) -> dict[str, int]:
    """How many planted words of each document no passage holds whole."""
    with closing(sqlite3.connect(database)) as connection:
        found = {}
        for one in planted:
            rows = connection.execute(
                'SELECT p.start, p."end" FROM passages p JOIN documents d ON d.key = p.document WHERE d.id = ?',
                (one.id,),
            ).fetchall()
            if len(rows) > 10:
                raise Broken(f"{one.id} has {len(rows)} passages; only ten are read")
            whole = sum(any(a <= start and end <= b for a, b in rows) for start, end in one.words.values())
            found[one.id] = len(one.words) - whole
        return found


def through_the_library(folder: Path, planted: Sequence[Planted], counts: Counts) -> list[Any]:
    """Store, ask for every planted word, compare; what JavaScript is to check."""
    reader = ScriptedReader({one.title: list(one.words) for one in planted})
    data = folder / "data"
    with spanwise.open(data, settings=SETTINGS, embedder=TitleEmbedder(), reader=reader) as collection:
        store(collection, folder, planted)
        cut = cut_words(collection_folder(data, "default") / DATABASE, planted)
        checks = []
        for one in planted:
            result = collection.ask(one.title, top_k=PER_DOCUMENT + 20)
            answers = [
                (answer.text, answer.span.start, answer.span.end, answer.span_utf16.start, answer.span_utf16.end)
                for answer in result.answers
                if answer.document.id == one.id
            ]
            checks.append(compare(one, answers, cut[one.id], counts))
    shutil.rmtree(data)
    return checks


def through_http(folder: Path, planted: Sequence[Planted], counts: Counts) -> list[Any]:
    """The same through a real server: documents go in and answers come out as JSON."""
    data = folder / "served"
    script = folder / "script.json"
    script.write_text(json.dumps({one.title: list(one.words) for one in planted}))
    checks = []
    with serving(data, script) as address:
        documents = [{"id": one.id, "title": one.title, "text": one.text} for one in planted]
        post(f"{address}/v1/documents", {"documents": documents})
        cut = cut_words(collection_folder(data, "default") / DATABASE, planted)
        for one in planted:
            found = post(f"{address}/v1/ask", {"question": one.title, "top_k": PER_DOCUMENT + 20})
            answers = [
                (answer["text"], *answer["span"].values(), *answer["span_utf16"].values())
                for answer in found["answers"]
                if answer["document"]["id"] == one.id
            ]
            checks.append(compare(one, answers, cut[one.id], counts))
    shutil.rmtree(data)
    return checks


def post(address: str, body: object) -> Any:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


@contextmanager
def serving(data: Path, script: Path) -> Iterator[str]:
    """A server process over `data` whose reader knows `script`; its address."""
    command = [sys.executable, str(HERE), "spans", "--serve", str(data), str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def serve(data: Path, script: Path) -> None:
    from spanwise.api.server import serve as serve_application

    def ready(address: str) -> None:
        sys.stdout.write(f"{address}\n")
        sys.stdout.flush()

    serve_application(
        replace(SETTINGS, data=data), port=0, embedder=TitleEmbedder(),
        reader=ScriptedReader(json.loads(script.read_text())), on_ready=ready,
    )  # fmt: skip


SLICES = """
let wrong = 0, right = 0;
for (const line of require('fs').readFileSync(0, 'utf8').split('\\n')) {
  if (!line) continue;
  const [text, checks] = JSON.parse(line);
  for (const [start, end, words] of checks) text.slice(start, end) === words ? right++ : wrong++;
}
console.log(JSON.stringify([right, wrong]));
"""


def node() -> str | None:
    return shutil.which("node") or shutil.which("nodejs")


def check_with_javascript(engine: str, checks: Sequence[Any]) -> int:
    """Whether `text.slice` of a JavaScript engine cuts the same words; how many it cut."""
    lines = "\n".join(json.dumps(check) for check in checks)
    done = subprocess.run([engine, "-e", SLICES], input=lines, capture_output=True, text=True, check=True)
    right, wrong = json.loads(done.stdout)
    if wrong:
        raise Broken(f"{wrong} of {right + wrong} spans are other words in JavaScript")
    return int(right)


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(prog="trust spans", description=__doc__)
    options.add_argument("--count", type=int, default=1_000_000, help="spans through the library")
    options.add_argument("--http", type=int, default=20_000, help="spans through a server")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--serve", nargs=2, type=Path, metavar=("DATA", "SCRIPT"), help=argparse.SUPPRESS)
    options.add_argument("--out", type=Path)
    chosen = options.parse_args(arguments)
    if chosen.serve:
        serve(*chosen.serve)
        return 0
    engine = node()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for way, count, run in (
            ("library", chosen.count, through_the_library), ("HTTP", chosen.http, through_http),
        ):  # fmt: skip
            started = time.perf_counter()
            counts, cut_in_javascript = Counts(), 0
            rng = random.Random(f"{chosen.seed} {way}")
            number = 0
            while counts.found < count:
                planted = [plant(rng, number + more) for more in range(min(200, (count - counts.found) // 50 + 1))]
                number += len(planted)
                checks = run(Path(name), planted, counts)
                cut_in_javascript += check_with_javascript(engine, checks) if engine else 0
            seconds = time.perf_counter() - started
            figures = (number, counts.planted, counts.found, counts.cut, cut_in_javascript, 0, round(seconds))
            rows.append(f"| {way} | {' | '.join(map(str, figures))} |")
    head = (
        "| through | documents | planted | returned | cut by a passage's end | sliced by JavaScript | violations | s |"
    )
    text = "\n".join([head, "|---|---:|---:|---:|---:|---:|---:|---:|", *rows, ""])
    write_report(chosen.out, "Spans of planted words", text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
