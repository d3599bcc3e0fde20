"""What the tests know of connectionist temporal classification."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby, product
from typing import Any

import numpy as np

from tests.ops.straight import beside


def _alignments(log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int) -> Any:
    """The probability of the labels of each example: over all paths, one by one, that say them."""
    is_single = log_probs.ndim == 2
    steps = log_probs[:, None] if is_single else log_probs
    lengths = np.atleast_1d(target_lengths)
    ends = np.cumsum(lengths)
    found = np.zeros(steps.shape[1])
    for n, length in enumerate(lengths):
        if targets.ndim == 2:
            labels = targets[n, :length]
        else:
            labels = targets[:length] if is_single else targets[ends[n] - length : ends[n]]
        for path in product(range(steps.shape[2]), repeat=int(np.atleast_1d(input_lengths)[n])):
            if [k for k, _ in groupby(path) if k != blank] == list(labels):
                found[n] += np.exp(sum(steps[t, n, k] for t, k in enumerate(path)))
    return found[0] if is_single else found


def _reduced(losses: Any, target_lengths: Any, reduction: str, zero_infinity: bool) -> Any:
    if zero_infinity:
        losses = np.where(np.isinf(losses), 0.0, losses)
    if reduction == "mean":
        return np.mean(losses / np.maximum(target_lengths, 1))
    return np.sum(losses) if reduction == "sum" else losses


FUNCTIONS: dict[str, Any] = {"alignments": _alignments, "reduced": _reduced}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch
    from torch.nn import functional as F

    def ctc_loss(
        log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, reduction: str = "mean", **attrs: Any
    ) -> Any:
        real = F.ctc_loss(log_probs, targets, input_lengths, target_lengths, reduction=reduction, **attrs)
        # PyTorch's gradient has the probabilities in it that a log_softmax before it would add; they are taken out.
        losses = F.ctc_loss(log_probs.detach(), targets, input_lengths, target_lengths, reduction="none", **attrs)
        at = torch.arange(len(log_probs))[:, None]
        is_on = (at < input_lengths) if log_probs.ndim == 3 else (at[:, 0] < input_lengths)
        added = -(log_probs.exp() * is_on[..., None]).sum((0, -1))
        if attrs.get("zero_infinity"):
            endless = F.ctc_loss(log_probs.detach(), targets, input_lengths, target_lengths, reduction="none").isinf()
            added = torch.where(endless, 0.0, added)
        assert losses.shape == added.shape
        if reduction == "mean":
            added = (added / target_lengths.clamp_min(1)).mean()
        return beside(real, added.sum() if reduction == "sum" else added)

    return {"ctc_loss": ctc_loss}


_LOG_PROBS = np.log(np.random.default_rng(7).dirichlet(np.ones(4), (6, 3)))
EDGES: dict[str, Any] = {
    "ctc_loss": [
        ([_LOG_PROBS, [[1, 2, 2], [3, 1, 0], [2, 3, 1]], [6, 4, 5], [3, 1, 3]], {}),
        ([_LOG_PROBS, [[1, 1, 1], [3, 0, 0], [2, 2, 0]], [5, 4, 2], [3, 0, 2]], {"zero_infinity": True}),
        ([_LOG_PROBS * 30.0, [[1, 2, 1], [2, 1, 2], [1, 1, 2]], [6, 6, 6], [3, 3, 3]], {"reduction": "none"}),
        ([_LOG_PROBS[:, 0], [1, 2, 1], [6], [3]], {"reduction": "none"}),
    ],
}
