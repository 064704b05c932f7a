"""Which encoding bytes without a mark are in, and whether that is sure enough to read them. With charset-normalizer."""

from __future__ import annotations

from dataclasses import dataclass

_SAMPLE_BYTES = 100_000
_HALF_ZERO = 0.25
"""Share of zeros among the upper bytes of UTF-16 from which it is told: spaces, digits and full stops suffice."""
# Of encodings that fit equally well, the ones in wide use first; the rest are refused unless they agree.
_USUAL = ("cp1252", "cp1251", "cp932", "gb18030", "big5", "euc_kr", "cp1250", "koi8_r")


@dataclass(frozen=True, slots=True)
class Guess:
    """An encoding that may fit; `text` is filled when it is sure."""

    encoding: str
    text: str | None


def guess_encoding(data: bytes, first_foreign: int = 0) -> Guess | None:
    """The encoding of `data`, whose first byte that is not UTF-8 stands at `first_foreign`; None without a clue.

    Sure means: hardly any mess, the letter frequencies of a known language, the whole of `data` decodes, no control
    characters, and no other encoding fits as well with other characters (of equals, Windows-1252 counts most).
    """
    from charset_normalizer import from_bytes

    start = data.rfind(b"\n", 0, max(0, first_foreign - 2_000)) + 1
    matches = list(from_bytes(data[start : start + _SAMPLE_BYTES]))
    if not matches:
        return None
    best = matches[0]
    equals = [one for one in matches if one.chaos <= best.chaos + 0.02 and one.coherence >= best.coherence - 0.05]
    names = [name for one in equals for name in (one.encoding, *one.could_be_from_charset)]
    usual = next((name for name in _USUAL if name in names), None)
    encoding = usual or best.encoding
    agreed = usual is not None or len({str(one) for one in equals}) == 1
    if not agreed or best.chaos > 0.1 or best.coherence < 0.3:
        return Guess(encoding, None)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return Guess(encoding, None)
    return Guess(encoding, None if _has_controls(text) else text)


def unmarked_utf16(data: bytes) -> str | None:
    """`utf-16-le` or `utf-16-be` where `data` without a byte order mark looks like it by where its zeros stand, and
    decodes without control characters; else None. The upper byte of a character below U+0100 is zero, the lower one
    never."""
    sample = data[: _SAMPLE_BYTES // 2 * 2]
    for encoding, lower, upper in (("utf-16-le", sample[::2], sample[1::2]), ("utf-16-be", sample[1::2], sample[::2])):
        if upper.count(0) >= max(1, _HALF_ZERO * len(upper)) and not lower.count(0):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                continue
            return None if _has_controls(text) else encoding
    return None


def _has_controls(text: str) -> bool:
    return any(character < " " and character not in "\t\n\r\f\v" for character in text[:_SAMPLE_BYTES])
