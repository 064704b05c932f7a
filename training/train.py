"""`train`: a constant-rate trunk that goes on for as long as it is let, and cool-downs that branch off it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from torch import Tensor

from . import checkpoint, evaluate, loss, model, prepared
from .config import Config
from .epoch import Batch, Epoch


class Interrupted:
    """True once SIGTERM or SIGINT has come; the step under way is finished first."""

    def __init__(self) -> None:
        self._came = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came = True

    def __bool__(self) -> bool:
        return self._came


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Only one trainer per run folder; raises BlockingIOError if another holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield


def learning_rate(step: int, tokens: int, config: Config, cooldown: tuple[int, int] | None) -> float:
    """Warm-up over steps, then constant; in a cool-down (start, length in tokens) linear to 0."""
    rate = config.train.learning_rate * min(1.0, (step + 1) / config.train.warmup_steps)
    if cooldown:
        rate *= max(0.0, 1.0 - (tokens - cooldown[0]) / cooldown[1])
    return rate


def tensors_of(batch: Batch, device: torch.device) -> dict[str, Tensor]:
    """A batch's arrays as tensors."""
    names = ("input_ids", "attention_mask", "token_type_ids", "start", "end", "kind", "teacher")
    return {name: torch.from_numpy(np.ascontiguousarray(getattr(batch, name))).to(device) for name in names}


class Trainer:
    """Model, optimiser, average and position of a run; `home` is the folder of the trunk or of one cool-down."""

    def __init__(
        self,
        config: Config,
        base: Path,
        run: Path,
        home: Path,
        cooldown_tokens: int | None = None,
        start: Path | None = None,
    ) -> None:
        if config.train.threads:
            torch.set_num_threads(config.train.threads)
        torch.use_deterministic_algorithms(True)
        self.config, self.run, self.home = config, run, home
        self.data = prepared.load(run / "data")
        self.digest = str(prepared.meta(run / "data")["digest"])
        self.tokenizer = prepared.load_tokenizer(run / "data" / "tokenizer.json")
        if (
            hashlib.sha256((base / "model.safetensors").read_bytes()).hexdigest()
            != prepared.meta(run / "data")["base_sha256"]
        ):
            raise ValueError(f"{base} is not the base that this run's data was prepared with")
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.reader = model.from_base(base, config.seed, start, config.train.dropout).to(self.device)
        self.learned = model.freeze(self.reader, config.train.frozen_layers)
        decayed = [p for n, p in self.learned.items() if p.dim() > 1]
        plain = [p for n, p in self.learned.items() if p.dim() <= 1]
        groups = [
            {"params": decayed, "weight_decay": config.train.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=0.0, fused=True)
        self.average = {name: value.detach().clone() for name, value in self.learned.items()}
        self.step = self.tokens = self.epoch_number = self.position = 0
        self.evaluated = self.snapped = 0
        self.cooldown: tuple[int, int] | None = None
        self._restore(cooldown_tokens)
        self.epoch = Epoch(self.data, self.tokenizer, config, self.epoch_number)

    def _restore(self, cooldown_tokens: int | None) -> None:
        state = checkpoint.latest(self.home / "checkpoints")
        branching = state is None and cooldown_tokens is not None
        if branching:
            state = checkpoint.latest(self.run / "checkpoints")
            if state is None:
                raise FileNotFoundError(f"{self.run} has no checkpoint to cool down from")
        if state is None:
            return
        tensors, note = state
        if note["data"] != self.digest:
            raise ValueError(f"{self.home}: the checkpoint belongs to other prepared data")
        with torch.no_grad():
            for name, value in self.learned.items():
                value.copy_(tensors[f"model/{name}"])
                self.average[name].copy_(tensors[f"average/{name}"])
        checkpoint.restore_optimiser(self.optimiser, self.learned, tensors)
        torch.set_rng_state(tensors["rng"])
        for name in ("step", "tokens", "epoch_number", "position", "evaluated", "snapped"):
            setattr(self, name, note[name])
        if branching:
            assert cooldown_tokens is not None
            self.cooldown = (self.tokens, cooldown_tokens)
        elif note["cooldown"]:
            self.cooldown = (note["cooldown"][0], note["cooldown"][1])

    def save(self) -> None:
        """Write a checkpoint from which the run goes on exactly."""
        tensors: dict[str, Tensor] = {f"model/{name}": value for name, value in self.learned.items()}
        tensors |= {f"average/{name}": value for name, value in self.average.items()}
        tensors |= checkpoint.optimiser_tensors(self.optimiser, self.learned)
        tensors["rng"] = torch.get_rng_state()
        names = ("step", "tokens", "epoch_number", "position", "evaluated", "snapped", "cooldown")
        note = {name: getattr(self, name) for name in names} | {"data": self.digest}
        checkpoint.save(self.home / "checkpoints", self.step, tensors, note)

    def finished(self) -> bool:
        """Whether the epochs or the cool-down are over."""
        if self.cooldown:
            return self.tokens >= sum(self.cooldown)
        return self.epoch_number >= self.config.train.epochs

    def advance(self) -> dict[str, float]:
        """One optimiser step; returns the parts of the loss, the gradient norm and the rate."""
        batch = tensors_of(self.epoch.batch(self.position), self.device)
        rate = learning_rate(self.step, self.tokens, self.config, self.cooldown)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.train.dtype == "bfloat16"):
            outputs = self.reader(batch["input_ids"], batch["attention_mask"], batch["token_type_ids"])
        parts = loss.total(outputs, batch, self.config.train)
        torch.autograd.backward(parts["loss"])
        norm = torch.nn.utils.clip_grad_norm_(list(self.learned.values()), self.config.train.clip)
        self.optimiser.step()
        self.optimiser.zero_grad()
        # Early on the average forgets faster, so that it is not still the base model after the warm-up.
        keep = min(self.config.train.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(self.learned.values()), 1 - keep)
        self.step += 1
        self.tokens += batch["input_ids"].numel()
        self.position += 1
        if self.position == len(self.epoch):
            self.epoch_number, self.position = self.epoch_number + 1, 0
            if not self.finished():
                self.epoch = Epoch(self.data, self.tokenizer, self.config, self.epoch_number)
        return {name: value.item() for name, value in parts.items()} | {"norm": float(norm), "lr": rate}

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The reader with its averaged weights for as long as the context lasts."""
        own = {name: value.detach().clone() for name, value in self.learned.items()}
        with torch.no_grad():
            for name, value in self.learned.items():
                value.copy_(self.average[name])
        try:
            yield
        finally:
            with torch.no_grad():
                for name, value in self.learned.items():
                    value.copy_(own[name])

    def evaluate(self) -> dict[str, float]:
        """Figures on the held-out questions (see evaluate.figures) of the weights as they are."""
        items = evaluate.load_questions(self.run / "data" / "held_out.jsonl")
        self.reader.eval()
        results = evaluate.read_all(self.reader, self.tokenizer, items, self.config.augment.max_tokens)
        self.reader.train()
        return evaluate.figures(items, results)


def _log(home: Path, entry: dict[str, object]) -> None:
    with (home / "log.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(entry) + "\n")


def _evaluate(trainer: Trainer) -> None:
    began = time.monotonic()
    entry: dict[str, object] = {"step": trainer.step, "tokens": trainer.tokens, "held_out": trainer.evaluate()}
    with trainer.averaged():
        entry["held_out_average"] = trainer.evaluate()
    _log(trainer.home, entry | {"seconds": round(time.monotonic() - began, 1)})


def cooldown_home(run: Path, tokens: int) -> Path:
    """The folder of the cool-down to go on with: the newest unfinished one, else one named after the trunk's tokens."""
    for folder in sorted(run.glob("cooldown-*"), reverse=True):
        if not (folder / "final").exists() and checkpoint.finished(folder / "checkpoints"):
            return folder
    state = checkpoint.finished(run / "checkpoints")
    if not state:
        raise FileNotFoundError(f"{run} has no checkpoint to cool down from")
    trunk = json.loads((state[-1] / "state.json").read_text(encoding="utf-8"))["tokens"]
    return run / f"cooldown-{trunk:010d}-{tokens}"


