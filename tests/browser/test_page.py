"""The page around the search box: what it refuses, keys, files that are added, the docs, and axe over all of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

QUESTION = "When do the Olympics end?"
Documents = dict[str, tuple[str, str]]
NewPage = Callable[..., Any]
Photograph = Callable[[Any, str], None]
Ask = Callable[[Any, str], None]


@pytest.mark.parametrize(
    "attack",
    [
        "document.body.innerHTML = '<b>x</b>'",
        "setTimeout('window.hacked = 1')",
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.hacked = 1'}))",
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.hacked=1>')",
        "document.write('<p>x')",
    ],
)
def test_the_policy_refuses_script_and_html_by_string(new_page: NewPage, attack: str) -> None:
    page = new_page(expect_refusals=True)
    page.goto("/")
    assert page.evaluate(f"(() => {{ try {{ {attack}; return 'ran'; }} catch (e) {{ return e.name; }} }})()") != "ran"
    assert page.evaluate("window.hacked") is None


def test_a_link_to_another_version_says_so(new_page: NewPage, documents: Documents, photograph: Photograph) -> None:
    page = new_page(expect_refusals=True)
    page.goto("/#/documents/party?start=3&end=8&version=sha256:0000")
    page.get_by_role("alert").wait_for()
    assert "has changed since this link was made" in page.get_by_role("alert").inner_text()
    assert page.locator("#document mark").count() == 0
    photograph(page, "light-other-version")
    page.get_by_role("link", name="Open the document as it is now").click()
    page.locator("#document .text").wait_for()
    assert page.locator("#document .text").text_content() == documents["party"][1]


def test_a_server_that_wants_a_key_asks_for_it(new_page: NewPage) -> None:
    page = new_page(expect_refusals=True)
    problem = {
        "type": "urn:spanwise:problem:key-required",
        "title": "An API key is needed",
        "status": 401,
        "detail": "x",
    }

    def refuse(route: Any) -> None:
        if route.request.headers.get("authorization") == "Bearer the-key":
            route.fallback()
        else:
            route.fulfill(status=401, body=json.dumps(problem), content_type="application/problem+json")

    page.route("**/v1/ask", refuse)
    page.goto(f"/#/?q={quote(QUESTION)}")
    page.get_by_label("This server answers only with an API key.").fill("the-key")
    page.get_by_role("button", name="Use it").click()
    page.locator("blockquote mark").wait_for()


def test_a_collection_that_is_not_there_says_how_to_make_it(new_page: NewPage) -> None:
    page = new_page(expect_refusals=True)
    page.goto(f"/#/?q={quote(QUESTION)}&collection=nothing")
    page.locator("spanwise-search .answer").wait_for()
    said = page.locator("spanwise-search .answer").inner_text()
    assert "There is no collection “nothing”. Adding documents makes it" in said


def test_a_document_without_a_title_is_called_as_its_file_was(new_page: NewPage, ask: Ask) -> None:
    page = new_page()
    page.goto("/#/?collection=named")
    page.get_by_role("button", name="Add documents").wait_for()
    text = "The party is on the 🏖️ beach.".encode()
    page.locator("#files").set_input_files(
        [{"name": "Übersicht 2024 ~1.txt", "mimeType": "text/plain", "buffer": text}]
    )
    page.get_by_text("Added 1 document.").wait_for()
    ask(page, "Where is the party?")
    assert page.locator(".source a").inner_text() == "Read it in Übersicht 2024 ~1.txt"
    page.locator(".source a").click()
    page.locator("#document h1").wait_for()
    assert page.locator("#document h1").inner_text() == "Übersicht 2024 ~1.txt"
    assert "~C3~9Cbersicht~202024~20~7E1.txt" in page.locator("#document .facts").inner_text()
    name = "import('/static/client.js').then(({ nameOf }) => nameOf({ id: 'a~FFb~20c' }))"
    assert page.evaluate(name) == "a~FFb c"  # what is no UTF-8 stays as it is


def test_a_title_that_is_the_first_heading_too_is_said_once(new_page: NewPage, ask: Ask) -> None:
    page = new_page()
    page.goto("/#/?collection=headed")
    page.get_by_role("button", name="Add documents").wait_for()
    text = "# The plan\n\nFor all.\n\n## Summer\n\nThe party is on the 🏖️ beach.\n".encode()
    page.locator("#files").set_input_files([{"name": "plan.md", "mimeType": "text/markdown", "buffer": text}])
    page.get_by_text("Added 1 document.").wait_for()
    ask(page, "Where is the party?")
    assert page.locator(".source a").inner_text() == "Read it in The plan"
    assert page.locator(".source .where span").first.inner_text() == "Summer"


def test_files_are_added_and_can_be_asked(new_page: NewPage, photograph: Photograph, ask: Ask) -> None:
    page = new_page(expect_refusals=True)
    page.goto("/#/?collection=uploaded")
    files = [
        {"name": '<img src=x onerror="w.txt', "mimeType": "text/plain", "buffer": b"The party is here."},
        {"name": "notes.md", "mimeType": "text/markdown", "buffer": "# Notes 🏖️".encode()},
    ]
    page.get_by_role("button", name="Add documents").wait_for()
    page.locator("#files").set_input_files(files)
    page.get_by_text("Added 2 documents.").wait_for()
    photograph(page, "light-uploaded")
    page.locator("#files").set_input_files([{"name": "photo.exe", "mimeType": "text/plain", "buffer": b"x"}])
    page.get_by_text("files of type .exe are not read").wait_for()
    large = {"name": "large.txt", "mimeType": "text/plain", "buffer": b"Words and more words. " * 60_000}
    page.evaluate("window.scrollTo(0, 0)")
    page.locator("#files").set_input_files([large, {**files[0], "name": "bad.txt", "buffer": b"\x00\x01"}])
    page.get_by_text("Added 1 document.").wait_for(timeout=60_000)
    assert "bad.txt" in page.locator("#uploaded").inner_text()
    ask(page, "Where is the party?")
    assert page.evaluate("window.hacked") is None


def test_files_are_dropped(page: Any) -> None:
    page.get_by_role("button", name="Add documents").wait_for()
    page.evaluate(
        """() => { const held = new DataTransfer();
        held.items.add(new File(["Dropped words."], "dropped.txt", {type: "text/plain"}));
        for (const kind of ["dragenter", "dragover", "drop"])
          document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: held, bubbles: true, cancelable: true})); }"""
    )
    page.get_by_text("Added 1 document.").wait_for()
    assert page.request.get("/v1/documents/dropped.txt").json()["text"] == "Dropped words."
    page.request.delete("/v1/documents/dropped.txt")


def test_readers_are_not_offered_to_add_files(new_page: NewPage, ask: Ask) -> None:
    page = new_page()
    page.route("**/v1/collections", lambda route: route.fulfill(json={"collections": [], "scope": "read"}))
    with page.expect_response("**/v1/collections"):
        page.goto("/")
    page.wait_for_timeout(100)
    assert not page.get_by_role("button", name="Add documents").is_visible()
    ask(page, QUESTION)
    assert not page.locator(".judging").is_visible()


def test_the_component_works_on_another_page(new_page: NewPage, address: str, ask: Ask) -> None:
    page = new_page()
    page.goto("/docs")
    page.locator("details").first.wait_for()
    page.evaluate(
        """async () => { await import('/static/spanwise-search.js');
        const box = document.createElement('spanwise-search');
        box.setAttribute('endpoint', location.origin); document.querySelector('main').prepend(box); }"""
    )
    ask(page, QUESTION)
    assert page.locator(".source a").get_attribute("href").startswith(f"{address}/#/documents/")


def test_the_docs_show_every_operation(new_page: NewPage, photograph: Photograph) -> None:
    page = new_page()
    page.goto("/docs")
    page.locator("details").first.wait_for()
    described = page.request.get("/openapi.json").json()
    ids = {one["operationId"] for methods in described["paths"].values() for one in methods.values()}
    assert {one.get_attribute("id") for one in page.locator("details").all()} == ids
    page.locator("#ask summary").click()
    assert "question" in page.locator("#ask").inner_text()
    photograph(page, "light-docs")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 360])
def test_no_serious_finding_of_axe(
    new_page: NewPage, axe: Path, scheme: str, width: int, photograph: Photograph, ask: Ask
) -> None:
    page = new_page(
        color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True, reduced_motion="reduce"
    )
    page.goto("/")
    name = f"{scheme}-{width}"

    def examine(where: str) -> None:
        photograph(page, f"{name}-{where}")
        page.evaluate(axe.read_text("utf-8"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        bad = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
        assert bad == [], where
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), where

    examine("empty")
    page.get_by_role("combobox").fill("winter olympics")
    page.get_by_role("option").first.wait_for()
    examine("typing")
    ask(page, QUESTION)
    page.locator(".agreeing li").wait_for()
    examine("answer")
    page.locator(".source a").click()
    page.locator("#document mark").wait_for()
    examine("document")
    page.goto("/#/?q=Who%20painted%20the%20ceiling%3F")
    page.locator(".sure.none").wait_for()
    examine("no-answer")
    page.goto("/docs")
    page.locator("details").first.wait_for()
    examine("docs")
