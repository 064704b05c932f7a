"""What training minimises: the span, and with a small weight the relevance of the passage."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .config import TrainConfig
from .epoch import SEP
from .sources import ANSWERABLE, UNANSWERABLE


def allowed(input_ids: Tensor, token_type_ids: Tensor) -> Tensor:
    """Positions an answer may take: passage tokens without the closing [SEP], and position 0 for none; bool."""
    places = (token_type_ids == 1) & (input_ids != SEP)
    places[:, 0] = True
    return places


def span_loss(start_logits: Tensor, end_logits: Tensor, places: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Mean over rows of the cross-entropies of start and end over the allowed positions, halved."""
    total = torch.zeros((), device=start_logits.device)
    for logits, target in ((start_logits, start), (end_logits, end)):
        total = total + F.cross_entropy(logits.masked_fill(~places, torch.finfo(torch.float32).min), target)
    return total / 2


def relevance_loss(relevance: Tensor, kind: Tensor, teacher: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Two sums over rows divided by the number of rows: labelled rows, and rows that follow the teacher.

    A passage with the answer is relevant and a wrong passage is not; the passage of a SQuAD 2.0 unanswerable question
    is about it all the same, so that row has no label. A row with a teacher logit follows the teacher alone.
    """
    rows = relevance.shape[0]
    taught = ~torch.isnan(teacher)
    labelled = (kind != UNANSWERABLE) & ~taught
    hard = F.binary_cross_entropy_with_logits(
        relevance[labelled], (kind[labelled] == ANSWERABLE).float(), reduction="sum"
    )
    soft = F.mse_loss(relevance[taught] / scale, teacher[taught] / scale, reduction="sum")
    return hard / rows, soft / rows


def total(outputs: tuple[Tensor, Tensor, Tensor], batch: dict[str, Tensor], config: TrainConfig) -> dict[str, Tensor]:
    """All parts of the loss and their weighted sum `loss`."""
    start_logits, end_logits, relevance = outputs
    places = allowed(batch["input_ids"], batch["token_type_ids"])
    span = span_loss(start_logits, end_logits, places, batch["start"], batch["end"])
    hard, soft = relevance_loss(relevance, batch["kind"], batch["teacher"], config.distil_scale)
    loss = span + config.relevance_weight * hard + config.distil_weight * soft
    return {"loss": loss, "span": span, "relevance": hard, "distil": soft}
