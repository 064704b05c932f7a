"""Further passages of the same texts, where a benchmark wants more than there are: other windows of sentences.

A window is 2 to 9 sentences of a text, 25 to 180 words, and no passage of the product. Its vector is not embedded: it
is the mean of the vectors of the passages it overlaps, weighted by the characters it shares with each, with seeded
noise of length `NOISE`, normalised. Searches among such vectors take as long as among real ones; what they find is only
nearly what embedding the windows would find.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from spanwise.index.embedding import Vectors
from spanwise.index.markup import blank_markup
from spanwise.index.records import Span
from spanwise.index.sentences import sentence_spans
from spanwise.index.store import DocumentDraft, PassageDraft

NOISE = 0.5
"""A vector without noise and with it have a cosine of 0.89."""
SENTENCES = range(2, 10)
WORDS = range(25, 181)
_TOGETHER = 10

Places = NDArray[np.int32]
"""Windows, shape (n, 3): number of the document, start and end in code points of its text."""


def windows(documents: Sequence[DocumentDraft], want: int, seed: int = 0) -> Places:
    """`want` windows of `documents`, drawn from all there are, in order. Raises ValueError where there are fewer."""
    every = np.concatenate([_windows_of(number, one) for number, one in enumerate(documents)])
    if len(every) < want:
        raise ValueError(f"The texts have {len(every):,} windows; {want:,} were asked for.")
    chosen = np.random.default_rng(seed).permutation(len(every))[:want]
    found: Places = every[np.sort(chosen)]
    return found


def window_documents(documents: Sequence[DocumentDraft], places: Places) -> Iterator[DocumentDraft]:
    """`places` as the passages of further documents with the same texts, ten in each."""
    starts = np.flatnonzero(np.diff(places[:, 0], prepend=-1))
    for first, last in zip(starts, [*starts[1:], len(places)], strict=True):
        base = documents[int(places[first, 0])]
        spans = iter([Span(int(start), int(end)) for _, start, end in places[first:last]])
        number = 0
        while some := list(islice(spans, _TOGETHER)):
            number += 1
            yield replace(
                base,
                id=f"{base.id}.w{number}",
                passages=tuple(PassageDraft(span, (), "") for span in some),
                vectors=tuple(made_vector(base, span) for span in some),
            )


def made_vector(document: DocumentDraft, span: Span, noise: float = NOISE) -> Vectors:
    """The vector of a window, made from those of the passages of `document`; shape (dimension,), length 1."""
    total = np.zeros_like(document.vectors[0])
    for passage, vector in zip(document.passages, document.vectors, strict=True):
        shared = min(span.end, passage.span.end) - max(span.start, passage.span.start)
        total += max(shared, 0) * vector
    total /= np.linalg.norm(total)
    seed = hashlib.sha256(f"{document.id}:{span.start}:{span.end}".encode()).digest()[:8]
    drawn = np.random.default_rng(int.from_bytes(seed)).standard_normal(len(total), dtype=np.float32)
    total += drawn * (noise / len(total) ** 0.5)
    made: Vectors = total / np.linalg.norm(total)
    return made


def _windows_of(number: int, document: DocumentDraft) -> Places:
    text = document.text
    sentences = sentence_spans(blank_markup(text))
    words = [len(text[start:end].split()) for start, end in sentences]
    taken = {(one.span.start, one.span.end) for one in document.passages}
    found = []
    for first in range(len(sentences)):
        together = words[first]
        for last in range(first + 1, min(first + SENTENCES.stop - 1, len(sentences))):
            together += words[last]
            if together not in WORDS:
                if together >= WORDS.stop:
                    break
                continue
            start, end = sentences[first][0], sentences[last][1]
            cut = text[start:end]
            start, end = start + len(cut) - len(cut.lstrip()), end - len(cut) + len(cut.rstrip())
            if (start, end) not in taken:
                found.append((number, start, end))
    return np.array(found, dtype=np.int32).reshape(-1, 3)
