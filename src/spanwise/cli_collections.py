"""`spanwise collections`: list, make, rename and drop them."""

from __future__ import annotations

import argparse

from .cli_shared import AddCommand, print_json
from .settings import Settings


def add_commands(command: AddCommand) -> None:
    """Add the verbs of `spanwise collections`; `command` makes a parser for one."""
    command("list", _list, "List the collections.")
    create = command("create", _create, "Make an empty collection.")
    create.add_argument("name", metavar="NAME")
    rename = command("rename", _rename, "Give a collection another name; its keys and public grant go with it.")
    rename.add_argument("name", metavar="NAME")
    rename.add_argument("new_name", metavar="NEW")
    drop = command("drop", _drop, "Delete a collection with everything in it, also while it is served.")
    drop.add_argument("name", metavar="NAME")


def _list(options: argparse.Namespace, settings: Settings) -> int:
    from .index.storage import collections

    names = collections(settings.data)
    if options.json:
        print_json({"collections": names})
    else:
        for name in names:
            print(name)
    return 0


def _create(options: argparse.Namespace, settings: Settings) -> int:
    from .index import managing

    managing.make(settings.data, options.name, settings)
    print_json({"name": options.name}) if options.json else print(f"Made {options.name}.")
    return 0


def _rename(options: argparse.Namespace, settings: Settings) -> int:
    from . import rename

    rename(settings.data, options.name, options.new_name, settings=settings)
    print_json({"name": options.new_name}) if options.json else print(f"{options.name} is now {options.new_name}.")
    return 0


def _drop(options: argparse.Namespace, settings: Settings) -> int:
    from . import drop
    from .api.keys import KeyFile

    drop(settings.data, options.name, settings=settings)
    keys = KeyFile(settings.data).naming(options.name)
    if options.json:
        print_json({"dropped": options.name, "keys": [key.id for key in keys]})
        return 0
    print(f"Dropped {options.name}.")
    if keys:
        print(f"These keys stay, and open a new collection {options.name}; `spanwise keys revoke ID` ends one:")
        for key in keys:
            print(f"  {key.id}  {key.name}".rstrip())
    return 0
