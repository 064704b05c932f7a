"""From signs to probabilities: what is fitted, how it is kept, and what it says of a ranking."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from ..errors import ModelError
from ..index.durable import sync_folder, write_file
from ..index.storage import translated
from .deciding import Decided
from .features import features
from .fitting import Logistic
from .stopping import StopRule

FORMAT = 3
FILE = "calibration.json"
SHIPPED = Path(__file__).parent / "model" / FILE

Regime = Literal["collection", "passage"]
"""Passages found by searching a collection, or one passage handed over by whoever asks."""


@dataclass(frozen=True, slots=True)
class Judge:
    """The probabilities of one regime."""

    right: Logistic
    """P(the best answer is right)."""
    lower: Logistic
    """The same for an answer below the best."""
    no_answer: Logistic
    """P(nothing that was read answers the question), from the best answer's signs."""
    answer_above: float
    """Probability of being right from which an answer is shown as one."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Probabilities of a ranking: one per answer, none above the one before it, and of there being no answer."""

    right: tuple[float, ...]
    no_answer: float
    answer_above: float
    """Probability from which the best answer is shown as one."""
    calibrated: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fitted for the reader it names, and meaningless for any other."""

    reader: str
    collection: Judge
    passage: Judge
    stop: StopRule | None = None
    """When enough passages have been read; None: read all."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """What it was fitted on, and how reliable it was there."""

    def judge(self, regime: Regime) -> Judge:
        return self.collection if regime == "collection" else self.passage


def judge_ranking(
    question: str,
    ranking: Sequence[Decided],
    threshold: float,
    calibration: Calibration | None,
    regime: Regime = "collection",
) -> Judged:
    """Probabilities of the answers of `ranking`; without a calibration, those of `uncalibrated`."""
    if not ranking:
        return Judged((), 1.0, 1.0, calibrated=calibration is not None)
    if calibration is None:
        right = list(accumulate((uncalibrated(one.score, threshold) for one in ranking), min))
        return Judged(tuple(right), 1.0 - right[0], 0.5, calibrated=False)
    judge = calibration.judge(regime)
    signs = features(question, ranking, 0, threshold)
    right = [judge.right(signs)]
    for place in range(1, len(ranking)):
        right.append(min(right[-1], judge.lower(features(question, ranking, place, threshold))))
    # Whatever the second fit says, "no answer" and "this answer is right" exclude each other.
    no_answer = min(judge.no_answer(signs), 1.0 - right[0])
    return Judged(tuple(right), no_answer, judge.answer_above, calibrated=True)


def uncalibrated(score: float, threshold: float) -> float:
    """The logistic of a span score above the threshold: not fitted on anything, and far too sure."""
    return Logistic(-threshold, {"score": 1.0})({"score": score})


def save(calibration: Calibration, path: Path) -> None:
    """Write `calibration` to `path`, all of it or nothing. Raises StorageError."""
    record = {
        "format": FORMAT,
        "reader": calibration.reader,
        "collection": _judge_record(calibration.collection),
        "passage": _judge_record(calibration.passage),
        "stop": asdict(calibration.stop) if calibration.stop else None,
        "report": dict(calibration.report),
    }
    with translated(path.parent.name):
        write_file(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode(), mode=0o644)
        sync_folder(path.parent)


def load(path: Path) -> Calibration | None:
    """The calibration in `path`; None when there is no such file or it has another format. Raises ModelError for a
    damaged one."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            return None
        stop = record.get("stop")
        return Calibration(
            str(record["reader"]),
            _judge(record["collection"]),
            _judge(record["passage"]),
            StopRule(float(stop["score"]), float(stop["lead"])) if stop else None,
            dict(record["report"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"The calibration {path.name} cannot be used ({error}).",
            subject=path,
            way_out="Fit it again with `spanwise calibrate`, or delete the file.",
        ) from error


def fitting(reader: str, *paths: Path) -> Calibration | None:
    """The first calibration among `paths` that was made for `reader`; None when none was."""
    found = (load(path) for path in paths)
    return next((one for one in found if one is not None and one.reader == reader), None)


def beside_reader(folder: str, fingerprint: str) -> Calibration | None:
    """The calibration that lies with the reader in `folder`, or the shipped one; None when neither was made for it.

    Raises ModelError for a damaged file.
    """
    own = () if folder == "default" else (Path(folder) / FILE,)
    return fitting(fingerprint, *own, SHIPPED)


def _judge_record(judge: Judge) -> dict[str, Any]:
    fits = {"right": judge.right, "lower": judge.lower, "no_answer": judge.no_answer}
    return {
        **{
            name: {
                "intercept": round(fit.intercept, 6),
                "weights": {sign: round(weight, 6) for sign, weight in fit.weights.items()},
            }
            for name, fit in fits.items()
        },
        "answer_above": round(judge.answer_above, 4),
    }


def _judge(record: Mapping[str, Any]) -> Judge:
    def logistic(name: str) -> Logistic:
        weights = {str(sign): float(weight) for sign, weight in record[name]["weights"].items()}
        unknown = sorted(weights.keys() - set(SIGNS["collection"]))
        if unknown:
            raise ValueError(f"unknown signs {unknown}")
        return Logistic(float(record[name]["intercept"]), weights)

    return Judge(logistic("right"), logistic("lower"), logistic("no_answer"), float(record["answer_above"]))


_OF_THE_SPAN = ("margin", "sure", "gap", "null", "relevance", "length", "open", "contact")
SIGNS: Mapping[Regime, tuple[str, ...]] = {
    "passage": _OF_THE_SPAN,
    "collection": (*_OF_THE_SPAN, "rank", "agreement"),
}
"""The signs each regime is fitted on: a passage handed over was not retrieved, so it has no retrieval scores."""
