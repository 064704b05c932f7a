"""Make, list, rename and drop collections: each is a folder, and its name is the folder's.

A rename of the folder is the change, all of it at once, under the collection's write lock. Whoever has the collection
open finds at the next read or write that its file is no longer at its place (`storage.Database`), and is told so.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from ..errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    CorruptDataError,
    FormatVersionError,
    SpanwiseError,
)
from ..settings import Settings
from .durable import sync_folder
from .storage import DATABASE, Database, collection_folder, translated

DROPPED = ".dropped-"
"""How the names of folders begin that are being deleted."""
REPLACED = ".replaced-"
"""How the name of a folder begins that another one is about to take the place of."""


def exists(data: Path, name: str) -> bool:
    """Whether there is a collection `name`. Raises DocumentIdError for a name that is not allowed."""
    return (collection_folder(data, name) / DATABASE).is_file()


def make(data: Path, name: str, settings: Settings) -> None:
    """Make an empty collection. Raises CollectionExistsError, DocumentIdError, StorageError."""
    if exists(data, name):
        raise already(name)
    Database(collection_folder(data, name), create=True, write_wait_seconds=settings.write_wait_seconds).close()


def rename(data: Path, name: str, new_name: str, settings: Settings) -> None:
    """Give a collection another name.

    Raises CollectionNotFoundError, CollectionExistsError, CollectionBusyError, DocumentIdError, StorageError.
    """
    target = collection_folder(data, new_name)
    with translated(name):
        if target.exists():
            raise already(new_name)
        with alone(data, name, settings) as folder:
            folder.rename(target)
            sync_folder(target.parent)


def drop(data: Path, name: str, settings: Settings) -> None:
    """Delete a collection with its originals: gone at once, whatever happens while its files are removed.

    A damaged one can be dropped, too. Raises CollectionNotFoundError, CollectionBusyError, DocumentIdError,
    StorageError.
    """
    with translated(name):
        with alone(data, name, settings) as folder:
            set_aside(folder)
        sweep(data)


def drop_unused(data: Path, name: str, settings: Settings) -> None:
    """Delete a collection that nothing was ever stored in, unless somebody is about to; else it stays."""
    with suppress(SpanwiseError), translated(name):
        database = Database(collection_folder(data, name), create=False, write_wait_seconds=settings.write_wait_seconds)
        with closing(database), database.writing(wait_seconds=0) as connection:
            if connection.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone() == ("0",):
                set_aside(database.file.parent)
        sweep(data)


def set_aside(folder: Path) -> None:
    """Take a collection's folder away from its name. `sweep` removes it."""
    folder.rename(folder.with_name(f"{DROPPED}{secrets.token_hex(8)}"))
    sync_folder(folder.parent)


def sweep(data: Path) -> None:
    """Finish what was cut off: remove folders of dropped collections, and put back one whose replacement never came."""
    for folder in (data / "collections").glob(".*"):
        if folder.name.startswith(DROPPED):
            shutil.rmtree(folder, ignore_errors=True)
        elif folder.name.startswith(REPLACED):
            place = folder.with_name(folder.name.removeprefix(REPLACED))
            with suppress(OSError):  # somebody else was faster
                if place.exists():
                    set_aside(folder)
                else:
                    folder.rename(place)
                    sync_folder(place.parent)


@contextmanager
def alone(data: Path, name: str, settings: Settings) -> Iterator[Path]:
    """The folder of a collection while nobody writes to it. One that is damaged has no lock to take.

    Raises CollectionNotFoundError, CollectionBusyError, DocumentIdError.
    """
    folder = collection_folder(data, name)
    with ExitStack() as stack:
        try:
            database = Database(folder, create=False, write_wait_seconds=settings.write_wait_seconds)
            stack.callback(database.close)
            stack.enter_context(database.writing())
        except CollectionNotFoundError:
            raise
        except (CorruptDataError, FormatVersionError):
            pass
        yield folder


def already(name: str) -> CollectionExistsError:
    """What to raise when a name is taken."""
    return CollectionExistsError(
        f"There is a collection {name!r} already.", subject=name, way_out="Choose another name, or drop that one first."
    )
