"""Mutated files of every format through the reused worker process, and some end to end into a collection.

python benchmarks/fuzz_formats.py --count 10000 --seed 1 --out benchmarks/results/fuzz-formats
python benchmarks/fuzz_formats.py --count 0 --end-to-end 200
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import resource
import sys
import tempfile
import time
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import spanwise
from spanwise import SourceError, Span
from spanwise.errors import SpanwiseError
from spanwise.index.formats import client
from spanwise.index.formats.limits import ParseLimits
from spanwise.index.loading import load_bytes
from spanwise.index.records import Layout, Source
from spanwise.testing import HashEmbedder, ScriptedReader

SECONDS = 20.0
"""What one file may take."""
WORDS = "The bridge opened in 1884 at noon. Ships sail under it every day, and 🎉 people of Köln wave."


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=10_000, help="files through the worker")
    options.add_argument("--end-to-end", type=int, default=0, help="files into a collection, asked afterwards")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--out", type=Path, help="JSON file name without suffix")
    chosen = options.parse_args()
    report: dict[str, Any] = {"seed": chosen.seed, "load before": [round(one, 1) for one in os.getloadavg()]}
    if chosen.count:
        report["worker"] = through_the_worker(chosen.count, chosen.seed)
    if chosen.end_to_end:
        report["end to end"] = end_to_end(chosen.end_to_end, chosen.seed)
    text = json.dumps(report, indent=2, ensure_ascii=False)
    sys.stdout.write(text + "\n")
    if chosen.out:
        chosen.out.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


def through_the_worker(count: int, seed: int) -> dict[str, Any]:
    """How `count` mutated files were taken. Raises AssertionError for a layout that does not fit its text."""
    chance, files = random.Random(seed), seeds()
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    formats: Counter[str] = Counter()
    workers: set[int] = set()
    slowest = (0.0, "")
    started = time.perf_counter()
    for number in range(count):
        name = list(files)[number % len(files)]
        data = changed(files[name], chance)
        began = time.perf_counter()
        try:
            loaded = load_bytes(data, name, limits=ParseLimits(seconds=SECONDS))
            for source in loaded.sources:
                check(source)
            outcomes["read"] += 1
            formats[name.rpartition(".")[2]] += 1
        except SourceError as error:
            outcomes["worker died or timed out" if "could not be read within" in str(error) else "refused"] += 1
            reasons[reason(str(error), name)] += 1
        slowest = max(slowest, (round(time.perf_counter() - began, 2), name))
        if client._worker._process:
            workers.add(client._worker._process.pid)
    return {
        "files": count,
        "outcomes": dict(outcomes),
        "read by format": dict(formats),
        "errors": dict(reasons.most_common(25)),
        "worker processes": len(workers),
        "of them replaced by plan (500 files each)": count // client._FILES_PER_WORKER,
        "slowest file, seconds": slowest,
        "minutes": round((time.perf_counter() - started) / 60, 2),
        "peak memory MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "peak memory of a worker MB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
    }


def end_to_end(count: int, seed: int) -> dict[str, Any]:
    """Files as a user adds them; then every passage and answer is held against its document."""
    chance, files = random.Random(seed), seeds()
    stored = failed = spans = pictures = 0
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        with spanwise.open(data, embedder=HashEmbedder(), reader=ScriptedReader({"When?": "1884"})) as collection:
            for number in range(count):
                name = list(files)[number % len(files)]
                file = Path(folder, f"{number}-{name}")
                file.write_bytes(changed(files[name], chance))
                try:
                    result = collection.add(file)
                except SpanwiseError:
                    failed += 1
                    continue
                stored += 1
                for info in result.documents:
                    document = collection.document(info.id)
                    if document.pages:
                        with suppress(SpanwiseError):
                            pictures += bool(collection.page_image(info.id, 1, Span(0, min(9, len(document.text)))))
            for question in ("When?", "ships sail", "Köln 🎉"):
                for hit in collection.search(question, 100, merge=False):
                    assert hit.span.of(collection.document(hit.document.id).text) == hit.text
                    spans += 1
                for answer in collection.ask(question, 20).answers:
                    assert answer.span.of(collection.document(answer.document.id).text) == answer.text
                    spans += 1
    return {"files": count, "stored": stored, "refused": failed, "spans checked": spans, "pages drawn": pictures}


def check(source: Source) -> None:
    """Everything in the layout lies inside the text, in order."""
    layout, length = source.layout or Layout(), len(source.text)
    for one in (*layout.blocks, *layout.lines, *layout.tables):
        assert 0 <= one.start < one.end <= length
    for ranges in (layout.excluded, layout.unbroken, layout.together):
        before = 0
        for span in ranges:
            assert before <= span.start <= span.end <= length
            before = span.end
    for heading in layout.headings:
        assert 0 <= heading.start <= length


def reason(error: str, name: str) -> str:
    """An error without what is particular to one file."""
    words = re.sub(r"[:;(,].*|'.*?'|\d[\d.,]*", "…", error.replace(name, "FILE"))
    return words.partition(". ")[0][:80]


def changed(data: bytes, chance: random.Random) -> bytes:
    """A mutation of a file; of most archives, one of a member under sound checksums, or nothing would be parsed."""
    if not data.startswith(b"PK") or chance.random() < 0.3:
        return mutated(data, chance)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    names = [name for name in members if members[name]]
    body = [name for name in names if name.endswith(("document.xml", ".xhtml", ".html", ".opf"))]
    name = chance.choice(body if body and chance.random() < 0.7 else names)
    member = members[name]
    members[name] = mutated(member if isinstance(member, bytes) else member.encode(), chance)
    return zipped(members)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """`data` with bytes new, cut off, repeated, removed or put in."""
    new = bytearray(data)
    way, place = chance.random(), chance.randrange(len(new))
    if way < 0.3:
        for _ in range(chance.choice((1, 3, 10, 100))):
            new[chance.randrange(len(new))] = chance.randrange(256)
    elif way < 0.5:
        del new[place:]
    elif way < 0.7:
        new[place:place] = data[place : place + chance.randrange(1, 200)] * chance.choice((1, 5, 200))
    elif way < 0.85:
        del new[place : place + chance.randrange(1, 400)]
    else:
        new[place:place] = chance.randbytes(chance.randrange(1, 50))
    return bytes(new)


def seeds() -> dict[str, bytes]:
    """A small sound file of every format; PDF with and without compressed streams."""
    page = (
        f"<html><body><h1>Head</h1><p>{WORDS}</p><table><tr><th>a</th></tr><tr><td>1</td></tr></table><pre>x\ny</pre>"
    )
    container = '<container><rootfiles><rootfile full-path="p.opf"/></rootfiles></container>'
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="a" href="a.xhtml" '
        'media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>'
    )
    mail = (
        "From: a\nSubject: =?utf-8?q?x?=\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
        "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\nPHA+aGk8L3A+\n--b\n"
        "Content-Disposition: attachment; filename=a.csv\n\ntext,b\nhello,1\n--b--\n"
    )
    docx = made_docx()
    return {
        "a.pdf": made_pdf(compressed=False),
        "b.pdf": made_pdf(compressed=True),
        "a.docx": docx,
        "a.epub": zipped({"META-INF/container.xml": container, "p.opf": package, "a.xhtml": page}),
        "a.zip": zipped({"a.txt": WORDS, "b.html": page, "c.docx": docx}),
        "a.html": page.encode(),
        "a.eml": mail.encode(),
        "a.csv": f'id,text,n\n1,{WORDS.replace(",", "")},3\n2,"more\nwords",4\n'.encode(),
        "a.jsonl": f'{{"id": 1, "text": "{WORDS}"}}\n{{"id": 2, "text": "more"}}\n'.encode(),
        "a.json": f'{{"data": [{{"id": 1, "text": "{WORDS}", "k": [1, {{"z": 2}}]}}]}}'.encode(),
        "a.md": f"# Head\n\n{WORDS}\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode\n```\n".encode(),
        "a.txt": WORDS.encode("cp1252", "ignore"),
    }


def zipped(members: dict[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def made_docx() -> bytes:
    import docx

    document = docx.Document()
    document.add_heading("Head", 1)
    document.add_paragraph(WORDS)
    document.add_paragraph("One", style="List Bullet")
    table = document.add_table(2, 2)
    table.cell(0, 0).text = "a"
    table.cell(1, 1).text = "b"
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def made_pdf(*, compressed: bool) -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    stream = io.BytesIO()
    canvas = Canvas(stream, pageCompression=int(compressed))
    for page in range(3):
        for line in range(20):
            canvas.drawString(50, 800 - 14 * line, f"Line {line} of page {page}. The bridge opened in 1884.")
        canvas.bookmarkPage(str(page))
        canvas.addOutlineEntry(f"Part {page}", str(page), 0)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


if __name__ == "__main__":
    main()
