"""What the tests know of losses of a regression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch
    from torch.nn import functional as F

    def weighted(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda input, target, weight, **attrs: function(input, target, weight=weight, **attrs)

    def pinball_loss(input: Any, target: Any, alpha: float = 0.5, reduction: str = "mean") -> Any:
        r = input - target
        losses = alpha * torch.relu(-r) + (1.0 - alpha) * torch.relu(r)
        return losses if reduction == "none" else getattr(losses, reduction)()

    return {
        "huber_loss": weighted(F.huber_loss),
        "l1_loss": weighted(F.l1_loss),
        "mse_loss": weighted(F.mse_loss),
        "pinball_loss": pinball_loss,
        "smooth_l1_loss": F.smooth_l1_loss,
    }


_KINKS = [[1.0, -1.0, 0.0, 2.5, -0.5], [0.0, 0.0, 0.0, 0.0, -0.5]]
_WEIGHTS = [1.0, 0.0, 2.0, 3.0, 0.5]
_NOTHING = [[1.0, 2.0], [0.0, 2.0], [0.0, 0.0]]
EDGES: dict[str, Any] = {
    "huber_loss": [
        (_KINKS, {"reduction": "none"}),
        (_KINKS, {"delta": 0.5}),
        ([*_KINKS, _WEIGHTS], {}),
        (_NOTHING, {}),
        ([[1e30, -1e30], [0.0, 0.0]], {}),
    ],
    "l1_loss": [
        (_KINKS, {"reduction": "none"}),
        ([*_KINKS, _WEIGHTS], {}),
        (_NOTHING, {}),
        (_NOTHING, {"reduction": "sum"}),
    ],
    "mse_loss": [
        (_KINKS, {"reduction": "none"}),
        ([*_KINKS, _WEIGHTS], {}),
        (_NOTHING, {}),
        ([[], []], {}),  # a mean of nothing
        ([[0.5, 1.5], [1, 2]], {}),  # an integer target
    ],
    "pinball_loss": [(_KINKS, {"alpha": 0.9, "reduction": "none"})],
    "smooth_l1_loss": [
        (_KINKS, {"reduction": "none"}),
        (_KINKS, {"beta": 0.5}),
        (_KINKS, {"beta": 0.0, "reduction": "sum"}),
        ([[0.5, 1.5], [1, 2]], {}),
    ],
}
