"""Sixteen clients ask, search, and add and remove documents at once: errors, latencies, memory, stale reads.

    python benchmarks/load.py --seconds 120 --out benchmarks/results/load

starts `spanwise serve` on a free port with the shipped models over `seeds/`, or over the contexts of a SQuAD file with
`--corpus dev.jsonl.gz`. A stale read is a word of a removed document that a later search or answer still shows; a wrong
span is an answer that does not equal its slice of the passage. Both count as errors. `--waits` is how long a request
may wait for a place (SPANWISE_QUEUE_SECONDS) before it is answered 503; that is counted apart, as `told to wait`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import spanwise
from spanwise.testing import HashEmbedder, ScriptedReader

ROOT = Path(__file__).parents[1]
SCRIPTED = """
import dataclasses, sys
from pathlib import Path
from spanwise import Settings
from spanwise.api.server import serve
from spanwise.testing import HashEmbedder, ScriptedReader

serve(
    dataclasses.replace(Settings.from_environment(), data=Path(sys.argv[1])), port=0, embedder=HashEmbedder(),
    reader=ScriptedReader(), on_ready=lambda address: print(address, file=sys.stderr, flush=True),
)
"""
ROLES = {"ask": 10, "search": 4, "change": 2}


class Load:
    """What the clients have seen so far. Safe to use from many threads."""

    def __init__(self, port: int, questions: list[str], texts: list[str]) -> None:
        self.port, self.questions, self.texts = port, questions, texts
        self.milliseconds: dict[str, list[float]] = defaultdict(list)
        self.errors: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.until = inf

    def client(self, role: str, number: int) -> None:
        """Work in `role` until the time is up."""
        draw = random.Random(number)
        work: dict[str, Callable[[http.client.HTTPConnection, random.Random, int], None]] = {
            "ask": self.ask,
            "search": self.search,
            "change": self.change,
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        step = 0
        while time.monotonic() < self.until:
            try:
                work[role](connection, draw, number * 1_000_000 + step)
            except Exception as error:
                self.count(f"{role}: {type(error).__name__}: {error}"[:160])
                connection.close()
            step += 1
        connection.close()

    def ask(self, connection: http.client.HTTPConnection, draw: random.Random, step: int) -> None:
        said = self.send(connection, "ask", "POST", "/v1/ask", {"question": draw.choice(self.questions)})
        for answer in said["answers"] if said else []:
            start = answer["span"]["start"] - answer["passage"]["start"]
            if answer["passage"]["text"][start : start + len(answer["text"])] != answer["text"]:
                self.count("ask: a wrong span")

    def search(self, connection: http.client.HTTPConnection, draw: random.Random, step: int) -> None:
        self.send(connection, "search", "POST", "/v1/search", {"query": draw.choice(self.questions)})

    def change(self, connection: http.client.HTTPConnection, draw: random.Random, step: int) -> None:
        word = f"sentinel{step}"
        body = {"text": f"{draw.choice(self.texts)} The word of the day is {word}."}
        if self.send(connection, "put", "PUT", f"/v1/documents/load/{step}", body) is None:
            return
        query = {"query": f"word of the day {word}", "top_k": 3}
        if word not in json.dumps(self.send(connection, "search", "POST", "/v1/search", query) or word):
            self.count("search: a stored document is not found")
        if self.send(connection, "delete", "DELETE", f"/v1/documents/load/{step}") is None:
            return
        found = self.send(connection, "search", "POST", "/v1/search", query)
        if found and word in json.dumps(found["hits"]):
            self.count("search: a stale read")

    def send(
        self, connection: http.client.HTTPConnection, what: str, method: str, route: str, body: Any = None
    ) -> dict[str, Any] | None:
        """The answer, {} where it is empty; None when told to wait or refused, which is counted."""
        while True:
            started = time.perf_counter()
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, route, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            raw = response.read()
            taken = (time.perf_counter() - started) * 1000
            if response.status == 503 and response.getheader("Retry-After"):
                with self.lock:
                    self.waits[json.loads(raw)["type"].rpartition(":")[2]] += 1
                connection.close()  # the server ends idle ones; the next request opens another
                if time.monotonic() > self.until:
                    return None
                time.sleep(float(response.getheader("Retry-After", "1")))
                continue
            if response.status >= 400:
                self.count(f"{what}: {response.status} {raw[:100]!r}")
                return None
            with self.lock:
                self.milliseconds[what].append(taken)
            return dict(json.loads(raw)) if raw else {}

    def count(self, error: str) -> None:
        with self.lock:
            self.errors[error] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--waits", type=float, default=30)
    parser.add_argument("--corpus", type=Path, help="SQuAD rows (JSONL, gz or not); default: seeds/")
    parser.add_argument("--documents", type=int, default=500, help="most contexts of the corpus (default 500)")
    parser.add_argument("--scripted", action="store_true", help="scripted models: the service and the store alone")
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    options = parser.parse_args()
    report = run(options)
    text = markdown(report)
    sys.stdout.write(text)
    if options.out:
        options.out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
        options.out.with_suffix(".md").write_text(text, "utf-8")
    sys.exit(1 if report["errors"] else 0)


def run(options: argparse.Namespace) -> dict[str, Any]:
    texts, questions = material(options.corpus, options.documents)
    with tempfile.TemporaryDirectory() as folder:
        doubles = {"embedder": HashEmbedder(), "reader": ScriptedReader()} if options.scripted else {}
        with spanwise.open(folder, **doubles) as collection:
            collection.add([spanwise.Source(text, id=f"base/{number}") for number, text in enumerate(texts)])
            passages = collection.status().passages
        environment = {
            **os.environ,
            "SPANWISE_QUEUE_SECONDS": str(options.waits),
            "SPANWISE_RATE_LIMIT": "1000000/minute",
            "SPANWISE_ANSWER_CACHE_BYTES": "0",
            "SPANWISE_QUERY_CACHE_BYTES": "0",
        }
        command = [sys.executable, "-m", "spanwise", "--data", folder, "serve", "--port", "0"]
        if options.scripted:
            command = [sys.executable, "-c", SCRIPTED, folder]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
            assert server.stderr is not None
            try:
                address = re.search(r"http://127.0.0.1:(\d+)", server.stderr.readline())
                assert address, "the server did not start"
                threading.Thread(target=server.stderr.read, daemon=True).start()  # or it would wait for a reader
                load = Load(int(address[1]), questions, texts)
                warm = http.client.HTTPConnection("127.0.0.1", load.port, timeout=300)
                for question in questions[:5]:
                    load.send(warm, "warm", "POST", "/v1/ask", {"question": question})
                warm.close()
                before, busy = resident(server.pid), os.getloadavg()
                clients(load, options.seconds)
                after = resident(server.pid)
            finally:
                server.terminate()
                server.wait(120)
    load.milliseconds.pop("warm", None)
    return {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "load_before": busy},
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=True
        ).stdout.strip(),
        "models": "scripted" if options.scripted else "as shipped",
        "corpus": options.corpus.name if options.corpus else "seeds/",
        "documents": len(texts), "passages": passages, "seconds": options.seconds, "queue_seconds": options.waits,
        "clients": ROLES, "errors": dict(load.errors), "told_to_wait": dict(load.waits),
        "requests": {name: summary(values) for name, values in sorted(load.milliseconds.items())},
        "resident_mb": {"before": before, "after": after}, "stopped_with": server.returncode,
    }  # fmt: skip


def clients(load: Load, seconds: float) -> None:
    load.until = time.monotonic() + seconds
    roles = [role for role, many in ROLES.items() for _ in range(many)]
    threads = [threading.Thread(target=load.client, args=(role, number)) for number, role in enumerate(roles)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def material(corpus: Path | None, most: int) -> tuple[list[str], list[str]]:
    """Texts to store and questions to ask."""
    if corpus is None:
        rows = (ROOT / "tests/data/seed_questions.jsonl").read_text("utf-8").splitlines()
        return [file.read_text("utf-8") for file in sorted((ROOT / "seeds").glob("*.txt"))], [
            json.loads(row)["question"] for row in rows
        ]
    from spanwise.qa.evaluation.datasets import read_rows

    rows_ = read_rows(corpus)
    texts = list(dict.fromkeys(row.context for row in rows_))[:most]
    kept = set(texts)
    return texts, [row.question for row in rows_ if row.context in kept]


def resident(pid: int) -> float:
    """Megabytes of the server's processes together."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "status").read_text()
        except OSError:
            continue
        said = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        if str(pid) in (folder.name, said["PPid"].strip()):
            total += int(said.get("VmRSS", "0 kB").split()[0])
    return round(total / 1024, 1)


