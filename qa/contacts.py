"""Questions for an e-mail address, a web address or a telephone number are answered with one.

The reading model finds the place well and the words badly: addresses are rare in what it learned from, and so
its "no answer here" means little. Where a passage holds an address of the kind that is asked for, the address takes the
score of the passage's best span, or a doubtful one if that is lower, unless there are several and the model points at
none; nothing of another kind can be the answer.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

from .reading import Candidate, Reading

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_WEB = re.compile(
    r"(?:https?://|www\.)[^\s<>()\[\]\"“”]+|(?<![\w@.-])(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov|int|info|io|[a-z]{2})\b(?!@)"
)
_TELEPHONE = re.compile(r"\(?\+?\d[\d ()/.-]{6,}\d")
_ASKED = (
    (re.compile(r"\be-?mail\b", re.I), _EMAIL),
    (re.compile(r"\b(?:web ?site|web ?page|web address|home ?page|url)\b", re.I), _WEB),
    (re.compile(r"\b(?:tele)?phone(?: number)?\b|\bfax(?: number)?\b|\bhotline\b", re.I), _TELEPHONE),
)
_WEAKER = 6.0
"""Logits taken from spans of another kind."""
_DOUBTFUL = 2.0
"""Score that an address of the right kind has at least."""


def prefer_contacts(question: str, text: str, reading: Reading) -> Reading:
    """`reading` of the passage `text`, with the contact details that `question` asks for in front."""
    pattern = _pattern(question)
    if pattern is None or not reading.candidates:
        return reading
    places = [found.span() for found in pattern.finditer(text)]

    def overlaps(one: Candidate, place: tuple[int, int]) -> bool:
        return one.start < place[1] and place[0] < one.end

    # What the model points at comes first, then what stands nearest to its best span.
    best = reading.candidates[0]
    pointed = {
        place: one.score
        for one in reversed(reading.candidates)  # the best of a place comes last
        for place in places
        if overlaps(one, place) and one.score > best.score - _WEAKER
    }
    order = sorted(places, key=lambda place: (-pointed.get(place, -math.inf), abs(place[0] - best.start), place))
    # Which of several it is, when the model points at none of them, would be a guess.
    least = _DOUBTFUL if pointed or len(places) == 1 else -math.inf
    found = [Candidate(*place, max(best.score, least) - 0.5 * rank) for rank, place in enumerate(order)]
    others = [
        replace(one, score=one.score - _WEAKER)
        for one in reading.candidates
        if not any(overlaps(one, place) for place in places)
    ]
    return replace(reading, candidates=tuple(sorted((*found, *others), key=lambda one: -one.score)))


def asks_contact(question: str) -> bool:
    """Whether `question` asks for contact details."""
    return _pattern(question) is not None


def is_contact(question: str, answer: str) -> bool:
    """Whether `question` asks for contact details and `answer` is such."""
    pattern = _pattern(question)
    return pattern is not None and pattern.search(answer) is not None


def _pattern(question: str) -> re.Pattern[str] | None:
    return next((pattern for asked, pattern in _ASKED if asked.search(question)), None)
