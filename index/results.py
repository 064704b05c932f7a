"""What a search returns: hits with their scores and what matched in them, and suggestions. All frozen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .records import DocumentInfo, Passage, Span, shortened


@dataclass(frozen=True, slots=True)
class Scores:
    """How a hit was found. Each is None where that way of searching did not return the passage."""

    fused: float
    dense: float | None = None
    """Cosine of question and passage embedding, -1 to 1."""
    lexical: float | None = None
    """BM25, larger is better, unbounded."""
    relevance: float | None = None
    """The reading model's judgement, a logit, where it was asked."""


@dataclass(frozen=True, slots=True)
class Highlight:
    """A part of a document's text, in code points and in UTF-16 code units."""

    span: Span
    span_utf16: Span


@dataclass(frozen=True, slots=True)
class TermScore:
    """A word (or code) of the query and its share of a passage's BM25."""

    word: str
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a score came about: `fused` is `dense_weight * dense_share + (1 - dense_weight) * lexical_share`; where
    `exact` is known, half of that, and one half more where it is true."""

    terms: tuple[TermScore, ...]
    """Every word of the query that counts; their scores add up to the BM25 score."""
    left_out: tuple[str, ...]
    """Words of the query that stand in too many passages to count."""
    dense_share: float
    """The cosine normalised within the question, 0 to 1."""
    lexical_share: float
    """The BM25 score normalised within the question, 0 to 1."""
    dense_weight: float
    words: tuple[str, ...]
    """The same in sentences."""
    exact: bool | None = None
    """Whether the passage holds the quoted phrases and codes of the query; None where none is asked for or found."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage with its scores."""

    passage: Passage
    scores: Scores
    highlights: tuple[Highlight, ...] = ()
    """What matched the words of the query, stems included; in order, without overlap."""
    merged: tuple[Span, ...] = ()
    """The neighbouring passages that are shown as this one, in order; empty where it is a single one. The scores are
    those of the best of them."""
    sentence: Highlight | None = None
    """The sentence whose meaning is nearest to the query's, where it was asked for."""
    explanation: Explanation | None = None
    """How the score came about, where it was asked for."""

    def __repr__(self) -> str:
        place = f"{self.document.id!r}[{self.span.start}:{self.span.end}]"
        return f"<Hit {self.scores.fused:.3f} {place}: {shortened(self.text)}>"

    @property
    def text(self) -> str:
        return self.passage.text

    @property
    def span(self) -> Span:
        return self.passage.span

    @property
    def document(self) -> DocumentInfo:
        return self.passage.document


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search returns: hits best first, and the generation of the collection they were read from."""

    query: str
    hits: tuple[Hit, ...]
    generation: int
    took_ms: float
    corrected: Mapping[str, str] = field(default_factory=dict)
    """Words of the query that no document holds, and the word of the documents that was searched for instead."""
    next: str | None = None
    """The cursor of the next page; None on the last one."""
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    """Milliseconds of each stage: `lexical`, `encode`, `dense`, `fuse`, `mark`; `sentences` where it was asked for."""
    warnings: tuple[str, ...] = ()
    """Why nothing could be found: an empty collection, or a filter that nothing meets."""

    def __repr__(self) -> str:
        return f"<Hits of {shortened(self.query)}: {len(self.hits)}{' and more' if self.next else ''}>"

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, position: int) -> Hit:
        return self.hits[position]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A way to go on from what is being typed."""

    text: str
    kind: Literal["title", "phrase"]
    """A title or heading of a document, or words that stand in one."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What `suggest` returns: suggestions best first, and the generation of the collection they were read from."""

    text: str
    suggestions: tuple[Suggestion, ...]
    generation: int
    took_ms: float

    def __iter__(self) -> Iterator[Suggestion]:
        return iter(self.suggestions)

    def __len__(self) -> int:
        return len(self.suggestions)

    def __getitem__(self, position: int) -> Suggestion:
        return self.suggestions[position]
