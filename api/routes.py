"""The views: parse, one call of the engine, answer. Errors raise; `problems` turns them into responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apiflask import APIBlueprint
from flask import Response, current_app
from werkzeug.routing import BaseConverter

from .. import __version__
from ..index.records import Source
from ..qa.collection import Collection
from . import request_schema, response_schema
from .limits import within_time
from .observing import metrics
from .open_collections import Collections
from .problems import documented
from .security import enter_collection
from .serialise import ask_json, document_json, document_text_json, hits_json, stored_json, suggestions_json

service = APIBlueprint("service", __name__)
v1 = APIBlueprint("v1", __name__, url_prefix="/v1")

Json = dict[str, Any]


class DocumentIdConverter(BaseConverter):
    """A document id in an address: anything, with slashes in any place."""

    regex = ".+"
    part_isolating = False
    weight = 200


def collection(name: str) -> Collection:
    """The collection of that name. Raises AccessError where the caller may not use it, and as `Collections.get`."""
    enter_collection(name)
    return collections().get(name)


def collection_for(name: str, sources: Sequence[Source]) -> Collection:
    """As `collection`, but one that does not exist yet is made to add `sources` to; see `Collections.get_for`."""
    enter_collection(name)
    return collections().get_for(name, sources)


def collections() -> Collections:
    """The open collections of the running application. They do not ask who calls: views use `collection`."""
    found = current_app.extensions["spanwise"]
    assert isinstance(found, Collections)
    return found


@v1.post("/ask")
@v1.input(request_schema.NoQuery, location="query", arg_name="query")
@v1.input(request_schema.AskRequest, arg_name="body")
@v1.output(response_schema.AskOut)
@v1.doc(operation_id="ask", tags=["Questions"], responses=documented(400, 404, 409, 413, 415, 422, 500, 503))
def ask(query: request_schema.NoQuery, body: request_schema.AskRequest) -> Json:
    """Answer a question from the documents

    Answers are exact words of the documents, best first. Where the documents do not hold the answer, `answerable` is
    false. Several `questions` are answered with a list of `results`.
    """
    target = collection(body.collection)
    questions = body.questions or [body.question]
    results = within_time(lambda: target.ask_many(questions, body.top_k, body.min_probability, where=body.where))
    for result in results:
        metrics().answered(body.collection, result)
    answers = [ask_json(result, timings=body.timings) for result in results]
    return {"results": answers} if body.questions else answers[0]


@v1.post("/search")
@v1.input(request_schema.NoQuery, location="query", arg_name="query")
@v1.input(request_schema.SearchRequest, arg_name="body")
@v1.output(response_schema.SearchResponse)
@v1.doc(operation_id="search", tags=["Questions"], responses=documented(400, 404, 409, 413, 415, 422, 500, 503))
def search(query: request_schema.NoQuery, body: request_schema.SearchRequest) -> Json:
    """Find the passages near a query

    Best first, a page at a time. A filter keeps the search to what it allows and loses nothing of that. A cursor of
    before a change to the collection is refused with 409.
    """
    target = collection(body.collection)
    options = body.model_dump(exclude={"query", "top_k", "collection", "timings"})
    hits = within_time(lambda: target.search(body.query, body.top_k, **options))
    metrics().searched(hits)
    return hits_json(hits, timings=body.timings)


@v1.get("/suggest")
@v1.input(request_schema.SuggestQuery, location="query", arg_name="query")
@v1.output(response_schema.SuggestResponse)
@v1.doc(operation_id="suggest", tags=["Questions"], responses=documented(404, 409, 422, 500, 503))
def suggest(query: request_schema.SuggestQuery) -> Json:
    """Complete what is being typed

    From titles, headings and phrases of the documents; a typing error is forgiven.
    """
    return suggestions_json(collection(query.collection).suggest(query.text, query.limit))


@v1.get("/documents")
@v1.input(request_schema.PageQuery, location="query", arg_name="query")
@v1.output(response_schema.DocumentsOut)
@v1.doc(operation_id="list_documents", tags=["Documents"], responses=documented(404, 409, 422, 500, 503))
def list_documents(query: request_schema.PageQuery) -> Json:
    """List documents

    Ordered by id, a page at a time.
    """
    target = collection(query.collection)
    found = target.documents(after=query.after, limit=query.limit + 1)
    page, more = found[: query.limit], found[query.limit :]
    return {"documents": [document_json(info) for info in page], "next": page[-1].id if more else None}


@v1.post("/documents")
@v1.input(request_schema.CollectionQuery, location="query", arg_name="query")
@v1.input(request_schema.AddDocumentsRequest, arg_name="body")
@v1.output(response_schema.StoredOut, status_code=201)
@v1.doc(operation_id="add_documents", tags=["Documents"], responses=documented(400, 409, 413, 415, 422, 500, 503))
def add_documents(query: request_schema.CollectionQuery, body: request_schema.AddDocumentsRequest) -> Json:
    """Store new documents

    All of them or none. An id that exists is refused with 409: PUT /v1/documents/{id} replaces a document.
    The collection is made if it does not exist.
    """
    sources = body.sources()
    return stored_json(collection_for(query.collection, sources).add(sources, replace=False))


@v1.get("/documents/<id:id>")
@v1.input(request_schema.SliceQuery, location="query", arg_name="query")
@v1.output(response_schema.DocumentTextOut)
@v1.doc(operation_id="get_document", tags=["Documents"], responses=documented(404, 409, 422, 500, 503))
def get_document(id: str, query: request_schema.SliceQuery) -> Json:  # noqa: A002
    """Read a document, or a slice of its text"""
    document = collection(query.collection).document(id)
    return document_text_json(document, query.within(document.info))


@v1.get("/pages/<int:page>/<id:id>")
@v1.input(request_schema.PictureQuery, location="query", arg_name="query")
@v1.doc(
    operation_id="get_page",
    tags=["Documents"],
    responses={
        200: {
            "description": "The page as a picture",
            "content": {
                "image/png": {
                    "schema": {"type": "string", "format": "binary"},
                    "examples": {"start": {"summary": "How a PNG begins", "value": "\u0089PNG\r\n"}},
                }
            },
        },
        **documented(404, 409, 422, 500, 503),
    },
)
def get_page(page: int, id: str, query: request_schema.PictureQuery) -> Response:  # noqa: A002
    """A page of a PDF as a picture

    With what stands of the words from `start` to `end` on it highlighted. Pages count from 1.
    """
    png = collection(query.collection).page_image(
        id, page, query.span or (), width=query.width, content_hash=query.content_hash
    )
    return Response(png, mimetype="image/png")


@v1.get("/originals/<id:id>")
@v1.input(request_schema.CollectionQuery, location="query", arg_name="query")
@v1.doc(
    operation_id="get_original",
    tags=["Documents"],
    responses={
        200: {
            "description": "The bytes of the file",
            "content": {
                "application/octet-stream": {
                    "schema": {"type": "string", "format": "binary"},
                    "examples": {"one": {"value": "The games conclude Feb. 20."}},
                }
            },
        },
        **documented(404, 409, 422, 500, 503),
    },
)
def get_original(id: str, query: request_schema.CollectionQuery) -> Response:  # noqa: A002
    """Read the file that a document came from

    Of an archive or a table it is the whole of it. A document that was sent as text has none.
    """
    data = collection(query.collection).original(id)
    headers = {"Content-Disposition": "attachment"}  # never shown as a page of this server
    return Response(data, content_type="application/octet-stream", headers=headers)


@v1.put("/documents/<id:id>")
@v1.input(request_schema.CollectionQuery, location="query", arg_name="query")
@v1.input(request_schema.DocumentContent, arg_name="body")
@v1.output(response_schema.StoredOut)
@v1.doc(
    operation_id="put_document",
    tags=["Documents"],
    responses={
        201: {
            "description": "Stored as a new document",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/StoredOut"}}},
        },
        **documented(400, 409, 413, 415, 422, 500, 503),
    },
)
def put_document(
    id: str,  # noqa: A002
    query: request_schema.CollectionQuery,
    body: request_schema.DocumentContent,
) -> tuple[Json, int]:
    """Store a document under this id, replacing the one that is there

    Answers 201 for a new document and 200 for a replaced one. The same text again changes nothing.
    """
    source = body.source(id)
    added = collection_for(query.collection, [source]).add(source)
    return stored_json(added), 201 if added.added else 200


@v1.delete("/documents/<id:id>")
@v1.input(request_schema.CollectionQuery, location="query", arg_name="query")
@v1.doc(
    operation_id="delete_document",
    tags=["Documents"],
    responses={204: "The document is gone", **documented(404, 409, 422, 500, 503)},
)
def delete_document(id: str, query: request_schema.CollectionQuery) -> tuple[str, int]:  # noqa: A002
    """Remove a document

    Once this has answered, no search and no answer shows its text.
    """
    collection(query.collection).remove(id)
    return "", 204


@service.get("/healthz")
@service.output(response_schema.HealthOut)
@service.doc(operation_id="health", tags=["Service"], responses=documented(500))
def health() -> Json:
    """Whether the process answers

    Touches neither models nor data.
    """
    return {"status": "ok", "version": __version__}
