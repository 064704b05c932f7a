"""Judging the whole engine: the passage that answers is one among all contexts of the file, and must be found first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .corpus import ranked_documents, stored_id
from .datasets import Row, context_id
from .metrics import TextScore, aggregate, confidence, mean_text, milliseconds, score_text
from .progress import Step, unseen
from .reading import ReadOutcome, read_passage, summarise_reading

if TYPE_CHECKING:
    from ...index.ranking import Mode
    from ..collection import Collection
    from ..reading import Reader

TOP = 3
"""Answers asked for per question."""
RECALL_DEPTH = 20
BASELINES: tuple[Mode, ...] = ("lexical", "dense")


@dataclass(frozen=True, slots=True)
class AskOutcome:
    """What the engine said to one question, and where the search ranked the question's own context."""

    row: Row
    answerable: bool
    """The engine's own judgement."""
    answers: tuple[str, ...]
    """The words of the answers, best first, whatever `answerable` says."""
    probability: float
    """P(the first answer is right), 0 to 1; 0 where there is no answer."""
    found: bool
    """Whether the row's context is among the first 20 documents of the search."""
    seconds: float

    @property
    def shipped_score(self) -> TextScore:
        """The first answer where the engine stands by it, else the empty one."""
        return score_text(self.answers[0] if self.answerable and self.answers else "", self.row.golds)

    @property
    def forced_score(self) -> TextScore:
        """The first answer, whether or not the engine stands by it."""
        return score_text(self.answers[0] if self.answers else "", self.row.golds)

    @property
    def best_score(self) -> TextScore:
        """The answer that fits gold best."""
        scores = [score_text(answer, self.row.golds) for answer in self.answers]
        return max(scores, key=lambda score: (score.f1, score.em), default=score_text("", self.row.golds))


def evaluate_answers(
    rows: Sequence[Row],
    collection: Collection,
    *,
    baseline_reader: Reader | None = None,
    on_step: Step = unseen,
) -> dict[str, Any]:
    """The figures of asking `rows` of `collection`, which holds the contexts of the whole file (see `corpus.indexed`).

    With `baseline_reader` the report's `baselines` says what reading only the first passage of a lexical and of a dense
    search would give. For the other keys see `summarise_answers`.
    """
    report = summarise_answers(ask_all(rows, collection, on_step=on_step))
    if baseline_reader is not None:
        report["baselines"] = {
            mode: first_passage_baseline(rows, collection, baseline_reader, mode, on_step=on_step) for mode in BASELINES
        }
    return report


def ask_all(rows: Sequence[Row], collection: Collection, *, on_step: Step = unseen) -> list[AskOutcome]:
    """What the engine says to each row, three answers each."""
    outcomes = []
    for row in rows:
        started = time.perf_counter()
        result = collection.ask(row.question, top_k=TOP)
        seconds = time.perf_counter() - started
        ranking, _ = ranked_documents(collection, row.question, RECALL_DEPTH)
        outcomes.append(
            AskOutcome(
                row,
                answerable=result.answerable,
                answers=tuple(answer.text for answer in result.answers),
                probability=result.answers[0].probability if result.answers else 0.0,
                found=stored_id(context_id(row.context)) in ranking,
                seconds=seconds,
            )
        )
        on_step()
    return outcomes


def summarise_answers(outcomes: Sequence[AskOutcome]) -> dict[str, Any]:
    """The report: shares in percent, recall, ece and auroc 0 to 1, times of `ask` in milliseconds.

    - `n, em, f1, has_ans, no_ans`: as shipped; an abstention counts 0 where an answer exists, 100 where none does.
    - `forced`, `best_of_3`: `{n, em, f1}` of the answerable questions, for the first answer and the best of three.
    - `recall20`: answerable questions whose own context is among the first 20 documents of the search.
    - `abstained`: `{has_ans, no_ans}`, how often the engine said that nothing answers the question.
    - `confidence`: of the first answer to every question; to an unanswerable one it is wrong.
    - `p50_ms, p95_ms`.
    """
    answerable = [outcome for outcome in outcomes if outcome.row.answerable]
    unanswerable = [outcome for outcome in outcomes if not outcome.row.answerable]
    return {
        **aggregate([outcome.shipped_score for outcome in outcomes]),
        "forced": mean_text([outcome.forced_score for outcome in answerable]),
        f"best_of_{TOP}": mean_text([outcome.best_score for outcome in answerable]),
        f"recall{RECALL_DEPTH}": _share([outcome.found for outcome in answerable]),
        "abstained": {"has_ans": _silent(answerable), "no_ans": _silent(unanswerable)},
        "confidence": confidence(
            [outcome.probability for outcome in outcomes], [outcome.forced_score.right for outcome in outcomes]
        ),
        **milliseconds([outcome.seconds for outcome in outcomes]),
    }


def first_passage_baseline(
    rows: Sequence[Row], collection: Collection, reader: Reader, mode: Mode, *, on_step: Step = unseen
) -> dict[str, Any]:
    """`{n, em, f1, has_ans, no_ans, forced}` of `reader` on the first passage of a search in `mode` alone."""
    outcomes = []
    for row in rows:
        hits = collection.search(row.question, 1, mode=mode, merge=False)
        outcomes.append(read_passage(row, hits[0].text, reader) if len(hits) else ReadOutcome(row, "", "", "", 0.0))
        on_step()
    report = summarise_reading(outcomes)
    del report["confidence"]
    return report


def _silent(outcomes: Sequence[AskOutcome]) -> float | None:
    share = _share([not outcome.answerable or not outcome.answers for outcome in outcomes])
    return None if share is None else 100 * share


def _share(flags: Sequence[bool]) -> float | None:
    return sum(flags) / len(flags) if flags else None
