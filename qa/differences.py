"""Questions for a difference (“How much dearer is the Oak plan than the Fern plan?”): nothing is computed here, so the
answer has to be said. Without this the reading model answers with one of the two figures, and is sure of it."""

from __future__ import annotations

import re
from dataclasses import replace

from ..index.sentences import sentence_spans
from .reading import Reading

_MORE = (
    r"(?:more|less|fewer|cheaper|dearer|costlier|higher|lower|larger|bigger|greater|smaller|longer|shorter|wider|taller"
    r"|older|younger|newer|faster|slower|quicker|heavier|lighter|warmer|colder|hotter|better|worse)"
)
_ASKED = re.compile(
    rf"\bhow (?:much|many) (?:\w+ ){{0,2}}?{_MORE}\b(?! than [\d$€£])[^?]*\bthan\b"
    rf"|\bhow much {_MORE}(?: \w+)? (?:is|are|was|were)\b"
    r"|\bdifferences? in (?:\w+ ){1,3}between\b|\b(?:price|cost|age|size|height|weight) difference\b"
    r"|\bhow much (?:did|has|have|does|do)\b[^?]*\b(?:go up|gone up|go down|gone down|rise|risen|increased?|grown?|fall"
    r"|fallen|drop|dropped|decreased?)\b",
    re.IGNORECASE,
)
_SAID = re.compile(
    rf"\b(?:{_MORE}|than|differ\w*|by|extra|additional|another|up|down|ris(?:e[sn]?|ing)|rose|increas\w+|grew|grow\w*"
    r"|gain\w*|fall\w*|fell|drop\w*|decreas\w+|decline\w*|reduc\w+|lost|twice|doubl\w+|tripl\w+|times|exceed\w*"
    r"|outnumber\w*|gap|margin|lead)\b",
    re.IGNORECASE,
)
_NOT_SAID = 12.0
"""Logits between one of the figures that are compared and an answer."""


def asks_for_difference(question: str) -> bool:
    """Whether `question` asks how far two figures are apart."""
    return _ASKED.search(question) is not None


def prefer_said(question: str, text: str, reading: Reading) -> Reading:
    """`reading` of the passage `text`; asked for a difference, what stands in a sentence or a row without a word that
    compares is no answer."""
    if not reading.candidates or not asks_for_difference(question):
        return reading
    said = [span for span in sentence_spans(text) if _SAID.search(text, *span)]
    candidates = [
        one if any(start <= one.start < end for start, end in said) else replace(one, score=one.score - _NOT_SAID)
        for one in reading.candidates
    ]
    return replace(reading, candidates=tuple(sorted(candidates, key=lambda one: -one.score)))
