"""CSV, TSV, JSON and JSONL: a document for each record, or one for a table of short values."""

from __future__ import annotations

import json

import pytest

from spanwise import SourceError
from spanwise.index.splitting import SplitLimits, split


def test_usual_columns_are_found_and_the_rest_is_said_and_metadata(load) -> None:
    rows = 'ID;Title;Text;year\nx/1;First;"Two\nlines; here";1901\n;Second;More words;1902\n'
    first, second = load(rows.encode(), "a.csv").sources
    assert (first.id, first.title, first.text, first.metadata) == (
        "a.csv/x/1",
        "First",
        "ID: x/1 | Title: First | year: 1901\n\nTwo\nlines; here",
        {"year": "1901"},
    )
    assert second.id == "a.csv/2"
    assert [(block.element, second.text[block.start : block.end]) for block in second.layout.blocks] == [
        ("record[2]/Title", "Title: Second"),
        ("record[2]/year", "year: 1902"),
        ("record[2]/Text", "More words"),
    ]


def test_named_columns(load) -> None:
    lines = "\n".join(json.dumps({"nr": 7, "words": "Ships sail.", "who": "Ann", "other": 1}) for _ in range(1))
    (source,) = load(lines.encode(), "a.jsonl", columns={"text": "words", "id": "nr", "author": "who"}).sources
    assert (source.id, source.metadata) == ("a.jsonl/7", {"author": "Ann"})
    assert source.text == "nr: 7 | author: Ann\n\nShips sail."
    with pytest.raises(SourceError, match="no column 'absent'"):
        load(lines.encode(), "a.jsonl", columns={"text": "absent"})


def test_short_cells_stand_before_the_text(load) -> None:
    record = {
        "sku": "TL-703",
        "name": "Cordless drill",
        "tags": ["battery", "sale"],
        "size": {"mm": 13},
        "stock": 0,
        "sold": None,
        "notes": "  first line\n second ",
        "vector": [0.25] * 60,
        "description": "A drill with two speeds and a chuck of thirteen millimetres, sold with a lamp.",
    }
    (source,) = load(json.dumps([record]).encode(), "a.json").sources
    row = (
        "sku: TL-703 | name: Cordless drill | tags: battery, sale | size: mm: 13 | stock: 0 | notes: first line second"
    )
    assert source.text == f"{row}\n\n{record['description']}"
    assert source.title == "Cordless drill"
    assert (source.metadata["name"], source.metadata["stock"]) == ("Cordless drill", 0)  # filters go on as before
    assert source.layout.tables[0].end == source.layout.unbroken[0].end == len(row)
    for block in source.layout.blocks[:-1]:
        column = block.element.removeprefix("record[1]/")
        assert source.text[block.start : block.end].startswith(f"{column}: ")


@pytest.mark.parametrize(
    "record",
    [
        {"text": "Ships sail."},
        {"_id": "7", "title": "Ships", "text": "Ships sail."},
        {"name": "Ships", "text": "Ships sail."},
    ],
)
def test_a_record_of_a_name_and_a_text_is_that_text(load, record) -> None:
    (source,) = load(json.dumps([record]).encode(), "a.json").sources
    assert (source.text, source.title) == ("Ships sail.", record.get("title", record.get("name")))


def test_a_question_is_a_title_and_no_cell(load) -> None:
    rows = b"nr,question,topic,answer\n7,Where is the desk?,rooms,On the beach.\n"
    (source,) = load(rows, "faq.csv", columns={"text": "answer", "title": "question"}).sources
    assert (source.text, source.title) == ("nr: 7 | topic: rooms\n\nOn the beach.", "Where is the desk?")


def test_an_answer_is_a_text_below_its_question(load) -> None:
    answer = "On the beach, behind the second row of chairs, from nine to five."
    (source,) = load(f'question,answer,topic\nWhere is the desk?,"{answer}",rooms\n'.encode(), "faq.csv").sources
    assert (source.text, source.title) == (f"topic: rooms\n\n{answer}", "Where is the desk?")


@pytest.mark.parametrize(
    ("columns", "title"), [("title,name", "a"), ("name,headline", "b"), ("subject,name", "a"), ("name,nick", "a")]
)
def test_what_a_record_is_called(load, columns, title) -> None:
    (source,) = load(f"{columns},text\na,b,Ships sail.\n".encode(), "a.csv").sources
    assert source.title == title


