"""The graph that is shipped is the one that its maker writes."""

from __future__ import annotations

import onnx
import pytest

from training import embedding_graph

pytestmark = pytest.mark.training


def test_the_shipped_graph_is_what_is_built() -> None:
    shipped = onnx.load(str(embedding_graph.FILE), load_external_data=False)
    assert shipped == embedding_graph.build()
    assert embedding_graph.FILE.stat().st_size < 50_000  # no weights in it
