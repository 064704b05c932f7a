"""What the files of the command line have in common."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .settings import Settings

if TYPE_CHECKING:
    from .qa.collection import Collection

Command = Callable[[argparse.Namespace, Settings], int]
"""Does the work and returns the exit code."""
AddCommand = Callable[[str, Command, str], argparse.ArgumentParser]
"""Makes the parser of one command from its name, what it runs and what it is for."""

NOTHING = 1
"""Exit code: done, but with nothing to show, or something failed."""


def a_path(value: str) -> Path:
    """What stands for a file or folder on the command line. An empty one, as of a variable that is not set, would be
    the folder that the command runs in."""
    if not value:
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(value)


def open_collection(options: argparse.Namespace, settings: Settings) -> Collection:
    """The collection that the command line names."""
    from .qa.collection import Collection

    return Collection.open(settings.data, options.collection, create=False, settings=settings)


@contextmanager
def collection_to_fill(options: argparse.Namespace, settings: Settings) -> Iterator[Collection]:
    """The collection that the command line names. One that is made for it is gone again where nothing came into it."""
    from .index import managing
    from .qa.collection import Collection

    new = not managing.exists(settings.data, options.collection)
    try:
        with Collection.open(settings.data, options.collection, settings=settings) as collection:
            yield collection
    finally:
        if new:
            managing.drop_unused(settings.data, options.collection, settings)


def print_json(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))
