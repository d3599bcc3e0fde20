"""What the tests know of losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from tests.ops.declared import Case

FUNCTIONS: dict[str, Any] = {"logsumexp": special.logsumexp}


def _each_example(case: Case, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """The formula of one example and one class, over all examples; probabilities weigh the classes."""
    from tests.ops.declared import evaluate

    logits, target = operands
    axis = 0 if logits.ndim == 1 else 1
    rows = np.moveaxis(logits, axis, -1)
    losses = np.zeros(rows.shape[:-1])
    for place in np.ndindex(losses.shape):
        for k in range(rows.shape[-1]):
            loss = evaluate(case.op.formula, {"input": rows[place], "target": k, **attrs})
            share = np.moveaxis(target, axis, -1)[place][k] if target.dtype.kind == "f" else target[place] == k
            losses[place] += share * loss
    return losses


READINGS = {"cross_entropy": _each_example}

# Probabilities are no integers, and a class index stays one.
NO_INTEGERS = {"binary_cross_entropy", "cross_entropy"}


def counterparts() -> dict[str, Callable[..., Any]]:
    from torch.nn import functional as F

    def cross_entropy(input: Any, target: Any, reduction: str = "mean") -> Any:
        return F.cross_entropy(input, target, reduction=reduction)

    return {
        "binary_cross_entropy": F.binary_cross_entropy,
        "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
        "cross_entropy": cross_entropy,
        "mse_loss": F.mse_loss,
    }


_LOGITS = [[0.0, 800.0, -800.0], [1.0, 1.0, 1.0]]
EDGES: dict[str, Any] = {
    "binary_cross_entropy": [
        # exactly right, exactly wrong, and what is in between
        ([[0.0, 1.0, 0.0, 1.0, 0.5], [0.0, 1.0, 1.0, 0.0, 1.0]], {"reduction": "none"}),
        ([[1e-30, 1.0 - 1e-7, 0.25], [1.0, 0.0, 0.5]], {}),
    ],
    "binary_cross_entropy_with_logits": [([[800.0, -800.0, 0.0, 40.0], [0.0, 1.0, 0.5, 1.0]], {"reduction": "none"})],
    "cross_entropy": [
        ([_LOGITS, [1, 2]], {"reduction": "none"}),
        ([_LOGITS, [[0.0, 1.0, 0.0], [0.2, 0.3, 0.1]]], {}),  # the second row doesn't add up to 1
    ],
}
# PyTorch keeps a denominator above a float32 1e-12 in float64 too, which is off by 4e-9.
_OFF = {"rtol": 1e-8, "atol": 0.0}
COARSE = {("binary_cross_entropy", 1000, "float64"): _OFF, ("binary_cross_entropy", 1001, "float64"): _OFF}
