"""Which encoding bytes without a mark are in, and whether that is sure enough to read them. With charset-normalizer."""

from __future__ import annotations

from dataclasses import dataclass

_SAMPLE_BYTES = 100_000
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
    controls = sum(character < " " and character not in "\t\n\r\f\v" for character in text[:_SAMPLE_BYTES])
    return Guess(encoding, text if not controls else None)
