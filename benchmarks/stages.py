"""Where the time of an answer goes: each stage of `ask`, its share, and the least it could cost on this processor.

python benchmarks/stages.py                                        # the seed article
python benchmarks/stages.py --corpus dev.jsonl.gz --out results/stages   # all contexts of a SQuAD-format file too
python benchmarks/stages.py --data DIR --name default              # and a collection that exists, as it stands

Caches are off, one question at a time. Milliseconds are medians by the clock; processor milliseconds are means of all
threads together, and hold on a busy machine too. The floor of a model is its multiplications and additions at the rate
this processor multiplies large matrices of that type; that of dense search is the bytes of the vectors at the rate it
reads memory. `--clients` also measures asks per second with one client and with sixteen, in process and over HTTP.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from growth_plot import growth_svg
from speed import material
from stage_clock import measured, spent

import spanwise
from spanwise.api.serialise import ask_json
from spanwise.index import beside
from spanwise.qa import reading
from spanwise.qa.collection import Collection
from trust.reporting import write_figures

STAGES = ("encode", "lexical", "dense", "fuse", "tokenise", "read", "decide", "confirm", "serialise")
READER, EMBEDDER = (12, 384, 1536), (6, 384, 1536)
"""Layers, hidden size and intermediate size of the shipped models."""


class Counting:
    """Stands before the reader's session and tokenizer: counts tokens that pass, and takes the tokenizer's time."""

    def __init__(self, reader: Any) -> None:
        self.passes: list[int] = []
        self._session, self._tokenizer = reader._session, reader._tokenizer
        self._lock = threading.Lock()
        reader._session = reader._tokenizer = self

    def run(self, outputs: Any, feed: Any) -> Any:
        with self._lock:
            self.passes.append(feed["input_ids"].size)
        return self._session.run(outputs, feed)

    def token_to_id(self, token: str) -> Any:
        return self._tokenizer.token_to_id(token)

    def encode(self, *arguments: Any, **named: Any) -> Any:
        started, busy = time.perf_counter(), time.thread_time()
        try:
            return self._tokenizer.encode(*arguments, **named)
        finally:
            with self._lock:
                spent["tokenise"][0] += (time.perf_counter() - started) * 1000
                spent["tokenise"][1] += (time.thread_time() - busy) * 1000


def flops(shape: tuple[int, int, int], tokens: int) -> float:
    """Of one pass over `tokens` tokens: the matrices of every layer, and attention; two for each multiplication."""
    layers, hidden, between = shape
    return layers * (2 * tokens * (4 * hidden**2 + 2 * hidden * between) + 4 * tokens**2 * hidden)


def rate(run: Callable[[], object], work: float) -> float:
    """`work` per millisecond of one core: the best of five."""
    run()
    best = np.inf
    for _ in range(5):
        started = time.thread_time()
        run()
        best = min(best, time.thread_time() - started)
    return float(work / best / 1000)


def peaks() -> dict[str, float]:
    """What one core does in a millisecond: operations of matrix products by type, and bytes read."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        size = 1024
        whole = torch.randint(-100, 100, (size, size), dtype=torch.int8)
        found = {"int8": rate(lambda: torch._int_mm(whole, whole), 2 * size**3)}
        for kind in (torch.float32, torch.bfloat16):
            numbers = torch.randn(size, size).to(kind)
            found[str(kind).removeprefix("torch.")] = rate(lambda one=numbers: one @ one, 2 * size**3)  # type: ignore[misc]
        memory = np.ones(32 * 1024 * 1024, np.float32)
        found["bytes"] = rate(memory.sum, memory.nbytes)
        return found
    finally:
        torch.set_num_threads(threads)


def reader_type(name: str) -> str:
    """The type of the shipped reader's arithmetic, by the operators that its file names."""
    folder = reading.__file__ and Path(reading.__file__).parent / "model"
    file = (Path(name) if name != "default" else Path(str(folder))) / "reader.onnx"
    if not file.exists():
        return "float32"
    found = file.read_bytes()
    return "int8" if any(word in found for word in (b"MatMulInteger", b"QLinearMatMul", b"QAttention")) else "float32"


