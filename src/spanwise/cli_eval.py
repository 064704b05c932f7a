"""`spanwise eval`: measure reading, answering or retrieval on labelled data."""

from __future__ import annotations

import argparse
from typing import Any

from .cli_shared import AddCommand, a_path, print_json
from .settings import Settings


def add_commands(command: AddCommand) -> None:
    """Add the command; `command` makes a parser for one."""
    parser = command("eval", _eval, "Measure reading, answering or retrieval on labelled data; prints JSON.")
    parser.add_argument("task", choices=("reading", "answers", "retrieval"))
    parser.add_argument(
        "path", type=a_path, metavar="FILE|DIR", help="SQuAD JSON or JSONL, gz or not; or a BEIR folder"
    )
    parser.add_argument("--limit", type=int, help="questions in a seeded sample (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mode", choices=("hybrid", "dense", "lexical"), default="hybrid", help="for retrieval")
    parser.add_argument("--titles", action="store_true", help="index the articles' titles too (answers, retrieval)")
    parser.add_argument("--no-baselines", action="store_true", help="skip the BM25 and dense baselines of `answers`")


def _eval(options: argparse.Namespace, settings: Settings) -> int:
    from .cli_output import progress_bar
    from .qa.evaluation.run import run_answers, run_reading, run_retrieval

    sample: dict[str, Any] = {"limit": options.limit, "seed": options.seed, "settings": settings}
    # A collection folder given with --data is kept and reused; without one the index lives as long as the run.
    indexed: dict[str, Any] = {**sample, "data": options.data}
    with progress_bar(options.task) as on_progress:
        if options.task == "reading":
            report = run_reading(options.path, **sample, on_progress=on_progress)
        elif options.task == "answers":
            report = run_answers(
                options.path,
                titles=options.titles,
                baselines=not options.no_baselines,
                **indexed,
                on_progress=on_progress,
            )
        else:
            report = run_retrieval(options.path, mode=options.mode, **indexed, on_progress=on_progress)
    print_json(report)
    return 0
