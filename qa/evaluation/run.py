"""The three evaluations, from a path to a report that can be printed as JSON.

Every report holds `task`, `data` (name and digest of what was read), `limit` and `seed` of the sample, `seconds` of the
whole run, and what was judged: `reader` and `embedding_model`. Numbers are rounded to four decimals.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...index.embedding_choice import configured_embedder
from ...settings import Settings
from ..calibration import beside_reader
from ..reading import load_reader
from .answers import BASELINES, evaluate_answers
from .corpus import indexed
from .datasets import contexts, read_judged, read_rows, sample
from .files import digest
from .metrics import rounded
from .progress import Progress, Steps
from .reading import evaluate_reading
from .retrieval import evaluate_retrieval

if TYPE_CHECKING:
    from ...index.embedding import Embedder
    from ...index.ranking import Mode
    from ..reading import Reader


def run_reading(
    file: Path,
    *,
    limit: int | None = None,
    seed: int = 0,
    settings: Settings | None = None,
    reader: Reader | None = None,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """`spanwise eval reading FILE`: the reading model, given the gold passage; see `reading.summarise_reading`.

    Probabilities are those of the calibration that lies with the reader, uncalibrated without one.
    Raises SourceError for a file that cannot be used, LimitError for a `limit` below 1, ModelError.
    """
    started = time.perf_counter()
    settings = Settings.from_environment() if settings is None else settings
    rows = sample(read_rows(file), limit, seed)
    reader = load_reader(settings.reader, settings.threads) if reader is None else reader
    calibration = beside_reader(settings.reader, reader.fingerprint)
    figures = evaluate_reading(rows, reader, calibration=calibration, on_step=Steps(len(rows), on_progress))
    return _report(
        "reading",
        {"name": file.name, "sha256": digest([file])},
        {"limit": limit, "seed": seed, "reader": reader.fingerprint, "threshold": reader.threshold},
        figures,
        started,
    )


def run_answers(
    file: Path,
    *,
    limit: int | None = None,
    seed: int = 0,
    titles: bool = False,
    baselines: bool = True,
    data: Path | None = None,
    settings: Settings | None = None,
    embedder: Embedder | None = None,
    reader: Reader | None = None,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """`spanwise eval answers FILE`: the whole engine; all contexts of the file are the corpus, whatever the `limit`.

    `titles` adds the articles' titles to the documents. `baselines` also reads the first passage of a lexical and of a
    dense search. `data` keeps the index for the next run (see `corpus.indexed`). For the figures see
    `answers.summarise_answers`. Raises SourceError, LimitError, ModelError, StorageError.
    """
    started = time.perf_counter()
    settings = Settings.from_environment() if settings is None else settings
    everything = read_rows(file)
    rows = sample(everything, limit, seed)
    documents = contexts(everything, titles=titles)
    reader = load_reader(settings.reader, settings.threads) if reader is None else reader
    embedder = configured_embedder(settings, None) if embedder is None else embedder
    on_step = Steps(len(documents) + len(rows) * (1 + len(BASELINES) * baselines), on_progress)
    with indexed(
        documents, data=data, settings=settings, embedder=embedder, reader=reader, on_step=on_step
    ) as collection:
        figures = evaluate_answers(rows, collection, baseline_reader=reader if baselines else None, on_step=on_step)
    return _report(
        "answers",
        {"name": file.name, "sha256": digest([file]), "documents": len(documents), "titles": titles},
        {
            "limit": limit,
            "seed": seed,
            "reader": reader.fingerprint,
            "threshold": reader.threshold,
            "embedding_model": embedder.fingerprint.as_dict(),
        },
        figures,
        started,
    )


def run_retrieval(
    folder: Path,
    *,
    mode: Mode = "hybrid",
    limit: int | None = None,
    seed: int = 0,
    data: Path | None = None,
    settings: Settings | None = None,
    embedder: Embedder | None = None,
    reader: Reader | None = None,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """`spanwise eval retrieval DIR`: search alone, on a BEIR folder or on the contexts of a file of labelled questions.

    `limit` draws queries; all documents are searched. `data` keeps the index for the next run (see `corpus.indexed`).
    For the figures see `retrieval.evaluate_retrieval`. Raises SourceError, LimitError, ModelError, StorageError.
    """
    started = time.perf_counter()
    settings = Settings.from_environment() if settings is None else settings
    corpus, sha256 = read_judged(folder)
    queries = sample(corpus.queries, limit, seed)
    embedder = configured_embedder(settings, None) if embedder is None else embedder
    on_step = Steps(len(corpus.documents) + len(queries), on_progress)
    with indexed(
        corpus.documents, data=data, settings=settings, embedder=embedder, reader=reader, on_step=on_step
    ) as collection:
        figures = evaluate_retrieval(queries, collection, mode=mode, on_step=on_step)
    return _report(
        "retrieval",
        {
            "name": folder.resolve().name,
            "sha256": sha256,
            "documents": len(corpus.documents),
            "empty_documents": corpus.empty_documents,
            "missing_documents": corpus.missing_documents,
        },
        {"mode": mode, "limit": limit, "seed": seed, "embedding_model": embedder.fingerprint.as_dict()},
        figures,
        started,
    )


def _report(
    task: str, data: dict[str, Any], judged: dict[str, Any], figures: dict[str, Any], started: float
) -> dict[str, Any]:
    seconds = time.perf_counter() - started
    report: dict[str, Any] = rounded({"task": task, **figures, "data": data, **judged, "seconds": seconds})
    return report
