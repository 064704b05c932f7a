"""HTML with lxml: our own walk, because only a walk knows which element each character comes from.

Extractors such as trafilatura rebuild the page and lose that. libxml2's HTML parser reads no external entity and
expands none, and it bounds the depth of the tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lxml import etree
from lxml.html import HTMLParser

from ...errors import SourceError
from ..loading import decoded, id_of_path
from ..records import MetadataValue, Source
from .building import TextBuilder, one_line, visible
from .names import posix

Element = Any  # lxml's own types do not say what a walk yields

_BREAK = "\ue000"
_UNSEEN = frozenset(
    "script style noscript template svg math iframe object canvas audio video select button input textarea head "
    "datalist dialog map".split()
)
_AROUND = frozenset(("nav", "aside"))
_AROUND_ROLES = frozenset("navigation banner contentinfo search complementary menu menubar dialog".split())
_AROUND_NAMES = frozenset(
    "navbar navigation navigational navheader navfooter sidebar sphinxsidebar breadcrumb breadcrumbs cookie cookies "
    "headerlink skip skiplink related advert ads advertisement social share newsletter pagination prevnext "
    "linenos".split()
)
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure footer form "
    "h1 h2 h3 h4 h5 h6 header hr html legend li main nav ol p pre section summary table tbody tfoot thead tr ul".split()
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_TIGHT = frozenset(("li", "dd"))
_VOID = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
_SELF_CLOSED = re.compile(rf"<(?!(?:{_VOID})\b)([a-zA-Z][\w:-]*)(\s[^<>]*?)?/>")
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w.:-]+)", re.I)
_XML_CHARSET = re.compile(rb"<\?xml[^>]{0,100}encoding\s*=\s*[\"']([\w.:-]+)", re.I)


@dataclass(frozen=True, slots=True)
class Page:
    """A parsed page: its title and what its head says of it."""

    root: Element
    title: str | None
    metadata: dict[str, MetadataValue]


def html_source(data: bytes, name: str, encoding: str | None, keep_all: bool) -> Source:
    """The Source of a web page: its main text, or with `keep_all` everything that is shown. Raises SourceError."""
    markup, found = html_text(data, name, encoding)
    page = parse_page(markup, name)
    builder = TextBuilder()
    walk(page.root, builder, keep_all=keep_all)
    if not len(builder) and not keep_all:
        walk(page.root, builder, keep_all=True)
    return builder.source(
        id_of_path(posix(name)), name, "text/html", title=page.title, metadata=page.metadata, encoding=found
    )


def html_text(data: bytes, name: str, encoding: str | None) -> tuple[str, str]:
    """The markup and the encoding it was in: given, marked, declared, UTF-8, or guessed; else Windows-1252, as
    browsers do."""
    declared = _CHARSET.search(data[:4096]) or _XML_CHARSET.match(data)
    stated = declared[1].decode("ascii", "replace") if declared else None
    if stated and stated.lower() in ("iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii"):
        stated = "cp1252"
    if encoding is not None:
        return decoded(data, name, encoding)
    for attempt in ("utf-8", stated, None):  # what is sound UTF-8 is UTF-8, whatever it declares
        with suppress(SourceError):
            if attempt != "utf-8" or b"\0" not in data:
                return decoded(data, name, attempt)
    if b"\0" in data:
        raise SourceError(f"{name} is not HTML: it holds zero bytes.", subject=name, way_out="Check the file.")
    return data.decode("cp1252", "replace"), "cp1252"


def parse_page(markup: str, name: str) -> Page:
    """The tree of a page. Raises SourceError when there is none."""
    if "/>" in markup:  # XHTML: an HTML parser takes <title/> for an opening tag
        markup = _SELF_CLOSED.sub(r"<\1\2></\1>", markup)
    parser = HTMLParser(encoding="utf-8", huge_tree=False)
    try:
        root = etree.fromstring(visible(markup).encode("utf-8"), parser)
    except (etree.LxmlError, ValueError) as error:
        raise SourceError(f"{name} cannot be read as HTML.", subject=name, way_out="Check the file.") from error
    if root is None:
        raise SourceError(f"{name} holds no text.", subject=name, way_out="Leave it out.")
    titles = [one_line("".join(one.itertext())) for one in root.iter("title", "h1")]
    return Page(root, next((title for title in titles if title), None), _metadata(root))


def walk(root: Element, builder: TextBuilder, *, keep_all: bool, part: str = "") -> None:
    """Add what a page shows to `builder`. Elements are named `part#xpath`, without a part by XPath alone."""
    _Walk(root, builder, keep_all, part).run()


def parse_xml(data: bytes, name: str) -> Element:
    """The root of an XML document, with no entity expanded and nothing fetched. Raises SourceError."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)
    try:
        root = etree.fromstring(data, parser)
    except (etree.LxmlError, ValueError) as error:
        raise SourceError(f"{name} is not sound XML.", subject=name, way_out="Check the file.") from error
    if root is None:
        raise SourceError(f"{name} is not sound XML.", subject=name, way_out="Check the file.")
    return root


