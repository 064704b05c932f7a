"""`sync`: the collection equals the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanwise import Source, SourceError
from spanwise.cli import main
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder


def test_new_changed_deleted_and_unreadable_files(collection, tmp_path: Path, make_zip) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("Alpha words.")
    (folder / "b.html").write_text("<html><body><p>Beta words.</p></body></html>")
    (folder / "c.zip").write_bytes(make_zip({"one.txt": "Gamma words.", "two.txt": "Delta words."}))
    collection.add(Source("Something else.", id="other"))
    first = collection.sync(folder, delete_most=True)
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


def documents(count: int, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number}.txt").write_text(f"Words of {folder.name}, number {number}.")
    return folder


def ids(collection) -> list[str]:
    return [info.id for info in collection.documents()]


def test_a_folder_that_is_empty_all_at_once_deletes_nothing(collection, tmp_path: Path) -> None:
    disk = documents(3, tmp_path / "disk")
    collection.sync(disk)
    disk.rename(tmp_path / "unmounted")
    disk.mkdir()
    generation = collection.generation
    with pytest.raises(SourceError, match=r"3 of 3 documents .* would be deleted.*mounted.*--delete-most") as refused:
        collection.sync(disk)
    assert refused.value.subject == disk
    assert (ids(collection), collection.generation) == (["0.txt", "1.txt", "2.txt"], generation)
    assert collection.sync(disk, delete_most=True).removed == ("0.txt", "1.txt", "2.txt")
    assert collection.sync(disk).ids == ()  # nothing is stored, so nothing would be lost


def test_a_wrong_folder_is_refused_before_anything_of_it_is_added(collection, tmp_path: Path) -> None:
    collection.sync(documents(5, tmp_path / "right"))
    wrong = documents(50, tmp_path / "wrong" / "below").parent
    with pytest.raises(SourceError, match=r"5 of 5 documents .* Nothing was changed"):
        collection.sync(wrong)
    assert ids(collection) == [f"{number}.txt" for number in range(5)]


def test_half_of_the_documents_may_go(collection, tmp_path: Path) -> None:
    folder = documents(4, tmp_path / "folder")
    collection.sync(folder)
    for number in (0, 1):
        (folder / f"{number}.txt").unlink()
    assert collection.sync(folder).removed == ("0.txt", "1.txt")
    for number in (2, 3):
        (folder / f"{number}.txt").unlink()
    documents(1, folder)
    with pytest.raises(SourceError, match="2 of 2 documents"):
        collection.sync(folder)


def test_a_table_that_lost_most_of_its_rows_deletes_none(collection, tmp_path: Path) -> None:
    table = tmp_path / "folder" / "faq.csv"
    table.parent.mkdir()
    rows = [f"{number},How does part {number} work? It turns the wheel of the part beside it." for number in range(9)]
    table.write_text("\n".join(["id,text", *rows]))
    collection.sync(table.parent)
    assert len(ids(collection)) == 9
    table.write_text("\n".join(["id,text", *rows[:2]]))  # as while it is being written
    with pytest.raises(SourceError, match=r"7 of 9 documents .* is stored, and nothing was deleted"):
        collection.sync(table.parent)
    assert len(ids(collection)) == 9
    assert len(collection.sync(table.parent, delete_most=True).removed) == 7


def test_a_path_given_as_a_string_is_told_how_to_give_it(collection, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"is not a folder.*Path\("):
        collection.sync(str(tmp_path))


def test_the_command_line_refuses_and_does_what_it_is_told(tmp_path: Path, capsys, monkeypatch) -> None:
    opened = Collection.open
    monkeypatch.setattr(
        Collection, "open", lambda *given, **named: opened(*given, **named, embedder=HashEmbedder(), reader=None)
    )
    folder, data = documents(3, tmp_path / "folder"), ["--data", str(tmp_path / "data")]
    assert main([*data, "sync", str(tmp_path / "missing")]) == 2
    assert not (tmp_path / "data" / "collections").exists()  # no empty collection is left behind
    assert main([*data, "sync", str(folder)]) == 0
    for file in folder.iterdir():
        file.unlink()
    assert main([*data, "sync", str(folder)]) == 2
    assert "3 of 3 documents" in capsys.readouterr().err
    assert main([*data, "sync", str(folder), "--delete-most"]) == 0
    assert "removed 3" in capsys.readouterr().out


def test_other_metadata_of_the_user_reads_unchanged_files_again(collection, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("Alpha words.")
    collection.sync(tmp_path / "folder", metadata={"shelf": 3})
    assert collection.sync(tmp_path / "folder", metadata={"shelf": 3}).unchanged == ("a.txt",)
    assert collection.sync(tmp_path / "folder", metadata={"shelf": 4}).replaced == ("a.txt",)
    assert collection.document("a.txt").info.metadata == {"shelf": 4}
