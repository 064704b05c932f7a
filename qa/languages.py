"""Is the question in a language the reading model knows? It learned English; a guess by letters and small words."""

from __future__ import annotations

import re
import unicodedata

_WORDS = re.compile(r"[^\W\d_]+")
_LEAST_WORDS = 3
"""Fewer words than this, or none of the small ones, tell no language: names and keywords are asked in any."""

# The commonest small words of question-like sentences; words that several of these languages share are left to both.
_SMALL_WORDS = {
    "English": "the of and is are was were what who when where why how which did does do has have to in for on with "
    "it that by many much long at from as be can will there their his her a an you i",
    "German": "der die das und ist sind war waren was wer wann wo warum wie welche welcher welches den dem des ein "
    "eine einen zu im mit für auf von nicht hat haben wird viele lange wurde wem wen wohin es",
    "French": "le la les des et est sont était qui que quoi quand où pourquoi comment quel quelle quels quelles du "
    "de un une dans pour avec sur par combien il elle a ont se ce au aux fut",
    "Spanish": "el la los las y es son era qué que quién quien cuándo cuando dónde donde cómo como cuál cuanto "
    "cuánto cuánta cuántos cuántas por del de un una en con para se su fue ha está al",
    "Portuguese": "o a os as e é são era que quem quando onde como qual quais quanto quantos por do da dos das de um "
    "uma em no na com para se foi tem está ao",
    "Italian": "il lo la gli le e è sono era che chi quando dove come quale quali quanto quanti perché del della dei "
    "di un una in con per si fu ha nel cosa",
    "Dutch": "de het een en is zijn was waren wat wie wanneer waar waarom hoe welke van op met voor niet heeft "
    "hebben wordt veel lang naar er in te",
}
_KNOWN = {language: frozenset(words.split()) for language, words in _SMALL_WORDS.items()}


def unknown_language(question: str) -> str | None:
    """What `question` is written in when that is not English: a language, or a script; None when it may be English."""
    words = [word.casefold() for word in _WORDS.findall(unicodedata.normalize("NFC", question))]
    letters = [letter for word in words for letter in word]
    foreign = [letter for letter in letters if not _latin(letter)]
    if letters and 2 * len(foreign) > len(letters):
        return _script(foreign)
    if question.lstrip().startswith("¿"):
        return "Spanish"
    if len(words) < _LEAST_WORDS:
        return None
    counts = {language: sum(word in known for word in words) for language, known in _KNOWN.items()}
    language = max(counts, key=lambda name: counts[name])
    # Clearly another one: at least two of its small words, twice as many as English ones, a quarter of all words.
    if counts[language] >= max(2, 2 * counts["English"] + 1) and 4 * counts[language] >= len(words):
        return language
    return None


def language_warning(question: str) -> str | None:
    """A sentence for people when `question` is in a language the reading model was not made for."""
    found = unknown_language(question)
    if found is None:
        return None
    return f"The question looks like {found}; the reading model knows English, so its answers are not reliable here."


def _latin(letter: str) -> bool:
    return ord(letter) < 0x250 or unicodedata.name(letter, "").startswith(("LATIN", "GREEK SMALL LETTER MU"))


def _script(letters: list[str]) -> str:
    names = [unicodedata.name(letter, "unknown").split()[0] for letter in letters]
    name = max(sorted(set(names)), key=names.count)
    return {"CJK": "Chinese or Japanese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}.get(
        name, f"{name.capitalize()} script"
    )
