"""`ask`, `search` and `suggest` through the server that runs on the same data folder: its models are loaded.

Only what it answers with 200 is used. Whatever else happens, the command does the work itself, so that every error is
the one it would be without a server. Documents are never sent.
"""

from __future__ import annotations

import hmac
import http.client
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .api.running import found
from .settings import Settings

Json = dict[str, Any]

KEY = "SPANWISE_API_KEY"
"""The variable of the environment with the key to send, where the server has keys."""
QUESTIONS_PER_REQUEST = 20
_CONNECT_SECONDS = 2.0
"""Until it is known to be the server. A port of this machine answers at once, or a busy server a little later."""


class NotServedError(Exception):
    """No server would answer as this process does: the command has to do the work itself."""


class Server:
    """One connection to the server, which has shown who it is on it."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key := os.environ.get(KEY):
            self._headers["Authorization"] = f"Bearer {key}"

    def ask(self, questions: Sequence[str], body: Mapping[str, object]) -> list[Json]:
        """What `POST /v1/ask` says to each question."""
        if not questions:
            raise NotServedError
        results: list[Json] = []
        for first in range(0, len(questions), QUESTIONS_PER_REQUEST):
            some = list(questions[first : first + QUESTIONS_PER_REQUEST])
            results += self.send("POST", "/v1/ask", {**body, "questions": some})["results"]
        return results

    def send(self, method: str, route: str, body: Mapping[str, object] | None = None) -> Json:
        """The object of an answer with status 200. Raises NotServedError."""
        try:
            data = None if body is None else json.dumps(body).encode()
            self._connection.request(method, route, data, self._headers)
            with self._connection.getresponse() as response:
                said = json.loads(response.read())
                if response.status != 200 or not isinstance(said, dict):
                    raise NotServedError
                return said
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotServedError from error


@contextmanager
def server_of(settings: Settings) -> Iterator[Server]:
    """The server of the data folder. Raises NotServedError where there is none that would answer as this process."""
    running = found(settings) if settings.use_server else None
    if running is None:
        raise NotServedError
    connection = http.client.HTTPConnection(*running.place, timeout=_CONNECT_SECONDS)
    try:
        nonce = secrets.token_hex(16)
        try:
            connection.request("GET", f"/identity?nonce={nonce}", headers={"Accept": "application/json"})
            with connection.getresponse() as response:
                said = json.loads(response.read(10_000))
            proved = response.status == 200 and hmac.compare_digest(
                str(said["proof"]).encode(), running.proof(nonce, settings.data).encode()
            )
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise NotServedError from error
        if not proved or connection.sock is None:
            raise NotServedError
        connection.auto_open = 0  # what comes now goes to whoever has proved it, or to nobody
        connection.sock.settimeout(settings.queue_seconds + settings.request_seconds + _CONNECT_SECONDS)
        yield Server(connection)
    finally:
        connection.close()
