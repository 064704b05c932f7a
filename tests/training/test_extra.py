"""Says so when the rest of this folder is left out for want of a library."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("name", ["torch", "transformers", "safetensors", "tokenizers", "onnx", "bm25s"])
def test_the_training_extra_is_installed(name: str) -> None:
    pytest.importorskip(name)
