"""The application factory. Nothing is opened or loaded until a request, or `Collections.warm`, asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apiflask import APIFlask
from werkzeug.middleware.proxy_fix import ProxyFix

from .. import __version__
from ..settings import Settings
from . import (  # noqa: F401  # feedback, managing and operations put their views into `routes.service` and `routes.v1`
    feedback,
    managing,
    observing,
    openapi,
    operations,
    page,
    problems,
    routes,
    security,
)
from .jobs import Jobs
from .messages import JSONProvider, JSONRequest
from .open_collections import Collections

if TYPE_CHECKING:
    from ..index.embedding import Embedder
    from ..qa.reading import Reader


def create_app(
    settings: Settings | None = None,
    *,
    embedder: Embedder | None = None,
    reader: Reader | None = None,
    require_keys: bool = False,
    hosts: tuple[str, ...] = (),
) -> APIFlask:
    """A WSGI application over the collections of `settings.data` (by default, settings of the environment).

    `embedder` and `reader` replace the configured models; `spanwise.testing` has fakes. Without API keys everyone may
    do everything, unless `require_keys` is true. `hosts` are names it answers to, besides those of the settings.
    """
    settings = Settings.from_environment() if settings is None else settings
    app = APIFlask(
        __name__,
        title="Spanwise",
        version=__version__,
        docs_path=None,
        json_errors=False,
        static_folder=None,  # type: ignore[arg-type]  # Flask takes None: no route for files
    )
    app.config.update(
        SPANWISE=settings,
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        # Otherwise the first request's Host header would be published to everyone.
        AUTO_SERVERS=False,
        SERVERS=[{"url": "/"}],
        DESCRIPTION="Answers questions from your own documents with the exact words of the source.",
        TAGS=[
            {"name": "Questions", "description": "Ask, and search."},
            {"name": "Documents", "description": "Store, list, read and remove."},
            {"name": "Collections", "description": "List, make, rename, drop and look at them."},
            {"name": "Service", "description": "The process itself."},
        ],
        AUTO_404_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
    )
    app.json = JSONProvider(app)
    app.request_class = JSONRequest
    app.url_map.merge_slashes = False  # an id is what it says; no redirect from a//b to a/b
    app.url_map.converters["id"] = routes.DocumentIdConverter
    app.extensions["spanwise"] = Collections(settings, embedder=embedder, reader=reader)
    app.extensions["spanwise.jobs"] = Jobs(settings, app.extensions["spanwise"])
    for views in (routes.service, page.page, routes.v1):
        app.register_blueprint(views)
    app.spec_processor(openapi.finish)
    problems.install(app)
    observing.install(app)
    security.install(app, require_keys=require_keys, hosts=hosts)
    if settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies)  # type: ignore[method-assign]
    return app
