"""From bytes to canonical text: a byte order mark goes, everything else stays."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwise import SourceError
from spanwise.index.loading import check_text, decoded


def decode(data: bytes, name: str, encoding: str | None = None) -> str:
    return decoded(data, name, encoding)[0]


TEXT = "\r\n Käse,\t日本 🏖️\rend \n\n"
MARKED = [
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
]


@pytest.mark.parametrize(("mark", "encoding"), MARKED)
def test_a_byte_order_mark_names_the_encoding_and_is_dropped(mark: bytes, encoding: str) -> None:
    assert decode(mark + TEXT.encode(encoding), "a.txt") == TEXT
    assert decode(mark + TEXT.encode(encoding), "a.txt", encoding) == TEXT
    assert decode(mark + TEXT.encode(encoding), "a.txt", encoding.removesuffix("-le").removesuffix("-be")) == TEXT


def test_only_the_first_mark_is_dropped() -> None:
    assert decode(codecs.BOM_UTF8 * 2 + b"a", "a.txt") == "\ufeffa"
    assert decode(b"a" + codecs.BOM_UTF8, "a.txt") == "a\ufeff"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_utf8_comes_back_as_it_was(text: str) -> None:
    assert decode(text.encode(), "a.txt") == text.removeprefix("\ufeff")


def test_a_named_encoding_is_used() -> None:
    assert decode("Käse".encode("cp1252"), "a.txt", "cp1252") == "Käse"
    assert decode("Käse".encode("utf-16-be"), "a.txt", "utf-16-be") == "Käse"


def test_a_wrong_byte_is_named_with_its_place_in_the_file() -> None:
    with pytest.raises(SourceError, match=r"a\.txt is not valid utf-8: byte 13 is 0xff") as caught:
        decode(codecs.BOM_UTF8 + b"0123456789\xff", "a.txt")
    assert caught.value.subject == "a.txt"
    with pytest.raises(SourceError, match=r"not valid ascii: byte 1 is 0xe4"):
        decode(b"K\xe4se", "a.txt", "ascii")


GERMAN = "Die Straße führt über die Brücke zum Schloß. Dort wächst grünes Gemüse für Bäcker und Köche. " * 5


def read_or_advised(data: bytes) -> tuple[str, str]:
    """The text and its encoding, whether that was sure enough to be used or was only advised."""
    try:
        return decoded(data, "a.txt")
    except SourceError as refused:
        advised = re.search(r"encoding='(.+?)'", refused.way_out)
    assert advised
    return decode(data, "a.txt", advised[1]), advised[1]


def test_the_encoding_that_fits_is_used_or_offered() -> None:
    assert read_or_advised(GERMAN.encode("cp1252")) == (GERMAN, "cp1252")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_byte_order_mark_is_told_by_its_zero_bytes(encoding: str) -> None:
    for text in (GERMAN, "x", "Война и мир, том 1. Москва. Год 1869, весна.\n"):
        assert read_or_advised(text.encode(encoding)) == (text, encoding)


@pytest.mark.parametrize(
    "data", [b"\0\1\2\3", b"a\0b", b"a\0\0\0b\0\0\0", b"\0", b"words\0and more words", b"a\0\0\xdc"]
)
def test_other_bytes_with_zeros_are_called_no_encoding(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"is 0x00\. Convert it to UTF-8 text first\.$"):
        decode(data, "a.txt")


def test_a_foreign_byte_far_into_the_file_is_not_called_ascii() -> None:
    plain = "Plain words on a line.\n" * 8_000
    assert read_or_advised((plain + GERMAN).encode("cp1252")) == (plain + GERMAN, "cp1252")


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"a" * 70_000 + b"\0", "Käse".encode("utf-16-le")])
def test_binary_data_is_refused_with_the_byte(data: bytes) -> None:
    with pytest.raises(SourceError, match=rf"a\.bin is not text: byte {data.index(0)} is 0x00"):
        decode(data, "a.bin")


@pytest.mark.parametrize("encoding", ["", "nonsense", "base64", "a\0b", "undefined"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_an_unknown_encoding_is_said_to_be_one(encoding: str, mark: bytes) -> None:
    with pytest.raises(SourceError, match="There is no encoding named"):
        decode(mark + b"some", "a.txt", encoding)


@given(st.binary(max_size=60), st.sampled_from([None, "utf-8", "utf-16", "cp1252", "shift_jis", "utf-7", "idna"]))
def test_any_bytes_are_text_or_a_source_error(data: bytes, encoding: str | None) -> None:
    with suppress(SourceError):
        assert isinstance(decode(data, "a.txt", encoding), str)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "a holds no text"),
        (" \n\t\r\n\f\u2028\u3000", "a holds no text"),
        ("ab\0c", r"character 2 is U\+0000"),
        ("abc\ud800", "character 3 is half of a surrogate pair"),
        ("x" * 101, "a has 101 characters; the limit is 100"),
        (b"bytes", "is bytes, not a string"),
        (None, "is NoneType, not a string"),
    ],
)
def test_what_cannot_be_stored_is_refused(text: str, problem: str) -> None:
    with pytest.raises(SourceError, match=problem) as caught:
        check_text(text, "a", 100)
    assert caught.value.way_out


@pytest.mark.parametrize("text", ["x", "x" * 100, "\ufeff", "\u200b", "\x01", "🏖️"])
def test_what_can_be_stored_is_text(text: str) -> None:
    assert check_text(text, "a", 100) == text
