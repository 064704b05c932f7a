"""The embedding model of a collection: its prompts, and that no other one is taken for it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spanwise
from spanwise import ModelMismatchError, Settings, Source
from spanwise.index import embedding_choice
from spanwise.index.embedding import Fingerprint, Prompts, known_prompts
from spanwise.qa.collection import Collection
from spanwise.testing import HashEmbedder

BGE = "Represent this sentence for searching relevant passages: "


@pytest.mark.parametrize(
    ("model", "query", "passage"),
    [
        ("intfloat/e5-small-v2", "query: ", "passage: "),
        ("intfloat/multilingual-e5-base", "query: ", "passage: "),
        ("/models/E5-Large-V2/", "query: ", "passage: "),
        ("C:\\models\\e5-base", "query: ", "passage: "),
        ("BAAI/bge-small-en-v1.5", BGE, ""),
        ("BAAI/bge-large-en", BGE, ""),
        ("BAAI/bge-m3", "", ""),
        ("all-MiniLM-L6-v2", "", ""),
        ("someone/not-e5-base-v2-at-all", "", ""),
    ],
)
def test_known_families_get_their_prompts(model: str, query: str, passage: str) -> None:
    assert known_prompts(model) == Prompts(query, passage)


def test_instructions_and_chinese() -> None:
    assert known_prompts("intfloat/multilingual-e5-large-instruct").query.startswith("Instruct: ")
    assert known_prompts("intfloat/multilingual-e5-large-instruct").query.endswith("\nQuery: ")
    assert known_prompts("BAAI/bge-base-zh-v1.5").query.endswith("：")


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Fakes in place of configured models; how they were asked for."""
    asked: list[tuple[Any, ...]] = []

    def load(model: str, threads: int, query: str | None, passage: str | None) -> HashEmbedder:
        asked.append((model, query, passage))
        wanted = known_prompts(model)
        return HashEmbedder(
            model=model,
            query_prompt=wanted.query if query is None else query,
            passage_prompt=wanted.passage if passage is None else passage,
        )

    monkeypatch.setattr(embedding_choice, "load_embedder", load)
    return asked


def test_the_settings_choose_the_model_of_a_new_collection_and_later_ones_follow_it(
    opened: Callable[..., Collection], loads: list[tuple[Any, ...]], data: Path
) -> None:
    chosen = Settings(model="intfloat/e5-small-v2", passage_prompt="text: ")
    first = opened(embedder=None, settings=chosen)
    first.add(Source("The bridge.", id="a"))
    assert loads == [("intfloat/e5-small-v2", None, "text: ")]
    again = opened(embedder=None, settings=Settings())
    assert again.status().embedding_model == "intfloat/e5-small-v2"
    score = again.search("The bridge.", mode="dense")[0].scores.dense
    assert loads[-1] == ("intfloat/e5-small-v2", "query: ", "text: ")
    query, passage = (HashEmbedder().embed_query(text) for text in ("query: The bridge.", "text: The bridge."))
    assert score == pytest.approx(float(query @ passage), abs=1e-3)
    opened(embedder=None, settings=chosen).search("bridge")
    with sqlite3.connect(data / "collections/default/collection.sqlite") as connection:
        [stored] = connection.execute("SELECT value FROM meta WHERE key = 'fingerprint'").fetchone()
    connection.close()
    assert json.loads(stored) == {
        "model": "intfloat/e5-small-v2", "dimension": 64, "weights_sha256": "hash-64",
        "metric": "inner product of unit vectors", "query_prompt": "query: ", "passage_prompt": "text: ",
        "precision": "float32",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(model="other"), "embedding model 'm', not 'other'.*SPANWISE_MODEL=m"),
        (
            Settings(query_prompt=""),
            r"query prompt 'query: ', not ''.*\(SPANWISE_QUERY_PROMPT\) out",
        ),
        (Settings(passage_prompt="x"), "passage prompt '', not 'x'.*SPANWISE_PASSAGE_PROMPT"),
    ],
)
def test_other_settings_than_those_it_was_built_with_are_refused(
    opened: Callable[..., Collection], settings: Settings, said: str
) -> None:
    opened(embedder=HashEmbedder(model="m", query_prompt="query: ")).add("The bridge.")
    opened(embedder=None, settings=Settings(model="m", query_prompt="query: "))
    with pytest.raises(ModelMismatchError, match=said):
        opened(embedder=None, settings=settings)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (HashEmbedder(query_prompt="q"), "query prompt '', not 'q'"),
        (HashEmbedder(model="other"), "'hash-embedder', not 'other'"),
    ],
)
def test_another_embedder_is_refused_at_once(opened: Callable[..., Collection], other: HashEmbedder, said: str) -> None:
    opened().add("The bridge.")
    with pytest.raises(ModelMismatchError, match=said):
        opened(embedder=other)


def test_a_fingerprint_of_before_reads_as_what_it_was() -> None:
    old = {"model": "m", "dimension": 3, "weights_sha256": "x", "metric": "inner product of unit vectors"}
    assert Fingerprint.from_dict(old).precision == "float32"


@pytest.mark.models
def test_a_real_model_in_a_folder_of_a_known_family_gets_the_prompts_of_that_family(tmp_path: Path) -> None:
    from spanwise.index.embedding_sentence_transformers import SentenceTransformerEmbedder
    from spanwise.index.packaged_model import packaged_folder

    folder = tmp_path / "e5-small-v2"
    folder.symlink_to(packaged_folder())
    plain = SentenceTransformerEmbedder()
    prompted = SentenceTransformerEmbedder(str(folder))
    assert (prompted.fingerprint.query_prompt, prompted.fingerprint.passage_prompt) == ("query: ", "passage: ")
    assert prompted.fingerprint.precision == plain.fingerprint.precision == "float32"
    assert prompted.max_tokens < plain.max_tokens
    assert np.allclose(prompted.embed_query("a bridge"), plain.embed_query("query: a bridge"), atol=1e-5)
    assert np.allclose(prompted.embed_passages(["a"])[0], plain.embed_passages(["passage: a"])[0], atol=1e-5)
    own = SentenceTransformerEmbedder(str(folder), query_prompt="", passage_prompt="")
    assert np.allclose(own.embed_query("a bridge"), plain.embed_query("a bridge"), atol=1e-5)
    with spanwise.open(tmp_path / "data", settings=Settings(model=str(folder))) as library:
        library.add(Source("The bridge opened in 1906.", id="a"))
        assert library.search("bridge")[0].document.id == "a"