def summary(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else values * 99
    return {"count": len(values), **{f"p{at}": round(cuts[at - 1], 1) for at in (50, 95, 99)}}


def markdown(report: dict[str, Any]) -> str:
    machine = report["machine"]
    lines = [
        "# Sixteen clients at once (`python benchmarks/load.py`)", "",
        f"machine {machine['cores']} cores, Python {machine['python']}; commit {report['commit']}; load before the run "
        f"{[round(one, 1) for one in machine['load_before']]}; {report['documents']} documents, {report['passages']} "
        f"passages of {report['corpus']}, models {report['models']}; {report['seconds']:g} seconds; clients: "
        f"{', '.join(f'{many} {role}' for role, many in report['clients'].items())}; "
        f"SPANWISE_QUEUE_SECONDS={report['queue_seconds']:g}", "",
        "| request | count | p50 ms | p95 ms | p99 ms |", "|---|---:|---:|---:|---:|",
        *(f"| {name} | {one['count']} | {one['p50']} | {one['p95']} | {one['p99']} |"
          for name, one in report["requests"].items()),
        "", f"Errors (refusals, wrong spans, stale reads): {sum(report['errors'].values())} {report['errors'] or ''}",
        f"Told to wait (503 with Retry-After, then tried again): {report['told_to_wait'] or 0}",
        f"Resident memory of the server's processes: {report['resident_mb']['before']} MB before, "
        f"{report['resident_mb']['after']} MB after. It stopped with exit code {report['stopped_with']}.", "",
    ]  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    main()
