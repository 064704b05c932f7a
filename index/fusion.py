"""From two rankings to one: a convex combination of scores normalised within the question.

Reciprocal rank fusion throws the scores away and loses to its better part on many collections (see
`docs/decisions/0003-fusion.md`). Here every candidate of either ranking gets both scores: its exact cosine, and its
BM25 (0 when it shares no rare word).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest

DENSE_WEIGHT = 0.75
"""Share of the dense score where the best of both rankings stand out alike; chosen, as the next two, on development
corpora, see `docs/decisions/0003-fusion.md`."""
STANDING_OUT = 0.5
"""What the share gains for a whole point by which the best by meaning stand out more than the best by words."""
_PLACE = 20
_LEAST, _MOST = 0.1, 0.95


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
    """`fused` is `dense_weight * dense_share + (1 - dense_weight) * lexical_share`; where `exact` is known, half
    of that, and one half more where it is true."""
    exact: bool | None = None
    """Whether the passage holds the exact words of the query; None where no candidate does."""


def fuse(dense: Mapping[int, float], lexical: Mapping[int, float], dense_weight: float = DENSE_WEIGHT) -> list[Fused]:
    """Candidates best first, ties by key. `fused` lies in 0 to 1.

    `dense` holds cosines and `lexical` BM25 scores of candidates; a missing one counts as the lowest. The ranking whose
    best stand out further from its 20th is trusted more: it tells passages apart.
    """
    dense_share = _normalised(dense, floor=min(dense.values(), default=0.0))
    lexical_share = _normalised(lexical, floor=0.0)
    if dense and lexical:
        count = len(dense.keys() | lexical.keys())
        further = _standing_out(dense_share, count) - _standing_out(lexical_share, count)
        weight = min(max(dense_weight + STANDING_OUT * further, _LEAST), _MOST)
    else:
        weight = float(bool(dense))
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


def exact_first(candidates: Sequence[Fused], exact: Collection[int]) -> list[Fused]:
    """Candidates whose keys are in `exact` in the upper half of the scores, the others in the lower; none is moved
    where `exact` is empty."""
    if not exact:
        return list(candidates)
    placed = [replace(one, fused=(one.fused + (one.key in exact)) / 2, exact=one.key in exact) for one in candidates]
    return sorted(placed, key=lambda candidate: (-candidate.fused, candidate.key))


def _standing_out(shares: Mapping[int, float], candidates: int) -> float:
    """How far the best of `candidates` is above the 20th, or above the last where there are fewer: 0 to 1."""
    place = min(_PLACE, candidates)
    best = nlargest(place, shares.values())
    return 1.0 - (best[-1] if len(best) == place else 0.0)


def _normalised(scores: Mapping[int, float], floor: float) -> dict[int, float]:
    """Scores mapped so that `floor` is 0 and the best is 1."""
    span = max(scores.values(), default=floor) - floor
    return {key: (score - floor) / span if span > 0 else 1.0 for key, score in scores.items()}
