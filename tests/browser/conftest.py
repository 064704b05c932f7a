"""Chromium against a server process of its own, with scripted models. Without Chromium and its client, a skip.

`SPANWISE_BROWSER=required` turns that skip into a failure; `SPANWISE_SCREENSHOTS` names a folder to keep pictures in.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import spanwise
from spanwise.testing import HashEmbedder

SEED = Path(__file__).parents[2] / "seeds" / "000_609dc210a99a1b4d.txt"
HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
HEBREW = "שלום לכולם. המסיבה 🎉 תתקיים ביום שלישי בירושלים. נא להביא עוגה."
DOCUMENTS = {
    "news/ukraine.txt": ("Even if a Russian invasion of Ukraine doesn't happen", SEED.read_bytes().decode()),
    "party": ("Party 🎉 plans", "👋🏽 Hello everyone. The party is on the 🏖️ beach. Bring cake 🎂 and music."),
    "he/party": ("Hebrew party: תוכניות", HEBREW),
    "hostile": (HOSTILE, f"Before. The hostile words are {HOSTILE} and nothing else. After."),
    "sport/olympics": ("Sport in brief", "The Winter Olympics in China end on Feb. 20. Tickets are sold out."),
    "long": (
        "A long text",
        "Some words of filling. " * 8_000 + "The needle is in the haystack. " + "And more. " * 8_000,
    ),
}
SCRIPT = {
    "When do the Olympics end?": "Feb. 20",
    "Where is the party?": "on the 🏖️ beach",
    "When is the Hebrew party?": "ביום שלישי בירושלים",
    f"What are the hostile words {HOSTILE}?": HOSTILE,
    "Where is the needle?": "in the haystack",
    "Who painted the lighthouse?": "Ada Quayle",
}
PROGRAM = """
import json, sys
from pathlib import Path
from spanwise import Settings
from spanwise.api.server import serve
from spanwise.testing import HashEmbedder, ScriptedReader

serve(
    Settings(data=Path(sys.argv[1])), port=0, embedder=HashEmbedder(), reader=ScriptedReader(json.loads(sys.argv[2])),
    on_ready=lambda address: print(address, flush=True),
)
"""
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-component-update",
    "--disable-sync", "--disable-default-apps", "--disable-extensions", "--mute-audio", "--disable-dev-shm-usage",
]  # fmt: skip

REFUSED = re.compile("Failed to load resource|requires 'Trusted|Content Security Policy|Trusted Types")

NewPage = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def missing(what: str) -> None:
    if os.environ.get("SPANWISE_BROWSER") == "required":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def documents() -> dict[str, tuple[str, str]]:
    """Title and text of each document of the server, by id."""
    return DOCUMENTS


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser") / "data"
    with spanwise.open(folder, embedder=HashEmbedder()) as collection:
        for document_id, (title, text) in DOCUMENTS.items():
            collection.add(spanwise.Source(text, id=document_id, title=title))
        if painted := lighthouse():
            file = folder.parent / "lighthouse.pdf"
            file.write_bytes(painted)
            collection.add(file)
    return folder


def lighthouse() -> bytes | None:
    """A PDF of three pages; None where there is nothing to make it with."""
    try:
        from reportlab.pdfgen.canvas import Canvas
    except ImportError:
        return None
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=(420, 300))
    for words in ("The first page is about rocks.", "The lighthouse was painted by Ada Quayle.", "The last one ends."):
        canvas.setFont("Helvetica", 14)
        canvas.drawString(50, 200, words)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


@pytest.fixture(scope="session")
def address(data: Path) -> Iterator[str]:
    command = [sys.executable, "-c", PROGRAM, str(data), json.dumps(SCRIPT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(600, process.kill)
        watchdog.start()
        assert process.stdout is not None
        found = process.stdout.readline().strip()
        yield found
        watchdog.cancel()
        process.terminate()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        missing("Chromium is not installed: apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed: pip install playwright")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def new_page(browser: Any, address: str) -> Iterator[NewPage]:
    """Makes pages; at the end, none may have logged an error or asked another server for anything."""
    contexts = []
    trouble: list[str] = []

    def make(*, expect_refusals: bool = False, **options: Any) -> Any:
        options = {"locale": "en-US", "viewport": {"width": 1100, "height": 820}, **options}
        context = browser.new_context(base_url=address, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)

        def logged(message: Any) -> None:
            if message.type in ("error", "warning") and not (expect_refusals and REFUSED.search(message.text)):
                trouble.append(message.text)

        page.on("console", logged)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on(
            "request",
            lambda request: request.url.removeprefix("blob:").startswith(address) or trouble.append(request.url),
        )
        return page

    yield make
    for context in contexts:
        context.close()
    assert trouble == []


@pytest.fixture
def page(new_page: NewPage) -> Any:
    found = new_page()
    found.goto("/")
    return found


@pytest.fixture
def ask() -> Callable[[Any, str], None]:
    """Types a question into the box of a page, presses Enter, and waits for what is said."""

    def ask(page: Any, question: str) -> None:
        page.get_by_role("combobox").fill(question)
        page.keyboard.press("Enter")
        page.locator("spanwise-search .answer").wait_for()

    return ask


@pytest.fixture
def photograph() -> Callable[[Any, str], None]:
    """Keeps a picture of a page where SPANWISE_SCREENSHOTS says so."""

    def take(page: Any, name: str) -> None:
        if folder := os.environ.get("SPANWISE_SCREENSHOTS"):
            page.wait_for_timeout(400)  # let animations end
            page.screenshot(path=Path(folder) / f"{name}.png")

    return take


@pytest.fixture(scope="session")
def axe(pytestconfig: pytest.Config) -> Path:
    """axe-core, fetched once by npm and kept in pytest's cache."""
    cache = pytestconfig.cache
    assert cache is not None
    folder = cache.mkdir("axe")
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        if shutil.which("npm") is None:
            missing("npm is not installed")
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), "axe-core@4"]
        if subprocess.run(command, check=False).returncode:
            missing("npm could not fetch axe-core")
    return script
