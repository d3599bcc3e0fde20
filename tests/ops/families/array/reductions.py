"""What the tests know of reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {"max": np.amax, "mean": np.mean, "min": np.amin, "sum": np.sum}


def along(function: Callable[..., Any]) -> Callable[..., Any]:
    """A reduction of PyTorch with NumPy's arguments."""

    def reduction(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        return function(x, dim=axes, keepdim=keepdims)

    return reduction


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {
        "logsumexp": along(torch.logsumexp),
        "max": along(torch.amax),
        "mean": along(torch.mean),
        "min": along(torch.amin),
        "sum": along(torch.sum),
    }


EDGES: dict[str, Any] = {
    "logsumexp": [
        ([[[0.0, 800.0, -800.0], [1.0, 1.0, 1.0]]], {"axis": 1}),
        ([[[-np.inf, 0.0, 1.0], [-np.inf, -np.inf, -np.inf], [0.0, np.inf, 1.0]]], {"axis": 1}),
    ],
    "max": [([[[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]], {"axis": 1}), ([[1.0, 3.0, 3.0]], {}), ([[1.0, np.nan, 3.0]], {})],
    "min": [([[[1.0, 1.0, 3.0], [2.0, 2.0, 2.0]]], {"axis": 1}), ([[1.0, np.nan, 3.0]], {})],
}
