"""A checkpoint is whole or not there, and only the newest two stay."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training import checkpoint


def test_round_trip_keeps_the_newest_two(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        checkpoint.save(tmp_path, step, {"a": torch.full((2,), float(step))}, {"step": step})
    assert [path.name for path in checkpoint.finished(tmp_path)] == ["step-00000002", "step-00000003"]
    found = checkpoint.latest(tmp_path)
    assert found is not None
    assert found[0]["a"].tolist() == [3.0, 3.0]
    assert found[1] == {"step": 3}


def test_a_half_written_one_is_not_seen(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, {"a": torch.zeros(1)}, {"step": 1})
    (tmp_path / "step-00000002.partial").mkdir()
    (tmp_path / "step-00000002.partial" / "state.safetensors").write_bytes(b"half")
    found = checkpoint.latest(tmp_path)
    assert found is not None
    assert found[1] == {"step": 1}


def test_a_failure_while_writing_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path, 1, {"a": torch.zeros(1)}, {"step": 1})

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OSError, match="no space"):
        checkpoint.save(tmp_path, 2, {"a": torch.ones(1)}, {"step": 2})
    found = checkpoint.latest(tmp_path)
    assert found is not None
    assert found[1] == {"step": 1}


def test_nothing_there(tmp_path: Path) -> None:
    assert checkpoint.latest(tmp_path) is None
