"""Headings of reStructuredText files as `layout_rst` finds them, held against those of docutils.

pip install docutils && python benchmarks/rst_headings.py FOLDER...
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from spanwise.index.layout_rst import rst_layout

Headings = list[tuple[int, str]]


def by_docutils(text: str, name: str) -> Headings:
    """Level and words of every section. Directives and roles that docutils does not know keep their marks."""
    nodes: Any = import_module("docutils.nodes")
    parser: Any = import_module("docutils.parsers.rst").Parser
    settings = import_module("docutils.frontend").get_default_settings(parser)
    settings.report_level, settings.halt_level, settings.file_insertion_enabled = 5, 6, False
    document = import_module("docutils.utils").new_document(name, settings)
    parser().parse(text, document)

    def below(node: Any, level: int) -> Headings:
        found: Headings = []
        for child in node.children:
            if isinstance(child, nodes.section):
                found.append((level, " ".join(child.next_node(nodes.title).astext().split())))
                found.extend(below(child, level + 1))
        return found

    return below(document, 1)


def main() -> None:
    files = sorted({file for folder in sys.argv[1:] for file in Path(folder).rglob("*.rst")})
    same = headings = characters = 0
    seconds = 0.0
    for file in files:
        text = file.read_bytes().decode("utf-8-sig")
        started = time.process_time()
        found = [(one.level, " ".join(one.text.split())) for one in rst_layout(text).headings]
        seconds += time.process_time() - started
        expected = by_docutils(text, str(file))
        headings += len(expected)
        characters += len(text)
        same += found == expected
        if found != expected:
            odd = [(ours, theirs) for ours, theirs in zip(found, expected, strict=False) if ours != theirs]
            sys.stdout.write(f"{file.name}: {len(found)} and {len(expected)}, first {odd[:1]}\n")
    sys.stdout.write(
        f"{len(files):,} files, {characters:,} characters, {headings:,} headings; the same in {same:,} files\n"
    )
    sys.stdout.write(f"{seconds:.2f} s of processor time\n")


if __name__ == "__main__":
    main()
