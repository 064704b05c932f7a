"""Where an answer's words begin and end: whole addresses and figures, no stray brackets, quotes or commas."""

from __future__ import annotations

import re

_WHOLE = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # e-mail address
    r"|(?:https?://|www\.)[^\s<>()\[\]\"“”]+"
    r"|(?:[A-Za-z0-9-]+\.)+(?:com|org|net|edu|gov|int|info|io|[a-z]{2})\b(?:/[\w./-]*)?"  # host, as in example.org
    r"|[$€£]?\d+(?:[.,:]\d+)+%?"  # 130,000 and 1.5 and 10:30
    r"|[$€£]\d+%?|\d+%"
    r"|\(?\+\d[\d ()/-]{5,}\d"  # telephone number
)
_EDGE = " \t\r\n,;:—–-*_#|"
_PAIRS = {"(": ")", "[": "]", "{": "}", "“": "”", "«": "»", "„": "“"}


def tidy(text: str, start: int, end: int) -> tuple[int, int]:
    """`[start, end)` of `text` widened to whole addresses, telephone numbers and figures, and narrowed by punctuation
    that hangs over and by brackets and quotes without their partner. In code points; never empty for a span with a
    letter or digit in it."""
    for found in _WHOLE.finditer(text, max(0, start - 80), min(len(text), end + 80)):
        if found.start() < end and found.end() > start:
            stop = found.end() - (len(found[0]) - len(found[0].rstrip(".,")))
            start, end = min(start, found.start()), max(end, stop)
    while True:
        before = (start, end)
        while start < end and text[start] in _EDGE:
            start += 1
        while start < end and text[end - 1] in _EDGE:
            end -= 1
        words = text[start:end]
        for opening, closing in _PAIRS.items():
            if words.startswith(opening) and closing not in words:
                start += 1
            elif words.endswith(closing) and opening not in words:
                end -= 1
        if text[start:end].count('"') == 1:
            start += text[start:end].startswith('"')
            end -= text[start:end].endswith('"')
        if words.endswith(("(", "[", "{", "“")):
            end -= 1
        if (start, end) == before or start >= end:
            break
    return (start, end) if start < end else before
