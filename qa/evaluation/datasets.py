"""Labelled questions (SQuAD JSON or JSONL) and judged corpora (BEIR folders), read and checked."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ...errors import LimitError, SourceError
from .files import digest, json_objects, lines, read_text, row_error, text_value

T = TypeVar("T")

_FORMATS = (
    "Give SQuAD JSON (v1.1 or 2.0), or one object a line with question, context and answers [{text, answer_start}]; "
    "either may be gzipped."
)


@dataclass(frozen=True, slots=True)
class Gold:
    """An answer that counts as right: `context[start:start + len(text)] == text`, in code points."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Row:
    """A question, the context it was asked about, and its gold answers; none if the context does not answer it."""

    id: str
    title: str
    context: str
    question: str
    answers: tuple[Gold, ...]

    @property
    def answerable(self) -> bool:
        return bool(self.answers)

    @property
    def golds(self) -> tuple[str, ...]:
        return tuple(answer.text for answer in self.answers)


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """A document to be searched."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Query:
    """A query and the grades of the documents that are relevant to it (all above 0)."""

    text: str
    relevant: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class JudgedCorpus:
    """Documents, and queries whose relevant documents are known."""

    documents: tuple[CorpusDocument, ...]
    queries: tuple[Query, ...]
    empty_documents: int = 0
    """Documents without any text, left out."""
    missing_documents: int = 0
    """Judgements of relevant documents that the corpus does not hold; they count as never found."""


def sample(rows: Sequence[T], limit: int | None, seed: int = 0) -> list[T]:
    """`limit` of `rows` drawn by `seed`, in their own order; all of them if `limit` is None or not smaller.

    The same on every Python version, and a smaller sample is part of a larger one. Raises LimitError below 1.
    """
    if limit is None:
        return list(rows)
    if limit < 1:
        raise LimitError(f"A sample of {limit} is empty.", subject=limit, way_out="Give a limit of at least 1.")

    def draw(position: int) -> bytes:
        return hashlib.sha256(f"{seed}:{position}".encode()).digest()

    return [rows[position] for position in sorted(sorted(range(len(rows)), key=draw)[:limit])]


def read_rows(path: Path) -> list[Row]:
    """The labelled questions of a file, in its order. Every answer's offset is checked.

    Raises SourceError that names the file and the row: the line, or in SQuAD JSON the question, counted from 1.
    """
    text = read_text(path)
    squad = _squad(path, text)
    if squad is None:
        rows = [_row(path, number, record) for number, record in json_objects(path, text)]
    else:
        rows = [_row(path, number, record) for number, record in enumerate(squad, start=1)]
    if not rows:
        raise SourceError(f"{path} holds no questions.", subject=path, way_out=_FORMATS)
    return rows


def contexts(rows: Sequence[Row], *, titles: bool = False) -> tuple[CorpusDocument, ...]:
    """The distinct contexts of `rows` as documents, in order of appearance, with ids derived from their content.

    `titles` gives them their articles' titles. Those are left out by default: SQuAD's name the subject of every
    question and so give answers away.
    """
    found: dict[str, CorpusDocument] = {}
    for row in rows:
        name = context_id(row.context)
        found.setdefault(name, CorpusDocument(name, row.title if titles else "", row.context))
    return tuple(found.values())


def context_id(context: str) -> str:
    """The document id of a context."""
    return f"context-{hashlib.sha256(context.encode()).hexdigest()[:24]}"


def judged_contexts(rows: Sequence[Row], *, titles: bool = False) -> JudgedCorpus:
    """All contexts of `rows` as a corpus; each answerable question is a query whose own context is relevant."""
    pairs = [(row.question, {context_id(row.context): 1.0}) for row in rows if row.answerable]
    return JudgedCorpus(contexts(rows, titles=titles), _merged(pairs))


def read_judged(path: Path) -> tuple[JudgedCorpus, str]:
    """A judged corpus and the digest of what was read: a BEIR folder, or a file of labelled questions.

    A BEIR folder holds `corpus.jsonl`, `queries.jsonl` and the judgements as `qrels/test.tsv`, the only file of
    `qrels/`, or `qrels.tsv`; each may end in `.gz`. Queries with the same text become one with both's judgements; those
    with nothing relevant are left out. Raises SourceError that names file and row.
    """
    if path.is_dir():
        files = [_member(path, "corpus.jsonl"), _member(path, "queries.jsonl"), _judgements(path)]
        corpus = _beir(*files)
    else:
        files = [path]
        corpus = judged_contexts(read_rows(path))
    if not corpus.queries:
        raise SourceError(
            f"{path} holds no query with a relevant document.",
            subject=path,
            way_out="Give judgements above 0, or answerable questions.",
        )
    return corpus, digest(files)


def _squad(path: Path, text: str) -> Iterator[dict[str, Any]] | None:
    """The questions of SQuAD JSON as flat records, or None if `text` is not one JSON value (so JSONL, or broken)."""
    try:
        whole = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return None
    if isinstance(whole, dict) and "question" in whole:
        return None  # JSONL of one row
    if not isinstance(whole, dict) or not isinstance(whole.get("data"), list):
        raise SourceError(f"{path} is JSON but neither SQuAD nor JSONL.", subject=path, way_out=_FORMATS)
    return _flat(path, whole["data"])


def _flat(path: Path, articles: list[Any]) -> Iterator[dict[str, Any]]:
    number = 0
    for article in articles:
        for paragraph in _members(path, number + 1, article, "paragraphs"):
            for question in _members(path, number + 1, paragraph, "qas"):
                number += 1
                if not isinstance(question, dict):
                    raise row_error(path, number, "the question is not an object.", _FORMATS)
                shared = {"title": article.get("title", ""), "context": paragraph.get("context")}
                yield {**question, **shared}


def _members(path: Path, number: int, holder: Any, key: str) -> list[Any]:
    if not isinstance(holder, dict) or not isinstance(holder.get(key), list):
        raise row_error(path, number, f'an object with a list "{key}" was expected.', _FORMATS)
    members: list[Any] = holder[key]
    return members


def _row(path: Path, number: int, record: dict[str, Any]) -> Row:
    context = text_value(path, number, record, "context")
    answers = _answers(path, number, record, context)
    impossible = record.get("is_impossible", not answers)
    if impossible is not (not answers):
        said, held = ("unanswerable", "answers") if impossible else ("answerable", "no answers")
        raise row_error(path, number, f"marked {said} but holds {held}.", "Correct is_impossible or the answers.")
    return Row(
        id=str(record.get("id", number)),
        title=_title(path, number, record),
        context=context,
        question=text_value(path, number, record, "question"),
        answers=answers,
    )


def _title(path: Path, number: int, record: dict[str, Any]) -> str:
    return text_value(path, number, {"title": record.get("title") or ""}, "title", blank=True)


def _answers(path: Path, number: int, record: dict[str, Any], context: str) -> tuple[Gold, ...]:
    listed = record.get("answers", [] if record.get("is_impossible") is True else None)
    if not isinstance(listed, list) or not all(isinstance(answer, dict) for answer in listed):
        problem = '"answers" is not a list of objects.' if "answers" in record else 'the key "answers" is missing.'
        raise row_error(path, number, problem, "Give [{text, answer_start}], and [] for an unanswerable question.")
    return tuple(_gold(path, number, answer, context) for answer in listed)


def _gold(path: Path, number: int, answer: dict[str, Any], context: str) -> Gold:
    text = text_value(path, number, answer, "text")
    start = answer.get("answer_start")
    if type(start) is not int:
        raise row_error(path, number, f"the answer {text!r} has no whole number answer_start.", "Add its offset.")
    stands = context[start : start + len(text)] if start >= 0 else ""
    if stands != text:
        place = context.find(text)
        hint = f"it first stands at {place}" if place >= 0 else "the context does not hold it"
        raise row_error(
            path,
            number,
            f"the answer {text!r} should start at {start}, where {stands!r} stands; {hint}.",
            "Offsets count code points from 0.",
        )
    return Gold(text, start)


def _merged(pairs: Sequence[tuple[str, Mapping[str, float]]]) -> tuple[Query, ...]:
    """One query per text, in order of appearance; a document judged twice keeps its higher grade."""
    merged: dict[str, dict[str, float]] = {}
    for text, grades in pairs:
        relevant = merged.setdefault(text, {})
        for name, grade in grades.items():
            relevant[name] = max(grade, relevant.get(name, grade))
    return tuple(Query(text, relevant) for text, relevant in merged.items())


def _beir(corpus: Path, queries: Path, qrels: Path) -> JudgedCorpus:
    documents, empty = _documents(corpus)
    known = {document.id for document in documents}
    texts: dict[str, str] = {}
    for number, record in json_objects(queries, read_text(queries)):
        name = text_value(queries, number, record, "_id")
        if name in texts:
            raise row_error(queries, number, f"the id {name!r} was given before.", "Give every query its own id.")
        texts[name] = text_value(queries, number, record, "text")
    grades: dict[str, dict[str, float]] = {}
    missing = 0
    for number, query, document, grade in _qrels(qrels):
        if query not in texts:
            raise row_error(qrels, number, f"{queries.name} holds no query {query!r}.", "Give the file that fits.")
        if grade > 0:
            grades.setdefault(query, {})[document] = grade
            missing += document not in known
    pairs = [(text, grades[name]) for name, text in texts.items() if name in grades]
    if pairs and not any(name in known for relevant in grades.values() for name in relevant):
        raise SourceError(
            f"{qrels} names no document of {corpus.name}.", subject=qrels, way_out="Give the files that fit together."
        )
    return JudgedCorpus(documents, _merged(pairs), empty, missing)


def _documents(corpus: Path) -> tuple[tuple[CorpusDocument, ...], int]:
    documents: dict[str, CorpusDocument] = {}
    seen: set[str] = set()
    for number, record in json_objects(corpus, read_text(corpus)):
        name = text_value(corpus, number, record, "_id")
        if name in seen:
            raise row_error(corpus, number, f"the id {name!r} was given before.", "Give every document its own id.")
        seen.add(name)
        title = _title(corpus, number, record)
        text = text_value(corpus, number, record, "text", blank=True)
        if not text.strip():
            title, text = "", title  # a document of a title only is searched by its title
        if text.strip():
            documents[name] = CorpusDocument(name, title, text)
    return tuple(documents.values()), len(seen) - len(documents)


def _qrels(path: Path) -> Iterator[tuple[int, str, str, float]]:
    for number, line in lines(read_text(path)):
        fields = line.rstrip("\r").split("\t")
        if len(fields) != 3:
            raise row_error(
                path, number, f"{len(fields)} fields instead of 3.", "Give query-id, corpus-id and score between tabs."
            )
        query, document, score = (field.strip() for field in fields)
        try:
            grade = float(score)
        except ValueError:
            if number == 1:
                continue  # the header
            raise row_error(path, number, f"the score {score!r} is not a number.", "Give 0, 1, 2, …") from None
        if not math.isfinite(grade):
            raise row_error(path, number, f"the score {score!r} is not finite.", "Give 0, 1, 2, …")
        yield number, query, document, grade


def _member(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise SourceError(
        f"{folder} holds no {name} and no {name}.gz.",
        subject=folder,
        way_out="A BEIR folder holds corpus.jsonl, queries.jsonl and qrels/test.tsv or qrels.tsv; each may end in .gz.",
    )


def _judgements(folder: Path) -> Path:
    inside = sorted(p for p in (folder / "qrels").glob("*") if p.name.endswith((".tsv", ".tsv.gz")))
    for path in inside:
        if path.name in ("test.tsv", "test.tsv.gz") or len(inside) == 1:
            return path
    if inside:
        names = ", ".join(path.name for path in inside)
        raise SourceError(
            f"{folder / 'qrels'} holds {names} and no test.tsv.", subject=folder, way_out="Keep one of them there."
        )
    return _member(folder, "qrels.tsv")
