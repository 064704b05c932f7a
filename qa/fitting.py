"""Logistic regression with few weights, by Newton's method; NumPy only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .features import Features

_STEPS = 50
_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True)
class Logistic:
    """P = 1 / (1 + exp(-(intercept + sum of weight times feature)))."""

    intercept: float
    weights: Mapping[str, float]

    def __call__(self, features: Features) -> float:
        """The probability, 0 to 1, ends excluded."""
        logit = self.intercept + sum(weight * features[name] for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))


def fit_logistic(
    rows: Sequence[Features],
    outcomes: Sequence[bool],
    names: Sequence[str],
    *,
    counts: Sequence[float] | None = None,
    l2: float = 1.0,
) -> Logistic:
    """Maximum likelihood, each row counted `counts` times (default once).

    A ridge of strength `l2` lies on the weights of the standardised features, not on the intercept.
    Iteratively reweighted least squares (McCullagh & Nelder 1989, ch. 2.5), halving steps that do not improve.
    With one kind of outcome only, the probability is a constant: (right + 1) / (n + 2).
    """
    y = np.asarray(outcomes, dtype=np.float64)
    if not len(y) or y.min() == y.max():
        share = (float(y.sum()) + 1) / (len(y) + 2)
        return Logistic(math.log(share / (1 - share)), {})
    raw = np.array([[row[name] for name in names] for row in rows], dtype=np.float64).reshape(len(y), len(names))
    centre, scale = raw.mean(axis=0), raw.std(axis=0)
    kept = scale > 1e-9  # a feature that never changes says nothing
    x = np.column_stack([np.ones(len(y)), (raw[:, kept] - centre[kept]) / scale[kept]])
    n = np.ones(len(y)) if counts is None else np.asarray(counts, dtype=np.float64)
    ridge = np.full(x.shape[1], l2)
    ridge[0] = 0.0
    beta = np.zeros(x.shape[1])

    def loss(weights: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        z = x @ weights
        return float(n @ (np.logaddexp(0.0, z) - y * z) + 0.5 * ridge @ weights**2)

    current = loss(beta)
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ beta, -30, 30)))
        gradient = x.T @ (n * (y - p)) - ridge * beta
        hessian = (x * (n * p * (1 - p))[:, None]).T @ x + np.diag(ridge) + 1e-9 * np.eye(len(beta))
        step = np.linalg.solve(hessian, gradient)
        while (better := loss(beta + step)) > current and float(np.abs(step).max()) > _TOLERANCE:
            step = step / 2
        beta, before, current = beta + step, current, better
        if before - current < _TOLERANCE:
            break
    weights = beta[1:] / scale[kept]
    named = dict(zip([name for name, keep in zip(names, kept, strict=True) if keep], weights.tolist(), strict=True))
    return Logistic(float(beta[0] - weights @ centre[kept]), named)
