"""Do misspelt questions still find their passages? nDCG@10 as asked, misspelt, and misspelt without correction.

python benchmarks/typos.py squad1.1-dev-a.jsonl.gz --data FOLDER --out benchmarks/results/typos

The file's contexts are pooled. Of each question of a seeded sample one word of five letters or more gets one typing
error, also seeded: a letter dropped, doubled or replaced by its neighbour on the keyboard, or two swapped; never the
first letter. Function words are left alone. What was corrected is compared with what had been written.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from retrieval import interval

from corpora.texts import judged_corpus
from corpora.vectors import cached_embedder
from spanwise.index.lexical_sqlite import Lexicon
from spanwise.index.words import FUNCTION_WORDS, fold
from spanwise.qa.collection import Collection
from spanwise.qa.evaluation.corpus import indexed, ranked_documents, stored_id
from spanwise.qa.evaluation.datasets import Query, sample
from spanwise.qa.evaluation.metrics import ndcg
from trust.reporting import write_figures

LEAST_LETTERS = 5
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_WORD = re.compile(rf"[^\W\d_]{{{LEAST_LETTERS},}}")


@dataclass(frozen=True, slots=True)
class Misspelt:
    text: str
    right: str
    """The word as it was written, folded."""
    wrong: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="SQuAD-format file")
    parser.add_argument("--data", type=Path, required=True, help="keeps vectors and the index, as for retrieval.py")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--out", type=Path, help="file name without suffix for the Markdown and JSON")
    options = parser.parse_args()
    corpus = judged_corpus(options.corpus)
    queries, misspelt = [], []
    for query in sample(corpus.queries, 2 * options.questions):
        wrong = misspell(query.text)
        if wrong is not None and len(queries) < options.questions:
            queries.append(query)
            misspelt.append(wrong)
    with indexed(corpus.documents, data=options.data / "index", embedder=cached_embedder(options.data)) as collection:
        report = measure(collection, queries, misspelt)
    write_figures(options.out, "Misspelt questions", as_markdown(report), report)


def misspell(question: str) -> Misspelt | None:
    """`question` with one typing error; None where no word of it is long enough."""
    words = [word for word in _WORD.finditer(question) if fold(word[0]) not in FUNCTION_WORDS]
    if not words:
        return None
    drawn = random.Random(question)
    word = drawn.choice(words)
    wrong = _mistyped(word[0], drawn)
    return Misspelt(question[: word.start()] + wrong + question[word.end() :], fold(word[0]), fold(wrong))


def _mistyped(word: str, drawn: random.Random) -> str:
    place = drawn.randrange(1, len(word) - 1)
    before, letter, after = word[:place], word[place], word[place + 1 :]
    row = next((row for row in _ROWS if letter.lower() in row), "")
    near = [row[at] for at in (row.find(letter.lower()) - 1, row.find(letter.lower()) + 1) if 0 <= at < len(row)]
    made = [before + after, before + letter + letter + after, before + after[0] + letter + after[1:]]
    made += [before + drawn.choice(near) + after] if near else []
    return drawn.choice([one for one in made if one != word])


def measure(collection: Collection, queries: Sequence[Query], misspelt: Sequence[Misspelt]) -> dict[str, Any]:
    """nDCG@10 (0 to 100) by way of searching and of asking; what was corrected."""
    report: dict[str, Any] = {"questions": len(queries), "ndcg10": {}}
    for mode in ("hybrid", "lexical", "dense"):
        per_query: dict[str, list[float]] = {}
        for asked in ("as written", "misspelt", "misspelt, not corrected"):
            with ExitStack() as block:
                if asked == "misspelt, not corrected":
                    block.enter_context(patch.object(Lexicon, "corrected", lambda self, word: word))
                texts = [one.text for one in (queries if asked == "as written" else misspelt)]
                per_query[asked] = [
                    ndcg(
                        ranked_documents(collection, text, 10, mode)[0],
                        {stored_id(name): grade for name, grade in query.relevant.items()},
                        10,
                    )
                    for text, query in zip(texts, queries, strict=True)
                ]
        figures: dict[str, Any] = {asked: 100 * float(np.mean(each)) for asked, each in per_query.items()}
        figures["correction gains"] = interval(per_query["misspelt"], per_query["misspelt, not corrected"])
        report["ndcg10"][mode] = figures
    outcomes = [_outcome(collection, one) for one in misspelt]
    report["of the misspelt words"] = {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}
    report["right questions in which a word was changed"] = sum(
        bool(collection.search(query.text, 1, mode="lexical").corrected) for query in queries
    )
    return report


def _outcome(collection: Collection, one: Misspelt) -> str:
    corrected = collection.search(one.text, 1, mode="lexical").corrected.get(one.wrong)
    if corrected is None:
        known = bool(len(collection.search(one.wrong, 1, mode="lexical")))
        return "left: is a word of the collection" if known else "left: nothing is near"
    if corrected == one.right:
        return "put right"
    return "taken for another form of the word" if corrected[:4] == one.right[:4] else "taken for another word"


def as_markdown(report: dict[str, Any]) -> str:
    lines = [f"{report['questions']} questions. nDCG@10:", ""]
    lines += [
        "| search | as written | misspelt | misspelt, not corrected | correction gains |",
        "|---|---:|---:|---:|---:|",
    ]
    for mode, one in report["ndcg10"].items():
        gain = one["correction gains"]
        lines.append(
            f"| {mode} | {one['as written']:.1f} | {one['misspelt']:.1f} | {one['misspelt, not corrected']:.1f} "
            f"| {gain['mean']:+.1f} ({gain['low']:+.1f} to {gain['high']:+.1f}) |"
        )
    lines += ["", "The misspelt word was:", ""]
    lines += [f"- {outcome}: {count}" for outcome, count in report["of the misspelt words"].items()]
    changed = report["right questions in which a word was changed"]
    return "\n".join([*lines, "", f"Of the questions as written, {changed} had a word changed.", ""])


if __name__ == "__main__":
    main()
