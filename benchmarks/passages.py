"""How long should passages be, and should they overlap? The same articles split in several ways.

python benchmarks/passages.py squad1.1-dev-a.jsonl.gz --data FOLDER --out benchmarks/results/passages

The contexts of each article of the file are joined into one document, a blank line between them, so that passages are
cut from long texts. Right is a passage that holds a gold answer where it was marked: nDCG@10 is that of the first such
passage, F1 that of the first answer, forced.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from math import log2
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from retrieval import interval

from corpora.vectors import CachedEmbedder, cached_embedder
from spanwise.index import ingest
from spanwise.index.records import Source, Span
from spanwise.index.sentences import sentence_spans
from spanwise.index.splitting import PassageSpan, SplitLimits
from spanwise.qa.collection import Collection
from spanwise.qa.evaluation.corpus import stored_id
from spanwise.qa.evaluation.datasets import Row, read_rows, sample
from spanwise.qa.evaluation.metrics import score_text
from trust.reporting import write_figures

_split = ingest.split
_SHIPPED = SplitLimits()


@dataclass(frozen=True, slots=True)
class Way:
    """A way of splitting; `overlap` is how many sentences of the passage before each passage begins with."""

    target: int
    most: int
    overlap: int = 0

    @property
    def limits(self) -> SplitLimits:
        return SplitLimits(target=self.target, most=self.most)


WAYS = {
    "short": Way(100, 130),
    "as shipped": Way(_SHIPPED.target, _SHIPPED.most),
    "long": Way(225, 250),
    "as shipped, one sentence of overlap": Way(_SHIPPED.target, _SHIPPED.most, overlap=1),
}
"""The embedding model reads 254 tokens, so `long` is as long as a passage may be."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, its gold answers, and where they stand: the document's stored id, and spans of its text."""

    question: str
    golds: tuple[str, ...]
    document: str
    spans: tuple[Span, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="SQuAD-format file")
    parser.add_argument("--data", type=Path, required=True, help="keeps vectors, as for retrieval.py")
    parser.add_argument("--questions", type=int, default=500, help="searched for")
    parser.add_argument("--answers", type=int, default=100, help="so many of them are answered too")
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    options = parser.parse_args()
    articles, asked = joined(read_rows(options.corpus))
    embedder = cached_embedder(options.data)
    report = {}
    for name, way in WAYS.items():
        report[name] = measure(way, articles, sample(asked, options.questions), options.answers, embedder)
        sys.stderr.write(f"{name}: {report[name]['words']} words, nDCG {100 * np.mean(report[name]['ndcg10']):.1f}\n")
    means = {
        name: one | {figure: 100 * float(np.mean(one[figure])) for figure in ("ndcg10", "f1")}
        for name, one in report.items()
    }
    write_figures(options.out, "Length and overlap of passages", as_markdown(report), means)


def joined(rows: Sequence[Row]) -> tuple[dict[str, str], list[Asked]]:
    """Articles by stored id, and the answerable questions."""
    places: dict[tuple[str, str], int] = {}
    articles: dict[str, str] = {}
    for row in rows:
        name = stored_id(row.title)
        if (name, row.context) not in places:
            before = f"{articles[name]}\n\n" if name in articles else ""
            places[name, row.context] = len(before)
            articles[name] = before + row.context
    asked = []
    for row in (row for row in rows if row.answerable):
        name = stored_id(row.title)
        shift = places[name, row.context]
        spans = [Span(shift + gold.start, shift + gold.start + len(gold.text)) for gold in row.answers]
        asked.append(Asked(row.question, row.golds, name, tuple(spans)))
    return articles, asked


def measure(
    way: Way, articles: dict[str, str], asked: Sequence[Asked], answers: int, embedder: CachedEmbedder
) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory() as folder,
        splitting(way),
        Collection.open(Path(folder), "passages", embedder=embedder) as collection,
    ):
        collection.add([Source(text, id=name) for name, text in articles.items()])
        with collection._store.reading() as view:
            texts = view._connection.execute("SELECT text FROM passages").fetchall()  # type: ignore[attr-defined]
        words = sorted(len(text.split()) for (text,) in texts)
        tenths = statistics.quantiles(words, n=10)
        found = [gain(collection, one) for one in asked]
        f1 = [forced_f1(collection, one) for one in sample(asked, answers)]
    return {
        "passages": len(words),
        "words": f"{tenths[1]:.0f} to {tenths[7]:.0f}",
        "ndcg10": found,
        "f1": f1,
    }


@contextmanager
def splitting(way: Way) -> Iterator[None]:
    """Documents are split in `way` for as long as the block lasts."""

    def overlapping(text: str, *rest: Any, **named: Any) -> list[PassageSpan]:
        return overlapped(text, _split(text, *rest, **named), way.overlap)

    limits: Callable[[int], SplitLimits] = lambda max_tokens: way.limits  # noqa: E731
    with patch.object(SplitLimits, "for_model", limits), patch.object(ingest, "split", overlapping):
        yield


def overlapped(text: str, passages: list[PassageSpan], sentences: int) -> list[PassageSpan]:
    """`passages`, each begun with the last `sentences` of the one before."""
    if not sentences:
        return passages
    starts = [start for start, _ in sentence_spans(text)]
    begun = passages[:1]
    for before, one in pairwise(passages):
        inside = [start for start in starts if before.span.start <= start < one.span.start]
        start = inside[-sentences] if len(inside) > sentences else one.span.start
        begun.append(PassageSpan(Span(start, one.span.end), one.heading))
    return begun


def gain(collection: Collection, one: Asked) -> float:
    """nDCG@10 where the first passage with the answer is the only right one."""
    for place, hit in enumerate(collection.search(one.question, 10, merge=False), 1):
        holds = any(hit.span.start <= span.start and span.end <= hit.span.end for span in one.spans)
        if holds and hit.document.id == one.document:
            return 1 / log2(place + 1)
    return 0.0


def forced_f1(collection: Collection, one: Asked) -> float:
    answers = collection.ask(one.question, top_k=1).answers
    return score_text(answers[0].text if answers else "", one.golds).f1


def as_markdown(report: dict[str, Any]) -> str:
    shipped = report["as shipped"]
    count = f"{len(shipped['ndcg10'])} questions searched, {len(shipped['f1'])} of them answered"
    lines = [f"{count}. Words: from the 20th to the 80th of 100 passages.", ""]
    lines += ["| split | passages | words | nDCG@10 | less as shipped | F1, forced | less as shipped |"]
    lines.append("|---|---:|---:|---:|---:|---:|---:|")
    for name, one in report.items():
        cells = [name, f"{one['passages']:,}", one["words"]]
        for figure in ("ndcg10", "f1"):
            less = interval(one[figure], shipped[figure])
            said = f"{less['mean']:+.1f} ({less['low']:+.1f} to {less['high']:+.1f})" if one is not shipped else ""
            cells += [f"{100 * np.mean(one[figure]):.1f}", said]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
