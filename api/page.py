"""The search-box page, its files, and the page that shows the API."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from apiflask import APIBlueprint
from flask import Response, request
from werkzeug.exceptions import NotFound

from .. import __version__
from . import response_schema
from .problems import documented

page = APIBlueprint("page", __name__)

TYPES = {
    "index.html": "text/html",
    "docs.html": "text/html",
    "page.css": "text/css",
    "docs.css": "text/css",
    "client.js": "text/javascript",
    "docs.js": "text/javascript",
    "document-view.js": "text/javascript",
    "page-view.js": "text/javascript",
    "page.js": "text/javascript",
    "spanwise-search.js": "text/javascript",
    "upload.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
"""The files there are; nothing else is looked for on disk."""
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
"""Only files of this server, no script or style in the page itself, and no way for a script to write HTML."""


@page.get("/")
@page.output(response_schema.IndexOut)
@page.doc(operation_id="index", tags=["Service"], responses=documented(500))
def index() -> Response | dict[str, str]:
    """What this is and where it is described

    A browser, which asks for `text/html`, gets the search box.
    """
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        return file("index.html")
    return {"name": "Spanwise", "version": __version__, "openapi": "/openapi.json"}


@page.get("/docs")
@page.doc(hide=True)
def docs() -> Response:
    return file("docs.html")


@page.get("/static/<name>")
@page.doc(hide=True)
def file(name: str) -> Response:
    if name not in TYPES:
        raise NotFound
    response = Response(_content(name), mimetype=TYPES[name])
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"  # that is: ask whether it is still the same
    if name.endswith(".html"):
        response.headers["Content-Security-Policy"] = CONTENT_POLICY
        response.headers.add("Vary", "Accept")
    else:
        # The component is public code, and other sites load it with <script type="module">.
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.make_conditional(request)
    return response


@cache
def _content(name: str) -> bytes:
    return (Path(__file__).parent / "static" / name).read_bytes()
