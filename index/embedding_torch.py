"""The packaged all-MiniLM-L6-v2 on torch with products in bfloat16, for many texts at once.

Not through sentence-transformers: importing it and transformers takes several times as long as importing torch, and the
forward pass is forty lines. What is added up over the layers, and the normalisations, stay in float32, which keeps the
vectors nearer to the float32 ones than a model cast to bfloat16 as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from .embedding import Vectors
from .packaged_model import DIMENSION, Ids, PackagedWeights
from .timings import check_time
from .turns import Turns

if TYPE_CHECKING:
    from torch import Tensor

_LAYERS, _HEADS, _EPSILON = 6, 12, 1e-12  # of the model's config.json
_PAD_TO = 16
_TOKENS_AT_A_TIME = {"cpu": 4_096, "cuda": 16_384}


class TorchVectors:
    """Token ids to vectors, the longest first in batches padded to a multiple of 16 tokens.

    The vectors of a text in different batches agree to within rounding of bfloat16, not to the last bit.
    """

    def __init__(self, weights: PackagedWeights, *, threads: int = 0) -> None:
        """Load torch. Raises ImportError, and whatever torch raises, where it cannot be used."""
        import torch

        self._torch = torch
        threads = threads or torch.get_num_threads()
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        # Batches side by side, a thread each, rather than one batch on all cores, whose threads wait for each other.
        self._side_by_side = threads if self._device == "cpu" else 1
        self._workers = ThreadPoolExecutor(self._side_by_side, "spanwise-bulk", lambda: torch.set_num_threads(1))
        self._weights = weights
        self._turns = Turns()
        self._tensors: dict[str, Tensor] = {}
        for name, value in weights.layers().items():
            kind = torch.float32 if "LayerNorm" in name else torch.bfloat16
            self._tensors[name] = torch.from_numpy(np.array(value)).to(self._device, kind)
        weights.give_back()
        for number in range(_LAYERS):  # one product instead of three
            layer = f"encoder.layer.{number}.attention.self"
            for part in ("weight", "bias"):
                sides = [self._tensors.pop(f"{layer}.{side}.{part}") for side in ("query", "key", "value")]
                self._tensors[f"{layer}.{part}"] = torch.cat(sides)

    def __call__(self, ids: Sequence[Ids]) -> Vectors:
        """float32, a row of length 1 for each of `ids`. Raises TimeLimitError between batches."""
        found = np.empty((len(ids), DIMENSION), np.float32)
        order = sorted(range(len(ids)), key=lambda position: -len(ids[position]))
        tokens = min(_TOKENS_AT_A_TIME[self._device], -(-sum(map(len, ids)) // self._side_by_side))
        start = 0
        batches: list[list[int]] = []
        while start < len(order):
            rows = max(tokens // self._length(ids[order[start]]), 1)
            batches.append(order[start : start + rows])
            start += rows
        for first in range(0, len(batches), self._side_by_side):
            check_time()
            some = batches[first : first + self._side_by_side]
            with self._turns.turn():
                computed = self._workers.map(self._batch, [[ids[place] for place in places] for places in some])
                for places, vectors in zip(some, computed, strict=True):
                    found[places] = vectors
        return found

    @staticmethod
    def _length(ids: Ids) -> int:
        return -(-len(ids) // _PAD_TO) * _PAD_TO

    def _batch(self, ids: Sequence[Ids]) -> Vectors:
        torch, length = self._torch, self._length(ids[0])
        embeddings = np.zeros((len(ids), length, DIMENSION), np.float32)
        there = np.zeros((len(ids), length, 1), np.float32)
        for row, one in enumerate(ids):
            embeddings[row, : len(one)] = self._weights.embeddings(one)
            there[row, : len(one)] = 1
        with torch.inference_mode():
            mask = torch.from_numpy(there).to(self._device)
            padding = torch.where(mask > 0, 0.0, -1e4).to(torch.bfloat16).reshape(len(ids), 1, 1, length)
            x = self._norm(torch.from_numpy(embeddings).to(self._device), "embeddings.LayerNorm")
            for number in range(_LAYERS):
                x = self._layer(x, padding, f"encoder.layer.{number}")
            mean = (x * mask).sum(1) / mask.sum(1)
            vectors: Vectors = torch.nn.functional.normalize(mean, dim=1).cpu().numpy()
        return vectors

    def _layer(self, x: Tensor, padding: Tensor, layer: str) -> Tensor:
        functional: Any = self._torch.nn.functional
        rows, length, width = x.shape
        sides = self._linear(x, f"{layer}.attention.self").view(rows, length, 3, _HEADS, width // _HEADS)
        query, key, value = sides.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=padding)
        attended = self._linear(mixed.transpose(1, 2).reshape(rows, length, width), f"{layer}.attention.output.dense")
        x = self._norm(attended + x, f"{layer}.attention.output.LayerNorm")
        wide = functional.gelu(self._linear(x, f"{layer}.intermediate.dense"))
        return self._norm(self._linear(wide, f"{layer}.output.dense") + x, f"{layer}.output.LayerNorm")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]
        return self._torch.nn.functional.linear(x.to(weight.dtype), weight, bias)

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"]
        return self._torch.nn.functional.layer_norm(x, (DIMENSION,), weight, bias, _EPSILON)
