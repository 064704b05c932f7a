"""When do two answers say the same? Spelling, numbers, dates and small words in front are set aside, nothing else."""

from __future__ import annotations

import re
import unicodedata

_MONTHS = {
    name[:length]: name
    for name in "january february march april may june july august september october november december".split()
    for length in (3, len(name))
} | {"sept": "september"}
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL = {word: value for value, word in enumerate(_ONES)} | {
    word: value for value, word in zip(range(20, 100, 10), _TENS, strict=True)
}
_LARGE = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SIGNS = {"%": " percent ", "$": " dollar ", "€": " euro ", "£": " pound ", "&": " and ", "+": " plus "}
_UNITS = {"per cent": "percent", "dollars": "dollar", "euros": "euro", "pounds": "pound"}
_LEADING = frozenset(
    # articles, prepositions that only tie the words to their sentence, approximations, titles
    "the a an in on at by of for from to with about around approximately roughly circa "
    "mr mrs ms miss dr prof sir professor doctor president chancellor king queen prince princess pope saint st "
    "senator governor general captain".split()
)
_ISO_DATE = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b")
_GROUPED = re.compile(r"(?<=\d)[,\u00a0\u202f](?=\d{3}(?!\d))")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_TOKEN = re.compile(r"\d+\.\d+|\w+")
# A float holds these exactly to the last digit; longer figures are names of things and stay as they are written.
_AMOUNT = re.compile(r"(?=.{1,15}$)\d+(?:\.\d{1,6})?")


def same_answer_key(text: str) -> str:
    """Equal for answers that say the same: `Feb. 20` and `20 February`, `130,000` and `130 thousand`, `five` and `5`,
    `the Kremlin` and `Kremlin`. Never empty for a text that is not."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = _words(folded)
    words = _dates(_numbers(words))
    while len(words) > 1 and words[0] in _LEADING:
        words = words[1:]
    return " ".join(words) or folded


def contains_answer(longer: str, shorter: str) -> bool:
    """Whether the words of `shorter` stand together in `longer`; both are keys of `same_answer_key`."""
    return f" {shorter} " in f" {longer} "


def _words(folded: str) -> list[str]:
    text = _ISO_DATE.sub(lambda found: _iso(*found.groups()), folded)
    text = _GROUPED.sub("", text)
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    text = re.sub(r"(?<=\w)['’]s\b", " s", text)
    text = re.sub(r"\b(?:\w\.){2,}", lambda found: found[0].replace(".", ""), text)  # u.s. is us
    text = " ".join(_TOKEN.findall(text))
    for unit, word in _UNITS.items():
        text = re.sub(rf"\b{unit}\b", word, text)
    words = text.split()
    for place in range(len(words) - 1):  # dollar 5 million is 5 million dollar
        if words[place] in ("dollar", "euro", "pound") and words[place + 1][0].isdigit():
            large = place + 2 < len(words) and words[place + 2] in _LARGE
            words.insert(place + 1 + large, words.pop(place))
    return words


def _iso(year: str, month: str, day: str) -> str:
    names = list(dict.fromkeys(_MONTHS.values()))
    return f"{names[int(month) - 1]} {int(day)} {year}" if 1 <= int(month) <= 12 else f"{year} {month} {day}"


def _numbers(words: list[str]) -> list[str]:
    """Numbers in figures: runs of number words, and figures followed by `thousand`, `million` and so on."""
    result: list[str] = []
    place = 0
    while place < len(words):
        value, after = _number(words, place)
        if value is None:
            result.append(_ORDINAL.sub(r"\1", words[place]) if _ORDINAL.fullmatch(words[place]) else words[place])
            place += 1
        else:
            result.append(f"{value:.6f}".rstrip("0").rstrip("."))
            place = after
    return result


def _number(words: list[str], start: int) -> tuple[float | None, int]:
    """The number that begins at word `start` and the place behind it; None where there is none."""
    total = current = 0.0
    place, seen = start, False
    while place < len(words):
        word = words[place]
        if word in _SMALL:
            if seen and not (current % 100 == 0 or (current % 10 == 0 and current % 100 >= 20 and _SMALL[word] < 10)):
                break
            current += _SMALL[word]
        elif not seen and _AMOUNT.fullmatch(word):
            current = float(word)
        elif word in _LARGE:
            current = (current if seen else 1) * _LARGE[word]
            if _LARGE[word] > 100:
                total, current = total + current, 0.0
        elif seen and word == "and" and place + 1 < len(words) and words[place + 1] in _SMALL and current % 100 == 0:
            if not current and not total:
                break
        else:
            break
        seen = True
        place += 1
    return (total + current, place) if seen else (None, start)


def _dates(words: list[str]) -> list[str]:
    """Month names written out, and the day behind its month: `20 of feb` is `february 20`."""
    result: list[str] = []
    for place, word in enumerate(words):
        before = result[-1] if result else ""
        if tied := before == "of" and len(result) > 1 and _is_day(result[-2]):
            before = result[-2]
        neighbours = {before, words[place + 1] if place + 1 < len(words) else ""}
        month = _MONTHS.get(word)
        if month is None or (word in ("may", "mar", "dec", "sep") and not any(map(_is_day_or_year, neighbours))):
            result.append(word)
            continue
        if tied:
            result.pop()
        if _is_day(before) and not (place + 1 < len(words) and _is_day(words[place + 1])):
            day = result.pop()
            result += [month, day]
        else:
            result.append(month)
    return result


def _is_day(word: str) -> bool:
    return word.isdecimal() and len(word) <= 2 and 1 <= int(word) <= 31


def _is_day_or_year(word: str) -> bool:
    return word.isdecimal() and (_is_day(word) or len(word) == 4)
