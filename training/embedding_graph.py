"""The graph of the embedding model all-MiniLM-L6-v2, without its weights: `index/embedder.onnx`.

python -m training.embedding_graph      # writes the file again

The weights stay in the safetensors file of the installed model: every weight of the graph is an external tensor, named
as there and laid out as there, that `index/embedding_onnx.py` hands to onnxruntime. So the file is a few kilobytes, is
the same on every machine, and nothing has to be converted, cached or checked at run time.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FILE = Path(__file__).parents[1] / "index" / "embedder.onnx"
OPSET = 20  # the first with Gelu
LAYERS, HIDDEN, HEADS, INTERMEDIATE, EPSILON = 6, 384, 12, 1536, 1e-12  # of the model's config.json


class _Graph:
    """Nodes and initialisers under construction; every method returns the name of the tensor it made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: dict[str, onnx.TensorProto] = {}

    def node(self, op: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: np.ndarray[Any, Any]) -> str:
        self.initialisers[name] = numpy_helper.from_array(value, name)
        return name

    def weight(self, name: str, *shape: int) -> str:
        tensor = TensorProto(name=name, dims=shape, data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="model.safetensors")
        self.initialisers[name] = tensor
        return name

    def linear(self, x: str, layer: str, outputs: int, inputs: int, name: str) -> str:
        """`x @ weight.T + bias`, the weight (outputs, inputs) as torch keeps it."""
        return self.node(
            "Gemm", [x, self.weight(f"{layer}.weight", outputs, inputs), self.weight(f"{layer}.bias", outputs)], name,
            transB=1,
        )  # fmt: skip

    def norm(self, x: str, layer: str, name: str) -> str:
        scale, shift = self.weight(f"{layer}.weight", HIDDEN), self.weight(f"{layer}.bias", HIDDEN)
        return self.node("LayerNormalization", [x, scale, shift], name, axis=-1, epsilon=EPSILON)


def _attention(g: _Graph, x: str, layer: str, name: str) -> str:
    size = HIDDEN // HEADS
    apart = g.constant("heads_apart", np.array([-1, HEADS, size], np.int64))
    sides = {}
    for side, order in (("query", [1, 0, 2]), ("key", [1, 2, 0]), ("value", [1, 0, 2])):
        flat = g.linear(x, f"{layer}.self.{side}", HIDDEN, HIDDEN, f"{name}.{side}")
        sides[side] = g.node(
            "Transpose", [g.node("Reshape", [flat, apart], f"{flat}.heads")], f"{flat}.by_head", perm=order
        )
    scale = g.constant("scale", np.float32(size**-0.5).reshape(()))
    query = g.node("Mul", [sides["query"], scale], f"{name}.scaled")
    shares = g.node("Softmax", [g.node("MatMul", [query, sides["key"]], f"{name}.scores")], f"{name}.shares", axis=-1)
    mixed = g.node("MatMul", [shares, sides["value"]], f"{name}.mixed")
    joined = g.node("Transpose", [mixed], f"{name}.joined", perm=[1, 0, 2])
    return g.node("Reshape", [joined, g.constant("one_row", np.array([-1, HIDDEN], np.int64))], f"{name}.context")


def build() -> onnx.ModelProto:
    """float32 `embeddings` (tokens, 384), the sums of word, position and type embeddings of one text with its special
    tokens, to float32 `vector` (384,) of length 1. No padding, so no mask."""
    g = _Graph()
    x = g.norm("embeddings", "embeddings.LayerNorm", "normed")
    for number in range(LAYERS):
        layer, name = f"encoder.layer.{number}", f"layer{number}"
        context = _attention(g, x, f"{layer}.attention", name)
        attended = g.linear(context, f"{layer}.attention.output.dense", HIDDEN, HIDDEN, f"{name}.attended")
        x = g.norm(g.node("Add", [attended, x], f"{name}.sum1"), f"{layer}.attention.output.LayerNorm", f"{name}.norm1")
        wide = g.linear(x, f"{layer}.intermediate.dense", INTERMEDIATE, HIDDEN, f"{name}.wide")
        fed = g.linear(
            g.node("Gelu", [wide], f"{name}.gelu"), f"{layer}.output.dense", HIDDEN, INTERMEDIATE, f"{name}.fed"
        )
        x = g.norm(g.node("Add", [fed, x], f"{name}.sum2"), f"{layer}.output.LayerNorm", f"{name}.norm2")
    mean = g.node("ReduceMean", [x, g.constant("tokens_axis", np.array([0], np.int64))], "mean", keepdims=0)
    g.node("Div", [mean, g.node("ReduceL2", [mean], "length", keepdims=1)], "vector")
    graph = helper.make_graph(
        g.nodes,
        "all-MiniLM-L6-v2",
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["tokens", HIDDEN])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, [HIDDEN])],
        list(g.initialisers.values()),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="spanwise")
    model.ir_version = 9  # the oldest that knows opset 20, for old runtimes
    return model


def main() -> None:
    FILE.write_bytes(build().SerializeToString(deterministic=True))
    sys.stdout.write(f"{FILE.name}: {FILE.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
