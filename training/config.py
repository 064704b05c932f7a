"""The settings of a run, read from TOML; an unknown or missing key is an error."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which rows are read and which wrong passages are added. File names are relative to the data folder."""

    squad_train: str
    unanswerable: str
    fairytale: str
    qamr: str
    held_out_titles: str
    link_margin: float
    unpaired_share: float
    qamr_rows: int
    same_article_share: float
    retrieved_share: float
    retrieved_depth: int
    teacher_rows: int
    eval_rows: int


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """Shares (0 to 1) of rows changed in each epoch; `crop_words` is the range of window sizes in words."""

    keyword: float
    typo: float
    no_question_mark: float
    crop: float
    crop_words: tuple[int, int]
    max_tokens: int
    max_question_tokens: int


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Optimisation, batching and bookkeeping. Token counts include padding; times are seconds."""

    batch_tokens: int
    length_step: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    clip: float
    relevance_weight: float
    distil_weight: float
    distil_scale: float
    ema: float
    frozen_layers: int
    dropout: float
    dtype: str
    threads: int
    checkpoint_seconds: float
    log_steps: int
    eval_tokens: int
    snapshot_tokens: int
    epochs: int


@dataclasses.dataclass(frozen=True)
class Config:
    """A whole run: one seed and three groups of settings."""

    seed: int
    data: DataConfig
    augment: AugmentConfig
    train: TrainConfig


def _fill(kind: type[T], values: dict[str, Any], where: str) -> T:
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if wrong := sorted(names ^ set(values)):
        raise ValueError(f"[{where}] of the config has unknown or missing keys: {', '.join(wrong)}")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def from_dict(values: dict[str, Any]) -> Config:
    """Build a Config from parsed TOML; raises ValueError naming every unknown or missing key."""
    return Config(
        seed=values["seed"],
        data=_fill(DataConfig, values["data"], "data"),
        augment=_fill(AugmentConfig, values["augment"], "augment"),
        train=_fill(TrainConfig, values["train"], "train"),
    )


def load(path: Path) -> Config:
    """Read a TOML config file."""
    return from_dict(tomllib.loads(path.read_text(encoding="utf-8")))
