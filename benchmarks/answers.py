"""How much the probabilities are worth: `python benchmarks/answers.py EVIDENCE…` judges what was gathered with
`python -m spanwise.qa.evaluation.fit_calibration ROWS --only-gather --evidence EVIDENCE` under the shipped calibration,
writes `benchmarks/results/answers.json`, and draws reliability and risk-coverage to `docs/pictures/`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spanwise.qa import calibration as calibrations
from spanwise.qa.calibrating import judged
from spanwise.qa.calibration import Regime
from spanwise.qa.evaluation.files import digest, json_objects, read_text
from spanwise.qa.evaluation.fit_calibration import CONTACT, POOLED, SINGLE, SMALL, as_evidence
from spanwise.qa.evaluation.metrics import confidence, mean_text, risk_coverage, score_text
from spanwise.qa.reading import load_reader

HERE = Path(__file__).parent
PARTS: tuple[tuple[str, Regime, tuple[str, ...]], ...] = (
    ("collection", "collection", POOLED),
    ("small", "collection", SMALL),
    ("contact", "collection", CONTACT),
    ("passage", "passage", SINGLE),
)
WIDTH, HEIGHT, EDGE = 320, 320, 44


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("evidence", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "answers.json")
    parser.add_argument("--pictures", type=Path, default=HERE.parent / "docs" / "pictures")
    options = parser.parse_args()
    reader = load_reader()
    calibration = calibrations.fitting(reader.fingerprint, calibrations.SHIPPED)
    if calibration is None:
        raise SystemExit("The shipped calibration was made for another reader: fit it first.")
    report: dict[str, Any] = {"reader": reader.fingerprint, "threshold": reader.threshold}
    options.pictures.mkdir(parents=True, exist_ok=True)
    for one in options.evidence:
        name, _, file = one.partition("=")
        records = [record for _, record in json_objects(Path(file), read_text(Path(file)))]
        for part, regime, groups in PARTS:
            chosen = [record for record in records if record["group"] in groups]
            if not chosen:
                continue
            evidence = [as_evidence(record, calibration.stop if regime == "collection" else None) for record in chosen]
            judge = calibration.judge(regime)
            probabilities, right = judged(judge, evidence, reader.threshold)
            shown = [
                found.ranking[0].text if found.ranking and probability >= judge.answer_above else ""
                for found, probability in zip(evidence, probabilities, strict=True)
            ]
            forced = [found.ranking[0].text if found.ranking else "" for found in evidence]
            well = [hit if text else not found.answers for text, hit, found in zip(shown, right, evidence, strict=True)]
            has = [bool(found.answers) for found in evidence]
            key = f"{name}-{part}"
            report[key] = {
                "questions": {group: sum(record["group"] == group for record in chosen) for group in groups},
                "evidence_sha256": digest([Path(file)]),
                **rounded(confidence(probabilities, right)),
                "ece_first_gold": round(confidence(probabilities, by_first_gold(forced, evidence))["ece"], 4),
                "handled_well": round(100 * sum(well) / len(well), 2),
                "answered_of_answerable": round(share([bool(t) for t, h in zip(shown, has, strict=True) if h]), 2),
                "silent_of_unanswerable": round(share([not t for t, h in zip(shown, has, strict=True) if not h]), 2),
                "top1": rounded(scores(shown, evidence)),
                "top1_forced": rounded(scores(forced, evidence)),
            }
            figures = report[key]
            title = f"{key}: ECE {figures['ece']:.3f}, AUROC {figures['auroc']:.3f}, n {figures['n']}"
            (options.pictures / f"reliability-{key}.svg").write_text(reliability_svg(title, figures["reliability"]))
            coverage, risk = risk_coverage(probabilities, right)
            (options.pictures / f"risk-{key}.svg").write_text(risk_svg(key, coverage.tolist(), risk.tolist()))
            shown_figures = ("ece_first_gold", "coverage_at_80", "handled_well", "top1", "top1_forced")
            sys.stdout.write(f"{title} { ({figure: figures[figure] for figure in shown_figures}) }\n")
    options.out.write_text(json.dumps(report, indent=1) + "\n")


def scores(said: Sequence[str], evidence: Sequence[Any]) -> dict[str, Any]:
    """EM and F1 of the answerable questions; silence counts 0."""
    pairs = zip(said, evidence, strict=True)
    return mean_text([score_text(text, found.answers) for text, found in pairs if found.answers])


def by_first_gold(said: Sequence[str], evidence: Sequence[Any]) -> list[bool]:
    """Whether each answer is right by the first gold answer alone, as in the data of the fit, which has one."""
    pairs = zip(said, evidence, strict=True)
    return [bool(found.answers) and score_text(text, found.answers[:1]).right for text, found in pairs]


def share(flags: Sequence[bool]) -> float:
    return 100 * sum(flags) / len(flags) if flags else 0.0


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: rounded(member) for key, member in value.items()}
    if isinstance(value, list):
        return [rounded(member) for member in value]
    return round(value, 4) if isinstance(value, float) else value


def reliability_svg(title: str, bins: Sequence[dict[str, float]]) -> str:
    """Share right over probability, one dot per equal-mass bin; on the diagonal the probability means what it says."""
    dots = "".join(f'<circle cx="{x(b["probability"])}" cy="{y(b["accuracy"])}" r="4"/>' for b in bins)
    line = " ".join(f"{x(b['probability'])},{y(b['accuracy'])}" for b in bins)
    diagonal = f'<line x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}" stroke="#999" stroke-dasharray="4"/>'
    body = f'{diagonal}<polyline points="{line}" fill="none" stroke="#2563eb"/><g fill="#2563eb">{dots}</g>'
    return frame(title, "probability", "share right", body)


def risk_svg(title: str, coverage: Sequence[float], risk: Sequence[float]) -> str:
    """Share wrong among the answers given, over the share of questions answered."""
    points = " ".join(f"{x(a)},{y(b)}" for a, b in zip(coverage, risk, strict=True))
    line = f'<line x1="{x(0)}" y1="{y(0.2)}" x2="{x(1)}" y2="{y(0.2)}" stroke="#999" stroke-dasharray="4"/>'
    body = f'{line}<polyline points="{points}" fill="none" stroke="#dc2626" stroke-width="1.5"/>'
    return frame(title, "questions answered", "answers wrong", body)


def x(value: float) -> float:
    return round(EDGE + value * WIDTH, 1)


def y(value: float) -> float:
    return round(24 + (1 - value) * HEIGHT, 1)


def frame(title: str, below: str, left: str, body: str) -> str:
    ticks = "".join(
        f'<text x="{x(v)}" y="{y(0) + 16}" text-anchor="middle">{v}</text>'
        f'<text x="{EDGE - 6}" y="{y(v) + 4}" text-anchor="end">{v}</text>'
        for v in (0, 0.2, 0.4, 0.6, 0.8, 1)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {EDGE + WIDTH + 16} {HEIGHT + 66}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="{EDGE}" y="15">{title}</text>{ticks}'
        f'<rect x="{EDGE}" y="24" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#333"/>{body}'
        f'<text x="{x(0.5)}" y="{y(0) + 34}" text-anchor="middle">{below}</text>'
        f'<text transform="translate(12 {y(0.5)}) rotate(-90)" text-anchor="middle">{left}</text></svg>\n'
    )


if __name__ == "__main__":
    main()
