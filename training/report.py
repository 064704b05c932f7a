"""`report`: the learning curve of a run as a table, from its log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

FIGURES = ("em", "f1", "has_f1", "no_ans", "forced_f1")


def read_log(path: Path) -> list[dict[str, Any]]:
    """The entries of a log in order of steps; of a step trained twice after a kill, the later counts."""
    with path.open(encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    last: dict[tuple[int, str], dict[str, Any]] = {}
    for entry in entries:
        kind = "held_out" if "held_out" in entry else "loss" if "loss" in entry else "started"
        last[entry["step"], kind] = entry
    return [last[key] for key in sorted(last)]


def curve(entries: list[dict[str, Any]]) -> str:
    """A Markdown table with a line per evaluation: mean losses since the one before, speed, figures of both weights."""
    head = ["tokens (M)", "span loss", "relevance loss", "distil", "tokens/s"]
    head += [*FIGURES, *(f"{name} avg" for name in FIGURES)]
    lines = ["| " + " | ".join(head) + " |", "|" + " ---: |" * len(head)]
    window: list[dict[str, Any]] = []
    for entry in entries:
        if "loss" in entry:
            window.append(entry)
        elif "held_out" in entry and window:
            means = [float(np.mean([e[key] for e in window])) for key in ("span", "relevance", "distil")]
            speed = float(np.median([e["tokens_per_second"] for e in window]))
            cells = [f"{entry['tokens'] / 1e6:.1f}", *(f"{mean:.3f}" for mean in means), f"{speed:.0f}"]
            for weights in ("held_out", "held_out_average"):
                cells += [f"{entry[weights][name]:.1f}" for name in FIGURES]
            lines.append("| " + " | ".join(cells) + " |")
            window = []
    return "\n".join(lines)


def report(run: Path) -> str:
    """Markdown for the trunk and every cool-down of a run folder."""
    parts = []
    for folder in [run, *sorted(run.glob("cooldown-*"))]:
        if (folder / "log.jsonl").exists():
            entries = read_log(folder / "log.jsonl")
            last = max(entries, key=lambda entry: entry["tokens"])
            title = "Trunk" if folder == run else f"Cool-down {folder.name}"
            parts.append(f"## {title}: {last['tokens'] / 1e6:.2f}M tokens, {last['step']} steps\n\n{curve(entries)}\n")
    return "\n".join(parts)
