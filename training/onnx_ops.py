"""The standard operators that graphs are made of: weights in float32 or int8, arithmetic in float32."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

Array = npt.NDArray[np.generic]
Sides = dict[str, tuple[str, npt.NDArray[np.float32]]]
"""The product of `query`, `key` and `value`, and the bias (hidden,) that is not in it yet."""
# exp(-10000) is exactly 0 in float32, so padding has no weight at all, and a row of padding gives no NaN.
MASKED = -10000.0


def quantise_columns(weight: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Symmetric int8 per output channel: `weight` (in, out) is close to `q * scale`, with `scale` (out,)."""
    peak = np.abs(weight).max(axis=0)
    scale = np.where(peak > 0, peak / 127.0, 1.0).astype(np.float32)
    return np.clip(np.rint(weight / scale), -127, 127).astype(np.int8), scale


@dataclasses.dataclass(frozen=True)
class Norm:
    """Weight and bias (hidden,) of a layer norm."""

    weight: Array
    bias: Array
    epsilon: float

    @classmethod
    def of(cls, weights: Mapping[str, Array], name: str, epsilon: float) -> Norm:
        return cls(weights[f"{name}.weight"], weights[f"{name}.bias"], epsilon)


class Graph:
    """Nodes and initialisers under construction; every method returns the name of the tensor it made."""

    def __init__(self, *, int8_weights: bool) -> None:
        self.int8_weights = int8_weights
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
        """`x @ weight.T + bias` for a torch-style weight (out, in), in float32 whatever the precision: the heads."""
        matrix = self.floats(f"{name}.weight", np.asarray(weight, dtype=np.float32).T)
        return self._shifted(self.node("MatMul", [x, matrix], f"{name}.matmul"), bias, name)

    def _shifted(self, product: str, bias: Array, name: str) -> str:
        return self.node("Add", [product, self.floats(f"{name}.bias", bias)], f"{name}.out")

    # What follows is a layer's arithmetic. `onnx_int8` puts other operators in its place.

    def start(self, x: str, hidden: int) -> str:
        """What the layers compute on, from embeddings (batch, length, hidden)."""
        return x

    def finish(self, x: str) -> str:
        """(batch, length, hidden) from what the layers compute on."""
        return x

    def product(self, x: str, weight: Array, name: str, *, after_gelu: bool = False) -> str:
        """`x @ weight.T` for a torch-style weight (out, in), held in int8 when the graph's are."""
        matrix = np.asarray(weight, dtype=np.float32).T
        if not self.int8_weights:
            return self.node("MatMul", [x, self.floats(f"{name}.weight", matrix)], f"{name}.matmul")
        quantised, scale = quantise_columns(matrix)
        stored = [self.constant(f"{name}.weight_int8", quantised), self.floats(f"{name}.scale", scale)]
        zeros = self.constant(f"{name}.zero_{scale.size}", np.zeros(scale.shape, dtype=np.int8))
        w = self.node("DequantizeLinear", [*stored, zeros], f"{name}.weight", axis=1)
        return self.node("MatMul", [x, w], f"{name}.matmul")

    def attend(self, sides: Sides, bias: str, heads: int, layer: str) -> str:
        """Multi-head attention over the products of queries, keys and values, each with the bias it still lacks."""
        hidden = int(sides["query"][1].shape[0])
        split = self.ints("split_heads", [0, 0, heads, hidden // heads])
        turned: dict[str, str] = {}
        for side, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
            name = f"{layer}.{side}"
            apart = self.node("Reshape", [self._shifted(*sides[side], name), split], f"{name}.heads")
            turned[side] = self.node("Transpose", [apart], f"{name}.by_head", perm=order)
        scores = self.node("MatMul", [turned["query"], turned["key"]], f"{layer}.scores")
        masked = self.node("Add", [scores, bias], f"{layer}.masked")
        shares = self.node("Softmax", [masked], f"{layer}.shares", axis=-1)
        mixed = self.node("MatMul", [shares, turned["value"]], f"{layer}.mixed")
        joined = self.node("Transpose", [mixed], f"{layer}.joined", perm=[0, 2, 1, 3])
        return self.node("Reshape", [joined, self.ints("join_heads", [0, 0, hidden])], f"{layer}.context")

    def gelu(self, product: str, bias: Array, name: str) -> str:
        """Exact GELU, x/2 (1 + erf(x / sqrt 2)), of a product and its bias; onnxruntime recognises the pattern."""
        x = self._shifted(product, bias, name)
        scaled = self.node("Div", [x, self.floats("sqrt_2", np.sqrt(2.0))], f"{name}.scaled")
        erf = self.node("Erf", [scaled], f"{name}.erf")
        plus = self.node("Add", [erf, self.floats("one", 1.0)], f"{name}.plus_one")
        whole = self.node("Mul", [x, plus], f"{name}.product")
        return self.node("Mul", [whole, self.floats("half", 0.5)], f"{name}.gelu")

    def add_norm(self, product: str, bias: Array, x: str, norm: Norm, name: str) -> str:
        """The layer norm of a product, its bias and the residual `x`."""
        residual = self.node("Add", [self._shifted(product, bias, name), x], f"{name}.residual")
        return self.layer_norm(residual, norm, f"{name}.norm")

    def layer_norm(self, x: str, norm: Norm, name: str) -> str:
        """LayerNormalization over the last axis."""
        scale, shift = self.floats(f"{name}.weight", norm.weight), self.floats(f"{name}.bias", norm.bias)
        return self.node("LayerNormalization", [x, scale, shift], name, axis=-1, epsilon=norm.epsilon)
