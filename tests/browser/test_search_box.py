"""The search box as a visitor uses it: type, look, Enter, read, open."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
QUESTION = "When do the Olympics end?"
Documents = dict[str, tuple[str, str]]
NewPage = Callable[..., Any]
Photograph = Callable[[Any, str], None]
Ask = Callable[[Any, str], None]


def suggested(page: Any, query: str) -> Any:
    """The first passage found for `query`, once that is what is shown and not for the letters typed before."""
    page.locator(f'#suggestions[data-query="{query}"] li').first.wait_for()
    return page.get_by_role("option").first


def highlighted(page: Any) -> str:
    mark = page.locator("#document mark")
    mark.wait_for()
    assert mark.evaluate(
        """(mark) => { const at = mark.getBoundingClientRect(); return at.top >= 0 && at.bottom <= innerHeight; }"""
    )
    return str(mark.text_content())


def shown_text(page: Any) -> str:
    return str(page.locator("#document .text").text_content())


@pytest.mark.parametrize(
    ("warnings", "said"),
    [
        (["Nothing that is stored meets the filter."], "Nothing that is stored meets the filter."),
        (["The collection holds no documents."], "The collection holds no documents."),
        ([], "Nothing in the documents is near the question."),
    ],
)
def test_an_empty_list_of_answers_says_why(page: Any, ask: Ask, warnings: list[str], said: str) -> None:
    found = {"question": QUESTION, "answerable": False, "answers": [], "warnings": warnings, "corrected": {}}
    page.route("**/v1/ask", lambda route: route.fulfill(json=found))
    ask(page, QUESTION)
    assert page.locator("spanwise-search .answer").inner_text().splitlines() == ["Nothing was found.", "", said]


def test_a_collection_that_is_not_there_is_told(new_page: Any, ask: Ask) -> None:
    page = new_page(expect_refusals=True)
    page.goto("/#/?collection=nope")
    ask(page, QUESTION)
    assert (
        "There is no collection “nope”. Adding documents makes it"
        in page.locator("spanwise-search .answer").inner_text()
    )


def test_type_look_enter_read_open(page: Any, photograph: Photograph, ask: Ask) -> None:
    photograph(page, "light-empty")
    field = page.get_by_role("combobox")
    field.press_sequentially("winter olympics", delay=15)
    assert "Winter Olympics" in suggested(page, "winter olympics").inner_text()
    photograph(page, "light-typing")

    ask(page, QUESTION)
    answer = page.locator("spanwise-search .answer")
    assert answer.get_by_role("heading", level=2).inner_text() == "Feb. 20"
    assert answer.locator(".sure").inner_text() == "Very likely"
    assert answer.locator("blockquote mark").inner_text() == "Feb. 20"
    assert "Olympics in China" in answer.locator("blockquote").inner_text()
    answer.locator(".agreeing li").wait_for()
    assert "One other place agrees" in answer.inner_text()
    photograph(page, "light-answer")

    title = answer.locator(".source a").inner_text().removeprefix("Read it in ")
    answer.locator(".source a").click()
    assert highlighted(page) == "Feb. 20"
    assert page.locator("#document h1").inner_text() == title
    photograph(page, "light-document")

    page.go_back()
    assert page.locator("spanwise-search h2").inner_text() == "Feb. 20"


def test_what_matched_is_strong_in_the_passages_found(page: Any) -> None:
    field = page.get_by_role("combobox")
    field.fill("hostile bring ends scripts")
    first = suggested(page, "hostile bring ends scripts")
    for item in page.get_by_role("option").all():
        strong = [word.lower() for word in item.locator(".words b").all_inner_texts()]
        assert set(strong) <= {"hostile", "bring", "ends", "end", "script"}  # stems, as the index has them
    words = page.locator("#suggestions .words", has_text="hostile words are").first
    assert "hostile" in words.locator("b").all_inner_texts()
    assert HOSTILE in words.inner_text()  # as text
    assert first.locator("img").count() == 0
    party = page.locator("#suggestions .words", has_text="Bring cake").first
    assert party.locator("b").all_inner_texts() == ["Bring"]  # behind emoji


def test_the_highlight_is_the_span_of_the_link(page: Any, documents: Documents, ask: Ask) -> None:
    ask(page, QUESTION)
    page.locator(".agreeing a").wait_for()
    links = page.locator("spanwise-search a.go").all()
    assert links
    for link in links:
        address = link.get_attribute("href")
        document, start, end = re.search(r"#/documents/(.+)\?start=(\d+)&end=(\d+)&version=sha256", address).groups()
        opened = page.context.new_page()
        opened.goto(address)
        text = documents[document][1]
        assert highlighted(opened) == text[int(start) : int(end)]
        assert shown_text(opened) == text
        opened.close()


def test_an_answer_from_a_pdf_opens_its_page_with_the_words_highlighted(
    page: Any, photograph: Photograph, ask: Ask
) -> None:
    pytest.importorskip("reportlab")
    ask(page, "Who painted the lighthouse?")
    page.locator("spanwise-search .source a").click()
    picture = page.get_by_role("img", name="Page 2; where “Ada Quayle” stands on it is highlighted")
    picture.wait_for()
    # How many pixels of the marker's colour the picture has: red and green, hardly any blue.
    yellow = """async (picture) => {
        await picture.decode();
        const canvas = new OffscreenCanvas(picture.naturalWidth, picture.naturalHeight).getContext("2d");
        canvas.drawImage(picture, 0, 0);
        const { data } = canvas.getImageData(0, 0, picture.naturalWidth, picture.naturalHeight);
        let found = 0;
        for (let at = 0; at < data.length; at += 4) found += data[at] > 200 && data[at + 2] < 140;
        return found;
    }"""
    assert picture.evaluate(yellow) > 500
    assert "painted by Ada Quayle" in shown_text(page)
    photograph(page, "light-page")
    page.get_by_role("button", name="Next page").click()
    page.get_by_role("img", name="Page 3").wait_for()
    assert page.get_by_role("img", name="Page 3").evaluate(yellow) == 0
    assert page.get_by_role("button", name="Next page").is_disabled()
    assert "Page 3 of 3" in page.locator("figure.page figcaption").inner_text()


def test_only_the_keyboard(page: Any) -> None:
    page.evaluate(
        "document.activeElement.blur(); document.querySelector('spanwise-search').shadowRoot.activeElement?.blur()"
    )
    page.keyboard.press("/")
    field = page.get_by_role("combobox")
    assert field.evaluate("(field) => field.getRootNode().activeElement === field")
    page.keyboard.type("olympics")
    suggested(page, "olympics")
    assert field.get_attribute("aria-expanded") == "true"

    page.keyboard.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") == "passage-0"
    assert page.get_by_role("option", selected=True).count() == 1
    page.keyboard.press("ArrowUp")
    assert field.get_attribute("aria-activedescendant") is None
    page.keyboard.press("Escape")
    assert field.get_attribute("aria-expanded") == "false"
    assert field.input_value() == "olympics"

    page.keyboard.press("Escape")
    assert field.input_value() == ""
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    page.locator("spanwise-search .answer").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert highlighted(page) == "Feb. 20"
    page.keyboard.press("Escape")
    page.locator("spanwise-search h2").wait_for()

    field.fill("olympics")
    suggested(page, "olympics")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator("#document mark").wait_for()
    assert "Olympics" in highlighted_words(page)


def test_completions_while_you_type(page: Any, photograph: Photograph) -> None:
    field = page.get_by_role("combobox")
    field.press_sequentially("winter oly", delay=15)
    suggested(page, "winter oly")
    assert page.locator(".completion").first.inner_text() == "Winter Olympics"
    assert page.locator(".ghost").inner_text().endswith("mpics")
    photograph(page, "light-completion")
    field.press("ArrowLeft")
    field.press("ArrowRight")  # inside the text it only moves
    assert field.input_value() == "winter oly"
    field.press("ArrowRight")
    suggested(page, "Winter Olympics")
    assert field.input_value() == "Winter Olympics"
    assert page.locator(".ghost").inner_text() == ""

    field.fill("olimpi")  # a typing error
    suggested(page, "olimpi")
    assert "Olympics" in page.locator(".completion").first.inner_text()
    field.press("ArrowUp")
    chosen = page.get_by_role("option", selected=True)
    assert chosen.get_attribute("id").startswith("completion-")
    words = chosen.inner_text()
    field.press("Enter")
    page.locator("spanwise-search .answer").wait_for()
    assert field.input_value() == words


def test_a_click_on_a_completion_types_it(page: Any) -> None:
    field = page.get_by_role("combobox")
    field.fill("sport in")
    suggested(page, "sport in")
    page.locator(".completion", has_text="Sport in brief").click()
    suggested(page, "Sport in brief")
    assert field.input_value() == "Sport in brief"


def test_typing_on_gives_up_the_answer_that_was_waited_for(page: Any) -> None:
    page.route("**/v1/ask", lambda _: None)  # never answered
    field = page.get_by_role("combobox")
    result = page.locator("spanwise-search .result")
    clear = page.get_by_label("Clear the question")
    for give_up in (lambda: field.press_sequentially(" today"), clear.click):
        field.fill(QUESTION)
        field.press("Enter")
        page.locator("spanwise-search .skeleton").wait_for()
        assert result.get_attribute("aria-busy") == "true"
        give_up()
        page.locator("spanwise-search .skeleton").wait_for(state="detached")
        assert result.get_attribute("aria-busy") is None


def test_the_client_cancels_a_job(new_page: NewPage) -> None:
    page = new_page(expect_refusals=True)
    page.goto("/")
    said = page.evaluate("""async () => {
        const { Spanwise } = await import("/static/client.js");
        const client = new Spanwise("", { collection: "jobs" });
        const files = Array.from({ length: 6 }, (_, at) => new File(["A long file. ".repeat(8000)], `job-${at}.txt`));
        const { id } = await client.upload(files);
        const { state } = await client.cancel(id);
        const missing = await client.cancel("nope").catch((error) => error.kind);
        return [state, (await client.job(id)).state, missing];
    }""")
    assert said == ["cancelled", "cancelled", "not-found"]


def test_a_quotation_is_copied_with_its_source_and_an_address_that_leads_back(
    new_page: NewPage, ask: Ask, photograph: Photograph, documents: Documents
) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/")
    ask(page, QUESTION)
    page.get_by_role("button", name="Copy quotation").click()
    page.locator(".copying", has_text="Copied.").wait_for()
    photograph(page, "light-copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    sentence, source, address = re.fullmatch(r"“(.*)” — (.*), (http\S+)", copied, re.DOTALL).groups()
    assert sentence == page.locator("blockquote").inner_text()
    assert source in {title for title, _ in documents.values()}
    page.goto(address)
    assert highlighted(page) == "Feb. 20"


def test_what_was_corrected_is_said(page: Any, ask: Ask) -> None:
    ask(page, "When do the olimpics end?")
    assert page.locator(".also").inner_text() == "Searched also for olympics."


def highlighted_words(page: Any) -> str:
    return str(page.locator("#document mark").text_content())


def test_a_question_that_nothing_answers(page: Any, photograph: Photograph, ask: Ask) -> None:
    ask(page, "Who painted the ceiling of the chapel?")
    assert page.locator(".sure").inner_text() == "Not in these documents"
    assert page.get_by_role("heading", name="The nearest passages").is_visible()
    assert page.locator("spanwise-search mark").count() == 0
    photograph(page, "light-no-answer")


@pytest.mark.parametrize(
    ("question", "document", "words"),
    [
        ("Where is the party?", "party", "on the 🏖️ beach"),
        ("When is the Hebrew party?", "he/party", "ביום שלישי בירושלים"),
        ("Where is the needle?", "long", "in the haystack"),
    ],
)
def test_emoji_rtl_and_long_texts_are_exact(
    page: Any, question: str, document: str, words: str, documents: Documents, photograph: Photograph, ask: Ask
) -> None:
    ask(page, question)
    assert page.locator("spanwise-search h2").first.inner_text() == words
    assert page.locator("blockquote mark").text_content() == words
    photograph(page, f"light-{document.replace('/', '-')}")
    page.locator(".source a").click()
    assert highlighted(page) == words
    text = documents[document][1]
    assert shown_text(page) in text
    at = page.evaluate(
        """() => { let n = 0; const mark = document.querySelector('#document mark');
        for (let node = mark.previousSibling; node; node = node.previousSibling) n += node.textContent.length;
        return n; }"""
    )
    assert shown_text(page).encode("utf-16-le")[at * 2 :].decode("utf-16-le").startswith(words)
    photograph(page, f"light-{document.replace('/', '-')}-document")


def test_the_rest_of_a_long_text_is_loaded_when_wanted(page: Any, documents: Documents, ask: Ask) -> None:
    ask(page, "Where is the needle?")
    page.locator(".source a").click()
    highlighted(page)
    text = documents["long"][1]
    assert len(shown_text(page)) < len(text)
    for name in ("Show what stands before", "Show what follows"):
        button = page.get_by_role("button", name=name)
        for _ in range(10):
            if not button.is_visible():
                break
            before = len(shown_text(page))
            button.click()
            page.wait_for_function(
                "(n) => document.querySelector('#document .text').textContent.length > n", arg=before
            )
    assert shown_text(page) == text


def test_right_to_left_is_set_right_to_left(page: Any, documents: Documents, ask: Ask) -> None:
    ask(page, "When is the Hebrew party?")
    heading = page.locator("spanwise-search h2").first
    assert heading.evaluate("(one) => getComputedStyle(one).direction") == "rtl"
    at = documents["he/party"][1].index("ביום")
    page.goto(f"/#/documents/he/party?start={at}&end={at + 4}")
    assert highlighted(page) == "ביום"
    assert page.locator("#document .text").evaluate("(one) => getComputedStyle(one).direction") == "rtl"


def test_a_language_that_is_not_read_is_said(page: Any, photograph: Photograph, ask: Ask) -> None:
    ask(page, "איפה המסיבה?")
    assert page.locator(".sure").inner_text() == "Not in these documents"
    assert "the reading model knows English" in page.locator(".caution").inner_text()
    assert page.get_by_role("combobox").evaluate("(field) => getComputedStyle(field).direction") == "rtl"
    photograph(page, "light-caution")


def test_hostile_text_stays_text(new_page: NewPage, photograph: Photograph, ask: Ask) -> None:
    page = new_page(expect_refusals=True)
    page.goto("/")
    page.get_by_role("combobox").fill("hostile words onerror script")
    page.get_by_role("option").first.wait_for()
    ask(page, f"What are the hostile words {HOSTILE}?")
    assert page.locator("spanwise-search h2").first.inner_text() == HOSTILE
    assert HOSTILE in page.locator(".source a").inner_text()
    photograph(page, "light-hostile")
    page.locator(".source a").click()
    assert highlighted(page) == HOSTILE
    page.goto(f"/#/?q={quote(HOSTILE)}")
    page.locator("spanwise-search .answer").wait_for()
    page.goto(f"/#/documents/{quote(HOSTILE)}?start=0&end=3")
    page.locator("#document .notice, #document mark").first.wait_for()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img, main script").count() == 0
    assert page.locator("spanwise-search img, spanwise-search script").count() == 0


def test_answers_are_marked_right_or_wrong(page: Any, photograph: Photograph, ask: Ask) -> None:
    page.locator("spanwise-search[feedback]").wait_for()
    ask(page, QUESTION)
    page.get_by_role("button", name="Right", exact=True).click()
    page.get_by_text("Kept, thank you.").wait_for()
    assert page.get_by_role("button", name="Right", exact=True).get_attribute("aria-pressed") == "true"
    photograph(page, "light-marked")

    def labels() -> Any:
        return page.request.get("/v1/labels").json()["labels"]

    assert labels() == [{"question": QUESTION, "answers": ["Feb. 20"], "wrong": []}]
    page.get_by_role("button", name="Wrong", exact=True).click()
    page.locator('button[aria-pressed="true"]:text-is("Wrong")').wait_for()
    assert labels() == [{"question": QUESTION, "answers": [], "wrong": ["Feb. 20"]}]
    ask(page, "Who painted the ceiling of the chapel?")
    page.get_by_role("button", name="Right, they do not").click()
    page.get_by_text("Kept, thank you.").wait_for()
    assert labels()[1] == {"question": "Who painted the ceiling of the chapel?", "answers": [], "wrong": []}


def test_trouble_is_said_and_can_be_tried_again(new_page: NewPage, photograph: Photograph, ask: Ask) -> None:
    page = new_page(expect_refusals=True)
    page.goto("/")
    page.route("**/v1/ask", lambda route: route.abort())
    ask(page, QUESTION)
    assert "The server cannot be reached." in page.get_by_role("alert").inner_text()
    photograph(page, "light-error")
    page.unroute("**/v1/ask")
    page.get_by_role("button", name="Try again").click()
    page.locator("blockquote mark").wait_for()
