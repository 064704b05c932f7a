"""Documents made from known text: right-to-left, emoji, notes, headers, lists, tables; every sentence comes back."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from spanwise import Source, Span
from spanwise.index.ingest import draft
from spanwise.index.locating import locate
from spanwise.index.splitting import SplitLimits
from spanwise.testing import HashEmbedder

ARABIC = "تقع المكتبة القديمة بجانب النهر."
HEBREW = "הספרייה הישנה עומדת ליד הנהר."
EMOJI = "The party 🎉 is on the 🏖️ beach, says 👩‍👩‍👧 the Müller family."
CJK = "古い図書館は川のそばにあります。"
SAID = (ARABIC, HEBREW, EMOJI, CJK, "An e\u0301 composed of two, and a ﬁne line.")
DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")


def whole(source: Source, sentence: str) -> Span:
    """Where the sentence stands, which is once."""
    assert source.text.count(sentence) == 1
    start = source.text.index(sentence)
    return Span(start, start + len(sentence))


def test_scripts_and_emoji_come_back_from_word(load, make_docx) -> None:
    (source,) = load(make_docx([("p", one) for one in SAID]), "a.docx").sources
    for number, sentence in enumerate(SAID, 1):
        place = locate(source.text, whole(source, sentence), source.media_type, blocks=source.layout.blocks)
        assert place.paragraph == number


def test_scripts_and_emoji_come_back_from_epub_and_html(load, make_epub) -> None:
    body = "".join(f"<p dir='auto'>{one}</p>" for one in SAID)
    (book,) = load(make_epub([f"<h1>One</h1>{body}"]), "a.epub").sources
    (page,) = load(f"<!doctype html><meta charset=utf-8><body>{body}".encode(), "a.html").sources
    for number, sentence in enumerate(SAID, 1):
        for source, root in ((book, "OPS/text/c0.xhtml#/html/body"), (page, "/html/body")):
            place = locate(source.text, whole(source, sentence), source.media_type, blocks=source.layout.blocks)
            assert place.element == f"{root}/p[{number}]"


def drawn_pdf(lines: list[str]) -> bytes:
    """Lines as a program without a layout engine draws them: right-to-left ones in the order of the eye."""
    reportlab = pytest.importorskip("reportlab")
    if not DEJAVU.exists():
        pytest.skip("apt-get install fonts-dejavu-core")
    assert reportlab
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(TTFont("DejaVu", str(DEJAVU)))
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=(595, 842))
    canvas.setFont("DejaVu", 12)
    for number, line in enumerate(lines):
        canvas.drawString(60, 760 - 40 * number, line)
    canvas.save()
    return stream.getvalue()


def test_hebrew_in_a_pdf_is_read_from_right_to_left(load) -> None:
    import numpy as np

    pdfium = pytest.importorskip("pypdfium2")
    before, after = "Some words before.", "Some words behind."
    data = drawn_pdf([before, HEBREW[::-1], after])
    (source,) = load(data, "a.pdf").sources
    span = whole(source, HEBREW)
    layout = source.layout
    place = locate(source.text, span, source.media_type, pages=layout.pages, lines=layout.lines)
    (one,) = place.rectangles
    first = Span(span.start, source.text.index(" ", span.start))  # the first word stands at the right end of the line
    (word,) = locate(source.text, first, source.media_type, pages=layout.pages, lines=layout.lines).rectangles
    assert abs(word.right - one.right) < 8
    assert word.left > (one.left + one.right) / 2
    document = pdfium.PdfDocument(data)
    pixels = ink(document)
    document.close()
    rows, columns = np.nonzero(pixels[int(one.top * 2) - 4 : int(one.bottom * 2) + 4] < 128)
    assert rows.size > 100
    assert columns.min() / 2 >= one.left - 1
    assert columns.max() / 2 <= one.right + 1


def ink(document: Any) -> Any:
    page = document[0]
    found = page.render(scale=2, grayscale=True).to_numpy().copy()
    page.close()
    return found.reshape(found.shape[0], found.shape[1])


def test_umlauts_greek_and_symbols_in_a_pdf(load) -> None:
    said = ["Größe und Maß der Brücke: 12 µm.", "Η γέφυρα άνοιξε το 1884.", "Мост открыт → в полдень, 5 €."]
    (source,) = load(drawn_pdf(said), "a.pdf").sources
    for sentence in said:
        whole(source, sentence)


def test_footnotes_of_a_pdf_stand_on_their_page_and_do_not_cut_sentences(load) -> None:
    canvas = pytest.importorskip("reportlab.pdfgen.canvas")
    stream = io.BytesIO()
    drawn = canvas.Canvas(stream, pagesize=(595, 842))
    for page in range(2):
        drawn.setFont("Times-Roman", 11)
        for line in range(12):
            drawn.drawString(60, 760 - 14 * line, f"Line {line} of page {page} says what a line of a book may say, and")
        drawn.setFont("Times-Roman", 8)
        drawn.drawString(60, 80, f"{page + 1} The note of page {page} names its source.")
        drawn.showPage()
    drawn.save()
    (source,) = load(stream.getvalue(), "a.pdf").sources
    for page in range(2):
        span = whole(source, f"The note of page {page} names its source.")
        place = locate(source.text, span, source.media_type, pages=source.layout.pages, lines=source.layout.lines)
        assert place.page == page + 1
        assert place.rectangles[0].top > 700


# ── Word: what its paragraphs hold besides plain runs. ──────────────────────────────────────────────────────────────


def word(body: str, notes: str = "", styles: str = "") -> bytes:
    """A DOCX of python-docx whose body is `body` and which has footnotes."""
    docx = pytest.importorskip("docx")
    stream = io.BytesIO()
    docx.Document().save(stream)
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    with zipfile.ZipFile(stream) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["word/document.xml"] = f"<w:document {space}><w:body>{body}</w:body></w:document>".encode()
    for kind in ("footnotes", "endnotes"):
        members[f"word/{kind}.xml"] = f"<w:{kind} {space}>{notes if kind == 'footnotes' else ''}</w:{kind}>".encode()
        relation = (
            f'<Relationship Id="r{kind}" Target="{kind}.xml" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
            f'relationships/{kind}"/></Relationships>'
        )
        path = "word/_rels/document.xml.rels"
        members[path] = members[path].replace(b"</Relationships>", relation.encode())
        override = (
            f'<Override PartName="/word/{kind}.xml" ContentType="application/vnd.openxmlformats-officedocument.'
            f'wordprocessingml.{kind}+xml"/></Types>'
        )
        members["[Content_Types].xml"] = members["[Content_Types].xml"].replace(b"</Types>", override.encode())
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def run(text: str, inside: str = "") -> str:
    return f"<w:r>{inside}<w:t xml:space='preserve'>{text}</w:t></w:r>"


def test_footnotes_follow_the_paragraph_of_their_mark(load) -> None:
    notes = (
        "<w:footnote w:type='separator' w:id='-1'><w:p/></w:footnote>"
        f"<w:footnote w:id='7'><w:p>{run(' See the harbour book.')}</w:p></w:footnote>"
    )
    mark = "<w:r><w:footnoteReference w:id='7'/></w:r>"
    body = f"<w:p>{run('The quay')}{mark}{run(' is old. It is wide.')}</w:p><w:p>{run('Next.')}</w:p>"
    (source,) = load(word(body, notes), "a.docx").sources
    assert source.text == "The quay is old. It is wide.\n\nSee the harbour book.\n\nNext."
    note = source.layout.blocks[1]
    assert (note.element, note.paragraph) == ("footnote[1]", 1)


def test_insertions_show_and_deletions_do_not(load) -> None:
    hidden = run("secret ", "<w:rPr><w:vanish/></w:rPr>")
    body = (
        f"<w:p>{run('Ships ')}<w:ins>{run('always ')}</w:ins><w:del><w:r><w:delText>never </w:delText></w:r></w:del>"
        f"{hidden}<w:hyperlink>{run('sail')}</w:hyperlink><w:r><w:noBreakHyphen/></w:r>{run('off.')}</w:p>"
    )
    assert load(word(body), "a.docx").sources[0].text == "Ships always sail-off."


def test_content_controls_and_text_boxes_are_read(load) -> None:
    box = f"<w:r><w:pict><w:txbxContent><w:p>{run('In a box.')}</w:p></w:txbxContent></w:pict></w:r>"
    body = (
        f"<w:sdt><w:sdtContent><w:p>{run('In a control.')}</w:p></w:sdtContent></w:sdt>"
        f"<w:p>{run('Beside the box.')}{box}</w:p>"
    )
    assert load(word(body), "a.docx").sources[0].text == "In a control.\n\nBeside the box.\n\nIn a box."


def test_headers_of_first_and_even_pages_and_footers_are_set_apart(load) -> None:
    docx = pytest.importorskip("docx")
    document = docx.Document()
    section = document.sections[0]
    section.different_first_page_header_footer = True
    document.settings.odd_and_even_pages_header_footer = True
    section.first_page_header.paragraphs[0].text = "First header"
    section.header.paragraphs[0].text = "Usual header"
    section.even_page_header.paragraphs[0].text = "Even header"
    section.footer.paragraphs[0].text = "Usual footer"
    document.add_paragraph("The body.")
    stream = io.BytesIO()
    document.save(stream)
    (source,) = load(stream.getvalue(), "a.docx").sources
    excluded = [span.of(source.text) for span in source.layout.excluded]
    assert excluded == ["First header", "Usual header", "Even header", "Usual footer"]
    assert "The body." in source.text


# ── Tables and lists: what the index sees of them. ──────────────────────────────────────────────────────────────────

CITIES = [(f"Town{number}", f"Land{number % 7}", f"{number * 137}") for number in range(60)]


def table_html() -> bytes:
    head = "<tr><th>City</th><th>Country</th><th>Inhabitants</th></tr>"
    rows = "".join(f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in CITIES)
    return f"<html><body><h1>Places</h1><table>{head}{rows}</table><p>And words behind.</p></body></html>".encode()


def table_markdown() -> bytes:
    rows = "\n".join(f"| {' | '.join(row)} |" for row in CITIES)
    return f"# Places\n\n| City | Country | Inhabitants |\n|---|---|---|\n{rows}\n\nAnd words behind.\n".encode()


@pytest.mark.parametrize("kind", ["html", "md", "docx", "pdf"])
def test_rows_are_indexed_with_the_names_of_their_columns(load, make_docx, kind: str) -> None:
    if kind == "docx":
        rows = [("City", "Country", "Inhabitants"), *CITIES]
        data = make_docx([("h1", "Places"), ("table", rows), ("p", "And words behind.")])
    elif kind == "pdf":
        data = table_pdf()
    else:
        data = table_html() if kind == "html" else table_markdown()
    (source,) = load(data, f"a.{kind}").sources
    (made,) = draft([source], HashEmbedder(), SplitLimits(target=60, most=90))
    passages = {one.span.of(source.text): one.prefix for one in made.passages}
    rows_in = [text for text in passages if "Town" in text]
    assert len(rows_in) > 3
    for text in rows_in:
        assert ("City" in text) != ("Inhabitants" in passages[text])  # the names once: in its words, or before them
        assert text.count("Land") == text.count("Town")  # no row is cut in two
    (behind,) = [text for text in passages if "words behind" in text]
    assert "Town" in behind or "Inhabitants" not in passages[behind]


def table_pdf() -> bytes:
    canvas = pytest.importorskip("reportlab.pdfgen.canvas")
    stream = io.BytesIO()
    drawn = canvas.Canvas(stream, pagesize=(595, 842))
    drawn.setFont("Helvetica", 9)
    for number, row in enumerate([("City", "Country", "Inhabitants"), *CITIES]):
        for column, cell in enumerate(row):
            drawn.drawString(60 + 150 * column, 790 - 11 * number, cell)
    drawn.drawString(60, 790 - 11 * 64, "And words behind.")
    drawn.save()
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["html", "md", "docx"])
def test_a_list_that_fits_is_kept_together_with_what_introduces_it(load, make_docx, kind: str) -> None:
    long = " ".join(f"Sentence number {number} fills the page before it." for number in range(16))
    items = [f"Item {number} has a few words of its own" for number in range(8)]
    if kind == "docx":
        data = make_docx([("p", long), ("p", "Bring along:"), *[("li", item) for item in items], ("p", "Then go.")])
    elif kind == "html":
        listed = "".join(f"<li>{item}</li>" for item in items)
        data = f"<html><body><p>{long}</p><p>Bring along:</p><ul>{listed}</ul><p>Then go.</p></body></html>".encode()
    else:
        listed = "\n".join(f"- {item}" for item in items)
        data = f"{long}\n\n{listed}\n\nThen go.\n".encode()
    (source,) = load(data, f"a.{kind}").sources
    (made,) = draft([source], HashEmbedder(), SplitLimits())
    holding = [one.span.of(source.text) for one in made.passages if "Item" in one.span.of(source.text)]
    assert len(holding) == 1
    assert all(item in holding[0] for item in items)
    assert kind == "md" or "Bring along:" in holding[0]


def test_captions_are_kept(load, make_docx) -> None:
    figure = "<figure><img alt='x'><figcaption>Figure 1: The quay.</figcaption></figure>"
    table = "<table><caption>Table 2: Ships</caption><tr><td>a</td></tr></table>"
    (source,) = load(f"<html><body>{figure}{table}</body></html>".encode(), "a.html").sources
    whole(source, "Figure 1: The quay.")
    whole(source, "Table 2: Ships")
    docx = pytest.importorskip("docx")
    document = docx.Document()
    document.add_paragraph("Figure 1: The quay.", style="Caption")
    stream = io.BytesIO()
    document.save(stream)
    whole(load(stream.getvalue(), "a.docx").sources[0], "Figure 1: The quay.")


# ── What a file says of itself. ─────────────────────────────────────────────────────────────────────────────────────


def test_language_and_pages_of_word_and_pdf(load) -> None:
    docx = pytest.importorskip("docx")
    document = docx.Document()
    document.add_heading("A report on harbours", 1)
    stream = io.BytesIO()
    document.save(stream)
    (source,) = load(stream.getvalue(), "a.docx").sources
    assert source.metadata["language"] == "en-US"
    assert source.title == "A report on harbours"
    canvas = pytest.importorskip("reportlab.pdfgen.canvas")
    stream = io.BytesIO()
    drawn = canvas.Canvas(stream, lang="de-AT")
    drawn.drawString(100, 100, "Wörter")
    drawn.save()
    (source,) = load(stream.getvalue(), "a.pdf").sources
    assert (source.metadata["language"], source.metadata["pages"]) == ("de-AT", 1)


def test_metadata_of_the_user_wins(collection, tmp_path: Path) -> None:
    page = "<html lang=en><head><meta name=author content='The file'></head><body><p>Words.</p></body></html>"
    (tmp_path / "a.html").write_text(page)
    collection.add(tmp_path / "a.html", metadata={"author": "The user", "shelf": 3})
    assert collection.document("a.html").info.metadata == {"author": "The user", "language": "en", "shelf": 3}


def test_the_contents_of_a_book_name_chapters_without_a_heading(load, make_zip) -> None:
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="2.0"><manifest>'
        '<item id="n" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
        '<item id="a" href="a%20b.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="b" href="b.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine toc="n"><itemref idref="a"/><itemref idref="b"/></spine></package>'
    )
    point = '<navPoint><navLabel><text>{}</text></navLabel><content src="{}"/></navPoint>'
    contents = f"<navMap>{point.format('The Sea', 'a%20b.xhtml#x')}{point.format('Wrong', 'b.xhtml')}</navMap>"
    container = '<container><rootfiles><rootfile full-path="p/book.opf"/></rootfiles></container>'
    data = make_zip(
        {
            "mimetype": "application/epub+zip", "META-INF/container.xml": container, "p/book.opf": package,
            "p/toc.ncx": f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/">{contents}</ncx>',
            "p/a b.xhtml": "<html><body><p>Waves come and go.</p></body></html>",
            "p/b.xhtml": "<html><body><h2>The Land</h2><p>Hills stay.</p></body></html>",
        }
    )  # fmt: skip
    (source,) = load(data, "a.epub").sources
    assert [(one.level, one.text) for one in source.layout.headings] == [(1, "The Sea"), (2, "The Land")]
    assert source.text == "Waves come and go.\n\nThe Land\n\nHills stay."
