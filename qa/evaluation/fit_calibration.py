"""`python -m spanwise.qa.evaluation.fit_calibration ROWS`: fit a calibration as the shipped one was, from nothing,
to the reader, on questions that were kept out of its training.

Half of the questions are answered by what is read, half are not: questions made unanswerable, questions whose own
passage is withheld from the search, and for single passages the wrong one that a search returns first. They are asked
of all contexts, and of collections as small as one document; some are for contact details (`contact_rows`).
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...index.embedding import Embedder
from ...index.records import DocumentInfo, Passage, Span
from ...index.results import Hit, Scores
from ..calibrating import FOLDS, Evidence, fit_judge, judged, reliability_report, without_fold
from ..calibration import FILE, Calibration, Judge, Regime, save
from ..correcting import corrected_reading
from ..deciding import decide, standing
from ..reading import Candidate, Reader, Reading, load_reader
from ..same_answer import same_answer_key
from ..shown import read_passages
from ..stopping import StopRule, enough, fit_rule
from .contact_rows import contact_rows
from .corpus import DEEPEST, indexed, stored_id
from .datasets import Row, context_id, contexts, read_rows, sample
from .files import digest, json_objects, read_text
from .metrics import confidence, normalise, rounded

POOLED = ("pooled-ans", "pooled-un", "withheld")
SMALL = ("small-ans", "small-un", "small-withheld")
CONTACT = ("contact-ans", "contact-un")
SINGLE = ("gold", "wrong")
SINGLE_CONTACT = ("contact-gold", "contact-wrong")
GROUPS: Mapping[Regime, tuple[str, ...]] = {
    "collection": (*POOLED, *SMALL, *CONTACT),
    "passage": (*SINGLE, *SINGLE_CONTACT),
}
SMALL_SIZES = (3, 8, 20)
"""Contexts in the small collections, by turns."""
Record = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Gather (or reuse) what the engine reads for a sample of the rows, fit both regimes, write the calibration."""
    parser = argparse.ArgumentParser(prog="python -m spanwise.qa.evaluation.fit_calibration", description=__doc__)
    parser.add_argument("rows", type=Path, help="SQuAD 2.0 rows kept out of the reader's training")
    parser.add_argument("--questions", type=int, default=500, help="answerable ones asked of the collection")
    parser.add_argument("--evidence", type=Path, help="file that keeps what was read; reused when it exists")
    parser.add_argument("--data", type=Path, help="folder that keeps the index")
    parser.add_argument("--pairs", type=int, help="gather only so many gold passages, each with a wrong one")
    parser.add_argument("--same-title", action="store_true", help="the wrong one comes from the same title")
    parser.add_argument("--only-gather", action="store_true", help="write the evidence, fit nothing")
    parser.add_argument("--out", type=Path, default=Path(FILE), help="file to write (default: %(default)s, here)")
    options = parser.parse_args(arguments)
    reader = load_reader()
    if options.evidence and options.evidence.exists():
        records = [record for _, record in json_objects(options.evidence, read_text(options.evidence))]
    else:
        rows = read_rows(options.rows)
        if options.pairs:
            records = list(gathered_pairs(rows, reader, options.pairs, options.data, options.same_title))
        else:
            records = list(gathered(rows, reader, options.questions, options.data))
        if options.evidence:
            options.evidence.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    if options.only_gather:
        return 0
    calibration = fitted(records, reader)
    report = {**calibration.report, "data": {"name": options.rows.name, "sha256": digest([options.rows])}}
    save(replace(calibration, report=report), options.out)
    json.dump(report, sys.stdout, indent=1)
    return 0


