"""What enters the prepared data, and what must not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from training import epoch, negatives, prepare, prepared, sources


@pytest.fixture(scope="module")
def rows(config, data: Path) -> list[sources.Row]:  # type: ignore[no-untyped-def]
    own = sources.training_rows(data, config)
    return own + negatives.wrong_passages(own, config)


@pytest.fixture(scope="module")
def packed(config, data: Path, base: Path, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    run = tmp_path_factory.mktemp("run")
    prepare.prepare(config, data, base, run)
    return prepared.load(run / "data")


def test_left_out(rows: list[sources.Row]) -> None:
    assert not any(row.group == "Held_Out" or "part 2" in row.context for row in rows)
    asked = [row.question for row in rows]
    assert "What guess is this?" not in asked
    assert "What has a low margin?" not in asked
    assert "what colour is the door painted?" not in asked


def test_answerable_questions_stay_where_their_paragraph_has_an_unanswerable_one(config, data: Path) -> None:  # type: ignore[no-untyped-def]
    def answerable(**settings: float) -> int:
        changed = dataclasses.replace(config, data=dataclasses.replace(config.data, **settings))
        rows = sources.training_rows(data, changed)
        return sum(row.kind == sources.ANSWERABLE and row.group in ("Alpha", "Beta") for row in rows)

    assert answerable(unpaired_share=0.0) == answerable(unpaired_share=1.0) == 36
    assert answerable(unpaired_share=0.0, link_margin=0.6) == 0  # no paragraph has one now
    assert 0 < answerable(unpaired_share=0.5, link_margin=0.6) < 36


def test_wrong_passages_are_other_passages_without_the_answer(rows: list[sources.Row]) -> None:
    wrong = [row for row in rows if row.kind in (sources.SAME_ARTICLE, sources.RETRIEVED)]
    assert {row.kind for row in wrong} == {sources.SAME_ARTICLE, sources.RETRIEVED}
    own = {(row.question, row.context) for row in rows if row.kind == sources.ANSWERABLE}
    for row in wrong:
        assert row.span is None
        assert not any(text.lower() in row.context.lower() for text in row.texts)
        assert (row.question, row.context) not in own
    groups = {row.context: row.group for row in rows if row.kind == sources.ANSWERABLE}
    assert all(groups[row.context] == row.group for row in wrong if row.kind == sources.SAME_ARTICLE)


def test_spans_survive_packing(packed, rows, base: Path) -> None:  # type: ignore[no-untyped-def]
    tokenizer = prepared.load_tokenizer(base / "tokenizer.json")
    assert len(packed) == len(rows)
    for number, row in enumerate(rows):
        assert packed.question(number) == row.question
        assert packed.row_kind[number] == row.kind
        if row.span:
            tokens, _ = packed.context(number)
            span = tokens[packed.row_first[number] : packed.row_last[number] + 1]
            wanted = tokenizer.encode(row.context[slice(*row.span)], add_special_tokens=False).ids
            assert span.tolist() == wanted
        else:
            assert packed.row_first[number] == -1


def test_every_kind_has_teacher_scores(packed) -> None:  # type: ignore[no-untyped-def]
    judged = ~np.isnan(packed.row_teacher)
    assert judged.sum() == 8
    assert set(packed.row_kind[judged]) == {0, 1, 2, 3}


def test_same_seed_same_data(packed, config, data: Path, base: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    again = prepare.prepare(config, data, base, tmp_path)
    assert again["digest"] == prepare.digest(packed)


def test_marks_say_where_words_and_sentences_begin() -> None:
    text = "Go on. He did, e.g. so"
    offsets = [(0, 2), (3, 5), (5, 6), (7, 9), (10, 13), (13, 14), (15, 16), (16, 17), (17, 18), (18, 19), (20, 22)]
    found = prepare.marks(text, offsets)
    assert [text[s:e] for (s, e), m in zip(offsets, found, strict=True) if m & prepared.SENTENCE] == ["Go", "He"]
    words = [text[s:e] for (s, e), m in zip(offsets, found, strict=True) if m & prepared.WORD]
    assert words == ["Go", "on", "He", "did", "e", "so"]


def test_unfinished_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="prepare"):
        prepared.load(tmp_path)


def test_examples_keep_their_answer_and_repeat_exactly(packed, config, base: Path) -> None:  # type: ignore[no-untyped-def]
    tokenizer = prepared.load_tokenizer(base / "tokenizer.json")
    all_rows = np.arange(len(packed))
    seen = [epoch.examples(packed, tokenizer, config, number, all_rows) for number in (0, 0, 1)]
    assert all(np.array_equal(a.ids, b.ids) and a.start == b.start for a, b in zip(seen[0], seen[1], strict=True))
    assert any(not np.array_equal(a.ids, b.ids) for a, b in zip(seen[0], seen[2], strict=True))
    for number, item in enumerate(seen[2]):
        if packed.row_first[number] >= 0:
            tokens, _ = packed.context(number)
            answer = tokens[packed.row_first[number] : packed.row_last[number] + 1]
            assert item.ids[item.start : item.end + 1].tolist() == answer.tolist()
        else:
            assert (item.start, item.end) == (0, 0)
        assert item.ids[0] == epoch.CLS
        assert item.ids[item.passage - 1] == item.ids[-1] == epoch.SEP


def test_one_row_is_the_same_alone(packed, config, base: Path) -> None:  # type: ignore[no-untyped-def]
    tokenizer = prepared.load_tokenizer(base / "tokenizer.json")
    together = epoch.examples(packed, tokenizer, config, 1, np.arange(10))
    alone = epoch.examples(packed, tokenizer, config, 1, np.asarray([7]))
    assert np.array_equal(together[7].ids, alone[0].ids)
