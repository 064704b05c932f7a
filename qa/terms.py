"""Lists of terms and what each means: options in a manual page, in columns, in a table, in headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from ..index.sentences import sentence_spans
from .blocks import row_cells

Kind = Literal["option", "variable", "status", "setting"]

_LEAD = re.compile(r"[ \t]*(?P<mark>[-*+•][ \t]+|#{1,6}[ \t]+|\.\. (?:cmd)?option:: *|\|)?")
_ENTRY = re.compile(r"(?P<term>\S(?:.*?\S)?)(?:(?: {2,}|\t+|:[ \t]+| [-–—] )(?P<said>\S.*)|:?[ \t]*$)")
_ONE = r"[-+][^\s,]+(?: (?![-+]|or )[^\s,]+){0,2}"  # an option with what it takes
_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("option", re.compile(rf"{_ONE}(?:(?:, ?| or | )(?:{_ONE}))*")),
    ("variable", re.compile(r"[A-Z][A-Z0-9_]{2,}(?:(?:, | and |, and | or )[A-Z][A-Z0-9_]{2,})*")),
    ("status", re.compile(r"\d{1,3}")),
)
_SETTING = re.compile(r"`+[^`\s]+`+")
_COMMENT = re.compile(r"<!--(?:(?!<!--).)*?-->", re.DOTALL)
_PASSED_OVER = re.compile(r"[ \t]*(?:>.*)?$")
_LONGEST_TERM, _LONGEST, _SHORT = 120, 400, 120


class Term(NamedTuple):
    """A term of a list; `[start, end)` is where it stands, `[first, last)` what is said of it, in brief."""

    kind: Kind
    start: int
    end: int
    first: int
    last: int


class _Line(NamedTuple):
    start: int
    text: str
    indent: int
    """In columns: manual pages mix tabs and spaces."""
    entry: Term | None


def described_terms(text: str) -> Iterator[Term]:
    """The terms that begin a line of `text`, with what stands behind them, else below: deeper, or in a paragraph of
    its own. Of terms above one another that share it, the last."""
    lines: list[_Line] = []
    place = 0
    for line in _COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text).split("\n"):
        indent = len(line[: len(line) - len(line.lstrip())].expandtabs())
        above = lines[-1] if lines else None
        within = above and above.text.strip() and not above.entry and above.indent == indent  # a paragraph runs on
        lines.append(_Line(place, line, indent, _entry(line, place, marked_only=bool(within))))
        place += len(line) + 1
    for below, (_, written, indent, entry) in enumerate(lines, 1):
        if entry is None:
            continue
        first, last, deeper = entry.first, entry.last, True
        if first == last:
            next_line = below
            while below < len(lines) and _PASSED_OVER.match(lines[below].text):
                below += 1
            if below == len(lines) or lines[below].entry or lines[below].text.lstrip().startswith(("#", "|")):
                continue
            deeper = lines[below].indent > indent
            if not deeper and (indent or below == next_line):
                continue
            first = lines[below].start + len(lines[below].text) - len(lines[below].text.lstrip())
        elif written.lstrip().startswith("|"):
            below = len(lines)
        while below < len(lines) and lines[below].text.strip() and not lines[below].entry:
            if deeper and lines[below].indent <= indent:
                break
            last = lines[below].start + len(lines[below].text.rstrip())
            below += 1
        yield entry._replace(first=first, last=first + _brief(text[first : min(last, first + _LONGEST)]))


def _brief(said: str) -> int:
    """Where `said` ends if it is short, else its first sentence, or as many as are no single word (“Verbose. …”)."""
    if len(said) <= _SHORT:
        return len(said)
    end = next((end for _, end in sentence_spans(said) if end >= _SHORT // 3), len(said))
    return len(said[:end].rstrip())


def _entry(line: str, place: int, marked_only: bool) -> Term | None:
    """The term that begins `line`, with what stands behind it."""
    lead = _LEAD.match(line)
    if lead is None or (marked_only and not lead["mark"]):
        return None
    if lead["mark"] == "|":
        cells = row_cells(line, 0, len(line))
        (start, end), (first, last) = cells[0], cells[-1]
        if len(cells) < 2 or first == last:
            return None
    else:
        found = _ENTRY.match(line, lead.end())
        if not found:
            return None
        start, end = found.span("term")
        first, last = found.span("said") if found["said"] else (end, end)
    if end - start > _LONGEST_TERM:
        return None
    raw = line[start:end]
    bare = re.sub(r"[`*]", "", raw)
    kind = next((kind for kind, pattern in _KINDS if pattern.fullmatch(bare)), None)
    if kind is None and _SETTING.fullmatch(raw):
        kind = "setting"
    if kind is None or (kind == "variable" and "_" not in bare and not lead.end()):
        return None  # NAME, at the margin, is a heading
    if raw.strip("`*") == bare:
        start, end = start + raw.index(bare), start + raw.index(bare) + len(bare)
    return Term(kind, place + start, place + end, place + first, place + last)
