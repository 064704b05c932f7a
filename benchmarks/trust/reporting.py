"""Figures with what is needed to repeat them: command, commit, machine, load."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def circumstances() -> str:
    """Machine, commit and load in one line."""
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False, cwd=ROOT).stdout.strip()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    processor = names[0] if names else platform.machine()
    return f"{os.cpu_count()} cores, {processor}, Python {platform.python_version()}; commit {commit}; load {load}"


def in_memory() -> str | None:
    """A folder in memory, where syncing costs nothing: what is tested knows what was synced."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def write_report(out: Path | None, title: str, text: str) -> None:
    """Print `text` under a heading and the command, and store it as Markdown in `out`."""
    # Of files elsewhere on this machine the name alone.
    command = shlex.join(re.sub("(^|(?<==))/.*/", "", word) for word in ["python", *sys.argv])
    report = f"# {title}\n\n`{command}`  \n{circumstances()}\n\n{text}"
    sys.stdout.write(report)
    if out:
        out.write_text(report, encoding="utf-8")


def write_figures(out: Path | None, title: str, text: str, figures: Any) -> None:
    """As `write_report`, and store `figures` as JSON beside it; `out` is given without suffix."""
    write_report(out and out.with_suffix(".md"), title, text)
    if out:
        out.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
