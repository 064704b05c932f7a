"""The reading model as an ONNX graph, written node by node from NumPy weights.

The graph is built by hand rather than traced so that it stays the same whatever version of a tracing
exporter is installed, and so that every weight can be stored as int8 without a second pass over the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper

from .onnx_int8 import DOMAIN, Int8Graph
from .onnx_ops import MASKED, Array, Graph, Norm, Sides, quantise_columns

Precision = Literal["float32", "int8-weights", "int8"]
"""`int8-weights` keeps the weights in int8 and computes in float32. `int8` also multiplies in int8, with one scale for
each token that enters a layer, and is for onnxruntime alone (`onnx_int8`)."""
OPSET = 17
SEP_ID = 102


def _embed(g: Graph, w: Mapping[str, Array], epsilon: float) -> str:
    """Sum of word, position and token type embeddings, normalised: (batch, length, hidden)."""
    words = np.asarray(w["bert.embeddings.word_embeddings.weight"], dtype=np.float32)
    if g.int8_weights:
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
    return g.layer_norm(total, Norm.of(w, "bert.embeddings.LayerNorm", epsilon), "embeddings")


def _layer(g: Graph, x: str, bias: str, w: Mapping[str, Array], layer: str, heads: int, epsilon: float) -> str:
    """One post-norm transformer layer."""
    sides: Sides = {}
    for side in ("query", "key", "value"):
        source = f"{layer}.attention.self.{side}"
        weight, shift = (np.asarray(w[f"{source}.{part}"], dtype=np.float32) for part in ("weight", "bias"))
        if side == "query":  # the 1/sqrt(head size) of the scores, paid once on the weights
            root = np.sqrt(np.float32(weight.shape[0] // heads))
            weight, shift = weight / root, shift / root
        sides[side] = (g.product(x, weight, f"{layer}.{side}"), shift)
    context = g.attend(sides, bias, heads, layer)
    x = _add_norm(g, context, x, w, f"{layer}.attention.output", f"{layer}.attended", epsilon)
    inner = f"{layer}.intermediate.dense"
    wide = g.gelu(g.product(x, w[f"{inner}.weight"], f"{layer}.wide"), w[f"{inner}.bias"], f"{layer}.wide")
    return _add_norm(g, wide, x, w, f"{layer}.output", f"{layer}.fed", epsilon)


def _add_norm(g: Graph, inner: str, x: str, w: Mapping[str, Array], source: str, name: str, epsilon: float) -> str:
    """The end of both halves of a layer: back to the hidden size, onto the residual `x`, normalised."""
    product = g.product(inner, w[f"{source}.dense.weight"], name, after_gelu=name.endswith(".fed"))
    return g.add_norm(product, w[f"{source}.dense.bias"], x, Norm.of(w, f"{source}.LayerNorm", epsilon), name)


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
    the model has a relevance head. `config` is the model folder's config.json. A pair's result does not
    depend on the other rows of its batch.
    """
    epsilon, heads = float(str(config["layer_norm_eps"])), int(str(config["num_attention_heads"]))
    g = Int8Graph() if precision == "int8" else Graph(int8_weights=precision == "int8-weights")
    mask = g.node("Cast", ["attention_mask"], "mask.float", to=TensorProto.FLOAT)
    absent = g.node("Sub", [g.floats("one", 1.0), mask], "mask.absent")
    weighed = g.node("Mul", [absent, g.floats("masked", MASKED)], "mask.weighed")
    bias = g.node("Unsqueeze", [weighed, g.ints("axes_1_2", [1, 2])], "mask.bias")
    x = g.start(_embed(g, weights, epsilon), int(str(config["hidden_size"])))
    for number in range(int(str(config["num_hidden_layers"]))):
        x = _layer(g, x, bias, weights, f"bert.encoder.layer.{number}", heads, epsilon)
    x = g.finish(x)
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
    opsets = [helper.make_opsetid("", OPSET)]
    if precision == "int8":
        opsets.append(helper.make_opsetid(DOMAIN, 1))
    model = helper.make_model(graph, opset_imports=opsets, producer_name=producer)
    model.ir_version = 8  # the oldest that knows opset 17, for old runtimes
    onnx.checker.check_model(model, full_check=True)
    return model
