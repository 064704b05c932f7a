"""Which format a file is in: by content first, then by suffix."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ...errors import SourceError

PLAIN, MARKDOWN, RST, ASCIIDOC, ORG, HTML, PDF, ZIP, MAIL, CSV, TSV, JSON, JSONL = (
    "plain", "markdown", "rst", "asciidoc", "org", "html", "pdf", "zip", "mail", "csv", "tsv", "json", "jsonl",
)  # fmt: skip
SUFFIXES = {
    ".txt": PLAIN, ".text": PLAIN, ".log": PLAIN, ".rst": RST, ".adoc": ASCIIDOC, ".org": ORG,
    ".md": MARKDOWN, ".markdown": MARKDOWN, ".html": HTML, ".htm": HTML, ".xhtml": HTML, ".pdf": PDF,
    ".docx": ZIP, ".epub": ZIP, ".zip": ZIP, ".eml": MAIL, ".csv": CSV, ".tsv": TSV,
    ".json": JSON, ".jsonl": JSONL, ".ndjson": JSONL,
}  # fmt: skip
_PACKED = frozenset((".gz", ".tgz", ".bz2", ".xz", ".zst", ".tar", ".7z", ".rar"))
_NAMES = {PDF: "PDF", ZIP: "DOCX, EPUB or zip"}
_HTML_START = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,1000}?-->\s*){0,5}<(?:!doctype html|html\b)", re.I | re.S
)
_MAIL_START = re.compile(rb"(?:[!-9;-~]{1,70}:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*){3}")
_MAIL_HEADER = re.compile(rb"^(?:received|message-id|mime-version|return-path|delivered-to):", re.I | re.M)
_FOREIGN = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file, or one with a password", "Save it as DOCX without one."),
    (b"{\\rtf", "RTF", "Save it as DOCX, HTML or text."),
    (b"\x1f\x8b", "gzip", "Unpack it first."),
    (b"BZh", "bzip2", "Unpack it first."),
    (b"\xfd7zXZ\0", "xz", "Unpack it first."),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip", "Unpack it first."),
    (b"Rar!\x1a\x07", "RAR", "Unpack it first."),
    (b"%!PS", "PostScript", "Convert it to PDF."),
    (b"\x89PNG\r\n", "an image", "Images hold no text that can be read."),
    (b"\xff\xd8\xff", "an image", "Images hold no text that can be read."),
    (b"GIF8", "an image", "Images hold no text that can be read."),
)


def kind_of(data: bytes, name: str, *, named: bool = True) -> str:
    """The format of a file.

    `named` says that the user named this very file: then a file of unknown suffix is tried as text.
    Raises SourceError for formats that are not read, and for a PDF, DOCX, EPUB or zip by name only.
    """
    if (shown := _by_content(data)) is not None:
        return shown
    for start, what, way_out in _FOREIGN:
        if data.startswith(start):
            raise SourceError(f"{name} is {what}, which is not read.", subject=name, way_out=way_out)
    kind = SUFFIXES.get(PurePosixPath(name).suffix.lower())
    if kind in _NAMES:
        raise SourceError(
            f"{name} is not a {_NAMES[kind]} file: it does not begin like one.",
            subject=name,
            way_out="Check whether it is complete, and name it after what it is.",
        )
    if not named:
        check_suffix(name)
    if kind == PLAIN or kind is None:
        start = data[:4096]
        if _MAIL_START.match(start) and _MAIL_HEADER.search(start):
            return MAIL
        if _HTML_START.match(start):
            return HTML
    return kind or PLAIN


def check_suffix(name: str) -> None:
    """Raises SourceError where `name` has a suffix, and it is that of no format that is read."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix and suffix not in SUFFIXES:
        types = f"Types read: {', '.join(sorted(SUFFIXES))}. Other files of text are read under a name in .txt."
        raise SourceError(
            f"{name[:120]}: files of type {suffix[:20]} are not read.",
            subject=name,
            way_out="Unpack it first." if suffix in _PACKED else types,
        )


def _by_content(data: bytes) -> str | None:
    if is_pdf(data):
        return PDF
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ZIP
    return None


def is_pdf(data: bytes) -> bool:
    """Whether the bytes are of a PDF, whatever it is called."""
    return b"%PDF-" in data[:1024] and not data[:1024].lstrip().startswith(b"<")
