"""`spanwise keys`: make, list and revoke API keys, and open collections to pages without one."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .cli_shared import AddCommand, print_json
from .settings import Settings

if TYPE_CHECKING:
    from .api.keys import Access, Key


def add_commands(command: AddCommand) -> None:
    """Add the verbs of `spanwise keys`; `command` makes a parser for one."""
    create = command("create", _create, "Make a key and print it, this once.")
    create.add_argument("--name", default="", help="what it is for")
    create.add_argument("--scope", choices=("read", "write", "admin"), default="read", help="default read")
    create.add_argument("--only", action="append", metavar="NAME", help="a collection it opens (default: all of them)")
    command("list", _list, "List keys and public collections.")
    revoke = command("revoke", _revoke, "Revoke a key; a running server refuses it from then on.")
    revoke.add_argument("id", metavar="ID")
    public = command("public", _public, "Let pages of some origins read a collection without a key.")
    public.add_argument("name", metavar="NAME", help="the collection")
    public.add_argument("--origin", action="append", required=True, help="like https://www.example.org; * for all")
    public.add_argument("--rate", default="60 per minute", help="requests of one address (default 60 per minute)")
    private = command("private", _private, "Close a collection to callers without a key again.")
    private.add_argument("name", metavar="NAME", help="the collection")


def _create(options: argparse.Namespace, settings: Settings) -> int:
    from .api.keys import KeyFile, Scope
    from .index.storage import collection_folder

    for name in options.only or ():
        collection_folder(settings.data, name)  # refuses what is not a name
    only = tuple(options.only) if options.only else None
    key, presented = KeyFile(settings.data).create(options.name, Scope[options.scope.upper()], only)
    if options.json:
        print_json({**_key_json(key), "key": presented})
    else:
        print(presented)
    return 0


def _list(options: argparse.Namespace, settings: Settings) -> int:
    from .api.keys import KeyFile

    access = KeyFile(settings.data).read()
    if options.json:
        print_json(_access_json(access))
        return 0
    for key in access.keys:
        opens = "all collections" if key.collections is None else ", ".join(key.collections)
        state = f"revoked {key.revoked_at}" if key.revoked_at else f"made {key.created_at}"
        print(f"{key.id}  {key.scope.name.lower():6} {opens}  {state}  {key.name}".rstrip())
    for grant in access.public:
        print(f"public    read   {grant.collection}  for {', '.join(grant.origins)}, {grant.rate}")
    return 0


def _revoke(options: argparse.Namespace, settings: Settings) -> int:
    from .api.keys import KeyFile

    key = KeyFile(settings.data).revoke(options.id)
    print_json(_key_json(key)) if options.json else print(f"Revoked {key.id}.")
    return 0


def _public(options: argparse.Namespace, settings: Settings) -> int:
    from .api.keys import KeyFile, PublicGrant
    from .api.limits import check_rate
    from .index.storage import collection_folder

    collection_folder(settings.data, options.name)  # refuses what is not a name
    grant = PublicGrant(options.name, tuple(options.origin), check_rate(options.rate))
    KeyFile(settings.data).allow_public(grant)
    if options.json:
        print_json(asdict(grant))
    else:
        print(f"Pages of {', '.join(grant.origins)} may read {grant.collection}, {grant.rate} for each address.")
    return 0


def _private(options: argparse.Namespace, settings: Settings) -> int:
    from .api.keys import KeyFile

    KeyFile(settings.data).withdraw_public(options.name)
    print_json({"collection": options.name, "origins": []}) if options.json else print(f"{options.name} is private.")
    return 0


def _access_json(access: Access) -> dict[str, Any]:
    return {"keys": [_key_json(key) for key in access.keys], "public": [asdict(grant) for grant in access.public]}


def _key_json(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope.name.lower(),
        "collections": key.collections,
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }
