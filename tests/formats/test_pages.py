"""The page again: pictures of pages with the words of a span highlighted, by library, HTTP and `--open`."""

from __future__ import annotations

import io
import os
import stat
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spanwise import (
    LimitError,
    PageNotFoundError,
    Source,
    SourceError,
    Span,
    VersionConflictError,
)
from spanwise.api.app import create_app
from spanwise.cli_open import show_answer
from spanwise.index.caching import LruCache
from spanwise.index.formats import client
from spanwise.index.locating import locate
from spanwise.settings import Settings
from spanwise.testing import HashEmbedder, ScriptedReader

canvas = pytest.importorskip("reportlab.pdfgen.canvas")
QUESTION = "When did the bridge open?"
SENTENCE = "The bridge opened in 1884 at noon."


def pdf(*pages: str, rotate: int = 0) -> bytes:
    stream = io.BytesIO()
    drawn = canvas.Canvas(stream, pagesize=(400, 300))
    for words in pages:
        drawn.setPageRotation(rotate)
        drawn.setFont("Helvetica", 14)
        drawn.drawString(60, 200, words)
        drawn.showPage()
    drawn.save()
    return stream.getvalue()


def pixels(png: bytes) -> Any:
    """[height, width, 3] of a PNG, read without the code that wrote it: by pdfium's test picture or, here, by zlib."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, data, size = 8, b"", (0, 0)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        data += body if kind == b"IDAT" else b""
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(size[1], 1 + 3 * size[0])
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(size[1], size[0], 3)


def marked(picture: Any) -> Any:
    """Which pixels are of the marker's colour: much less blue than red."""
    return picture[:, :, 0].astype(int) - picture[:, :, 2].astype(int) > 60


@pytest.fixture
def bridge(scripted, tmp_path: Path):
    (tmp_path / "bridge.pdf").write_bytes(pdf("Nothing of it is here.", SENTENCE))
    library = scripted({QUESTION: "1884"})
    library.add(tmp_path / "bridge.pdf")
    return library


@pytest.mark.parametrize("rotate", [0, 90])
def test_the_span_is_highlighted_and_nothing_else(collection, tmp_path: Path, rotate: int) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(SENTENCE, rotate=rotate))
    collection.add(tmp_path / "a.pdf")
    text = collection.document("a.pdf").text
    span = Span(text.index("1884"), text.index("1884") + 4)
    plain = pixels(collection.page_image("a.pdf", 1, width=800))
    shown = pixels(collection.page_image("a.pdf", 1, span, width=800))
    assert plain.shape[1] == shown.shape[1] == 800
    assert not marked(plain).any()
    (one,) = collection.locate("a.pdf", span).rectangles
    scale = 800 / collection.document("a.pdf").pages[0].width
    rows, columns = np.nonzero(marked(shown))
    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    wanted = [edge * scale for edge in (one.left, one.top, one.right, one.bottom)]
    assert np.abs(np.array(edges) - wanted).max() < 2 * scale
    outside = ~marked(shown)
    outside[edges[1] - 2 : edges[3] + 2, edges[0] - 2 : edges[2] + 2] = False
    assert (plain[outside] == shown[outside]).all()
    inside = plain[edges[1] : edges[3], edges[0] : edges[2]].min(axis=2) < 100
    assert inside.sum() > 50  # the digits themselves
    assert shown[edges[1] : edges[3], edges[0] : edges[2]][inside].max(axis=1).mean() < 160  # and they stay legible


def test_a_span_over_several_pages_is_drawn_on_each_of_them(collection, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf("A sentence that begins here", "and ends on another page."))
    collection.add(tmp_path / "a.pdf")
    text = collection.document("a.pdf").text
    span = Span(text.index("begins"), text.index("another"))
    assert all(marked(pixels(collection.page_image("a.pdf", page, span))).any() for page in (1, 2))


