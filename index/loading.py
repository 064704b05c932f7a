"""From what a user hands in (a file, a folder, bytes) to a Source with its canonical text.

Canonical text is the decoded bytes with a byte order mark dropped, and nothing else changed.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any

from markdown_it import MarkdownIt

from ..errors import DocumentIdError, SourceError
from .encodings import guess_encoding, unmarked_utf16
from .formats.kinds import ASCIIDOC, MARKDOWN, ORG, PLAIN, RST, kind_of
from .formats.limits import ParseLimits
from .layout_outline import asciidoc_layout, org_layout
from .layout_plain import plain_layout
from .layout_rst import rst_layout
from .records import Failure, Heading, Layout, Metadata, Original, Source, Span, TableRows

# Longest mark first: the UTF-32 one begins with the UTF-16 one.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
TEXT_TYPES: Mapping[str, str] = {
    PLAIN: "text/plain", MARKDOWN: "text/markdown", RST: "text/x-rst", ASCIIDOC: "text/asciidoc", ORG: "text/org",
}  # fmt: skip
"""Media types of the files whose text is what they hold, by kind."""
PLAIN_TYPE = TEXT_TYPES[PLAIN]
MOST_ID = 512
"""Characters of a document id, so that an address with it fits into the line of a request."""
_ID = re.compile(r"[A-Za-z0-9._~/-]+")
_CHUNK = 2**20
KEPT_IN_DATA = ("collections", "jobs", "keys.json", "keys.lock", "server.json")
"""What Spanwise keeps in a data folder: no documents, though it may lie in a folder of documents."""
_LINE_END = re.compile(r"\r\n?|\n")


def check_id(document_id: str) -> str:
    """`document_id` itself. Raises DocumentIdError when it is not 1 to 512 characters of `[A-Za-z0-9._~/-]`,
    or has an empty, `.` or `..` segment (clients and proxies rewrite those in addresses)."""
    if not isinstance(document_id, str):
        raise DocumentIdError(
            f"The id {document_id!r} is {type(document_id).__name__}, not a string.",
            subject=document_id,
            way_out="Give it as text.",
        )
    if len(document_id) > MOST_ID:
        raise DocumentIdError(
            f"The id {document_id[:80]!r}… has {len(document_id):,} characters; the limit is {MOST_ID}.",
            subject=document_id,
            way_out="Shorten it. Of a file it is the path, with three characters for each byte that is not one of "
            "A-Z a-z 0-9 . _ / -: shorten its names, or add its text with an id of your own.",
        )
    if not _ID.fullmatch(document_id) or {"", ".", ".."} & set(document_id.split("/")):
        raise DocumentIdError(
            f"{str(document_id)[:80]!r} is not a document id.",
            subject=document_id,
            way_out="Use 1 to 512 characters of A-Z a-z 0-9 . _ ~ / - without empty, '.' or '..' segments.",
        )
    return document_id


def id_of_path(relative: PurePath) -> str:
    """A document id for a relative path: bytes that ids do not allow, and `~`, become `~` and two hex digits."""
    text = relative.as_posix()
    return re.sub(
        r"[^A-Za-z0-9._/-]",
        lambda match: "".join(f"~{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape")),
        text,
    )


def decoded(data: bytes, name: str, encoding: str | None = None) -> tuple[str, str]:
    """Canonical text of `data` and the encoding it was read with.

    That is `encoding`, else what the byte order mark says, else UTF-8, else what `encodings` is sure of.

    Raises SourceError for binary data and for bytes that fit none of these, naming the byte and, where one can be
    guessed, the encoding that may fit.
    """
    if encoding is not None:
        encoding = _codec_name(encoding)
    mark, marked = next(((mark, kind) for mark, kind in _MARKS if data.startswith(mark)), (b"", None))
    if marked and (encoding is None or encoding.startswith(marked[:5])):
        encoding, data = marked, data[len(mark) :]
    else:
        mark = b""
    if not mark and (nul := data.find(b"\0")) >= 0 and encoding is None:
        likely = unmarked_utf16(data)
        hint = f"It may be {likely}: add it with encoding={likely!r} (--encoding), or c" if likely else "C"
        raise SourceError(
            f"{name} is not text: byte {nul} is 0x00.", subject=name, way_out=f"{hint}onvert it to UTF-8 text first."
        )
    try:
        return data.decode(encoding or "utf-8"), encoding or "utf-8"
    except UnicodeDecodeError as error:
        guess = None if encoding else guess_encoding(data, error.start)
        if guess and guess.text is not None:
            return guess.text, guess.encoding
        looks = f"It may be {guess.encoding}" if guess else ""
        hint = f"{looks}: add it with encoding={guess.encoding!r} (--encoding)" if guess else "Name its encoding"
        raise SourceError(
            f"{name} is not valid {encoding or 'UTF-8'}: byte {len(mark) + error.start} is 0x{data[error.start]:02x}.",
            subject=name,
            way_out=f"{hint}, or convert the file to UTF-8.",
        ) from error
    except UnicodeError as error:  # codecs of protocols, such as idna, do not name a byte
        raise SourceError(
            f"{name} is not valid {encoding}: {error}.", subject=name, way_out="Name its encoding."
        ) from error


def _codec_name(encoding: str) -> str:
    """What Python calls `encoding`. Raises SourceError when it is no encoding of text."""
    try:
        name = codecs.lookup(encoding).name
        b"x".decode(name)
    except UnicodeDecodeError:  # a byte alone need not be a character
        pass
    except (LookupError, ValueError):
        raise SourceError(
            f"There is no encoding named {encoding!r}.", subject=encoding, way_out="Try 'utf-8' or 'cp1252'."
        ) from None
    return name


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


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How files are read: `encoding` of text files, `keep_all` of a web page (navigation too), and for CSV, JSON and
    JSONL `columns`: which column holds `text`, `id`, `title` and `uri`; a further name takes a column as metadata.
    `metadata` is added to what the files say of themselves, and counts more."""

    encoding: str | None = None
    keep_all: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file held: usually one source; of an archive several, and the members that could not be read."""

    sources: tuple[Source, ...]
    failed: tuple[Failure, ...] = ()


def load_path(path: Path, *, options: LoadOptions | None = None, limits: ParseLimits | None = None) -> Loaded:
    """The sources of one file that was given by name; their ids and uris begin with it. Raises SourceError."""
    return load_bytes(read_file(path, None, limits or ParseLimits()), path.name, options=options, limits=limits)


def read_file(path: Path, root: Path | None, limits: ParseLimits) -> bytes:
    """The bytes of a file; one below `root` is called by its path there. Raises SourceError."""
    name = path.relative_to(root).as_posix() if root else path.name
    try:
        if root and not path.is_file():  # a pipe would be waited for, a link may lead nowhere, a folder may be locked
            raise SourceError(
                f"{shown(name)} is not a file that can be read.",
                subject=name,
                way_out="Check its permissions, or leave it out.",
            )
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = b"" if size > limits.file_bytes else _bounded(file, size, limits.file_bytes)
        size = max(size, len(data))
        if size > limits.file_bytes:
            raise SourceError(
                f"{name} has {size:,} bytes{' or more' if data else ''}; the limit is {limits.file_bytes:,}.",
                subject=name,
                way_out="Split it, or raise SPANWISE_MAX_SOURCE_BYTES.",
            )
        return data
    except OSError as error:
        raise SourceError(
            f"{name} cannot be read: {error.strerror}.", subject=name, way_out="Check the path and its permissions."
        ) from error


def _bounded(file: IO[bytes], size: int, most: int) -> bytes:
    """What `file`, which said to have `size` bytes, holds; at most one byte more than `most`. It may grow meanwhile, or
    be a pipe or a device, which have no size."""
    chunks = [file.read(size + 1)]
    held = len(chunks[0])
    while chunks[-1] and held <= most:
        chunks.append(file.read(min(_CHUNK, most + 1 - held)))
        held += len(chunks[-1])
    return b"".join(chunk for chunk in chunks if chunk)


def load_bytes(
    data: bytes,
    name: str,
    *,
    options: LoadOptions | None = None,
    limits: ParseLimits | None = None,
    named: bool = True,
) -> Loaded:
    """The sources of a file's bytes; ids and uris begin with `name`.

    The format is what the bytes show, else what the suffix of `name` says. A suffix that is not known is tried as text
    where `named` is true, and refused where it is not, as in folders and uploads. Raises SourceError.
    """
    options = options or LoadOptions()
    kind = kind_of(data, name, named=named)
    if kind not in TEXT_TYPES:
        from .formats.client import parse

        sources, failed = parse(kind, data, name, wire_options(options), limits or ParseLimits())
    else:
        sources, failed = [text_source(data, name, kind, options.encoding)], []
    original = Original.of(data)
    sources = [
        replace(source, original=original, metadata={**source.metadata, **options.metadata}) for source in sources
    ]
    return Loaded(tuple(sources), tuple(failed))


def wire_options(options: LoadOptions) -> dict[str, object]:
    return {"encoding": options.encoding, "keep_all": options.keep_all, "columns": dict(options.columns)}


def text_source(data: bytes, name: str, kind: str, encoding: str | None) -> Source:
    """The Source of a file whose text is what it holds, of one of `TEXT_TYPES`. Raises SourceError."""
    text, found = decoded(data, name, encoding)
    media_type = TEXT_TYPES[kind]
    layout = TEXT_LAYOUTS[media_type](text)
    titles = [heading.text for heading in layout.headings if heading.level == 1]
    alone = titles[:1] if kind == MARKDOWN else titles * (len(titles) == 1)  # of several, as of versions, none is it
    return Source(
        text,
        id=id_of_path(PurePosixPath(name)),
        title=next(iter(alone), None),
        uri=shown(name),
        media_type=media_type,
        encoding=found,
        layout=layout if kind != PLAIN else None,
    )


def files_below(folder: Path) -> Iterator[Path]:
    """The files below `folder` in a fixed order; hidden ones, links that lead to folders and what Spanwise keeps in a
    data folder that lies there are passed over.

    A folder that cannot be listed is named itself, at the end, so that it fails to load instead of being forgotten.
    """
    unlisted: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=lambda error: unlisted.append(Path(error.filename))):
        kept = KEPT_IN_DATA if "collections" in folders and _is_data_folder(Path(parent)) else ()
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in kept)
        for name in sorted(files):
            if not name.startswith(".") and name not in kept:
                yield Path(parent, name)
    yield from unlisted


def _is_data_folder(folder: Path) -> bool:
    return any((folder / "collections").glob("*/collection.sqlite"))


def shown(name: str) -> str:
    """`name` with the bytes of odd file names, which UTF-8 cannot hold, replaced."""
    return name.encode("utf-8", "replace").decode()


def markdown_layout(text: str) -> Layout:
    """The headings of a Markdown text, its lists and tables, and its lines of code and rows, which stay whole."""
    starts = [0, *(match.end() for match in _LINE_END.finditer(text)), len(text)]
    headings: list[Heading] = []
    unbroken: list[Span] = []
    together: list[Span] = []
    tables: list[TableRows] = []
    columns = ""
    markdown = _markdown()
    references: dict[str, Any] = {}
    tokens = markdown.parse(text, references)
    for opening, inline in pairwise([*tokens, None]):
        if opening is None or not opening.map:
            continue
        first, behind = (min(line, len(starts) - 1) for line in opening.map)
        if opening.type == "heading_open" and inline and inline.content:
            parts = markdown.inline.parse(inline.content[:1_000], markdown, references, [])
            words = "".join(part.content for part in parts if part.type in ("text", "text_special", "code_inline"))
            headings.append(Heading(starts[first], int(opening.tag[1]), words.strip()[:200]))
        elif opening.type in ("fence", "code_block", "tr_open"):
            lines = range(first, behind)
            unbroken.extend(Span(starts[line], starts[line + 1]) for line in lines)
        elif opening.type in ("bullet_list_open", "ordered_list_open") and opening.level == 0:
            together.append(Span(starts[first], starts[behind]))
        elif opening.type == "thead_open":
            columns = text[starts[first] : starts[behind]].strip(" \t\r\n|")
        elif opening.type == "tbody_open" and columns:
            tables.append(TableRows(starts[first], starts[behind], columns))
    return Layout(
        tuple(heading for heading in headings if heading.text),
        unbroken=tuple(unbroken),
        together=tuple(together),
        tables=tuple(tables),
    )


TEXT_LAYOUTS: dict[str, Callable[[str], Layout]] = {
    PLAIN_TYPE: plain_layout,
    TEXT_TYPES[MARKDOWN]: markdown_layout,
    TEXT_TYPES[RST]: rst_layout,
    TEXT_TYPES[ASCIIDOC]: asciidoc_layout,
    TEXT_TYPES[ORG]: org_layout,
}
"""What a text says of its own layout, by media type."""


@cache
def _markdown() -> MarkdownIt:
    """Parses blocks alone: what stands inside paragraphs is not needed, and hostile text makes it slow."""
    return MarkdownIt("commonmark").enable("table").disable("inline")


def first_surrogate(text: str) -> int:
    """Where the first half of a surrogate pair stands, which UTF-8 cannot hold; -1 where there is none."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return error.start
    return -1
