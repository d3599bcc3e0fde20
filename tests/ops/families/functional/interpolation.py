"""What the tests know of interpolation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def _keys(d: float) -> float:
    """The kernel of cubic convolution with a = -0.75."""
    d, a = abs(d), -0.75
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def _line(x: Any, new: int, factor: float | None, mode: str, aligned: bool | None) -> Any:
    """One line in a new length."""
    n = len(x)
    step = n / new if factor is None else 1 / factor
    out = np.empty(new)
    for i in range(new):
        source = i * (n - 1) / max(new - 1, 1) if aligned else (i + 0.5) * step - 0.5
        match mode:
            case "nearest":
                out[i] = x[min(math.floor(i * step), n - 1)]
            case "nearest-exact":
                out[i] = x[min(math.floor((i + 0.5) * step), n - 1)]
            case "area":
                out[i] = np.mean(x[math.floor(i * n / new) : math.ceil((i + 1) * n / new)])
            case "bicubic":
                near = [math.floor(source) + k for k in (-1, 0, 1, 2)]
                out[i] = sum(_keys(source - k) * x[min(max(k, 0), n - 1)] for k in near)
            case _:
                first = min(math.floor(max(source, 0)), n - 1)
                share = min(max(source, 0) - first, 1)
                out[i] = (1 - share) * x[first] + share * x[min(first + 1, n - 1)]
    return out


def _interpolate(x: Any, size: Any, scale_factor: Any, mode: str, aligned: bool | None, recompute: bool | None) -> Any:
    rank = x.ndim - 2
    factors = np.broadcast_to(1.0 if scale_factor is None else scale_factor, rank)
    for axis in range(rank):
        factor = None if size is not None or recompute else factors[axis]
        new = math.floor(x.shape[axis + 2] * factors[axis]) if size is None else np.broadcast_to(size, rank)[axis]
        lines = np.moveaxis(x, axis + 2, -1)
        out = np.empty((*lines.shape[:-1], new))
        for place in np.ndindex(lines.shape[:-1]):
            out[place] = _line(lines[place], new, factor, mode, aligned)
        x = np.moveaxis(out, -1, axis + 2)
    return x


FUNCTIONS: dict[str, Any] = {"interpolate": _interpolate}


def counterparts() -> dict[str, Callable[..., Any]]:
    from torch.nn import functional as F

    return {"interpolate": F.interpolate}
