"""What all tests share: how many examples hypothesis makes up, and that they are the same ones every time."""

from __future__ import annotations

import gc

from hypothesis import settings

settings.register_profile("full", max_examples=50, derandomize=True, deadline=None, database=None)
settings.register_profile("quick", settings.get_profile("full"), max_examples=10)  # `make quick`
settings.load_profile("full")


def pytest_collection_finish() -> None:
    """Modules and tests stay until the end: to look for garbage among them, and every 700 objects, takes a second."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)
