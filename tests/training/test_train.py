"""A run that is killed and resumed gives the weights of one that never was."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from training import checkpoint, prepare, report, train

pytestmark = pytest.mark.training


@pytest.fixture
def run(config, data: Path, base: Path, tmp_path: Path) -> Path:  # type: ignore[no-untyped-def]
    prepare.prepare(config, data, base, tmp_path / "run")
    return tmp_path / "run"


def _state(folder: Path) -> tuple[dict[str, list[float]], dict[str, object]]:
    found = checkpoint.latest(folder / "checkpoints")
    assert found is not None
    return {name: value.flatten().tolist() for name, value in found[0].items()}, found[1]


def _slow(config, base: Path, run: Path) -> None:  # type: ignore[no-untyped-def]
    """Train slowly enough to be killed in the middle."""
    step = train.Trainer.advance

    def advance(self: train.Trainer) -> dict[str, float]:
        time.sleep(0.05)
        return step(self)

    train.Trainer.advance = advance  # type: ignore[method-assign]
    train.train(config, base, run)


def _kill_when(process: multiprocessing.process.BaseProcess, run: Path, step: int, number: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        names = sorted(path.name for path in run.glob("checkpoints/step-????????"))
        if names and int(names[-1][5:]) >= step:
            assert process.pid is not None
            os.kill(process.pid, number)
            process.join()
            return
        time.sleep(0.01)
    raise AssertionError("the run made no checkpoint in time")


def test_killed_and_resumed_is_bit_identical(config, base: Path, run: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "data").symlink_to(run / "data")
    train.train(config, base, whole)
    last = _state(whole)[1]["step"]
    assert isinstance(last, int)
    assert last > 20
    context = multiprocessing.get_context("spawn")
    for step, number in ((3, signal.SIGKILL), (last // 2, signal.SIGKILL), (last // 2 + 4, signal.SIGTERM)):
        process = context.Process(target=_slow, args=(config, base, run))
        process.start()
        _kill_when(process, run, step, number)
        assert _state(run)[1]["step"] < last  # type: ignore[operator]
    train.train(config, base, run)
    assert _state(run) == _state(whole)
    finals = [load_file(folder / "final/model.safetensors") for folder in (run, whole)]
    assert all((finals[0][name] == finals[1][name]).all() for name in finals[0])


def test_cool_down_branches_off_and_leaves_the_trunk(config, base: Path, run: Path) -> None:  # type: ignore[no-untyped-def]
    train.train(config, base, run, max_steps=6)
    trunk = _state(run)
    home = train.train(config, base, run, cooldown_tokens=3000, max_steps=5)
    assert not (home / "final").exists()
    assert train.train(config, base, run, cooldown_tokens=3000) == home  # the unfinished one goes on
    assert (home / "final/model.safetensors").exists()
    assert (home / "final-average/tokenizer.json").exists()
    assert _state(run) == trunk
    rates = [entry["lr"] for entry in report.read_log(home / "log.jsonl") if "lr" in entry]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.3 * config.train.learning_rate
    assert "Cool-down" in report.report(run)
    later = train.train(config, base, run, max_steps=1)
    assert later == run
    assert _state(run)[1]["step"] == 7


def test_it_learns(config, base: Path, run: Path) -> None:  # type: ignore[no-untyped-def]
    longer = dataclasses.replace(
        config, train=dataclasses.replace(config.train, epochs=12, dropout=0.0, checkpoint_seconds=60.0)
    )
    train.train(longer, base, run)
    losses = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    spans = [entry["span"] for entry in losses if "span" in entry]
    assert spans[-1] < 0.8 * spans[0]


def test_other_data_or_base_is_refused(config, base: Path, run: Path) -> None:  # type: ignore[no-untyped-def]
    train.train(config, base, run, max_steps=1)
    note = run / "data" / "meta.json"
    original = note.read_text(encoding="utf-8")
    for key, message in (("digest", "other prepared data"), ("base_sha256", "not the base")):
        note.write_text(json.dumps(json.loads(original) | {key: "0"}), encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            train.train(config, base, run, max_steps=1)


def test_a_run_has_one_trainer(config, base: Path, run: Path) -> None:  # type: ignore[no-untyped-def]
    with train.locked(run), pytest.raises(BlockingIOError):
        train.train(config, base, run, max_steps=1)
