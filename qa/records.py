"""The nouns of answering: Answer and AskResult. All offsets are code points of the document's text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..index.markup import strip_markup
from ..index.records import DocumentInfo, Location, Passage, Span, shortened


@dataclass(frozen=True, slots=True)
class Support:
    """Another place that says the same."""

    document_id: str
    span: Span


@dataclass(frozen=True, slots=True)
class Answer:
    """Words of a document that answer the question: `document.text[span.start:span.end] == text`."""

    text: str
    probability: float
    """P(this answer is right), 0 to 1; see `AskResult.calibrated` for whether that was fitted."""
    span: Span
    span_utf16: Span
    passage: Passage
    support: tuple[Support, ...] = ()
    """The other spans that say the same, best first; the answer's own span is not among them."""
    location: Location | None = None
    """Where the answer stands in its source: page and rectangles, element and link, line and column."""

    def __repr__(self) -> str:
        place = f"{self.document.id!r}[{self.span.start}:{self.span.end}]"
        return f"<Answer {shortened(self.text)} ({self.probability:.2f}) {place}>"

    @property
    def plain(self) -> str:
        """`text` for people: on one line, without Markdown's marks and the targets of links."""
        return " ".join(strip_markup(self.text).split())

    @property
    def document(self) -> DocumentInfo:
        return self.passage.document

    @property
    def page(self) -> int | None:
        return self.location.page if self.location and self.location.page else self.passage.page

    @property
    def heading(self) -> tuple[str, ...]:
        return self.passage.heading


@dataclass(frozen=True, slots=True)
class AskResult:
    """What `ask` returns: answers best first, even when `answerable` is false."""

    question: str
    answerable: bool
    """Whether the best answer is good enough to be shown as one."""
    no_answer_probability: float
    """P(nothing that was read answers the question), 0 to 1."""
    calibrated: bool
    """Whether the probabilities were fitted on labelled questions."""
    answers: tuple[Answer, ...]
    generation: int
    """The generation of the collection that was read."""
    took_ms: float
    warnings: tuple[str, ...] = ()
    """Sentences for people: why these answers deserve less trust than their probabilities say."""
    corrected: Mapping[str, str] = field(default_factory=dict)
    """Words of the question that no document holds, and the word of the documents that was searched for instead. The
    reading model sees these too, in place of words it does not know."""
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    """How long each stage took: `lexical`, `encode`, `dense`, `fuse`, `read`, `decide`, `confirm`; of a kept
    answer only the last."""

    def __repr__(self) -> str:
        said = [f"{shortened(one.text)} ({one.probability:.2f})" for one in self.answers[:1]]
        said += [f"{len(self.answers) - 1} more"] if len(self.answers) > 1 else []
        nearest = "" if self.answerable else "no answer; nearest: " if said else "no answer"
        return f"<AskResult of {shortened(self.question)}: {nearest}{', '.join(said)}>"

    @property
    def best(self) -> Answer | None:
        """The best answer when the question is answerable, else None."""
        return self.answers[0] if self.answerable else None

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)

    def __len__(self) -> int:
        return len(self.answers)

    def __getitem__(self, position: int) -> Answer:
        return self.answers[position]
