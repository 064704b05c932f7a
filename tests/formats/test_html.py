"""Web pages: main text, where it stands, and the link that leads there."""

from __future__ import annotations

from urllib.parse import unquote

from spanwise import Span

PAGE = """<!doctype html><html lang="en"><head><title>The  Harbour</title><meta name="author" content="Ann Lee">
<meta property="article:published_time" content="2024-05-06"></head><body>
<nav><a href="/">Home</a></nav><header><a href="/">Site</a></header>
<main><h1>The <em>H</em>arbour</h1><p>It was built in
 1884 by&nbsp;Tom&shy;my.<br>Second line &amp; more.</p>
<h2>Depth</h2><ul><li>one fathom</li><li>two <b>fathoms</b></li></ul><ol><li>first<li>second</ol>
<table><tr><th>Year</th><th>Ships</th></tr><tr><td>1901</td><td>forty<br>two</td></tr></table>
<pre>def depth(x):
    return x ** 2
</pre><figure><img src="x"><figcaption>The old quay.</figcaption></figure>
<script>bad()</script><p style="display: none">unseen</p></main><footer>Imprint</footer></body></html>"""


def one(load, data=PAGE, name="harbour.html", **options):
    (source,) = load(data.encode(), name, **options).sources
    return source


def test_main_text_as_people_read_it(load) -> None:
    assert one(load).text == (
        "The Harbour\n\nIt was built in 1884 by Tommy.\nSecond line & more.\n\nDepth\n- one fathom\n- two fathoms\n"
        "1. first\n2. second\n\nYear | Ships\n1901 | forty two\n\ndef depth(x):\n    return x ** 2\n\nThe old quay."
    )


def test_everything_shown_on_request(load) -> None:
    text = one(load, keep_all=True).text
    assert text.startswith("Home\n\nSite\n\nThe Harbour")
    assert text.endswith("Imprint")
    assert "unseen" not in text
    assert "bad()" not in text


def test_a_box_between_paragraphs_is_text_and_a_column_of_links_is_not(load) -> None:
    box = "<p><b>NOTE</b> buildd</p><p>It is the build daemon, see <a href='x'>there</a>.</p>"
    links = "<a href='x'>Home</a> <a href='y'>Up</a>"
    for opening, closing in (("<aside>", "</aside>"), ('<div class="sidebar">', "</div>")):
        page = "<body><section><p>Before it.</p>{}{}{}<p>Behind it.</p></section><div>{}{}{}</div><p>End.</p></body>"
        assert one(load, page.format(opening, box, closing, opening, "Around it.", closing)).text == (
            "Before it.\n\nNOTE buildd\n\nIt is the build daemon, see there.\n\nBehind it.\n\nEnd."
        )
        text = one(load, page.format(opening, links, closing, "", "", "")).text
        assert text == "Before it.\n\nBehind it.\n\nEnd."


def test_title_metadata_headings_and_encoding(load) -> None:
    source = one(load)
    assert source.title == "The Harbour"
    assert source.metadata == {"author": "Ann Lee", "created": "2024-05-06", "language": "en"}
    assert [(heading.level, heading.text) for heading in source.layout.headings] == [(1, "The Harbour"), (2, "Depth")]
    for heading in source.layout.headings:
        assert source.text.startswith(heading.text, heading.start)
    latin = PAGE.replace("<head>", '<head><meta charset="iso-8859-1">').replace("Tom", "Tóm").encode("cp1252")
    (source,) = load(latin, "harbour.html").sources
    assert "Tómmy" in source.text
    assert source.encoding == "cp1252"


def test_every_block_leads_to_its_element(load) -> None:
    from lxml import html

    tree = html.document_fromstring(PAGE)
    source = one(load)
    assert len(source.layout.blocks) > 3
    for block in source.layout.blocks:
        (element,) = tree.xpath(block.element)
        shown = "".join(element.itertext()).replace("\u00ad", "").split()
        assert Span(block.start, block.end).of(source.text).split()[-1].strip("|") in " ".join(shown)


def test_an_answer_carries_element_and_text_fragment(scripted, tmp_path) -> None:
    (tmp_path / "harbour.html").write_text(PAGE.replace("more.", "more. It was deep."))
    library = scripted({"When was it built?": "1884", "What was it?": "It was"})
    library.add(tmp_path / "harbour.html")
    answer = library.ask("When was it built?").best
    assert answer.location.element == "/html/body/main/p[1]"
    assert answer.location.fragment == "#:~:text=1884"
    answer = library.ask("What was it?").best
    assert unquote(answer.location.fragment) == "#:~:text=It was,-built in 1884"
    assert answer.heading == ("The Harbour",)


def test_xhtml_with_empty_title_and_anchors(load) -> None:
    head = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="x"/></head>'
    page = f'{head}<body><p><a id="x"/>Words<br/>here</p></body></html>'
    assert one(load, page, "x.xhtml").text == "Words\nhere"


def test_entities_are_not_expanded_and_nothing_is_fetched(load) -> None:
    head = '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY y "yyyyyyyyyy">]>'
    page = f"{head}<html><body><p>Words &x; &y;</p></body></html>"
    text = one(load, page, "x.html").text
    assert "root:" not in text
    assert "Words" in text


def test_deep_nesting_and_long_lists_end_in_time(load) -> None:
    assert "core" in one(load, "<div>" * 200 + "core" + "</div>" * 200, "deep.html").text
    rows = "".join(f"<li>entry {number}</li>" for number in range(20_000))
    assert "entry 19999" in one(load, f"<html><body><ul>{rows}</ul></body></html>", "long.html").text


def test_the_words_of_a_cell_keep_their_order(load) -> None:
    """Of nested elements what stands behind one came before its words: `-n, --dry-run` was `, -n--dry-run`."""
    cell = "<p><code><b>-n</b></code>, <code><i>--dry</i>-run</code></p><p>or <a href=#><b>none</b></a>.<!-- x --></p>"
    page = f"<table><tr><td>{cell}</td><td>1<svg><text>unseen</text></svg>2</td></tr></table>"
    text = one(load, page, "a.html").text
    assert text == "-n, --dry-run or none. | 12"
