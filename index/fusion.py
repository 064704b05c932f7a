"""From two rankings to one: a convex combination of scores normalised within the question.

Reciprocal rank fusion throws the scores away and loses to its better part on many collections (see
`docs/decisions/0003-fusion.md`). Here every candidate of either ranking gets both scores: its exact cosine, and its
BM25 (0 when it shares no rare word).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DENSE_WEIGHT = 0.6
"""Share of the dense score; chosen on development corpora, see `benchmarks/results/`."""


@dataclass(frozen=True, slots=True)
class Fused:
    """A candidate passage with its scores; `lexical` is None when it shares no word that counts."""

    key: int
    fused: float
    dense: float | None
    lexical: float | None
    dense_share: float
    """`dense` normalised within the question, 0 to 1."""
    lexical_share: float
    dense_weight: float
    """`fused` is `dense_weight * dense_share + (1 - dense_weight) * lexical_share`."""


def fuse(dense: Mapping[int, float], lexical: Mapping[int, float], dense_weight: float = DENSE_WEIGHT) -> list[Fused]:
    """Candidates best first, ties by key. `fused` lies in 0 to 1.

    `dense` holds cosines and `lexical` BM25 scores of candidates; a missing one counts as the lowest.
    """
    weight = dense_weight if dense and lexical else float(bool(dense))
    dense_share = _normalised(dense, floor=min(dense.values(), default=0.0))
    lexical_share = _normalised(lexical, floor=0.0)
    fused = [
        Fused(
            key,
            weight * dense_share.get(key, 0.0) + (1 - weight) * lexical_share.get(key, 0.0),
            dense.get(key),
            lexical.get(key),
            dense_share.get(key, 0.0),
            lexical_share.get(key, 0.0),
            weight,
        )
        for key in dense.keys() | lexical.keys()
    ]
    return sorted(fused, key=lambda candidate: (-candidate.fused, candidate.key))


def _normalised(scores: Mapping[int, float], floor: float) -> dict[int, float]:
    """Scores mapped so that `floor` is 0 and the best is 1."""
    span = max(scores.values(), default=floor) - floor
    return {key: (score - floor) / span if span > 0 else 1.0 for key, score in scores.items()}
