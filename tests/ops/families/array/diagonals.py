"""What the tests know of triangles and diagonals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _distance(x: Any) -> Any:
    """How far each element of a matrix is above the diagonal."""
    return np.arange(x.shape[-1]) - np.arange(x.shape[-2])[:, None]


def _diag_embed(x: Any, offset: int, axis1: int, axis2: int) -> Any:
    matrices = [np.diag(x[place], offset) for place in np.ndindex(x.shape[:-1])]
    side = x.shape[-1] + abs(offset)
    return np.moveaxis(np.array(matrices).reshape(*x.shape[:-1], side, side), (-2, -1), (axis1, axis2))


FUNCTIONS: dict[str, Any] = {
    "diag": np.diag,
    "diag_embed": _diag_embed,
    "diagflat": np.diagflat,
    "diagonal": np.diagonal,
    "tril": lambda x, k: np.where(_distance(x) <= k, x, 0.0),
    "triu": lambda x, k: np.where(_distance(x) >= k, x, 0.0),
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {
        "diag": lambda x, k=0: torch.diag(x, k),
        "diag_embed": lambda x, offset=0, axis1=-2, axis2=-1: torch.diag_embed(x, offset, axis1, axis2),
        "diagflat": lambda x, k=0: torch.diagflat(x, k),
        "diagonal": lambda x, offset=0, axis1=0, axis2=1: torch.diagonal(x, offset, axis1, axis2),
        "tril": lambda x, k=0: torch.tril(x, k),
        "triu": lambda x, k=0: torch.triu(x, k),
    }
