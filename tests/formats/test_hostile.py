"""Files made to harm: an error for each in bounded time and memory, and the rest of the batch goes on."""

from __future__ import annotations

import io
import random
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from spanwise import MissingExtraError, SourceError
from spanwise.index.formats import client
from spanwise.index.formats.limits import ParseLimits
from spanwise.index.loading import LoadOptions, load_bytes, load_path

pytestmark = pytest.mark.slow
PLAIN = "Words that can be read."


def test_a_zip_of_many_formats(load, make_zip, make_docx) -> None:
    inner = make_zip({"deep.txt": PLAIN})
    members = {"a.txt": PLAIN, "b/c.html": "<html><body><p>Page</p></body></html>", "d.docx": make_docx([("p", "Doc")])}
    loaded = load(make_zip({**members, "in.zip": inner, "x.png": b"\x89PNG\r\n", ".hidden": "no"}), "all.zip")
    assert {source.id: source.text for source in loaded.sources} == {
        "all.zip/a.txt": PLAIN, "all.zip/b/c.html": "Page", "all.zip/d.docx": "Doc", "all.zip/in.zip/deep.txt": PLAIN,
    }  # fmt: skip
    assert [failure.source for failure in loaded.failed] == ["all.zip/x.png"]


@pytest.mark.parametrize("name", ["../up.txt", "/etc/abs.txt", "a/../../b.txt", "C:/win.txt", "..\\back.txt"])
def test_paths_that_climb_out_are_refused_and_named(load, make_zip, name) -> None:
    loaded = load(make_zip({name: "evil", "good.txt": PLAIN}), "a.zip")
    assert [source.id for source in loaded.sources] == ["a.zip/good.txt"]
    assert "unsafe path" in loaded.failed[0].error


def test_a_name_too_long_for_an_id_costs_its_member_alone(load, make_zip) -> None:
    loaded = load(make_zip({"д" * 100 + ".txt": PLAIN, "good.txt": PLAIN}), "a.zip")
    assert [source.id for source in loaded.sources] == ["a.zip/good.txt"]
    assert "has 610 characters; the limit is 512" in loaded.failed[0].error


def test_zip_bombs_are_refused_before_they_unpack(make_zip) -> None:
    limits = ParseLimits(unpacked_bytes=10_000_000)
    bomb = make_zip({"a.txt": b"0" * 20_000_000})
    assert len(bomb) < 100_000
    with pytest.raises(SourceError, match="unpacks to 20,000,000 bytes"):
        load_bytes(bomb, "bomb.zip", limits=limits)
    nested = make_zip({f"{number}.zip": make_zip({"a.txt": b"0" * 6_000_000}) for number in range(3)})
    loaded = load_bytes(nested, "nested.zip", limits=limits)
    assert len(loaded.sources) == 1
    assert all("unpacks to" in failure.error for failure in loaded.failed)


def test_a_member_that_lies_about_its_size_is_not_read_past_it(make_zip) -> None:
    data = bytearray(make_zip({"a.txt": "0" * 1_000_000}))
    for place in (14 + 8, data.rindex(b"PK\x01\x02") + 24):  # uncompressed size in both headers
        data[place : place + 4] = (10).to_bytes(4, "little")
    with pytest.raises(SourceError):
        load_bytes(bytes(data), "liar.zip")


def test_archives_in_archives_end(make_zip) -> None:
    data = make_zip({"a.txt": PLAIN})
    for _ in range(6):
        data = make_zip({"a.zip": data})
    with pytest.raises(SourceError, match="too deep"):
        load_bytes(data, "a.zip")


def test_too_many_members(make_zip) -> None:
    data = make_zip({f"{number}.txt": "a b" for number in range(200)})
    with pytest.raises(SourceError, match="too many members"):
        load_bytes(data, "a.zip", limits=ParseLimits(members=100))


def test_encrypted_members_are_named(make_zip) -> None:
    data = bytearray(make_zip({"secret.txt": PLAIN}))
    for place in (6, data.rindex(b"PK\x01\x02") + 8):
        data[place] |= 1
    with pytest.raises(SourceError, match="encrypted"):
        load_bytes(bytes(data), "a.zip")


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 10}">' for n in range(10))
    + "]>"
)


def small_or_refused(data: bytes, name: str) -> None:
    """Reads less than a thousand characters of `data` or refuses it, without meeting a limit on the way."""
    refused, sources = "", ()
    try:
        sources = load_bytes(data, name, limits=ParseLimits(seconds=600, memory_bytes=300 * 2**20)).sources
    except SourceError as error:
        refused = str(error)
    assert "of memory" not in refused  # nothing was unfolded
    assert all(len(f"{one.text}{one.title}") < 1_000 for one in sources)


