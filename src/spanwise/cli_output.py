"""What the command line prints: answers in their sentence, hits, and progress on a terminal."""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from .cli_shared import print_json
from .index.records import Added, DocumentInfo
from .index.results import Hit, Hits, Suggestions
from .index.sentences import sentence_spans
from .qa.records import Answer, AskResult

if TYPE_CHECKING:
    from .index.folders import OnProgress
    from .index.folders import Progress as AddProgress

_WORTH_A_LINE = 0.01
"""Probability from which another answer is printed; JSON has them all."""


def print_answers(result: AskResult) -> None:
    """The answers, best first: each bold in its sentence, with its source and characters under it."""
    console = _console()
    _print_corrected(console, result.corrected)
    for warning in result.warnings:
        console.print(Text(f"Note: {warning}", style="yellow"))
    if not result.answerable:
        if result.no_answer_probability >= 0.5:
            chance = "more than 99%" if result.no_answer_probability > 0.99 else f"{result.no_answer_probability:.0%}"
            console.print(Text(f"Not in these documents, as far as I can tell ({chance} sure).", style="yellow"))
        else:
            console.print(Text("Nothing here is likely enough to be the answer.", style="yellow"))
        if result.answers:
            console.print("Nearest:")
    for answer in result.answers if not result.answerable else result.answers[:1]:
        console.print()
        _print_answer(console, answer, result.calibrated)
    others = [answer for answer in result.answers[1:] if result.answerable and answer.probability >= _WORTH_A_LINE]
    if others:
        console.print("\nOther answers:")
        for answer in others:
            where = f"{path_of(answer.document)}, characters {answer.span.start}-{answer.span.end}"
            console.print(Text(f"  {answer.probability:4.0%}  {_one_line(answer.plain)}  ({where})"))


def print_answers_to_many(results: Sequence[AskResult]) -> None:
    """One question after the other, each with its answers."""
    for number, result in enumerate(results):
        if number:
            print()
        _console().print(Text(_one_line(result.question), style="bold underline"))
        print_answers(result)


def print_calibration(report: Mapping[str, Any]) -> None:
    """Reliability before and after fitting to labels."""
    print(f"Fitted to {report['labels']} labels, {report['answerable']} of them with an answer.")
    print(f"{'':8} {'n':>5} {'right':>7} {'ECE':>7} {'AUROC':>7}  probability → share right")
    for name in ("before", "after"):
        found = report[name]
        auroc = "–" if found["auroc"] is None else f"{found['auroc']:.3f}"
        bins = "  ".join(f"{one['probability']:.2f}→{one['accuracy']:.2f}" for one in _pooled(found["reliability"]))
        print(f"{name:8} {found['n']:5} {found['accuracy']:6.1f}% {found['ece']:7.3f} {auroc:>7}  {bins}")
    print(f"Answers count as such from a probability of {report['answer_above']:.2f}. `after` is cross-validated.")