class _Walk:
    def __init__(self, root: Element, builder: TextBuilder, keep_all: bool, part: str) -> None:
        self._start = root if keep_all else _main_of(root)
        self._paths = [root.getroottree().getpath(self._start)]
        self._counts: list[dict[str, int]] = [{}]  # lxml's getpath counts siblings anew each time
        self._builder = builder
        self._keep_all = keep_all
        self._whole = sum(len(text) for text in self._start.itertext()) or 1
        self._part = f"{part}#" if part else ""
        self._pieces: list[str] = []
        self._blocks: list[tuple[Element, str]] = [(self._start, self._paths[0])]
        self._lists: list[int | None] = []
        self._item = ""

    def run(self) -> None:
        walker = etree.iterwalk(self._start, events=("start", "end", "comment", "pi"))
        for event, element in walker:
            if event in ("comment", "pi"):
                self._tail(element)
                continue
            if event == "start" and element is not self._start:
                number = self._counts[-1].get(element.tag, 0) + 1
                self._counts[-1][element.tag] = number
                self._paths.append(f"{self._paths[-1]}/{element.tag}[{number}]")
                self._counts.append({})
            if event == "start":
                if self._skipped(element) or self._whole_element(element):
                    walker.skip_subtree()  # its end is still reported
                else:
                    self._open(element)
            elif element is not self._start:
                if element is self._blocks[-1][0]:
                    self._flush()
                    self._blocks.pop()
                    if element.tag in ("ul", "ol"):
                        self._lists.pop()
                        if not self._lists:
                            self._builder.end_list()
                self._paths.pop()
                self._counts.pop()
                self._tail(element)
        self._flush()

    def _open(self, element: Element) -> None:
        if element.tag in _BLOCKS and element is not self._start:
            self._flush()
            self._blocks.append((element, self._paths[-1]))
            if element.tag in ("ul", "ol"):
                if not self._lists:
                    self._builder.begin_list()
                self._lists.append(0 if element.tag == "ol" else None)
            elif element.tag == "li":
                self._item = self._mark()
        elif element.tag == "br":
            self._pieces.append(_BREAK)
        if element.text:
            self._pieces.append(element.text)

    def _tail(self, element: Element) -> None:
        if element.tail and element is not self._start:
            self._pieces.append(element.tail)

    def _mark(self) -> str:
        if not self._lists or self._lists[-1] is None:
            return "- "
        self._lists[-1] += 1
        return f"{self._lists[-1]}. "

    def _flush(self) -> None:
        lines = (one_line(line) for line in "".join(self._pieces).split(_BREAK))
        self._pieces.clear()
        text = "\n".join(line for line in lines if line)
        if not text:
            return
        block, path = self._blocks[-1]
        gap = "\n" if block.tag in _TIGHT or self._item else "\n\n"
        text, self._item = self._item + text, ""
        self._builder.add(text, element=self._part + path, level=_HEADINGS.get(block.tag), gap=gap)

    def _whole_element(self, element: Element) -> bool:
        """Adds elements that are taken as a whole: code and rows of tables."""
        if element.tag == "pre":
            self._flush()
            text = visible("".join(element.itertext())).replace("\r\n", "\n").replace("\r", "\n")
            self._builder.add_lines(text.expandtabs(8).split("\n"), element=self._part + self._paths[-1])
            return True
        if element.tag == "tr" and next(element.iter("table", "pre", "h1", "h2", "h3", "ul", "ol"), None) is None:
            cells = [one_line("".join(_shown(cell))) for cell in element if cell.tag in ("td", "th")]
            if sum(map(len, cells)) > 3_000:
                return False
            self._flush()
            table = element.getparent()
            first = element.getprevious() is None and (table.tag == "table" or table.getprevious() is None)
            named = table.tag == "thead" or (first and all(cell.tag != "td" for cell in element))
            self._builder.add_row(cells, element=self._part + self._paths[-1], first=first, names_columns=named)
            return True
        return False

    def _skipped(self, element: Element) -> bool:
        tag = element.tag
        if element is self._start:
            return False
        if tag in _UNSEEN or not isinstance(tag, str):
            return True
        if "hidden" in element.attrib or "display:none" in element.get("style", "").replace(" ", ""):
            return True
        if self._keep_all:
            return False
        around = tag in _AROUND or element.get("role") in _AROUND_ROLES
        if not around and tag in ("header", "footer") and self._start.tag == "body":
            outside = all(one.tag not in ("article", "main", "section") for one in element.iterancestors())
            around = outside and next(element.iter("h1"), None) is None
        if not around and tag in _BLOCKS | {"a", "td"}:
            names = re.split(r"[\s_-]+", f"{element.get('class', '')} {element.get('id', '')}".lower())
            around = any(name in _AROUND_NAMES or name.endswith("nav") for name in names)
        if around and tag != "nav" and _in_the_text(element):
            return False
        # What holds most of the page is not around it, whatever it is called.
        return around and sum(len(text) for text in element.itertext()) < self._whole / 2


