"""An int8 product is as exact for one token as for the next, whatever else stands in the row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto, helper

from training.onnx_int8 import DOMAIN, GELU_LOWEST, Int8Graph

ort = pytest.importorskip("onnxruntime")
Floats = npt.NDArray[np.float32]
HIDDEN, OUT = 32, 20


def product(x: Floats, weight: Floats, *, after_gelu: bool = False) -> Floats:
    """What the int8 graph makes of `x` (batch, length, hidden) and a torch-style weight: (batch, length, out)."""
    graph = Int8Graph()
    graph.node("Slice", ["mask", graph.ints("from", [0]), graph.ints("to", [2])], "shape")
    tokens = graph.start("x", x.shape[2])
    made = graph.product(tokens, weight, "made", after_gelu=after_gelu)
    graph.node("Identity", [made], "y")
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "length", x.shape[2]]),
        helper.make_tensor_value_info("mask", TensorProto.INT64, [2]),
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    model = helper.make_model(
        helper.make_graph(graph.nodes, "product", inputs, [output], graph.initialisers),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)],
        ir_version=8,
    )
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {"x": x, "mask": np.asarray(x.shape[:2], dtype=np.int64)}
    found: Floats = session.run(None, feed)[0]
    return found.reshape(*x.shape[:2], -1)


@pytest.fixture
def weight() -> Floats:
    return np.random.default_rng(1).normal(size=(OUT, HIDDEN)).astype(np.float32)


@pytest.mark.parametrize("after_gelu", [False, True])
def test_a_huge_token_costs_the_others_nothing(weight: Floats, after_gelu: bool) -> None:
    x = np.random.default_rng(2).normal(size=(2, 7, HIDDEN)).astype(np.float32)
    if after_gelu:
        x = np.where(x > 0, 3 * x, -GELU_LOWEST * np.minimum(1, -x))
    calm = product(x, weight, after_gelu=after_gelu)
    x[0, 0, 3] = 1000.0
    found, exact = product(x, weight, after_gelu=after_gelu), x @ weight.T
    np.testing.assert_array_equal(found[0, 1:], calm[0, 1:])
    np.testing.assert_array_equal(found[1], calm[1])
    off = np.abs(found - exact).mean(axis=-1) / exact.std(axis=-1)
    assert float(off.max()) < 0.02


def test_behind_gelu_the_steps_are_finer(weight: Floats) -> None:
    """Nearly twice as many steps above 0; were the zero in the middle there, this would be no better."""
    x = np.abs(np.random.default_rng(3).normal(size=(1, 50, HIDDEN)) * 5).astype(np.float32)
    grid = np.eye(HIDDEN, dtype=np.float32)  # weights that are exact in int8, so that only activations are rounded
    even, behind = (float(np.square(product(x, grid, after_gelu=g) - x).mean()) for g in (False, True))
    assert behind < 0.5 * even


def test_a_token_of_zeros_stays_zero(weight: Floats) -> None:
    x = np.zeros((1, 3, HIDDEN), dtype=np.float32)
    x[0, 1] = 1.0
    found = product(x, weight)
    assert not found[0, [0, 2]].any()
    assert found[0, 1].all()
    assert np.isfinite(found).all()
