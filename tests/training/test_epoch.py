"""Windows hold the answer; batches hold every row once and have one shape."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training import epoch
from training.prepared import SENTENCE, WORD


@settings(deadline=None)  # a training run on the same cores makes any deadline a coin toss
@given(st.data())
def test_a_window_holds_the_answer_and_no_more_than_its_size(draw: st.DataObject) -> None:
    marks = np.asarray(
        draw.draw(st.lists(st.sampled_from([0, WORD, WORD | SENTENCE]), min_size=1, max_size=60)), np.uint8
    )
    first = draw.draw(st.integers(0, len(marks) - 1))
    last = draw.draw(st.integers(first, len(marks) - 1))
    size = draw.draw(st.integers(last - first + 1, 70))
    begin, end = epoch.window(marks, first, last, size, np.random.default_rng(draw.draw(st.integers(0, 99))))
    assert 0 <= begin <= first
    assert last < end <= len(marks)
    assert end - begin <= max(size, 0) or (begin, end) == (0, len(marks))


def test_a_window_keeps_to_sentences_where_it_can() -> None:
    marks = np.full(40, WORD, np.uint8)
    marks[::10] |= SENTENCE
    for seed in range(20):
        begin, end = epoch.window(marks, 14, 15, 25, np.random.default_rng(seed))
        assert begin in (0, 10)
        assert end in (20, 30)


def test_an_answer_longer_than_the_window_is_cut() -> None:
    marks = np.full(50, WORD, np.uint8)
    begin, end = epoch.window(marks, 10, 40, 8, np.random.default_rng(0))
    assert begin == 10
    assert end == 18


def test_plan_takes_each_row_once_in_full_batches(config) -> None:  # type: ignore[no-untyped-def]
    lengths = np.random.default_rng(3).integers(5, 100, size=500)
    batches = epoch.plan(lengths, config, 0)
    rows = np.concatenate([group for _, group in batches])
    assert len(set(rows.tolist())) == rows.size
    assert rows.size > 490
    for length, group in batches:
        assert length % config.train.length_step == 0
        assert group.size == config.train.batch_tokens // length
        assert (lengths[group] <= length).all()
    again, other = epoch.plan(lengths, config, 0), epoch.plan(lengths, config, 1)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(batches, again, strict=True))
    assert not all(np.array_equal(a[1], b[1]) for a, b in zip(batches, other, strict=False))


def test_collate_marks_passage_and_padding() -> None:
    item = epoch.Example(np.asarray([101, 5, 102, 6, 7, 102], np.uint16), passage=3, start=4, end=4)
    batch = epoch.collate([item], 8, np.zeros(1, np.uint8), np.zeros(1, np.float32))
    assert batch.input_ids.tolist() == [[101, 5, 102, 6, 7, 102, 0, 0]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1, 1, 1, 0, 0]]
    assert batch.token_type_ids.tolist() == [[0, 0, 0, 1, 1, 1, 0, 0]]
    assert (batch.start.tolist(), batch.end.tolist()) == ([4], [4])
