"""What a probability is made of: one number per sign, for an answer in its ranking."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from .contacts import is_contact
from .deciding import Decided
from .question_kinds import question_kind

Features = Mapping[str, float]

_NO_RIVAL = -10.0
"""Score, above the threshold, of the rival an answer without one is compared with."""
_OPEN_KINDS = frozenset(("why", "how", "definition"))


def features(question: str, ranking: Sequence[Decided], place: int, threshold: float) -> Features:
    """The signs of the answer at `place` (from 0) of `ranking`; none is unbounded.

    - `margin`: its span score above the reader's threshold; `sure`: the same, beyond which more says little.
    - `gap`: how much better its span is than the best other one; negative where a better span stands lower, its passage
      being less relevant or further back, and for most lower answers.
    - `null`, `relevance`: the null score and the relevance of its passage, logits.
    - `rank`: log of its passage's place among those retrieved. BM25 grows with the size of the collection, the fused
      score is relative to the question's other hits, the cosine got the wrong sign, and none adds to what is here.
    - `agreement`: log of the number of places that say the same. `length`: log of its words.
    - `open`: 1 for questions that ask why or how or for a definition. One for a yes or a no was fitted on too few and
      was worth nothing when cross-validated.
    - `contact`: 1 where an address or a telephone number was asked for and the answer is one: the reader knows little
      of those (`contacts`).
    """
    one = ranking[place]
    others = [other.score - threshold for number, other in enumerate(ranking) if number != place]
    margin = _bounded(one.score - threshold, 15.0)
    kind = question_kind(question)
    return {
        "margin": margin,
        "sure": math.tanh(margin / 3.0),
        "gap": _bounded(margin - max([*others, _NO_RIVAL]), 10.0),
        "null": _bounded(one.reading.null_score, 20.0),
        "relevance": _bounded(one.reading.relevance, 12.0),
        "rank": math.log1p(one.rank),
        "agreement": math.log1p(len(one.support)),
        "length": math.log1p(min(len(one.text.split()), 30)),
        "open": float(kind in _OPEN_KINDS),
        "contact": float(is_contact(question, one.text)),
    }


def _bounded(value: float, most: float) -> float:
    return max(-most, min(most, value))
