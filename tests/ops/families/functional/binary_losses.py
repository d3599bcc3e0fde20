"""What the tests know of losses of yes-or-no predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.ops.straight import beside

# Probabilities are no integers.
NO_INTEGERS = {"binary_cross_entropy", "sigmoid_focal_loss"}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch
    from torch.nn import functional as F

    def reduced(losses: Any, reduction: str) -> Any:
        return losses if reduction == "none" else getattr(losses, reduction)()

    def constant(*operands: Any) -> Any:
        return [None if one is None else one.detach() for one in operands]

    def binary_cross_entropy(input: Any, target: Any, weight: Any, reduction: str = "mean") -> Any:
        target = target.to(input.dtype)  # PyTorch wants floats
        (fixed,) = constant(weight)
        real = F.binary_cross_entropy(input, target, fixed, reduction=reduction)
        if weight is None:
            return real
        p, t = constant(input, target)
        losses = F.binary_cross_entropy(p, t, reduction="none")
        return beside(real, reduced(weight * losses, reduction))

    def binary_cross_entropy_with_logits(
        input: Any, target: Any, weight: Any, pos_weight: Any, reduction: str = "mean"
    ) -> Any:
        fixed = constant(weight, pos_weight)
        real = F.binary_cross_entropy_with_logits(input, target, fixed[0], reduction=reduction, pos_weight=fixed[1])
        if weight is None and pos_weight is None:
            return real
        x, t = constant(input, target)
        yes, no = t * F.softplus(-x), (1.0 - t) * F.softplus(x)
        losses = (yes if pos_weight is None else pos_weight * yes) + no
        return beside(real, reduced(losses if weight is None else weight * losses, reduction))

    def sigmoid_focal_loss(
        input: Any, target: Any, alpha: float = 0.25, gamma: float = 2.0, reduction: str = "none"
    ) -> Any:
        p, target = torch.sigmoid(input), target.to(input.dtype)
        losses = F.binary_cross_entropy_with_logits(input, target, reduction="none")
        losses = losses * (p * (1.0 - target) + (1.0 - p) * target) ** gamma
        return reduced(losses if alpha < 0 else losses * (alpha * target + (1.0 - alpha) * (1.0 - target)), reduction)

    return {
        "binary_cross_entropy": binary_cross_entropy,
        "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
        "multilabel_soft_margin_loss": F.multilabel_soft_margin_loss,
        "sigmoid_focal_loss": sigmoid_focal_loss,
        "soft_margin_loss": F.soft_margin_loss,
    }


EDGES: dict[str, Any] = {
    "binary_cross_entropy": [
        # exactly right, exactly wrong, and what is in between
        ([[0.0, 1.0, 0.0, 1.0, 0.5], [0.0, 1.0, 1.0, 0.0, 1.0]], {"reduction": "none"}),
        ([[1e-30, 1.0 - 1e-7, 0.25], [1.0, 0.0, 0.5]], {}),
        ([[0.5, 0.25], [1, 0]], {}),
        (
            [
                [[0.5, 0.25]],
                [[1.0, 0.0]],
                [
                    [2.0],
                ],
            ],
            {"reduction": "sum"},
        ),
    ],
    "binary_cross_entropy_with_logits": [
        ([[800.0, -800.0, 0.0, 40.0], [0.0, 1.0, 0.5, 1.0]], {"reduction": "none"}),
        ([[800.0, -800.0, 0.0], [0.0, 1.0, 0.5], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]], {"reduction": "none"}),
        ([[800.0, -800.0, 0.0], [0.0, 1.0, 0.5], None, 3.0], {}),
    ],
    "multilabel_soft_margin_loss": [([[[800.0, -800.0, 0.0]], [[0.0, 1.0, 1.0]]], {})],
    "sigmoid_focal_loss": [
        ([[800.0, -800.0, 0.0, 3.0], [1.0, 1.0, 0.0, 0.5]], {}),
        ([[2.0, -2.0, 0.0, 3.0], [1.0, 1.0, 0.0, 0.5]], {"gamma": 0.5, "alpha": -1.0}),
        ([[2.0, -2.0], [1, 0]], {"gamma": 0.0, "reduction": "mean"}),
    ],
    "soft_margin_loss": [([[30.0, -30.0, 0.0], [-1.0, -1.0, 1.0]], {"reduction": "none"})],
}
# PyTorch keeps a denominator above a float32 1e-12 in float64 too, which is off by 4e-9.
_OFF = {"rtol": 1e-8, "atol": 0.0}
_BCE = "binary_cross_entropy without weight"
COARSE = {(_BCE, 1000, "float64"): _OFF, (_BCE, 1001, "float64"): _OFF}
