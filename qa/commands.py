"""Asked how to do something, a command is the answer that is introduced by the words of the question; asked for an
option, the one whose description holds them; asked what an option does, its description.

The reading model learned from sentences: it finds commands, and scores them far too low to be shown. So where a line of
code, or code within a sentence, stands below words that hold all the question is about (its own words, what leads to
it, the headings above), it takes the score of the passage's best span, or a fair one if that is lower. One word that is
missing (“uninstall”, “with Bazel”) and everything stays as the model has it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from ..index.sentences import sentence_spans
from .blocks import asks_for_command, code_spans
from .reading import Candidate, Reading
from .terms import described_terms

_WORD = re.compile(r"[^\W_]{2,}")
_COMPOUND = re.compile(r"[^\W_]+(?:-[^\W_]+)+")
_SMALL = frozenset(
    "an and any are be by can could do does for from have how if in into is it its let make me my of on or our own "
    "run see should so some tell that the them there this to use using want was way we what when which will with "
    "would you your makes lets work works give gives take takes mean means meaning purpose execute executing running "
    "command commands flag flags option options switch".split()
)
_TERM = re.compile(
    r"(?:(?P<option>(?:command[- ]line )?(?:option|flag|switch|argument)s?)|(?P<setting>(?:parameter|setting|key)s?)"
    r"|(?P<variable>(?:environment )?variables?)|(?P<status>(?:exit|return) (?:code|status|value)s?))\b",
    re.IGNORECASE,
)
_TERM_ASKED = re.compile(rf"\b(?:which|what)\b(?: [^\s?]+){{0,4}}? {_TERM.pattern}", re.IGNORECASE)
_KINDS: dict[str, tuple[str, ...]] = {
    "option": ("option",),
    "setting": ("option", "setting", "variable"),
    "variable": ("variable",),
    "status": ("status",),
}
_NAMED = re.compile(
    r"(?:exit|return) (?:code|status|value) \d{1,3}\b|(?<![^\s`'\"“(])--?[A-Za-z0-9][\w-]*"
    r"|\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b|`[^`\s]+`"
)
_MEANING = re.compile(
    r"\bwhat (?:does|do)\b.{0,200}\b(?:do|mean|stand for)\b|\b(?:meaning|purpose)\b|\bwhat is\b.{0,200}\bfor\b",
    re.IGNORECASE,
)
_ENDING = re.compile(r"(?<=\w\w\w)(?:ation|ing|ed|es|(?<!s)s|e)$")
_DOUBLED = re.compile(r"([^ls\W])\1$")
_INLINE = re.compile(r"(?P<mark>`{1,2})(?P<code>[^`\n]{1,200})(?P=mark)(?P<link>_?)")  # those of reST end in `_
_LIKE_COMMAND = re.compile(r"-|[^ ]+[ =]")
_BELOW = re.compile(  # what leads to it, and a line that begins like a command and does not end like a sentence
    r":[ \t]*\n(?:[ \t]*(?:::)?[ \t]*\n){0,3}(?P<code>[ \t]*[a-z./~][\w./-]*(?: [^ \n]+)+(?<![.:;,]))[ \t]*(?=\n|\Z)"
)
_PROMPT = re.compile(r"[ \t]*[$>%] ")
_COMMENT = re.compile(r"[ \t]*(?:#|//)[ \t]")
_LONGEST_LEAD, _LONGEST_CODE = 300, 300
_BROKEN = re.compile(r"[‐\u00ad]\n\s*")  # a word at the end of a line, as in manual pages
_ALTERNATIVES = re.compile(r"[\s,|/`*=\[<(]+")
_OPPOSITE = re.compile(
    r"(?:do not|don['’]t|does not|never|disables?|prevents?|stops?|suppress(?:es)?|skips?|ignores?|excludes?|omits?)\b",
    re.IGNORECASE,
)
_NOT = re.compile(r"\b(?:not|no|without|never|avoid\w*)\b|n['’]t\b", re.IGNORECASE)
_FAIR = 3.0
"""Score that a command which the question's words introduce has at least."""
_RELEVANT = 5.0
"""Relevance of a passage that lists the term: the model makes little of lists."""
_WEAKER = 3.0
"""Logits taken from what else its passage says."""


