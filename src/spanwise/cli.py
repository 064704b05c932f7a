"""The commands: `spanwise add | sync | remove | list | show | ask | search | suggest | calibrate | labels | status |
verify | backup | restore | reindex | compact | serve | keys | collections | eval`.

Exit codes: 0 done; 1 done, but with nothing to show or some files failed; 2 wrong use or unusable input;
3 storage or model trouble; 130 interrupted.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NoReturn

from . import __version__, cli_asking, cli_collections, cli_eval, cli_keys, cli_labels, cli_upkeep
from .cli_shared import NOTHING, Command, a_path, collection_to_fill, open_collection, print_json
from .errors import InputError, NotFoundError, SpanwiseError
from .settings import Settings

if TYPE_CHECKING:
    from .index.records import Document
    from .qa.collection import Collection

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

MISUSE, TROUBLE, INTERRUPTED = 2, 3, 130

_SHARED = ("collection", "json")
"""Options that stand before or after the commands that heed them."""
_COLLECTIONS = "Make, list, rename and drop collections."
_LABELS = "What people marked as right or wrong."
_EPILOG = __doc__.partition("\n\n")[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    try:
        parser = build_parser()
        options = parser.parse_args(arguments)
        _check_heeded(parser, options)
        settings = _settings(options)
        return int(options.run(options, settings))
    except SpanwiseError as error:
        print(f"spanwise: {error}", file=sys.stderr)
        return MISUSE if isinstance(error, InputError | NotFoundError) else TROUBLE
    except (KeyboardInterrupt, ImportError) as error:
        # Ctrl-C while a library in C++ is being imported leaves it as an ImportError (pybind11).
        if not isinstance(error, KeyboardInterrupt) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        print("spanwise: interrupted; every document reported as added is stored.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `spanwise list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOTHING


def run() -> NoReturn:
    """The console script."""
    sys.exit(main())


@cache
def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; the options that commands share are understood before and after its name."""
    top = argparse.ArgumentParser(
        prog="spanwise",
        description="Answers questions from your own documents with the exact words of the source.",
        epilog=_EPILOG,
        parents=[_common(None)],
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"spanwise {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    command = partial(_command, commands)
    of_data = partial(_command, heeds=("json",))

    add = command(
        "add", _add, "Add files of every format that is read, or all of them in a folder; what changed is replaced."
    )
    add.add_argument("paths", nargs="+", type=a_path, metavar="PATH")
    _add_reading(add)
    sync = command("sync", _sync, "Make the collection equal a folder: new, changed and deleted files.")
    sync.add_argument("folder", type=a_path, metavar="FOLDER")
    sync.add_argument("--watch", action="store_true", help="go on, and follow the folder until stopped")
    sync.add_argument(
        "--delete-most",
        action="store_true",
        help="also where more than half of the documents would be deleted, which is refused: a path may be wrong",
    )
    sync.add_argument("--every", type=_seconds, default=2.0, metavar="SECONDS", help="between two looks (default 2)")
    _add_reading(sync)
    remove = command("remove", _remove, "Delete documents.")
    remove.add_argument("ids", nargs="+", metavar="ID")
    command("list", _list, "List the documents.")
    show = command("show", _show, "Print a document's text, or the characters START to END of it.")
    show.add_argument("id", metavar="ID", help="or the path of its file, as `ask` and `search` say it")
    show.add_argument("--start", type=int, help="first character (default 0)")
    show.add_argument("--end", type=int, help="character behind the last (default: the end)")
    cli_asking.add_commands(command)
    calibrate = command("calibrate", _calibrate, "Fit the probabilities of this collection to labelled questions.")
    calibrate.add_argument(
        "labels",
        type=a_path,
        nargs="?",
        metavar="LABELS.jsonl",
        help='a line each: {"question": …, "answer": text or null} (default: what was marked in the search box)',
    )
    command("status", _status, "Say what the collection holds.")
    cli_upkeep.add_commands(command)
    serve = command("serve", _serve, "Serve the HTTP API and the search box, for all collections.", heeds=())
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8000)
    serve.add_argument("--allow-public", action="store_true", help="bind a public address though there are no API keys")
    keys = commands.add_parser("keys", help="API keys of the HTTP server.", description="API keys of the HTTP server.")
    cli_keys.add_commands(partial(of_data, keys.add_subparsers(required=True, metavar="COMMAND")))
    collections = commands.add_parser("collections", help=_COLLECTIONS, description=_COLLECTIONS)
    cli_collections.add_commands(partial(of_data, collections.add_subparsers(required=True, metavar="COMMAND")))
    labels = commands.add_parser("labels", help=_LABELS, description=_LABELS)
    of_labels = partial(_command, labels.add_subparsers(required=True, metavar="COMMAND"))
    cli_labels.add_commands(of_labels, partial(of_labels, heeds=("collection",)))
    cli_eval.add_commands(partial(command, heeds=()))
    return top


