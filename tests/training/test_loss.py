"""The loss sees only passage tokens and the null position, and labels relevance only where it is known."""

from __future__ import annotations

import math

import pytest
import torch

from training import loss

IDS = torch.tensor([[101, 5, 102, 6, 7, 102, 0]])
TYPES = torch.tensor([[0, 0, 0, 1, 1, 1, 0]])


def test_allowed_places() -> None:
    assert loss.allowed(IDS, TYPES).tolist() == [[True, False, False, True, True, False, False]]


def test_span_loss_is_a_softmax_over_the_allowed_places() -> None:
    logits = torch.tensor([[0.0, 99.0, 99.0, 0.0, 0.0, 99.0, 99.0]])
    places = loss.allowed(IDS, TYPES)
    value = loss.span_loss(logits, logits, places, torch.tensor([0]), torch.tensor([3]))
    assert value.item() == pytest.approx(math.log(3), abs=1e-5)


def test_relevance_labels() -> None:
    relevance = torch.zeros(5, requires_grad=True)
    kind = torch.tensor([0, 1, 2, 3, 0])
    teacher = torch.tensor([math.nan, math.nan, math.nan, math.nan, 8.0])
    hard, soft = loss.relevance_loss(relevance, kind, teacher, scale=4.0)
    assert hard.item() == pytest.approx(3 * math.log(2) / 5)
    assert soft.item() == pytest.approx(4.0 / 5)
    torch.autograd.backward(hard + soft)
    assert relevance.grad is not None
    signs = torch.sign(relevance.grad).tolist()
    assert signs == [-1, 0, 1, 1, -1]  # up, unlabelled, down, down, towards the teacher


def test_no_labelled_row_gives_zero_and_not_nan() -> None:
    hard, soft = loss.relevance_loss(torch.zeros(2), torch.tensor([1, 1]), torch.full((2,), math.nan), 4.0)
    assert (hard.item(), soft.item()) == (0.0, 0.0)
