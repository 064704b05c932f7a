"""What is measured of one system, a stage at a time; every stage starts its own process and gives plain figures."""

from __future__ import annotations

import json
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from child import ANSWERS, Child, Said
from protocol import READ_AT_MOST

from spanwise.qa.evaluation.datasets import Row
from spanwise.qa.evaluation.metrics import mean_text, score_text

CLIENTS = 16
COLD_STARTS = 3
WARM_UPS = 5


@dataclass(frozen=True, slots=True)
class Bench:
    """What all systems are measured on."""

    environments: Path
    work: Path
    """Where the indexes lie."""
    reader: Path
    texts: dict[str, str]
    """The corpus that is searched and asked: passage id to text."""
    many: dict[str, str]
    """The corpus whose indexing is timed."""
    tokens: int
    """Of `many`."""
    rows: Sequence[Row]
    """Distinct questions, all answerable."""
    warm_ups: Sequence[str]
    """Other questions."""
    own: dict[str, str]
    """Question to the id of its own passage."""
    clients_questions: int
    at_once: Sequence[int]
    """How many of sixteen clients' questions a system is given at a time: each is tried, and the best counts."""

    def child(self, system: str, at_once: int = 1, part: str = "corpus") -> Child:
        return Child(system, self.environments, self.work / f"{system}-{part}", self.reader, at_once)

    def opened(self, system: str, at_once: int = 1) -> Child:
        """A process that has the corpus open and the models loaded; the corpus is indexed first if it never was."""
        self.build(system)
        return self.child(system, at_once).ready(["load", "warm"])

    def build(self, system: str) -> None:
        """Index the corpus unless that was done, and done by the same driver."""
        done = self.work / f"{system}-corpus.json"
        if done.exists() and json.loads(done.read_text()) == sorted(self.texts):
            return
        shutil.rmtree(self.work / f"{system}-corpus", ignore_errors=True)
        with self.child(system).ready(["warm"]) as child:
            child.must("index", passages=list(self.texts.items()))
        done.write_text(json.dumps(sorted(self.texts)))


def index(bench: Bench, system: str) -> dict[str, Any]:
    """Tokens a second until the index is on disk, models loaded before."""
    shutil.rmtree(bench.work / f"{system}-many", ignore_errors=True)
    with bench.child(system, part="many").ready(["warm"]) as child:
        before = child.must("usage").result
        seconds = child.must("index", passages=list(bench.many.items())).seconds
        after = child.must("usage").result
    shutil.rmtree(bench.work / f"{system}-many", ignore_errors=True)
    return {
        "passages": len(bench.many),
        "seconds": round(seconds, 2),
        "tokens_per_second": round(bench.tokens / seconds),
        "processor_seconds": round(after["processor"] - before["processor"], 2),
        "most_mb": after["most_mb"],
    }


def search(bench: Bench, system: str) -> dict[str, Any]:
    with bench.opened(system) as child:
        for question in bench.warm_ups:
            child.must("search", query=question, top_k=READ_AT_MOST)
        before = child.must("usage").result
        said = [child.must("search", query=row.question, top_k=READ_AT_MOST) for row in bench.rows]
        after = child.must("usage").result
    found = [bench.own[row.question] in one.result for row, one in zip(bench.rows, said, strict=True)]
    return {
        "questions": len(bench.rows),
        **percentiles([one.seconds for one in said]),
        "processor_ms": round(1000 * (after["processor"] - before["processor"]) / len(said), 2),
        f"recall_at_{READ_AT_MOST}": round(100 * sum(found) / len(found), 1),
    }


def answer(bench: Bench, system: str) -> dict[str, Any]:
    """Latency, quality and what the answers' places are worth, in one pass over the questions; then the memory."""
    with bench.opened(system) as child:
        for question in bench.warm_ups:
            child.request("ask", question=question)
        before = child.must("usage").result
        said = [child.request("ask", question=row.question) for row in bench.rows]
        after = child.must("usage").result
        about = child.must("about").result
    (bench.work / f"{system}-answers.json").write_text(json.dumps([one.result for one in said]))
    return {
        "about": about,
        "questions": len(bench.rows),
        **percentiles([one.seconds for one in said]),
        **quality(bench, said),
        "processor_ms": round(1000 * (after["processor"] - before["processor"]) / len(said), 2),
        "resident_mb": after["resident_mb"],
        "most_mb": after["most_mb"],
    }


def quality(bench: Bench, said: Sequence[Said]) -> dict[str, Any]:
    given = [one.result for one in said if one.result]
    scores = [
        score_text(one.result["text"] if one.result else "", row.golds)
        for row, one in zip(bench.rows, said, strict=True)
    ]
    errors = Counter(one.error for one in said if one.error)
    spans = [one for one in given if one["start"] is not None and one["passage"] is not None]
    named = [one for one in given if one["passage"] is not None]
    return {
        **{name: round(value, 2) for name, value in mean_text(scores).items() if name != "n"},
        "answers": len(given),
        "with_span": len(spans),
        "span_right": sum(bench.texts[one["passage"]][one["start"] : one["end"]] == one["text"] for one in spans),
        "with_passage": len(named),
        "passage_holds_words": sum(one["text"] in bench.texts[one["passage"]] for one in named),
        "errors": dict(errors.most_common(5)),
    }


def clients(bench: Bench, system: str) -> dict[str, Any]:
    """Answers a second of one client and of sixteen, and whether sixteen got the same answers as one."""
    questions = [row.question for row in bench.rows[: bench.clients_questions]]
    figures: dict[str, Any] = {"questions": len(questions)}
    with bench.opened(system) as child:
        rate, alone = _together(child, bench.warm_ups, questions, 1)
    figures["one_client"] = rate
    figures["sixteen_clients"] = {}
    for at_once in bench.at_once:
        with bench.opened(system, at_once) as child:
            rate, said = _together(child, bench.warm_ups, questions, CLIENTS)
        figures["sixteen_clients"][str(at_once)] = {
            "answers_per_second": rate,
            "other_than_alone": sum(one.result != two.result for one, two in zip(alone, said, strict=True)),
            "errors": sum(bool(one.error) for one in said),
        }
    return figures


def cold(bench: Bench, system: str) -> dict[str, Any]:
    """Seconds from the start of a process to its first answer, index on disk, files in the page cache."""
    bench.build(system)
    times = []
    for number in range(COLD_STARTS):
        started = time.perf_counter()
        with bench.child(system) as child:
            child.ready(["load"])
            child.request("ask", question=bench.rows[number].question)
            times.append(time.perf_counter() - started)
    return {"starts": len(times), "seconds": round(statistics.median(times), 2)}


STAGES: dict[str, Callable[[Bench, str], dict[str, Any]]] = {
    "index": index,
    "search": search,
    "answer": answer,
    "clients": clients,
    "cold": cold,
}
ASKING = ("answer", "clients", "cold")


def applies(stage: str, system: str) -> bool:
    """Floors for search do not answer."""
    return stage not in ASKING or system in ANSWERS


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles([1000 * one for one in seconds], n=20, method="inclusive")
    return {"p50_ms": round(cuts[9], 2), "p95_ms": round(cuts[18], 2)}


def _together(
    child: Child, warm_ups: Sequence[str], questions: Sequence[str], clients: int
) -> tuple[float, list[Said]]:
    """Answers a second, and the answers: each client asks its next question when it has the last one's answer."""

    def ask(question: str) -> Said:
        return child.request("ask", question=question)

    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(ask, warm_ups))
        started = time.perf_counter()
        said = list(threads.map(ask, questions))
        seconds = time.perf_counter() - started
    return round(len(questions) / seconds, 2), said
