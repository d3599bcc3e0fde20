"""What the tests know of norms and condition numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.ops.families.matrix.spectral import finite_only


def _matrix_norm(x: Any, keepdims: bool, ord: Any) -> Any:
    if ord not in ("nuc", 2, -2):
        return np.linalg.matrix_norm(x, keepdims=keepdims, ord=ord)
    found = finite_only(lambda one: np.linalg.norm(one, ord))(x)
    return found[..., None, None] if keepdims else found


def _norm(x: Any, ord: Any, axis: Any, keepdims: bool) -> Any:
    if np.isnan(x).any() and ord == "nuc":
        return np.full((), np.nan)
    return np.linalg.norm(x, ord, axis, keepdims)


def _cond(x: Any, p: Any) -> Any:
    return finite_only(lambda one: np.linalg.cond(one, p))(x)


FUNCTIONS: dict[str, Any] = {"cond": _cond, "matrix_norm": _matrix_norm, "norm": _norm}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def cond(x: Any, p: Any = None) -> Any:
        if p in (None, 2, -2):
            return torch.linalg.cond(x, p)
        return torch.linalg.matrix_norm(x, p) * torch.linalg.matrix_norm(torch.linalg.inv(x), p)

    return {
        "cond": cond,
        "matrix_norm": lambda x, keepdims=False, ord="fro": torch.linalg.matrix_norm(x, ord, keepdim=keepdims),
        "norm": lambda x, ord=None, axis=None, keepdims=False: torch.linalg.norm(x, ord, axis, keepdims),
    }


_EQUAL = [[1.0, -2.0], [2.0, 1.0]]

EDGES: dict[str, Any] = {
    "matrix_norm": [
        *[([_EQUAL], {"ord": order}) for order in (1, -1, float("inf"), -float("inf"))],
        *[([np.eye(2)], {"ord": order}) for order in (2, -2, "nuc")],
        ([np.zeros((2, 2))], {}),
    ],
    "norm": [([np.zeros(3)], {}), ([np.zeros((2, 2))], {})],
}