def train(
    config: Config,
    base: Path,
    run: Path,
    cooldown_tokens: int | None = None,
    max_steps: int | None = None,
    start: Path | None = None,
) -> Path:
    """Go on with the trunk, or with a cool-down from its newest checkpoint, until it is over or a signal comes.

    Checkpoints by time and at the end; a finished cool-down writes `final/` (model.safetensors, float32) with the
    last weights and `final-average/` with the averaged ones. `max_steps` stops after so many steps. A run without a
    checkpoint begins with the weights of the reader in `start`, if given, else with the base's. Returns the folder
    written to.
    """
    home = cooldown_home(run, cooldown_tokens) if cooldown_tokens else run
    home.mkdir(parents=True, exist_ok=True)
    interrupted = Interrupted()
    with locked(run):
        trainer = Trainer(config, base, run, home, cooldown_tokens, start)
        settings = config.train
        _log(home, {"step": trainer.step, "tokens": trainer.tokens, "started": time.strftime("%Y-%m-%dT%H:%M:%S")})
        saved, steps = time.monotonic(), 0
        window: list[dict[str, float]] = []
        clock, counted = time.monotonic(), trainer.tokens
        while not trainer.finished() and not interrupted and steps != max_steps:
            window.append(trainer.advance())
            steps += 1
            if trainer.step % settings.log_steps == 0:
                means: dict[str, object] = {
                    key: round(float(np.mean([p[key] for p in window])), 8) for key in window[0]
                }
                speed = (trainer.tokens - counted) / (time.monotonic() - clock)
                _log(home, {"step": trainer.step, "tokens": trainer.tokens, **means, "tokens_per_second": round(speed)})
                window, clock, counted = [], time.monotonic(), trainer.tokens
            if trainer.tokens // settings.snapshot_tokens > trainer.snapped:
                trainer.snapped = trainer.tokens // settings.snapshot_tokens
                snapshot = home / "snapshots" / f"{trainer.tokens:010d}"
                model.save(trainer.reader, snapshot, dtype=torch.float16)
                prepared.copy_tokenizer(run / "data", snapshot)
            if trainer.tokens // settings.eval_tokens > trainer.evaluated:
                trainer.evaluated = trainer.tokens // settings.eval_tokens
                _evaluate(trainer)
                clock, counted = time.monotonic(), trainer.tokens
            if time.monotonic() - saved > settings.checkpoint_seconds:
                trainer.save()
                saved = time.monotonic()
        trainer.save()
        if trainer.finished():
            _evaluate(trainer)
            for name, learned in (("final-average", trainer.average), ("final", None)):
                model.save(trainer.reader, home / name, learned)
                prepared.copy_tokenizer(run / "data", home / name)
    return home
