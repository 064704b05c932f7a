"""Is a passage about the one who was asked for? Where only Alice Moreau stands, nothing is known of Alice Cooper.

The reading model hardly looks at a surname once the rest of the question fits. So a passage whose document names
somebody else with the same first name, and nowhere the one asked for, is taken for one that does not answer. So is one
whose document nowhere has the module or command that was asked for, where the document of another passage has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..index.vocabulary import Vocabulary
from ..index.words import fold, plain_words
from .reading import Reading

FullName = tuple[str, str]
"""The first word of a name and the last."""

Module = tuple[str, ...]
"""The words of a module's or command's name that are no common ones, folded: `gyp` of `node-gyp`."""

AROUND = 20_000
"""Characters of a document on either side of a passage where a name is looked for."""
_OTHER = 12.0
"""Logits between what is said of somebody else and an answer."""
_NAME = re.compile(r"(?<![\w'’.-])[A-Z][^\W\d_]+(?: (?:[A-Z]\. )?[A-Z][^\W\d_]+(?![\w-]))+")
_SMALL_WORD = re.compile(r"(?<!\S)[a-z]")
_OPENING = frozenset(
    "what which who whom whose when where why how is are was were do does did has have had can could will would should "
    "may in on at by for from to of the a an according during after before with name list give tell show find".split()
)
_MODULE = re.compile(
    r"(?<![\w.`-])`?(?P<name>[a-z]\w*(?:[.-]\w+)*)(?:\(\))?`? "
    r"(?:module|package|library|crate|plugin|command|function|script|utility)\b(?!-)"
)
_PART = re.compile(r"[^\W_]+")
_LEAST_SHARED = 4
"""Letters: a word that begins with another so long is a form of it (`York`, `Yorkers`)."""


def full_names(question: str) -> list[FullName]:
    """Names of two words or more in `question`, by their capitals; none where every word has one."""
    if not _SMALL_WORD.search(question):
        return []
    names = []
    for found in _NAME.finditer(question):
        words = found[0].split()
        while words and words[0].lower() in _OPENING:
            words = words[1:]
        if len(words) > 1 and not words[-1].isupper():  # the third of Henry III, but also DNA
            names.append((words[0], words[-1]))
    return names


def of_another(name: FullName, text: str) -> bool:
    """Whether `text` has a name that begins like `name` and never its last word, nor one that it may be a form or a
    misspelling of."""
    first, last = name
    if not re.search(rf"(?<!\w){re.escape(first)} [A-Z]", text):
        return False
    if re.search(rf"(?<![\w@.]){re.escape(first.lower())}(?![\w@.])", text):
        return False  # a word like others
    words, asked = plain_words(text), fold(last)
    if any(_akin(asked, word) for word in words):
        return False
    return not Vocabulary(words).near(asked)


def modules(question: str, knows: Callable[[str], bool]) -> list[Module]:
    """Modules, commands and the like that `question` calls so (“the heapq module”) by words that the reading model does
    not know: `knows` says of a word in small letters whether it does."""
    parts = (_PART.findall(fold(found["name"])) for found in _MODULE.finditer(question))
    names = (tuple(part for part in some if not knows(part)) for some in parts)
    return [name for name in names if name]


def holds(module: Module, text: str) -> bool:
    """Whether `text` has the words of `module`, be it within others, or words that may be misspellings of them."""
    folded = fold(text)
    if all(part in folded for part in module):
        return True
    words = plain_words(text)
    vocabulary = Vocabulary(words)
    return all(part in folded or any(_akin(part, word) for word in words) or vocabulary.near(part) for part in module)


def _akin(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return one == other or (len(short) >= _LEAST_SHARED and long.startswith(short))


def prefer_named(names: Sequence[FullName], text: str, reading: Reading, modules: Sequence[Module] = ()) -> Reading:
    """`reading` of a passage that stands in `text`; where one of `names` is somebody else's there, or one of `modules`
    is not there, as if the model had seen that nothing here answers."""
    if not any(of_another(name, text) for name in names) and all(holds(module, text) for module in modules):
        return reading
    return Reading(
        reading.relevance - _OTHER,
        reading.null_score + _OTHER,
        tuple(replace(one, score=one.score - _OTHER) for one in reading.candidates),
    )
