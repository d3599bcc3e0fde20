"""What the tests know of smooth activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special


def _cumulative(x: Any, approximate: str) -> Any:
    """The normal distribution, or what comes near to it."""
    if approximate == "none":
        return special.ndtr(x)
    return (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3))) / 2.0


def _density(x: Any, approximate: str) -> Any:
    if approximate == "none":
        return np.exp(-(x**2) / 2.0) / np.sqrt(2.0 * np.pi)
    z = np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)
    return (1.0 - np.tanh(z) ** 2) / 2.0 * np.sqrt(2.0 / np.pi) * (1.0 + 3.0 * 0.044715 * x**2)


FUNCTIONS: dict[str, Any] = {
    "Phi": _cumulative,
    "phi": _density,
    "sigmoid": special.expit,
    "softplus": lambda x: np.logaddexp(0.0, x),
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch
    from torch.nn import functional as F

    names = "celu elu gelu logsigmoid mish selu silu softsign tanhshrink"
    return {
        **{name: getattr(F, name) for name in names.split()},
        "bipolar_sigmoid": lambda x: torch.tanh(x / 2),
        "gaussian": lambda x: torch.exp(-(x**2)),
        "lecun_tanh": lambda x: 1.7159 * torch.tanh(2 * x / 3),
        "swish": lambda x, beta: x * torch.sigmoid(beta * x),
    }


_WIDE = [800.0, -800.0, 40.0, -40.0, 8.0, -8.0, 0.0, -0.0]
EDGES: dict[str, Any] = {
    "celu": [([[0.0, -0.0, 1.0, -1.0, 800.0, -800.0]], {"alpha": 2.0}), ([[1.0, -1.0]], {"alpha": -2.0})],
    "elu": [([[0.0, -0.0, 1.0, -1.0, 800.0, -800.0]], {"alpha": 2.0})],
    "gelu": [([_WIDE], {}), ([_WIDE], {"approximate": "tanh"})],
    "logsigmoid": [([_WIDE], {})],
    "mish": [([_WIDE], {})],
    "selu": [([[0.0, -0.0, 1.0, -1.0, 800.0, -800.0]], {})],
    "silu": [([_WIDE], {})],
    "softsign": [([[0.0, -0.0, 1e30, -1e30]], {})],
    "swish": [([[0.0, 800.0, -800.0, 3.0], [2.0, 1.0, 1.0, 0.0]], {})],
    "tanhshrink": [([[0.0, -0.0, 0.9999, -1.0001, 800.0, -800.0]], {})],
}
