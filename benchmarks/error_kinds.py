"""What kinds of answers go wrong: `python benchmarks/error_kinds.py EVIDENCE` replays what was gathered with
`python -m spanwise.qa.evaluation.fit_calibration ROWS --only-gather --evidence EVIDENCE` under the shipped
calibration and counts the kinds; `--show 20` prints so many questions of each, to be read.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from spanwise.qa import calibration as calibrations
from spanwise.qa.calibrating import Evidence, judged
from spanwise.qa.deciding import Decided
from spanwise.qa.evaluation.files import json_objects, read_text
from spanwise.qa.evaluation.fit_calibration import GROUPS, as_evidence
from spanwise.qa.evaluation.metrics import normalise, score_text
from spanwise.qa.reading import load_reader

LONG_GOLD = 8
"""Words from which a gold answer is a clause rather than a phrase."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("evidence", type=Path)
    parser.add_argument("--show", type=int, default=0, help="questions of each kind to print")
    options = parser.parse_args()
    reader = load_reader()
    calibration = calibrations.fitting(reader.fingerprint, calibrations.SHIPPED)
    if calibration is None:
        raise SystemExit("The shipped calibration was made for another reader: fit it first.")
    records = [record for _, record in json_objects(options.evidence, read_text(options.evidence))]
    kinds: dict[str, list[str]] = defaultdict(list)
    for kind, line in judged_kinds(records, calibration, reader.threshold):
        kinds[kind].append(line)
    for kind, lines in sorted(kinds.items(), key=lambda item: -len(item[1])):
        sys.stdout.write(f"| {kind} | {len(lines)} |\n")
        for line in random.Random(0).sample(lines, min(options.show, len(lines))):
            sys.stdout.write(f"    {line}\n")


def judged_kinds(
    records: Sequence[dict[str, Any]], calibration: calibrations.Calibration, threshold: float
) -> Iterator[tuple[str, str]]:
    """Of each question: the kind of its outcome, and a line about it."""
    for regime, groups in GROUPS.items():
        chosen = [record for record in records if record["group"] in groups]
        evidence = [as_evidence(record, calibration.stop if regime == "collection" else None) for record in chosen]
        judge = calibration.judge(regime)
        probabilities, right = judged(judge, evidence, threshold)
        for record, found, probability, hit in zip(chosen, evidence, probabilities, right, strict=True):
            shown = probability >= judge.answer_above
            if not found.answers:
                kind = "unanswerable, answered" if shown else "unanswerable, silent"
            elif hit:
                kind = "right" if shown else "right, but silent"
            else:
                kind = f"wrong: {wrong_kind(found, [one['text'] for one in record['passages']])}"
            yield kind, described(found, probability)


def wrong_kind(found: Evidence, passages: Sequence[str]) -> str:
    """How the best answer of an answerable question differs from gold."""
    golds = found.answers
    if not any(gold in text for gold in golds for text in passages):
        return "the passage with the answer was not found"
    if not found.ranking:
        return "no span"
    best = found.ranking[0]
    if not any(gold in best.passage.text for gold in golds):
        return "another passage"
    said, wanted = normalise(best.text), [normalise(gold) for gold in golds]
    if any(f" {said} " in f" {gold} " for gold in wanted):
        long = all(len(gold.split()) >= LONG_GOLD for gold in wanted)
        return "shorter than gold, a clause" if long else "shorter than gold"
    if any(f" {gold} " in f" {said} " for gold in wanted):
        return "longer than gold"
    if score_text(best.text, golds).f1:
        return "some of its words"
    return "other words of the sentence" if any(map(_sentence(best).count, golds)) else "another sentence"


def described(found: Evidence, probability: float) -> str:
    """The question, the answer in its place, and the gold, in one line."""
    gold = found.answers[0] if found.answers else "(none)"
    if not found.ranking:
        return f"{found.question} [] gold {gold}"
    best = found.ranking[0]
    text = best.passage.text
    place = f"{text[max(0, best.start - 60) : best.start]}[{best.text}]{text[best.end : best.end + 60]}"
    return f"{probability:.2f} {found.question} {' '.join(place.split())} gold {gold}"


def _sentence(one: Decided) -> str:
    return one.passage.text[slice(*one.sentence)]


if __name__ == "__main__":
    main()