def test_what_cannot_be_drawn_is_told(bridge) -> None:
    bridge.add(Source("Only words.", id="words"))
    digest = bridge.document("bridge.pdf").info.content_hash
    assert bridge.page_image("bridge.pdf", 2, content_hash=digest)
    with pytest.raises(PageNotFoundError, match=r"no page 3 .* It has 2"):
        bridge.page_image("bridge.pdf", 3)
    with pytest.raises(PageNotFoundError, match="has no pages: it is text/plain"):
        bridge.page_image("words", 1)
    with pytest.raises(VersionConflictError):
        bridge.page_image("bridge.pdf", 1, content_hash="sha256:other")
    with pytest.raises(LimitError, match="are not in"):
        bridge.page_image("bridge.pdf", 1, Span(0, 10_000))
    for width in (0, 99, 2401, True):
        with pytest.raises(LimitError, match="pixels wide"):
            bridge.page_image("bridge.pdf", 1, width=width)


def test_without_originals_there_is_no_picture_and_the_way_out_is_named(tmp_path: Path) -> None:
    import spanwise

    (tmp_path / "a.pdf").write_bytes(pdf(SENTENCE))
    settings = Settings(keep_originals=False)
    with spanwise.open(
        tmp_path / "data", settings=settings, embedder=HashEmbedder(), reader=ScriptedReader()
    ) as opened:
        opened.add(tmp_path / "a.pdf")
        with pytest.raises(PageNotFoundError, match="SPANWISE_KEEP_ORIGINALS"):
            opened.page_image("a.pdf", 1)


def test_a_pdf_in_an_archive_in_a_mail_is_found_again(collection, tmp_path: Path, make_zip) -> None:
    from email.message import EmailMessage

    one, other = pdf("First file."), pdf(SENTENCE)
    mail = EmailMessage()
    mail["Subject"], mail["From"] = "Files", "a@b.example"
    mail.set_content("See the files.")
    inner = make_zip({"a.pdf": one, "x/a.pdf": other})
    mail.add_attachment(inner, maintype="application", subtype="zip", filename="both.zip")
    (tmp_path / "m.eml").write_bytes(mail.as_bytes())
    (tmp_path / "plain.pdf").write_bytes(other)
    collection.add([tmp_path / "m.eml", tmp_path / "plain.pdf"])
    ids = [info.id for info in collection.documents()]
    assert ids == ["m.eml", "m.eml/1-both.zip/a.pdf", "m.eml/1-both.zip/x/a.pdf", "plain.pdf"]
    pictures = [collection.page_image(one, 1) for one in ids[1:]]
    assert pictures[1] == pictures[2] != pictures[0]


def test_pictures_are_kept_and_forgotten(bridge, monkeypatch) -> None:
    first = bridge.page_image("bridge.pdf", 1)
    process = client._renderer._process
    assert process is not None
    asked: list[object] = []
    request = client._renderer.request
    monkeypatch.setattr(client._renderer, "request", lambda *given: asked.append(given) or request(*given))
    assert bridge.page_image("bridge.pdf", 1) == first
    assert asked == []
    monkeypatch.setattr(bridge._pages, "_kept", LruCache(10))
    bridge.page_image("bridge.pdf", 2)
    assert bridge.page_image("bridge.pdf", 1) == first
    assert len(asked) == 2
    assert client._renderer._process is process


@pytest.mark.slow
def test_the_renderer_dies_for_one_picture_only(bridge) -> None:
    bridge.page_image("bridge.pdf", 1)
    client._renderer._process.kill()
    client._renderer._process.wait()
    assert bridge.page_image("bridge.pdf", 2)


def test_pages_of_an_absurd_size_are_drawn_small(collection, tmp_path: Path) -> None:
    stream = io.BytesIO()
    drawn = canvas.Canvas(stream, pagesize=(14_000, 500_000))
    drawn.setFont("Helvetica", 2_000)
    drawn.drawString(100, 100_000, "Huge")
    drawn.save()
    (tmp_path / "huge.pdf").write_bytes(stream.getvalue())
    collection.add(tmp_path / "huge.pdf")
    picture = pixels(collection.page_image("huge.pdf", 1, width=2400))
    assert picture.shape[0] * picture.shape[1] <= 8_100_000


