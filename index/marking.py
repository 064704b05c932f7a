"""What is shown of a hit besides its words: what matched, the nearest sentence, and how its score came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from .embedding import Embedder, Vectors
from .fusion import Fused
from .markup import blank_markup
from .ranking import SEARCH_WEIGHT, Ranked, union
from .records import Passage, Span
from .results import Explanation, Highlight, Hit, TermScore
from .sentences import sentence_spans
from .store import PassageKey, Ranges, Terms, View, WordQuery
from .vectors import inner_products


def as_hits(view: View, words: WordQuery, groups: Sequence[list[Ranked]], *, explain: bool) -> list[Hit]:
    """A hit for each group of neighbours, with what matched in it."""
    matches = view.matches(words, {one.candidate.key: one.passage.text for group in groups for one in group})
    hits = []
    for group in groups:
        passage = union(view, group)
        merged = tuple(sorted(one.passage.span for one in group)) if len(group) > 1 else ()
        hit = Hit(passage, group[0].scores, highlights(group, matches, passage), merged)
        if explain:
            hit = replace(hit, explanation=explanation(group, view.terms(words, group[0].candidate.key)))
        hits.append(hit)
    return hits


def highlights(
    group: Sequence[Ranked], matches: Mapping[PassageKey, Ranges], passage: Passage
) -> tuple[Highlight, ...]:
    """What matched in `passage`, which covers those of `group`, in order and without overlap."""
    found = sorted(
        (one.passage.span.start + start, one.passage.span.start + end)
        for one in group
        for start, end in matches.get(one.candidate.key, ())
    )
    joined: list[tuple[int, int]] = []
    for start, end in found:
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(highlight(passage, Span(start, end)) for start, end in joined)


def highlight(passage: Passage, span: Span) -> Highlight:
    """`span` of the document, which lies in `passage`, in both ways of counting."""
    shift = passage.span.start
    inner = Span(span.start - shift, span.end - shift).utf16(passage.text)
    shift = passage.span_utf16.start
    return Highlight(span, Span(shift + inner.start, shift + inner.end))


def nearest_sentences(passages: Sequence[Passage], vector: Vectors, embedder: Embedder) -> list[Highlight | None]:
    """The sentence of each passage whose meaning is nearest to the query's `vector`; the first where some tie."""
    spans: list[list[Span]] = []
    for passage in passages:
        seen = blank_markup(passage.text)
        bounds = [_trimmed(seen, start, end) for start, end in sentence_spans(passage.text)]
        spans.append([Span(start, end) for start, end in bounds if start < end])
    texts = [
        span.of(blank_markup(passage.text)) for passage, some in zip(passages, spans, strict=True) for span in some
    ]
    scores = inner_products(embedder.embed_passages(texts), vector).tolist() if texts else []
    found: list[Highlight | None] = []
    for passage, some in zip(passages, spans, strict=True):
        mine, scores = scores[: len(some)], scores[len(some) :]
        if not some:
            found.append(None)
            continue
        best = some[mine.index(max(mine))]
        shift = passage.span.start
        found.append(highlight(passage, Span(shift + best.start, shift + best.end)))
    return found


def explanation(group: Sequence[Ranked], terms: Terms) -> Explanation:
    """How the score of the best passage of `group` came about."""
    best = group[0]
    one = best.candidate
    counted = tuple(TermScore(word, score) for word, score in terms.counted)
    words = _meaning(one) + _words(one, counted, terms.left_out)
    if one.exact is not None:
        words.append("Exact words: " + ("held, the upper half." if one.exact else "not held, the lower half."))
    words.append(f"Score: {_sum(one)} = {one.fused:.3f}.")
    if best.relevance is not None:
        total = best.relevance + SEARCH_WEIGHT * one.fused
        words.append(
            f"Re-ranked: the reading model gives the passage a relevance of {best.relevance:.2f}; "
            f"{best.relevance:.2f} + {SEARCH_WEIGHT:g} × {one.fused:.3f} = {total:.2f}."
        )
    if len(group) > 1:
        words.append(f"Shown as one with {len(group) - 1} neighbouring; the scores are those of the best.")
    return Explanation(
        counted, terms.left_out, one.dense_share, one.lexical_share, one.dense_weight, tuple(words), one.exact
    )


def _meaning(one: Fused) -> list[str]:
    if one.dense is None:
        return []
    return [
        f"Meaning: cosine {one.dense:.3f}; 0 for the farthest and 1 for the nearest candidate: {one.dense_share:.3f}."
    ]


def _words(one: Fused, counted: Sequence[TermScore], left_out: Sequence[str]) -> list[str]:
    said = []
    if one.lexical is not None:
        parts = ", ".join(f"“{term.word}” {term.score:.2f}" for term in counted if term.score)
        said.append(f"Words: BM25 {one.lexical:.2f} ({parts}); 1 for the best candidate: {one.lexical_share:.3f}.")
    elif counted and one.dense_weight < 1:
        said.append("Words: none that counts.")
    if left_out:
        said.append(f"Left out as too common: {', '.join(f'“{word}”' for word in left_out)}.")
    return said


def _sum(one: Fused) -> str:
    parts = [(one.dense_weight, one.dense_share, "meaning"), (1 - one.dense_weight, one.lexical_share, "words")]
    said = " + ".join(f"{weight:.2f} × {share:.3f} {what}" for weight, share, what in parts if weight)
    return said if one.exact is None else f"({said}) ÷ 2" + " + 0.5 exact words" * one.exact


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip()), end - (len(inner) - len(inner.rstrip()))
