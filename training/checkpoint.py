"""The state of a run on disk: safetensors and JSON, written so that a kill at any moment leaves a whole one."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

KEPT = 2


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def finished(folder: Path) -> list[Path]:
    """All whole checkpoints in `folder`, oldest first."""
    return sorted(path for path in folder.glob("step-*") if path.suffix != ".partial")


def save(folder: Path, step: int, tensors: dict[str, Tensor], note: dict[str, object]) -> Path:
    """Write `folder/step-N` under another name, sync it, rename it, and drop all but the newest two."""
    target = folder / f"step-{step:08d}"
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file({name: value.detach().contiguous() for name, value in tensors.items()}, partial / "state.safetensors")
    (partial / "state.json").write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    for path in (partial / "state.safetensors", partial / "state.json", partial):
        _sync(path)
    shutil.rmtree(target, ignore_errors=True)
    partial.replace(target)
    _sync(folder)
    for old in finished(folder)[:-KEPT]:
        shutil.rmtree(old)
    for left in folder.glob("*.partial"):
        shutil.rmtree(left)
    return target


def latest(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and note of the newest whole checkpoint, None if there is none."""
    whole = finished(folder)
    if not whole:
        return None
    note = json.loads((whole[-1] / "state.json").read_text(encoding="utf-8"))
    return load_file(whole[-1] / "state.safetensors"), note


def optimiser_tensors(optimiser: torch.optim.Optimizer, learned: dict[str, torch.nn.Parameter]) -> dict[str, Tensor]:
    """AdamW's moments and step count by parameter name, copied."""
    return {
        f"adam/{key}/{name}": value.detach().clone()
        for name, parameter in learned.items()
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def restore_optimiser(
    optimiser: torch.optim.Optimizer, learned: dict[str, torch.nn.Parameter], tensors: dict[str, Tensor]
) -> None:
    """Put back what `optimiser_tensors` gave."""
    for full, value in tensors.items():
        if full.startswith("adam/"):
            _, key, name = full.split("/", 2)
            optimiser.state[learned[name]][key] = value
