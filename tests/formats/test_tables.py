"""CSV, TSV, JSON and JSONL: a document for each record, or one for a table of short values."""

from __future__ import annotations

import json

import pytest

from spanwise import SourceError


def test_usual_columns_are_found_and_the_rest_is_metadata(load) -> None:
    rows = 'ID;Title;Text;year\nx/1;First;"Two\nlines; here";1901\n;Second;More words;1902\n'
    first, second = load(rows.encode(), "a.csv").sources
    assert (first.id, first.title, first.text, first.metadata) == (
        "a.csv/x/1",
        "First",
        "Two\nlines; here",
        {"year": "1901"},
    )
    assert second.id == "a.csv/2"
    assert second.layout.blocks[0].element == "record[2]/Text"


def test_named_columns(load) -> None:
    lines = "\n".join(json.dumps({"nr": 7, "words": "Ships sail.", "who": "Ann", "other": 1}) for _ in range(1))
    (source,) = load(lines.encode(), "a.jsonl", columns={"text": "words", "id": "nr", "author": "who"}).sources
    assert (source.id, source.text, source.metadata) == ("a.jsonl/7", "Ships sail.", {"author": "Ann"})
    with pytest.raises(SourceError, match="no column 'absent'"):
        load(lines.encode(), "a.jsonl", columns={"text": "absent"})


def test_a_table_of_values_is_one_document_row_by_row(load) -> None:
    (source,) = load(b"city\tpeople\nLyon\t520774\nGraz\t291007\n", "cities.tsv").sources
    assert source.text == "city: Lyon | people: 520774\ncity: Graz | people: 291007"
    assert source.layout.blocks[1].element == "record[2]"


def test_short_descriptions_stay_in_their_table(load) -> None:
    short = b"no,description,price\n1,Ball bearing,1.85\n2,Drive belt,14.20\n"
    assert [source.text for source in load(short, "parts.csv").sources] == [
        "no: 1 | description: Ball bearing | price: 1.85\nno: 2 | description: Drive belt | price: 14.20"
    ]
    assert [source.text for source in load(short, "parts.csv", columns={"text": "description"}).sources] == [
        "Ball bearing",
        "Drive belt",
    ]
    long = "Runs quietly in oil and lasts for about four years of daily use."
    assert [source.text for source in load(f"description,price\n{long},3\n".encode(), "a.csv").sources] == [long]


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ([{"text": "a b"}, {"text": "c d"}], ["a b", "c d"]),
        ({"data": [{"content": "a b"}], "version": 1}, ["a b"]),
        (["a b", "c d"], ["a b", "c d"]),
        ({"text": "a b", "year": 3}, ["a b"]),
    ],
)
def test_shapes_of_json(load, value, texts) -> None:
    assert [source.text for source in load(json.dumps(value).encode(), "a.json").sources] == texts


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"{", "a.json"),
        (b'{"a": 1}\n{', "a.jsonl"),
        (b"[" * 100_000, "deep.json"),
        (b"[]", "a.json"),
        (b'[{"text": ""}]', "a.json"),
    ],
)
def test_unsound_files_are_refused(load, data, name) -> None:
    with pytest.raises(SourceError, match=name.replace(".", r"\.")):
        load(data, name)


def test_the_same_id_twice_is_refused(load) -> None:
    with pytest.raises(SourceError, match="twice"):
        load(b"id,text\n1,a b\n1,c d\n", "a.csv")
