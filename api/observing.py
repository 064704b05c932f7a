"""What can be seen of a running server: a request id on every answer and log line, JSON logs, and metrics."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from apiflask import APIFlask
from flask import Response, current_app, g, has_request_context, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..errors import SpanwiseError
from .open_collections import Collections

if TYPE_CHECKING:
    from ..index.results import Hits
    from ..qa.records import AskResult

access = logging.getLogger(f"{__package__}.access")

REQUEST_ID = "X-Request-ID"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_FIELDS = ("request_id", "method", "path", "status", "took_ms", "caller")


class Metrics:
    """The counters of one application, and what they say in Prometheus' text format."""

    def __init__(self, collections: Collections) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "spanwise_requests", "Requests answered.", ("method", "endpoint", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "spanwise_request_seconds",
            "From request to answer.",
            ("endpoint",),
            registry=self._registry,
            buckets=_BUCKETS,
        )
        self.running = Gauge("spanwise_requests_running", "Requests that are being served.", registry=self._registry)
        self.waiting = Gauge("spanwise_requests_waiting", "Requests that wait for a place.", registry=self._registry)
        self.questions = Counter(
            "spanwise_questions", "Questions asked.", ("collection", "outcome"), registry=self._registry
        )
        self.engine = Histogram(
            "spanwise_engine_seconds", "Time in the engine.", ("stage",), registry=self._registry, buckets=_BUCKETS
        )
        self._registry.register(_Holdings(collections))

    def answered(self, collection: str, result: AskResult) -> None:
        """Count a question, and whether it was answered or met with silence."""
        self.questions.labels(collection, "answer" if result.answerable else "silence").inc()
        self._timed({"ask": result.took_ms, **result.timings_ms})

    def searched(self, hits: Hits) -> None:
        """Count the time of a search, and of its stages."""
        self._timed({"search": hits.took_ms, **hits.timings_ms})

    def _timed(self, milliseconds: Mapping[str, float]) -> None:
        for stage, value in milliseconds.items():
            self.engine.labels(stage).observe(value / 1000)

    def text(self) -> bytes:
        return generate_latest(self._registry)


class _Holdings(Collector):
    """What the open collections hold, read when it is asked for."""

    def __init__(self, collections: Collections) -> None:
        self._collections = collections

    def collect(self) -> Iterator[GaugeMetricFamily]:
        names = ("documents", "passages", "characters", "generation", "bytes_on_disk", "index_generation", "index_lag")
        families = {
            name: GaugeMetricFamily(f"spanwise_{name}", f"{name} of a collection", labels=["collection"])
            for name in names
        }
        for collection in self._collections.opened():
            try:
                status = collection.status()
            except SpanwiseError:  # one that cannot be read is told by its answers
                continue
            index = status.indexed_generation or 0
            said = {**asdict(status), "index_generation": index, "index_lag": max(status.generation - index, 0)}
            for name, family in families.items():
                family.add_metric([collection.name], said[name])
        yield from families.values()


def metrics() -> Metrics:
    """The metrics of the running application."""
    found = current_app.extensions["spanwise.metrics"]
    assert isinstance(found, Metrics)
    return found


def install(app: APIFlask) -> None:
    """Number, time, count and log the requests of `app`."""
    counters = app.extensions["spanwise.metrics"] = Metrics(app.extensions["spanwise"])

    @app.before_request
    def begin() -> None:
        given = request.headers.get(REQUEST_ID, "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        g.started = time.perf_counter()
        counters.running.inc()

    @app.after_request
    def end(response: Response) -> Response:
        took = time.perf_counter() - g.started
        if "engine_ended" in g:
            counters.engine.labels("serialise").observe(time.perf_counter() - g.engine_ended)
        endpoint = request.endpoint or "none"
        response.headers[REQUEST_ID] = g.request_id
        counters.requests.labels(request.method if request.endpoint else "-", endpoint, response.status_code).inc()
        counters.seconds.labels(endpoint).observe(took)
        caller = g.caller.name if "caller" in g else None
        told = {"method": request.method, "path": request.path, "status": response.status_code, "caller": caller}
        access.info("request", extra={**told, "took_ms": round(took * 1000, 1)})
        return response

    @app.teardown_request
    def leave(error: BaseException | None) -> None:
        if g.pop("started", None) is not None:
            counters.running.dec()


def configure_logging(how: str) -> None:
    """Log to standard error: `text`, warnings and worse; or `json`, one object a line, requests among them."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_numbered)
    text = logging.Formatter("%(levelname)s [%(request_id)s] %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if how == "json" else text)
    logging.basicConfig(level=logging.INFO if how == "json" else logging.WARNING, handlers=[handler], force=True)


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name in _FIELDS if (value := getattr(record, name, None)) is not None},
        }
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False, default=str)


def _numbered(record: logging.LogRecord) -> bool:
    record.request_id = g.get("request_id", "-") if has_request_context() else "-"
    return True
