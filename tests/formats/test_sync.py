"""`sync`: the collection equals the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanwise import Source, SourceError


def test_new_changed_deleted_and_unreadable_files(collection, tmp_path: Path, make_zip) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("Alpha words.")
    (folder / "b.html").write_text("<html><body><p>Beta words.</p></body></html>")
    (folder / "c.zip").write_bytes(make_zip({"one.txt": "Gamma words.", "two.txt": "Delta words."}))
    collection.add(Source("Something else.", id="other"))
    first = collection.sync(folder)
    assert set(first.added) == {"a.txt", "b.html", "c.zip/one.txt", "c.zip/two.txt"}
    assert first.removed == ("other",)
    assert collection.sync(folder).unchanged == first.ids
    (folder / "a.txt").unlink()
    (folder / "b.html").write_text("<html><body><p>Other words.</p></body></html>")
    (folder / "c.zip").write_bytes((folder / "c.zip").read_bytes()[:40])
    second = collection.sync(folder)
    assert (second.replaced, second.removed) == (("b.html",), ("a.txt",))
    assert [failure.source for failure in second.failed] == ["c.zip"]
    assert [info.id for info in collection.documents()] == ["b.html", "c.zip/one.txt", "c.zip/two.txt"]


def test_a_file_is_not_a_folder(collection, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(SourceError, match="not a folder"):
        collection.sync(tmp_path / "a.txt")


def test_other_metadata_of_the_user_reads_unchanged_files_again(collection, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("Alpha words.")
    collection.sync(tmp_path / "folder", metadata={"shelf": 3})
    assert collection.sync(tmp_path / "folder", metadata={"shelf": 3}).unchanged == ("a.txt",)
    assert collection.sync(tmp_path / "folder", metadata={"shelf": 4}).replaced == ("a.txt",)
    assert collection.document("a.txt").info.metadata == {"shelf": 4}
