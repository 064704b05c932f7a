"""Where an answer's words begin and end: whole addresses, figures and lists, brackets and quotes in pairs."""

from __future__ import annotations

import re

from ..index.words import plain_words
from .blocks import one_cell, whole_commands
from .contacts import asks_contact
from .question_kinds import question_kind

_WHOLE = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # e-mail address
    r"|(?:https?://|www\.)[^\s<>()\[\]\"“”]+"
    r"|(?:[A-Za-z0-9-]+\.)+(?:com|org|net|edu|gov|int|info|io|[a-z]{2})\b(?:/[\w./-]*)?"  # host, as in example.org
    r"|(?:[A-Z]{0,2}[$€£])?\d+(?:[.,:]\d+)+%?"  # 130,000 and 1.5 and 10:30 and US$61.3
    r"|[A-Z]{0,2}[$€£]\d+%?|\d+%"
    r"|\(?\+\d[\d ()/-]{5,}\d"  # telephone number
    r"|(?<![^\s(\[\"'`*,|/])(?:--[a-z][\w-]*|-[A-Za-z]{1,2}(?!\w))"  # option
    r"|(?<![^ \t(\[\"'`*,|/])[-−]\d+(?:[.,]\d+)*%?"  # number below zero
    r"|(?<![^\s(\[\"'`*,|:])(?:~|\$\w+)?(?:/[\w.+-]+)+/?"  # path of a file
    r"|\b[A-Za-z]\+\+|\b[CF]\#"  # C++ and C#
    r"|(?<!\w)\d{2,8}#(?![\w#])|(?<![\w#*])[*#]\d[\d*#]{0,30}#(?![\w#*])"  # what is typed on a keypad: 4471#, *100#
)
_INITIALS = re.compile(r"(?<!\w)(?:[^\W\d_]\.)+[^\W\d_]$")
_EDGE = " \t\r\n,;:—–-*_#|`"
_EMPHASIS = re.compile(  # what Markdown sets off: **bold**, `code`, ~~struck~~, *slanted*; at most 300 characters of it
    r"(?P<mark>\*{2,3}|~~|`{1,2}|(?<![\w*])\*(?!\*)|(?<!\w)__?(?!_))(?=\S)"
    r"(?P<inner>(?:[^\n]|\n(?=\S)){1,300}?)(?<=\S)(?P=mark)"
)
_PAIRS = {"(": ")", "[": "]", "{": "}", "“": "”", "«": "»", "„": "“"}
_LINK_LABEL = re.compile(r"\[[^\[\]\n]{1,2000}(?=\]\([^()\s]{0,2000}\))")
_RELATIVE = re.compile(r"\b(?:last|next|this) $", re.IGNORECASE)
_PART_OF_TIME = re.compile(
    r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|week|weekend|month|year|spring|summer|autumn|fall|winter)\b"
    r"|(?:January|February|March|April|May|June|July|August|September|October|November|December)\b(?! \d)"
)
_FIGURE = re.compile(
    r"\d$|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred)$",
    re.I,
)
_UNIT = re.compile(
    r"[ \u00a0]?(?:%|percent|per cent|hundred|thousand|million|billion|trillion|[kcm]?m[²³]?|[km]?g|ft|feet|foot"
    r"|inch(?:es)?|yards?|miles?|acres?|hectares?|(?:square |cubic )?(?:kilo|centi|milli)?met(?:er|re)s?"
    r"|square (?:miles|feet)|tons?|tonnes?|pounds|lbs?|(?:kilo)?grams?|lit(?:er|re)s?|gallons?|degrees?|°[CF]?|mph|km/h"
    r"|[kMG]?Hz|volts?|[kMG]?W|watts?|[kMGT]B|years?|months?|weeks?|(?:working |business )?days?|hours?|minutes?"
    r"|seconds?|centur(?:y|ies)|dollars|euros?|[€£]|EUR|USD|GBP|CHF|a\.m\.|p\.m\."
    r"|out of (?:every )?(?:\d+|two|three|four|five|six|seven|eight|nine|ten|twenty|hundred))(?![\w/²³-])"
)
_NUMBERS = {word: value for value, word in enumerate("two three four five six seven eight nine ten".split(), start=2)}
_ASKED_NUMBER = re.compile(
    rf"\b(?:(?:what|which|who) (?:are |were )?|(?:name|list|give) )(?:the )?({'|'.join(_NUMBERS)}|[2-9]|10)\b",
    re.I,
)
_BETWEEN_ITEMS = re.compile(r",? (?:and|or|as well as) |[,;] ")
_NEXT_ITEM = re.compile(r"(?:,? (?:and|or|as well as) |[,;] (?:and |or )?)[^.,;:\n]{1,120}?(?=[,;.:\n]| (?:and|or) |$)")
_CLAUSE_EDGE = re.compile(
    r"[.!?][\"”)\]]*\s+(?=[\"“(\[]?[A-Z])|[,;:—–]\s+|\n|\bbut\s+|[.!?][\"”)\]]*$|\[\d+\]\s*|\s*\|\s*"  # or a cell
)
_LONGEST_CLAUSE = 300
_ENTRY = re.compile(r"[ \t]*(?:[-*•] )?(?P<label>[^\n:|]{1,60}):[ \t]+")


