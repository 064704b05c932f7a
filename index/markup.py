"""What the models see: a copy of the text, of the same length, with Markdown marks and drawn lines blanked.

Spans always index the original; since nothing moves, an offset in the copy is an offset in the original.
"""

from __future__ import annotations

import re

# Each group is blanked; what lies between groups stays. Bounded repeats keep hostile text linear.
_MARKS = re.compile(
    r"(!?\[)[^\[\]\n]{1,2000}(\]\([^()\s]{0,2000}\))"  # [label](target), ![alt](target)
    r"|^[ \t]{0,3}(\#{1,6})(?=[ \t])"  # heading marks
    r"|^[ \t]{0,3}((?:>[ \t]?){1,8})"  # block quotes
    r"|^[ \t]*+((?P<drawn>[-=~^\"'`#*+.:_])(?P=drawn){3,}+|\+(?:[-=]++\+)++|[-=]++(?: ++[-=]++)++)(?=[ \t]*+\r?$)"
    r"|(\*\*|__(?!\w)|(?<!\w)__|~~|`{1,3})",  # bold, strikethrough, code marks
    re.MULTILINE,
)
_GROUPS = [group for group in range(1, _MARKS.groups + 1) if group != _MARKS.groupindex["drawn"]]


def blank_markup(text: str) -> str:
    """`text` with link targets, emphasis, heading and quote marks, and lines drawn below headings and around rows,
    replaced by spaces, character for character."""
    return _with_marks_as(" ", text)


def strip_markup(text: str) -> str:
    """`text` without what `blank_markup` blanks: shorter, for people to read."""
    return _with_marks_as("", _with_marks_as("", text))  # the label of a link may hold marks


def _with_marks_as(filler: str, text: str) -> str:
    pieces: list[str] = []
    position = 0
    for match in _MARKS.finditer(text):
        for group in _GROUPS:
            start, end = match.span(group)
            if start >= 0:
                pieces.append(text[position:start])
                pieces.append(filler * (end - start))
                position = end
    pieces.append(text[position:])
    return "".join(pieces)
