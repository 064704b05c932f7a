"""Questions as they are cleaned once and changed anew in every epoch."""

from __future__ import annotations

import re

import numpy as np

from .config import AugmentConfig

_CONTRACTION = re.compile(r"\b(\w+) (n['’]t)\b", re.IGNORECASE)
_STRAY_END = re.compile(r"[\s?.,:;/>\\!`]*$")
_CURLY = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "\u00a0": " "})

# Dropped when a question is cut to keywords, as people type into a search box.
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a an and any are as at be been being but by can could did do does for from had has have he her his how i if
    in into is it its many me much my of on or our she should so some than that the their them there these they this
    those to was we were what whats when where which who whom whose why will with would you your""",
    )
)


def normalise(question: str) -> str:
    """One spelling for both kinds of question, so that traces of how a data set was stored give no label away.

    Undoes CSV quoting (`"a ""b"" c?"`), Penn-style quotes and split contractions, turns curly quotes straight,
    collapses white space and makes every question end in exactly one question mark.
    """
    text = question.strip()
    if '""' in text:
        if text.startswith('"') and text.endswith('"'):
            text = text[1:-1]
        text = text.replace('""', '"')
    text = text.translate(_CURLY).replace("``", '"').replace("''", '"')
    text = _CONTRACTION.sub(r"\1\2", text)
    text = " ".join(text.split())
    return _STRAY_END.sub("", text) + "?"


def keywords(question: str) -> str:
    """The question without its stop words and question mark, in lower case; unchanged if under two words would stay."""
    words = [word for word in question.rstrip("?").split() if word.lower().strip("',\"") not in _STOP_WORDS]
    return " ".join(words).lower().strip(" ,") if len(words) >= 2 else question


def typo(question: str, rng: np.random.Generator) -> str:
    """Swap, drop or double one inner letter of one word of five letters or more."""
    places = list(re.finditer(r"[A-Za-z]{5,}", question))
    if not places:
        return question
    word = places[int(rng.integers(len(places)))]
    at = int(rng.integers(word.start() + 1, word.end() - 1))
    kind = int(rng.integers(3))
    if kind == 0:
        return question[:at] + question[at + 1] + question[at] + question[at + 2 :]
    if kind == 1:
        return question[:at] + question[at + 1 :]
    return question[:at] + question[at] + question[at:]


def augment(question: str, config: AugmentConfig, rng: np.random.Generator) -> str:
    """The question as this epoch shows it; always draws the same number of rates so that rows stay comparable."""
    as_keywords, with_typo, bare = rng.random(3) < (config.keyword, config.typo, config.no_question_mark)
    if as_keywords:
        question = keywords(question)
    if with_typo:
        question = typo(question, rng)
    return question.rstrip("?") if bare else question
