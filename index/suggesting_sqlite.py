"""Completions of what is being typed, from titles, headings and the words of passages.

Nothing is kept for phrases: those that go on from the typed words are counted in a sample of the passages that hold
them, taken evenly from the whole collection. So a suggestion stands in a document, always.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from .lexical_sqlite import Lexicon
from .results import Suggestion
from .words import FUNCTION_WORDS, flat, fold, in_one_line, spoken_words

OPTIONS = 8
"""Words that the last, unfinished one may become."""
STRETCHES, FROM_EACH = 4, 20
"""A sample is so many passages from each of so many equal stretches of the collection."""
_MOST_NAMES = 2_000
_NEXT_WORD = re.compile(r"[ \t\n-]{1,2}([^\W\d_][\w'’]{2,})")
_MOST_WORDS = 3


@dataclass(frozen=True, slots=True)
class _Typed:
    head: str  # what stands before the last word, misspelt words corrected
    before: tuple[str, ...]  # its words, folded
    last: str
    options: tuple[str, ...]  # words that the last one may become, or the last one itself where it is finished
    finished: bool


def suggest(connection: sqlite3.Connection, lexicon: Lexicon, text: str, limit: int) -> list[Suggestion]:
    """At most `limit` ways to go on from `text`.

    Titles and headings that begin with it come first, at most half of the places while there are phrases; then phrases
    by the number of passages they stand in; then other titles that hold its words.
    """
    typed = _read(lexicon, text)
    if typed is None:
        return []
    beginning, other = _names(connection, typed, flat(text.strip()))
    phrases = _phrases(connection, typed, limit)
    first = beginning[: max(limit - len(phrases), (limit + 1) // 2)]
    found: dict[str, Suggestion] = {in_one_line(text): Suggestion("", "phrase")}
    for kind, texts in (("title", first), ("phrase", phrases), ("title", beginning + other)):
        for one in texts:
            found.setdefault(in_one_line(one), Suggestion(one, "title" if kind == "title" else "phrase"))
    return list(found.values())[1 : limit + 1]


def _read(lexicon: Lexicon, text: str) -> _Typed | None:
    words = spoken_words(text)
    if not words:
        return None
    head, position = "", 0
    before = []
    for word in words[:-1]:
        known = lexicon.corrected(fold(word[0]))
        head += text[position : word.start()] + (word[0] if known == fold(word[0]) else known)
        before.append(known)
        position = word.end()
    head += text[position : words[-1].start()]
    last = fold(words[-1][0])
    finished = words[-1].end() < len(text)
    if finished:
        last = lexicon.corrected(last)
        return _Typed(head.lstrip(), tuple(before), last, (last,), True)
    words_like = [word for word in lexicon.completions(last, 5 * OPTIONS) if word not in FUNCTION_WORDS]
    return _Typed(head.lstrip(), tuple(before), last, tuple(words_like[:OPTIONS]), False)


# Titles and headings.


def _names(connection: sqlite3.Connection, typed: _Typed, beginning: str) -> tuple[list[str], list[str]]:
    """Names that begin with what was typed, and other names that hold its words; each the most used, shortest first."""
    last = [f'"{typed.last}"' if typed.finished else f'"{typed.last}" *']
    last += [f'"{word}"' for word in typed.options if not word.startswith(typed.last)]
    match = " AND ".join([*(f'"{word}"' for word in typed.before), f"({' OR '.join(last)})"])
    rows = connection.execute(
        "SELECT n.text, n.uses FROM (SELECT rowid FROM names_index WHERE names_index MATCH ? LIMIT ?) m "
        "JOIN names n ON n.key = m.rowid",
        (match, _MOST_NAMES),
    ).fetchall()
    names = [" ".join(text.split()) for text, _ in sorted(rows, key=lambda row: (-row[1], len(row[0]), row[0]))]
    starts = {name: flat(name).startswith(beginning) for name in names}
    return [name for name in names if starts[name]], [name for name in names if not starts[name]]


# Phrases.


def _phrases(connection: sqlite3.Connection, typed: _Typed, limit: int) -> list[str]:
    """Phrases that go on from the last typed words; where these are few, some of passages with the other words."""
    phrases: list[str] = []
    if not typed.options:
        return phrases
    words = "|".join(map(re.escape, typed.options))
    telling = [f'"{word}"' for word in typed.before if word not in FUNCTION_WORDS]
    together = " AND ".join([*telling, "(" + " OR ".join(f'"{word}"' for word in typed.options) + ")"])
    if typed.before:
        previous = typed.before[-1]
        head = typed.head[: max(flat(typed.head).rfind(previous), 0)]
        # Behind a word such as "of" a phrase costs much and tells little: there the other words lead to it.
        match = together if previous in FUNCTION_WORDS else " OR ".join(f'"{previous} {one}"' for one in typed.options)
        pattern = rf"(?<!\w){re.escape(previous)}\s+(?:{words})(?!\w)"
        phrases += [head + phrase for phrase in _counted(_sample(connection, match), pattern)]
    if len(phrases) < limit and not (typed.finished and typed.before) and typed.last not in FUNCTION_WORDS:
        pattern = rf"(?<!\w)(?:{words})(?!\w)"
        phrases += [typed.head + phrase for phrase in _counted(_sample(connection, together), pattern)]
    return phrases


def _sample(connection: sqlite3.Connection, match: str) -> list[str]:
    """Texts of passages that match, evenly from the whole collection; always the same ones."""
    first, last = connection.execute(  # each is one row; asked for together they would be a scan
        "SELECT (SELECT min(key) FROM passages), (SELECT max(key) FROM passages)"
    ).fetchone()
    if first is None:
        return []
    texts: list[str] = []
    for stretch in range(STRETCHES):
        start, end = (first + (last + 1 - first) * at // STRETCHES for at in (stretch, stretch + 1))
        rows = connection.execute(
            "SELECT p.text FROM lexical JOIN passages p ON p.key = lexical.rowid "
            "WHERE lexical MATCH ? AND lexical.rowid >= ? AND lexical.rowid < ? LIMIT ?",
            (match, start, end, FROM_EACH),
        )
        texts.extend(text for (text,) in rows)
    return texts


def _counted(texts: Sequence[str], pattern: str) -> list[str]:
    """What matches `pattern` in `texts`, alone and with the words that follow, as it is mostly written."""
    wanted = re.compile(pattern)
    passages: Counter[tuple[str, ...]] = Counter()
    spelt: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for text in texts:
        plain = flat(text)
        here: dict[tuple[str, ...], str] = {}
        for match in wanted.finditer(plain):
            words = [match[0]]
            end = match.end()
            while True:
                here.setdefault(tuple(" ".join(words).split()), " ".join(text[match.start() : end].split()))
                following = _NEXT_WORD.match(plain, end)
                if len(words) == _MOST_WORDS or following is None or following[1] in FUNCTION_WORDS:
                    break
                words.append(following[1])
                end = following.end()
        passages.update(here.keys())
        for key, spelling in here.items():
            spelt[key][spelling] += 1
    single = min(map(len, passages), default=0)
    kept = {key: count for key, count in passages.items() if count > 1 or len(key) == single}
    longer = {key[:-1]: count for key, count in sorted(kept.items(), key=lambda item: item[1])}
    ranked = sorted(
        (key for key, count in kept.items() if longer.get(key, 0) < 0.8 * count),
        key=lambda key: (-kept[key], len(key), key),
    )
    return [min(spelt[key], key=lambda spelling: (-spelt[key][spelling], spelling)) for key in ranked]
