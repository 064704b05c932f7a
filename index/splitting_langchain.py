"""Cuts an over-long stretch of text at its best places, with langchain-text-splitters.

Offsets are never taken from the splitter (`add_start_index` is wrong on repeated text: langchain#17642, #29884): with
`strip_whitespace=False`, `keep_separator=True` and no overlap its pieces join to the text, and that is checked.
"""

from __future__ import annotations

from functools import cache

from langchain_text_splitters import RecursiveCharacterTextSplitter

from ..errors import SpanInvariantError


@cache
def _splitter(most_characters: int) -> RecursiveCharacterTextSplitter:
    return RecursiveCharacterTextSplitter(
        separators=["\n\n", "\n", "; ", ", ", " ", ""],
        chunk_size=most_characters,
        chunk_overlap=0,
        strip_whitespace=False,
        keep_separator="end",
    )


def lossless_pieces(text: str, most_characters: int) -> list[str]:
    """Pieces of at most `most_characters` whose concatenation is `text`.

    Raises SpanInvariantError should the splitter ever lose or change a character.
    """
    pieces = _splitter(most_characters).split_text(text)
    if "".join(pieces) != text:
        raise SpanInvariantError("The text splitter changed the text.", subject=text[:80])
    return pieces
