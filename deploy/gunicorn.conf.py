"""Settings of gunicorn for those who run it themselves; `spanwise serve` needs none of this.

    SPANWISE_DATA=/var/lib/spanwise gunicorn -c gunicorn.conf.py "spanwise.api.app:create_app(require_keys=True)"

One worker with threads is what Spanwise is measured with: the models use every core by themselves. With more workers

- each loads the models and the index of its own, so that memory grows with their number;
- rate limits and places for requests are counted in each, so that both allow as many times more;
- /metrics tells of the worker that happens to answer;
- one of them works off the jobs, whoever took them in; when it ends, another takes over within a second or so;
- a change is seen by the others with their next request, since all of them read the same SQLite file.
"""

from typing import Any

bind = "127.0.0.1:8000"
workers = 1
worker_class = "gthread"
threads = 32  # more than SPANWISE_MAX_CONCURRENT, so that one request too many is told so at once
timeout = 300  # models may take this long to load
graceful_timeout = 30  # requests that run may take this long to end
keepalive = 5
limit_request_line = 8190
control_socket_disable = True
preload_app = False  # models and indexes must load after the fork: a FAISS index that was searched before it hangs


def post_worker_init(worker: Any) -> None:
    worker.app.callable.extensions["spanwise"].warm()
    worker.app.callable.extensions["spanwise.jobs"].resume()


def worker_exit(server: Any, worker: Any) -> None:
    if worker.app.callable is not None:
        worker.app.callable.extensions["spanwise.jobs"].close()
        worker.app.callable.extensions["spanwise"].close()