def _command(
    commands: Commands, name: str, run: Command, summary: str, *, heeds: tuple[str, ...] = _SHARED
) -> argparse.ArgumentParser:
    # After the command the same options have no default, or they would overwrite what stood before it.
    parser = commands.add_parser(
        name, help=summary, description=summary, parents=[_common(argparse.SUPPRESS, heeds)], allow_abbrev=False
    )
    parser.set_defaults(run=run, heeds=heeds, called=parser.prog)
    return parser


def _check_heeded(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End with exit code 2 where an option before the command is one that it would ignore."""
    given = {"collection": options.collection != "default", "json": options.json}
    for name in _SHARED:
        if given[name] and name not in options.heeds:
            parser.error(f"{options.called} does not take --{name}")


@cache
def _common(default: object, heeds: tuple[str, ...] = _SHARED) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--data", metavar="DIR", type=a_path, default=default, help="folder of the collections")
    options.add_argument(
        "--config", metavar="FILE", type=a_path, default=default, help="settings in TOML (default: SPANWISE_CONFIG)"
    )
    if "collection" in heeds:
        options.add_argument("--collection", metavar="NAME", default=default or "default", help="which collection")
    if "json" in heeds:
        options.add_argument(
            "--json", action="store_true", default=default or False, help="print JSON, as the HTTP API answers"
        )
    return options


def _add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--encoding", help="encoding of text files (default: detected)")
    parser.add_argument(
        "--check-content", action="store_true", help="read files of a folder again that look unchanged by size and time"
    )
    parser.add_argument("--keep-all", action="store_true", help="keep the navigation of web pages")
    parser.add_argument(
        "--columns",
        type=_columns,
        metavar="NAME=COLUMN,...",
        help="which columns of CSV, JSON and JSONL files hold text, id, title and uri; further names become metadata",
    )
    parser.add_argument(
        "--metadata",
        action="append",
        type=_pair,
        default=[],
        metavar="NAME=VALUE",
        help="goes with every document, before what its file says of itself; may stand several times",
    )
    parser.add_argument("--model", help="embedding model of a new collection: a sentence-transformers path or hub name")
    parser.add_argument("--query-prompt", help="what it gets in front of queries (default: what the model asks for)")
    parser.add_argument("--passage-prompt", help="what it gets in front of passages (default: what the model asks for)")


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError("give seconds from 0.1 to 86400")
    return seconds


def _pair(value: str) -> tuple[str, str]:
    name, equals, said = value.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError("give NAME=VALUE")
    return name, said


def _columns(value: str) -> dict[str, str]:
    pairs = dict(pair.partition("=")[::2] for pair in value.split(","))
    if not all(pairs) or not all(pairs.values()):
        raise argparse.ArgumentTypeError("give NAME=COLUMN, separated by commas")
    return pairs


def _settings(options: argparse.Namespace) -> Settings:
    settings = Settings.from_environment(config=options.config)
    if options.data is not None:
        settings = dataclasses.replace(settings, data=options.data)
    given = {name: getattr(options, name, None) for name in ("model", "query_prompt", "passage_prompt")}
    return dataclasses.replace(settings, **{name: value for name, value in given.items() if value is not None})


def _add(options: argparse.Namespace, settings: Settings) -> int:
    from .cli_output import adding, print_added
    from .errors import DocumentIdError, SourceError
    from .index.ingest import is_there
    from .index.records import Added, Failure

    for path in options.paths:
        if not is_there(path):
            raise SourceError(f"There is no file {str(path)!r}.", subject=path, way_out="Check the path.")
    result = Added()
    stored: set[str] = set()
    with collection_to_fill(options, settings) as collection:
        for path in dict.fromkeys(options.paths):
            try:
                with adding(path.name) as on_progress:
                    one = collection.add(path, **_reading(options), reserved=stored, on_progress=on_progress)
            except (SourceError, DocumentIdError) as error:
                one = Added(failed=(Failure(path.name, str(error)),))
            stored.update(one.ids)
            result += one
        collection.build_index()
    print_added(result, as_json=options.json)
    return NOTHING if result.failed else 0


def _sync(options: argparse.Namespace, settings: Settings) -> int:
    from .cli_output import adding, print_added
    from .index.folders import check_folder

    if options.watch:
        return _watch(options, settings)
    check_folder(options.folder)  # before a collection is made for it
    with collection_to_fill(options, settings) as collection, adding(options.folder.name) as on_progress:
        result = collection.sync(options.folder, **_syncing(options), on_progress=on_progress)
        collection.build_index()
    print_added(result, as_json=options.json)
    return NOTHING if result.failed else 0


def _watch(options: argparse.Namespace, settings: Settings) -> int:
    from .cli_output import print_change
    from .cli_signals import asked_to_stop
    from .index.watching import follow

    def error(problem: SpanwiseError) -> None:
        print(f"spanwise: {problem}", file=sys.stderr, flush=True)

    with collection_to_fill(options, settings) as collection, asked_to_stop() as stop:
        follow(
            options.folder,
            lambda: collection.sync(options.folder, **_syncing(options)),
            every=options.every,
            stop=stop,
            on_result=lambda result: print_change(result, as_json=options.json),
            on_error=error,
        )
    return 0


def _reading(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "encoding": options.encoding,
        "keep_all": options.keep_all,
        "columns": options.columns,
        "check_content": options.check_content,
        "metadata": dict(options.metadata),
    }


def _syncing(options: argparse.Namespace) -> dict[str, Any]:
    return {**_reading(options), "delete_most": options.delete_most}


def _remove(options: argparse.Namespace, settings: Settings) -> int:
    with open_collection(options, settings) as collection:
        removed = collection.remove(*options.ids)
    print_json({"removed": removed}) if options.json else print(f"Removed {removed}.")
    return 0


def _list(options: argparse.Namespace, settings: Settings) -> int:
    from .api.serialise import document_json
    from .cli_output import path_of

    with open_collection(options, settings) as collection:
        documents = collection.documents()
    if options.json:
        print_json({"documents": [document_json(document) for document in documents]})
    else:
        for document in documents:
            path = path_of(document)
            name = document.title or (path if path != document.id else "")
            title = f"  {name}" if name else ""
            print(f"{document.id}  {document.characters:,} characters, {document.passages} passages{title}")
    return 0


def _show(options: argparse.Namespace, settings: Settings) -> int:
    from .api.serialise import document_text_json

    with open_collection(options, settings) as collection:
        document = _stored(collection, options.id)
    span = document.info.span(options.start or 0, len(document.text) if options.end is None else options.end)
    if options.json:
        print_json(document_text_json(document, span))
    else:
        sys.stdout.write(span.of(document.text))
        if sys.stdout.isatty():
            print()
    return 0


def _stored(collection: Collection, name: str) -> Document:
    """The document with the id `name`, or whose file has that path. Raises DocumentNotFoundError."""
    from .errors import DocumentNotFoundError
    from .index.loading import id_of_path

    try:
        return collection.document(name)
    except DocumentNotFoundError:
        with suppress(DocumentNotFoundError):
            return collection.document(id_of_path(PurePath(name)))
        raise


def _calibrate(options: argparse.Namespace, settings: Settings) -> int:
    from .cli_output import print_calibration, progress_bar
    from .qa.calibrating import read_labels
    from .qa.evaluation.progress import Steps
    from .qa.labels import labels_of

    with open_collection(options, settings) as collection, progress_bar("calibrate") as on_progress:
        labels = read_labels(options.labels) if options.labels else labels_of(collection.marks())
        report = collection.calibrate(labels, Steps(len(labels), on_progress))
    print_json(report) if options.json else print_calibration(report)
    return 0


def _status(options: argparse.Namespace, settings: Settings) -> int:
    with open_collection(options, settings) as collection:
        status = dataclasses.asdict(collection.status())
    if options.json:
        print_json(status)
    else:
        pending = status.pop("pending")
        for name, value in status.items():
            print(
                f"{name.replace('_', ' '):19} {value:,}"
                if isinstance(value, int)
                else f"{name.replace('_', ' '):19} {value or '-'}"
            )
        for work in pending:
            again = "it is made again" if work["what"] == "index" else "begin it again, it goes on there"
            how = f"process {work['process']}" if work["running"] else f"cut off: {again}"
            print(f"{'pending':19} {work['what']} {work['subject']}, {work['done']:,} of {work['total']:,}, {how}")
    return 0


def _serve(options: argparse.Namespace, settings: Settings) -> int:
    from .api.observing import configure_logging
    from .api.server import serve

    configure_logging(settings.log_format)

    def ready(address: str) -> None:
        print(f"Spanwise answers at {address} (Ctrl-C stops it).", file=sys.stderr, flush=True)

    serve(settings, options.host, options.port, allow_public=options.allow_public, on_ready=ready)
    return 0
