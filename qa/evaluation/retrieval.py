"""Judging search alone: do the documents that matter come first?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from .corpus import ranked_documents, stored_id
from .datasets import Query
from .metrics import milliseconds, ndcg, recall, reciprocal_rank
from .progress import Step, unseen

if TYPE_CHECKING:
    from ...index.ranking import Mode
    from ..collection import Collection

DEPTH = 20
"""Documents ranked per query: nDCG and MRR look at 10 of them, recall at all."""


@dataclass(frozen=True, slots=True)
class RankOutcome:
    """The ranking the engine gave for one query, and how long it took (seconds)."""

    query: Query
    ranking: tuple[str, ...]
    relevant: dict[str, float]
    """Grades by stored id, as `ranking` has them."""
    seconds: float


def evaluate_retrieval(
    queries: Sequence[Query],
    collection: Collection,
    *,
    mode: Mode = "hybrid",
    on_step: Step = unseen,
) -> dict[str, Any]:
    """`{n, ndcg10, recall20, mrr, p50_ms, p95_ms}` of searching `collection` for `queries`.

    A document stands where its best passage stands. Times are of one search in this process for as many passages as
    documents are judged (20).
    """
    return summarise_retrieval(rank_all(queries, collection, mode=mode, on_step=on_step))


def rank_all(
    queries: Sequence[Query],
    collection: Collection,
    *,
    mode: Mode = "hybrid",
    on_step: Step = unseen,
) -> list[RankOutcome]:
    """The first 20 documents for each query."""
    outcomes = []
    for query in queries:
        ranking, seconds = ranked_documents(collection, query.text, DEPTH, mode)
        relevant = {stored_id(name): grade for name, grade in query.relevant.items()}
        outcomes.append(RankOutcome(query, tuple(ranking), relevant, seconds))
        on_step()
    return outcomes


def summarise_retrieval(outcomes: Sequence[RankOutcome]) -> dict[str, Any]:
    """The means over queries, 0 to 1, and the times."""

    def mean(values: list[float]) -> float | None:
        return fmean(values) if values else None

    return {
        "n": len(outcomes),
        "ndcg10": mean([ndcg(o.ranking, o.relevant, 10) for o in outcomes]),
        "recall20": mean([recall(o.ranking, o.relevant, DEPTH) for o in outcomes]),
        "mrr": mean([reciprocal_rank(o.ranking, o.relevant, 10) for o in outcomes]),
        **milliseconds([o.seconds for o in outcomes]),
    }
