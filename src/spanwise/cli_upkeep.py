"""`spanwise verify | backup | restore | reindex | compact`: keeping a collection whole."""

from __future__ import annotations

import argparse
import dataclasses

from .cli_shared import NOTHING, AddCommand, a_path, open_collection, print_json
from .settings import Settings


def add_commands(command: AddCommand) -> None:
    """Add the commands; `command` makes a parser for one."""
    verify = command("verify", _verify, "Check everything stored against its promises; exit code 1 with a list if not.")
    verify.add_argument("--sample", type=int, default=200, help="passages to embed again (default 200; 0: no model)")
    backup = command("backup", _backup, "Write the collection to one file, also while it is served.")
    backup.add_argument("file", type=a_path, metavar="FILE")
    restore = command("restore", _restore, "Make the collection from a backup, all of it or nothing.")
    restore.add_argument("file", type=a_path, metavar="FILE")
    restore.add_argument("--replace", action="store_true", help="in the place of the collection that exists")
    reindex = command(
        "reindex", _reindex, "Build it again under another embedding model; the old one serves meanwhile."
    )
    reindex.add_argument("--model", dest="to_model", required=True, metavar="NAME", help="path or hub name")
    command("compact", _compact, "Give the space of deleted documents back to the disk, also while it is served.")


def _verify(options: argparse.Namespace, settings: Settings) -> int:
    with open_collection(options, settings) as collection:
        findings = collection.verify(max(0, options.sample))
        status = collection.status()
    if options.json:
        print_json({"findings": [dataclasses.asdict(finding) for finding in findings]})
    elif findings:
        for finding in findings:
            print(f"{finding.kind}: {finding.subject}: {finding.problem}")
    else:
        print(f"All is well: {status.documents:,} documents, {status.passages:,} passages.")
    return NOTHING if findings else 0


def _backup(options: argparse.Namespace, settings: Settings) -> int:
    with open_collection(options, settings) as collection:
        collection.backup(options.file)
    size = options.file.stat().st_size
    said = {"file": str(options.file), "bytes": size}
    print_json(said) if options.json else print(f"Wrote {options.file}, {size:,} bytes.")
    return 0


def _restore(options: argparse.Namespace, settings: Settings) -> int:
    from .index.backup import restore

    restore(settings.data, options.collection, options.file, replace=options.replace, settings=settings)
    with open_collection(options, settings) as collection:
        collection.build_index()
        status = collection.status()
    if options.json:
        print_json({"collection": status.collection, "documents": status.documents, "passages": status.passages})
    else:
        print(f"Restored {status.collection}: {status.documents:,} documents, {status.passages:,} passages.")
    return 0


def _reindex(options: argparse.Namespace, settings: Settings) -> int:
    from .cli_output import adding

    with open_collection(options, settings) as collection, adding(options.to_model, "Reindexing under") as on_progress:
        generation = collection.reindex(options.to_model, on_progress=on_progress)
        collection.build_index()
    if options.json:
        print_json({"embedding_model": options.to_model, "generation": generation})
    else:
        print(f"{options.collection} is under {options.to_model} now. A running server goes on with it by itself.")
    return 0


def _compact(options: argparse.Namespace, settings: Settings) -> int:
    with open_collection(options, settings) as collection:
        done = collection.compact()
    if options.json:
        print_json(dataclasses.asdict(done))
    else:
        print(f"{done.bytes_before:,} bytes before, {done.bytes_after:,} now.")
    return 0
