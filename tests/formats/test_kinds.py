"""Which format a file is in: its content speaks first."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from spanwise import SourceError
from spanwise.index.formats.kinds import SUFFIXES, check_suffix, kind_of


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"%PDF-1.7\n...", "notes.txt", "pdf"),
        (b"PK\x03\x04...", "report.doc", "zip"),
        (b"<!DOCTYPE html><html>", "page", "html"),
        (b"<html><body>x", "page.txt", "html"),
        (b"plain words", "a.md", "markdown"),
        (b"plain words", "a", "plain"),
        (b"plain words", "a.xyz", "plain"),
        (b"Received: a\r\nFrom: b\r\nSubject: c\r\n\r\nd", "message", "mail"),
        (b"Name: a\nAge: b\nTown: c\n\nd", "form.txt", "plain"),
        (b"a,b\n1,2\n", "a.csv", "csv"),
    ],
)
def test_content_then_suffix(data: bytes, name: str, kind: str) -> None:
    assert kind_of(data, name) == kind


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.epub", "a.zip"])
def test_a_name_that_promises_what_the_content_is_not(name: str) -> None:
    with pytest.raises(SourceError, match="does not begin like one"):
        kind_of(b"just words", name)


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"{\\rtf1 x}", b"\x1f\x8b\x08"]
)
def test_formats_that_are_not_read_are_named(data: bytes) -> None:
    with pytest.raises(SourceError, match="which is not read"):
        kind_of(data, "file.txt")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("README.rst", "rst"),
        ("manual.adoc", "asciidoc"),
        ("notes.org", "org"),
        ("a.log", "plain"),
        ("LICENSE", "plain"),
    ],
)
def test_texts_of_documentation_are_read_inside_a_folder(name: str, kind: str) -> None:
    assert kind_of(b"plain words", name, named=False) == kind


def test_the_page_offers_the_suffixes_that_are_read() -> None:
    page = files("spanwise.api").joinpath("static", "index.html").read_text("utf-8")
    offered = re.search(r'accept="([^"]*)"', page)
    assert offered is not None
    assert sorted(offered[1].split(",")) == sorted(SUFFIXES)


def test_inside_a_folder_unknown_suffixes_are_passed_over() -> None:
    with pytest.raises(SourceError, match=r"files of type \.py are not read.*under a name in \.txt"):
        kind_of(b"print()", "a.py", named=False)


@pytest.mark.parametrize("name", ["changelog.gz", "notes.tar.BZ2", "all.tar"])
def test_what_is_packed_is_to_be_unpacked_first(name: str) -> None:
    with pytest.raises(SourceError, match=r"are not read\. Unpack it first\."):
        check_suffix(name)