def test_over_http(bridge, tmp_path: Path) -> None:
    bridge.close()
    app = create_app(
        Settings(data=tmp_path / "asked"), embedder=HashEmbedder(), reader=ScriptedReader({QUESTION: "1884"})
    )
    asked = app.test_client()
    answer = asked.post("/v1/ask", json={"question": QUESTION}).get_json()["answers"][0]
    query = {**answer["span"], "content_hash": answer["document"]["content_hash"], "width": 400}
    address = "/v1/pages/2/bridge.pdf"
    response = asked.get(address, query_string=query)
    assert (response.status_code, response.mimetype) == (200, "image/png")
    assert marked(pixels(response.data)).any()
    assert not marked(pixels(asked.get("/v1/pages/1/bridge.pdf", query_string=query).data)).any()
    for wrong, status, kind in (
        ({"content_hash": "sha256:x"}, 409, "version-conflict"),
        ({"start": 3}, 422, "out-of-limits"),
        ({"start": 5, "end": 3}, 422, "out-of-limits"),
        ({"start": 0, "end": 10**6}, 422, "out-of-limits"),
        ({"width": 5}, 422, "invalid-request"),
        ({"colour": "red"}, 422, "invalid-request"),
    ):
        problem = asked.get(address, query_string=wrong)
        assert (problem.status_code, problem.get_json()["type"].rpartition(":")[2]) == (status, kind)
    assert asked.put(address, json={"text": "Words."}).status_code == 405
    assert asked.delete(address).status_code == 405
    missing = asked.get("/v1/pages/9/bridge.pdf")
    assert (missing.status_code, missing.get_json()["detail"]) == (404, "There is no page 9 in 'bridge.pdf'. It has 2.")
    slice_ = asked.get("/v1/documents/bridge.pdf", query_string=answer["span"]).get_json()
    assert (slice_["text"], slice_["page"], slice_["pages"]) == ("1884", 2, 2)
    app.extensions["spanwise"].close()


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that notes what it is asked to open."""
    opened = tmp_path / "opened"
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(program))
    return opened


def test_open_shows_the_page_of_a_pdf(bridge, browser: Path) -> None:
    import webbrowser

    webbrowser._tryorder = None  # it reads BROWSER once
    address, opened = show_answer(bridge, bridge.ask(QUESTION).best)
    assert opened
    assert browser.read_text().strip() == address
    file = Path(address.removeprefix("file://"))
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert '<mark id="answer">1884</mark>' in file.read_text("utf-8")
    assert marked(pixels((file.parent / "page.png").read_bytes())).any()


def test_open_leads_to_the_web_or_shows_the_text_escaped(scripted, browser: Path) -> None:
    library = scripted({QUESTION: "1884"})
    library.add(Source(f"<script>bad()</script> {SENTENCE}", id="a"))
    address, _ = show_answer(library, library.ask(QUESTION).best)
    page = Path(address.removeprefix("file://").removesuffix("#answer")).read_text("utf-8")
    assert "&lt;script&gt;bad()" in page
    assert "<script" not in page
    library.add(Source(SENTENCE, id="a", uri="https://example.org/bridge", media_type="text/html"))
    assert show_answer(library, library.ask(QUESTION).best)[0] == "https://example.org/bridge#:~:text=1884"


def test_without_a_display_the_place_is_named_and_nothing_opens(bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if os.name != "posix" or os.uname().sysname == "Darwin":
        pytest.skip("there is always a display")
    address, opened = show_answer(bridge, bridge.ask(QUESTION).best)
    assert not opened
    assert Path(address.removeprefix("file://")).exists()


def test_a_damaged_original_is_an_error_and_no_hang(bridge) -> None:
    from spanwise import CorruptDataError

    kept = next((bridge._store._database.file.parent / "originals").iterdir())
    kept.write_bytes(kept.read_bytes()[:100])
    with pytest.raises((CorruptDataError, SourceError)):
        bridge.page_image("bridge.pdf", 1)


def test_locate_is_what_is_drawn(bridge) -> None:
    document = bridge.document("bridge.pdf")
    span = Span(document.text.index("1884"), document.text.index("1884") + 4)
    place = bridge.locate("bridge.pdf", span)
    assert place.page == 2
    assert locate(document.text, span, "application/pdf", pages=document.pages).page == 2
