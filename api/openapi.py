"""The last touches to the OpenAPI document that APIFlask makes from the routes and schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .schema import Problem

Json = dict[str, Any]

ID_DESCRIPTION = "The document's id. It may hold `/`, sent as it is or as `%2F`."


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
    for operation in operations(document):
        if "requestBody" in operation:
            operation["requestBody"]["required"] = True
        for parameter in operation.get("parameters", []):
            _describe(parameter)
    return document


def operations(document: Json) -> Iterator[Json]:
    """Every operation of the document."""
    for path in document["paths"].values():
        yield from path.values()


def _plain(name: str) -> str:
    """`AskResponse.SpanOut`, as nested models are called, without the model it was found in."""
    return name.rpartition(".")[2]


def _describe(parameter: Json) -> None:
    if parameter["in"] == "path":
        parameter["description"] = ID_DESCRIPTION
        parameter["schema"]["maxLength"] = 512
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