def test_billion_laughs_in_epub_and_docx(make_epub, make_zip, make_docx) -> None:
    book = make_epub([f"<p>{PLAIN} &k;</p>"], extra="")
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["OPS/package.opf"] = (
        BOMB.encode() + members["OPS/package.opf"].replace(b"A Book", b"A Book &k;").partition(b"?>")[2]
    )
    small_or_refused(make_zip(members), "a.epub")
    with zipfile.ZipFile(io.BytesIO(make_docx([("p", PLAIN)]))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    body = members["word/document.xml"].decode()
    members["word/document.xml"] = (BOMB + body.partition("?>")[2].replace(PLAIN, "&k;")).encode()
    small_or_refused(make_zip(members), "a.docx")


def test_external_entities_are_not_read(make_epub, make_zip, tmp_path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("TOPSECRET")
    with zipfile.ZipFile(io.BytesIO(make_epub([f"<p>{PLAIN}</p>"]))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    head = f'<!DOCTYPE package [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'.encode()
    members["OPS/package.opf"] = head + members["OPS/package.opf"].partition(b"?>")[2].replace(b"A Book", b"&x;")
    (source,) = load_bytes(make_zip(members), "a.epub").sources
    assert "TOPSECRET" not in f"{source.text}{source.title}{source.metadata}"


def test_cut_off_files_fail_and_the_folder_goes_on(collection, tmp_path: Path, make_docx, make_epub) -> None:
    canvas = pytest.importorskip("reportlab.pdfgen.canvas")
    stream = io.BytesIO()
    drawn = canvas.Canvas(stream)
    drawn.drawString(100, 100, PLAIN)
    drawn.save()
    folder = tmp_path / "folder"
    folder.mkdir()
    whole = {"a.pdf": stream.getvalue(), "b.docx": make_docx([("p", PLAIN)]), "c.epub": make_epub([f"<p>{PLAIN}</p>"])}
    for name, data in whole.items():
        (folder / name).write_bytes(data)
        (folder / f"cut-{name}").write_bytes(data[: len(data) // 3])
    (folder / "z.txt").write_text(PLAIN)
    added = collection.add(folder)
    assert set(added.ids) >= {"a.pdf", "b.docx", "c.epub", "z.txt"}
    assert {failure.source for failure in added.failed} >= {"cut-b.docx", "cut-c.epub"}


@pytest.fixture
def broken_parser(monkeypatch):
    """Requests whose parser is told to misbehave: the worker runs the code in the file's own bytes."""
    monkeypatch.setattr(client, "_START", client._START.replace("main()", _MISBEHAVE))
    client._worker.close()
    yield
    client._worker.close()


_MISBEHAVE = (
    "import spanwise.index.formats.dispatch as d; "
    "real = d.Dispatch._sources; "
    "d.Dispatch._sources = lambda self, kind, data, name: "
    "exec(data.partition(b'RUN:')[2]) if b'RUN:' in data else real(self, kind, data, name); main()"
)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("while True: pass", "within 1 seconds"),
        ("import time; time.sleep(60)", "within 1 seconds"),
        ("import os; os._exit(3)", "could not be read"),
        ("import ctypes; ctypes.string_at(0)", "could not be read"),
        ("x = bytearray(10**10)", "MB of memory"),
        ("raise KeyError('odd')", "KeyError"),
        ("(lambda f: f(f))(lambda f: f(f))", "nested too deeply"),
        ("import nowhere_installed", 'pip install "spanwise\\[documents\\]"'),
        ("print('noise' * 10**6); raise ValueError('x')", "ValueError"),
    ],
)
@pytest.mark.usefixtures("broken_parser")
def test_a_parser_that_misbehaves_costs_one_file(code: str, says: str) -> None:
    limits = ParseLimits(seconds=1 if "within" in says else 30)
    with pytest.raises((SourceError, MissingExtraError), match=says):
        load_bytes(f"<html>RUN:{code}".encode(), "bad.html", limits=limits)
    if "within" in says:  # it would go on for ever: whoever worked on it is gone
        assert client._worker._process is None
    assert load_bytes(b"<html><body>fine", "good.html").sources[0].text == "fine"


def test_one_process_serves_many_files() -> None:
    load_bytes(b"<html><body>one", "a.html")
    process = client._worker._process
    load_bytes(b"<html><body>two", "b.html")
    assert client._worker._process is process
    process.kill()
    process.wait()
    assert load_bytes(b"<html><body>three", "c.html").sources[0].text == "three"


def test_files_over_the_size_limit_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<html>" + " " * 1_000)
    with pytest.raises(SourceError, match="the limit is 100"):
        load_path(tmp_path / "a.html", options=LoadOptions(), limits=ParseLimits(file_bytes=100))


MAIL = (
    b"From: a\nSubject: =?utf-8?q?x?=\nMIME-Version: 1.0\n"
    b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhi\n--b--\n"
)


def test_mutated_files_never_break_the_worker(make_docx, make_epub, make_zip) -> None:
    canvas = pytest.importorskip("reportlab.pdfgen.canvas")
    stream = io.BytesIO()
    drawn = canvas.Canvas(stream, pageCompression=0)
    drawn.drawString(100, 100, PLAIN)
    drawn.save()
    seeds = {
        "a.pdf": stream.getvalue(), "a.docx": make_docx([("h1", "Head"), ("p", PLAIN)]),
        "a.epub": make_epub([f"<p>{PLAIN}</p>"]), "a.zip": make_zip({"a.txt": PLAIN, "b.html": "<html><p>x"}),
        "a.html": b"<html><body><table><tr><td>1</td></tr></table><p>x</p></html>",
        "a.eml": MAIL,
        "a.csv": b"id,text\n1,hello there\n", "a.json": b'[{"id": 1, "text": "hello there"}]',
    }  # fmt: skip
    chance = random.Random(8)
    outcomes: list[str] = []
    for _ in range(15):
        for name, data in seeds.items():
            changed = bytearray(data)
            for _ in range(chance.choice((1, 3, 30))):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            if chance.random() < 0.2:
                del changed[chance.randrange(len(changed)) :]
            outcomes.append(outcome_of(bytes(changed), name))
    assert sum("could not be read within" in outcome for outcome in outcomes) == 0
    assert 10 < outcomes.count("read") < len(outcomes) - 10


def outcome_of(data: bytes, name: str, seconds: float = 10) -> str:
    try:
        loaded = load_bytes(data, name, limits=ParseLimits(seconds=seconds))
    except SourceError as error:
        return str(error)
    return "read" if all(source.text for source in loaded.sources) else "empty"


def many_pages(count: int) -> bytes:
    """A PDF of `count` pages that share one stream of words."""
    words = b"BT /F1 12 Tf 50 700 Td (These words stand on every page.) Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (count, b" ".join(b"%d 0 R" % (5 + n) for n in range(count))),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(words), words),
    ]
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 3 0 R >> >>"
    )
    page += b" >>"
    objects += [page] * count
    data, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    data += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(data)


def test_ten_thousand_pages_are_read_or_refused_in_time() -> None:
    (source,) = load_bytes(many_pages(200), "some.pdf").sources
    assert source.metadata["pages"] == 200
    assert source.text.count("These words") == 200
    said = outcome_of(many_pages(10_000), "many.pdf", seconds=5)
    assert said == "read" or "within 5 seconds" in said  # as fast as the machine is
    assert load_bytes(b"<html><body>fine", "good.html").sources[0].text == "fine"


def test_macros_are_named(make_docx) -> None:
    with zipfile.ZipFile(io.BytesIO(make_docx([("p", PLAIN)]))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["[Content_Types].xml"] = members["[Content_Types].xml"].replace(
        b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
        b"application/vnd.ms-word.document.macroEnabled.main+xml",
    )
    members["word/vbaProject.bin"] = b"Sub AutoOpen()"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(SourceError, match="holds macros"):
        load_bytes(stream.getvalue(), "report.docx")


@pytest.mark.parametrize("name", ["report.docx", "report.txt", "report.pdf"])
def test_an_office_file_with_a_password_is_named_whatever_its_extension(name: str) -> None:
    with pytest.raises(SourceError, match="with a password"):
        load_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), name)


