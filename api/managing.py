"""The views of whole collections: list, make, rename, drop."""

from __future__ import annotations

from typing import Any

from flask import current_app

from ..errors import CollectionExistsError
from ..index.storage import collections as names_of_collections
from . import request_schema, response_schema
from .fields import settings
from .jobs import running_jobs
from .keys import KeyFile, Scope
from .problems import documented
from .routes import collections, v1
from .security import caller, enter_collection

Json = dict[str, Any]


@v1.get("/collections")
@v1.output(response_schema.CollectionsOut)
@v1.doc(operation_id="list_collections", tags=["Collections"], responses=documented(500, 503))
def list_collections() -> Json:
    """The collections that the caller may read"""
    asks = caller()
    names = [name for name in names_of_collections(settings().data) if asks.may(name)]
    return {"collections": [_collection(name) for name in names], "scope": (asks.scope or Scope.READ).name.lower()}


@v1.post("/collections")
@v1.input(request_schema.CollectionRequest, arg_name="body")
@v1.output(response_schema.CollectionOut, status_code=201)
@v1.doc(operation_id="create_collection", tags=["Collections"], responses=documented(400, 409, 413, 415, 422, 500, 503))
def create_collection(body: request_schema.CollectionRequest) -> Json:
    """Make a collection that does not exist yet"""
    enter_collection(body.name)
    collections().make(body.name)
    return _collection(body.name)


@v1.put("/collections/<string:name>")
@v1.output(response_schema.CollectionOut)
@v1.doc(
    operation_id="make_collection",
    tags=["Collections"],
    responses={
        201: {
            "description": "Made",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/CollectionOut"}}},
        },
        **documented(409, 422, 500, 503),
    },
)
def make_collection(name: str) -> tuple[Json, int]:
    """Make a collection, unless it exists"""
    enter_collection(name)
    try:
        collections().make(name)
    except CollectionExistsError:
        return _collection(name), 200
    return _collection(name), 201


@v1.patch("/collections/<string:name>")
@v1.input(request_schema.CollectionRequest, arg_name="body")
@v1.output(response_schema.CollectionOut)
@v1.doc(
    operation_id="rename_collection",
    tags=["Collections"],
    responses=documented(400, 404, 409, 413, 415, 422, 500, 503),
)
def rename_collection(name: str, body: request_schema.CollectionRequest) -> Json:
    """Give a collection another name

    What keys and public grants say of it goes with it.
    """
    enter_collection(name)
    enter_collection(body.name)
    collections().rename(name, body.name)
    _keys().rename_collection(name, body.name)
    return _collection(body.name)


@v1.delete("/collections/<string:name>")
@v1.doc(
    operation_id="drop_collection",
    tags=["Collections"],
    responses={204: "The collection is gone", **documented(404, 422, 500, 503)},
)
def drop_collection(name: str) -> tuple[str, int]:
    """Delete a collection with everything in it

    Uploads that wait to be stored in it are cancelled, and its public grant is withdrawn. Keys bound to its name stay,
    and open a new collection of that name.
    """
    enter_collection(name)
    running_jobs().cancel_all(name)
    collections().drop(name)
    _keys().forget_collection(name)
    return "", 204


def _collection(name: str) -> Json:
    return {"name": name, "public": _keys().read().grant(name) is not None}


def _keys() -> KeyFile:
    found = current_app.extensions["spanwise.keys"]
    assert isinstance(found, KeyFile)
    return found
