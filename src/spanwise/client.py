"""A client of the HTTP service with the words of the library: the same dataclasses out, the same errors raised.

with Client("https://search.example.org", key="sw_…") as client:
    best = client.ask("When do the games end?").best
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import quote, urlencode
from urllib.request import OpenerDirector

from . import errors
from .from_json import ask_result, document_info, hits, of_fields, suggestions
from .index.filters import AnyWhere, where_object
from .index.marks import Mark, Verdict
from .index.records import Added, Document, DocumentInfo, Failure, Source, Span
from .index.results import Hits, Suggestions
from .qa.records import AskResult
from .transport import Json, Transport

QUESTIONS_PER_REQUEST = 20
POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a document's text: `text` stands at `span`, in code points."""

    document: DocumentInfo
    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Job:
    """An upload that is stored behind its answer, and how far it is."""

    id: str
    collection: str
    state: str
    """`queued`, `running`, `done` or `cancelled`."""
    files: int
    done: int
    """Files that were stored or failed."""
    stored: tuple[str, ...]
    failed: tuple[Failure, ...]
    created_at: str

    @property
    def finished(self) -> bool:
        return self.state in ("done", "cancelled")


class Client:
    """One collection of a Spanwise server. Safe to use from many threads; it keeps no connection open.

    Every method raises what the library's method of that name raises, and SpanwiseError where the server cannot be
    reached. KeyRequiredError, AccessError, TooManyRequestsError and OverloadedError come from the server alone.
    """

    def __init__(
        self,
        endpoint: str = "http://127.0.0.1:8000",
        collection: str = "default",
        *,
        key: str | None = None,
        timeout: float = 60.0,
        opener: OpenerDirector | None = None,
    ) -> None:
        """`timeout` in seconds. `opener` replaces urllib's, which here uses no proxy."""
        self._transport = Transport(endpoint, key, timeout, opener)
        self.endpoint = self._transport.endpoint
        self.collection = collection

    def ask(
        self,
        question: str,
        top_k: int = 3,
        *,
        min_probability: float | None = None,
        where: AnyWhere | None = None,
    ) -> AskResult:
        """The answers to `question`, best first, with their spans; `where` as in `Collection.search`."""
        body = {"question": question, **self._asked(top_k, min_probability, where)}
        return self._transport.fetch(ask_result, "POST", "/v1/ask", body)

    def ask_many(
        self,
        questions: Sequence[str],
        top_k: int = 3,
        *,
        min_probability: float | None = None,
        where: AnyWhere | None = None,
    ) -> list[AskResult]:
        """What `ask` says to each question, in their order; they are sent `QUESTIONS_PER_REQUEST` at a time."""
        questions = [questions] if isinstance(questions, str) else list(questions)
        results: list[AskResult] = []
        for first in range(0, len(questions), QUESTIONS_PER_REQUEST):
            some = questions[first : first + QUESTIONS_PER_REQUEST]
            body = {"questions": some, **self._asked(top_k, min_probability, where)}
            results += self._transport.fetch(_results, "POST", "/v1/ask", body)
        return results

    def suggest(self, text: str, limit: int = 8) -> Suggestions:
        """Ways to go on from `text` that the documents know."""
        query = self._query({"text": text, "limit": limit})
        return self._transport.fetch(suggestions, "GET", f"/v1/suggest?{query}")

    def search(
        self,
        query: str,
        top_k: int = 10,
        *,
        mode: Literal["hybrid", "dense", "lexical"] = "hybrid",
        where: AnyWhere | None = None,
        cursor: str | None = None,
        rerank: bool = False,
        merge: bool = True,
        sentences: bool = False,
        explain: bool = False,
        prefix: bool = False,
    ) -> Hits:
        """The passages nearest to `query`, best first; options as in `Collection.search`."""
        body = {
            "query": query, "top_k": top_k, "mode": mode, "cursor": cursor, "rerank": rerank,
            "where": None if where is None else where_object(where),
            "merge": merge, "sentences": sentences, "explain": explain, "prefix": prefix,
            "collection": self.collection,
        }  # fmt: skip
        return self._transport.fetch(hits, "POST", "/v1/search", body)

    def feedback(
        self,
        question: str,
        verdict: Verdict,
        *,
        document_id: str | None = None,
        span: Span | None = None,
        content_hash: str | None = None,
    ) -> Mark:
        """As `Collection.mark`: keep whether an answer is right."""
        body: Json = {"question": question, "verdict": verdict, "collection": self.collection}
        body |= {"document_id": document_id} if document_id is not None else {}
        body |= {"start": span.start, "end": span.end} if span else {}
        body |= {"content_hash": content_hash} if content_hash is not None else {}
        return self._transport.fetch(_mark, "POST", "/v1/feedback", body)

    def add(self, source: Source | str | Iterable[Source | str], *, replace: bool = True) -> Added:
        """Store documents: a `Source`, a text, or several of these; all of them or none.

        With `replace`, each document that has an id is sent on its own, so that a failure stops behind those before it.
        """
        items: list[object] = [source]
        if isinstance(source, Iterable) and not isinstance(source, str | bytes | Mapping):
            items = list(source)
        sources = [_as_source(one) for one in items]
        if replace and any(one.id is not None for one in sources):
            results = [self._put(one) if one.id is not None else self._post([one]) for one in sources]
            return sum(results[1:], results[0])
        return self._post(sources)

    def upload(
        self,
        *paths: Path,
        encoding: str | None = None,
        keep_all: bool = False,
        columns: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> Added | Job:
        """Store files of every format that is read; options as in `Collection.add`. A file again replaces its document.

        Small uploads give an `Added` at once. Larger ones become a job: with `wait` it is waited for and its end is
        given, else it is given as it is. Raises SourceError for a file that cannot be read, here or there.
        """
        options: Json = {"encoding": encoding, "keep_all": "true" if keep_all else None}
        options["columns"] = ",".join(f"{name}={column}" for name, column in (columns or {}).items()) or None
        given = {name: value for name, value in options.items() if value is not None}
        boundary = uuid.uuid4().hex
        data = _form(paths, boundary)
        kind = f"multipart/form-data; boundary={boundary}"
        status, said = self._transport.exchange("POST", f"/v1/files?{self._query(given)}", data=data, kind=kind)
        if status != 202:
            return self._transport.understood(_added, said)
        job = self._transport.understood(_job, said)
        while wait and not job.finished:
            time.sleep(POLL_SECONDS)
            job = self.job(job.id)
        return job

    def job(self, job_id: str) -> Job:
        """How far an upload is. Raises NotFoundError."""
        return self._transport.fetch(_job, "GET", f"/v1/jobs/{quote(job_id, safe='')}")

    def cancel(self, job_id: str) -> Job:
        """Stop an upload; what was stored stays. Raises NotFoundError."""
        return self._transport.fetch(_job, "DELETE", f"/v1/jobs/{quote(job_id, safe='')}")

    def remove(self, *ids: str) -> int:
        """Delete documents; how many."""
        for document_id in dict.fromkeys(ids):
            self._transport.send("DELETE", self._address(document_id))
        return len(set(ids))

    def documents(self) -> Iterator[DocumentInfo]:
        """Every document, in the order of the ids."""
        after: Json = {}
        while True:
            infos, following = self._transport.fetch(_page, "GET", f"/v1/documents?{self._query(after)}")
            yield from infos
            if following is None:
                return
            after = {"after": following}

    def page_image(
        self,
        document_id: str,
        page: int,
        span: Span | None = None,
        *,
        width: int | None = None,
        content_hash: str | None = None,
    ) -> bytes:
        """PNG of a page of a PDF, with what stands of `span` on it highlighted."""
        asked = {"start": span.start, "end": span.end} if span else {}
        given = {"width": width, "content_hash": content_hash}
        query = {**asked, **{name: value for name, value in given.items() if value is not None}}
        address = f"/v1/pages/{page}/{_quoted(document_id)}?{self._query(query)}"
        return self._transport.request("GET", address, None, accept="image/png")[1]

    def document(self, document_id: str) -> Document:
        """One document with its text."""
        return self._transport.fetch(
            lambda said: Document(document_info(said), said["text"]), "GET", self._address(document_id)
        )

    def slice(
        self, document_id: str, start: int | None = None, end: int | None = None, *, content_hash: str | None = None
    ) -> Slice:
        """The code points `start` to `end` of a document.

        With `content_hash`, of that version only: raises VersionConflictError where another one is stored.
        """
        wanted = {"start": start, "end": end, "content_hash": content_hash}
        given = {name: value for name, value in wanted.items() if value is not None}
        return self._transport.fetch(
            lambda said: Slice(document_info(said), Span(**said["span"]), said["text"]),
            "GET",
            self._address(document_id, given),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    def _asked(self, top_k: int, min_probability: float | None, where: AnyWhere | None) -> Json:
        body: Json = {"top_k": top_k, "collection": self.collection}
        body |= {} if min_probability is None else {"min_probability": min_probability}
        return body | ({} if where is None else {"where": where_object(where)})

    def _post(self, sources: list[Source]) -> Added:
        body = {"documents": [_source(one) for one in sources]}
        return self._transport.fetch(_added, "POST", f"/v1/documents?{self._query()}", body)

    def _put(self, source: Source) -> Added:
        body = {name: value for name, value in _source(source).items() if name != "id"}
        return self._transport.fetch(_added, "PUT", self._address(str(source.id)), body)

    def _query(self, more: Mapping[str, object] = {}) -> str:
        return urlencode({"collection": self.collection, **more})

    def _address(self, document_id: str, more: Mapping[str, object] = {}) -> str:
        return f"/v1/documents/{_quoted(document_id)}?{self._query(more)}"


def _quoted(document_id: object) -> str:
    """A document id in an address. Raises DocumentIdError for one that would lead elsewhere."""
    if not isinstance(document_id, str) or {"", ".", ".."} & set(document_id.split("/")):
        raise errors.DocumentIdError(
            f"{document_id!r} is not a document id.",
            subject=document_id,
            way_out="Give a text without empty, '.' or '..' segments.",
        )
    return quote(document_id.encode("utf-8", "replace"))


def _source(source: Source) -> Json:
    said = {"id": source.id, "title": source.title, "uri": source.uri}
    return {
        "text": source.text,
        **{name: value for name, value in said.items() if value is not None},
        "metadata": dict(source.metadata),
    }


def _as_source(given: object) -> Source:
    if isinstance(given, Source | str):
        return given if isinstance(given, Source) else Source(given)
    raise errors.SourceError(
        f"An object of type {type(given).__name__} is not a source.",
        subject=given,
        way_out="Give a Source, a text, or several of these; upload() sends files.",
    )


def _form(paths: Sequence[Path], boundary: str) -> bytes:
    """The files as multipart/form-data. Raises SourceError for one that cannot be read."""
    if not paths:
        raise errors.SourceError("No file was given.", way_out="Give one or more paths.")
    parts = []
    for path in paths:
        if not isinstance(path, Path):
            raise errors.SourceError(f"{path!r} is no path.", subject=path, way_out=f"Give Path({path!r}).")
        try:
            data = path.read_bytes()
        except OSError as error:
            raise errors.SourceError(
                f"{path} cannot be read: {error.strerror}.", subject=path, way_out="Check the path."
            ) from error
        name = re.sub(r'[\r\n"\\]', "_", path.name).encode("utf-8", "replace")
        parts.append(
            b'--%b\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n%b\r\n" % (boundary.encode(), name, data)
        )
    return b"".join(parts) + b"--%b--\r\n" % boundary.encode()


def _results(said: Json) -> list[AskResult]:
    return [ask_result(one) for one in said["results"]]


def _page(said: Json) -> tuple[list[DocumentInfo], str | None]:
    return [document_info(one) for one in said["documents"]], said["next"]


def _mark(said: Json) -> Mark:
    return Mark(**{**said, "span": Span(**said["span"]) if said["span"] else None})


def _added(said: Json) -> Added:
    return Added(
        documents=tuple(document_info(one) for one in said["documents"]),
        added=tuple(said["added"]),
        replaced=tuple(said["replaced"]),
        unchanged=tuple(said["unchanged"]),
        failed=_failed(said),
        generation=said["generation"],
    )


def _failed(said: Json) -> tuple[Failure, ...]:
    return tuple(Failure(one["source"], one["error"]) for one in said["failed"])


def _job(said: Json) -> Job:
    return Job(**{**of_fields(said, Job), "stored": tuple(said["stored"]), "failed": _failed(said)})
