"""What the tests know of running totals and differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import integrate


def _trapezoid(y: Any, x: Any, dx: float, axis: int) -> Any:
    return np.trapezoid(y, x, dx, axis)


def _cumulative_trapezoid(y: Any, x: Any, dx: float, axis: int) -> Any:
    return integrate.cumulative_trapezoid(y, x, dx, axis)


FUNCTIONS: dict[str, Any] = {
    "cumprod": np.cumprod,
    "cumsum": np.cumsum,
    "cumulative_trapezoid": _cumulative_trapezoid,
    "diff": np.diff,
    "ediff1d": np.ediff1d,
    "trapezoid": _trapezoid,
}

# Differences of unsigned integers wrap around, as NumPy's do.
NO_INTEGERS = {"cumulative_trapezoid without x", "cumulative_trapezoid", "diff", "ediff1d", "trapezoid"}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def along(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x, axis=None: function(x.reshape(-1), 0) if axis is None else function(x, axis)

    def along_last(function: Callable[..., Any], y: Any, x: Any, dx: float, axis: int) -> Any:
        if x is None:
            return function(y.movedim(axis, -1), dx=dx)
        return function(y.movedim(axis, -1), x if x.ndim == 1 else x.movedim(axis, -1))

    def trapezoid(y: Any, x: Any, dx: float = 1.0, axis: int = -1) -> Any:
        return along_last(torch.trapezoid, y, x, dx, axis)

    def cumulative_trapezoid(y: Any, x: Any, dx: float = 1.0, axis: int = -1) -> Any:
        return along_last(torch.cumulative_trapezoid, y, x, dx, axis).movedim(-1, axis)

    return {
        "cumprod": along(torch.cumprod),
        "cumsum": along(torch.cumsum),
        "cumulative_trapezoid": cumulative_trapezoid,
        "diff": lambda x, n=1, axis=-1: torch.diff(x, n, axis),
        "logcumsumexp": along(torch.logcumsumexp),
        "trapezoid": trapezoid,
    }


EDGES: dict[str, Any] = {
    "cumprod": [([[0.0, 2.0, 3.0]], {}), ([[2.0, 0.0, 0.0, 3.0]], {})],
    "logcumsumexp": [
        ([[0.0, 800.0, -800.0, 800.0]], {}),
        ([[-800.0, -900.0, 0.0]], {"axis": 0}),
        ([[-np.inf, 0.0, np.inf, 1.0]], {}),
    ],
}
