"""`spanwise labels`: what people marked as right or wrong, for `spanwise calibrate`."""

from __future__ import annotations

import argparse
import json
import sys

from .cli_shared import NOTHING, AddCommand, open_collection, print_json
from .settings import Settings


def add_commands(command: AddCommand, prints_lines: AddCommand) -> None:
    """Add the verbs of `spanwise labels`; `command` makes a parser for one, `prints_lines` one without `--json`."""
    prints_lines("export", _export, "Print the labels as JSONL, the form that `spanwise calibrate` reads.")
    command("clear", _clear, "Forget every mark of the collection.")


def _export(options: argparse.Namespace, settings: Settings) -> int:
    from .qa.labels import label_json, labels_of

    with open_collection(options, settings) as collection:
        labels = labels_of(collection.marks())
    for label in labels:
        print(json.dumps(label_json(label), ensure_ascii=False))
    if not labels:
        print("Nothing was marked yet.", file=sys.stderr)
    return 0 if labels else NOTHING


def _clear(options: argparse.Namespace, settings: Settings) -> int:
    with open_collection(options, settings) as collection:
        forgotten = collection.forget_marks()
    print_json({"forgotten": forgotten}) if options.json else print(f"Forgot {forgotten}.")
    return 0
