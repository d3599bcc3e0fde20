"""What the tests know of exponentials, logarithms and activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {"exp": np.exp, "log": np.log, "tanh": np.tanh}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch
    from torch.nn import functional as F

    return {
        "exp": torch.exp,
        "leaky_relu": F.leaky_relu,
        "log": torch.log,
        "log1p": torch.log1p,
        "relu": F.relu,
        "sigmoid": torch.sigmoid,
        "softplus": F.softplus,
        "tanh": torch.tanh,
    }


EDGES: dict[str, Any] = {
    "leaky_relu": [([[0.0, -0.0, 1.0, -1.0]], {"negative_slope": 0.2})],
    "log": [([[0.0, np.inf, 1.0]], {})],
    "relu": [([[0.0, -0.0, -1.0, 1.0]], {})],
    "sigmoid": [([[800.0, -800.0, 0.0, 40.0, -40.0]], {})],
    "softplus": [([[800.0, -800.0, 0.0, -30.0]], {})],
    "tanh": [([[800.0, -800.0, 1e-8]], {})],
}
