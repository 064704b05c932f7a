"""Who asks, from where, and whether they may: checked before a view runs. Everything that is not listed needs an admin.

Without keys the server is of the machine it runs on: whoever reaches it may do everything, which is why it listens on
loopback only, and why it then checks the Host and Origin headers that a hostile page in a browser there would betray.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from apiflask import APIFlask
from flask import Response, current_app, g, request

from ..errors import AccessError, InputError, KeyRequiredError
from .fields import settings
from .keys import Access, KeyFile, PublicGrant, Scope, check_origin
from .limits import Limits

OPEN = frozenset(
    {"service.health", "service.ready", "service.identify", "page.index", "page.docs", "page.file", "openapi.spec"}
)
"""Endpoints that tell nothing about the data."""
SCOPES = {
    "v1.ask": Scope.READ,
    "v1.search": Scope.READ,
    "v1.suggest": Scope.READ,
    "v1.list_documents": Scope.READ,
    "v1.get_document": Scope.READ,
    "v1.list_collections": Scope.READ,
    "v1.status": Scope.READ,
    "v1.add_documents": Scope.WRITE,
    "v1.add_feedback": Scope.WRITE,
    "v1.list_labels": Scope.WRITE,
    "v1.get_page": Scope.READ,
    "v1.upload_files": Scope.WRITE,
    "v1.get_job": Scope.WRITE,
    "v1.cancel_job": Scope.WRITE,
    "v1.put_document": Scope.WRITE,
    "v1.delete_document": Scope.WRITE,
    "v1.make_collection": Scope.ADMIN,
    "v1.create_collection": Scope.ADMIN,
    "v1.rename_collection": Scope.ADMIN,
    "v1.drop_collection": Scope.ADMIN,
    "v1.get_original": Scope.READ,
    "service.show_metrics": Scope.ADMIN,
}
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Caller:
    """Whoever sent the request. `scope` is None for one without a key, who may read what is public."""

    name: str
    scope: Scope | None
    collections: tuple[str, ...] | None
    access: Access
    foreign_origin: str | None = None
    """The origin of the page that asks, where that is not the server's own."""

    def may(self, collection: str) -> bool:
        """Whether the caller may touch that collection at all."""
        if self.scope is None:
            return self.access.grant(collection) is not None
        return self.collections is None or collection in self.collections

    def require(self, scope: Scope) -> None:
        """Raises KeyRequiredError or AccessError where the caller has less than `scope`."""
        if self.scope is None and (scope > Scope.READ or not self.access.public):
            raise _key_required("This needs an API key.")
        if self.scope is not None and self.scope < scope:
            raise AccessError(
                f"This key's scope is {self.scope.name.lower()}, and this needs {scope.name.lower()}.",
                subject=self.name,
                way_out="Use another key.",
            )

    def require_everything(self) -> None:
        """Raises AccessError where the caller's key opens some collections only."""
        if self.collections is not None:
            raise AccessError("This key does not open every collection.", subject=self.name, way_out="Use another key.")

    def require_collection(self, collection: str) -> PublicGrant | None:
        """The grant that lets the caller in where that is no key. Raises KeyRequiredError, AccessError."""
        grant = self.access.grant(collection)
        if self.scope is None and grant is None:
            raise _key_required(f"Collection {collection[:80]!r} is not public.")
        if self.scope is not None and not self.may(collection):
            raise AccessError(
                f"This key does not open collection {collection[:80]!r}.", subject=self.name, way_out="Use another key."
            )
        if (
            self.foreign_origin
            and not _listed(self.foreign_origin)
            and not (grant and grant.allows(self.foreign_origin))
        ):
            raise _foreign(self.foreign_origin)
        return grant if self.scope is None else None


