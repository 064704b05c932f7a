"""From a shipped ONNX file back to weights to train on, for when only the shipped reader is left of a run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

Floats = npt.NDArray[np.float32]

# What `onnx_graph` calls the parts of a layer, and what transformers does.
_LINEAR = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attended": "attention.output.dense",
    "wide": "intermediate.dense",
    "fed": "output.dense",
}
_NORM = {"attended.norm": "attention.output.LayerNorm", "fed.norm": "output.LayerNorm"}


class Stored:
    """The initialisers of a graph that `onnx_graph.build` wrote, as float32; KeyError for what it lacks."""

    def __init__(self, tensors: Mapping[str, npt.NDArray[np.generic]]) -> None:
        self._tensors = tensors

    def floats(self, name: str) -> Floats:
        return np.asarray(self._tensors[name], dtype=np.float32)

    def matrix(self, name: str) -> Floats:
        """The torch-style weight (out, in) of a linear layer."""
        if f"{name}.weight" in self._tensors:
            return np.ascontiguousarray(self.floats(f"{name}.weight").T)
        return np.ascontiguousarray((self.floats(f"{name}.weight_int8") * self.floats(f"{name}.scale")).T)

    def words(self) -> Floats:
        """The word embeddings (vocabulary, hidden)."""
        if "words.table" in self._tensors:
            return self.floats("words.table")
        return self.floats("words.int8") * self.floats("words.scale")


def weights(stored: Stored, config: Mapping[str, object]) -> dict[str, Floats]:
    """Every weight under its name in transformers; `config` is the base's config.json."""
    embeddings = "bert.embeddings"
    found = {
        f"{embeddings}.word_embeddings.weight": stored.words(),
        f"{embeddings}.token_type_embeddings.weight": stored.floats("types.table"),
        f"{embeddings}.position_embeddings.weight": stored.floats("positions.table"),
    }
    linear = {"qa_outputs": "qa_outputs", "pooler": "bert.pooler.dense", "classifier": "classifier"}
    norm = {"embeddings": f"{embeddings}.LayerNorm"}
    for number in range(int(str(config["num_hidden_layers"]))):
        layer = f"bert.encoder.layer.{number}"
        linear |= {f"{layer}.{ours}": f"{layer}.{theirs}" for ours, theirs in _LINEAR.items()}
        norm |= {f"{layer}.{ours}": f"{layer}.{theirs}" for ours, theirs in _NORM.items()}
    head = int(str(config["hidden_size"])) // int(str(config["num_attention_heads"]))
    for ours, theirs in linear.items():
        scale = np.sqrt(np.float32(head)) if ours.endswith(".query") else np.float32(1)  # the graph has it divided out
        found[f"{theirs}.weight"] = stored.matrix(ours) * scale
        found[f"{theirs}.bias"] = stored.floats(f"{ours}.bias") * scale
    for ours, theirs in norm.items():
        found[f"{theirs}.weight"], found[f"{theirs}.bias"] = (stored.floats(f"{ours}.{p}") for p in ("weight", "bias"))
    return found


def recover(reader: Path, base: Path, out: Path) -> Path:
    """Write model.safetensors (float32), config.json and tokenizer.json of the folder `reader` into `out`.

    `reader` holds reader.onnx as `export` wrote it, with a relevance head, and its tokenizer.json; `base` lends its
    config.json. Weights stored as int8 come back as close as int8 is: half a step of each output channel's scale.
    """
    graph = onnx.load(str(reader / "reader.onnx")).graph
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    stored = Stored({tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer})
    out.mkdir(parents=True, exist_ok=True)
    save_file(weights(stored, config), out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    shutil.copyfile(reader / "tokenizer.json", out / "tokenizer.json")
    return out
