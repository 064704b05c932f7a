"""Filters: what they say, and that a filtered search is the unfiltered one without what is not allowed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import spanwise
from spanwise import FilterError, Settings, Source
from spanwise.index.filters import AnyWhere, parse_where
from spanwise.index.migrations import MIGRATIONS
from spanwise.index.store import DocumentDraft, PassageStore
from spanwise.index.store_sqlite import SqlitePassageStore
from spanwise.index.vectors_faiss import FaissFlatIndex
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder, ScriptedReader

METADATA: Mapping[str, dict[str, Any]] = {
    "a": {"year": 2019, "topic": "sport", "day": "2019-05-01"},
    "b": {"year": 2020, "topic": ["sport", "games"], "day": "2020-02-29", "free": True},
    "c": {"year": 2021.5, "topic": "art", "free": False, "weight": None},
    "d": {"year": "2022", "topic": [], "weight": 1, "odd \"name'": "x"},
    "e": {"year": "soon", "weight": [1, "1", True]},
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    folder = tmp_path_factory.mktemp("filters")
    script = {"Which bridge?": "bridge a"}
    with spanwise.open(folder, settings=Settings(), embedder=HashEmbedder(), reader=ScriptedReader(script)) as library:
        for name, metadata in METADATA.items():
            title = None if name == "e" else f"Title {name}"
            library.add(Source(f"The bridge {name} is wide.", id=name, title=title, uri=f"/{name}", metadata=metadata))
        yield library


def found(library: Collection, where: AnyWhere | None) -> str:
    results = [
        library.search("wide bridge", where=where, mode=mode, merge=False) for mode in ("hybrid", "dense", "lexical")
    ]  # type: ignore[arg-type]
    names = {"".join(sorted(hit.document.id for hit in hits)) for hits in results}
    assert len(names) == 1, names
    return names.pop()


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (None, "abcde"),
        ({}, "abcde"),
        ([], "abcde"),
        ({"topic": "sport"}, "ab"),
        ({"topic": ["games", "art"]}, "bc"),
        ({"topic": []}, ""),
        ({"topic": {"$in": ["games", "art"]}}, "bc"),
        ({"topic": {"$nin": ["sport"]}}, "cde"),
        ({"topic": {"$ne": "sport"}}, "cde"),
        ({"topic": None}, "de"),
        ({"topic": [None, "art"]}, "cde"),
        ({"year": 2020}, "b"),
        ({"year": 2020.0}, "b"),
        ({"year": 2022}, "d"),  # text that is a number
        ({"year": "2022"}, "d"),
        ({"year": {"$gte": 2020}}, "bcd"),
        ({"year": {"$gt": 2020, "$lt": 2022}}, "c"),
        ({"year": {"$lte": 2021.5}}, "abc"),
        ({"year": {"$gte": "s"}}, "e"),
        ({"year": {"$gt": -(10**30)}}, "abcd"),
        ({"year": {"$lt": 10**400}}, "abcd"),
        ({"day": {"$gte": date(2019, 6, 1)}}, "b"),
        ({"day": {"$lt": "2020"}}, "a"),
        ({"free": True}, "b"),
        ({"free": [True, False]}, "bc"),
        ({"free": 1}, ""),
        ({"weight": 1}, "de"),
        ({"weight": True}, "e"),
        ({"weight": [1, 10**5_000]}, "de"),
        ({"\ud800": 1}, ""),
        ("\ud800=1", ""),
        ({"weight": "1"}, "e"),
        ({"weight": None}, "abc"),
        ({"odd \"name'": "x"}, "d"),
        ({"year' OR 1 --": 1}, ""),
        ({"document.id": ["a", "e", "none"]}, "ae"),
        ({"document.title": "Title b"}, "b"),
        ({"document.title": None}, "e"),
        ({"document.uri": {"$gte": "/d"}}, "de"),
        ({"document.media_type": "text/plain"}, "abcde"),
        ({"document.media_type": 3}, ""),
        ({"document.added_at": {"$gte": "2020"}}, "abcde"),
        ({"document.added_at": {"$gte": 2020}}, ""),
        ({"passage.page": None}, "abcde"),
        ({"passage.page": {"$gte": 1}}, ""),
        ({"passage.page": {"$gte": "1"}}, ""),
        ({"year": 2019, "topic": "sport"}, "a"),
        ({"$or": [{"year": 2019}, {"topic": "art"}]}, "ac"),
        ({"$and": [{"topic": "sport"}, {"$not": {"free": True}}]}, "a"),
        ({"$not": {"$or": [{"topic": "sport"}, {"topic": "art"}]}}, "de"),
        ("year>=2020", "bcd"),
        (" year >= 2020 ", "bcd"),
        ("topic=sport", "ab"),
        ("topic = sport", "ab"),
        ("topic!=sport", "cde"),
        ('topic=["games", "art"]', "bc"),
        ('year="2022"', "d"),
        ("year=2022", "d"),
        ("free=true", "b"),
        ("topic=null", "de"),
        ("topic=" + "[" * 100_000, ""),
        ("year>soon", ""),
        ("document.id=a", "a"),
        ('{"year": {"$gte": 2021}}', "cd"),
        (["year>=2020", "topic=art"], "c"),
        (["year>=2020", {"topic": "art"}], "c"),
    ],
)  # fmt: skip
def test_what_a_filter_allows(library: Collection, where: AnyWhere | None, expected: str) -> None:
    assert found(library, where) == expected


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (7, "is int.*Give an object"),
        (b"year=1", "is bytes"),
        ("year", "'year' is no condition.*year>=2020"),
        ("=3", "is no condition"),
        (" " * 100_000, "is no condition"),
        ("a" + " " * 100_000, "is no condition"),
        ('{"a":' + "[" * 100_000, "10 levels"),
        ('{"a": 1', "is not JSON"),
        ("{year: 1}", "is not JSON"),
        ("[1]", "is no condition"),
        ("year==2020", r"value that begins with '='.*The signs are =, !=, <, <=, >, >=.*year=\"=…\""),
        ("year=>2020", "value that begins with '>'"),
        ("year =< 2020", "value that begins with '<'"),
        ("year<>2020", "value that begins with '>'"),
        ([7], "holds 7 where an object belongs"),
        ({1: 2}, "where an object belongs"),
        ({"year": {"$like": 1}}, r"no operator '\$like' for 'year'.*\$eq, \$ne"),
        ({"year": {}}, "says nothing about 'year'"),
        ({"year": {"a": 1}}, "no operator 'a'"),
        ({"year": {"$in": 3}}, r"gives \$in of 'year' 3.*list"),
        ({"year": {"$gt": None}}, "compares 'year' with None.*number or a text"),
        ({"year": {"$gt": True}}, "number or a text"),
        ({"year": {"$gt": [1]}}, "Values are text"),
        ({"year": [[1]]}, "Values are text"),
        ({"year": float("nan")}, "finite"),
        ({"$nor": []}, r"no operator '\$nor' here.*\$and, \$or and \$not"),
        ({"$or": []}, r"gives \$or \[\]"),
        ({"$or": {"a": 1}}, "list of filters"),
        ({"$not": [1]}, "where an object belongs"),
        ({"document.name": "x"}, "'document.name', which is not known.*document.id, document.title"),
        ({"passage.start": 1}, "not known"),
        ({"a": list(range(10_001))}, "10,001 values.*at most 10,000"),
        ([{"a": 1}] * 101, "more than 100 conditions"),
    ],
)
def test_what_cannot_be_understood_is_refused(library: Collection, where: Any, said: str) -> None:
    with pytest.raises(FilterError, match=said):
        library.search("bridge", where=where)
    with pytest.raises(FilterError, match=said):
        library.ask("bridge", where=where)


def test_ask_reads_only_what_is_allowed(library: Collection) -> None:
    best = library.ask("Which bridge?").best
    assert best is not None
    assert best.document.id == "a"
    elsewhere = library.ask("Which bridge?", where={"document.id": ["b", "c"]})
    assert {answer.document.id for answer in elsewhere} <= {"b", "c"}
    assert not elsewhere.answerable
    assert not elsewhere.warnings
    nothing = library.ask("Which bridge?", where={"year": 1})
    assert (nothing.answers, nothing.answerable, nothing.no_answer_probability) == ((), False, 1.0)
    assert nothing.warnings == ("Nothing that is stored meets the filter.",)
    assert library.search("bridge").warnings == ()
    library.remove(*(info.id for info in library.documents()))
    for where in (None, {"yeer": 1}):
        assert library.ask("Which bridge?", where=where).warnings == ("The collection holds no documents.",)
        assert library.search("bridge", where=where).warnings == ("The collection holds no documents.",)


def test_a_name_that_no_document_has_is_told_with_those_there_are(tmp_path: Path) -> None:
    with spanwise.open(tmp_path, embedder=HashEmbedder(), reader=ScriptedReader({})) as library:
        library.add(Source("The bridge is wide.", id="plain"))
        assert "no document has metadata, so none named yeer." in library.search("bridge", where="yeer=1").warnings[0]
        for name, metadata in METADATA.items():
            library.add(Source(f"The bridge {name} is wide.", id=name, metadata=metadata))
        said = (
            "Nothing that is stored meets the filter: no document has metadata named yeer or Topic. "
            "There is year, topic, day, free, odd \"name', weight."
        )
        filters: list[tuple[AnyWhere, str]] = [
            ("yeer>=2000", "named yeer. There is year, day, free, odd \"name', topic, weight."),
            ({"$and": [{"Topic": "art"}, {"$not": {"yeer": None}}]}, "named Topic or yeer. There is topic, year, day"),
        ]
        for where, words in filters:
            assert words in library.search("bridge", where=where).warnings[0]
            assert library.search("bridge", where=where).warnings == library.ask("Which bridge?", where=where).warnings
        both = {"yeer": 1, "Topic": "art", "document.id": "a"}
        for mode in ("hybrid", "dense", "lexical"):
            assert library.search("bridge", where=both, mode=mode).warnings == (said,)  # type: ignore[arg-type]
        assert library.search("tunnel", where={"year": 2019}, mode="lexical").warnings == ()  # nothing, but allowed
        assert library.search("bridge", where={"$or": [{"yeer": 1}, {"year": 2019}]}).warnings == ()
        many = {f"column {number:04}": number for number in range(1_200)} | {"x" * 100: 1}
        library.add(Source("The bridge of columns is wide.", id="many", metadata=many))
        [words] = library.search("bridge", where={"colum 1100": 1, "column 1199": 0}).warnings
        assert "named colum 1100. There is column " in words
        assert words.endswith(", and more.")
        assert words.count(",") == 20
        assert "y" * 60 + "…" in library.search("bridge", where={"y" * 100: 1}).warnings[0]


def test_several_questions_read_only_what_is_allowed(library: Collection) -> None:
    assert [len(one) for one in library.ask_many(["Which bridge?", "What?"], where="year=1")] == [0, 0]


# Against a plain reading of the metadata.

names = st.sampled_from(["k", "l"])
texts = st.sampled_from(["", "a", "b", "é", "7", "1.5", "-3", "07", "7 a", "true", "null"])
scalars = texts | st.integers(-4, 9) | st.sampled_from([1.5, -3.0, 2.5]) | st.booleans() | st.none()
metadata = st.dictionaries(names, scalars | st.lists(scalars, max_size=3), max_size=2)
fields = names.flatmap(
    lambda name: (
        st.builds(
            lambda operator, value: {name: {operator: value}},
            st.sampled_from(["$lt", "$lte", "$gt", "$gte"]),
            texts | st.integers(-4, 9) | st.just(1.5),
        )
        | st.builds(lambda value: {name: value}, scalars | st.lists(scalars, max_size=3))
        | st.builds(lambda value: {name: {"$ne": value}}, scalars)
    )
)
filters = st.recursive(
    fields,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$and": parts})
        | st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$or": parts})
        | inner.map(lambda part: {"$not": part})
    ),
    max_leaves=5,
)


def values_of(stored: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    given = stored.get(name)
    values: list[tuple[str, Any]] = []
    for value in given if isinstance(given, list) else [given]:
        if isinstance(value, bool):
            values.append(("bool", value))
        elif isinstance(value, str):
            values.append(("text", value))
            try:
                number = json.loads(value)
            except ValueError:
                continue
            values += [("number", number)] if type(number) in (int, float) else []
        elif value is not None:
            values.append(("number", value))
    return values


def kind_of(value: object) -> str:
    return "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def holds(where: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    [(name, wanted)] = where.items()
    if name == "$and":
        return all(holds(part, stored) for part in wanted)
    if name == "$or":
        return any(holds(part, stored) for part in wanted)
    if name == "$not":
        return not holds(wanted, stored)
    values = values_of(stored, name)
    if isinstance(wanted, dict):
        [(operator, bound)] = wanted.items()
        if operator == "$ne":
            return not holds({name: bound}, stored)
        comparable = [value for kind, value in values if kind == kind_of(bound)]
        sides: Mapping[str, Callable[[Any], bool]] = {
            "$lt": lambda value: value < bound, "$lte": lambda value: value <= bound,
            "$gt": lambda value: value > bound, "$gte": lambda value: value >= bound,
        }  # fmt: skip
        return any(map(sides[operator], comparable))
    several = wanted if isinstance(wanted, list) else [wanted]
    return any((not values) if one is None else (kind_of(one), one) in values for one in several)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """A collection whose documents get the metadata of each example."""
    with spanwise.open(tmp_path_factory.mktemp("pool"), settings=Settings(), embedder=HashEmbedder()) as library:

        def search(stored: list[dict[str, Any]], where: Mapping[str, Any]) -> list[int]:
            library.remove(*(info.id for info in library.documents()))
            library.add([Source(f"bridge {n}", id=str(n), metadata=one) for n, one in enumerate(stored)])
            hits = library.search("bridge", 100, where=where, mode="dense")
            again = library.search("bridge", 100, where=where, mode="lexical")
            assert sorted(hit.document.id for hit in hits) == sorted(hit.document.id for hit in again)
            return sorted(int(hit.document.id) for hit in hits)

        yield search


@given(st.lists(metadata, min_size=1, max_size=6), filters)
def test_a_filter_allows_what_a_plain_reading_of_the_metadata_allows(
    pool: Callable[..., list[int]], stored: list[dict[str, Any]], where: Mapping[str, Any]
) -> None:
    assert pool(stored, where) == [number for number, one in enumerate(stored) if holds(where, one)]


# Recall.

WORDS = "alba birk corn dusk elm fern gorse heath iris junco".split()


@given(st.data())
def test_a_filtered_search_is_the_whole_ranking_less_what_is_not_allowed(
    tmp_path_factory: pytest.TempPathFactory, draft: Callable[..., DocumentDraft], data: st.DataObject
) -> None:
    store = _many(tmp_path_factory, draft)
    query = " ".join(data.draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3)))
    allowed = data.draw(st.lists(st.sampled_from([f"d{n:03}" for n in range(300)]), min_size=1, max_size=3))
    where = parse_where({"document.id": allowed})
    vector = HashEmbedder(16).embed_query(query)
    with store.reading() as view:
        every, filtered = view.dense(vector, 300), view.dense(vector, 10, where)
        passages = view.passages([key for key, _ in every])
        assert filtered == [(key, score) for key, score in every if passages[key].document.id in allowed][:10]
        every, filtered = view.lexical(view.read(query), 300), view.lexical(view.read(query), 10, where)
        assert filtered == [(key, score) for key, score in every if passages[key].document.id in allowed][:10]


_stores: list[PassageStore] = []


def _many(tmp_path_factory: pytest.TempPathFactory, draft: Callable[..., DocumentDraft]) -> PassageStore:
    """300 passages of three words; 3 of them are 1 %. The index is FAISS', and NumPy's agrees with it elsewhere."""
    if not _stores:
        store = SqlitePassageStore(tmp_path_factory.mktemp("many") / "store", FaissFlatIndex)
        words = [f"{WORDS[n % 10]} {WORDS[n // 10 % 10]} {WORDS[(n // 100 + n) % 10]}" for n in range(300)]
        store.add([draft(f"d{n:03}", text) for n, text in enumerate(words)], replace=True)
        _stores.append(store)
    return _stores[0]


def test_changes_after_the_index_was_made_are_filtered_too(tmp_path: Path) -> None:
    """New rows lie in a second index and deleted ones are passed over: neither is lost to a filter, nor shown by it."""
    with spanwise.open(tmp_path, embedder=HashEmbedder(), settings=Settings()) as changing:
        changing.add([Source(f"bridge {n}", id=str(n), metadata={"n": n % 2}) for n in range(20)])
        changing.search("bridge")
        changing.add([Source(f"bridge {n}", id=str(n), metadata={"n": n % 2}) for n in range(20, 26)])
        changing.remove("1", "3", "21")
        changing.add(Source("bridge anew", id="5", metadata={"n": 0}))
        hits = changing.search("bridge", 50, where={"n": 1}, mode="dense")
        expected = {str(n) for n in range(26) if n % 2} - {"1", "3", "5", "21"}
        assert sorted(hit.document.id for hit in hits) == sorted(expected)


def test_a_collection_of_an_older_format_can_be_filtered(tmp_path: Path) -> None:
    before = next(number for number, script in enumerate(MIGRATIONS) if "CREATE TABLE metadata" in script)
    file = tmp_path / "collections/default/collection.sqlite"
    file.parent.mkdir(parents=True)
    connection = sqlite3.connect(file)
    connection.executescript(";".join(MIGRATIONS[:before]) + f"; PRAGMA user_version = {before};")
    vector = HashEmbedder().embed_query("The bridge.").astype("<f2").tobytes()
    for key, (name, metadata) in enumerate(METADATA.items(), 1):
        connection.execute(
            "INSERT INTO documents (key, id, metadata, content_hash, media_type, headings, added_at, characters, "
            "passages, text) VALUES (?, ?, ?, 'sha256:0', 'text/plain', '[]', '2025', 11, 1, 'The bridge.')",
            (key, name, json.dumps(metadata)),
        )
        connection.execute(
            'INSERT INTO passages (key, document, start, "end", heading, prefix, text) '
            "VALUES (?, ?, 0, 11, '[]', '', 'The bridge.')",
            (key, key),
        )
        connection.execute("INSERT INTO vectors VALUES (?, ?)", (key, vector))
    connection.commit()
    connection.close()
    with spanwise.open(tmp_path, embedder=HashEmbedder(), settings=Settings()) as library:
        assert {hit.document.id for hit in library.search("bridge", where={"topic": "sport"})} == {"a", "b"}
        assert {hit.document.id for hit in library.search("bridge", where="year>=2020")} == {"b", "c", "d"}
        library.remove("a")
        assert {hit.document.id for hit in library.search("bridge", where={"topic": "sport"})} == {"b"}
