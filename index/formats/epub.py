"""EPUB: the chapters of the spine in order, each walked as a web page; the table of contents names those
without a heading of their own."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from ...errors import SourceError
from ..loading import id_of_path
from ..records import MetadataValue, Source
from .archives import Budget, read_member
from .building import TextBuilder, one_line
from .html_lxml import html_text, parse_page, parse_xml, walk
from .names import posix

MEDIA_TYPE = "application/epub+zip"
_FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


def epub_source(archive: zipfile.ZipFile, name: str, budget: Budget) -> Source:
    """The Source of a book. Raises SourceError."""
    members = {info.filename: info for info in archive.infolist()}

    def read(path: str) -> bytes:
        if path not in members:
            raise SourceError(f"{name} lacks {path[:80]!r}.", subject=name, way_out="Fetch the book again.")
        return read_member(archive, members[path], name, budget)

    if "META-INF/encryption.xml" in members:
        _refuse_protected(parse_xml(read("META-INF/encryption.xml"), name), name)
    container = parse_xml(read("META-INF/container.xml"), name)
    package_path = next((one.get("full-path") for one in container.iter("{*}rootfile") if one.get("full-path")), "")
    package = parse_xml(read(package_path), name)
    base = posixpath.dirname(package_path)
    builder = TextBuilder()
    contents = _contents(package, base, lambda path: parse_xml(read(path), name) if path in members else None)
    for path in _spine(package, base):
        if path in members:
            markup, _ = html_text(read(path), f"{name}/{path}", None)
            if markup.strip():
                start, headings = len(builder), builder.headings
                walk(parse_page(markup, name).root, builder, keep_all=False, part=path)
                if path in contents and builder.headings == headings and len(builder) > start:
                    builder.add_heading(start, 1, contents[path])
    title, metadata = _metadata(package)
    return builder.source(id_of_path(posix(name)), name, MEDIA_TYPE, title=title, metadata=metadata)


def _spine(package: Any, base: str) -> list[str]:
    """The paths of the chapters inside the archive, in reading order."""
    items = {item.get("id"): item for item in package.iter("{*}item")}
    paths = []
    for reference in package.iter("{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is None or not item.get("href") or "html" not in item.get("media-type", "html"):
            continue
        if "nav" in (item.get("properties") or "").split():
            continue
        paths.append(posixpath.normpath(posixpath.join(base, unquote(item.get("href").partition("#")[0]))))
    return paths


def _contents(package: Any, base: str, parsed: Callable[[str], Any]) -> dict[str, str]:
    """What the table of contents calls each chapter: by EPUB 3's page of links, else by EPUB 2's NCX."""
    titles: dict[str, str] = {}
    items = [item for item in package.iter("{*}item") if item.get("href")]
    pages = [item for item in items if "nav" in (item.get("properties") or "").split()]
    pages += [item for item in items if item.get("media-type") == "application/x-dtbncx+xml"]
    for item in pages[:2]:
        path = posixpath.normpath(posixpath.join(base, unquote(item.get("href"))))
        root = parsed(path)
        for entry in root.iter("{*}a", "{*}navPoint") if root is not None else ():
            target = entry.get("href") or next((one.get("src") for one in entry.iter("{*}content")), None)
            label = entry if entry.get("href") else next(entry.iter("{*}navLabel"), None)
            if target and label is not None and (words := one_line("".join(label.itertext()))):
                chapter = posixpath.join(posixpath.dirname(path), unquote(target.partition("#")[0]))
                titles.setdefault(posixpath.normpath(chapter), words)
    return titles


def _refuse_protected(encryption: Any, name: str) -> None:
    methods = {one.get("Algorithm", "") for one in encryption.iter("{*}EncryptionMethod")}
    if methods - set(_FONT_OBFUSCATION):
        raise SourceError(f"{name} is protected by DRM.", subject=name, way_out="Get it without protection.")


def _metadata(package: Any) -> tuple[str | None, dict[str, MetadataValue]]:
    def said(what: str) -> str:
        return next((text for one in package.iter(f"{{*}}{what}") if (text := one_line(one.text or ""))), "")

    found: dict[str, MetadataValue] = {}
    for key, what in (("author", "creator"), ("language", "language"), ("created", "date"), ("publisher", "publisher")):
        if value := said(what):
            found[key] = value[:500]
    return said("title") or None, found
