"""From what a user hands in (a file, a folder, bytes) to a Source with its canonical text.

Canonical text is the decoded bytes with a byte order mark dropped, and nothing else changed.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt

from ..errors import DocumentIdError, SourceError
from .records import Heading, Source

_MEDIA_TYPES = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
}
# Longest mark first: the UTF-32 one begins with the UTF-16 one.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ID = re.compile(r"[A-Za-z0-9._~/-]{1,512}")
_LINE_END = re.compile(r"\r\n?|\n")


def check_id(document_id: str) -> str:
    """`document_id` itself. Raises DocumentIdError when it is not 1 to 512 characters of `[A-Za-z0-9._~/-]`,
    or has an empty, `.` or `..` segment (clients and proxies rewrite those in addresses)."""
    good = isinstance(document_id, str) and _ID.fullmatch(document_id)
    if not good or {"", ".", ".."} & set(document_id.split("/")):
        raise DocumentIdError(
            f"{str(document_id)[:80]!r} is not a document id.",
            subject=document_id,
            way_out="Use 1 to 512 characters of A-Z a-z 0-9 . _ ~ / - without empty, '.' or '..' segments.",
        )
    return document_id


def id_of_path(relative: Path) -> str:
    """A document id for a relative path: bytes that ids do not allow, and `~`, become `~` and two hex digits."""
    text = relative.as_posix()
    return re.sub(
        r"[^A-Za-z0-9._/-]",
        lambda match: "".join(f"~{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape")),
        text,
    )


def decode(data: bytes, name: str, encoding: str | None = None) -> str:
    """Canonical text of `data`.

    Raises SourceError for binary data and for bytes that are not in `encoding` (default: by byte order mark, else
    UTF-8), naming the byte and, where one can be guessed, the encoding that fits.
    """
    mark, marked = next(((mark, kind) for mark, kind in _MARKS if data.startswith(mark)), (b"", None))
    if marked and (encoding is None or codecs.lookup(encoding).name.startswith(marked[:5])):
        encoding, data = marked, data[len(mark) :]
    elif (nul := data.find(b"\0")) >= 0 and encoding is None:
        raise SourceError(
            f"{name} is not text: byte {nul} is 0x00.",
            subject=name,
            way_out="Convert it to UTF-8 text first, or give its encoding if it is UTF-16 without a byte order mark.",
        )
    try:
        return data.decode(encoding or "utf-8")
    except LookupError:
        raise SourceError(
            f"There is no encoding named {encoding!r}.", subject=encoding, way_out="Try 'utf-8' or 'cp1252'."
        ) from None
    except UnicodeDecodeError as error:
        guess = None if encoding else _guess_encoding(data)
        hint = f"It looks like {guess}: add it with encoding={guess!r} (--encoding {guess})" if guess else "Name it"
        raise SourceError(
            f"{name} is not valid {encoding or 'UTF-8'}: byte {error.start} is 0x{data[error.start]:02x}.",
            subject=name,
            way_out=f"{hint}, or convert the file to UTF-8.",
        ) from error


def check_text(text: str, name: str, most_characters: int) -> str:
    """`text` itself. Raises SourceError when it is not a string, empty, too long, or cannot be stored."""
    if not isinstance(text, str):
        raise SourceError(
            f"The text of {name} is {type(text).__name__}, not a string.", subject=name, way_out="Decode it first."
        )
    if not text or text.isspace():
        raise SourceError(f"{name} holds no text.", subject=name, way_out="Leave it out, or give it its text.")
    if len(text) > most_characters:
        raise SourceError(
            f"{name} has {len(text):,} characters; the limit is {most_characters:,}.",
            subject=name,
            way_out="Split it into several documents, or raise SPANWISE_MAX_DOCUMENT_CHARACTERS.",
        )
    for wrong, what in ((text.find("\0"), "U+0000"), (first_surrogate(text), "half of a surrogate pair")):
        if wrong >= 0:
            raise SourceError(
                f"{name} is not text: character {wrong} is {what}.", subject=name, way_out="Remove it and add again."
            )
    return text


def load_file(path: Path, *, root: Path | None = None, encoding: str | None = None) -> Source:
    """The Source of one text or Markdown file; its id and uri are the path relative to `root`.

    Raises SourceError when it cannot be read or is not text.
    """
    relative = path.relative_to(root) if root else Path(path.name)
    name = relative.as_posix()
    media_type = _MEDIA_TYPES.get(path.suffix.lower())
    if media_type is None and path.suffix and root:  # inside a folder the suffix decides; a file given by name is tried
        raise SourceError(
            f"{name}: files of type {path.suffix} are not read.",
            subject=name,
            way_out=f"Types read: {', '.join(sorted(_MEDIA_TYPES))}.",
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{name} cannot be read: {error.strerror}.", subject=name, way_out="Check the path and its permissions."
        ) from error
    text = decode(data, name, encoding)
    markdown = media_type == "text/markdown"
    headings = markdown_headings(text) if markdown else ()
    title = next((heading.text for heading in headings if heading.level == 1), None)
    return Source(
        text,
        id=id_of_path(relative),
        title=title,
        uri=name.encode("utf-8", "replace").decode(),
        media_type="text/markdown" if markdown else "text/plain",
    )


def files_below(folder: Path) -> Iterator[Path]:
    """The files below `folder` in a fixed order; hidden ones and links that lead to folders are passed over."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(parent, name)


def markdown_headings(text: str) -> tuple[Heading, ...]:
    """The headings of a Markdown text, with the code point where each one's line starts."""
    starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
    headings = []
    tokens = MarkdownIt("commonmark").parse(text)
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open" and opening.map and inline.content:
            words = "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))
            headings.append(Heading(starts[opening.map[0]], int(opening.tag[1]), words.strip()[:200]))
    return tuple(heading for heading in headings if heading.text)


def first_surrogate(text: str) -> int:
    """Where the first half of a surrogate pair stands, which UTF-8 cannot hold; -1 where there is none."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return error.start
    return -1


def _guess_encoding(data: bytes) -> str | None:
    from charset_normalizer import from_bytes

    best = from_bytes(data[:100_000]).best()
    return best.encoding if best else None
