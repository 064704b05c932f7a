"""POST /v1/ask and /v1/search."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

QUESTION = "When do the Olympics end?"


def test_ask_names_the_exact_span(library: FlaskClient, article: str) -> None:
    response = library.post("/v1/ask", json={"question": QUESTION})
    body = response.get_json()

    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert list(body) == [
        "question", "answerable", "no_answer_probability", "calibrated", "warnings", "corrected", "answers",
        "generation", "took_ms", "timings_ms",
    ]  # fmt: skip
    assert body["question"] == QUESTION
    assert body["answerable"] is True
    assert body["calibrated"] is False
    assert body["generation"] == 1

    best = body["answers"][0]
    assert list(best) == [
        "text", "probability", "document", "span", "span_utf16", "page", "heading", "passage", "support", "location",
    ]  # fmt: skip
    assert best["text"] == "Feb. 20"
    assert best["span"] == {"start": 2694, "end": 2701}
    assert article[2694:2701] == "Feb. 20"
    assert best["span_utf16"] == best["span"]  # nothing before it lies outside the basic plane
    assert best["page"] is None
    assert best["heading"] is None
    assert best["document"] == {
        "id": "news/ukraine.txt",
        "title": "Ukraine",
        "uri": "https://example.org/ukraine",
        "metadata": {},
        "content_hash": "sha256:05d18842634a46bb72728631cf31d130a09c3ed94bd0890c1885fe1e8eb5234d",
    }
    passage = best["passage"]
    assert article[passage["start"] : passage["end"]] == passage["text"]
    assert passage["start"] <= 2694 < 2701 <= passage["end"]
    for answer in body["answers"]:
        assert round(answer["probability"], 4) == answer["probability"]


def test_utf16_offsets_are_what_javascript_counts(library: FlaskClient) -> None:
    text = library.get("/v1/documents/party").get_json()["text"]
    best = library.post("/v1/ask", json={"question": "Where is the party?"}).get_json()["answers"][0]

    assert best["text"] == "on the 🏖️ beach"
    assert text[best["span"]["start"] : best["span"]["end"]] == best["text"]
    units = text.encode("utf-16-le")[best["span_utf16"]["start"] * 2 : best["span_utf16"]["end"] * 2]
    assert units.decode("utf-16-le") == best["text"]
    assert best["span_utf16"] != best["span"]


def test_a_question_that_nothing_answers(library: FlaskClient) -> None:
    body = library.post("/v1/ask", json={"question": "Who painted the ceiling?"}).get_json()
    assert body["answerable"] is False


def test_top_k_bounds_answers_and_hits(library: FlaskClient) -> None:
    assert len(library.post("/v1/ask", json={"question": QUESTION, "top_k": 1}).get_json()["answers"]) == 1
    assert len(library.post("/v1/search", json={"query": "Russia", "top_k": 2}).get_json()["hits"]) == 2


def test_search_hits_are_slices_of_their_document(library: FlaskClient, article: str) -> None:
    body = library.post("/v1/search", json={"query": "winter olympics in china"}).get_json()

    assert list(body) == ["query", "hits", "warnings", "corrected", "next", "generation", "took_ms", "timings_ms"]
    assert body["query"] == "winter olympics in china"
    first = body["hits"][0]
    assert list(first) == [
        "document", "passage", "span", "span_utf16", "highlights", "merged", "sentence", "scores", "explanation",
        "page", "heading",
    ]  # fmt: skip
    marked = [article[one["span"]["start"] : one["span"]["end"]] for one in first["highlights"]]
    assert {"Winter", "Olympics", "China"} <= set(marked)
    assert "Winter Olympics in China" in first["passage"]["text"]
    assert first["document"]["id"] == "news/ukraine.txt"
    assert set(first["scores"]) == {"fused", "dense", "lexical", "relevance"}
    fused = [hit["scores"]["fused"] for hit in body["hits"]]
    assert fused == sorted(fused, reverse=True)
    for hit in body["hits"]:
        passage = hit["passage"]
        if hit["document"]["id"] == "news/ukraine.txt":
            assert article[passage["start"] : passage["end"]] == passage["text"]
            assert hit["span"] == {"start": passage["start"], "end": passage["end"]}


def test_an_unknown_field_is_told_with_those_that_are_known(library: FlaskClient) -> None:
    def detail(path: str, body: dict[str, Any]) -> str:
        return str(library.post(path, json=body).get_json()["detail"])

    said = detail("/v1/search", {"q": "party", "limit": 3})
    assert said.startswith(
        "`query` is required; `q` is not a known field; `limit` is not a known field. Known are query, "
    )
    assert "top_k" in said
    inside = detail("/v1/documents", {"documents": [{"text": "x", "body": "y"}]})
    assert inside == "`documents[0].body` is not a known field. Known are text, title, uri, metadata, id."
    assert library.get("/v1/documents?page=2").get_json()["detail"].endswith("Known are collection, limit, after.")
    assert "Known" not in detail("/v1/ask", {"question": ""})


def test_a_collection_in_the_wrong_place_is_not_ignored(library: FlaskClient) -> None:
    misplaced = library.post("/v1/documents", json={"documents": [{"text": "x"}], "collection": "another"})
    assert misplaced.get_json()["detail"].endswith(
        "Known are documents. Here it stands in the address: ?collection=NAME."
    )
    for path, body in (
        ("/v1/ask", {"question": QUESTION}),
        ("/v1/search", {"query": "party"}),
        ("/v1/feedback", {"question": QUESTION, "verdict": "absent"}),
    ):
        refused = library.post(f"{path}?collection=another", json=body)
        assert refused.status_code == 422
        assert refused.get_json()["detail"] == (
            "`collection` is not a known field. This address takes no query string: send it in the JSON body."
        )


def test_a_filter_on_a_name_that_no_document_has_says_which_there_are(library: FlaskClient) -> None:
    said = "Nothing that is stored meets the filter: no document has metadata named tt. There is t, n."
    for path, what in (("/v1/search", {"query": "party"}), ("/v1/ask", {"question": QUESTION})):
        assert library.post(path, json={**what, "where": {"tt": "a"}}).get_json()["warnings"] == [said]
        assert library.post(path, json={**what, "where": {"t": "a"}}).get_json()["warnings"] == []


def test_a_removed_document_is_not_found_again(stored: FlaskClient) -> None:
    stored.delete("/v1/documents/news/ukraine.txt")
    body = stored.post("/v1/ask", json={"question": QUESTION}).get_json()
    assert body["answerable"] is False
    assert {answer["document"]["id"] for answer in body["answers"]} <= {"party"}
    hits = stored.post("/v1/search", json={"query": "winter olympics"}).get_json()["hits"]
    assert {hit["document"]["id"] for hit in hits} <= {"party"}


def test_collections_are_apart(stored: FlaskClient) -> None:
    other = {"documents": [{"id": "only", "text": "The games end in March."}]}
    assert stored.post("/v1/documents?collection=other", json=other).status_code == 201
    hits = stored.post("/v1/search", json={"query": "games", "collection": "other"}).get_json()["hits"]
    assert [hit["document"]["id"] for hit in hits] == ["only"]


@pytest.mark.parametrize(
    ("body", "field", "detail", "limit"),
    [
        ({}, "question", "is required", None),
        ({"question": ""}, "question", "must not be empty", 1),
        ({"question": " \n\t"}, "question", "must hold more than spaces", None),
        ({"question": 3}, "question", "must be a string", None),
        ({"question": None}, "question", "must be a string", None),
        ({"question": ["x"]}, "question", "must be a string", None),
        ({"question": "x" * 1_000_001}, "question", "must be at most 1000 characters long", 1000),
        ({"question": "x", "top_k": True}, "top_k", "must be a whole number", None),
        ({"question": "x", "top_k": "3"}, "top_k", "must be a whole number", None),
        ({"question": "x", "top_k": 2.5}, "top_k", "must be a whole number", None),
        ({"question": "x", "top_k": None}, "top_k", "must be a whole number", None),
        ({"question": "x", "top_k": 0}, "top_k", "must be at least 1", 1),
        ({"question": "x", "top_k": 101}, "top_k", "must be at most 100", 100),
        ({"question": "x", "top_n": 3}, "top_n", "is not a known field", None),
        ({"question": "x", "collection": 7}, "collection", "must be a string", None),
        ({"question": "x", "collection": ""}, "collection", "must not be empty", 1),
    ],
)
def test_a_bad_field_is_named_with_its_limit(
    library: FlaskClient, body: dict[str, Any], field: str, detail: str, limit: int | None
) -> None:
    response = library.post("/v1/ask", json=body)
    problem = response.get_json()

    assert response.status_code == 422
    assert response.mimetype == "application/problem+json"
    assert problem["type"] == "urn:spanwise:problem:invalid-request"
    expected: dict[str, Any] = {"field": field, "detail": detail}
    if limit is not None:
        expected["limit"] = limit
    assert problem["errors"] == [expected]
    assert problem["detail"].startswith(f"`{field}` {detail}.")
    assert len(response.data) < 1_000


def test_half_a_surrogate_pair_is_not_text(library: FlaskClient) -> None:
    response = library.post("/v1/ask", data=r'{"question": "\ud83d"}', content_type="application/json")
    assert response.status_code == 422
    assert "surrogate" in response.get_json()["detail"]


@pytest.mark.parametrize("route", ["/v1/ask", "/v1/search"])
def test_an_unknown_collection_is_named(untouched: FlaskClient, route: str) -> None:
    field = "question" if route == "/v1/ask" else "query"
    response = untouched.post(route, json={field: "x", "collection": "nope"})
    assert response.status_code == 404
    assert response.get_json()["type"] == "urn:spanwise:problem:collection-not-found"
    assert "'nope'" in response.get_json()["detail"]


@pytest.mark.parametrize("name", ["../default", "a/b", ".hidden", "x y", "a\x00b"])
def test_a_collection_name_is_no_path(library: FlaskClient, name: str) -> None:
    response = library.post("/v1/ask", json={"question": "x", "collection": name})
    assert response.status_code == 422
    assert response.get_json()["type"] == "urn:spanwise:problem:invalid-id"


def test_several_questions_in_one_request(library: FlaskClient) -> None:
    asked = [QUESTION, "Who painted the ceiling?", QUESTION]
    body = library.post("/v1/ask", json={"questions": asked, "top_k": 1}).get_json()
    assert list(body) == ["results"]
    assert [result["question"] for result in body["results"]] == asked
    assert [result["answerable"] for result in body["results"]] == [True, False, True]
    assert body["results"][0]["answers"][0]["text"] == "Feb. 20"
    for refused in ({"questions": []}, {"questions": ["x"] * 101}, {"questions": ["x"], "question": "y"}, {}):
        assert library.post("/v1/ask", json=refused).status_code == 422


def test_min_probability_and_warnings(library: FlaskClient) -> None:
    body = library.post("/v1/ask", json={"question": QUESTION, "min_probability": 1.0}).get_json()
    assert body["answerable"] is False
    assert body["warnings"] == []
    assert library.post("/v1/ask", json={"question": QUESTION, "min_probability": 1.5}).status_code == 422
    assert library.post("/v1/ask", json={"question": "Wann enden die Spiele?"}).get_json()["warnings"]


def test_suggestions_complete_what_is_typed(library: FlaskClient) -> None:
    body = library.get("/v1/suggest", query_string={"text": "winter oly", "limit": 3}).get_json()
    assert body["suggestions"] == [{"text": "Winter Olympics", "kind": "phrase"}]
    for query, field in (({}, "text"), ({"text": " "}, "text"), ({"text": "a", "limit": 0}, "limit")):
        refused = library.get("/v1/suggest", query_string=query)
        assert (refused.status_code, refused.get_json()["errors"][0]["field"]) == (422, field)
    assert library.get("/v1/suggest?text=a&collection=nothing").status_code == 404


def test_corrections_and_unfinished_words_are_told(library: FlaskClient) -> None:
    body = library.post("/v1/search", json={"query": "olimpics"}).get_json()
    assert body["corrected"] == {"olimpics": "olympics"}
    assert library.post("/v1/ask", json={"question": "When do the olimpics end?"}).get_json()["corrected"]
    hits = library.post("/v1/search", json={"query": "winter olym", "prefix": True}).get_json()["hits"]
    assert "Winter Olympics" in hits[0]["passage"]["text"]


def test_a_search_is_filtered_paged_and_explained(stored: FlaskClient) -> None:
    everything = {"query": "winter olympics beach", "merge": False}
    only = stored.post(
        "/v1/search", json={**everything, "where": {"t": "a"}, "explain": True, "sentences": True}
    ).get_json()
    assert {hit["document"]["id"] for hit in only["hits"]} == {"party"}
    hit = only["hits"][0]
    words = [hit["passage"]["text"][one["span"]["start"] : one["span"]["end"]] for one in hit["highlights"]]
    assert words == ["beach"]
    assert hit["sentence"]["span"]["start"] < hit["highlights"][0]["span"]["start"] < hit["sentence"]["span"]["end"]
    assert hit["highlights"][0]["span_utf16"]["start"] > hit["highlights"][0]["span"]["start"]  # behind an emoji
    assert {term["word"] for term in hit["explanation"]["terms"]} == {"winter", "olympics", "beach"}
    assert hit["explanation"]["words"]

    first = stored.post("/v1/search", json={**everything, "top_k": 2}).get_json()
    second = stored.post("/v1/search", json={**everything, "top_k": 2, "cursor": first["next"]}).get_json()
    places = [(hit["document"]["id"], hit["passage"]["start"]) for page in (first, second) for hit in page["hits"]]
    assert len(set(places)) == 4
    judged = stored.post("/v1/search", json={**everything, "rerank": True}).get_json()
    assert all(hit["scores"]["relevance"] is not None for hit in judged["hits"])

    asked = stored.post("/v1/ask", json={"question": QUESTION, "where": {"document.id": "party"}}).get_json()
    assert {answer["document"]["id"] for answer in asked["answers"]} == {"party"}

    stored.delete("/v1/documents/party")
    stale = stored.post("/v1/search", json={**everything, "top_k": 2, "cursor": first["next"]})
    assert (stale.status_code, stale.get_json()["type"]) == (409, "urn:spanwise:problem:stale-cursor")


def test_a_filter_as_text_is_told_its_form(library: FlaskClient) -> None:
    problem = library.post("/v1/search", json={"query": "x", "where": "year>=2020"}).get_json()
    assert problem["errors"] == [
        {"field": "where", "detail": 'must be a JSON object, such as {"year": {"$gte": 2020}}, not a text'}
    ]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"where": {"a": {"$like": 1}}}, "invalid-filter"),
        ({"where": {"document.size": 1}}, "invalid-filter"),
        ({"where": "a=1"}, "invalid-request"),
        ({"where": [1]}, "invalid-request"),
        ({"cursor": "nonsense"}, "invalid-cursor"),
        ({"cursor": 7}, "invalid-request"),
        ({"mode": "semantic"}, "invalid-request"),
        ({"rerank": "yes"}, "invalid-request"),
    ],
)
def test_what_a_search_refuses(library: FlaskClient, body: dict[str, Any], kind: str) -> None:
    response = library.post("/v1/search", json={"query": "x", **body})
    problem = response.get_json()
    assert (response.status_code, problem["type"]) == (422, f"urn:spanwise:problem:{kind}")
    assert problem["detail"].endswith(".")
    assert "Input should" not in problem["detail"]