@pytest.mark.parametrize("sentences", [3, 40])
def test_a_long_text_has_the_passages_that_it_has_alone(load, sentences: int) -> None:
    text = " ".join(f"Sentence number {number} says that ships sail." for number in range(sentences))

    def passages(record: dict[str, str]) -> list[str]:
        (source,) = load(json.dumps([record]).encode(), "a.json").sources
        layout = source.layout
        spans = split(
            source.text, (), lambda texts: [len(one.split()) for one in texts], SplitLimits(target=70, most=90),
            excluded=layout.excluded, unbroken=layout.unbroken,
        )  # fmt: skip
        return [one.span.of(source.text) for one in spans]

    alone, row = passages({"text": text}), "captain: Ann Bonny"
    found = passages({"captain": "Ann Bonny", "text": text})
    assert found == ([row, *alone] if sentences == 40 else [f"{row}\n\n{text}"])


def test_words_behind_a_comma_without_quotes_are_not_lost(load) -> None:
    rows = "id,text\n1,Ships sail.\n\n2,Ships sail, and boats row.\n"
    with pytest.raises(SourceError, match=r"a.csv has more cells in line 4 than columns\. Put cells .* between quotes"):
        load(rows.encode(), "a.csv")
    (source,) = load(rows.replace("2,", '2,"').replace("row.", 'row."').encode(), "a.csv").sources[1:]
    assert source.text == "Ships sail, and boats row."
    assert len(load(b"id,text,\n1,Ships sail.,\n2,Boats row.,,,\n", "a.csv").sources) == 2  # nothing is behind these
    (table,) = load(b"city,people\nLyon,520774,520 thousand\n", "cities.csv").sources
    assert table.text == "city: Lyon | people: 520774 | column 3: 520 thousand"


def test_columns_of_one_name_are_all_kept(load) -> None:
    (source,) = load(b"text,note,note\nShips sail.,tall,old\n", "a.csv").sources
    assert source.metadata == {"note": "tall", "note (column 3)": "old"}


def test_texts_that_are_no_strings_are_not_passed_over(load) -> None:
    texts = [["Ships sail.", "Boats row."], {"body": "Rafts float."}, 1912, None]
    found = load(json.dumps([{"text": text} for text in texts]).encode(), "a.json").sources
    assert [one.text for one in found] == ["Ships sail., Boats row.", "body: Rafts float.", "1912"]


def test_lines_of_json_end_where_lines_end(load) -> None:
    lines = [json.dumps({"text": f"Ships{mark}sail."}, ensure_ascii=False) for mark in "\u2028\u2029\x85"]
    for end in ("\n", "\r\n", "\r"):
        assert [one.text for one in load(end.join(lines).encode(), "a.jsonl").sources] == [
            f"Ships{mark}sail." for mark in "\u2028\u2029\x85"
        ]


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.jsonl", '{"text": "a"}\n\n{oops\n', "line 3, character 2: Expecting property name"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", '[{"text": "a", "n": ' + "9" * 5_000 + "}]", "Exceeds the limit"),
        ("a.json", '[{"text": "a', "Unterminated string starting at: line 1 column 11"),
    ],
)
def test_what_is_wrong_with_json_is_said(load, name: str, data: str, why: str) -> None:
    with pytest.raises(SourceError, match=rf"is not sound JSONL? \({why}"):
        load(data.encode(), name)


def test_a_table_of_values_is_one_document_row_by_row(load) -> None:
    (source,) = load(b"city\tpeople\nLyon\t520774\nGraz\t291007\n", "cities.tsv").sources
    assert source.text == "city: Lyon | people: 520774\ncity: Graz | people: 291007"
    assert source.layout.blocks[1].element == "record[2]"


def test_short_descriptions_and_answers_stay_in_their_table(load) -> None:
    short = b"no,description,price\n1,Ball bearing,1.85\n2,Drive belt,14.20\n"
    assert [source.text for source in load(short, "parts.csv").sources] == [
        "no: 1 | description: Ball bearing | price: 1.85\nno: 2 | description: Drive belt | price: 14.20"
    ]
    assert [source.text for source in load(short, "parts.csv", columns={"text": "description"}).sources] == [
        "no: 1 | price: 1.85\n\nBall bearing",
        "no: 2 | price: 14.20\n\nDrive belt",
    ]
    assert [source.text for source in load(b"question,answer\nWhere?,On the beach.\n", "faq.csv").sources] == [
        "question: Where? | answer: On the beach."
    ]
    long = "Runs quietly in oil and lasts for about four years of daily use."
    (source,) = load(f"description,price\n{long},3\n".encode(), "a.csv").sources
    assert source.text == f"price: 3\n\n{long}"


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ([{"text": "a b"}, {"text": "c d"}], ["a b", "c d"]),
        ({"data": [{"content": "a b"}], "version": 1}, ["a b"]),
        (["a b", "c d"], ["a b", "c d"]),
        ({"text": "a b", "year": 3}, ["year: 3\n\na b"]),
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
