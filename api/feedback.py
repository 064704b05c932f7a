"""The views about right and wrong: answers are marked, and the marks become labels to calibrate with."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..qa.labels import label_json, labels_of
from . import request_schema, response_schema
from .problems import documented
from .routes import collection, v1

Json = dict[str, Any]


@v1.post("/feedback")
@v1.input(request_schema.NoQuery, location="query", arg_name="query")
@v1.input(request_schema.FeedbackRequest, arg_name="body")
@v1.output(response_schema.MarkOut, status_code=201)
@v1.doc(operation_id="add_feedback", tags=["Questions"], responses=documented(400, 404, 409, 413, 415, 422, 500, 503))
def add_feedback(query: request_schema.NoQuery, body: request_schema.FeedbackRequest) -> Json:
    """Say whether an answer is right

    Kept with the collection, in the place of an earlier mark on the same words, for `spanwise calibrate`.
    """
    mark = collection(body.collection).mark(
        body.question, body.verdict, document_id=body.document_id, span=body.span, content_hash=body.content_hash
    )
    return asdict(mark)


@v1.get("/labels")
@v1.input(request_schema.CollectionQuery, location="query", arg_name="query")
@v1.output(response_schema.LabelsOut)
@v1.doc(operation_id="list_labels", tags=["Questions"], responses=documented(404, 409, 422, 500, 503))
def list_labels(query: request_schema.CollectionQuery) -> Json:
    """What was marked, as labels

    Each is a line of the file that `spanwise calibrate` reads.
    """
    return {"labels": [label_json(label) for label in labels_of(collection(query.collection).marks())]}
