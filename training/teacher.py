"""What the base's own relevance head says of some rows, kept so that training does not unlearn how to rank."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from .config import Config
from .epoch import collate, examples
from .model import from_base
from .prepared import Prepared, load_tokenizer


def judge(data: Prepared, rows: npt.NDArray[np.int64], base: Path, config: Config) -> npt.NDArray[np.float32]:
    """The base's relevance logit (rows,) for each row's unchanged question and whole context."""
    torch.set_num_threads(config.train.threads)
    reader = from_base(base, config.seed).eval()
    items = examples(data, load_tokenizer(base / "tokenizer.json"), config, 0, rows, plain=True)
    order = np.argsort([item.ids.shape[0] for item in items], kind="stable")
    scores = np.zeros(len(items), dtype=np.float32)
    for begin in range(0, len(order), 16):
        group = order[begin : begin + 16]
        length = max(items[i].ids.shape[0] for i in group)
        unknown = np.full(group.size, np.nan, dtype=np.float32)
        batch = collate([items[i] for i in group], length, data.row_kind[rows[group]], unknown)
        arrays = (batch.input_ids, batch.attention_mask, batch.token_type_ids)
        with torch.inference_mode():
            scores[group] = reader(*map(torch.from_numpy, arrays))[2].numpy()
    return scores