def prefer_commands(question: str, text: str, reading: Reading, above: str = "") -> Reading:
    """`reading` of the passage `text` below the title and headings `above`; where `question` asks how to do something
    or for a command or an option, the one in front that all its words introduce; where it asks what an option does,
    what is said of it."""
    spans: Iterable[tuple[int, int, str]]
    asked, means = _TERM_ASKED.search(question), _MEANING.search(question)
    named = _NAMED.findall(question) if means else []
    if not reading.candidates:
        return reading
    if len(named) == 1:
        spans, least = _meanings(text, named[0].split()[-1].strip("`")), 0
        question = _TERM.sub(" ", _NAMED.sub(" ", question))
    elif asked and not means:
        spans, least = _terms(question, text, _KINDS[asked.lastgroup or ""]), 1
        question = question[: asked.start(asked.lastgroup or 0)] + question[asked.end() :]
    elif asks_for_command(question):
        spans, least = chain(_commands(text), _terms(question, text, ("option",))), 2
    else:
        return reading
    compounds = set(_COMPOUND.findall(question.casefold()))  # `pyenv-virtualenv` is no virtualenv
    wanted = _stems(_COMPOUND.sub(" ", question)) | compounds
    headings = _stems(above)
    best = (0, 0.0, 0.0)
    found = None
    for start, end, lead in spans:
        own = wanted & _stems(f"{lead} {text[start:end]}")
        if (least and len(own) < max(least, len(wanted) / 2)) or wanted - own - headings:
            continue
        pointed = max((one.score for one in reading.candidates if one.start < end and start < one.end), default=-99.0)
        told = 0.0
        if least == 1:  # `--keep` keeps files, and so does `--stdout` besides
            term, verb = _stems(text[start:end].replace("-", " ")), _stems(lead.partition(" ")[0])
            told = len(wanted & term) + len(wanted & verb) - len(term - wanted) / 9
        rank = (len(own), told, pointed)
        if found is None or rank > best:
            found, best = (start, end), rank
    if found is None:
        return reading
    first = Candidate(*found, max(reading.best_score, _FAIR))
    others = (
        replace(one, score=one.score - _WEAKER)
        for one in reading.candidates
        if one.end <= found[0] or found[1] <= one.start
    )
    relevance = reading.relevance if least == 2 else max(reading.relevance, _RELEVANT)
    return replace(reading, relevance=relevance, candidates=(first, *others))


def _commands(text: str) -> Iterator[tuple[int, int, str]]:
    """Where commands stand in `text`, each with what leads to it: the comment above it in a block of code, or the
    paragraph above the block; of code within a sentence the sentence."""
    blocks: list[tuple[int, int]] = []
    for begin, stop in sorted((*code_spans(text, 0, len(text)), *(one.span("code") for one in _BELOW.finditer(text)))):
        if blocks and begin < blocks[-1][1]:  # typed in a shell, and fenced
            continue
        blocks.append((begin, stop))
        lead = _paragraph_before(text, begin)
        for start, end, comment in _lines(text, begin, stop):
            if end - start <= _LONGEST_CODE:
                yield start, end, comment or lead
    sentences = sentence_spans(text) if "`" in text else []
    for found in _INLINE.finditer(text):
        start, end = found.span("code")
        block = bisect_right(blocks, (start, len(text))) - 1
        if found["link"] or not _LIKE_COMMAND.match(found["code"]) or (block >= 0 and start < blocks[block][1]):
            continue
        first, last = sentences[bisect_right(sentences, (start, len(text))) - 1]
        if text[first : found.start()].strip():
            yield start, end, text[max(first, start - _LONGEST_LEAD) : min(last, end + _LONGEST_LEAD)]
        else:
            yield start, end, _paragraph_before(text, first) + text[end : min(last, end + _LONGEST_LEAD)]


def _terms(question: str, text: str, kinds: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Where the terms of lists stand in `text`, each with what is said of it; none that does the opposite."""
    asked = _stems(question)
    for one in described_terms(text):
        said = _BROKEN.sub("", text[one.first : one.last])
        opposite = _OPPOSITE.match(said)
        if one.kind in kinds and not (opposite and not _NOT.search(question) and not _stems(opposite[0]) & asked):
            yield one.start, one.end, said


def _meanings(text: str, name: str) -> Iterator[tuple[int, int, str]]:
    """What is said of the term `name` in lists of `text`."""
    for one in described_terms(text):
        if name in _ALTERNATIVES.split(text[one.start : one.end]):
            yield one.first, one.last, ""


def _lines(text: str, begin: int, stop: int) -> Iterator[tuple[int, int, str]]:
    """The commands of a block of code: each line behind a prompt, else lines that follow one another; with the comment
    above them."""
    comment, start = "", -1
    typed = bool(_PROMPT.match(text, begin))
    place = begin
    for line in [*text[begin:stop].split("\n"), ""]:
        end = place + len(line)
        said = _COMMENT.match(line)
        if start >= 0 and (typed or said or not line.strip()):
            yield start, begin + len(text[begin : place - 1].rstrip()), comment
            start = -1
        if said:
            comment = line
        elif line.strip() and start < 0 and (not typed or _PROMPT.match(line)):
            prompt = _PROMPT.match(line)
            start = place + (prompt.end() if prompt else len(line) - len(line.lstrip()))
        place = end + 1


def _paragraph_before(text: str, place: int) -> str:
    above = re.sub(r"[\s:]*(?:(?:```|~~~)[^\n]*)?[\s:]*$", "", text[max(0, place - _LONGEST_LEAD) : place])
    return re.split(r"\n[ \t]*\n", above)[-1]


def _stems(words: str) -> set[str]:
    compounds = _COMPOUND.findall(words.casefold())
    stems = (_ENDING.sub("", word) for word in _WORD.findall(words.casefold()) if word not in _SMALL)
    return {_DOUBLED.sub(r"\1", stem) for stem in stems} | set(compounds)
