"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Figures = dict[str, Any]


def markdown(report: Figures) -> str:
    """Tables of what was measured, a row for each system that was."""
    material, systems = report["material"], report["systems"]
    lines = [
        "# Beside Haystack, txtai, bm25s and flat FAISS (`python benchmarks/peers/run.py`)",
        "",
        f"Machine {material['machine']}. Corpus {material['corpus']}. Every system is given the whole contexts: the "
        f"peers take them as their passages, Spanwise splits them as it would any document; they read "
        f"{material['read_at_most']} passages at most. {material['questions']} seeded questions, each asked once after "
        f"the warm-up; no system caches answers. Indexing: {material['indexing']}. Embedding model of all: "
        f"{material['embedding']}. Reader of the peers: "
        f"{material['peers_reader']} in float32; of Spanwise: as shipped. Processor ms: processor time of all threads.",
        "",
    ]
    for title, stage, columns in TABLES:
        shown = {name: stages[stage] for name, stages in systems.items() if stage in stages}
        if not shown:
            continue
        lines += [f"## {title}", "", "| | " + " | ".join(columns) + " |", "|---" + "|---:" * len(columns) + "|"]
        for name, figures in shown.items():
            lines.append(f"| {name} | " + " | ".join(str(value(figures)) for value in columns.values()) + " |")
        lines.append("")
    lines += ["## How each was set", ""]
    for name, stages in systems.items():
        about = stages.get("answer", {}).get("about", {})
        said = ", ".join(f"{key} {value}" for key, value in about.items() if key != "settings")
        if about:
            lines.append(f"- {name}: {said}. {about['settings']}.")
    errors = [
        (name, stages["answer"]["errors"]) for name, stages in systems.items() if stages.get("answer", {}).get("errors")
    ]
    lines += [f"- errors of {name} while answering: {found}" for name, found in errors]
    runs = [(stage["commit"], stage["load_before"]) for stages in systems.values() for stage in stages.values()]
    commits = sorted({commit for commit, _ in runs})
    loads = [load for _, load in runs]
    if runs:
        lines.append(
            f"- Measured at {', '.join(commits)}; load of the machine before a stage {min(loads)} to {max(loads)}."
        )
    return "\n".join(lines) + "\n"


def best(figures: Figures) -> str:
    """Of sixteen clients, with how many at a time it was reached."""
    at_once, found = max(figures["sixteen_clients"].items(), key=lambda pair: pair[1]["answers_per_second"])
    return f"{found['answers_per_second']} ({at_once})"


def unlike(figures: Figures) -> str:
    shown = figures["sixteen_clients"].items()
    return ", ".join(f"{one['other_than_alone']} ({at_once})" for at_once, one in shown)


def of(part: str, whole: str) -> Callable[[Figures], str]:
    return lambda figures: f"{figures[part]} of {figures[whole]}" if figures[whole] else "none"


def plain(name: str) -> Callable[[Figures], Any]:
    return lambda figures: figures[name]


Columns = dict[str, Callable[[Figures], Any]]
TABLES: tuple[tuple[str, str, Columns], ...] = (
    (
        "Answers: quality and places",
        "answer",
        {
            "EM": plain("em"),
            "F1": plain("f1"),
            "answered": of("answers", "questions"),
            "`text[start:end] == answer`": of("span_right", "with_span"),
            "passage named holds the words": of("passage_holds_words", "with_passage"),
        },
    ),
    (
        "Answers: latency and memory",
        "answer",
        {
            "p50 ms": plain("p50_ms"),
            "p95 ms": plain("p95_ms"),
            "processor ms": plain("processor_ms"),
            "resident MB": plain("resident_mb"),
            "most MB": plain("most_mb"),
        },
    ),
    (
        "Answers a second",
        "clients",
        {
            "1 client": plain("one_client"),
            "16 clients (handled at a time)": best,
            "other answers than to 1 client (handled at a time)": unlike,
            "questions": plain("questions"),
        },
    ),
    ("Cold start to the first answer", "cold", {"seconds": plain("seconds")}),
    (
        "Search, 10 passages",
        "search",
        {
            "p50 ms": plain("p50_ms"),
            "p95 ms": plain("p95_ms"),
            "processor ms": plain("processor_ms"),
            "own passage among them %": plain("recall_at_10"),
        },
    ),
    (
        "Indexing, to disk",
        "index",
        {
            "tokens/s": plain("tokens_per_second"),
            "seconds": plain("seconds"),
            "processor s": plain("processor_seconds"),
            "most MB": plain("most_mb"),
        },
    ),
)
