"""Documents made from known text, one maker per format."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import spanwise
from spanwise.index.loading import Loaded, LoadOptions, load_bytes
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder, ScriptedReader

WORDS = (
    "river mountain engine quality measure document passage reading language station number garden window market "
    "history science harbour cathedral notebook gravity lantern orchard"
).split()


def sentences(count: int, *, salt: int = 0) -> list[str]:
    """`count` different sentences of known words."""
    found = []
    for number in range(count):
        words = [WORDS[(number * 7 + place * place + salt) % len(WORDS)] for place in range(6 + number % 9)]
        found.append(" ".join(["The", *words]) + f" of item{number}.")
    return found


@pytest.fixture
def known() -> Callable[..., list[str]]:
    return sentences


@pytest.fixture
def load() -> Callable[..., Loaded]:
    """`load_bytes`, with options by name."""

    def call(data: bytes, name: str, **options: object) -> Loaded:
        return load_bytes(data, name, options=LoadOptions(**options))  # type: ignore[arg-type]

    return call


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with spanwise.open(tmp_path / "data", embedder=HashEmbedder(), reader=ScriptedReader()) as opened:
        yield opened


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], Collection]]:
    """A collection whose reader finds what the script says."""
    opened: list[Collection] = []

    def call(script: dict[str, str]) -> Collection:
        opened.append(spanwise.open(tmp_path / "asked", embedder=HashEmbedder(), reader=ScriptedReader(script)))
        return opened[-1]

    yield call
    for one in opened:
        one.close()


@pytest.fixture
def make_zip() -> Callable[[dict[str, bytes | str]], bytes]:
    def call(members: dict[str, bytes | str]) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return stream.getvalue()

    return call


@pytest.fixture
def make_docx() -> Callable[..., bytes]:
    def call(blocks: Sequence[tuple[str, object]], *, header: str = "", title: str = "", author: str = "") -> bytes:
        docx = pytest.importorskip("docx")
        document = docx.Document()
        document.core_properties.title, document.core_properties.author = title, author
        if header:
            document.sections[0].header.paragraphs[0].text = header
        for kind, content in blocks:
            if kind.startswith("h"):
                document.add_heading(content, int(kind[1:]))
            elif kind == "table":
                rows = list(content)  # type: ignore[call-overload]
                table = document.add_table(len(rows), len(rows[0]))
                for row, cells in zip(table.rows, rows, strict=True):
                    for cell, text in zip(row.cells, cells, strict=True):
                        cell.text = text
            else:
                document.add_paragraph(content, style={"p": None, "li": "List Bullet"}[kind])
        stream = io.BytesIO()
        document.save(stream)
        return stream.getvalue()

    return call


@pytest.fixture
def make_epub(make_zip: Callable[..., bytes]) -> Callable[..., bytes]:
    def call(chapters: Sequence[str], *, title: str = "A Book", author: str = "Ann Lee", extra: str = "") -> bytes:
        items = "".join(
            f'<item id="c{n}" href="text/c{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(len(chapters))
        )
        spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
        package = (
            '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
            f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title><dc:creator>{author}</dc:creator>'
            f"<dc:language>en</dc:language></metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"
        )
        container = (
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile '
            'full-path="OPS/package.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
        )
        members = {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "OPS/package.opf": package}
        for number, chapter in enumerate(chapters):
            members[f"OPS/text/c{number}.xhtml"] = (
                f'<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/>{extra}'
                f"</head><body>{chapter}</body></html>"
            )
        return make_zip(members)

    return call