def questions_of(collection: Collection, questions: list[str], count: int) -> list[str]:
    """Those given, else the beginnings of sentences of documents that are stored."""
    if questions:
        return questions[:count]
    infos = collection.documents(limit=2_000)
    chosen = infos[:: max(1, len(infos) // count)][:count]
    return [" ".join(collection.document(info.id).text.split()[:8]) for info in chosen]


def measure(collection: Collection, questions: list[str], peak: dict[str, float], count: int) -> dict[str, Any]:
    """The stages of one collection as it is now."""
    questions = questions_of(collection, questions, count + 2)
    reader: Any = collection._reader()
    counting = reader._session if isinstance(reader._session, Counting) else Counting(reader)
    for question in questions[:2]:
        collection.ask(question)
    collected: dict[str, list[list[float]]] = defaultdict(list)
    tokens: list[int] = []
    passes: list[list[int]] = []
    embedder = collection._embedder()
    for question in questions[2:]:
        spent.clear()
        counting.passes.clear()
        with measured("ask"):
            result = collection.ask(question)
        with measured("serialise"):
            json.dumps(ask_json(result))
        passes.append(list(counting.passes))
        tokens.append(embedder.count_tokens([question])[0] + 2)
        for name in (*STAGES, "ask"):
            collected[name].append(list(spent[name]))
    for one, of in zip(collected["read"], collected["tokenise"], strict=True):
        one[1] -= of[1]  # a part of it
        one[0] -= of[0] / reader.at_once
    status = collection.status()
    floors = floors_of(collection, peak, tokens, passes)
    whole = statistics.fmean(one[1] for one in collected["ask"])
    rows = {
        name: {
            "ms": round(statistics.median(one[0] for one in values), 2),
            "processor ms": round(statistics.fmean(one[1] for one in values), 2),
            "share": round(statistics.fmean(one[1] for one in values) / whole, 4),
            "floor": floors.get(name),
        }
        for name, values in collected.items()
    }
    return {
        "documents": status.documents, "passages": status.passages, "questions": len(questions) - 2,
        "passes": round(statistics.fmean(map(len, passes)), 1),
        "tokens a pass": round(statistics.fmean(number for one in passes for number in one), 1), "stages": rows,
    }  # fmt: skip


def floors_of(
    collection: Collection, peak: dict[str, float], tokens: list[int], passes: list[list[int]]
) -> dict[str, float]:
    """Processor milliseconds of the models' arithmetic and of reading the vectors once."""
    fingerprint = collection._embedder().fingerprint
    precision = next((kind for kind in ("int8", "bfloat16") if kind in fingerprint.precision), "float32")
    read = statistics.fmean(sum(flops(READER, number) for number in one) for one in passes)
    encode = statistics.fmean(flops(EMBEDDER, number) for number in tokens)
    snapshot = collection._store._indexes.held  # type: ignore[attr-defined]
    held = sum(
        len(one.keys) * getattr(getattr(one.index, "_index", None), "code_size", 4 * fingerprint.dimension)
        for one in (snapshot.segments if snapshot else ())
    )
    floors = {
        "encode": encode / peak[precision],
        "read": read / peak[reader_type(collection._settings.reader)],
        "dense": held / peak["bytes"],
    }
    return {name: round(value, 3) for name, value in floors.items()}


def asks_per_second(ask: Callable[[int, str], object], questions: list[str], clients: int, seconds: float) -> float:
    """Answers in a second with so many clients, each asking as soon as it was answered."""
    done = [0] * clients
    until = time.monotonic() + seconds

    def client(number: int) -> None:
        at = number
        while time.monotonic() < until:
            ask(number, questions[at % len(questions)])
            done[number] += 1
            at += clients

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.monotonic() - started)


def throughput(collection: Collection, data: Path, questions: list[str], seconds: float) -> dict[str, float]:
    """Asks per second, and processor milliseconds of an ask where it is done in this process."""
    found: dict[str, float] = {}
    for clients in (1, 16):
        busy, began = time.process_time(), time.monotonic()
        rate_ = asks_per_second(lambda _, question: collection.ask(question), questions, clients, seconds)
        took = time.monotonic() - began
        found[f"in process, {clients} clients"] = round(rate_, 2)
        found[f"processor ms of an ask, {clients} clients"] = round(
            (time.process_time() - busy) * 1000 / (rate_ * took), 1
        )
    environment = {**os.environ, "SPANWISE_RATE_LIMIT": "1000000/minute", "SPANWISE_QUEUE_SECONDS": "60"}
    command = [sys.executable, "-m", "spanwise", "--data", str(data), "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stderr is not None
            address = re.search(r"http://127.0.0.1:(\d+)", server.stderr.readline())
            assert address, "the server did not start"
            connections = [http.client.HTTPConnection("127.0.0.1", int(address[1]), timeout=300) for _ in range(16)]

            def ask(number: int, question: str) -> None:
                body = json.dumps({"question": question, "collection": collection.name})
                connections[number].request("POST", "/v1/ask", body, {"Content-Type": "application/json"})
                response = connections[number].getresponse()
                said = response.read()
                assert response.status == 200, said

            for question in questions[:2]:
                ask(0, question)
            for clients in (1, 16):
                found[f"over HTTP, {clients} clients"] = round(asks_per_second(ask, questions, clients, seconds), 2)
        finally:
            server.terminate()
            server.wait(120)
    return found


def table(report: dict[str, Any]) -> str:
    lines = [
        f"## {report['name']}: {report['documents']:,} documents, {report['passages']:,} passages", "",
        f"{report['questions']} questions; {report['passes']} passes of the reading model for each, of "
        f"{report['tokens a pass']:.0f} tokens.", "",
        "| stage | p50 ms | processor ms | share | floor, processor ms | times the floor |",
        "|---|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for name, row in report["stages"].items():
        floor = row["floor"]
        times = f"{row['processor ms'] / floor:.1f}" if floor else ""
        lines.append(f"| {name} | {row['ms']} | {row['processor ms']} | {row['share']:.1%} | {floor or ''} | {times} |")
    if report.get("asks per second"):
        lines += ["", "| asks per second | |", "|---|---:|"]
        lines += [f"| {name} | {value} |" for name, value in report["asks per second"].items()]
    return "\n".join([*lines, ""])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--corpus", type=Path, action="append", default=[], help="SQuAD JSON or JSONL, gz or not")
    options.add_argument("--data", type=Path, help="data folder with a collection that exists")
    options.add_argument("--name", default="default", help="the collection in it")
    options.add_argument("--questions", type=int, default=40)
    options.add_argument("--clients", action="store_true", help="asks per second as well")
    options.add_argument("--seconds", type=float, default=20, help="of each such run")
    options.add_argument("--out", type=Path, help="file name without suffix for the Markdown, JSON and picture")
    chosen = options.parse_args()
    beside.SHARED.cores = 1  # stages one after the other: the processor's time is that of all threads
    peak = peaks()
    reports: list[dict[str, Any]] = []
    growth: list[dict[str, Any]] = []
    for corpus in [None, *chosen.corpus]:
        with tempfile.TemporaryDirectory() as folder, spanwise.open(folder) as collection:
            texts, questions = material(corpus, chosen.questions + 2)
            stored = 0
            for part in [1.0] if corpus is None else [1 / 16, 1 / 4, 1.0]:
                some = texts[stored : (stored := max(1, round(len(texts) * part)))]
                collection.add([spanwise.Source(text, id=f"d{stored}-{number}") for number, text in enumerate(some)])
                report = measure(collection, questions, peak, chosen.questions)
                growth.append(report)
            report["name"] = corpus.name if corpus else "seeds/"
            if chosen.clients:
                report["asks per second"] = throughput(collection, Path(folder), questions, chosen.seconds)
            reports.append(report)
    if chosen.data:
        with spanwise.open(chosen.data, chosen.name, create=False) as collection:
            report = measure(collection, [], peak, chosen.questions)
            growth.append(report)
            reports.append({**report, "name": f"collection {chosen.name}"})
    shown = {"int8": "int8", "float32": "float32", "bfloat16": "bfloat16"}
    speeds = ", ".join(f"{peak[kind] / 1e6:.0f} GFLOP/s {name}" for kind, name in shown.items())
    text = f"One core: {speeds}, {peak['bytes'] / 1e6:.1f} GB/s.\n\n" + "\n".join(map(table, reports))
    data = {"peaks": peak, "reports": reports, "growth": growth}
    write_figures(chosen.out, "Stages of an answer", text, data)
    if chosen.out:
        chosen.out.with_suffix(".svg").write_text(growth_svg(growth, STAGES), encoding="utf-8")
        with chosen.out.with_suffix(".md").open("a", encoding="utf-8") as file:
            file.write(f"\nProcessor time of each stage as the collection grows:\n\n![]({chosen.out.name}.svg)\n")


if __name__ == "__main__":
    main()
