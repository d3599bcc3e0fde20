"""What the tests know of losses of a classification."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from tests.ops.straight import beside

if TYPE_CHECKING:
    from tests.ops.declared import Case

FUNCTIONS: dict[str, Any] = {"logsumexp": special.logsumexp}


def each_example(case: Case, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """The formula of one example and one class, over all examples; probabilities weigh the classes."""
    from tests.ops.declared import evaluate

    names = dict(zip(case.op.operands, operands, strict=True))
    scores, target = operands[:2]
    axis = 0 if scores.ndim == 1 else 1
    rows = np.moveaxis(scores, axis, -1)
    n = rows.shape[-1]
    smoothing = attrs.get("label_smoothing", 0.0)
    losses = np.zeros(rows.shape[:-1])
    for place in np.ndindex(losses.shape):
        if target.dtype.kind == "f":
            shares = np.moveaxis(target, axis, -1)[place]
        elif target[place] == attrs.get("ignore_index"):
            continue
        else:
            shares = np.eye(n)[target[place]]
        for k, share in enumerate(shares * (1.0 - smoothing) + smoothing / n):
            if share:
                one = {**names, case.op.operands[0]: rows[place], "target": k, **attrs}
                losses[place] += share * evaluate(case.op.formula, one)
    return losses


def _number_that_counts(case: Case, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """The weights of the examples' classes together; of probabilities the number of examples."""
    scores, target, *weight = operands
    if target.dtype.kind == "f":
        return scores.size // scores.shape[0 if scores.ndim == 1 else 1]
    classes = target[target != attrs["ignore_index"]]
    return weight[0][classes].sum() if weight else classes.size


_OF_CLASSES = ("cross_entropy", "focal_loss", "nll_loss")
READINGS = dict.fromkeys(_OF_CLASSES, each_example)
DIVISORS = dict.fromkeys(_OF_CLASSES, _number_that_counts)

# Probabilities are no integers, and a class index stays one.
NO_INTEGERS = {"cross_entropy"}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch
    from torch.nn import functional as F

    def composed(
        log_p: Any, target: Any, weight: Any, ignore_index: int = -100, reduction: str = "mean", smoothing: float = 0.0
    ) -> Any:
        """Of what PyTorch differentiates for the weight too, which it doesn't in the losses themselves."""
        axis = 0 if log_p.ndim == 1 else 1
        n = log_p.shape[axis]
        of_classes = weight.reshape(-1, *[1] * (log_p.ndim - 1 - axis))
        if target.is_floating_point():
            table, total = target, log_p.numel() // n
        else:
            counted = target != ignore_index
            classes = torch.where(counted, target, 0)
            table = F.one_hot(classes, n).movedim(-1, axis).to(log_p.dtype)
            total = (weight[classes] * counted).sum()
        table = table * (1.0 - smoothing) + smoothing / n
        if not target.is_floating_point():
            table = table * counted.unsqueeze(axis)
        losses = -(table * log_p * of_classes).sum(axis)
        if reduction == "none":
            return losses
        return losses.sum() if reduction == "sum" else losses.sum() / total

    def cross_entropy(input: Any, target: Any, weight: Any, **attrs: Any) -> Any:
        if weight is None:
            return F.cross_entropy(input, target, **attrs)
        smoothing = attrs.get("label_smoothing", 0.0)
        rest = {name: value for name, value in attrs.items() if name != "label_smoothing"}
        log_p = F.log_softmax(input.detach(), 0 if input.ndim == 1 else 1)
        more = composed(log_p, target.detach(), weight, smoothing=smoothing, **rest)
        return beside(F.cross_entropy(input, target, weight.detach(), **attrs), more)

    def nll_loss(input: Any, target: Any, weight: Any, **attrs: Any) -> Any:
        if weight is None:
            return F.nll_loss(input, target, **attrs)
        return beside(
            F.nll_loss(input, target, weight.detach(), **attrs), composed(input.detach(), target, weight, **attrs)
        )

    return {"cross_entropy": cross_entropy, "nll_loss": nll_loss}


_LOGITS = [[0.0, 800.0, -800.0], [1.0, 1.0, 1.0]]
_LOGS = [[-0.5, -1.0, -800.0], [-1.0, -2.0, -0.25]]
_WEIGHTS = [0.5, 0.0, 2.0]
EDGES: dict[str, Any] = {
    "cross_entropy": [
        ([_LOGITS, [1, 2]], {"reduction": "none"}),
        ([_LOGITS, [[0.0, 1.0, 0.0], [0.2, 0.3, 0.1]]], {}),  # the second row doesn't add up to 1
        ([_LOGITS, [-100, -100]], {}),  # nothing counts: nan, and a gradient of 0
        ([_LOGITS, [-100, -100]], {"reduction": "sum", "label_smoothing": 0.1}),
        ([_LOGITS, [1, 1], _WEIGHTS], {"reduction": "none"}),
        ([_LOGITS, [0, 1], _WEIGHTS], {}),
        ([_LOGITS, [2, -100], _WEIGHTS], {"label_smoothing": 0.3}),
        ([_LOGITS, [[0.0, 1.0, 0.0], [0.2, 0.3, 0.1]], _WEIGHTS], {"label_smoothing": 1.0}),
        ([[1.0, 2.0], 1], {"ignore_index": 1}),
        ([np.zeros((0, 3)), np.zeros(0, np.int64)], {}),
    ],
    "nll_loss": [
        ([_LOGS, [-100, -100]], {}),
        ([_LOGS, [2, 1], _WEIGHTS], {}),
        ([_LOGS, [0, 0]], {"ignore_index": 0, "reduction": "none"}),
        ([[-1.0, -2.0], 1], {}),
    ],
}
