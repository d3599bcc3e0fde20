"""What the tests know of quantiles."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.ops.families.array.reductions import along


def _quantile(function: Callable[..., Any]) -> Callable[..., Any]:
    def called(x: Any, q: Any, axis: Any, method: str, keepdims: bool) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of slices where everything is nan
            return function(x, q, axis, method=method, keepdims=keepdims)

    return called


def _median(function: Callable[..., Any]) -> Callable[..., Any]:
    def called(x: Any, axis: Any, keepdims: bool) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return function(x, axis, keepdims=keepdims)

    return called


FUNCTIONS: dict[str, Any] = {
    "median": _median(np.median),
    "nanmedian": _median(np.nanmedian),
    "nanquantile": _quantile(np.nanquantile),
    "quantile": _quantile(np.quantile),
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def quantile(function: Callable[..., Any]) -> Callable[..., Any]:
        def called(x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
            def one_axis(x: Any, dim: tuple[int, ...], keepdim: bool) -> Any:
                rank, dim = x.ndim, tuple(i % max(x.ndim, 1) for i in dim)
                kept = [i for i in range(rank) if i not in dim]
                lines = x.permute((*kept, *dim)).reshape(*(x.shape[i] for i in kept), -1)
                found = function(lines, torch.tensor(q, dtype=x.dtype), -1, interpolation=method)
                shape = [1 if i in dim else x.shape[i] for i in range(rank) if keepdim or i in kept]
                return found.reshape((*found.shape[: 1 if isinstance(q, tuple) else 0], *shape))

            return along(one_axis)(x, axis, keepdims)

        return called

    def median(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x, axis=None, keepdims=False: quantile(function)(x, 0.5, axis, "linear", keepdims)

    return {
        "median": median(torch.quantile),
        "nanmedian": median(torch.nanquantile),
        "nanquantile": quantile(torch.nanquantile),
        "quantile": quantile(torch.quantile),
    }


_TIES = [[1.0, 1.0, 2.0, 2.0, 5.0, 0.0]]
_UNKNOWN = [[2.0, np.nan, 1.0, 4.0, np.nan, 3.0]]

EDGES: dict[str, Any] = {
    "median": [(_TIES, {}), ([[3.0, 3.0, 3.0]], {})],
    "nanmedian": [(_UNKNOWN, {}), (_TIES, {})],
    "nanquantile": [(_UNKNOWN, {"q": 0.4}), (_TIES, {"q": 0.25})],
    "quantile": [(_TIES, {"q": 0.25, "method": method}) for method in ("linear", "lower", "higher", "midpoint")],
}
