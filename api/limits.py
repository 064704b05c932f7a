"""How often and how much at once: rate limits in memory, and places for the requests that run."""

from __future__ import annotations

import threading
import time

from apiflask import APIFlask
from flask import Response, g, request
from flask_limiter import Limiter, RateLimitExceeded
from limits import parse

from ..errors import InputError, OverloadedError, TooManyRequestsError
from ..settings import Settings
from . import problems
from .keys import PublicGrant
from .observing import metrics


class Limits:
    """The limits of one application. Counts are of this process and forgotten when it ends."""

    def __init__(self, app: APIFlask, settings: Settings) -> None:
        check_rate(settings.rate_limit)
        self._places = threading.BoundedSemaphore(settings.max_concurrent)
        self._patience = settings.queue_seconds
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

    def _leave(self, error: BaseException | None) -> None:
        if g.pop("has_place", False):
            self._places.release()

    def _refused(self, error: RateLimitExceeded) -> Response:
        limit = self._limiter.current_limit
        return problems.from_spanwise(_too_many(limit.reset_at if limit else time.time() + 60))


def check_rate(rate: str) -> str:
    """`rate`, if it is one. Raises InputError."""
    try:
        parse(rate)
    except ValueError:
        raise InputError(f"{rate!r} is not a rate.", subject=rate, way_out="Write it like “60 per minute”.") from None
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
