"""Files of labelled questions: what is read, and what every kind of broken file says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from spanwise import LimitError, SourceError
from spanwise.qa.evaluation.datasets import Gold, contexts, judged_contexts, read_rows, sample
from spanwise.qa.evaluation.files import digest

CONTEXT = "The games conclude Feb. 20 — in Beijing."
ROW: dict[str, Any] = {
    "id": "q1",
    "title": "Olympics",
    "context": CONTEXT,
    "question": "When do the games end?",
    "answers": [{"text": "Feb. 20", "answer_start": 19}],
    "is_impossible": False,
}
UNANSWERABLE = {**ROW, "id": "q2", "question": "Who won?", "answers": [], "is_impossible": True}
SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Olympics",
            "paragraphs": [
                {
                    "context": CONTEXT,
                    "qas": [
                        {key: ROW[key] for key in ("id", "question", "answers", "is_impossible")},
                        {
                            "id": "q2",
                            "question": "Who won?",
                            "answers": [],
                            "plausible_answers": [{"text": "Beijing", "answer_start": 32}],
                            "is_impossible": True,
                        },
                    ],
                }
            ],
        }
    ],
}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_same_questions_from_every_form(tmp_path: Path) -> None:
    plain = write(tmp_path / "rows.jsonl", ROW, UNANSWERABLE)
    zipped = tmp_path / "rows-without-a-telling-name"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    squad = write(tmp_path / "squad.json", SQUAD)
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(SQUAD, indent=2), encoding="utf-8")
    marked = tmp_path / "marked.jsonl"
    marked.write_bytes(b"\xef\xbb\xbf" + plain.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")

    rows = read_rows(plain)
    assert [row.question for row in rows] == ["When do the games end?", "Who won?"]
    assert rows[0].answers == (Gold("Feb. 20", 19),)
    assert (rows[0].answerable, rows[1].answerable) == (True, False)
    for other in (zipped, squad, pretty, marked):
        assert read_rows(other) == rows, other.name


def test_one_row_is_enough_and_only_the_questions_keys_are_needed(tmp_path: Path) -> None:
    bare = {key: ROW[key] for key in ("context", "question", "answers")}
    (row,) = read_rows(write(tmp_path / "one.jsonl", bare))
    assert (row.id, row.title, row.answerable) == ("1", "", True)
    (row,) = read_rows(write(tmp_path / "none.jsonl", {**bare, "answers": []}))
    assert not row.answerable
    squad = {"data": [{"paragraphs": [{"context": CONTEXT, "qas": [{"question": "Who won?", "answers": []}]}]}]}
    (row,) = read_rows(write(tmp_path / "v1.json", squad))
    assert not row.answerable


def test_rows_end_at_line_feeds_only(tmp_path: Path) -> None:
    # str.splitlines would cut this row at U+2028 and at U+0085.
    context = "One\u2028two\u0085three"
    row = {**ROW, "context": context, "answers": [{"text": "three", "answer_start": 8}]}
    assert read_rows(write(tmp_path / "rows.jsonl", row))[0].context == context


def test_offsets_count_code_points(tmp_path: Path) -> None:
    row = {**ROW, "context": "😀😀 gold", "answers": [{"text": "gold", "answer_start": 3}]}
    assert read_rows(write(tmp_path / "rows.jsonl", row))[0].answers == (Gold("gold", 3),)
    with pytest.raises(SourceError, match=r"row 1: .*'gold' should start at 5.*first stands at 3.*code points"):
        read_rows(write(tmp_path / "utf16.jsonl", {**row, "answers": [{"text": "gold", "answer_start": 5}]}))


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in ROW.items() if name != key}


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (without("context"), '"context" is missing'),
        (without("question"), '"question" is missing'),
        (without("answers"), '"answers" is missing'),
        ({**ROW, "context": None}, '"context" is a JSON null, not a string'),
        ({**ROW, "question": " \n"}, '"question" is empty'),
        ({**ROW, "question": 7}, '"question" is a JSON number'),
        ({**ROW, "title": ["x"]}, '"title" is a JSON array'),
        ({**ROW, "answers": {"text": ["Feb. 20"], "answer_start": [19]}}, "not a list of objects"),
        ({**ROW, "answers": ["Feb. 20"]}, "not a list of objects"),
        ({**ROW, "answers": [{"answer_start": 19}]}, '"text" is missing'),
        ({**ROW, "answers": [{"text": "", "answer_start": 19}]}, '"text" is empty'),
        ({**ROW, "answers": [{"text": "Feb. 20"}]}, "no whole number answer_start"),
        ({**ROW, "answers": [{"text": "Feb. 20", "answer_start": "19"}]}, "no whole number answer_start"),
        ({**ROW, "answers": [{"text": "T", "answer_start": False}]}, "no whole number answer_start"),
        ({**ROW, "answers": [{"text": "Feb. 20", "answer_start": 18}]}, "should start at 18, where ' Feb. 2' stands"),
        ({**ROW, "answers": [{"text": "Feb. 20", "answer_start": 1900}]}, "where '' stands; it first stands at 19"),
        ({**ROW, "answers": [{"text": ".", "answer_start": -1}]}, "should start at -1"),
        ({**ROW, "answers": [{"text": "March", "answer_start": 0}]}, "the context does not hold it"),
        ({**ROW, "is_impossible": True}, "marked unanswerable but holds answers"),
        ({**ROW, "answers": []}, "marked answerable but holds no answers"),
        (["a", "list"], "a JSON array, not an object"),
        ("text", "a JSON string, not an object"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, broken: object, says: str) -> None:
    path = write(tmp_path / "rows.jsonl", ROW, UNANSWERABLE, broken)
    with pytest.raises(SourceError) as caught:
        read_rows(path)
    assert f"{path}, row 3: " in str(caught.value)
    assert says in caught.value.problem
    assert caught.value.way_out


def test_characters_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({**ROW, "question": "half \ud83d"}), encoding="utf-8")  # escaped by json
    with pytest.raises(SourceError, match=r"row 1: .*lone surrogate, position 5"):
        read_rows(path)
    path.write_text(json.dumps({**ROW, "question": "nul \0"}), encoding="utf-8")
    with pytest.raises(SourceError, match=r"row 1: .*character 4 is U\+0000"):
        read_rows(path)


def test_half_a_line(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", ROW, UNANSWERABLE)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match=r"rows\.jsonl, row 2: not a JSON object"):
        read_rows(path)


def test_nesting_without_end(tmp_path: Path) -> None:
    path = tmp_path / "deep.jsonl"
    path.write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(SourceError, match="row 1: not a JSON object"):
        read_rows(path)


@pytest.mark.parametrize("content", [b"", b" \n\n", gzip.compress(b"", mtime=0)])
def test_an_empty_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="is empty"):
        read_rows(path)


@pytest.mark.parametrize("data", [[], [{"title": "x", "paragraphs": []}]])
def test_squad_json_without_questions(tmp_path: Path, data: list[Any]) -> None:
    with pytest.raises(SourceError, match="holds no questions"):
        read_rows(write(tmp_path / "squad.json", {"data": data}))


@pytest.mark.parametrize("whole", [{"rows": []}, [ROW], {"data": "x"}, 7])
def test_json_of_another_kind(tmp_path: Path, whole: object) -> None:
    with pytest.raises(SourceError, match=r"neither SQuAD nor JSONL\..*Give SQuAD JSON"):
        read_rows(write(tmp_path / "other.json", whole))


@pytest.mark.parametrize("article", [{"title": "x"}, "x", {"paragraphs": [{"context": CONTEXT}]}, {"paragraphs": [7]}])
def test_squad_json_with_a_broken_frame(tmp_path: Path, article: object) -> None:
    squad = {"data": [*SQUAD["data"], article]}  # two sound questions come first
    with pytest.raises(SourceError, match=r"row 3: an object with a list"):
        read_rows(write(tmp_path / "squad.json", squad))


def test_squad_json_with_a_broken_question(tmp_path: Path) -> None:
    article = {"paragraphs": [{"context": CONTEXT, "qas": [{**ROW, "answers": [{"text": "20", "answer_start": 0}]}]}]}
    with pytest.raises(SourceError, match=r"row 3: the answer '20' should start at 0"):
        read_rows(write(tmp_path / "squad.json", {"data": [*SQUAD["data"], article]}))
    with pytest.raises(SourceError, match="row 1: the question is not an object"):
        read_rows(write(tmp_path / "squad.json", {"data": [{"paragraphs": [{"context": CONTEXT, "qas": [7]}]}]}))


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", ROW, ROW)
    first = len(json.dumps(ROW, ensure_ascii=False).encode()) + 1
    path.write_bytes(path.read_bytes()[: first + 10] + b"\xe9" + path.read_bytes()[first + 10 :])
    with pytest.raises(SourceError, match=rf"row 2: byte {first + 10} is not UTF-8"):
        read_rows(path)


def test_damaged_gzip(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", *[ROW] * 50)
    whole = gzip.compress(path.read_bytes())
    for content in (whole[:-30], whole[:40] + bytes(20) + whole[60:], whole[:12]):
        path.write_bytes(content)
        with pytest.raises(SourceError, match="cut short or damaged"):
            read_rows(path)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="There is no file"):
        read_rows(tmp_path / "missing.jsonl")
    with pytest.raises(SourceError, match=r"is a folder, not a file\. Name the data file"):
        read_rows(tmp_path)
    with pytest.raises(SourceError, match="cannot be read"):
        read_rows(write(tmp_path / "rows.jsonl", ROW) / "below")


def test_a_sample_is_seeded_keeps_the_order_and_grows() -> None:
    rows = list(range(1000))
    ten = sample(rows, 10, seed=1)
    assert ten == sample(rows, 10, seed=1) == sorted(ten)
    assert len(set(ten)) == 10
    assert set(ten) < set(sample(rows, 50, seed=1))
    assert ten != sample(rows, 10, seed=2)
    assert sample(rows, None) == sample(rows, 1000) == sample(rows, 5000) == rows
    # Drawn from everywhere: the mean of 500 of 0…999 lies near 499.5 (its standard error is about 9).
    assert sum(sample(rows, 500, seed=3)) / 500 == pytest.approx(499.5, abs=45)
    assert sample([], 5) == []


@pytest.mark.parametrize("limit", [0, -3])
def test_a_sample_of_nothing_is_refused(limit: int) -> None:
    with pytest.raises(LimitError, match=f"A sample of {limit}"):
        sample([1, 2], limit)


def test_contexts_are_pooled_once_and_without_titles_unless_asked(tmp_path: Path) -> None:
    other = {**ROW, "id": "q3", "context": "Another: Feb. 20.", "answers": [{"text": "Feb. 20", "answer_start": 9}]}
    rows = read_rows(write(tmp_path / "rows.jsonl", ROW, other, UNANSWERABLE))
    pooled = contexts(rows)
    assert [document.text for document in pooled] == [CONTEXT, "Another: Feb. 20."]
    assert [document.title for document in pooled] == ["", ""]
    assert [document.title for document in contexts(rows, titles=True)] == ["Olympics", "Olympics"]
    assert [document.id for document in contexts(rows[:1])] == [pooled[0].id]  # the id is of the content alone


def test_labelled_questions_as_queries(tmp_path: Path) -> None:
    # The same question was asked about two contexts: one query with both; the unanswerable one has nothing to find.
    other = {**ROW, "id": "q3", "context": "Another: Feb. 20.", "answers": [{"text": "Feb. 20", "answer_start": 9}]}
    rows = read_rows(write(tmp_path / "rows.jsonl", ROW, UNANSWERABLE, other))
    judged = judged_contexts(rows)
    (query,) = judged.queries
    assert query.text == "When do the games end?"
    assert set(query.relevant) == {document.id for document in judged.documents}
    assert len(judged.documents) == 2


def test_the_digest_names_content(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"abc")
    second.write_bytes(b"abc")
    assert digest([first]) == digest([second]) == "ba7816bf8f01"  # SHA-256 of "abc", FIPS 180-2
    assert digest([first, second]) == digest([second, first]) != digest([first])
