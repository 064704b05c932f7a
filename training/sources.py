"""Reads the data sets into rows of one shape, leaving out what must not be trained on."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .config import Config
from .questions import normalise

ANSWERABLE, UNANSWERABLE, SAME_ARTICLE, RETRIEVED = range(4)
KINDS = ("answerable", "unanswerable", "same-article", "retrieved")


@dataclasses.dataclass(frozen=True)
class Row:
    """A question on a context. `span` is (start, end) in code points of the context, None without an answer.

    `texts` are all gold answers (empty for unanswerable); `group` is the article, or the data set where rows have none.
    """

    question: str
    context: str
    group: str
    kind: int
    span: tuple[int, int] | None
    texts: tuple[str, ...]


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a .jsonl.gz file, one a line."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def held_out(data: Path, config: Config) -> frozenset[str]:
    """Titles that no training row, right or wrong passage, may come from."""
    return frozenset((data / config.data.held_out_titles).read_text(encoding="utf-8").split("\n")) - {""}


def _answerable(item: dict[str, Any], group: str) -> Row:
    texts = tuple(answer["text"] for answer in item["answers"])
    # Several gold answers differ in length; the middle one is the least odd choice.
    answer = sorted(item["answers"], key=lambda answer: len(answer["text"]))[(len(texts) - 1) // 2]
    start, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
    if item["context"][start:end] != answer["text"]:
        raise ValueError(f"{item['id']}: answer_start does not point at the answer")
    return Row(normalise(item["question"]), item["context"], group, ANSWERABLE, (start, end), texts)


def same_question(question: str) -> str:
    """A form in which two questions that differ in spacing, case or punctuation are equal."""
    return re.sub(r"\W+", "", question.lower())


def training_rows(data: Path, config: Config) -> list[Row]:
    """All rows with their own passage: SQuAD 1.1, SQuAD 2.0 unanswerable, FairytaleQA and a sample of QAMR."""
    titles = held_out(data, config)
    rows = [
        _answerable(item, item["title"])
        for item in read_jsonl(data / config.data.squad_train)
        if item["title"] not in titles and item.get("start") != "guess"
    ]
    known = {(same_question(row.question), row.context) for row in rows}
    unanswerable = [
        Row(normalise(item["question"]), item["context"], item["title"], UNANSWERABLE, None, ())
        for item in read_jsonl(data / config.data.unanswerable)
        if item["title"] not in titles and item["link_margin"] >= config.data.link_margin
    ]
    unanswerable = [row for row in unanswerable if (same_question(row.question), row.context) not in known]
    paired = {row.context for row in unanswerable}
    drawn = np.random.default_rng([config.seed, 7]).random(len(rows)) < config.data.unpaired_share
    rows = [row for row, kept in zip(rows, drawn, strict=True) if kept or row.context in paired] + unanswerable
    rows += [_answerable(item, f"tale:{item['title']}") for item in read_jsonl(data / config.data.fairytale)]
    sentences = list(read_jsonl(data / config.data.qamr))
    rng = np.random.default_rng([config.seed, 1])
    chosen = rng.permutation(len(sentences))[: config.data.qamr_rows]
    return rows + [_answerable(sentences[i], "qamr") for i in sorted(chosen)]


def held_out_sample(data: Path, config: Config) -> list[dict[str, Any]]:
    """Questions on held-out titles with their whole paragraph, half of them unanswerable, drawn from the seed."""
    titles = held_out(data, config)
    rng = np.random.default_rng([config.seed, 2])
    sample = []
    for name in (config.data.squad_train, config.data.unanswerable):
        items = [
            {
                "question": normalise(item["question"]),
                "context": item["context"],
                "answers": [answer["text"] for answer in item["answers"]],
            }
            for item in read_jsonl(data / name)
            if item["title"] in titles
            and item.get("start") != "guess"
            and item.get("link_margin", 1.0) >= config.data.link_margin
        ]
        chosen = rng.permutation(len(items))[: config.data.eval_rows // 2]
        sample += [items[i] for i in sorted(chosen)]
    return sample
