"""What the tests know of operations on shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _flatten(x: Any, start_axis: int, end_axis: int) -> Any:
    if not x.ndim:
        return np.array([x])
    start, end = start_axis % x.ndim, end_axis % x.ndim
    return np.reshape(x, (*x.shape[:start], int(np.prod(x.shape[start : end + 1])), *x.shape[end + 1 :]))


def _unflatten(x: Any, axis: int, shape: Any) -> Any:
    inner = np.empty(x.shape[axis]).reshape(shape).shape  # finds the -1
    return np.reshape(x, (*x.shape[:axis], *inner, *x.shape[axis % x.ndim + 1 :]))


FUNCTIONS: dict[str, Any] = {
    "astype": lambda x, dtype: np.asarray(x).astype(dtype),
    "broadcast_to": lambda x, shape: x + np.zeros(shape),
    "flatten": _flatten,
    "ravel": np.ravel,
    "reshape": np.reshape,
    "unflatten": _unflatten,
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {
        "astype": lambda x, dtype: x.to(getattr(torch, dtype)),
        "broadcast_to": lambda x, shape: torch.broadcast_to(x, shape),
        "flatten": lambda x, start_axis=0, end_axis=-1: torch.flatten(x, start_axis, end_axis),
        "identity": torch.clone,
        "ravel": torch.ravel,
        "reshape": torch.reshape,
        "unflatten": lambda x, axis, shape: torch.unflatten(x, axis, shape),
    }
