"""Wrong passages: the ones of the same article, and the ones that a search over everything returns."""

from __future__ import annotations

import dataclasses

import bm25s
import numpy as np
import numpy.typing as npt

from .config import Config
from .sources import ANSWERABLE, RETRIEVED, SAME_ARTICLE, Row, same_question


@dataclasses.dataclass(frozen=True)
class _Contexts:
    """All contexts, the same in lower case, and for each question the contexts that answer it."""

    texts: list[str]
    lowered: list[str]
    answering: dict[str, set[str]]

    def wrong(self, order: npt.NDArray[np.int64], row: Row) -> list[str]:
        """Of the context numbers in `order`, those that neither hold nor otherwise give an answer to the row."""
        answers = [text.lower() for text in row.texts]
        right = self.answering[same_question(row.question)]
        return [
            self.texts[i]
            for i in order
            if self.texts[i] not in right and not any(answer in self.lowered[i] for answer in answers)
        ]


def wrong_passages(rows: list[Row], config: Config) -> list[Row]:
    """Rows with a wrong passage, for shares of the answerable rows drawn from the seed.

    Same article: the BM25-best paragraph of the group without any gold answer text. Retrieved: one of the best
    `retrieved_depth` contexts of all of them without it. Only contexts of `rows` are ever used.
    """
    contexts = sorted({row.context for row in rows})
    answering: dict[str, set[str]] = {}
    for row in rows:
        if row.kind == ANSWERABLE:
            answering.setdefault(same_question(row.question), set()).add(row.context)
    known_contexts = _Contexts(contexts, [context.lower() for context in contexts], answering)
    group_of = {row.context: row.group for row in rows}
    members: dict[str, list[int]] = {}
    for number, context in enumerate(contexts):
        members.setdefault(group_of[context], []).append(number)
    index = bm25s.BM25()
    index.index(bm25s.tokenize(contexts, stopwords="en", show_progress=False), show_progress=False)
    rng = np.random.default_rng([config.seed, 3])
    made: list[Row] = []
    for row in rows:
        if row.kind != ANSWERABLE:
            continue
        same, retrieved = rng.random(2) < (config.data.same_article_share, config.data.retrieved_share)
        pick = int(rng.integers(config.data.retrieved_depth))
        if not (same or retrieved):
            continue
        words = bm25s.tokenize([row.question], stopwords="en", return_ids=False, show_progress=False)[0]
        known = [word for word in words if word in index.vocab_dict]
        if not known:
            continue
        scores = index.get_scores(known)
        if same:
            inside = np.asarray(members[row.group])
            best = known_contexts.wrong(inside[np.argsort(-scores[inside], kind="stable")][:20], row)
            if best:
                made.append(dataclasses.replace(row, context=best[0], kind=SAME_ARTICLE, span=None))
        if retrieved:
            top = np.argpartition(-scores, min(50, scores.size - 1))[:50]
            best = known_contexts.wrong(top[np.argsort(-scores[top], kind="stable")], row)
            if best:
                found = best[min(pick, len(best) - 1)]
                made.append(dataclasses.replace(row, context=found, kind=RETRIEVED, span=None))
    return made
