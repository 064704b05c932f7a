"""How fast is Spanwise here? One process, warm, distinct questions; prints Markdown, `--out` also writes it and JSON.

python benchmarks/speed.py                                     # the seed article and its questions
python benchmarks/speed.py --corpus dev.jsonl.gz --out results/speed   # all contexts of a SQuAD-format file
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import spanwise
from spanwise.index.embedding import DEFAULT_MODEL, load_embedder
from spanwise.index.embedding_onnx import BULK_CHARACTERS
from spanwise.qa.evaluation.datasets import read_rows, sample

ROOT = Path(__file__).parents[1]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--corpus", type=Path, help="SQuAD JSON or JSONL, gz or not (default: seeds/)")
    options.add_argument("--questions", type=int, default=100, help="how many distinct questions are timed")
    options.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = measure(Path(folder), chosen.corpus, chosen.questions)
    text = as_markdown(report)
    sys.stdout.write(text)
    if chosen.out:
        chosen.out.with_suffix(".md").write_text(text, encoding="utf-8")
        chosen.out.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def measure(data: Path, corpus: Path | None, count: int) -> dict[str, Any]:
    """All figures; times in milliseconds unless the name says otherwise."""
    texts, questions = material(corpus, count)
    figures: dict[str, Any] = {}
    os.environ |= {"SPANWISE_ANSWER_CACHE_BYTES": "0", "SPANWISE_QUERY_CACHE_BYTES": "0"}  # for the processes, too
    with spanwise.open(data) as collection:
        collection.warm()
        figures |= ingest(collection, texts)
        figures |= timed("search", lambda question: collection.search(question), questions)
        figures |= timed("ask", lambda question: collection.ask(question), questions)
        figures["most resident memory, ingest included, MB"] = (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        )
    figures |= over_http(data, questions)
    figures |= cold_start(data, questions[0])
    figures |= beside_encode(figures["ingest tokens/s"], texts)  # last: it loads libraries that nothing above needs
    return {
        "machine": machine(),
        "corpus": corpus.name if corpus else "seeds/",
        "load before the run": [round(value, 1) for value in os.getloadavg()],
        "figures": figures,
    }


def material(corpus: Path | None, count: int) -> tuple[list[str], list[str]]:
    """Texts and distinct questions."""
    if corpus is None:
        lines = (ROOT / "tests/data/seed_questions.jsonl").read_text(encoding="utf-8").splitlines()
        texts = [file.read_text(encoding="utf-8") for file in sorted((ROOT / "seeds").glob("*.txt"))]
        return texts, [json.loads(line)["question"] for line in lines][:count]
    rows = read_rows(corpus)
    texts = list(dict.fromkeys(row.context for row in rows))
    return texts, list(dict.fromkeys(row.question for row in sample(rows, min(count, len(rows)), 0)))


def ingest(collection: spanwise.Collection, texts: list[str]) -> dict[str, Any]:
    """Adding `texts`, with all models loaded, as they are for `encode()`: that of many texts at first use."""
    embedder = load_embedder(DEFAULT_MODEL)
    if sum(map(len, texts)) >= BULK_CHARACTERS:
        embedder.embed_passages(["Loads what embeds many texts. " * 20] * (BULK_CHARACTERS // 600 + 1))
    started = time.perf_counter()
    collection.add([spanwise.Source(text, id=f"d{number}") for number, text in enumerate(texts)])
    seconds = time.perf_counter() - started
    return {
        "documents": len(texts),
        "passages": collection.status().passages,
        "ingest tokens/s": round(sum(embedder.count_tokens(texts)) / seconds),
    }


def beside_encode(rate: float, texts: list[str]) -> dict[str, float]:
    """What `SentenceTransformer.encode` does with the same texts in a second, and `rate` against it."""
    plain = sum(load_embedder(DEFAULT_MODEL).count_tokens(texts)) / plain_encode_seconds(texts)
    return {"encode() alone tokens/s": round(plain), "ingest / encode()": round(rate / plain, 2)}


def timed(name: str, run: Callable[[str], Any], questions: list[str]) -> dict[str, float]:
    run(questions[0])
    times = []
    for question in questions:
        started = time.perf_counter()
        run(question)
        times.append((time.perf_counter() - started) * 1000)
    return percentiles(name, times)


def percentiles(name: str, times: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=20)
    return {f"{name} p50": round(cuts[9], 1), f"{name} p95": round(cuts[18], 1)}


def plain_encode_seconds(texts: list[str]) -> float:
    """`SentenceTransformer.encode` with its defaults on the same texts, cut into pieces that it does not truncate."""
    from sentence_transformers import SentenceTransformer

    from spanwise.index.packaged_model import packaged_folder

    model = SentenceTransformer(str(packaged_folder()), device="cpu")
    pieces = [text[start : start + 800] for text in texts for start in range(0, len(text), 800)]
    model.encode(pieces[:8])
    started = time.perf_counter()
    model.encode(pieces, show_progress_bar=False)
    return time.perf_counter() - started


def over_http(data: Path, questions: list[str], collection: str = "default") -> dict[str, float]:
    """What HTTP adds (the client's time minus the engine's own `took_ms`), the memory of the server's processes, and a
    command that the server answers."""
    command = [sys.executable, "-m", "spanwise", "serve", "--port", "0", "--data", str(data)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            address = next(word for line in server.stderr for word in line.split() if word.startswith("http://"))
            added = []
            for question in questions:
                body = json.dumps({"query": question, "collection": collection}).encode()
                request = urllib.request.Request(
                    f"{address}/v1/search", data=body, headers={"Content-Type": "application/json"}
                )
                started = time.perf_counter()
                with urllib.request.urlopen(request) as response:
                    took = json.load(response)["took_ms"]
                added.append((time.perf_counter() - started) * 1000 - took)
            asked = json.dumps({"question": questions[0], "collection": collection}).encode()
            request = urllib.request.Request(
                f"{address}/v1/ask", data=asked, headers={"Content-Type": "application/json"}
            )
            urllib.request.urlopen(request).close()  # so that the reading model is loaded, too
            figures = {
                "resident memory of `spanwise serve` MB": sum(
                    resident_megabytes(one) for one in [server.pid, *children(server.pid)]
                ),
                **cold_start(data, questions[0], "beside a server", collection),
            }
        finally:
            server.terminate()
    return percentiles("added by HTTP", added[1:]) | figures


def children(process: int) -> list[int]:
    """The processes that `process` has started (Linux)."""
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def resident_megabytes(process: int) -> int:
    """Memory of a process, what it shares with others counted by its share (Linux)."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("Pss:"))


def cold_start(data: Path, question: str, where: str = "", collection: str = "default") -> dict[str, float]:
    """Medians of five fresh processes, from start to the printed answer: seconds that pass, seconds of processor."""
    command = [sys.executable, "-m", "spanwise", "ask", question, "--data", str(data), "--collection", collection]
    times, worked = [], []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        subprocess.run(command, capture_output=True, check=False)
        times.append(time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        worked.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    name = f"cold `spanwise ask` {where}".strip()
    return {
        f"{name} s": round(statistics.median(times), 2),
        f"{name}, processor s": round(statistics.median(worked), 2),
    }


def machine() -> str:
    """What ran, and which commit."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=ROOT
    ).stdout.strip()
    return f"{os.cpu_count()} cores, {processor()}, Python {platform.python_version()}, commit {commit}"


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def as_markdown(report: dict[str, Any]) -> str:
    head = "; ".join(f"{name} {report[name]}" for name in ("machine", "corpus", "load before the run"))
    rows = "\n".join(f"| {name} | {value} |" for name, value in report["figures"].items())
    return f"{head}\n\n| what | value (ms unless said) |\n|---|---:|\n{rows}\n"


if __name__ == "__main__":
    main()
