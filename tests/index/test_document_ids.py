"""Document ids: which are allowed, and how a path becomes one that leads back to it."""

from __future__ import annotations

import os
import re
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spanwise import DocumentIdError
from spanwise.index.loading import check_id, id_of_path


@pytest.mark.parametrize("good", ["a", "A/b.c_d~e-f", "x" * 512, "...", ".hidden", "a/.b", "~", "-", "0"])
def test_allowed(good: str) -> None:
    assert check_id(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        "", "a b", "a\n", "ä", "a//b", "/a", "a/", ".", "..", "a/../b", "./a", "a?b", "a#b", "a%20", "a\\b", "\0",
    ],
)  # fmt: skip
def test_refused(bad: str) -> None:
    with pytest.raises(DocumentIdError, match="is not a document id") as caught:
        check_id(bad)
    assert caught.value.subject == bad


@pytest.mark.parametrize("bad", [7, None, b"a", ["a"]])
def test_what_is_no_string_is_told_so(bad: object) -> None:
    with pytest.raises(DocumentIdError, match=f"is {type(bad).__name__}, not a string") as caught:
        check_id(bad)  # type: ignore[arg-type]
    assert caught.value.subject == bad


def test_one_that_is_too_long_is_told_how_long_and_where_it_may_come_from() -> None:
    with pytest.raises(DocumentIdError, match=r"has 513 characters; the limit is 512\. .* Of a file it is the path"):
        check_id("x" * 513)
    with pytest.raises(DocumentIdError, match="has 724 characters"):
        check_id(id_of_path(PurePosixPath("д" * 120 + ".txt")))


def path_of(document_id: str) -> str:
    """The path that `id_of_path` made the id of."""
    raw = re.sub(rb"~([0-9A-F]{2})", lambda match: bytes([int(match[1], 16)]), document_id.encode())
    return os.fsdecode(raw)


part = st.binary(min_size=1, max_size=20).map(
    lambda raw: os.fsdecode(raw.replace(b"/", b"x").replace(b"\0", b"y"))
).filter(lambda name: name not in (".", ".."))  # fmt: skip


@given(
    st.lists(part | st.text("aä ~%.", min_size=1).filter(lambda name: name not in (".", "..")), min_size=1, max_size=3)
)
@example(["a b", "Müller~7E.txt"])
@example(["~41"])
@example([".hidden", "..."])
@example(["\udcff.txt"])
@example(["e\u0301", "é"])
def test_the_id_of_any_path_is_allowed_and_leads_back(parts: list[str]) -> None:
    path = PurePosixPath(*parts)
    assert path_of(check_id(id_of_path(path))) == path.as_posix()


def test_plain_names_stay_readable() -> None:
    assert id_of_path(PurePosixPath("notes/2024-01_plan.v2.md")) == "notes/2024-01_plan.v2.md"
    assert id_of_path(PurePosixPath("für Anna.txt")) == "f~C3~BCr~20Anna.txt"
