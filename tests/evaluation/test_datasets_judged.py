"""BEIR folders: what is read, and what a broken one says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from spanwise import SourceError
from spanwise.qa.evaluation.datasets import CorpusDocument, Query, read_judged

CORPUS = [
    {"_id": "d/1", "title": "Games", "text": "The games end in February."},
    {"_id": "d 2", "title": "", "text": "Snow fell."},
    {"_id": "d3", "title": "Only a title", "text": ""},
    {"_id": "d4", "title": "", "text": " "},
]
QUERIES = [
    {"_id": "q1", "text": "When do the games end?"},
    {"_id": "q2", "text": "What fell?"},
    {"_id": "q3", "text": "When do the games end?"},
    {"_id": "q4", "text": "Nothing is relevant to this"},
    {"_id": "q5", "text": "Nobody judged this"},
]
QRELS = "query-id\tcorpus-id\tscore\nq1\td/1\t1\nq2\td 2\t2\nq3\td3\t1\nq3\td/1\t2\nq4\td3\t0\n"


def beir(folder: Path, qrels: str = QRELS, at: str = "qrels.tsv") -> Path:
    (folder / at).parent.mkdir(parents=True, exist_ok=True)
    for name, records in (("corpus", CORPUS), ("queries", QUERIES)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    (folder / at).write_text(qrels, encoding="utf-8")
    return folder


def test_a_folder(tmp_path: Path) -> None:
    judged, _ = read_judged(beir(tmp_path))
    assert judged.documents == (
        CorpusDocument("d/1", "Games", "The games end in February."),
        CorpusDocument("d 2", "", "Snow fell."),
        CorpusDocument("d3", "", "Only a title"),
    )
    assert judged.empty_documents == 1
    # q1 and q3 ask the same: their judgements are merged, the higher grade of d/1 stays. q4 and q5 find nothing.
    assert judged.queries == (
        Query("When do the games end?", {"d/1": 2.0, "d3": 1.0}),
        Query("What fell?", {"d 2": 2.0}),
    )


def test_gzip_and_the_places_of_the_judgements(tmp_path: Path) -> None:
    expected, plain_digest = read_judged(beir(tmp_path / "plain"))
    zipped = beir(tmp_path / "zipped")
    for path in list(zipped.iterdir()):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert read_judged(zipped)[0] == expected
    assert read_judged(beir(tmp_path / "test", at="qrels/test.tsv"))[0] == expected
    assert read_judged(beir(tmp_path / "only", at="qrels/dev.tsv"))[0] == expected
    # Those for training are not looked at where there are some for testing.
    both = beir(beir(tmp_path / "both", at="qrels/test.tsv"), "q5\td3\t1\n", at="qrels/train.tsv")
    assert read_judged(both)[0] == expected
    assert read_judged(tmp_path / "plain")[1] == plain_digest
    assert len(plain_digest) == 12


def test_judgements_without_a_header_with_crlf_and_fractions(tmp_path: Path) -> None:
    judged, _ = read_judged(beir(tmp_path, "q2\td 2\t1.5\r\n\r\nq1\td/1\t-1\r\n"))
    assert judged.queries == (Query("What fell?", {"d 2": 1.5}),)


def test_relevant_documents_that_are_not_in_the_corpus_are_counted(tmp_path: Path) -> None:
    judged, _ = read_judged(beir(tmp_path, "q2\td 2\t1\nq2\tgone\t1\nq2\tgone too\t0\n"))
    assert judged.missing_documents == 1
    assert judged.queries[0].relevant == {"d 2": 1.0, "gone": 1.0}


@pytest.mark.parametrize(
    ("qrels", "says"),
    [
        (QRELS + "q1 d/1 1\n", "row 7: 1 fields instead of 3"),
        (QRELS + "q1\t0\td/1\t1\n", "row 7: 4 fields instead of 3"),
        (QRELS + "q1\td/1\tyes\n", "row 7: the score 'yes' is not a number"),
        (QRELS + "q1\td/1\tnan\n", "row 7: the score 'nan' is not finite"),
        (QRELS + "q9\td/1\t1\n", "row 7: queries.jsonl holds no query 'q9'"),
        ("q1\tx\t1\nq2\ty\t1\n", "names no document of corpus.jsonl"),
        ("query-id\tcorpus-id\tscore\n", "holds no query with a relevant document"),
        ("q1\td/1\t0\n", "holds no query with a relevant document"),
        ("", "is empty"),
    ],
)
def test_broken_judgements(tmp_path: Path, qrels: str, says: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_judged(beir(tmp_path, qrels))
    assert says in str(caught.value)
    assert caught.value.way_out


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels.tsv"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    (beir(tmp_path) / name).unlink()
    with pytest.raises(SourceError, match=rf"holds no {name} and no {name}\.gz\. A BEIR folder holds"):
        read_judged(tmp_path)


def test_several_judgements_and_none_for_testing(tmp_path: Path) -> None:
    beir(beir(tmp_path, at="qrels/dev.tsv"), at="qrels/train.tsv")
    with pytest.raises(SourceError, match=r"holds dev\.tsv, train\.tsv and no test\.tsv"):
        read_judged(tmp_path)


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl"])
def test_an_id_given_twice(tmp_path: Path, name: str) -> None:
    path = beir(tmp_path) / name
    rows = path.read_text(encoding="utf-8")
    path.write_text(rows + rows.splitlines()[0], encoding="utf-8")
    with pytest.raises(SourceError, match=rf"{name}, row \d: the id .* was given before"):
        read_judged(tmp_path)


def test_missing_keys(tmp_path: Path) -> None:
    (beir(tmp_path) / "corpus.jsonl").write_text('{"_id": "d/1", "text": "x"}\n{"text": "y"}\n', encoding="utf-8")
    with pytest.raises(SourceError, match=r'corpus\.jsonl, row 2: the key "_id" is missing'):
        read_judged(tmp_path)


def test_a_file_of_labelled_questions(tmp_path: Path) -> None:
    row = {"context": "It ends in May.", "question": "When?", "answers": [{"text": "May", "answer_start": 11}]}
    silent = {"context": "It ends in May.", "question": "Who?", "answers": []}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n" + json.dumps(silent), encoding="utf-8")
    judged, _ = read_judged(path)
    assert [query.text for query in judged.queries] == ["When?"]
    path.write_text(json.dumps(silent), encoding="utf-8")
    with pytest.raises(SourceError, match=r"holds no query with a relevant document.*answerable questions"):
        read_judged(path)
