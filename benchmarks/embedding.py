"""The ways to embed with the packaged model: how fast, how near to each other, and what they find; prints Markdown.

python benchmarks/embedding.py dev.jsonl.gz --out results/embedding      # contexts and questions of a SQuAD-format file

Processor time is that of all threads together, so it says what one core does even where others keep the machine busy.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from speed import machine

from spanwise.index.embedding import Vectors
from spanwise.index.embedding_onnx import OnnxEmbedder
from spanwise.index.packaged_model import PackagedWeights, packaged_folder
from spanwise.qa.evaluation.datasets import read_rows, sample


@dataclass(slots=True)
class Way:
    """One way of computing the model, measured on all passages and, where queries run so, on all questions."""

    name: str
    load_seconds: float
    """Of the processor, imports included; what was imported for a way above is not paid again."""
    passage_tokens_per_second: int = 0
    passage_tokens_per_processor_second: int = 0
    query_ms: float = 0.0
    query_processor_ms: float = 0.0
    least_cosine: float = 0.0
    """To the float32 vectors of sentence-transformers, over all passages."""
    ndcg_at_10: float = 0.0
    """Questions by onnxruntime against these passages, stored as float16; in points."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("corpus", type=Path, help="SQuAD JSON or JSONL, gz or not")
    options.add_argument("--passages", type=int, default=10_000, help="at most so many contexts")
    options.add_argument("--questions", type=int, default=500)
    options.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    chosen = options.parse_args()
    rows = read_rows(chosen.corpus)
    passages = list(dict.fromkeys(row.context for row in rows))[: chosen.passages]
    place = {context: number for number, context in enumerate(passages)}
    asked = {row.question: place[row.context] for row in rows if row.answers and row.context in place}
    questions = sample(list(asked), min(chosen.questions, len(asked)), 0)
    ways, tokens = measure(passages, questions, [asked[question] for question in questions])
    head = f"{machine()}; {chosen.corpus.name}: {len(passages)} passages, {tokens} tokens, {len(questions)} questions"
    text = as_markdown(head, ways)
    sys.stdout.write(text)
    if chosen.out:
        chosen.out.with_suffix(".md").write_text(text, encoding="utf-8")
        report = {"run": head, "ways": [asdict(way) for way in ways]}
        chosen.out.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def measure(passages: list[str], questions: list[str], right: list[int]) -> tuple[list[Way], int]:
    """All ways, the lightest first, and how many tokens the passages have; `right` is the passage of each question."""
    begun = time.process_time()
    onnx = OnnxEmbedder()
    first = Way("onnxruntime float32", time.process_time() - begun)
    ids = onnx.tokens(passages)
    tokens = sum(map(len, ids))
    queries = timed_queries(first, onnx.embed_query, questions)
    found = [timed_passages(first, tokens, lambda: onnx.vectors(ids))]

    begun = time.process_time()
    from spanwise.index.embedding_torch import TorchVectors

    torch_way = TorchVectors(PackagedWeights(packaged_folder()))
    second = Way("torch bfloat16", time.process_time() - begun)
    torch_way(ids[:8])
    found.append(timed_passages(second, tokens, lambda: torch_way(ids)))

    begun = time.process_time()
    import torch
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(str(packaged_folder()), device="cpu")
    third = Way("sentence-transformers float32", time.process_time() - begun)
    timed_queries(third, lambda text: plain.encode(text, normalize_embeddings=True), questions)
    found.append(timed_passages(third, tokens, lambda: plain.encode(passages, normalize_embeddings=True)))

    cast = SentenceTransformer(str(packaged_folder()), device="cpu", model_kwargs={"dtype": torch.bfloat16})
    fourth = Way("sentence-transformers bfloat16", 0.0)
    cast.encode(passages[:8])
    found.append(timed_passages(fourth, tokens, lambda: cast.encode(passages, normalize_embeddings=True)))

    ways = [first, second, third, fourth]
    for way, vectors in zip(ways, found, strict=True):
        vectors = vectors.astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        way.least_cosine = float(np.sum(vectors * found[2], axis=1).min())
        scores = queries @ vectors.astype(np.float16).astype(np.float32).T
        ranks = np.sum(scores > scores[np.arange(len(right)), right][:, None], axis=1)
        way.ndcg_at_10 = float(np.where(ranks < 10, 100 / np.log2(ranks + 2), 0).mean())
    return ways, tokens


def timed_passages(way: Way, tokens: int, run: Callable[[], Vectors]) -> Vectors:
    began, worked = time.perf_counter(), time.process_time()
    vectors = run()
    way.passage_tokens_per_processor_second = round(tokens / (time.process_time() - worked))
    way.passage_tokens_per_second = round(tokens / (time.perf_counter() - began))
    return vectors


def timed_queries(way: Way, run: Callable[[str], Vectors], questions: list[str]) -> Vectors:
    run(questions[0])
    began, worked = time.perf_counter(), time.process_time()
    vectors = np.stack([run(question) for question in questions])
    way.query_processor_ms = (time.process_time() - worked) / len(questions) * 1000
    way.query_ms = (time.perf_counter() - began) / len(questions) * 1000
    return vectors


def as_markdown(head: str, ways: list[Way]) -> str:
    columns = (
        "way | load, processor s | passages, tokens/s | tokens per processor second | query, ms | query, processor ms "
        "| least cosine | nDCG@10"
    )
    rows = "".join(
        f"| {way.name} | {way.load_seconds:.2f} | {way.passage_tokens_per_second} "
        f"| {way.passage_tokens_per_processor_second} | {way.query_ms:.1f} | {way.query_processor_ms:.1f} "
        f"| {way.least_cosine:.6f} | {way.ndcg_at_10:.2f} |\n"
        for way in ways
    )
    return f"{head}\n\n| {columns} |\n|---|{'---:|' * 7}\n{rows}"


if __name__ == "__main__":
    main()
