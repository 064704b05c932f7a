"""The command line: `python -m training prepare|train|average|export|report|shortcuts|look|evaluate …`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import config as configuration


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description="Make the reading model.")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.add_argument("--config", type=Path, required=True, help="TOML file with every setting of the run")
        made.add_argument("--run-dir", type=Path, required=True, help="folder of the run, outside the checkout")
        return made

    base_help = "model folder of the base cross-encoder"
    made = command("prepare", "data sets to tokenised arrays in the run folder")
    made.add_argument("--data", type=Path, required=True, help="folder with train/ and dev/")
    made.add_argument("--base", type=Path, required=True, help=base_help)
    made = command("train", "go on with the run, or cool it down to a finished model")
    made.add_argument("--base", type=Path, required=True, help=base_help)
    made.add_argument("--cooldown-tokens", type=int, help="branch off and let the rate fall to 0 over so many tokens")
    made.add_argument("--max-steps", type=int, help="stop after so many steps")
    made.add_argument("--start", type=Path, help="model folder of a reader whose weights a new run begins with")
    made = command("export", "a finished model to ONNX (int8 weights) and float16 safetensors")
    made.add_argument("--model", type=Path, help="model folder; otherwise the newest finished cool-down of the run")
    made.add_argument("--out", type=Path, required=True, help="folder to write to")
    made.add_argument(
        "--precision", choices=("float32", "int8-weights", "int8"), default="int8-weights", help="of the ONNX file"
    )
    made = command("recover", "a shipped ONNX reader back to float32 weights, to start a run from")
    made.add_argument("--reader", type=Path, required=True, help="folder with reader.onnx and tokenizer.json")
    made.add_argument("--base", type=Path, required=True, help=base_help)
    made.add_argument("--out", type=Path, required=True, help="folder to write to")
    made = command("average", "the mean of the weights of finished models that come from one start")
    made.add_argument("--models", type=Path, nargs="+", required=True, help="model folders")
    made.add_argument("--out", type=Path, required=True, help="folder to write to")
    command("report", "the learning curve of the run as Markdown")
    command("shortcuts", "how well the question alone gives the label away")
    made = command("look", "print examples as the model sees them")
    made.add_argument("--count", type=int, default=40, help="examples of each kind")
    made.add_argument("--epoch", type=int, default=0)
    made = command("evaluate", "EM and F1 of a model folder on a SQuAD-format file")
    made.add_argument("--model", type=Path, required=True, help="model folder with tokenizer.json")
    made.add_argument("--questions", type=Path, nargs="+", required=True, help=".jsonl.gz files")
    made.add_argument("--titles", type=Path, help="file with the titles to keep, one a line; otherwise all")
    made.add_argument("--count", type=int, help="a sample of so many questions of each file")
    made.add_argument("--threshold", type=float, default=0.0, help="margin over the null score that an answer needs")
    return parser


def _export(options: argparse.Namespace) -> str:
    from .export import export, finished_model

    written = export(options.model or finished_model(options.run_dir), options.out, options.precision)
    return json.dumps(written, indent=2)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; imports only what that command needs."""
    options = _parser().parse_args(arguments)
    config = configuration.load(options.config)
    out = sys.stdout
    if options.command == "prepare":
        from .prepare import prepare

        note = prepare(config, options.data, options.base, options.run_dir)
        out.write(json.dumps({key: value for key, value in note.items() if key != "config"}, indent=2) + "\n")
    elif options.command == "train":
        from .train import train

        steps, start = options.max_steps, options.start
        out.write(f"{train(config, options.base, options.run_dir, options.cooldown_tokens, steps, start)}\n")
    elif options.command == "export":
        out.write(_export(options) + "\n")
    elif options.command == "average":
        from .model import average

        average(options.models, options.out)
        out.write(f"{options.out}\n")
    elif options.command == "recover":
        from .recover import recover

        out.write(f"{recover(options.reader, options.base, options.out)}\n")
    elif options.command == "report":
        from .report import report

        out.write(report(options.run_dir))
    elif options.command == "shortcuts":
        from .shortcuts import shortcuts

        shortcuts(config, options.run_dir, out)
    elif options.command == "look":
        from .look import look

        look(config, options.run_dir, options.epoch, options.count, out)
    elif options.command == "evaluate":
        from .evaluate import evaluate_files

        found = evaluate_files(
            config, options.model, options.questions, options.titles, options.count, options.threshold
        )
        out.write(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
