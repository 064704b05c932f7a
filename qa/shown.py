"""What the reading model is shown of a passage, and its reading told in code points of the passage alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..index.markup import blank_markup
from ..index.records import Passage
from .reading import Candidate, Reader, Reading

_MORE = 3
"""Spans asked for besides, since some may lie in the headings."""


def read_passages(reader: Reader, question: str, passages: Sequence[Passage], *, top_n: int = 5) -> list[Reading]:
    """What `reader` finds in each of `passages`, read under its title, headings and names of columns: “Two years.” may
    answer a question only below “Netbox 210”. No answer lies in these; markup is blanked in all that is read."""
    above = [_as_sentences(passage.prefix) for passage in passages]
    shown = [words + blank_markup(passage.text) for words, passage in zip(above, passages, strict=True)]
    readings = reader.read(blank_markup(question), shown, top_n=top_n + _MORE if any(above) else top_n)
    return [_below(reading, len(words), top_n) for words, reading in zip(above, readings, strict=True)]


def _as_sentences(prefix: str) -> str:
    # The model learned from sentences, and reads them a little better than a path with arrows.
    return blank_markup(prefix).replace(" › ", ". ") + ". " if prefix else ""


def _below(reading: Reading, characters: int, top_n: int) -> Reading:
    """`reading` without the first `characters`: spans in them are dropped, one that reaches into them is cut."""
    spans = [
        Candidate(max(one.start - characters, 0), one.end - characters, one.score)
        for one in reading.candidates
        if one.end > characters
    ]
    return replace(reading, candidates=tuple(spans[:top_n]))
