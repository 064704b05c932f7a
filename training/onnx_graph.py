"""The reading model as an ONNX graph, written node by node from NumPy weights.

The graph is built by hand rather than traced so that it stays the same whatever version of a tracing
exporter is installed, and so that every weight can be stored as int8 without a second pass over the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[np.generic]
Precision = Literal["float32", "int8-weights", "int8"]
"""`int8-weights` keeps the weights in int8 and computes in float32. `int8` also multiplies in int8: what enters a layer
is quantised with one scale for the whole input, so that rows of one batch change each other: run it row by row."""
OPSET = 17
SEP_ID = 102
# exp(-10000) is exactly 0 in float32, so padding has no weight at all, and a row of padding gives no NaN.
MASKED = -10000.0


def quantise_columns(weight: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Symmetric int8 per output channel: `weight` (in, out) is close to `q * scale`, with `scale` (out,)."""
    peak = np.abs(weight).max(axis=0)
    scale = np.where(peak > 0, peak / 127.0, 1.0).astype(np.float32)
    return np.clip(np.rint(weight / scale), -127, 127).astype(np.int8), scale


class Graph:
    """Nodes and initialisers under construction; every method returns the name of the tensor it made."""

    def __init__(self, precision: Precision) -> None:
        self.int8 = precision != "float32"
        self.int8_products = precision == "int8"
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: list[onnx.TensorProto] = []
        self._names: set[str] = set()

    def node(self, op: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Append one node with a single output called `name`."""
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: Array) -> str:
        """Store `value` once under `name`."""
        if name not in self._names:
            self._names.add(name)
            self.initialisers.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def floats(self, name: str, value: Array | float) -> str:
        """Store `value` as float32."""
        return self.constant(name, np.asarray(value, dtype=np.float32))

    def ints(self, name: str, value: list[int] | int) -> str:
        """Store `value` as int64."""
        return self.constant(name, np.asarray(value, dtype=np.int64))

    def linear(self, x: str, weight: Array, bias: Array, name: str) -> str:
        """`x @ weight.T + bias` for a torch-style weight (out, in), held in int8 when the graph is."""
        matrix = np.asarray(weight, dtype=np.float32).T
        product = self._int8_product(x, matrix, name) if self.int8 else self._product(x, matrix, name)
        return self.node("Add", [product, self.floats(f"{name}.bias", bias)], f"{name}.out")

    def _product(self, x: str, matrix: Array, name: str) -> str:
        return self.node("MatMul", [x, self.floats(f"{name}.weight", matrix)], f"{name}.matmul")

    def _int8_product(self, x: str, matrix: npt.NDArray[np.float32], name: str) -> str:
        quantised, scale = quantise_columns(matrix)
        weight, scales = self.constant(f"{name}.weight_int8", quantised), self.floats(f"{name}.scale", scale)
        zeros = self.constant(f"{name}.zero_{scale.size}", np.zeros(scale.shape, dtype=np.int8))
        if not self.int8_products:
            w = self.node("DequantizeLinear", [weight, scales, zeros], f"{name}.weight", axis=1)
            return self.node("MatMul", [x, w], f"{name}.matmul")
        values, x_scale, x_zero = (f"{x}.{part}" for part in ("int8", "int8_scale", "int8_zero"))
        if values not in self._names:  # query, key and value share their input
            self._names.add(values)
            self.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], [values, x_scale, x_zero], name=values))
        whole = self.node("MatMulInteger", [values, weight, x_zero, zeros], f"{name}.integers")
        both = self.node("Mul", [x_scale, scales], f"{name}.both_scales")
        return self.node(
            "Mul", [self.node("Cast", [whole], f"{name}.cast", to=TensorProto.FLOAT), both], f"{name}.matmul"
        )

    def layer_norm(self, x: str, weight: Array, bias: Array, epsilon: float, name: str) -> str:
        """LayerNormalization over the last axis."""
        scale, shift = self.floats(f"{name}.weight", weight), self.floats(f"{name}.bias", bias)
        return self.node("LayerNormalization", [x, scale, shift], name, axis=-1, epsilon=epsilon)


def _embed(g: Graph, w: Mapping[str, Array], epsilon: float) -> str:
    """Sum of word, position and token type embeddings, normalised: (batch, length, hidden)."""
    words = np.asarray(w["bert.embeddings.word_embeddings.weight"], dtype=np.float32)
    if g.int8:
        # One scale per word (a row), so that only the rows that are looked up get dequantised.
        quantised, scale = quantise_columns(words.T)
        rows = g.node("Gather", [g.constant("words.int8", quantised.T), "input_ids"], "words.rows")
        scales = g.node("Gather", [g.floats("words.scale", scale[:, None]), "input_ids"], "words.row_scales")
        raw = g.node("Cast", [rows], "words.float", to=TensorProto.FLOAT)
        word = g.node("Mul", [raw, scales], "words")
    else:
        word = g.node("Gather", [g.floats("words.table", words), "input_ids"], "words")
    kinds = g.floats("types.table", w["bert.embeddings.token_type_embeddings.weight"])
    kind = g.node("Gather", [kinds, "token_type_ids"], "types")
    shape = g.node("Shape", ["input_ids"], "shape")
    length = g.node("Slice", [shape, g.ints("one_1d", [1]), g.ints("two_1d", [2])], "length")
    table = g.floats("positions.table", w["bert.embeddings.position_embeddings.weight"])
    position = g.node("Slice", [table, g.ints("zero_1d", [0]), length, g.ints("axis_0", [0])], "positions")
    total = g.node("Add", [g.node("Add", [word, kind], "words_and_types"), position], "embedding_sum")
    norm = "bert.embeddings.LayerNorm"
    return g.layer_norm(total, w[f"{norm}.weight"], w[f"{norm}.bias"], epsilon, "embeddings")


def _attention(g: Graph, x: str, bias: str, w: Mapping[str, Array], layer: str, heads: int) -> str:
    """Multi-head self-attention of one layer, before its output projection."""
    hidden = int(w[f"{layer}.attention.self.query.weight"].shape[0])
    size = hidden // heads
    split = g.ints("split_heads", [0, 0, heads, size])
    sides: dict[str, str] = {}
    for side, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
        name = f"{layer}.{side}"
        weight = np.asarray(w[f"{layer}.attention.self.{side}.weight"], dtype=np.float32)
        shift = np.asarray(w[f"{layer}.attention.self.{side}.bias"], dtype=np.float32)
        if side == "query":  # the 1/sqrt(head size) of the scores, paid once on the weights
            weight, shift = weight / np.sqrt(np.float32(size)), shift / np.sqrt(np.float32(size))
        flat = g.linear(x, weight, shift, name)
        apart = g.node("Reshape", [flat, split], f"{name}.heads")
        sides[side] = g.node("Transpose", [apart], f"{name}.by_head", perm=order)
    scores = g.node("MatMul", [sides["query"], sides["key"]], f"{layer}.scores")
    masked = g.node("Add", [scores, bias], f"{layer}.masked")
    shares = g.node("Softmax", [masked], f"{layer}.shares", axis=-1)
    mixed = g.node("MatMul", [shares, sides["value"]], f"{layer}.mixed")
    joined = g.node("Transpose", [mixed], f"{layer}.joined", perm=[0, 2, 1, 3])
    return g.node("Reshape", [joined, g.ints("join_heads", [0, 0, hidden])], f"{layer}.context")


def _gelu(g: Graph, x: str, name: str) -> str:
    """Exact GELU, x/2 (1 + erf(x / sqrt 2)); onnxruntime recognises the pattern."""
    scaled = g.node("Div", [x, g.floats("sqrt_2", np.sqrt(2.0))], f"{name}.scaled")
    erf = g.node("Erf", [scaled], f"{name}.erf")
    plus = g.node("Add", [erf, g.floats("one", 1.0)], f"{name}.plus_one")
    product = g.node("Mul", [x, plus], f"{name}.product")
    return g.node("Mul", [product, g.floats("half", 0.5)], f"{name}.gelu")


def _layer(g: Graph, x: str, bias: str, w: Mapping[str, Array], layer: str, heads: int, epsilon: float) -> str:
    """One post-norm transformer layer."""
    context = _attention(g, x, bias, w, layer, heads)
    for source, stem, middle in (("attention.output", "attended", False), ("output", "fed", True)):
        if middle:
            inner = f"{layer}.intermediate.dense"
            wide = g.linear(x, w[f"{inner}.weight"], w[f"{inner}.bias"], f"{layer}.wide")
            context = _gelu(g, wide, f"{layer}.wide")
        dense, norm = f"{layer}.{source}.dense", f"{layer}.{source}.LayerNorm"
        out = g.linear(context, w[f"{dense}.weight"], w[f"{dense}.bias"], f"{layer}.{stem}")
        residual = g.node("Add", [out, x], f"{layer}.{stem}.residual")
        x = g.layer_norm(residual, w[f"{norm}.weight"], w[f"{norm}.bias"], epsilon, f"{layer}.{stem}.norm")
    return x


def _relevance_head(g: Graph, x: str, w: Mapping[str, Array]) -> None:
    """Pooler and classifier over the first token: `relevance` (batch,), a raw logit."""
    first = g.node("Gather", [x, g.ints("zero", 0)], "first_token", axis=1)
    pooled = g.linear(first, w["bert.pooler.dense.weight"], w["bert.pooler.dense.bias"], "pooler")
    judged = g.linear(g.node("Tanh", [pooled], "pooled"), w["classifier.weight"], w["classifier.bias"], "classifier")
    g.node("Squeeze", [judged, g.ints("axis_1", [1])], "relevance")


def _span_relevance(g: Graph) -> None:
    """Without a relevance head: best start + best end over passage tokens, minus the null score, (batch,)."""
    passage = g.node("Mul", ["token_type_ids", "attention_mask"], "passage_or_sep")
    sep = g.node("Equal", ["input_ids", g.ints("sep", SEP_ID)], "is_sep")
    inside = g.node("Where", [sep, g.ints("zero", 0), passage], "passage_tokens")
    keep = g.node("Cast", [inside], "passage_mask", to=TensorProto.BOOL)
    total = ""
    for side in ("start", "end"):
        logits = f"{side}_logits"
        shown = g.node("Where", [keep, logits, g.floats("minus_large", MASKED)], f"{side}.passage")
        best = g.node("ReduceMax", [shown], f"{side}.best", axes=[1], keepdims=0)
        null = g.node("Gather", [logits, g.ints("zero", 0)], f"{side}.null", axis=1)
        margin = g.node("Sub", [best, null], f"{side}.margin")
        total = g.node("Add", [total, margin], "relevance") if total else margin


def build(
    weights: Mapping[str, Array], config: Mapping[str, object], *, precision: Precision, producer: str
) -> onnx.ModelProto:
    """Build the graph: int64 (batch, length) inputs to float32 `start_logits`, `end_logits` and `relevance`.

    `weights` are named as in transformers' BertForQuestionAnswering, with `bert.pooler.*` and `classifier.*` when
    the model has a relevance head. `config` is the model folder's config.json. Except with precision `int8` a pair's
    result does not depend on the other rows of its batch.
    """
    epsilon, heads = float(str(config["layer_norm_eps"])), int(str(config["num_attention_heads"]))
    g = Graph(precision)
    mask = g.node("Cast", ["attention_mask"], "mask.float", to=TensorProto.FLOAT)
    absent = g.node("Sub", [g.floats("one", 1.0), mask], "mask.absent")
    weighed = g.node("Mul", [absent, g.floats("masked", MASKED)], "mask.weighed")
    bias = g.node("Unsqueeze", [weighed, g.ints("axes_1_2", [1, 2])], "mask.bias")
    x = _embed(g, weights, epsilon)
    for number in range(int(str(config["num_hidden_layers"]))):
        x = _layer(g, x, bias, weights, f"bert.encoder.layer.{number}", heads, epsilon)
    spans = g.linear(x, weights["qa_outputs.weight"], weights["qa_outputs.bias"], "qa_outputs")
    for column, side in enumerate(("start", "end")):
        g.node("Gather", [spans, g.ints(f"column_{column}", column)], f"{side}_logits", axis=2)
    if "classifier.weight" in weights:
        _relevance_head(g, x, weights)
    else:
        _span_relevance(g)
    pair = ["batch", "length"]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, pair)
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    outputs = [helper.make_tensor_value_info(f"{side}_logits", TensorProto.FLOAT, pair) for side in ("start", "end")]
    outputs.append(helper.make_tensor_value_info("relevance", TensorProto.FLOAT, ["batch"]))
    graph = helper.make_graph(g.nodes, "reader", inputs, outputs, g.initialisers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name=producer)
    model.ir_version = 8  # the oldest that knows opset 17, for old runtimes
    onnx.checker.check_model(model, full_check=True)
    return model
