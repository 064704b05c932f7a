"""DOCX, EPUB and e-mail: known text comes back in order, and leads to paragraph, chapter and part."""

from __future__ import annotations

from email.message import EmailMessage

from spanwise import Span


def test_docx_paragraphs_tables_lists_and_running_header(load, make_docx, known) -> None:
    said = known(12)
    blocks = [
        ("h1", "Harbours"),
        ("p", " ".join(said[:4])),
        ("h2", "Table"),
        ("table", [("City", "Ships"), ("Lyon", "41")]),
    ]
    blocks += [("li", said[4]), ("li", said[5]), ("p", " ".join(said[6:]))]
    data = make_docx(blocks, header="Confidential draft", title="Ports", author="Ann Lee")
    (source,) = load(data, "ports.docx").sources
    assert source.title == "Ports"
    assert source.metadata["author"] == "Ann Lee"
    assert source.text == "\n\n".join(
        [
            "Confidential draft", "Harbours", " ".join(said[:4]), "Table",
            f"City | Ships\nLyon | 41\n- {said[4]}\n- {said[5]}", " ".join(said[6:]),
        ]
    )  # fmt: skip
    assert [span.of(source.text) for span in source.layout.excluded] == ["Confidential draft"]
    assert [(one.level, one.text) for one in source.layout.headings] == [(1, "Harbours"), (2, "Table")]
    numbers = {Span(one.start, one.end).of(source.text): one.paragraph for one in source.layout.blocks}
    assert numbers["Harbours"] == 1
    assert numbers["Lyon | 41"] == 4
    assert numbers[f"- {said[5]}"] == 6


def test_a_docx_answer_names_its_paragraph(scripted, tmp_path, make_docx) -> None:
    (tmp_path / "a.docx").write_bytes(make_docx([("p", "Nothing here."), ("p", "The bridge opened in 1884 at noon.")]))
    library = scripted({"When did the bridge open?": "1884"})
    library.add(tmp_path / "a.docx")
    answer = library.ask("When did the bridge open?").best
    assert answer.location.paragraph == 2
    assert answer.location.page is None


def test_epub_chapters_in_order_with_their_part(load, make_epub, known) -> None:
    said = known(6)
    chapters = [f"<h1>One</h1><p>{said[0]}</p><p>{said[1]}</p>", f"<h1>Two</h1><p>{said[2]} {said[3]}</p>"]
    (source,) = load(make_epub(chapters, title="Ports &amp; Piers"), "book.epub").sources
    assert source.text == f"One\n\n{said[0]}\n\n{said[1]}\n\nTwo\n\n{said[2]} {said[3]}"
    assert source.title == "Ports & Piers"
    assert source.metadata == {"author": "Ann Lee", "language": "en"}
    assert source.layout.blocks[-1].element == "OPS/text/c1.xhtml#/html/body/p[1]"
    assert [one.text for one in source.layout.headings] == ["One", "Two"]


def message(body: str, **headers: str) -> EmailMessage:
    mail = EmailMessage()
    headers = {"From": "ann@example.org", "To": "bob@example.org", "Subject": "Grüße", **headers}
    for field, value in headers.items():
        mail[field] = value
    mail["Date"] = "Mon, 05 Jan 2026 10:00:00 +0000"
    mail.set_content(body)
    return mail


def test_mail_headers_body_and_attachments(load, make_docx) -> None:
    mail = message("The ship sails at noon.\n\nAnn\n")
    mail.add_attachment(
        make_docx([("p", "Cargo of oranges.")]), maintype="application", subtype="octet-stream", filename="cargo.docx"
    )
    mail.add_attachment(b"\x89PNG\r\n\x1a\n123", maintype="image", subtype="png", filename="logo.png")
    loaded = load(mail.as_bytes(), "ship.eml")
    first, second = loaded.sources
    assert first.title == "Grüße"
    assert first.text.startswith("Subject: Grüße\nFrom: ann@example.org\nTo: bob@example.org")
    assert first.text.endswith("The ship sails at noon.\n\nAnn")
    assert first.metadata["created"] == "2026-01-05T10:00:00+00:00"
    assert (second.id, second.text) == ("ship.eml/1-cargo.docx", "Cargo of oranges.")
    assert [failure.source for failure in loaded.failed] == ["ship.eml/logo.png"]


def test_mail_with_an_html_body_only(load) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["MIME-Version"] = "Hi", "a@b.example", "1.0"
    mail.set_content("<p>Sails at <b>noon</b>.</p><p>Ann</p>", subtype="html")
    (source,) = load(mail.as_bytes(), "a.eml").sources
    assert source.text.endswith("Sails at noon.\n\nAnn")
    assert source.layout.blocks[-1].element == "body#/html/body[1]/p[2]"


def test_a_message_that_was_forwarded_whole_is_read(load) -> None:
    inner = message("The cargo is oranges.", Subject="Cargo / list")
    for outer in (message("See below."), message("And below.")):
        outer.add_attachment(inner)
        inner = outer
    loaded = load(inner.as_bytes(), "a.eml")
    assert [one.text.rpartition("\n")[2] for one in loaded.sources] == [
        "And below.",
        "See below.",
        "The cargo is oranges.",
    ]
    assert loaded.sources[2].id.endswith("-Cargo~20_~20list.eml")
    assert loaded.failed == ()


def test_a_charset_that_there_is_not_does_not_cost_the_message(load) -> None:
    mail = message("The ship sails at noon, Zoë.").as_bytes().replace(b'charset="utf-8"', b'charset="unknown-8bit"')
    assert b"unknown-8bit" in mail
    (source,) = load(mail, "a.eml").sources
    assert source.text.endswith("The ship sails at noon, Zoë.")