def complete(question: str, text: str, start: int, end: int) -> tuple[int, int]:
    """`[start, end)` of `text`, tidy, with what belongs to it beside it: the unit of a figure where the question does
    not name it, `last` before `Monday`, the rest of a list where the question says how many there are. For a
    yes or a no it is the clause that decides it, with who does what and any “not”."""
    start, end = tidy(text, start, end)
    if (cell := one_cell(question, text, start, end)) != (start, end):
        start, end = tidy(text, *cell)
    start, end = whole_commands(question, text, start, end)
    if (entry := _one_entry(question, text, start, end)) != (start, end):
        start, end = tidy(text, *entry)
    if _PART_OF_TIME.match(text, start) and (found := _RELATIVE.search(text, max(0, start - 5), start)):
        start = found.start()
    if (unit := _UNIT.match(text, end)) and _FIGURE.search(text, start, end) and not _names(question, unit[0]):
        end = unit.end()
    if (asked := _ASKED_NUMBER.search(question)) and _BETWEEN_ITEMS.search(text, start, end):
        wanted = _NUMBERS.get(asked[1].lower()) or int(asked[1])
        while len(_BETWEEN_ITEMS.split(text[start:end])) < wanted and (item := _NEXT_ITEM.match(text, end)):
            end = item.end()
        start, end = tidy(text, start, end)
    if question_kind(question) == "yes_no" and " or " not in question and not asks_contact(question):
        start, end = tidy(text, *_clause(text, start, end))
    return start, end


def _clause(text: str, start: int, end: int) -> tuple[int, int]:
    """The clause, or clauses, that `[start, end)` lies in, without the stop; the span as it is when that is long."""
    stop = start + len(text[start:end].rstrip(".!?"))
    before, behind = max(0, start - _LONGEST_CLAUSE), min(len(text), stop + _LONGEST_CLAUSE)
    # An edge looks at the letter behind it, so the search goes one further than the edge may.
    edges = (edge.end() for edge in _CLAUSE_EDGE.finditer(text, before, start + 1))
    first = max((place for place in edges if place <= start), default=before)
    edge = _CLAUSE_EDGE.search(text, stop, behind)
    last = first + len(text[first : edge.start() if edge else behind].rstrip(".!?"))
    return (first, last) if start < last <= first + _LONGEST_CLAUSE else (start, end)


def _one_entry(question: str, text: str, start: int, end: int) -> tuple[int, int]:
    """`[start, end)`, or where it runs from the line that `question` names (`Nurse: ext. 31`) on into the next one with
    a name of its own (`Caretaker: …`) only what stands in the first."""
    stop = text.find("\n", start, end)
    entry = _ENTRY.match(text, text.rfind("\n", 0, start) + 1, start) if stop > 0 else None
    following = _ENTRY.match(text, stop + 1) if entry else None
    if not entry or not following:
        return start, end
    asked = set(plain_words(question))
    named, other = (asked & set(plain_words(one["label"])) for one in (entry, following))
    return (start, stop) if named - other and not other - named else (start, end)


