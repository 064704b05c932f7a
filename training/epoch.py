"""One epoch's view of the data: questions changed, contexts cropped, rows put into batches of one shape each."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from .config import AugmentConfig, Config
from .prepared import SENTENCE, WORD, Prepared
from .questions import augment

Ints = npt.NDArray[np.int64]
CLS, SEP = 101, 102


@dataclasses.dataclass(frozen=True)
class Example:
    """One row as the model sees it: [CLS] question [SEP] passage [SEP], `ids` (length,) uint16.

    `passage` is the position of the first passage token; `start`/`end` are positions of the answer's first and last
    token, both 0 without an answer.
    """

    ids: npt.NDArray[np.uint16]
    passage: int
    start: int
    end: int


@dataclasses.dataclass(frozen=True)
class Batch:
    """Arrays of one shape (rows, length), and per row: answer positions, kind and teacher logit (NaN if none)."""

    input_ids: Ints
    attention_mask: Ints
    token_type_ids: Ints
    start: Ints
    end: Ints
    kind: npt.NDArray[np.uint8]
    teacher: npt.NDArray[np.float32]


def window(marks: npt.NDArray[np.uint8], first: int, last: int, size: int, rng: np.random.Generator) -> tuple[int, int]:
    """A slice (begin, end) of at most `size` tokens that holds tokens first..last, at a random place.

    Begins and ends with a sentence where one fits, else with a word, else anywhere. An answer longer than `size` is
    cut at its end.
    """
    total = marks.shape[0]
    if total <= size:
        return 0, total
    last = min(last, first + size - 1)
    lowest, highest = max(0, last + 1 - size), first
    begin = _draw(marks, lowest, highest, rng)
    end = min(total, begin + size)
    if end < total:
        ends = np.flatnonzero(marks[last + 1 : end + 1] & SENTENCE) if end > last else np.zeros(0, dtype=np.int64)
        words = np.flatnonzero(marks[last + 1 : end + 1] & WORD)
        if ends.size:
            end = last + 1 + int(ends[-1])
        elif words.size:
            end = last + 1 + int(words[-1])
    return begin, end


def _draw(marks: npt.NDArray[np.uint8], lowest: int, highest: int, rng: np.random.Generator) -> int:
    for mark in (SENTENCE, WORD):
        places = np.flatnonzero(marks[lowest : highest + 1] & mark)
        if places.size:
            return lowest + int(places[int(rng.integers(places.size))])
    return int(rng.integers(lowest, highest + 1))


def example(
    data: Prepared, row: int, question: list[int], config: AugmentConfig, rng: np.random.Generator, plain: bool
) -> Example:
    """Put one row together; `plain` keeps the context whole, as far as `max_tokens` allows."""
    tokens, marks = data.context(row)
    question = question[: config.max_question_tokens]
    room = config.max_tokens - len(question) - 3
    first, last = int(data.row_first[row]), int(data.row_last[row])
    answered = first >= 0
    if not answered:  # cropped around a random token, so that length and place say nothing about the answer
        first = last = int(rng.integers(tokens.shape[0]))
    size = room
    crop = rng.random() < config.crop
    words = int(rng.integers(config.crop_words[0], config.crop_words[1] + 1))
    if crop and not plain:
        per_word = tokens.shape[0] / max(1, int(np.count_nonzero(marks & WORD)))
        size = min(room, max(last - first + 1, round(words * per_word)))
    begin, end = window(marks, first, last, size, rng)
    passage = len(question) + 2
    ids = np.concatenate([[CLS], question, [SEP], tokens[begin:end], [SEP]]).astype(np.uint16)
    if not answered:
        return Example(ids, passage, 0, 0)
    shift = passage - begin
    return Example(ids, passage, first + shift, min(last, end - 1) + shift)


def row_rng(config: Config, epoch: int, row: int) -> np.random.Generator:
    """The random numbers of one row in one epoch, whatever order rows are visited in."""
    return np.random.default_rng([config.seed, 5, epoch, row])


def examples(
    data: Prepared, tokenizer: Tokenizer, config: Config, epoch: int, rows: Ints, plain: bool = False
) -> list[Example]:
    """Rows as this epoch shows them. Rows with a teacher logit stay as the teacher saw them: whole and unchanged."""
    rngs = [row_rng(config, epoch, int(row)) for row in rows]
    fixed = [plain or not np.isnan(data.row_teacher[row]) for row in rows]
    texts = [
        data.question(int(row)) if whole else augment(data.question(int(row)), config.augment, rng)
        for row, whole, rng in zip(rows, fixed, rngs, strict=True)
    ]
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    return [
        example(data, int(row), question.ids, config.augment, rng, whole)
        for row, question, rng, whole in zip(rows, encoded, rngs, fixed, strict=True)
    ]


def plan(lengths: Ints, config: Config, epoch: int) -> list[tuple[int, Ints]]:
    """Batches as (padded length, row numbers), shuffled from (seed, epoch); each row in at most one.

    A bucket's rest moves on to the next longer bucket, so all batches are full; the last rest is left out.
    """
    step, budget = config.train.length_step, config.train.batch_tokens
    padded = (lengths + step - 1) // step * step
    rng = np.random.default_rng([config.seed, 6, epoch])
    batches: list[tuple[int, Ints]] = []
    rest = np.zeros(0, dtype=np.int64)
    for length in np.unique(padded):
        rows = rng.permutation(np.concatenate([rest, np.flatnonzero(padded == length)]))
        size = max(1, budget // int(length))
        full = rows.size // size * size
        batches += [(int(length), group) for group in rows[:full].reshape(-1, size)]
        rest = rows[full:]
    return [batches[i] for i in rng.permutation(len(batches))]


def collate(
    items: list[Example], length: int, kinds: npt.NDArray[np.uint8], teachers: npt.NDArray[np.float32]
) -> Batch:
    """Pad examples to `length` and stack them."""
    shape = (len(items), length)
    ids, mask, types = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    for i, item in enumerate(items):
        size = item.ids.shape[0]
        ids[i, :size] = item.ids
        mask[i, :size] = 1
        types[i, item.passage : size] = 1
    start = np.asarray([item.start for item in items], dtype=np.int64)
    end = np.asarray([item.end for item in items], dtype=np.int64)
    return Batch(ids, mask, types, start, end, kinds, teachers)


class Epoch:
    """All batches of one epoch, in order: `len(epoch)` of them, `epoch.batch(i)` one of them."""

    def __init__(self, data: Prepared, tokenizer: Tokenizer, config: Config, number: int) -> None:
        rows = np.arange(len(data), dtype=np.int64)
        self._data = data
        self._examples = examples(data, tokenizer, config, number, rows)
        lengths = np.asarray([item.ids.shape[0] for item in self._examples], dtype=np.int64)
        self._plan = plan(lengths, config, number)

    def __len__(self) -> int:
        return len(self._plan)

    def batch(self, index: int) -> Batch:
        """The batch at a position of this epoch."""
        length, rows = self._plan[index]
        items = [self._examples[row] for row in rows]
        return collate(items, length, self._data.row_kind[rows], self._data.row_teacher[rows])
