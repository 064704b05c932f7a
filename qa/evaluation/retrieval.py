"""Judging search alone: do the documents that matter come first?"""

from __future__ import annotations

from collections.abc import Sequence
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


def evaluate_retrieval(
    queries: Sequence[Query],
    collection: Collection,
    *,
    mode: Mode = "hybrid",
    on_step: Step = unseen,
) -> dict[str, Any]:
    """`{n, ndcg10, recall20, mrr, p50_ms, p95_ms}` of searching `collection` for `queries`: means, 0 to 1, and times.

    A document stands where its best passage stands. Times are of one search in this process for as many passages as
    documents are judged (20).
    """
    figures: dict[str, list[float]] = {"ndcg10": [], "recall20": [], "mrr": []}
    seconds: list[float] = []
    for query in queries:
        ranking, took = ranked_documents(collection, query.text, DEPTH, mode)
        relevant = {stored_id(name): grade for name, grade in query.relevant.items()}
        figures["ndcg10"].append(ndcg(ranking, relevant, 10))
        figures["recall20"].append(recall(ranking, relevant, DEPTH))
        figures["mrr"].append(reciprocal_rank(ranking, relevant, 10))
        seconds.append(took)
        on_step()
    means = {name: fmean(values) if values else None for name, values in figures.items()}
    return {"n": len(queries), **means, **milliseconds(seconds)}
