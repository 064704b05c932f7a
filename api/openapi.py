"""The last touches to the OpenAPI document that APIFlask makes from the routes and schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .fields import COLLECTION_PATTERN
from .problems import documented
from .response_schema import Problem

Json = dict[str, Any]

UPLOAD = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}},
    "examples": [{"file": ["handbook.md"]}],
}
PATH_PARAMETERS: dict[str, tuple[str, Json]] = {
    "id": ("The document's id. It may hold `/`, sent as it is or as `%2F`.", {"maxLength": 512}),
    "page": ("The number of the page, from 1.", {"minimum": 1}),
    "name": ("The collection's name.", {"maxLength": 64, "pattern": COLLECTION_PATTERN}),
    "job_id": ("The job's id.", {"maxLength": 32}),
}


def finish(document: Json | str) -> Json:
    """`document` with one component for each model, problems, required bodies and described parameters."""
    assert isinstance(document, dict)  # a string would be YAML, which is not asked for
    schemas = document["components"]["schemas"]
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/Problem.{model}")
    for name, nested in schemas["Problem"].pop("$defs").items():
        schemas[f"Problem.{name}"] = nested
    document["components"]["schemas"] = {_plain(name): schemas[name] for name in sorted(schemas, key=_plain)}
    for node in _objects(document):
        if isinstance(reference := node.get("$ref"), str):
            prefix, _, name = reference.rpartition("/")
            node["$ref"] = f"{prefix}/{_plain(name)}"
    _secure(document)
    for operation in operations(document):
        if "requestBody" in operation:
            operation["requestBody"]["required"] = True
        for parameter in operation.get("parameters", []):
            _describe(parameter)
    return document


def _secure(document: Json) -> None:
    """Says which operations want a key, and adds what they answer where it is missing or too weak."""
    document["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "A key made with `spanwise keys create`."}
    }
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if path.startswith("/v1/") or path == "/metrics":
                operation["security"] = [{"key": []}, {}]  # none is needed on loopback and for public collections
                operation["responses"] |= {str(key): value for key, value in documented(401, 403, 429, 503).items()}
                operation["responses"] = dict(sorted(operation["responses"].items()))
    document["paths"]["/v1/files"]["post"]["requestBody"] = {"content": {"multipart/form-data": {"schema": UPLOAD}}}


def operations(document: Json) -> Iterator[Json]:
    """Every operation of the document."""
    for path in document["paths"].values():
        yield from path.values()


def _plain(name: str) -> str:
    """`AskResponse.SpanOut`, as nested models are called, without the model it was found in."""
    return name.rpartition(".")[2]


def _describe(parameter: Json) -> None:
    if parameter["in"] == "path":
        description, limits = PATH_PARAMETERS[parameter["name"]]
        parameter["description"] = description
        parameter["schema"] |= limits
        return
    schema = parameter["schema"]
    if "description" in schema:
        parameter["description"] = schema.pop("description")
    if "anyOf" in schema:  # absent is how a query says null
        parameter["schema"] = schema["anyOf"][0]


def _objects(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value)
