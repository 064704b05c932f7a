"""`spanwise ask | search | suggest`: answered by the server of the data folder where one runs, else by this process.

Either way the JSON of the HTTP API is what comes out, and it alone is printed or shown: the output is the same.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from .cli_shared import NOTHING, AddCommand, a_path, open_collection, print_json
from .errors import QuestionError, SpanwiseError
from .settings import Settings

if TYPE_CHECKING:
    from .cli_server import Server
    from .qa.collection import Collection
    from .qa.records import Answer

Json = dict[str, Any]
Said = TypeVar("Said")


def add_commands(command: AddCommand) -> None:
    """Add the commands; `command` makes a parser for one."""
    ask = command("ask", _ask, "Answer a question; exit code 1 when the documents do not hold the answer.")
    ask.add_argument("question", metavar="QUESTION", nargs="?")
    ask.add_argument("--file", type=a_path, metavar="QUESTIONS.txt", help="ask every line of a file instead")
    ask.add_argument("--min-probability", type=float, help="how likely an answer must be to count (default: fitted)")
    ask.add_argument("--top-k", type=int, default=3, help="most answers (default 3)")
    _add_where(ask)
    ask.add_argument("--open", action="store_true", help="show where the first answer stands, in the browser")
    search = command("search", _search, "Find the passages nearest to a query.")
    search.add_argument("query", metavar="QUERY")
    search.add_argument("--top-k", type=int, default=10, help="most passages (default 10)")
    search.add_argument("--mode", choices=("hybrid", "dense", "lexical"), default="hybrid")
    search.add_argument("--prefix", action="store_true", help="the last word may be unfinished")
    _add_where(search)
    search.add_argument("--cursor", help="the next page: what the page before printed at its end")
    search.add_argument("--rerank", action="store_true", help="let the reading model order the first 20 passages")
    search.add_argument("--no-merge", action="store_true", help="show neighbouring passages one by one")
    search.add_argument("--sentences", action="store_true", help="mark the sentence of each passage nearest in meaning")
    search.add_argument("--explain", action="store_true", help="say how each score came about")
    suggest = command("suggest", _suggest, "Complete what is being typed, from the documents.")
    suggest.add_argument("text", metavar="TEXT")
    suggest.add_argument("--limit", type=int, default=8, help="most completions (default 8)")
    for one in (ask, search, suggest):
        one.add_argument("--local", action="store_true", help="do not use a server that runs on the same data folder")


def _add_where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--where",
        action="append",
        metavar="CONDITION",
        help='search only documents whose metadata meet it: year>=2020, topic=sport, \'topic=["sport","art"]\', '
        "document.id=news/games, passage.page<10, or a filter as JSON; several must all hold",
    )


def _ask(options: argparse.Namespace, settings: Settings) -> int:
    if (options.question is None) == (options.file is None):
        raise QuestionError("Ask one question, or --file with one a line.", way_out='Like: spanwise ask "When?"')
    if options.file is not None:
        return _ask_many(options, settings, _lines(options.file))
    if options.open:
        with open_collection(options, settings) as collection:
            result = collection.ask(options.question, options.top_k, options.min_probability, where=options.where)
            said = _ask_json(result)
            _print_answer(options, said)
            if result.answers:
                _open(collection, result.answers[0])
        return 0 if said["answerable"] else NOTHING
    served = _served(options, settings, lambda server: server.ask([options.question], _asked(options)))
    said = served[0] if served else _asked_here(options, settings)
    _print_answer(options, said)
    return 0 if said["answerable"] else NOTHING


def _asked_here(options: argparse.Namespace, settings: Settings) -> Json:
    with open_collection(options, settings) as collection:
        return _ask_json(collection.ask(options.question, options.top_k, options.min_probability, where=options.where))


def _ask_many(options: argparse.Namespace, settings: Settings, questions: list[str]) -> int:
    from .cli_output import print_answers_to_many
    from .from_json import ask_result

    said = _served(options, settings, lambda server: server.ask(questions, _asked(options)))
    if said is None:
        with open_collection(options, settings) as collection:
            results = collection.ask_many(questions, options.top_k, options.min_probability, where=options.where)
        said = [_ask_json(result) for result in results]
    print_json({"results": said}) if options.json else print_answers_to_many([ask_result(one) for one in said])
    return 0 if any(one["answerable"] for one in said) else NOTHING


def _asked(options: argparse.Namespace) -> Json:
    body = {"top_k": options.top_k, "collection": options.collection, "where": _where(options)}
    return body | ({} if options.min_probability is None else {"min_probability": options.min_probability})


def _ask_json(result: Any) -> Json:
    from .api.serialise import ask_json

    return ask_json(result)


def _print_answer(options: argparse.Namespace, said: Json) -> None:
    if options.json:
        print_json(said)
        return
    from .cli_output import print_answers
    from .from_json import ask_result

    print_answers(ask_result(said))


def _open(collection: Collection, answer: Answer) -> None:
    from .cli_open import show_answer

    address, opened = show_answer(collection, answer)
    print(f"Opened {address}" if opened else f"There is no browser to open {address}", file=sys.stderr)


def _lines(file: Path) -> list[str]:
    from .qa.evaluation.files import lines, read_text

    return [line.strip() for _, line in lines(read_text(file))]


def _search(options: argparse.Namespace, settings: Settings) -> int:
    choices = {
        "mode": options.mode, "cursor": options.cursor, "rerank": options.rerank, "merge": not options.no_merge,
        "sentences": options.sentences, "explain": options.explain, "prefix": options.prefix,
    }  # fmt: skip

    def ask(server: Server) -> Json:
        body = {"query": options.query, "top_k": options.top_k, "collection": options.collection, **choices}
        return server.send("POST", "/v1/search", {**body, "where": _where(options)})

    said = _served(options, settings, ask)
    if said is None:
        from .api.serialise import hits_json

        with open_collection(options, settings) as collection:
            said = hits_json(collection.search(options.query, options.top_k, where=options.where, **choices))
    if options.json:
        print_json(said)
    else:
        from .cli_output import print_hits
        from .from_json import hits

        print_hits(hits(said))
    return 0 if said["hits"] else NOTHING


def _suggest(options: argparse.Namespace, settings: Settings) -> int:
    asked = urlencode({"text": options.text, "limit": options.limit, "collection": options.collection})
    said = _served(options, settings, lambda server: server.send("GET", f"/v1/suggest?{asked}"))
    if said is None:
        from .api.serialise import suggestions_json

        with open_collection(options, settings) as collection:
            said = suggestions_json(collection.suggest(options.text, options.limit))
    if options.json:
        print_json(said)
    else:
        from .cli_output import print_suggestions
        from .from_json import suggestions

        print_suggestions(suggestions(said))
    return 0 if said["suggestions"] else NOTHING


def _served(options: argparse.Namespace, settings: Settings, ask: Callable[[Server], Said]) -> Said | None:
    """What the server of the data folder says; None where this process has to do the work."""
    if options.local:
        return None
    from .cli_server import NotServedError, server_of

    try:
        with server_of(settings) as server:
            return ask(server)
    except (NotServedError, SpanwiseError):  # of the latter, a filter that cannot be read: told in its turn
        return None


def _where(options: argparse.Namespace) -> Any:
    from .index.filters import where_object

    return where_object(options.where) if options.where else None
