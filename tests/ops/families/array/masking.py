"""What the tests know of choosing elements by a condition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _masked_scatter(x: Any, mask: Any, source: Any) -> Any:
    shape = np.broadcast_shapes(x.shape, mask.shape)
    out, mask, left = np.array(np.broadcast_to(x, shape)), np.broadcast_to(mask, shape), iter(np.ravel(source))
    for place in np.ndindex(shape):
        if mask[place]:
            out[place] = next(left)
    return out


FUNCTIONS: dict[str, Any] = {
    "argwhere": np.argwhere,
    "compress": np.compress,
    "extract": np.extract,
    "flatnonzero": np.flatnonzero,
    "masked_scatter": _masked_scatter,
    "masked_select": lambda x, mask: np.extract(*(np.broadcast_arrays(mask, x))),
    "nonzero": np.nonzero,
}

OPEN_SHAPES = {"argwhere", "compress", "extract", "flatnonzero", "masked_select", "nonzero"}
DROPS_NAN = {"masked_fill"}  # a number that was not chosen


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def compress(condition: Any, x: Any, axis: int | None = None) -> Any:
        flat = x.ravel() if axis is None else x
        return torch.index_select(flat, axis or 0, torch.nonzero(condition).ravel())

    return {
        "argwhere": torch.argwhere,
        "compress": compress,
        "extract": lambda condition, x: torch.masked_select(x.ravel(), condition.ravel()),
        "flatnonzero": lambda x: torch.nonzero(x.ravel()).ravel(),
        "masked_fill": lambda x, mask, value: torch.where(mask, value, x),
        "masked_scatter": torch.masked_scatter,
        "masked_select": torch.masked_select,
        "nonzero": lambda x: torch.nonzero(x, as_tuple=True),
    }