def _in_the_text(element: Element) -> bool:
    """Whether `element` is a box in the running text: an aside between paragraphs, with more words than links."""
    names = (element.tag, element.get("role"), *element.get("class", "").lower().split())
    if not {"aside", "complementary", "sidebar"}.intersection(names) or element.getparent().find("p") is None:
        return False
    linked = sum(len("".join(link.itertext())) for link in element.iter("a"))
    return linked * 2 < sum(len(text) for text in element.itertext())


def _main_of(root: Element) -> Element:
    body = root.find("body") if root.tag == "html" else None
    body = root if body is None else body
    whole = sum(len(text.strip()) for text in body.itertext())
    for found in (body.findall(".//main"), body.findall(".//*[@role='main']"), body.findall(".//article")):
        if len(found) == 1 and sum(len(text.strip()) for text in found[0].itertext()) > whole * 0.2:
            return found[0]
    return body


def _shown(cell: Element) -> Iterator[str]:
    """The words of a table cell in order: inline elements join without a gap, blocks with one."""
    yield cell.text or ""
    for element in cell:
        gap = " " if element.tag in _BLOCKS or element.tag == "br" else ""
        yield gap
        if isinstance(element.tag, str) and element.tag not in _UNSEEN:
            yield from _shown(element)
        yield gap + (element.tail or "")


_META = {
    "author": ("author", "dc.creator", "dcterms.creator", "article:author", "citation_author"),
    "created": ("date", "dc.date", "dcterms.created", "article:published_time", "citation_publication_date"),
    "modified": ("article:modified_time", "dcterms.modified", "last-modified"),
    "language": ("dc.language", "og:locale"),
    "description": ("description", "og:description", "dc.description"),
}


def _metadata(root: Element) -> dict[str, MetadataValue]:
    stated: dict[str, str] = {}
    for meta in root.iter("meta"):
        key = (meta.get("name") or meta.get("property") or meta.get("http-equiv") or "").lower()
        if key and meta.get("content", "").strip():
            stated.setdefault(key, one_line(meta.get("content"))[:500])
    found: dict[str, MetadataValue] = {}
    for name, keys in _META.items():
        value = next((stated[key] for key in keys if key in stated), None)
        if value:
            found[name] = value
    if language := root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang"):
        found["language"] = language[:35]
    if "created" not in found:
        time = next((one.get("datetime") for one in root.iter("time") if one.get("datetime")), None)
        if time:
            found["created"] = time[:40]
    return found