def gathered(rows: Sequence[Row], reader: Reader, questions: int, data: Path | None) -> Iterator[Record]:
    """What is read for each sampled question, as objects that can be kept: passages with scores and candidates."""
    answerable = sample([row for row in rows if row.answerable], 3 * questions)
    unanswerable = sample([row for row in rows if not row.answerable], questions)
    random.Random(0).shuffle(answerable)
    random.Random(0).shuffle(unanswerable)
    pooled, withheld = answerable[:questions], answerable[questions : questions + questions // 2]
    singles = answerable[questions + questions // 2 :]
    own = _own_contexts(rows)
    with indexed(contexts(rows), data=data, reader=reader) as collection:

        def found(row: Row, without_own: bool) -> list[Record]:
            hits = collection.search(row.question, 20, merge=False)
            kept = [hit for hit in hits if not without_own or not _may_answer(hit, row, own)]
            return [_passage(hit) for hit in kept[:10]]

        for row in pooled:
            yield _read("pooled-ans", row, found(row, without_own=False), reader)
        for row in unanswerable[: questions // 2]:
            yield _read("pooled-un", row, found(row, without_own=False), reader)
        for row in withheld:
            yield _read("withheld", row, found(row, without_own=True), reader)
        for row in (*singles, *unanswerable[questions // 2 :]):
            yield _read("gold", row, [_gold(row)], reader)
        for row in singles[: len(singles) // 2]:
            if wrong := found(row, without_own=True)[:1]:
                yield _read("wrong", row, wrong, reader)
    yield from gathered_small(rows, reader)
    yield from gathered_contacts(rows, reader)


def gathered_small(
    rows: Sequence[Row], reader: Reader, each: int = 2, embedder: Embedder | None = None
) -> Iterator[Record]:
    """What is read for questions asked of collections of a few contexts of one title, as small as one document: there
    every passage is near the question, and its place in the search says less.

    For each title twice `each` answerable ones, `each` unanswerable ones, and `each` whose own passage is withheld.
    """
    own = _own_contexts(rows)
    for turn, title in enumerate(dict.fromkeys(row.title for row in rows)):
        size = SMALL_SIZES[turn % len(SMALL_SIZES)]
        few = contexts([row for row in rows if row.title == title])[:size]
        held = {one.text for one in few}
        mine = [row for row in rows if row.context in held]
        answerable = sample([row for row in mine if row.answerable], 3 * each)
        random.Random(0).shuffle(answerable)
        unanswerable = sample([row for row in mine if not row.answerable], each)
        with indexed(few, embedder=embedder, reader=reader) as collection:
            for group, asked in (
                ("small-ans", answerable[: 2 * each]),
                ("small-un", unanswerable),
                ("small-withheld", answerable[2 * each :]),
            ):
                for row in asked:
                    hits = collection.search(row.question, 20, merge=False)
                    kept = [hit for hit in hits if group != "small-withheld" or not _may_answer(hit, row, own)]
                    yield _read(group, row, [_passage(hit) for hit in kept[:10]], reader)


def gathered_contacts(rows: Sequence[Row], reader: Reader, embedder: Embedder | None = None) -> Iterator[Record]:
    """What is read for questions for contact details, each asked of its own document; and of that the one passage that
    holds such details, as if it had been handed over."""
    for asked in contact_rows(rows):
        with indexed(contexts(asked), embedder=embedder, reader=reader) as collection:
            for row in asked:
                hits = collection.search(row.question, 10, merge=False)
                record = _read(
                    "contact-ans" if row.answerable else "contact-un", row, list(map(_passage, hits)), reader
                )
                yield record
                if holding := [one for one in record["passages"] if any(gold in one["text"] for gold in row.golds)]:
                    yield {**record, "group": "contact-gold", "passages": holding[:1]}
                elif not row.answerable:
                    yield {**record, "group": "contact-wrong", "passages": record["passages"][:1]}


def gathered_pairs(
    rows: Sequence[Row],
    reader: Reader,
    count: int,
    data: Path | None = None,
    same_title: bool = False,
    embedder: Embedder | None = None,
) -> Iterator[Record]:
    """For each of `count` answerable questions its gold passage, and the first passage a search returns that is wrong.

    `same_title` takes the wrong one from the gold passage's own title: for questions that are asked of many titles and
    that passages of other titles answer just as well.
    """
    own = _own_contexts(rows)
    titles = {stored_id(context_id(row.context)): row.title for row in rows}
    with indexed(contexts(rows), data=data, embedder=embedder, reader=reader) as collection:
        for row in sample([row for row in rows if row.answerable], count):
            hits = collection.search(row.question, DEEPEST if same_title else 30, merge=False)
            wrong = [
                hit
                for hit in hits
                if not _may_answer(hit, row, own) and (not same_title or titles[hit.document.id] == row.title)
            ]
            if wrong:
                yield _read("gold", row, [_gold(row)], reader)
                yield _read("wrong", row, [_passage(wrong[0])], reader)


def fitted(records: Sequence[Record], reader: Reader) -> Calibration:
    """Both regimes fitted on `records`; the report's figures are cross-validated."""
    judges: dict[str, Judge] = {}
    report: dict[str, Any] = {"reader": reader.fingerprint}
    searched = [record for record in records if record["group"] in GROUPS["collection"]]
    stop = fit_rule([_reading_order(record) for record in searched], reader.threshold)
    for regime, groups in GROUPS.items():
        chosen = [record for record in records if record["group"] in groups]
        random.Random(1).shuffle(chosen)
        evidence = [as_evidence(record, stop) for record in chosen]
        judges[regime] = fit_judge(evidence, regime, reader.threshold)
        report[regime] = {
            "questions": {group: sum(record["group"] == group for record in chosen) for group in groups},
            "cross_validated": rounded(_cross_validated(evidence, regime, reader.threshold)),
        }
    return Calibration(reader.fingerprint, judges["collection"], judges["passage"], stop, report)


def as_evidence(record: Record, stop: StopRule | None) -> Evidence:
    """What was kept of a question, read and ranked as the engine does it today."""
    if (read := enough(stop, *_reading_order(record)[:2])) is not None:
        record = {**record, "passages": record["passages"][:read]}
    hits = [
        Hit(_as_passage(one), Scores(one["fused"], one.get("dense"), one.get("lexical"))) for one in record["passages"]
    ]
    readings = [
        corrected_reading(
            record["question"],
            one["text"],
            Reading(one["relevance"], one["null"], tuple(Candidate(*candidate) for candidate in one["cands"])),
        )
        for one in record["passages"]
    ]
    return Evidence(record["question"], tuple(record["golds"]), decide(hits, readings, record["question"]))


def _reading_order(record: Record) -> tuple[list[float], list[float], list[str]]:
    """Of each passage: the standing of its best span, its fused score, its best answer."""
    best = [one["cands"][0] if one["cands"] else (0, 0, -math.inf) for one in record["passages"]]
    answers = [same_answer_key(one["text"][c[0] : c[1]]) for one, c in zip(record["passages"], best, strict=True)]
    standings = [
        standing(candidate[2], Reading(one["relevance"], one["null"], ()), rank)
        for rank, (one, candidate) in enumerate(zip(record["passages"], best, strict=True))
    ]
    return standings, [one["fused"] for one in record["passages"]], answers


def _cross_validated(evidence: Sequence[Evidence], regime: Regime, threshold: float) -> dict[str, Any]:
    probabilities: list[float] = []
    right: list[bool] = []
    well: list[float] = []
    for fold in range(FOLDS):
        judge = fit_judge(without_fold(evidence, fold), regime, threshold)
        held = evidence[fold::FOLDS]
        some, outcomes = judged(judge, held, threshold)
        probabilities += some
        right += outcomes
        well.append(reliability_report(judge, held, threshold)["handled_well"])
    return {**confidence(probabilities, right), "handled_well": sum(well) / len(well)}


def _read(group: str, row: Row, passages: list[Record], reader: Reader) -> Record:
    readings = read_passages(reader, row.question, [_as_passage(one) for one in passages])
    for passage, reading in zip(passages, readings, strict=True):
        passage["relevance"], passage["null"] = reading.relevance, reading.null_score
        passage["cands"] = [(one.start, one.end, one.score) for one in reading.candidates]
    golds = [] if group in ("withheld", "small-withheld", "wrong") else list(row.golds)
    return {"group": group, "id": row.id, "question": row.question, "golds": golds, "passages": passages}


def _passage(hit: Hit) -> Record:
    scores = {"fused": hit.scores.fused, "dense": hit.scores.dense, "lexical": hit.scores.lexical}
    above = {"prefix": hit.passage.prefix} if hit.passage.prefix else {}
    return {"doc": hit.document.id, "start": hit.span.start, "text": hit.text, **above, **scores}


def _as_passage(kept: Record) -> Passage:
    document = DocumentInfo(kept["doc"], None, None, {}, "", "", 0, 0, "")
    span = Span(kept["start"], kept["start"] + len(kept["text"]))
    return Passage(document, span, kept["text"], Span(0, 0), prefix=kept.get("prefix", ""))


def _gold(row: Row) -> Record:
    return {"doc": "gold", "start": 0, "text": row.context, "fused": 0.0}


def _own_contexts(rows: Sequence[Row]) -> dict[str, set[str]]:
    """The stored ids of the contexts that each question is asked of."""
    own: dict[str, set[str]] = {}
    for row in rows:
        own.setdefault(normalise(row.question), set()).add(stored_id(context_id(row.context)))
    return own


def _may_answer(hit: Hit, row: Row, own: dict[str, set[str]]) -> bool:
    return hit.document.id in own[normalise(row.question)] or _holds(hit.text, row)


def _holds(text: str, row: Row) -> bool:
    """Whether a passage holds a gold answer's words, so that it may answer the question after all."""
    return any(f" {normalise(gold)} " in f" {normalise(text)} " for gold in row.golds)


if __name__ == "__main__":
    sys.exit(main())
