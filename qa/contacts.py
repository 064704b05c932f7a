"""Questions for an e-mail address, a web address or a telephone number are answered with one.

The reading model finds the place well and the words badly: addresses are rare in what it learned from, and so
its "no answer here" means little. Where a passage holds an address of the kind that is asked for, the address takes the
score of the passage's best span, or a doubtful one if that is lower, unless there are several and the model points at
none; nothing of another kind can be the answer. A number behind the word "fax" is no telephone number, and no other is
a fax number; an extension (`-31`, `ext. 31`) is a telephone number, and what it is dialled behind is none.
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
_TELEPHONE = re.compile(
    r"\(?\+?\d[\d ()/.-]{6,}\d|(?<![\w.,-])-\d{2,5}(?![\w-]|[.,]\d| ?[%°])|\bext(?:ension|\.)? ?\d{1,5}\b", re.I
)
_FAX = re.compile(r"\b(?:tele)?fax(?:es)?\b", re.I)
_VOICE = re.compile(r"\b(?:tel|(?:tele)?phone|mobile)\b", re.I)
_THEN_EXTENSION = re.compile(r",? (?:and )?(?:then|plus|followed by) (?:the |your |an )?ext", re.I)
_LABEL = 40
"""Characters before a number in which it is called a fax or a telephone number."""
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
    if pattern is _TELEPHONE:
        places = [place for place in places if _may_be_called(question, text, *place)]

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


def _may_be_called(question: str, text: str, start: int, end: int) -> bool:
    """Whether the number `[start, end)` of `text` is a fax number where `question` asks for one, and none where not."""
    if _THEN_EXTENSION.match(text, end):
        return False
    line = text.rfind("\n", 0, start) + 1
    label = re.split(r"\d{4}", text[max(line, start - _LABEL) : start])[-1]  # behind the number before
    fax, voice = _FAX.search(label), _VOICE.search(label)
    if not _FAX.search(question):
        return fax is None or voice is not None
    in_table = "|" in text[line : (text + "\n").index("\n", start)]
    return fax is not None or (voice is None and in_table and _FAX.search(text) is not None)


def asks_contact(question: str) -> bool:
    """Whether `question` asks for contact details."""
    return _pattern(question) is not None


def is_contact(question: str, answer: str) -> bool:
    """Whether `question` asks for contact details and `answer` is such."""
    pattern = _pattern(question)
    return pattern is not None and pattern.search(answer) is not None


def _pattern(question: str) -> re.Pattern[str] | None:
    return next((pattern for asked, pattern in _ASKED if asked.search(question)), None)