def _pooled(bins: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, float]]:
    """Neighbouring bins put together, at most five of them."""
    size = -(-len(bins) // 5)
    for start in range(0, len(bins), size):
        some = bins[start : start + size]
        n = sum(one["n"] for one in some)
        yield {key: sum(one[key] * one["n"] for one in some) / n for key in ("probability", "accuracy")}


def print_hits(hits: Hits) -> None:
    """One passage after the other with its source."""
    console = _console()
    _print_corrected(console, hits.corrected)
    for warning in hits.warnings:
        console.print(Text(f"Note: {warning}", style="yellow"))
    if not len(hits):
        console.print("Nothing found.")
    for number, hit in enumerate(hits, 1):
        heading = " › ".join(hit.passage.heading)
        source = f"{path_of(hit.document)}, characters {hit.span.start}-{hit.span.end}" + (
            f", {heading}" if heading else ""
        )
        scores = f"score {hit.scores.fused:.3f}"
        scores += "" if hit.scores.relevance is None else f", relevance {hit.scores.relevance:.2f}"
        console.print(Text(f"{number}. {source}  {scores}", style="bold"))
        console.print(Text("   ").append(_marked(hit)))
        for sentence in hit.explanation.words if hit.explanation else ():
            console.print(Text(f"   {sentence}", style="dim"))
    if hits.next:
        console.print(Text(f"More with: --cursor {hits.next}", style="dim"))


def _marked(hit: Hit) -> Text:
    """The passage on one line: what matched bold, the nearest sentence underlined."""
    marks = [(one.span, "bold green") for one in hit.highlights]
    marks += [(hit.sentence.span, "underline")] if hit.sentence else []
    shift = hit.span.start
    edges = sorted({0, len(hit.text), *(edge - shift for span, _ in marks for edge in (span.start, span.end))})
    line = Text()
    for start, end in itertools.pairwise(edges):
        styles = [style for span, style in marks if span.start - shift <= start and end <= span.end - shift]
        line.append(_one_line(hit.text[start:end], keep_ends=True), style=" ".join(styles))
    return line


def print_suggestions(found: Suggestions) -> None:
    """One completion a line."""
    console = _console()
    if not len(found):
        console.print("Nothing begins like that.")
    for suggestion in found:
        console.print(Text(_one_line(suggestion.text)))


def print_added(result: Added, *, as_json: bool) -> None:
    """What `add` did; failures one a line on standard error."""
    from .api.serialise import stored_json

    if as_json:
        print_json({**stored_json(result), "removed": result.removed})
        return
    removed = f", removed {len(result.removed)}" if result.removed else ""
    print(f"Added {len(result.added)}, replaced {len(result.replaced)}, unchanged {len(result.unchanged)}{removed}.")
    for failure in result.failed:
        print(f"Not added: {failure.error}", file=sys.stderr)


def print_change(result: Added, *, as_json: bool) -> None:
    """What one `sync` of a watched folder did, on a line with the time."""
    from .api.serialise import stored_json

    if as_json:
        said = {**stored_json(result), "removed": result.removed}
        print(json.dumps(said, ensure_ascii=False), flush=True)
        return
    counts = (("added", result.added), ("replaced", result.replaced), ("removed", result.removed))
    done = ", ".join(f"{what} {len(ids)}" for what, ids in counts if ids)
    print(f"{datetime.now():%H:%M:%S} {done or 'nothing changed'}", flush=True)
    for failure in result.failed:
        print(f"Not added: {failure.error}", file=sys.stderr, flush=True)


@contextmanager
def adding(what: str, doing: str = "Adding") -> Iterator[OnProgress]:
    """Progress of `add` or `reindex` for as long as the block lasts; silent when standard error is not a terminal."""
    with progress_bar(f"{doing} {what}") as on_progress:

        def report(progress: AddProgress) -> None:
            on_progress(progress.done, progress.total)

        yield report


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with an estimate on standard error; silent when that is not a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report


def _print_corrected(console: Console, corrected: Mapping[str, str]) -> None:
    if corrected:
        words = ", ".join(f"“{right}” for “{wrong}”" for wrong, right in corrected.items())
        console.print(Text(f"Searched also for {words}.", style="yellow"))


def _print_answer(console: Console, answer: Answer, calibrated: bool) -> None:
    before, after = _sentence_around(answer)
    sentence = Text("  ")
    sentence.append(_one_line(before, keep_ends=True).lstrip())
    sentence.append(_one_line(answer.text), style="bold green")
    sentence.append(_one_line(after, keep_ends=True).rstrip())
    console.print(Text(_one_line(answer.plain), style="bold"))
    console.print(sentence)
    title, headings = answer.document.title, list(answer.heading)
    parts = [title or path_of(answer.document)]
    parts += [f"page {answer.page}"] if answer.page else []
    headings = headings[1:] if headings and headings[0] == title else headings
    parts += [" › ".join(headings)] if headings else []
    parts += [f"characters {answer.span.start}-{answer.span.end}"]
    sure = f"probability {answer.probability:.2f}" + ("" if calibrated else " (not calibrated)")
    agreeing = f"; {len(answer.support)} more place{'s' * (len(answer.support) > 1)}" if answer.support else ""
    console.print(Text(f"  — {', '.join(parts)}; {sure}{agreeing}", style="dim"))


def path_of(document: DocumentInfo) -> str:
    """The path of the file that `document` was read from: its id, with the characters that ids escape (`~20`)."""

    def unescaped(match: re.Match[str]) -> str:
        try:
            return bytes.fromhex(match[0].replace("~", "")).decode()
        except UnicodeDecodeError:
            return match[0]

    return _one_line(re.sub(r"(?:~[0-9A-F]{2})+", unescaped, document.id))


def _sentence_around(answer: Answer) -> tuple[str, str]:
    """What stands before and after the answer in the sentence (or sentences) it lies in, or in its row of a table."""
    text = answer.passage.text
    start = answer.span.start - answer.passage.span.start
    end = answer.span.end - answer.passage.span.start
    spans = sentence_spans(text)
    first = max((begin for begin, _ in spans if begin <= start), default=0)
    last = min((finish for _, finish in spans if finish >= end), default=len(text))
    row, behind = text.rfind("\n", 0, start) + 1, (text + "\n").index("\n", end)
    if "|" in text[row:behind]:
        first, last = max(first, row), min(last, behind)
    return text[first:start], text[end:last]


def _one_line(text: str, *, keep_ends: bool = False) -> str:
    joined = " ".join(text.split())
    if keep_ends and text:
        joined = " " * text[0].isspace() + joined + " " * (bool(joined) and text[-1].isspace())
    return "".join(character if character.isprintable() else "\ufffd" for character in joined)


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)
