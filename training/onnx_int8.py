"""Products in int8 with one activation scale per token.

One scale for everything that enters a layer is set by its largest value, and this encoder has channels ten times as
large as the rest on one or two tokens, [CLS] and [SEP] mostly: the other tokens are left a handful of steps. With a
scale per token they keep theirs, and no token's arithmetic depends on another's, on padding or on the other rows.
onnxruntime has no product that takes such scales, so they come off by a multiplication behind it. Its fused operators
for attention, bias and layer norm are no faster here than the standard ones (`training/README.md`).
"""

from __future__ import annotations

import numpy as np
from onnx import numpy_helper

from .onnx_ops import Array, Graph, Sides, quantise_columns

DOMAIN = "com.microsoft"
MIDDLE = 128  # the zero of an activation in uint8: 127 steps to either side
# Behind GELU nothing lies below -0.17, so that most of the steps go to what is above 0.
GELU_MIDDLE, GELU_LOWEST = 32, 0.17


class Int8Graph(Graph):
    """Activations are (tokens, hidden), the tokens of all rows in one axis, until `finish`."""

    def __init__(self) -> None:
        super().__init__(int8_weights=True)

    def start(self, x: str, hidden: int) -> str:
        """(batch, length, hidden) to (tokens, hidden)."""
        size = self.ints("hidden_1d", [hidden])
        self.node("Concat", ["shape", size], "rows.shape", axis=0)
        flat = self.node("Reshape", [x, self.ints("tokens.shape", [-1, hidden])], "tokens")
        count = self.node("ReduceProd", ["shape"], "tokens.count", keepdims=1)
        for middle in (MIDDLE, GELU_MIDDLE):
            value = numpy_helper.from_array(np.array([middle], dtype=np.uint8))
            self.node("ConstantOfShape", [count], f"tokens.zero_{middle}", value=value)
        return flat

    def finish(self, x: str) -> str:
        """(tokens, hidden) to (batch, length, hidden)."""
        return self.node("Reshape", [x, "rows.shape"], "encoded")

    def product(self, x: str, weight: Array, name: str, *, after_gelu: bool = False) -> str:
        """`x @ weight.T` (tokens, out) of `x` rounded to uint8 by token and `weight` to int8 by output channel."""
        quantised, scale = quantise_columns(np.asarray(weight, dtype=np.float32).T)
        middle = GELU_MIDDLE if after_gelu else MIDDLE
        values, step = self._round(x, middle)
        inputs = [
            values,
            self.constant(f"{name}.weight_int8", quantised),
            self.floats("one", 1.0),
            self.floats(f"{name}.scale", scale),
            self.constant(f"zero_{middle}", np.array(middle, dtype=np.uint8)),
            self.constant(f"zeros_{scale.size}", np.zeros(scale.shape, dtype=np.int8)),
        ]
        whole = self.node("MatMulIntegerToFloat", inputs, f"{name}.integers", domain=DOMAIN)
        return self.node("Mul", [whole, step], f"{name}.matmul")

    def _round(self, x: str, middle: int) -> tuple[str, str]:
        """`x` in uint8 around `middle`, and the steps (tokens, 1) it was divided by."""
        values, step = f"{x}.uint8", f"{x}.step"
        if values in self._names:  # query, key and value share their input
            return values, step
        self._names.add(values)
        if middle == MIDDLE:
            peak = self.node("ReduceMax", [self.node("Abs", [x], f"{x}.size")], f"{x}.peak", axes=[1], keepdims=0)
            share, least = 1 / 127, 1e-9  # a token of zeros must not divide by 0
        else:
            peak = self.node("ReduceMax", [x], f"{x}.peak", axes=[1], keepdims=0)
            share, least = 1 / (255 - middle), GELU_LOWEST / middle
        wanted = self.node("Mul", [peak, self.floats(f"share_{middle}", share)], f"{x}.wanted")
        steps = self.node("Max", [wanted, self.floats(f"least_{middle}", least)], f"{x}.steps")
        self.node("Unsqueeze", [steps, self.ints("axis_1", [1])], step)
        self.node("QuantizeLinear", [x, steps, f"tokens.zero_{middle}"], values, axis=0)
        return values, step

    def attend(self, sides: Sides, bias: str, heads: int, layer: str) -> str:
        """Multi-head attention over the products of queries, keys and values: (tokens, hidden)."""
        rows = {
            side: (self.node("Reshape", [made, "rows.shape"], f"{made}.rows"), b) for side, (made, b) in sides.items()
        }
        return self.node(
            "Reshape", [super().attend(rows, bias, heads, layer), "tokens.shape"], f"{layer}.context.tokens"
        )
