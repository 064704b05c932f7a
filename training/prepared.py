"""The tokenised data of a run on disk: flat NumPy arrays that are memory-mapped, and a small JSON beside them."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

ARRAYS = (
    "context_tokens",
    "context_starts",
    "context_marks",
    "row_context",
    "row_kind",
    "row_first",
    "row_last",
    "row_teacher",
    "question_bytes",
    "question_starts",
)
SENTENCE, WORD = 1, 2


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Contexts and rows of a run.

    `context_tokens[context_starts[i]:context_starts[i + 1]]` are the word pieces (uint16) of context i without special
    tokens, and `context_marks` beside them says where a sentence (bit 1) or a word (bit 2) begins. Row r asks
    `question(r)` on context `row_context[r]`; `row_first`/`row_last` are the answer's first and last token within the
    context, -1 without an answer; `row_teacher` is the base's relevance logit of the whole pair, NaN if not asked.
    """

    folder: Path
    context_tokens: npt.NDArray[np.uint16]
    context_starts: npt.NDArray[np.int64]
    context_marks: npt.NDArray[np.uint8]
    row_context: npt.NDArray[np.int32]
    row_kind: npt.NDArray[np.uint8]
    row_first: npt.NDArray[np.int32]
    row_last: npt.NDArray[np.int32]
    row_teacher: npt.NDArray[np.float32]
    question_bytes: npt.NDArray[np.uint8]
    question_starts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.row_kind.shape[0])

    def question(self, row: int) -> str:
        """The cleaned question of a row."""
        start, end = self.question_starts[row], self.question_starts[row + 1]
        return bytes(self.question_bytes[start:end]).decode("utf-8")

    def context(self, row: int) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8]]:
        """Word pieces and marks of a row's context."""
        number = self.row_context[row]
        start, end = self.context_starts[number], self.context_starts[number + 1]
        return self.context_tokens[start:end], self.context_marks[start:end]

    def save(self) -> None:
        """Write every array into the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ARRAYS:
            np.save(self.folder / f"{name}.npy", getattr(self, name))


def load(folder: Path) -> Prepared:
    """Memory-map the prepared data of a run; raises FileNotFoundError if `prepare` did not finish."""
    if not (folder / "meta.json").exists():
        raise FileNotFoundError(f"{folder} holds no finished data: run `python -m training prepare` first")
    return Prepared(folder, *(np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS))


def meta(folder: Path) -> dict[str, object]:
    """What `prepare` noted: counts, seed, and the digest of the data that training checks on resume."""
    note: dict[str, object] = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    return note


def copy_tokenizer(source: Path, target: Path) -> None:
    """Copy tokenizer.json, and tokenizer_config.json where there is one, between model folders."""
    shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
    if (source / "tokenizer_config.json").exists():
        shutil.copyfile(source / "tokenizer_config.json", target / "tokenizer_config.json")


def load_tokenizer(path: Path) -> Tokenizer:
    """A tokenizer.json with its stored padding and truncation switched off."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