@pytest.mark.parametrize(
    ("opening", "closing"), [("<div>", "</div>"), ("<ul><li>", "</li></ul>"), ("<table><tr><td>", "")]
)
def test_a_hundred_thousand_levels_of_elements_end(opening: str, closing: str) -> None:
    page = f"<html><body><p>{PLAIN}</p>{opening * 100_000}core{closing * 100_000}</body></html>"
    with suppress(SourceError):
        assert PLAIN in load_bytes(page.encode(), "deep.html", limits=ParseLimits(seconds=20)).sources[0].text
    assert load_bytes(b"<html><body>fine", "good.html").sources[0].text == "fine"


def test_deep_xml_in_word_ends(make_docx, make_zip) -> None:
    with zipfile.ZipFile(io.BytesIO(make_docx([("p", PLAIN)]))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sdt, end = b"<w:sdt><w:sdtContent>", b"</w:sdtContent></w:sdt>"
    body = members["word/document.xml"]
    start, stop = body.index(b"<w:p>"), body.rindex(b"<w:sectPr")
    members["word/document.xml"] = body[:start] + sdt * 20_000 + body[start:stop] + end * 20_000 + body[stop:]
    with suppress(SourceError):
        load_bytes(make_zip(members), "deep.docx", limits=ParseLimits(seconds=20))
    assert load_bytes(b"<html><body>fine", "good.html").sources[0].text == "fine"
