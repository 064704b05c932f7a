"""From a trained model folder to the files that ship: one ONNX file, its tokenizer, and float16 safetensors."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from safetensors.numpy import load_file, save_file

from . import onnx_graph
from .prepared import copy_tokenizer

RELEVANCE_HEAD = ("bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias")


def read_model(folder: Path) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, object]]:
    """Weights as float32 and config.json of a model folder, with the relevance head if it has one.

    The head is looked for in model.safetensors and then in relevance.safetensors beside it.
    """
    tensors = load_file(folder / "model.safetensors")
    extra = folder / "relevance.safetensors"
    if extra.exists():
        tensors |= load_file(extra)
    weights = {name: np.asarray(value, dtype=np.float32) for name, value in tensors.items()}
    return weights, json.loads((folder / "config.json").read_text())


def export_onnx(folder: Path, target: Path, precision: onnx_graph.Precision = "int8-weights") -> int:
    """Write the model of `folder` as `target` (a .onnx file) with tokenizer.json beside it; returns bytes written.

    A model without a relevance head (any BERT AutoModelForQuestionAnswering) gets a `relevance` computed in the
    graph: best start + best end logit over passage tokens, minus the null score.
    """
    weights, config = read_model(folder)
    model = onnx_graph.build(weights, config, precision=precision, producer="spanwise.training")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    onnx.save(model, str(partial))
    partial.replace(target)
    shutil.copyfile(folder / "tokenizer.json", target.parent / "tokenizer.json")
    return target.stat().st_size


def export_float16(folder: Path, target: Path) -> None:
    """Write float16 safetensors that `AutoModelForQuestionAnswering` loads.

    The relevance head goes into relevance.safetensors, named as in BertForSequenceClassification.
    """
    weights, config = read_model(folder)
    target.mkdir(parents=True, exist_ok=True)
    half = {name: value.astype(np.float16) for name, value in weights.items()}
    head = {name: half.pop(name) for name in RELEVANCE_HEAD if name in half}
    save_file(half, target / "model.safetensors", metadata={"format": "pt"})
    if "classifier.weight" in head:
        save_file(head, target / "relevance.safetensors", metadata={"format": "pt"})
    for name in ("id2label", "label2id", "num_labels"):  # one label would make the loaded span head one wide
        config.pop(name, None)
    config = config | {"architectures": ["BertForQuestionAnswering"], "dtype": "float16"}
    (target / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    copy_tokenizer(folder, target)


def finished_model(run: Path) -> Path:
    """The newest finished cool-down of a run, its averaged weights left aside; raises FileNotFoundError without one."""
    found = sorted(run.glob("cooldown-*/final/model.safetensors"))
    if not found:
        raise FileNotFoundError(f"{run} holds no finished cool-down: run `train --cooldown-tokens N` or give --model")
    return found[-1].parent


def export(folder: Path, out: Path, precision: onnx_graph.Precision = "int8-weights") -> dict[str, object]:
    """Write reader.onnx, tokenizer.json and float16/ into `out`; returns bytes and SHA-256 of every file written."""
    export_onnx(folder, out / "reader.onnx", precision)
    export_float16(folder, out / "float16")
    written: dict[str, object] = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file() and path.name != "export.json"):
        content = path.read_bytes()
        written[str(path.relative_to(out))] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (out / "export.json").write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    return written
