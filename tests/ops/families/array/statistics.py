"""What the tests know of statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.ops.families.array.reductions import along

FUNCTIONS: dict[str, Any] = {
    "average": lambda x, axis, weights, keepdims: np.average(x, axis, weights, keepdims=keepdims),
    "corrcoef": np.corrcoef,
    "cov": np.cov,
    "std": np.std,
    "var": np.var,
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def spread(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x, axis=None, correction=0.0, keepdims=False: along(
            lambda x, dim, keepdim: function(x, dim, correction=correction, keepdim=keepdim)
        )(x, axis, keepdims)

    def rows(x: Any, y: Any, rowvar: bool) -> Any:
        given = [one for one in (x, y) if one is not None]
        return torch.cat([one[None] if one.ndim < 2 else one if rowvar else one.T for one in given])

    def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None) -> Any:
        return torch.cov(rows(m, y, rowvar), correction=ddof if ddof is not None else 0 if bias else 1).squeeze()

    return {
        "corrcoef": lambda x, y=None, rowvar=True: torch.corrcoef(rows(x, y, rowvar)).squeeze(),
        "cov": cov,
        "std": spread(torch.std),
        "var": spread(torch.var),
    }


EDGES: dict[str, Any] = {
    "std": [([[2.0, 2.0, 2.0]], {}), ([[[2.0, 2.0], [1.0, 3.0]]], {"axis": 1}), ([[2.0]], {"correction": 1.0})],
    "var": [([[2.0, 2.0, 2.0]], {}), ([[2.0]], {"correction": 1.0})],
}
