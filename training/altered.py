"""Unanswerable questions made of answerable ones: one name, figure or word of opposite meaning is put for another.

People who wrote unanswerable questions for SQuAD 2.0 did the same, among other things: an entity swap or an antonym
makes about two fifths of them (Rajpurkar et al. 2018, table 1).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import numpy as np

from .config import Config
from .sources import ANSWERABLE, QAMR, UNANSWERABLE, Row, same_question

_NAME = re.compile(r"(?<=[a-z,] )[A-Z](?:[\w.-]*\w)?(?: (?:(?:of|the|of the|de) )?[A-Z](?:[\w.-]*\w)?)*(?!\w| [A-Z\d])")
_NUMBER = re.compile(r"(?<![\w.,])\d+(?![\w]|[.,]\d)")
_BEFORE = re.compile(r"(\w+) $")

# Both ways, so that no word of them tells by itself whether a question has an answer.
_OPPOSITES = [
    tuple(pair.split("/"))
    for pair in """first/last before/after most/least largest/smallest biggest/smallest highest/lowest higher/lower
    increase/decrease increased/decreased increases/decreases north/south east/west northern/southern
    eastern/western northeast/southwest northwest/southeast male/female men/women man/woman boys/girls
    king/queen husband/wife mother/father son/daughter brother/sister won/lost win/lose began/ended begin/end
    start/finish started/stopped allow/prohibit allowed/forbidden more/less greater/smaller best/worst
    oldest/youngest older/younger earliest/latest minimum/maximum success/failure accept/reject
    accepted/rejected above/below inside/outside high/low large/small major/minor public/private
    positive/negative rise/fall rose/fell gained/lost bought/sold buy/sell born/buried joined/left upper/lower
    strong/weak stronger/weaker rich/poor urban/rural domestic/foreign majority/minority common/rare hot/cold
    fast/slow faster/slower long/short longer/shorter longest/shortest expensive/cheap include/exclude
    included/excluded imports/exports imported/exported permanent/temporary primary/secondary ancient/modern
    internal/external direct/indirect legal/illegal natural/artificial built/demolished built/destroyed
    entered/left employed/unemployed approved/rejected agreed/refused safe/dangerous heaviest/lightest
    friends/enemies ally/enemy defeated/aided attacked/defended hired/fired appointed/dismissed
    published/withdrawn similar/different same/different inner/outer senior/junior winter/summer
    morning/evening young/old land/sea liberal/conservative offense/defense married/divorced raised/lowered
    introduced/abolished gain/lose causes/prevents cause/prevent improved/worsened""".split()
]


def _with_case(word: str, like: str) -> str:
    return word.capitalize() if like[:1].isupper() else word


def _opposites() -> dict[str, list[str]]:
    result: dict[str, list[str]] = {}
    for one, other in _OPPOSITES:
        result.setdefault(one, []).append(other)
        result.setdefault(other, []).append(one)
    return result


_OPPOSITE = _opposites()
_OPPOSITE_WORD = re.compile(
    rf"(?<![\w-])(?:{'|'.join(sorted(_OPPOSITE, key=len, reverse=True))})(?![\w'’-])", re.IGNORECASE
)


def _slot(question: str, start: int) -> str:
    """The word before a name, which says what kind of name fits there ("in", "by", "did")."""
    before = _BEFORE.search(question[:start])
    return before[1].lower() if before else ""


@dataclasses.dataclass(frozen=True)
class _Names:
    """The names in an article's questions, by the word before them."""

    by_slot: dict[str, list[str]]

    @staticmethod
    def of(questions: list[str]) -> _Names:
        slots: dict[str, dict[str, None]] = {}
        for question in questions:
            for match in _NAME.finditer(question):
                slots.setdefault(_slot(question, match.start()), {})[match[0]] = None
        return _Names({slot: list(names) for slot, names in slots.items()})


def _pick(choices: list[str], rng: np.random.Generator) -> str | None:
    return choices[int(rng.integers(len(choices)))] if choices else None


def _replaced(question: str, match: re.Match[str], by: str | None) -> str | None:
    return question[: match.start()] + by + question[match.end() :] if by else None


def _is_name(name: str, context: str) -> bool:
    """Whether the passage has it, and never in small letters ("War", "State")."""
    return re.search(rf"\b{re.escape(name)}\b", context) is not None and name.lower() not in context


def _other_name(row: Row, names: _Names, rng: np.random.Generator) -> str | None:
    places = [match for match in _NAME.finditer(row.question) if _is_name(match[0], row.context)]
    if not places:
        return None
    match = places[int(rng.integers(len(places)))]
    taken = set(re.findall(r"\w+", row.question.lower()))

    def fits(name: str) -> bool:
        return not taken & set(re.findall(r"\w{4,}", name.lower())) and name not in row.texts

    alike = [
        n for n in names.by_slot.get(_slot(row.question, match.start()), []) if fits(n) and n.lower() not in row.context
    ]
    here = [name for name in alike if _is_name(name, row.context)]
    # One that the passage has as well is the hardest to tell.
    return _replaced(row.question, match, _pick(here or alike, rng))


def _other_number(row: Row, names: _Names, rng: np.random.Generator) -> str | None:
    places = [match for match in _NUMBER.finditer(row.question) if match[0] in row.context]
    if not places:
        return None
    match = places[int(rng.integers(len(places)))]
    here = [
        number
        for number in dict.fromkeys(_NUMBER.findall(row.context))
        if len(number) == len(match[0]) and number not in row.question and number not in row.texts
    ]
    near = int(match[0]) + int(rng.integers(1, 13)) * (1 if rng.random() < 0.5 else -1)
    return _replaced(row.question, match, _pick(here, rng) or (str(near) if near > 0 else None))


def _opposite(row: Row, names: _Names, rng: np.random.Generator) -> str | None:
    places = list(_OPPOSITE_WORD.finditer(row.question))
    if not places:
        return None
    match = places[int(rng.integers(len(places)))]
    chosen = _pick(_OPPOSITE[match[0].lower()], rng)
    return _replaced(row.question, match, _with_case(chosen, match[0])) if chosen else None


_WAYS: list[Callable[[Row, _Names, np.random.Generator], str | None]] = [_opposite, _other_number, _other_name]


def altered_questions(rows: list[Row], config: Config) -> list[Row]:
    """Unanswerable rows for at most a share (`altered_share`) of the answerable SQuAD rows, drawn from the seed.

    The passage stays. A question that somebody asked about the same passage is never made.
    """
    known = {(same_question(row.question), row.context) for row in rows}
    asked: dict[str, list[str]] = {}
    for row in rows:
        asked.setdefault(row.group, []).append(row.question)
    names = {group: _Names.of(questions) for group, questions in asked.items()}
    rng = np.random.default_rng([config.seed, 9])
    made: list[Row] = []
    for row in rows:
        if row.kind != ANSWERABLE or row.group == QAMR or rng.random() >= config.data.altered_share:
            continue
        for way in (_WAYS[i] for i in rng.permutation(len(_WAYS))):
            question = way(row, names[row.group], rng)
            if question and (same_question(question), row.context) not in known:
                known.add((same_question(question), row.context))
                made.append(dataclasses.replace(row, question=question, kind=UNANSWERABLE, span=None, texts=()))
                break
    return made
