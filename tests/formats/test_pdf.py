"""PDF: every known sentence is found, on its page, under rectangles that cover its glyphs."""

from __future__ import annotations

import io
from typing import Any

import pytest

from spanwise import Span
from spanwise.index.locating import locate

pdfium = pytest.importorskip("pypdfium2")
canvas = pytest.importorskip("reportlab.pdfgen.canvas")
WIDTH, HEIGHT = 595, 842
SCALE = 2


def wrapped(text: str, width: float, font: str, size: float, *, hyphenate: bool) -> list[str]:
    """Lines of at most `width` points; with `hyphenate`, words are broken with a hyphen where they pass the margin."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if stringWidth(longer, font, size) <= width:
            line = longer
            continue
        for cut in range(len(word) - 3, 2, -1) if hyphenate and word.isalpha() and len(word) > 6 else ():
            if stringWidth(f"{line} {word[:cut]}-", font, size) <= width:
                line, word = f"{line} {word[:cut]}-".strip(), word[cut:]
                break
        lines.append(line)
        line = word
    return [*lines, line]


class Maker:
    """Draws paragraphs into columns, page after page, and remembers the page each starts on."""

    def __init__(self, columns: int, *, hyphenate: bool, running: bool = True, rotate: int = 0) -> None:
        self.stream = io.BytesIO()
        self.canvas: Any = canvas.Canvas(self.stream, pagesize=(WIDTH, HEIGHT), pageCompression=0)
        self.columns, self.hyphenate, self.running, self.rotate = columns, hyphenate, running, rotate
        self.column, self.y, self.page = 0, 0.0, 0
        self.width = (WIDTH - 100 - 24 * (columns - 1)) / columns
        self._new_page()

    def _new_page(self) -> None:
        if self.page:
            self.canvas.showPage()
        self.page += 1
        self.column, self.y = 0, HEIGHT - 90
        if self.rotate:
            self.canvas.setPageRotation(self.rotate)
        if self.running:
            self.canvas.setFont("Helvetica", 9)
            self.canvas.drawString(50, HEIGHT - 40, "A Running Header")
            self.canvas.drawCentredString(WIDTH / 2, 30, f"Page {self.page}")

    def line(self, text: str, size: float = 10, font: str = "Times-Roman") -> None:
        if self.y < 70:
            self.column, self.y = self.column + 1, HEIGHT - 90
            if self.column == self.columns:
                self._new_page()
        self.canvas.setFont(font, size)
        self.canvas.drawString(50 + self.column * (self.width + 24), self.y, text)
        self.y -= size * 1.2

    def heading(self, text: str) -> None:
        self.canvas.bookmarkPage(text)
        self.canvas.addOutlineEntry(text, text, 0)
        self.line(text, 15, "Helvetica-Bold")
        self.y -= 6

    def paragraph(self, text: str) -> None:
        for line in wrapped(text, self.width, "Times-Roman", 10, hyphenate=self.hyphenate):
            self.line(line)
        self.y -= 8

    def bytes(self) -> bytes:
        self.canvas.setTitle("A Made Book")
        self.canvas.setAuthor("Ann Lee")
        self.canvas.save()
        return self.stream.getvalue()


def made(known, columns: int, *, hyphenate: bool, count: int = 160, **options) -> tuple[bytes, list[str]]:
    maker = Maker(columns, hyphenate=hyphenate, **options)
    said = known(count)
    for number in range(0, count, 5):
        if number % 40 == 0:
            maker.heading(f"Chapter {number // 40 + 1} about things")
        maker.paragraph(" ".join(said[number : number + 5]))
    return maker.bytes(), said


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "hyphenate"), [(1, False), (1, True), (2, False), (2, True), (3, False)])
def test_every_sentence_is_found_with_page_and_rectangles(load, known, columns, hyphenate) -> None:
    data, said = made(known, columns, hyphenate=hyphenate)
    (source,) = load(data, "book.pdf").sources
    missing = [sentence for sentence in said if sentence not in source.text]
    assert missing == []
    document = pdfium.PdfDocument(data)
    try:
        for sentence in said:
            start = source.text.index(sentence)
            place = located(source, Span(start, start + len(sentence)))
            assert place.rectangles
            # What pdfium finds inside our rectangles is the sentence: nothing of it outside, nothing else inside.
            seen = []
            for one in place.rectangles:
                page = document[one.page - 1]
                words = page.get_textpage()
                bounds = one.left + 0.2, HEIGHT - one.bottom + 2.5, one.right - 0.2, HEIGHT - one.top - 2.5
                seen.append(words.get_text_bounded(*bounds))
                words.close()
                page.close()
            inked = "".join("".join(seen).replace("\ufffe", "-").replace("\x02", "-").replace("-", "").split())
            assert inked == sentence.replace(" ", "").replace("-", "")
            assert place.page == place.rectangles[0].page
    finally:
        document.close()


def test_headers_footers_and_page_numbers_stay_in_the_text_and_out_of_passages(collection, tmp_path, known) -> None:
    data, _ = made(known, 2, hyphenate=True)
    (tmp_path / "book.pdf").write_bytes(data)
    collection.add(tmp_path / "book.pdf")
    document = collection.document("book.pdf")
    pages = len(document.pages)
    assert [span.of(document.text) for span in document.excluded] == [
        words for number in range(1, pages + 1) for words in ("A Running Header", f"Page {number}")
    ]
    covered = bytearray(len(document.text))
    for hit in collection.search("item river", 100, mode="dense"):
        assert hit.passage.page is not None
        for position in range(hit.span.start, hit.span.end):
            covered[position] = 1
    for position, character in enumerate(document.text):
        excluded = any(span.start <= position < span.end for span in document.excluded)
        if not character.isspace():
            assert bool(covered[position]) != excluded


def test_outline_headings_title_and_metadata(load, known) -> None:
    data, _ = made(known, 2, hyphenate=False)
    (source,) = load(data, "book.pdf").sources
    assert [heading.text for heading in source.layout.headings] == [f"Chapter {n} about things" for n in (1, 2, 3, 4)]
    for heading in source.layout.headings:
        assert source.text.startswith(heading.text, heading.start)
    assert source.title == "A Made Book"
    assert source.metadata["author"] == "Ann Lee"
    assert source.metadata["pages"] == len(source.layout.pages)


def test_headings_by_font_size_without_an_outline(load, known) -> None:
    maker = Maker(1, hyphenate=False)
    for number, sentence in enumerate(known(60)):
        if number % 20 == 0:
            maker.line(f"Part {number // 20 + 1}", 18, "Helvetica-Bold")
            maker.y -= 8
        maker.paragraph(sentence)
    (source,) = load(maker.bytes(), "book.pdf").sources
    assert [heading.text for heading in source.layout.headings] == ["Part 1", "Part 2", "Part 3"]


def test_page_of_each_sentence(load, known) -> None:
    maker = Maker(1, hyphenate=False)
    pages = {}
    for sentence in known(150):
        if maker.y < 100:
            maker.y = 0
        maker.line("")
        pages[sentence] = maker.page
        maker.paragraph(sentence)
    (source,) = load(maker.bytes(), "book.pdf").sources
    assert max(pages.values()) > 3
    for sentence, page in pages.items():
        start = source.text.index(sentence)
        assert located(source, Span(start, start + len(sentence))).page == page


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_dark_pixels_lie_inside_the_rectangles(load, rotate) -> None:
    maker = Maker(1, hyphenate=False, running=False, rotate=rotate)
    sentence = "Only these words gleam on the page, jumping quickly."
    maker.y = 400
    maker.line(sentence, 14)
    data = maker.bytes()
    (source,) = load(data, "one.pdf").sources
    start = source.text.index(sentence)
    place = located(source, Span(start, start + len(sentence)))
    document = pdfium.PdfDocument(data)
    page = document[0]
    width, height = page.get_size()
    pixels = page.render(scale=SCALE, grayscale=True).to_numpy().copy()
    page.close()
    document.close()
    assert pixels.shape[:2] == (int(height * SCALE), int(width * SCALE))
    assert (pixels < 128).sum() > 200
    for one in place.rectangles:
        left, top, right, bottom = (round(edge * SCALE) for edge in (one.left, one.top, one.right, one.bottom))
        pixels[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1] = 255
    assert (pixels < 128).sum() == 0


def test_a_table_is_kept_row_by_row(load) -> None:
    maker = Maker(1, hyphenate=False)
    rows = [("City", "Country", "People"), ("Lyon", "France", "520,774"), ("Graz", "Austria", "291,007")]
    for row in rows:
        for place, cell in enumerate(row):
            maker.canvas.drawString(60 + 150 * place, maker.y, cell)
        maker.y -= 14
    (source,) = load(maker.bytes(), "table.pdf").sources
    assert "City | Country | People\nLyon | France | 520,774\nGraz | Austria | 291,007" in source.text


def test_cells_that_begin_below_each_other_are_apart_also_where_the_gaps_are_narrow(load) -> None:
    maker = Maker(1, hyphenate=False)
    rows = [("Article", "Price", "Weight"), ("Work bench", "310.00", "38 kg"), ("Garden hose", "24.90", "2 kg")]
    for row in rows:
        for place, cell in zip((60, 130, 175), row, strict=True):
            maker.canvas.setFont("Helvetica", 10)
            maker.canvas.drawString(place, maker.y, cell)
        maker.y -= 14
    maker.y -= 40
    for gap in (12, 15, 18):  # a justified text has wide gaps too, each at another place
        maker.canvas.drawString(60, maker.y, "words of a paragraph")
        maker.canvas.drawString(60 + maker.canvas.stringWidth("words of a paragraph") + gap, maker.y, "go on here")
        maker.y -= 12
    (source,) = load(maker.bytes(), "table.pdf").sources
    assert "Article | Price | Weight\nWork bench | 310.00 | 38 kg\nGarden hose | 24.90 | 2 kg" in source.text
    assert "paragraph | go" not in source.text


def test_the_size_of_letters_is_the_one_on_the_page(load) -> None:
    maker = Maker(1, hyphenate=False)
    maker.canvas.scale(0.75, 0.75)  # as browsers print: 16 units are 12 points
    maker.canvas.setFont("Helvetica", 16)
    for number, (city, river) in enumerate([("Lyon", "Rhone"), ("Graz", "Mur"), ("Bern", "Aare")]):
        maker.canvas.drawString(80, 900 - 24 * number, city)
        maker.canvas.drawString(80 + maker.canvas.stringWidth(city) + 36, 900 - 24 * number, river)
    (source,) = load(maker.bytes(), "table.pdf").sources
    assert "Lyon | Rhone\nGraz | Mur\nBern | Aare" in source.text


def test_entries_of_a_table_of_contents_are_lines_of_no_passage_and_the_largest_words_are_the_title(
    load, known
) -> None:
    maker = Maker(1, hyphenate=False, running=False)
    maker.line("The Book of", 26)
    maker.line("Harbours", 26)
    maker.line("f(x) = 2 + x", 40)
    entries = [f"{number}.1 Of things {'. ' * 20}{number + 3}" for number in range(1, 6)]
    for entry in entries:
        maker.line(entry)
    maker.y -= 10
    for sentence in known(8):
        maker.paragraph(sentence)
    maker.canvas.setTitle("untitled")
    maker.canvas.save()
    (source,) = load(maker.stream.getvalue(), "x.pdf").sources
    assert source.title == "The Book of Harbours"
    assert [span.of(source.text) for span in source.layout.excluded] == [entry.replace("  ", " ") for entry in entries]
    assert "\n".join(entries) in source.text
    assert [heading.text for heading in source.layout.headings] == ["The Book of", "Harbours"]  # no formula


def test_a_compound_that_breaks_at_its_own_hyphen_keeps_it(load) -> None:
    maker = Maker(1, hyphenate=False, running=False)
    maker.line("A well-known fact stands here, as in every book about it that people have seen, and is very well-")
    maker.line("known to all of us, and so is the next exam-")
    maker.line("ple of this.")
    (source,) = load(maker.bytes(), "x.pdf").sources
    assert "very well-known to all" in squeezed(source.text)
    assert "next example of this." in squeezed(source.text)


def test_pictures_without_text_are_named(load, tmp_path) -> None:
    from spanwise import SourceError

    maker = Maker(1, hyphenate=False, running=False)
    maker.canvas.rect(100, 100, 50, 50, fill=1)
    with pytest.raises(SourceError, match="Run it through OCR"):
        load(maker.bytes(), "scan.pdf")


def test_a_password_is_named(load) -> None:
    from reportlab.lib.pdfencrypt import StandardEncryption

    from spanwise import SourceError

    stream = io.BytesIO()
    made_with_password = canvas.Canvas(stream, encrypt=StandardEncryption("secret", canPrint=0))
    made_with_password.drawString(100, 100, "hidden")
    made_with_password.save()
    with pytest.raises(SourceError, match="protected by a password"):
        load(stream.getvalue(), "locked.pdf")


def located(source, span):
    layout = source.layout
    return locate(source.text, span, source.media_type, pages=layout.pages, blocks=layout.blocks, lines=layout.lines)
