"""What the tests know of products of vectors, and of matrices with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {
    "cross": lambda a, b, axis: np.cross(a, b, axis=axis),
    "matvec": lambda a, b: np.einsum("...mn,...n->...m", a, b),
    "vecdot": lambda a, b, axis: np.sum(a * b, axis),
    "vecmat": lambda a, b: np.einsum("...n,...nm->...m", a, b),
}
NO_INTEGERS = {"cross"}  # a difference of bytes wraps around


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {
        "cross": lambda a, b, axis=-1: torch.linalg.cross(*torch.broadcast_tensors(a, b), dim=axis),
        "matvec": lambda a, b: torch.matmul(a, b[..., None])[..., 0],
        "vecdot": lambda a, b, axis=-1: torch.linalg.vecdot(a, b, dim=axis),
        "vecmat": lambda a, b: torch.matmul(a[..., None, :], b)[..., 0, :],
    }
