"""What the tests know of products, norms and ranges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.ops.families.array.reductions import along


def _vector_norm(x: Any, axis: Any, keepdims: bool, ord: float) -> Any:
    # NumPy's own scales nothing, and takes one axis or all.
    return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)


FUNCTIONS: dict[str, Any] = {"prod": np.prod, "vector_norm": _vector_norm}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def prod(x: Any, dim: Any, keepdim: bool) -> Any:
        for one in sorted((i % max(x.ndim, 1) for i in dim), reverse=True):  # PyTorch takes one axis at a time
            x = torch.prod(x, one, keepdim)
        return x

    def vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Any:
        found = torch.linalg.vector_norm(x, ord, axis, keepdims)
        return found if ord else found + 0.0 * x.sum(axis, keepdim=True).reshape(found.shape)

    return {
        "logmeanexp": along(lambda x, dim, keepdim: torch.log(torch.mean(torch.exp(x), dim, keepdim))),
        "prod": along(prod),
        "ptp": along(lambda x, dim, keepdim: torch.amax(x, dim, keepdim) - torch.amin(x, dim, keepdim)),
        "vector_norm": vector_norm,
    }


_ZEROS = [[0.0, 0.0, 0.0], [0.0, -3.0, 3.0]]

EDGES: dict[str, Any] = {
    "prod": [([[2.0, 0.0, 3.0]], {}), ([[0.0, 0.0, 3.0]], {})],
    "ptp": [([[3.0, 1.0, 3.0, 1.0]], {})],
    "vector_norm": [
        *(([_ZEROS], {"axis": 1, "ord": order}) for order in (2, 1, np.inf, -np.inf, 3, 1.5, 0.5, -1)),
        *(([[1.0, np.nan, -3.0]], {"ord": order}) for order in (2, 3)),
    ],
}