def _names(question: str, unit: str) -> bool:
    """Whether `question` names `unit`: as a whole word, not as `m` or `ft`."""
    stem = unit.strip().lower().replace("per cent", "percent")[:5]
    return stem[0].isalpha() and len(stem) > 2 and stem in question.lower()


def tidy(text: str, start: int, end: int) -> tuple[int, int]:
    """`[start, end)` of `text` widened to whole addresses, telephone numbers and figures, and narrowed by punctuation
    that hangs over and by brackets and quotes without their partner, which is taken along where it stands beside the
    span. Of a link only the label is left where the span holds words before it. In code points; never empty for a span
    with a letter or digit in it."""
    start, end = _whole(text, start, end)
    for label in _LINK_LABEL.finditer(text, max(0, start - 80), min(len(text), end + 80)):
        # The span begins before the label, does not leave it, and holds some of its words.
        if start < label.start() and end <= label.end() and any(map(str.isalnum, text[label.start() + 1 : end])):
            start = label.start() + 1
    while True:
        before = (start, end)
        while start < end and text[start] in _EDGE:
            start += 1
        while start < end and text[end - 1] in _EDGE:
            end -= 1
        start, end = _with_partner(text, start, end)
        words = text[start:end]
        for opening, closing in _PAIRS.items():
            if words.startswith(opening) and closing not in words:
                start += 1
            elif words.endswith(closing) and opening not in words:
                end -= 1
        if text[start:end].count('"') == 1:
            start += text[start:end].startswith('"')
            end -= text[start:end].endswith('"')
        if text.endswith(("(", "[", "{", "“"), start, end):  # what the lines above have left of it
            end -= 1
        if (start, end) == before or start >= end:
            break
    if start >= end:
        return before
    if text.startswith(".", end) and _INITIALS.search(text, start, end):
        end += 1  # the dot of 9 a.m. and of the U.S.
    return _whole(text, *_with_marks(text, start, end))


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    for found in _WHOLE.finditer(text, max(0, start - 80), min(len(text), end + 80)):
        if found.start() < end and found.end() > start:
            stop = found.end() - (len(found[0]) - len(found[0].rstrip(".,")))
            start, end = min(start, found.start()), max(end, stop)
    return start, end


def _with_marks(text: str, start: int, end: int) -> tuple[int, int]:
    """The span with both marks of what Markdown sets off or with none: `12 euros** a day` takes in the stars before."""
    if not any(mark in text[max(0, start - 1) : end + 1] for mark in "*`~_"):
        return start, end
    for found in _EMPHASIS.finditer(text):
        first, last = found.span("inner")
        if start == first and found.end() < end:
            start = found.start()
        elif end == last and start < found.start():
            end = found.end()
        elif found.start() == start and found.end() == end:
            start, end = first, last
    return start, end


def _with_partner(text: str, start: int, end: int) -> tuple[int, int]:
    """The span with the mark beside it that closes or opens what stands in the middle of it: `FIFA (football` takes in
    the bracket behind it, `a ] [-S` of `[-a ] [-S]` both of its own."""
    words, before, behind = text[start:end], text[max(0, start - 4) : start].rstrip("-*`"), text[end : end + 1]
    for opening, closing in (*_PAIRS.items(), ('"', '"')):
        unclosed, unopened = _unpaired(words, opening, closing)
        at_edge = words.startswith(opening) and not _unpaired(words[1:], opening, closing)[1]
        if unclosed and behind == closing and not at_edge:
            return start, end + 1
        at_edge = words.endswith(closing) and not _unpaired(words[:-1], opening, closing)[0]
        if unopened and before.endswith(opening) and not at_edge:
            return text.rindex(opening, 0, start), end
    return start, end


def _unpaired(words: str, opening: str, closing: str) -> tuple[int, int]:
    """How many of the marks in `words` open what nothing in it closes, and close what nothing opens."""
    if opening == closing:
        return words.count(opening) % 2, words.count(opening) % 2
    unclosed = unopened = 0
    for mark in words:
        if mark == opening:
            unclosed += 1
        elif mark == closing and unclosed:
            unclosed -= 1
        elif mark == closing:
            unopened += 1
    return unclosed, unopened
