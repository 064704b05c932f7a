"""The whole way with the real collection and the package's doubles: index, ask, search, report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from spanwise import Collection, LimitError, SourceError
from spanwise.qa.evaluation.answers import AskOutcome, ask_all, evaluate_answers, summarise_answers
from spanwise.qa.evaluation.corpus import indexed, ranked_documents, stored_id
from spanwise.qa.evaluation.datasets import CorpusDocument, Gold, Row, contexts, read_rows
from spanwise.qa.evaluation.run import run_answers, run_retrieval
from spanwise.testing import HashEmbedder, ScriptedReader

GAMES = "The winter games conclude Feb. 20 in Beijing."
WHALES = "Blue whales eat krill. A blue whale weighs 150 tonnes."
BRIDGE = "The iron bridge over the river opened in 1779."
RECORDS: list[dict[str, Any]] = [
    {"context": GAMES, "question": "When do the winter games conclude?", "answers": ["Feb. 20"]},
    {"context": WHALES, "question": "What do blue whales eat?", "answers": ["krill"]},
    {"context": BRIDGE, "question": "When was the iron bridge opened?", "answers": ["1779"]},
    {"context": BRIDGE, "question": "Who painted the iron bridge?", "answers": []},
]
SCRIPT = {
    "When do the winter games conclude?": "Feb. 20",
    "What do blue whales eat?": "eat krill",  # F1 2·1/(2+1) = 2/3
}  # the other two get a guess below the threshold


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [
        {**r, "answers": [{"text": text, "answer_start": r["context"].index(text)} for text in r["answers"]]}
        for r in RECORDS
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def answers(file: Path, **options: Any) -> dict[str, Any]:
    return run_answers(file, embedder=HashEmbedder(), reader=ScriptedReader(SCRIPT), **options)


def test_answers_over_the_pooled_contexts(file: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = answers(file, on_progress=lambda done, total: seen.append((done, total)))
    # Feb. 20 is right (1/1), "eat krill" half right (0, 2/3), the two without a script are silent (0/0 and 1/1).
    assert report["n"] == 4
    assert report["em"] == 50
    assert report["f1"] == pytest.approx(100 * (1 + 2 / 3 + 0 + 1) / 4, abs=1e-3)
    assert report["has_ans"]["f1"] == pytest.approx(100 * (5 / 3) / 3, abs=1e-3)
    assert report["no_ans"] == {"n": 1, "accuracy": 100}
    assert report["abstained"] == {"has_ans": pytest.approx(100 / 3, abs=1e-3), "no_ans": 100}
    assert report["recall20"] == 1
    assert report["forced"]["n"] == report["best_of_3"]["n"] == 3
    assert report["best_of_3"]["f1"] >= report["forced"]["f1"] >= report["has_ans"]["f1"]
    assert report["confidence"]["n"] == 4
    assert report["p95_ms"] >= report["p50_ms"] > 0
    # Word for word, the first passages are the right ones, so a reader of one passage does as well here.
    for mode in ("lexical", "dense"):
        assert report["baselines"][mode]["has_ans"] == report["has_ans"]
    assert report["data"]["name"] == "rows.jsonl"
    assert report["data"]["documents"] == 3
    assert report["reader"] == "scripted-reader"
    assert report["embedding_model"]["model"] == "hash-embedder"
    # 3 documents, 4 questions, 4 more for each baseline.
    assert seen == [(done, 15) for done in range(1, 16)]
    assert str(file.parent) not in json.dumps(report, allow_nan=False)


def test_a_limit_draws_questions_and_leaves_the_corpus_whole(file: Path) -> None:
    report = answers(file, limit=1, seed=3, baselines=False)
    assert (report["n"], report["data"]["documents"]) == (1, 3)
    assert (report["limit"], report["seed"]) == (1, 3)
    assert "baselines" not in report
    with pytest.raises(LimitError):
        answers(file, limit=0)


def test_the_same_run_gives_the_same_figures(file: Path) -> None:
    timed = ("seconds", "p50_ms", "p95_ms")
    first, second = ({k: v for k, v in answers(file).items() if k not in timed} for _ in range(2))
    assert first == second


class CountingEmbedder(HashEmbedder):
    def __init__(self) -> None:
        super().__init__()
        self.passages = 0

    def embed_passages(self, texts: Sequence[str]) -> Any:
        self.passages += len(texts)
        return super().embed_passages(texts)


def test_a_kept_index_is_not_built_again(file: Path, tmp_path: Path) -> None:
    embedder = CountingEmbedder()
    data = tmp_path / "data"
    for _ in range(2):
        run_answers(file, data=data, embedder=embedder, reader=ScriptedReader(SCRIPT))
    assert embedder.passages == 3
    # Titles are another corpus, so another collection: the first is not overwritten and holds no more than its own.
    run_answers(file, data=data, titles=True, limit=1, embedder=embedder, reader=ScriptedReader(SCRIPT))
    run_answers(file, data=data, embedder=embedder, reader=ScriptedReader(SCRIPT))
    assert embedder.passages <= 6
    with indexed(contexts(read_rows(file)), data=data, embedder=embedder) as collection:
        assert len(collection.documents()) == 3


def test_without_a_data_folder_nothing_is_left(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    answers(file)
    assert list(scratch.iterdir()) == []


def outcome(answer: str, *golds: str, stands: bool = True, probability: float = 0.5, found: bool = True) -> AskOutcome:
    row = Row("", "", "", "?", tuple(Gold(gold, 0) for gold in golds))
    return AskOutcome(row, stands, tuple(answer.split("|")) if answer else (), probability, found, 0.1)


def test_summary_worked_by_hand() -> None:
    report = summarise_answers(
        [
            outcome("May|June", "May", probability=0.9),  # right at once
            outcome("June|May|July", "May", probability=0.6, found=False),  # right at the second answer
            outcome("May", "May", stands=False, probability=0.4),  # right, but kept to itself
            outcome("", "May", stands=False, probability=0.0),  # nothing at all
            outcome("May", probability=0.7),  # an answer where there is none
            outcome("May", stands=False, probability=0.2),  # rightly silent
        ]
    )
    assert report["n"] == 6
    assert report["em"] == pytest.approx(100 * 2 / 6)  # the first and the last
    assert report["has_ans"] == {"n": 4, "em": 25, "f1": 25}
    assert report["no_ans"] == {"n": 2, "accuracy": 50}
    assert report["forced"] == {"n": 4, "em": 50, "f1": 50}
    assert report["best_of_3"] == {"n": 4, "em": 75, "f1": 75}
    assert report["recall20"] == 0.75
    assert report["abstained"] == {"has_ans": 50, "no_ans": 50}
    # First answers right: at .9 and .4. Wrong: at .7, .6, .2 and 0. .9 beats all 4, .4 beats 2: 6 of 8 pairs.
    assert report["confidence"]["auroc"] == 0.75
    # One bin each. Right: 1-.9 and 1-.4; wrong: .7, .6, .2, 0. .1 + .6 + .7 + .6 + .2 + 0 = 2.2, over 6.
    assert report["confidence"]["ece"] == pytest.approx(2.2 / 6)
    assert report["confidence"]["coverage_at_80"] == pytest.approx(100 / 6)
    assert report["p50_ms"] == pytest.approx(100)


def test_only_unanswerable_questions() -> None:
    report = summarise_answers([outcome("May", stands=False)])
    assert report["f1"] == 100
    assert (report["has_ans"]["f1"], report["forced"]["f1"], report["recall20"]) == (None, None, None)
    assert report["abstained"] == {"has_ans": None, "no_ans": 100}


def test_the_context_must_be_found_to_count(file: Path) -> None:
    # A corpus without the context of the question: nothing to find, nothing right.
    rows = read_rows(file)
    reader = ScriptedReader(SCRIPT)
    with indexed(contexts(rows[1:2]), embedder=HashEmbedder(), reader=reader) as collection:
        (asked,) = ask_all(rows[:1], collection)
        assert not asked.found
        report = evaluate_answers(rows[:1], collection, baseline_reader=reader)
    assert (report["recall20"], report["f1"]) == (0, 0)


def beir(
    folder: Path, documents: dict[str, str], queries: dict[str, str], qrels: Sequence[tuple[str, str, int]]
) -> Path:
    folder.mkdir()
    corpus = [{"_id": name, "title": "", "text": text} for name, text in documents.items()]
    asked = [{"_id": name, "text": text} for name, text in queries.items()]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)), encoding="utf-8")
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, asked)), encoding="utf-8")
    (folder / "qrels.tsv").write_text("\n".join(f"{q}\t{d}\t{s}" for q, d, s in qrels), encoding="utf-8")
    return folder


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_retrieval_in_each_mode(tmp_path: Path, mode: Any) -> None:
    documents = {"odd id: 1": GAMES, "../2": WHALES, "d3": BRIDGE, "d4": "Tea is grown on hills."}
    queries = {"q1": "When do the winter games conclude?", "q2": "What do blue whales eat?"}
    folder = beir(tmp_path / "set", documents, queries, [("q1", "odd id: 1", 1), ("q2", "../2", 2), ("q2", "gone", 1)])
    seen: list[int] = []
    report = run_retrieval(
        folder, mode=mode, embedder=HashEmbedder(), on_progress=lambda done, total: seen.append(total)
    )
    assert (report["n"], report["mode"]) == (2, mode)
    assert report["mrr"] == 1
    assert report["recall20"] == 0.75  # q1 all, q2 one of two: the other is not in the corpus
    # q2: the document of grade 2 comes first, that of grade 1 never: 2 / (2 + 0.63093) = 0.76019. Mean with 1: 0.8801.
    assert report["ndcg10"] == pytest.approx(0.8801, abs=1e-4)
    assert report["data"] == {
        "name": "set",
        "sha256": report["data"]["sha256"],
        "documents": 4,
        "empty_documents": 0,
        "missing_documents": 1,
    }
    assert seen == [6] * 6
    json.dumps(report, allow_nan=False)


def test_retrieval_over_a_file_of_labelled_questions(file: Path) -> None:
    report = run_retrieval(file, embedder=HashEmbedder())
    assert (report["n"], report["data"]["documents"]) == (3, 3)
    assert report["mrr"] == report["recall20"] == 1
    assert run_retrieval(file, limit=2, embedder=HashEmbedder())["n"] == 2


@pytest.mark.slow
def test_a_long_document_counts_once(tmp_path: Path) -> None:
    # Every passage of the long document is nearer to the query than any of the 25 short ones, and there are more of
    # them than the first search returns; yet 20 documents are ranked.
    long = " ".join(f"Winter games winter games winter games number {n}." for n in range(900))
    documents = [CorpusDocument("long", "", long)]
    documents += [CorpusDocument(f"s{n}", "", f"Some games were held in town {n}.") for n in range(25)]
    with indexed(documents, embedder=HashEmbedder()) as collection:
        first = collection.search("winter games", 20)
        assert {hit.document.id for hit in first} == {stored_id("long")}
        ranking, seconds = ranked_documents(collection, "winter games", 20)
    assert ranking[0] == stored_id("long")
    assert len(ranking) == len(set(ranking)) == 20
    assert seconds > 0


def test_fewer_documents_than_asked_for() -> None:
    with indexed([CorpusDocument("a", "", GAMES), CorpusDocument("b", "", WHALES)], embedder=HashEmbedder()) as found:
        assert isinstance(found, Collection)
        assert ranked_documents(found, "winter games", 20, "lexical")[0] == [stored_id("a")]
        assert ranked_documents(found, "winter games", 20)[0] == [stored_id("a"), stored_id("b")]


def test_bad_input_is_told_before_anything_is_indexed(tmp_path: Path) -> None:
    for run in (run_answers, run_retrieval):
        with pytest.raises(SourceError, match="There is no file"):
            run(tmp_path / "missing", embedder=CountingEmbedder(), data=tmp_path / "data")
    with pytest.raises(SourceError, match=r"holds no corpus\.jsonl"):
        run_retrieval(tmp_path, embedder=HashEmbedder())
    assert not (tmp_path / "data").exists()
