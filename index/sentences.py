"""Where sentences end: contiguous spans that cover a text without a gap.

Rules, no model: deterministic, linear, and good enough that no passage starts inside `Feb. 20` or `U.S. officials`.
When in doubt there is no boundary, since a passage that is a little long is harmless and a cut sentence is not.
"""

from __future__ import annotations

import re

# A word that ends in a full stop without ending the sentence, whatever follows.
_TITLES = frozenset(
    "mr|mrs|ms|mx|dr|prof|rev|hon|fr|st|mt|ft|gen|col|lt|capt|cmdr|sgt|maj|adm|sen|rep|gov|pres|messrs|mme|mlle"
    "|vs|cf|viz|approx|e.g|i.e".split("|")
)
# ... only when a number follows.
_BEFORE_NUMBERS = frozenset(
    "jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|no|nos|fig|figs|vol|vols|p|pp|ch|sec|art|eq|par|ca|c|est".split(
        "|"
    )
)
_TERMINATOR = re.compile(
    r"(?P<break>\r?\n[ \t]*(?:\r?\n[ \t]*)+|\f+)"  # a blank line or a form feed
    r"|(?P<line>\r?\n)(?=[ \t]{0,8}(?:\#{1,6}[ \t]|[-*+•][ \t]|\d{1,3}[.)][ \t]|\|))"  # heading, list item, table row
    r"|(?<![.!?…])(?P<stop>[.!?…]++)[\"'”’»)\]]{0,4}(?P<gap>\s{1,20})(?=\S)"
    r"|(?P<wide>[。！？｡]+[”’」』）]{0,4})"
)
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")  # U.S, J.R.R, A
_OPENERS = "\"'“‘«([¿¡*[#"
_LOOK_BACK = 24  # no abbreviation is longer


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Spans `(start, end)` in code points, in order; the first starts at 0, each starts where the last ended."""
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _TERMINATOR.finditer(text):
        if match["stop"] and not _ends_paragraph(match["gap"]) and not _ends_sentence(text, match):
            continue
        if match.end() > start:
            spans.append((start, match.end()))
            start = match.end()
    if start < len(text):
        spans.append((start, len(text)))
    return spans


def _ends_paragraph(gap: str) -> bool:
    return gap.count("\n") > 1 or "\f" in gap


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    following = text[match.end()]
    if following in _OPENERS and match.end() + 1 < len(text):
        following = text[match.end() + 1]
    if following.islower():
        return False
    if match["stop"] != ".":
        return True
    before = text[max(0, match.start() - _LOOK_BACK) : match.start()]
    words = before.split()
    word = words[-1].lstrip("\"'“‘«([*") if words and not before[-1].isspace() else ""
    lowered = word.lower()
    if lowered in _TITLES or (lowered in _BEFORE_NUMBERS and following.isdigit()):
        return False
    if _INITIALS.fullmatch(word) and (len(word) > 1 or word.isupper()):
        return False  # J. Smith, U.S. officials
    return not (word.isdigit() and _starts_line(text, match.start() - len(word)))  # "1. First item"


def _starts_line(text: str, position: int) -> bool:
    before = text[max(0, position - _LOOK_BACK) : position].rstrip(" \t")  # bounded: a line may be a whole book
    return not before or before[-1] in "\r\n"
