"""What a word is: one analysis for passages and for queries.

Text is folded (compatibility forms, case, accents, points) and cut into words of letters, digits and marks. SQLite's
FTS5 does the same to what it indexes and stems English words (Porter); what it cannot do, `forms_of` adds: runs of
scripts that put no spaces between words are cut into pairs of characters, and letters that FTS5 leaves as they are get
their folded form. A change here needs a migration that makes `passages.forms` and `words` again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

_COMBINING = "".join(
    character
    for character in map(chr, (*range(0x300, 0x1D00), 0x3099, 0x309A, *range(0xA800, 0xAC00)))
    if unicodedata.category(character).startswith("M")
)
_LETTER = rf"(?:[^\W_]|[{_COMBINING}])"
_WORD = re.compile(rf"{_LETTER}+")
# A word as a query gives it: parts that a mark inside holds together are one phrase.
_COMPOUND = re.compile(rf"{_LETTER}+(?:(?:[-._@/'’]|(?<=\d)[:+,](?=\d)){_LETTER}+)*")
# Han, kana, Hangul, Thai, Lao, Khmer, Burmese.
_UNSPACED = re.compile(
    r"[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    r"\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_LETTERS = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h"})
_BASES = {
    code: base for code in range(0xC0, 0x500) if (base := unicodedata.normalize("NFD", chr(code))[0]) != chr(code)
}
_QUOTED = re.compile(r'"([^"]{1,200})"|“([^“”]{1,200})”|„([^„“”]{1,200})[“”]|«([^«»]{1,200})»')
_TELEPHONE = re.compile(r"(?<![\w.,])[(+]*\d[\d\s().-]{5,30}\d(?!\w)")
# A short name in capitals belongs to the number behind it: ISO 9001:2015, RFC 9457.
_CODE = re.compile(rf"(?:\b[A-Z]{{2,6}} )?(?<!\w){_LETTER}+(?:(?:[-._@/]|(?<=\d)[:+](?=\d)){_LETTER}+)*")
_POSSESSIVE = re.compile(r"['’]s?$")
_QUANTITY = re.compile(r"\d{1,4}(?:[.,]\d+)?|\d{1,4}s|\d+(?:st|nd|rd|th)|\d+(?:-\w*[a-z])+", re.IGNORECASE)
_HOST = re.compile(r"(?:[^\W_]{2,}[.])+[^\W\d_]{2,}")

FUNCTION_WORDS = frozenset(
    "a about after again all also always an and any are as at be because been before but by can could did do does "
    "doing done each either else even ever every far few for from going got had has have he her here his how i if in "
    "into is it its just less let like long many may me might more most much my near neither never no none nor not of "
    "often on one only onto or other our out over own per quite rather same she should since so some soon still such "
    "than that the their them then there these they this those though through till to too under until up upon us very "
    "want was we were what when where whether which while who whom whose why will with within without would yet you "
    "your".split()
)
"""English words that name nothing: no suggestion ends in one, and none is taken for a misspelling."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a query asks for, before a collection is looked at. Everything is folded."""

    terms: tuple[str, ...]
    """Words in their order, without repeats; a compound such as `cve-2024-3094` is a phrase, behind its parts."""
    exact: tuple[str, ...]
    """Quoted phrases, codes, addresses and telephone numbers: to be found as they stand."""


