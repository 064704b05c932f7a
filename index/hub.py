"""The hub that models given by name come from."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

NOT_HERE = ", and nothing was downloaded: it is a folder, or the hub cannot be reached"


def must_be_here(model: str) -> bool:
    """Whether `model` can only be loaded from this machine: it is a folder, or the hub cannot be reached.

    The hub's client tries for minutes before it gives up, also for a model that was downloaded long ago.
    """
    if Path(model).is_dir():
        return True
    if getproxies():
        return False  # the proxy knows the way
    from huggingface_hub.constants import ENDPOINT

    try:
        socket.getaddrinfo(urlsplit(ENDPOINT).hostname, None)
    except OSError:
        return True
    return False
