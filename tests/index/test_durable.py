"""What is made is on disk under its name before anyone relies on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from spanwise.index.durable import file_sizes, make_folder, write_file
from spanwise.qa.collection import Collection


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The files and folders that were synced, by name."""
    names: set[str] = set()
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        names.add(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    return names


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks up descriptors in /proc")
def test_the_folders_that_name_a_new_collection_are_synced(
    synced: set[str], opened: Callable[..., Collection], data: Path
) -> None:
    opened()
    assert {data.parent.name, data.name, "collections"} <= synced
    synced.clear()
    opened()
    assert not synced


def test_a_file_that_is_just_being_removed_is_not_counted(tmp_path: Path) -> None:
    write_file(tmp_path / "a", b"four")
    (tmp_path / "folder").mkdir()
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")  # listed, and not there when it is looked at
    assert file_sizes(tmp_path) == {"a": 4}
    assert file_sizes(tmp_path / "nowhere") == {}


def test_folders_and_files_are_made(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    write_file(tmp_path / "a" / "b" / "c", b"one")
    write_file(tmp_path / "a" / "b" / "c", b"two", mode=0o640)
    assert (tmp_path / "a" / "b" / "c").read_bytes() == b"two"
    assert (tmp_path / "a" / "b" / "c").stat().st_mode & 0o777 == 0o640
    assert [file.name for file in (tmp_path / "a" / "b").iterdir()] == ["c"]
