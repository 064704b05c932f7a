"""The documentation names every address, scope and setting, and none that is not there."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from apiflask import APIFlask

from spanwise import Settings
from spanwise.api.security import OPEN, SCOPES

DOCS = Path(__file__).parents[2] / "docs"


def test_http_names_every_address_and_its_scope(app: APIFlask) -> None:
    rows = re.findall(r"^\| `([A-Z]+) ([^`]+)` \| (\w+) \|", (DOCS / "http.md").read_text("utf-8"), re.MULTILINE)
    said = {(method, address): scope for method, address, scope in rows}
    true = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)): (
            "open" if rule.endpoint in OPEN else SCOPES[rule.endpoint].name.lower()
        )
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule not in ("/docs", "/openapi.json", "/static/<name>")
    }
    assert said == true


def test_operations_names_every_setting_and_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:`([^`]*)` \||([^|`]*)\|)", (DOCS / "operations.md").read_text("utf-8"), re.M)
    said = {name: (quoted or plain).strip() for name, quoted, plain in rows}
    assert said == {field.name: str(field.default) for field in fields(Settings)}
