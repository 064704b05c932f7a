"""How often and how much at once: rate limits in memory, and places for the requests that run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from contextvars import copy_context
from typing import TypeVar

from apiflask import APIFlask
from flask import Response, current_app, g, request
from flask_limiter import Limiter, RateLimitExceeded
from limits import parse

from ..errors import InputError, OverloadedError, TimeLimitError, TooManyRequestsError
from ..index.timings import seconds_left, time_limit
from ..settings import Settings
from . import problems
from .keys import PublicGrant
from .observing import metrics

Result = TypeVar("Result")


class Limits:
    """The limits of one application. Counts are of this process and forgotten when it ends."""

    def __init__(self, settings: Settings) -> None:
        check_rate(settings.rate_limit, "SPANWISE_RATE_LIMIT")
        self._places = threading.BoundedSemaphore(settings.max_concurrent)
        self._patience = settings.queue_seconds
        self._seconds = settings.request_seconds
        self._threads = ThreadPoolExecutor(settings.max_concurrent, thread_name_prefix="spanwise-request")
        self._limiter = Limiter(
            _name,
            application_limits=[settings.rate_limit],
            application_limits_exempt_when=_exempt,
            storage_uri="memory://",
            strategy="moving-window",
        )

    def install(self, app: APIFlask) -> None:
        """Count the requests of `app`, by key or, without one, by address."""
        self._limiter.init_app(app)
        app.register_error_handler(RateLimitExceeded, self._refused)
        app.teardown_request(self._leave)

    def count_anonymous(self, grant: PublicGrant) -> None:
        """Count a request under a public grant. Raises TooManyRequestsError."""
        rate = parse(grant.rate)
        counted = ("public", grant.collection, str(request.remote_addr))
        if not self._limiter.limiter.hit(rate, *counted):
            raise _too_many(self._limiter.limiter.get_window_stats(rate, *counted).reset_time)

    def enter(self) -> None:
        """Take a place among the requests that run, waiting a little. Raises OverloadedError."""
        with metrics().waiting.track_inprogress():
            taken = self._places.acquire(timeout=self._patience)
        if not taken:
            raise OverloadedError(
                "The server has more to do than it can.", subject=1, way_out="Nothing was changed; try again shortly."
            )
        g.has_place = True
        g.time_limit = ExitStack()
        g.time_limit.enter_context(time_limit(self._seconds))

    def within_time(self, call: Callable[[], Result]) -> Result:
        """What `call`, which changes nothing, returns. It keeps this request's place until it ends, also when it is
        waited for no longer: what takes too long does not pile up. Raises TimeLimitError."""
        g.has_place = False
        running = self._threads.submit(copy_context().run, call)
        running.add_done_callback(lambda _: self._places.release())
        if not wait([running], timeout=seconds_left()).done:
            raise TimeLimitError(
                "That takes longer than is allowed.", subject=5, way_out="Try again later, or ask for less at a time."
            )
        return running.result()

    def _leave(self, error: BaseException | None) -> None:
        if limit := g.pop("time_limit", None):
            limit.close()
        if g.pop("has_place", False):
            self._places.release()

    def _refused(self, error: RateLimitExceeded) -> Response:
        limit = self._limiter.current_limit
        return problems.from_spanwise(_too_many(limit.reset_at if limit else time.time() + 60))


def within_time(call: Callable[[], Result]) -> Result:
    """As `Limits.within_time` of the running application; then begins the stage `serialise`."""
    limits = current_app.extensions["spanwise.limits"]
    assert isinstance(limits, Limits)
    result = limits.within_time(call)
    g.engine_ended = time.perf_counter()
    return result


def check_rate(rate: str, called: str = "The rate") -> str:
    """`rate`, if it is one that lets something through; `called` says whose it is. Raises InputError."""
    try:
        sound = parse(rate).amount > 0
    except ValueError:
        sound = False
    if not sound:
        raise InputError(
            f"{called} is {rate!r}, which is not a rate.", subject=rate, way_out="Write it like “60 per minute”."
        )
    return rate


def _name() -> str:
    return str(g.caller.name)


def _exempt() -> bool:
    return "caller" not in g or g.caller.name == "local"


def _too_many(until: float) -> TooManyRequestsError:
    seconds = max(1, round(until - time.time()))
    return TooManyRequestsError(
        "That is more often than is allowed.", subject=seconds, way_out=f"Wait {seconds} seconds, then go on slower."
    )
