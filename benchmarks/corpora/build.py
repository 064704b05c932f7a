"""Builds collections of real text with vectors: 2,000, 100,000 or 1,000,000 passages, the same at every run.

python benchmarks/corpora/build.py 2000 100000 --cache FOLDER --embedded squad-dev-a --corpora squad-dev-a=FILE …

The texts of the data sets enter in the order given, each once, split as the product does. Those of `--embedded` sets,
which come first, are embedded once for all runs (a run that was cut off goes on where it was). The vectors of all other
passages are made, not embedded: a linear map of their tokens (`vectors.py`). Where there are too few passages, other
windows of the same texts follow, with vectors made from those of the passages they overlap (`windows.py`): nine tenths
of 1,000,000, which take 400 s of processor time and 2.5 GB. Searching
takes as long as among real vectors; what dense search finds among made ones says nothing of quality. Documents carry
their titles, which are suggested but, as in the evaluation, not indexed with the passages.

FOLDER/corpora/SIZE is then a data folder (`spanwise.open(FOLDER/corpora/SIZE, "corpus")`) with corpus.json, which says
what is in it, and questions.jsonl, every question of the data sets whose documents are all there:
{question, relevant: ids of documents, answers: gold answers, or none where the set has no spans, source}.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from corpora.texts import Question, judged_corpus, named, questions, sources
from corpora.vectors import CachedEmbedder, MappedEmbedder, cached_embedder
from corpora.windows import window_documents, windows
from spanwise.index.collection import open_store
from spanwise.index.embedding import Fingerprint
from spanwise.index.ingest import draft
from spanwise.index.markup import blank_markup
from spanwise.index.splitting import SplitLimits
from spanwise.index.store import DocumentDraft
from spanwise.settings import Settings

T = TypeVar("T")
NAME = "corpus"
_TOGETHER = 500
"""Documents stored in one transaction."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="*", help="passages; none: only embed the texts")
    parser.add_argument("--corpora", nargs="+", metavar="NAME=CORPUS", required=True)
    parser.add_argument("--embedded", nargs="+", metavar="NAME", required=True, help="sets embedded by the model")
    parser.add_argument("--cache", type=Path, required=True, help="keeps vectors and corpora; outside of the checkout")
    options = parser.parse_args()
    embedder = cached_embedder(options.cache)
    limits = SplitLimits.for_model(embedder.max_tokens)
    missing = [size for size in options.sizes if not (corpus_folder(options.cache, size) / "corpus.json").exists()]
    documents: list[DocumentDraft] = []
    asked: dict[str, list[Question]] = {}
    first: dict[str, str] = {}  # text to the id of its document
    mapped: MappedEmbedder | None = None
    real, started = 0, time.perf_counter()
    for name, path in named(options.corpora).items():
        if options.sizes and sum(len(one.passages) for one in documents) >= max(missing, default=0):
            break
        corpus = judged_corpus(path, titles=True)
        given = sources(corpus)
        fresh = list({one.text: one for one in given if one.text not in first}.values())
        first |= {one.text: str(one.id) for one in fresh}
        same = {str(one.id): first[one.text] for one in given}
        asked[name] = [
            replace(one, relevant=tuple(dict.fromkeys(same.get(key, key) for key in one.relevant)))
            for one in questions(path, corpus)
        ]
        if name not in options.embedded and mapped is None:
            mapped = fitted(documents, embedder)
        by = embedder if name in options.embedded or mapped is None else mapped
        for batch in batched(fresh, _TOGETHER):
            made = draft([replace(one, title=None) for one in batch], by, limits)
            documents += [
                replace(one, title=source.title) for one, source in zip(made, batch, strict=True) if one.passages
            ]
            sys.stderr.write(f"\r{name}: {sum(len(one.passages) for one in documents):,} passages so far")
        sys.stderr.write("\n")
        if name in options.embedded:
            real = sum(len(one.passages) for one in documents)
    splitting = round(time.perf_counter() - started, 1)
    for size in missing:
        figures: dict[str, Any] = {"seconds of reading and splitting, all sizes": splitting}
        figures |= build(corpus_folder(options.cache, size), size, documents, asked, embedder.fingerprint)
        figures |= {"embedded": min(real, size), "cosine of mapped vectors": mapped.cosine if mapped else None}
        (corpus_folder(options.cache, size) / "corpus.json").write_text(json.dumps(figures, indent=1) + "\n")
        sys.stderr.write(f"{figures}\n")


def corpus_folder(cache: Path, size: int) -> Path:
    """The data folder of the corpus of `size` passages."""
    return cache / "corpora" / str(size)


def build(
    folder: Path,
    size: int,
    documents: Sequence[DocumentDraft],
    asked: dict[str, list[Question]],
    fingerprint: Fingerprint,
) -> dict[str, Any]:
    """Store exactly `size` passages in `folder`, and the questions; what there is of each, and the seconds it took."""
    shutil.rmtree(folder, ignore_errors=True)
    started = time.perf_counter()
    base = list(first_passages(documents, size))
    ids = {one.id for one in base}
    lacking = size - sum(len(one.passages) for one in base)
    with closing(open_store(folder, NAME, create=True, settings=Settings())) as store:
        store.set_fingerprint(fingerprint)
        further = window_documents(base, windows(base, lacking)) if lacking else iter(())
        done = 0
        for part in (iter(base), further):
            for batch in batched(part, _TOGETHER):
                store.add(batch, replace=False)
                done += sum(len(one.passages) for one in batch)
                sys.stderr.write(f"\r{size:,}: {done:,} passages stored, {time.perf_counter() - started:.0f} s")
        stored = time.perf_counter()
        store.build_index()  # of lists, where there are so many; it would be made at the first searches
    lines = [
        {"question": one.text, "relevant": one.relevant, "answers": one.answers, "source": name}
        for name, each in asked.items()
        for one in each
        if ids.issuperset(one.relevant)
    ]
    (folder / "questions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return {
        "passages": size,
        "split as the product does": size - lacking,
        "other windows": lacking,
        "questions": len(lines),
        "seconds of storing": round(stored - started, 1),
        "seconds of the vector index": round(time.perf_counter() - stored, 1),
        "seconds of processor time so far": round(time.process_time(), 1),
    }


def fitted(documents: Sequence[DocumentDraft], embedder: CachedEmbedder) -> MappedEmbedder:
    """Made vectors like those of `documents`."""
    texts = [passage.span.of(blank_markup(one.text)) for one in documents for passage in one.passages]
    return MappedEmbedder(embedder, texts, embedder.embed_passages(texts))


def first_passages(documents: Iterable[DocumentDraft], most: int) -> Iterator[DocumentDraft]:
    """Documents as long as their passages are at most `most`; the last one as far as it goes."""
    for document in documents:
        if most <= 0:
            return
        kept = min(most, len(document.passages))
        yield replace(document, passages=document.passages[:kept], vectors=document.vectors[:kept])
        most -= kept


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


if __name__ == "__main__":
    main()
