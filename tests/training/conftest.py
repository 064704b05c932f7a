"""Tiny made data, a tiny tokenizer and a tiny random base model for the training commands."""

from __future__ import annotations

import dataclasses
import gzip
import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # `training` is a folder of the checkout, not an installed package
    sys.path.insert(0, str(ROOT))

NEEDED = ("torch", "transformers", "safetensors", "tokenizers", "onnx", "bm25s")
# Without them only test_extra.py is collected, which then says so by being skipped.
collect_ignore_glob = (
    [] if all(find_spec(name) for name in NEEDED) else ["test_[!e]*.py", "test_e[!x]*.py", "test_exp*.py"]
)

COLOURS = ("red", "green", "blue", "black", "white", "brown")
THINGS = ("door", "roof", "gate", "wall", "boat", "house", "bridge", "tower")
SPECIAL = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103}


def _items() -> list[dict[str, object]]:
    """Two articles to train on and one held out; each paragraph tells the colours of three things."""
    items: list[dict[str, object]] = []
    for a, title in enumerate(("Alpha", "Beta", "Held_Out")):
        for p in range(6):
            facts = [(THINGS[(a + p + k) % 8], COLOURS[(a * p + 2 * k) % 6]) for k in range(3)]
            context = f"This is part {a}{p}. " + " ".join(f"The {thing} is painted {hue}." for thing, hue in facts)
            for thing, hue in facts:
                question = f"What colour is the {thing} painted?"
                start = context.index(f"The {thing} is painted {hue}") + len(f"The {thing} is painted ")
                items.append(
                    {
                        "id": f"{title}-{p}-{thing}",
                        "title": title,
                        "context": context,
                        "question": question,
                        "answers": [{"text": hue, "answer_start": start}],
                        "start": "unique",
                    }
                )
    return items


def _write(path: Path, items: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(item) + "\n" for item in items)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in the layout that `prepare` reads, with every kind of row that must be left out."""
    folder = tmp_path_factory.mktemp("data")
    items = _items()
    guess = items[0] | {"id": "guess", "question": "What guess is this?", "start": "guess"}
    _write(folder / "train/squad.jsonl.gz", [*items, guess])
    silent = [
        item | {"question": f"Who owns the thing of {item['id']} ?", "answers": [], "link_margin": 0.5}
        for item in items[::2]
    ]
    doubtful = items[0] | {"question": "What has a low margin?", "answers": [], "link_margin": 0.1}
    equal = items[0] | {"question": str(items[0]["question"]).lower(), "answers": [], "link_margin": 0.9}
    _write(folder / "train/unanswerable.jsonl.gz", [*silent, doubtful, equal])
    tale = {"id": "t", "title": "tale", "context": "A fox ran.", "question": "Who ran?"}
    _write(folder / "train/fairytale.jsonl.gz", [tale | {"answers": [{"text": "A fox", "answer_start": 0}]}])
    _write(folder / "train/qamr.jsonl.gz", [tale | {"answers": [{"text": "fox", "answer_start": 2}]}])
    (folder / "dev").mkdir()
    (folder / "dev/titles.txt").write_text("Held_Out\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def config():  # type: ignore[no-untyped-def]
    """The shipped settings, shrunk to the tiny data."""
    from training import config as configuration

    full = configuration.load(ROOT / "training" / "reader.toml")
    return dataclasses.replace(
        full,
        data=dataclasses.replace(
            full.data,
            squad_train="train/squad.jsonl.gz",
            unanswerable="train/unanswerable.jsonl.gz",
            fairytale="train/fairytale.jsonl.gz",
            qamr="train/qamr.jsonl.gz",
            held_out_titles="dev/titles.txt",
            same_article_share=0.5,
            retrieved_share=0.5,
            teacher_rows=8,
            eval_rows=8,
        ),
        augment=dataclasses.replace(full.augment, crop_words=(5, 12)),
        train=dataclasses.replace(
            full.train,
            batch_tokens=256,
            learning_rate=1e-3,
            warmup_steps=3,
            dropout=0.1,
            threads=1,
            checkpoint_seconds=0.0,
            log_steps=2,
            eval_tokens=2_000,
            snapshot_tokens=2_000,
            epochs=2,
        ),
    )


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A random BERT cross-encoder of two layers over letters and a few whole words, with its tokenizer."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("base")
    words = sorted({*COLOURS, *THINGS, "what", "colour", "is", "the", "painted", "this", "part", "who", "."})
    letters = [mark + letter for letter in "abcdefghijklmnopqrstuvwxyz0123456789?-'" for mark in ("", "##")]
    vocabulary = dict(SPECIAL)
    for number, piece in enumerate(dict.fromkeys([*words, *letters])):
        vocabulary[piece] = 104 + number
    BertWordPieceTokenizer(vocab=vocabulary, lowercase=True).save(str(folder / "tokenizer.json"))
    torch.manual_seed(7)
    settings = BertConfig(
        vocab_size=104 + len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        num_labels=1,
    )
    BertForSequenceClassification(settings).save_pretrained(folder)
    return folder
