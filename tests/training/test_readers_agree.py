"""A model read through transformers gives what its ONNX file gives: the same spans with the same scores."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

from spanwise import errors
from spanwise.qa.reading import load_reader
from training import export, model

pytestmark = pytest.mark.training
pytest.importorskip("onnxruntime")

PASSAGES = [
    "The gate is painted brown. The door is painted red.",
    "The tower is painted white. " * 90 + "The boat is painted blue.",
    "",
]


@pytest.fixture(scope="module")
def folders(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same random weights as a transformers folder and as a reader folder."""
    made = model.from_base(base, seed=3)
    with torch.no_grad():
        for value in made.parameters():
            value.mul_(3.0)  # a random model this small is nearly constant otherwise
    plain = tmp_path_factory.mktemp("plain")
    model.save(made, plain)
    folder = tmp_path_factory.mktemp("onnx")
    for target in (plain, folder):
        (target / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
    export.export_onnx(plain, folder / "reader.onnx", precision="float32")
    digests = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("reader.onnx", "tokenizer.json")
    }
    (folder / "reader.json").write_text(
        json.dumps({"name": "tiny", "threshold": 0.0, "max_tokens": 384, "sha256": digests})
    )
    return plain, folder


def test_the_same_spans_with_the_same_scores(folders: tuple[Path, Path]) -> None:
    plain, folder = (load_reader(str(one)) for one in folders)
    found = plain.read("What colour is the gate painted?", PASSAGES)
    wanted = folder.read("What colour is the gate painted?", PASSAGES)
    for ours, theirs in zip(found, wanted, strict=True):
        assert [(c.start, c.end) for c in ours.candidates] == [(c.start, c.end) for c in theirs.candidates]
        assert [c.score for c in ours.candidates] == pytest.approx([c.score for c in theirs.candidates], abs=2e-3)
        assert ours.null_score == pytest.approx(theirs.null_score, abs=2e-3)
    assert [bool(one.candidates) for one in found] == [True, True, False]
    assert found[0].relevance == pytest.approx(found[0].candidates[0].score)


def test_a_model_that_reads_no_spans_is_refused(base: Path) -> None:
    with pytest.raises(errors.ModelError, match="not trained to answer questions"):
        load_reader(str(base))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.ModelError, match="cannot be used"):
        load_reader(str(tmp_path / "nothing"))
