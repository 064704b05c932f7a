"""The views about the service and its collections: ready, metrics, status, and the list of collections."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from flask import Response, current_app, request

from .. import __version__
from ..index.storage import collections as names_of_collections
from . import schema, uploads
from .fields import settings
from .jobs import POLL_SECONDS, Job, Jobs, job_json
from .keys import Scope
from .observing import metrics
from .problems import documented
from .routes import collection, collections, service, v1
from .security import caller, enter_collection
from .serialise import stored_json

Json = dict[str, Any]

__all__ = ["service", "v1"]


@service.get("/readyz")
@service.output(schema.ReadyOut)
@service.doc(operation_id="ready", tags=["Service"], responses=documented(409, 500, 503))
def ready() -> Json:
    """Whether questions can be answered

    Loads the models and opens the default collection where that was not done yet. `generation` is null while there is
    no default collection.
    """
    return {"status": "ready", "version": __version__, "generation": collections().warm()}


@service.get("/metrics")
@service.doc(
    operation_id="metrics",
    tags=["Service"],
    responses={
        200: {
            "description": "Prometheus' text format",
            "content": {
                "text/plain": {
                    "schema": {"type": "string"},
                    "examples": {"one": {"value": "spanwise_requests_running 1.0\n"}},
                }
            },
        },
        **documented(500),
    },
)
def show_metrics() -> Response:
    """Counters for Prometheus

    Needs an admin key that opens every collection.
    """
    caller().require_everything()
    return Response(metrics().text(), content_type="text/plain; version=0.0.4; charset=utf-8")


@v1.get("/status")
@v1.input(schema.CollectionQuery, location="query", arg_name="query")
@v1.output(schema.StatusOut)
@v1.doc(operation_id="status", tags=["Collections"], responses=documented(404, 409, 422, 500, 503))
def status(query: schema.CollectionQuery) -> Json:
    """What a collection holds and which models it uses"""
    found = collection(query.collection).status()
    said = {name: getattr(found, name) for name in schema.StatusOut.model_fields}
    for model in ("embedding_model", "reader"):  # one that was given by path is told by its folder's name
        said[model] = PurePath(said[model]).name if PurePath(said[model]).is_absolute() else said[model]
    return said


@v1.get("/collections")
@v1.output(schema.CollectionsOut)
@v1.doc(operation_id="list_collections", tags=["Collections"], responses=documented(500, 503))
def list_collections() -> Json:
    """The collections that the caller may read"""
    asks = caller()
    names = [name for name in names_of_collections(settings().data) if asks.may(name)]
    listed = [{"name": name, "public": asks.access.grant(name) is not None} for name in names]
    return {"collections": listed, "scope": (asks.scope or Scope.READ).name.lower()}


@v1.put("/collections/<string:name>")
@v1.output(schema.CollectionOut)
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
    known = name in names_of_collections(settings().data)
    collection(name, create=True)
    return {"name": name, "public": caller().access.grant(name) is not None}, 200 if known else 201


@v1.post("/files")
@v1.input(schema.UploadQuery, location="query", arg_name="query")
@v1.output(schema.StoredOut, status_code=201)
@v1.doc(
    operation_id="upload_files",
    tags=["Documents"],
    responses={
        202: {
            "description": "Kept, and stored one after the other",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobOut"}}},
        },
        **documented(409, 413, 422, 500, 503),
    },
)
def upload_files(query: schema.UploadQuery) -> Json | Response:
    """Store files of every format that is read

    One or more fields `file` of multipart/form-data; a file whose id exists replaces the document. The id is the file's
    name, with what ids do not allow written as `~` and two hexadecimal digits; what an archive, a mail or a table holds
    has ids that begin with it. Small uploads are stored at once, all of them or none. Larger ones answer 202 with a
    job, which `Location` names.
    """
    target = collection(query.collection, create=True)
    files = uploads.received(request.files.getlist("file"), settings())
    if sum(len(file.data) for file in files) > settings().job_bytes:
        return _job_response(jobs().submit(query.collection, files, query.options()), 202)
    return stored_json(uploads.store(target, files, query.options(), settings()))


@v1.get("/jobs/<string:job_id>")
@v1.output(schema.JobOut)
@v1.doc(operation_id="get_job", tags=["Documents"], responses=documented(404, 500, 503))
def get_job(job_id: str) -> Response:
    """How far an upload is

    While it is not finished, `Retry-After` says when to ask again.
    """
    job = jobs().get(job_id)
    enter_collection(job.collection)
    return _job_response(job, 200)


@v1.delete("/jobs/<string:job_id>")
@v1.output(schema.JobOut)
@v1.doc(operation_id="cancel_job", tags=["Documents"], responses=documented(404, 500, 503))
def cancel_job(job_id: str) -> Response:
    """Cancel an upload

    What was stored already stays.
    """
    enter_collection(jobs().get(job_id).collection)
    return _job_response(jobs().cancel(job_id), 200)


def jobs() -> Jobs:
    """The jobs of the running application."""
    found = current_app.extensions["spanwise.jobs"]
    assert isinstance(found, Jobs)
    return found


def _job_response(job: Job, status: int) -> Response:
    response = current_app.json.response(job_json(job))
    response.status_code = status
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    if not job.finished:
        response.headers["Retry-After"] = str(POLL_SECONDS)
    assert isinstance(response, Response)
    return response