def fold(text: str) -> str:
    """`text` without case, accents, points and compatibility forms; its length may change."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    # Classes 10 to 36 are Hebrew and Arabic points, those from 200 accents. Others make another letter.
    kept = (one for one in folded if not (10 <= (kind := unicodedata.combining(one)) <= 36 or kind >= 200))
    return unicodedata.normalize("NFC", "".join(kept)).translate(_LETTERS)


def plain_words(text: str) -> set[str]:
    """The folded words of `text` that `is_plain`: those that can be completed and corrected."""
    return {word for word in _WORD.findall(fold(text)) if is_plain(word)}


def spoken_words(text: str) -> list[re.Match[str]]:
    """The words of `text` as they stand there, each without the marks around it."""
    return list(_WORD.finditer(text))


def respelt(text: str, corrected: Mapping[str, str]) -> str:
    """`text` with the words whose folded form is a key of `corrected` replaced by its value, a capital kept."""
    pieces, position = [], 0
    for word in spoken_words(text):
        if right := corrected.get(fold(word[0])):
            pieces += [text[position : word.start()], right.capitalize() if word[0][0].isupper() else right]
            position = word.end()
    return "".join([*pieces, text[position:]])


def flat(text: str) -> str:
    """`text` without case and most accents, of the same length: an offset in it is an offset in `text`."""
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(one if len(one.lower()) != 1 else one.lower() for one in text)
    return lower if lower.isascii() else lower.translate(_BASES)


def forms_of(text: str) -> str:
    """What is indexed beside `text`, separated by spaces: forms of its words that FTS5 would not make by itself."""
    if text.isascii():
        return ""
    forms: list[str] = []
    for word in _WORD.findall(text):
        if not word.isascii():
            forms.extend(_forms(word))
    return " ".join(forms)


def places_of_forms(terms: Collection[str], text: str) -> Iterator[tuple[int, int]]:
    """Where `terms` stand in `text` in what `forms_of` adds for it: pairs of characters and folded words."""
    if text.isascii():
        return
    plain = flat(text)
    for word in _WORD.finditer(text):
        if word[0].isascii():
            continue
        if (folded := _folded(word[0])) in terms and _forms(word[0]):
            yield word.span()
        elif _UNSPACED.search(folded):
            for term in filter(_UNSPACED.match, terms):
                at = plain.find(term, *word.span())
                while at >= 0:
                    yield at, at + len(term)
                    at = plain.find(term, at + 1, word.end())


def to_mark(terms: Collection[str], text: str) -> list[str]:
    """`terms` without the parts of compounds that stand in `text` as a whole."""
    whole = [term for term in terms if not _WORD.fullmatch(term)]
    if whole:
        folded = fold(text)
        held = [term for term in whole if re.search(rf"(?<!\w){re.escape(term)}(?!\w)", folded)]
        parts = {part for term in held for part in _WORD.findall(term)}
        return [term for term in terms if term not in parts]
    return list(terms)


def read_words(query: str) -> Words:
    """The words of `query`, and what of it must stand in a passage as it is."""
    terms: dict[str, None] = {}
    for compound in _COMPOUND.findall(fold(query)):
        runs = _UNSPACED.findall(compound)
        for run in runs:
            terms.update(dict.fromkeys(_pairs(run)))
        if not runs:
            whole = _POSSESSIVE.sub("", compound)
            parts = _WORD.findall(whole)
            terms.update(dict.fromkeys(part for part in parts if len(part) > 1))
            terms.pop(whole, None)  # the whole stands behind its parts
            terms[whole] = None
    return Words(tuple(terms), tuple(dict.fromkeys(_exact(query))))


def is_plain(term: str) -> bool:
    """Whether `term` is one word of letters, at most 40 of them, in a script with spaces."""
    return term.isalpha() and len(term) <= 40 and (term.isascii() or not _UNSPACED.search(term))


def begins_pairs(term: str) -> bool:
    """Whether `term` is one character of an unspaced script: it stands in the index as the first of a pair."""
    return len(term) == 1 and _UNSPACED.match(term) is not None


def in_one_line(text: str) -> str:
    """`text` folded, white space as single spaces: the form in which exact words are compared."""
    return " ".join(fold(text).split())


_folded = lru_cache(maxsize=50_000)(fold)


@lru_cache(maxsize=50_000)
def _forms(word: str) -> tuple[str, ...]:
    folded = fold(word)
    pairs = [pair for run in _UNSPACED.findall(folded) for pair in (*_pairs(run), run[-1])]
    if pairs:
        return tuple(pairs)
    plain = "".join(one for one in unicodedata.normalize("NFD", word) if not unicodedata.combining(one)).lower()
    return () if plain.isascii() or folded == word.lower() else (folded,)


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)] or [run]


def _exact(query: str) -> list[str]:
    found = [in_one_line("".join(groups)).strip(" .,;:?!…") for groups in _QUOTED.findall(query)]
    rest = _QUOTED.sub(" ", query)
    for match in _TELEPHONE.finditer(rest):
        digits = re.findall(r"\d+", match[0])
        if len("".join(digits)) >= 7 and (match[0][0] in "(+" or max(map(len, digits)) >= 5):
            found.append(in_one_line(match[0]))
            rest = rest.replace(match[0], " ")
    shouted = rest.isupper()
    for match in _CODE.finditer(rest):
        name, gap, code = match[0].rpartition(" ") if " " in match[0] else ("", "", match[0])
        if _is_code(code) or (name and not shouted and code.isdecimal()):
            found.append(in_one_line(code if shouted else name + gap + code))
    return [words for words in found if _WORD.search(words)]


def _is_code(word: str) -> bool:
    if "@" in word or _HOST.fullmatch(word):
        return True
    if not any(character.isdecimal() for character in word) or _QUANTITY.fullmatch(word):
        return False
    return not word.isalpha() and (not word.isdecimal() or len(word) >= 5)
