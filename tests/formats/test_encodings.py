"""Text of any encoding: read when the encoding is sure, refused with a hint when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanwise import SourceError
from spanwise.index.loading import decoded

LINES = {
    "cp1252": "L'été dernier, nous avons visité la forêt près de Besançon. Les élèves étaient très contents.",
    "cp1251": "Москва является столицей России. Население города превышает двенадцать миллионов человек.",
    "koi8_r": "Москва является столицей России. Население города превышает двенадцать миллионов человек.",
    "cp932": "東京は日本の首都です。人口は約一千四百万人です。これは日本語の文章です。",
    "cp1250": "Zażółć gęślą jaźń. Wczoraj byłem w Łodzi i kupiłem książkę o żółwiach.",
}


@pytest.mark.parametrize("encoding", LINES)
@pytest.mark.parametrize("times", [1, 40])
def test_detected_encodings_give_the_very_text(encoding: str, times: int) -> None:
    text = "\n".join([LINES[encoding]] * times)
    assert decoded(text.encode(encoding), "a.txt")[0] == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marks_and_utf8_need_no_guess(encoding: str) -> None:
    text = "Grüße 👋 aus Köln\r\n"
    assert decoded(text.encode(encoding), "a.txt")[0] == text


def test_a_few_foreign_bytes_are_not_guessed() -> None:
    with pytest.raises(SourceError, match="byte 3 is 0xe9"):
        decoded(b"caf\xe9", "a.txt")


def test_bytes_without_language_are_refused() -> None:
    with pytest.raises(SourceError, match=r"noise\.txt is not valid UTF-8"):
        decoded(bytes((number * 97) % 255 + 1 for number in range(3_000)), "noise.txt")


def test_foreign_bytes_far_inside_are_found() -> None:
    text = "plain words of a long file\n" * 10_000 + LINES["cp1252"] + "\n" + LINES["cp1252"]
    assert decoded(text.encode("cp1252"), "a.txt") == (text, "cp1252")


def test_the_encoding_is_stored_with_the_document(tmp_path: Path, collection) -> None:
    file = tmp_path / "brief.txt"
    file.write_bytes(LINES["cp1252"].encode("cp1252"))
    collection.add(file)
    document = collection.document("brief.txt")
    assert document.text == LINES["cp1252"]
    assert document.info.encoding == "cp1252"


def test_a_given_encoding_wins(tmp_path: Path, collection) -> None:
    file = tmp_path / "brief.txt"
    file.write_bytes("übermäßig".encode())
    collection.add(file, encoding="latin-1")
    assert collection.document("brief.txt").text == "übermäßig".encode().decode("latin-1")
