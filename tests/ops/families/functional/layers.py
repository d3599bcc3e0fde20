"""What the tests know of layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special


def _activated(x: Any, activation: str | None) -> Any:
    functions: dict[str | None, Callable[[Any], Any]] = {
        None: lambda x: x,
        "relu": lambda x: np.where(x < 0, 0, x),
        "tanh": np.tanh,
        "sigmoid": special.expit,
        "gelu": lambda x: x * special.ndtr(x),
        "silu": lambda x: x * special.expit(x),
    }
    return functions[activation](x)


FUNCTIONS: dict[str, Any] = {
    "activated": _activated,
    "bilinear": lambda x, y, weight: np.einsum("...i,oij,...j->...o", x, weight, y),
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch
    from torch.nn import functional as F

    def dense(input: Any, weight: Any, bias: Any = None, activation: str | None = None) -> Any:
        affine = F.linear(input, weight, bias)
        if activation in (None, "gelu", "silu"):
            return affine if activation is None else getattr(F, activation)(affine)
        return getattr(torch, activation)(affine)

    return {"bilinear": F.bilinear, "dense": dense, "linear": F.linear}
