"""What kind of answer a question asks for, told by its words: in sentences, in keywords, in capitals."""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["who", "when", "where", "how_many", "how_long", "why", "how", "yes_no", "definition", "other"]

_WORDS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_AUXILIARIES = frozenset(
    "is are was were am be do does did has have had can could will would shall should may might must "
    "isn't aren't wasn't weren't don't doesn't didn't hasn't haven't hadn't can't couldn't won't wouldn't".split()
)
_WHICH = r"\b(?:what|which) (?:\w+ )?"
_PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("how_many", re.compile(r"\bhow (?:many|much)\b|\b(?:number|amount|percentage|population|price|cost) of\b")),
    ("how_long", re.compile(r"\bhow (?:long|old|far|tall|high|deep|big|large|fast|often|soon|late|early)\b")),
    (
        "why",
        re.compile(r"\bwhy\b|\bwhat (?:was |is )?(?:the )?(?:reason|cause[sd]?)\b|\bwhat reason\b|\bhow come\b"),
    ),
    ("when", re.compile(rf"\bwhen\b|{_WHICH}(?:year|date|day|month|century|time|decade)\b|\bdate\b")),
    ("where", re.compile(rf"\bwhere\b|{_WHICH}(?:city|country|place|town|state|continent|location)\b")),
    ("who", re.compile(rf"\bwho(?:m|se)?(?:'s)?\b|{_WHICH}(?:person|man|woman|president|king|author)\b")),
    ("definition", re.compile(r"\bwhat (?:is|are) (?:an?|the) \w+\??$|\bwhat does .* mean\b|\bdefin(?:e|ition)\b")),
    ("how", re.compile(r"\bhow\b")),
)


def question_kind(question: str) -> Kind:
    """The kind of `question`; case and a missing question mark make no difference."""
    words = _WORDS.findall(question.casefold().replace("’", "'"))
    text = " ".join(words)
    if words and words[0] in _AUXILIARIES and not any(word in _CHOICE for word in words[1:]):
        return "yes_no"
    return next((kind for kind, pattern in _PATTERNS if pattern.search(text)), "other")


_CHOICE = frozenset(("who", "when", "where", "why", "how", "which", "what"))
"""`Do you know who …` asks for a person."""
