"""`spanwise ask --open`: the answer where it stands, in the user's browser."""

from __future__ import annotations

import html
import os
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import NotFoundError, SpanwiseError
from .index.records import Span

if TYPE_CHECKING:
    from .qa.collection import Collection
    from .qa.records import Answer

_AROUND = 200_000
"""Characters of the text shown before and behind the answer."""
_PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src file:; style-src 'unsafe-inline'">
<style>body {{ font: 1.1rem/1.7 serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }}
img {{ width: 100%; border: 1px solid #ccc }} pre {{ font: inherit; white-space: pre-wrap; overflow-wrap: anywhere }}
mark {{ background: #ffe066 }}</style>
<h1>{title}</h1><p>{where}</p>{picture}<pre dir="auto">{before}<mark id="answer">{words}</mark>{after}</pre>
"""


def show_answer(collection: Collection, answer: Answer) -> tuple[str, bool]:
    """Open where `answer` stands: the address, and whether a browser was there to open it.

    That is the page of the source on the web with the words highlighted; else a file, made in a new folder of the
    system's temporary one, that shows the text and, of a PDF, the page as a picture.
    """
    address = _on_the_web(answer) or _as_file(collection, answer)
    return address, _has_browser() and webbrowser.open(address)


def _on_the_web(answer: Answer) -> str | None:
    uri = answer.document.uri or ""
    if not uri.lower().startswith(("http://", "https://")):
        return None
    fragment = answer.location.fragment if answer.location else None
    return uri.partition("#")[0] + fragment if fragment else uri


def _as_file(collection: Collection, answer: Answer) -> str:
    document = collection.document(answer.document.id)
    folder = Path(tempfile.mkdtemp(prefix="spanwise-"))  # only its owner may look into it
    picture = ""
    if answer.location and answer.location.page is not None:
        try:
            png = collection.page_image(
                answer.document.id, answer.location.page, answer.span, content_hash=answer.document.content_hash
            )
            (folder / "page.png").write_bytes(png)
            picture = f'<p><img src="page.png" alt="Page {answer.location.page}"></p>'
        except NotFoundError:
            pass  # the file was not kept: its text is shown
        except SpanwiseError as error:
            print(f"spanwise: {error}", file=sys.stderr)
    span = answer.span
    title = document.info.title or document.id
    page = _PAGE.format(
        title=html.escape(title),
        where=html.escape(", ".join(_where(answer))),
        picture=picture,
        before=html.escape(Span(max(0, span.start - _AROUND), span.start).of(document.text)),
        words=html.escape(span.of(document.text)),
        after=html.escape(Span(span.end, span.end + _AROUND).of(document.text)),
    )
    file = folder / "answer.html"
    file.write_text(page, encoding="utf-8")
    return file.as_uri() + ("" if picture else "#answer")


def _where(answer: Answer) -> list[str]:
    page = answer.location.page if answer.location else None
    parts = [answer.document.id, *answer.heading, f"page {page}" if page else ""]
    return [part for part in (*parts, f"characters {answer.span.start}–{answer.span.end}") if part]


def _has_browser() -> bool:
    """Whether a window can open; without a display, `webbrowser` would take the terminal over for a text browser."""
    if os.environ.get("BROWSER"):
        return True
    if sys.platform not in ("win32", "darwin") and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True