def install(app: APIFlask, *, require_keys: bool, hosts: tuple[str, ...]) -> None:
    """Guard `app`. `hosts` are the names it answers to (none: any name); more come from the setting `hosts`.

    Raises InputError for settings that could never match a request.
    """
    config = app.config["SPANWISE"]
    for origin in _split(config.origins):
        check_origin(origin, "SPANWISE_ORIGINS")
    for host in _split(config.hosts):
        _check_host_name(host)
    keys = app.extensions["spanwise.keys"] = KeyFile(config.data)
    names = frozenset(hosts) | frozenset(name.lower() for name in _split(config.hosts))
    limits = app.extensions["spanwise.limits"] = Limits(config)

    @app.before_request
    def identify() -> Response | None:
        _check_host(names)
        if request.endpoint in OPEN:
            return None
        access = keys.read()
        origin = _foreign_origin(access)
        if request.method == "OPTIONS":
            return app.make_default_options_response()
        g.caller = _caller(access, require_keys, origin)
        return None

    limits.install(app)

    @app.before_request
    def authorise() -> None:
        if request.endpoint is None or request.endpoint in OPEN:
            return
        if isinstance(refusal := g.get("refusal"), KeyRequiredError):
            raise refusal
        caller().require(SCOPES.get(request.endpoint, Scope.ADMIN))
        limits.enter()

    app.after_request(_headers)


def caller() -> Caller:
    """Whoever sent the request that is being served."""
    found = g.caller
    assert isinstance(found, Caller)
    return found


def enter_collection(collection: str) -> None:
    """Let the caller into a collection. Raises KeyRequiredError, AccessError, TooManyRequestsError."""
    if grant := caller().require_collection(collection):
        limits = current_app.extensions["spanwise.limits"]
        assert isinstance(limits, Limits)
        limits.count_anonymous(grant)


def _caller(access: Access, require_keys: bool, origin: str | None) -> Caller:
    address = f"address {request.remote_addr}"
    presented = _presented()
    if not (access.keys or require_keys):
        return Caller("local", Scope.ADMIN, None, access, origin)
    if presented is None:
        return Caller(address, None, (), access, origin)
    key = access.key(presented)
    if key is None:
        g.refusal = _key_required("This API key is not valid.")
        return Caller(address, None, (), access, origin)
    return Caller(f"key {key.id}", key.scope, key.collections, access, origin)


def _presented() -> str | None:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else "" if kind else None


def _check_host(names: frozenset[str]) -> None:
    if names and _without_port(request.headers.get("Host", "")) not in names:
        raise AccessError(
            "This server does not answer to the name in the Host header.",
            subject=request.host,
            way_out="Use http://localhost, or name the host in SPANWISE_HOSTS.",
        )


def _foreign_origin(access: Access) -> str | None:
    """The origin of the page that asks, None where it is the server's own or there is none. Raises AccessError."""
    origin = request.headers.get("Origin")
    if origin is None or urlsplit(origin).netloc == request.headers.get("Host"):
        if request.headers.get("Sec-Fetch-Site") == "cross-site" and origin is None:
            raise _foreign("another site")  # a plain link or <img> of another page
        return None
    if not _listed(origin) and not any(grant.allows(origin) for grant in access.public):
        raise _foreign(origin)
    g.allowed_origin = origin
    return origin


def _listed(origin: str) -> bool:
    return origin in _split(settings().origins)


def _foreign(origin: str) -> AccessError:
    return AccessError(
        f"Pages of {origin[:120]!r} may not use this server.",
        subject=origin,
        way_out="Name the origin with `spanwise keys public`, or in SPANWISE_ORIGINS.",
    )


def _key_required(problem: str) -> KeyRequiredError:
    return KeyRequiredError(problem, way_out="Send the header “Authorization: Bearer <key>”.")


def _headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith("/v1/"):
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.add("Vary", "Origin")
    if origin := g.get("allowed_origin"):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After, X-Request-ID"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
            response.headers["Access-Control-Max-Age"] = "600"
    return response


def _check_host_name(host: str) -> None:
    if not _HOST_NAME.fullmatch(host):
        raise InputError(
            f"{host!r} in SPANWISE_HOSTS is not the name of a host.",
            subject=host,
            way_out="Write it like search.example.org, without https:// and without a port.",
        )


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def _split(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())
