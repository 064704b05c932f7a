"""The real texts that corpora are built of, and the questions that were asked about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spanwise.index.records import Source
from spanwise.qa.evaluation.corpus import stored_id
from spanwise.qa.evaluation.datasets import (
    CorpusDocument,
    JudgedCorpus,
    Query,
    context_id,
    judged_contexts,
    read_judged,
    read_rows,
    sample,
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a data set, the ids of the documents that are relevant to it, and its gold answers; none where
    the data set has no spans."""

    text: str
    relevant: tuple[str, ...]
    answers: tuple[str, ...] = ()


def judged_corpus(path: Path, *, titles: bool = False) -> JudgedCorpus:
    """Documents and queries of a BEIR folder or of a SQuAD-format file, whose contexts are pooled; documents have their
    titles with `titles` only.

    `FILE@TITLES` keeps the rows whose title is a line of the file TITLES.
    """
    if path.is_dir():
        judged = read_judged(path)[0]
        return (
            judged if titles else replace(judged, documents=tuple(replace(one, title="") for one in judged.documents))
        )
    file, _, listed = str(path).partition("@")
    rows = read_rows(Path(file))
    if listed:
        kept = set(Path(listed).read_text(encoding="utf-8").splitlines())
        rows = [row for row in rows if row.title in kept]
    return judged_contexts(rows, titles=titles)


def part_of(documents: Sequence[CorpusDocument], queries: Sequence[Query], count: int) -> tuple[CorpusDocument, ...]:
    """`count` of `documents` in their order: those relevant to `queries`, and a seeded sample of the others."""
    wanted = {name for query in queries for name in query.relevant}
    others = [one.id for one in documents if one.id not in wanted]
    wanted.update(sample(others, count - len(documents) + len(others)))
    return tuple(one for one in documents if one.id in wanted)


def sources(corpus: JudgedCorpus) -> list[Source]:
    """The documents of `corpus` as the evaluation adds them to a collection."""
    return [Source(one.text, id=stored_id(one.id), title=one.title or None) for one in corpus.documents]


def questions(path: Path, corpus: JudgedCorpus) -> list[Question]:
    """The queries of `corpus`, with the gold answers where `path` is a file of labelled questions."""
    golds: dict[tuple[str, str], tuple[str, ...]] = {}
    if not path.is_dir():
        for row in read_rows(Path(str(path).partition("@")[0])):
            golds[row.question, context_id(row.context)] = row.golds
    found = []
    for query in corpus.queries:
        answers = [answer for name in query.relevant for answer in golds.get((query.text, name), ())]
        found.append(Question(query.text, tuple(map(stored_id, query.relevant)), tuple(dict.fromkeys(answers))))
    return found


def named(arguments: Sequence[str]) -> dict[str, Path]:
    """`NAME=PATH…` as a dictionary, in order."""
    return {name: Path(path) for name, _, path in (argument.partition("=") for argument in arguments)}
