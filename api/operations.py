"""The views about the service and its collections: ready, metrics, status, and the list of collections."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from flask import Response, current_app, request

from .. import __version__
from ..errors import NotFoundError
from ..index import managing
from . import request_schema, response_schema, uploads
from .fields import settings
from .jobs import POLL_SECONDS, Job, job_json, running_jobs
from .observing import metrics
from .problems import documented
from .routes import collection, collections, service, v1
from .security import caller, enter_collection
from .serialise import stored_json

Json = dict[str, Any]


@service.get("/readyz")
@service.output(response_schema.ReadyOut)
@service.doc(operation_id="ready", tags=["Service"], responses=documented(409, 500, 503))
def ready() -> Json:
    """Whether questions can be answered

    Loads the models and opens the default collection where that was not done yet. `generation` is null while there is
    no default collection.
    """
    return {"status": "ready", "version": __version__, "generation": collections().warm()}


@service.get("/identity")
@service.input(request_schema.IdentityQuery, location="query", arg_name="query")
@service.output(response_schema.IdentityOut)
@service.doc(operation_id="identify", tags=["Service"], responses=documented(404, 422, 500))
def identify(query: request_schema.IdentityQuery) -> Json:
    """Prove which server this is

    To a program that may read `server.json` in the data folder: an HMAC of its nonce under the secret that stands
    there. 404 where the server has not left one.
    """
    running = current_app.extensions.get("spanwise.running")
    if running is None:
        raise NotFoundError("This server has not announced itself.", way_out="Use its address.")
    return {"proof": running.proof(query.nonce, settings().data)}


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
@v1.input(request_schema.CollectionQuery, location="query", arg_name="query")
@v1.output(response_schema.StatusOut)
@v1.doc(operation_id="status", tags=["Collections"], responses=documented(404, 409, 422, 500, 503))
def status(query: request_schema.CollectionQuery) -> Json:
    """What a collection holds and which models it uses"""
    found = collection(query.collection).status()
    said = {name: getattr(found, name) for name in response_schema.StatusOut.model_fields}
    shown = response_schema.WorkOut.model_fields  # not the folders of the server
    said["pending"] = [{name: getattr(work, name) for name in shown} for work in found.pending]
    for model in ("embedding_model", "reader"):  # one that was given by path is told by its folder's name
        said[model] = PurePath(said[model]).name if PurePath(said[model]).is_absolute() else said[model]
    return said


@v1.post("/files")
@v1.input(request_schema.UploadQuery, location="query", arg_name="query")
@v1.output(response_schema.StoredOut, status_code=201)
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
def upload_files(query: request_schema.UploadQuery) -> Json | Response:
    """Store files of every format that is read

    One or more fields `file` of multipart/form-data; a file whose id exists replaces the document. The id is the file's
    name, with what ids do not allow written as `~` and two hexadecimal digits; what an archive, a mail or a table holds
    has ids that begin with it. Small uploads are stored at once, all of them or none. Larger ones answer 202 with a
    job, which `Location` names.
    """
    enter_collection(query.collection)
    if managing.exists(settings().data, query.collection):
        collections().get(query.collection)  # one that cannot be opened is told now, not of a job
    files = uploads.received(request.files.getlist("file"), settings())
    if sum(len(file.data) for file in files) > settings().job_bytes:
        return _job_response(running_jobs().submit(query.collection, files, query.options()), 202)
    return stored_json(uploads.store(collections(), query.collection, files, query.options(), settings()))


@v1.get("/jobs/<string:job_id>")
@v1.output(response_schema.JobOut)
@v1.doc(operation_id="get_job", tags=["Documents"], responses=documented(404, 500, 503))
def get_job(job_id: str) -> Response:
    """How far an upload is

    While it is not finished, `Retry-After` says when to ask again.
    """
    job = running_jobs().get(job_id)
    enter_collection(job.collection)
    return _job_response(job, 200)


@v1.delete("/jobs/<string:job_id>")
@v1.output(response_schema.JobOut)
@v1.doc(operation_id="cancel_job", tags=["Documents"], responses=documented(404, 500, 503))
def cancel_job(job_id: str) -> Response:
    """Cancel an upload

    What was stored already stays.
    """
    enter_collection(running_jobs().get(job_id).collection)
    return _job_response(running_jobs().cancel(job_id), 200)


def _job_response(job: Job, status: int) -> Response:
    response = current_app.json.response(job_json(job))
    response.status_code = status
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    if not job.finished:
        response.headers["Retry-After"] = str(POLL_SECONDS)
    assert isinstance(response, Response)
    return response
