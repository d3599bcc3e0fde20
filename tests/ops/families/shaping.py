"""What the tests know of operations on shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _split(x: Any, sizes: Any, axis: int) -> tuple[Any, ...]:
    starts = range(0, x.shape[axis], sizes) if isinstance(sizes, int) else np.cumsum((0, *sizes))[:-1]
    lengths = [sizes] * len(starts) if isinstance(sizes, int) else sizes
    taken = [
        np.take(x, range(start, min(start + n, x.shape[axis])), axis) for start, n in zip(starts, lengths, strict=True)
    ]
    return tuple(taken) or (x,)


FUNCTIONS: dict[str, Any] = {
    "astype": lambda x, dtype: np.asarray(x).astype(dtype),
    "broadcast_to": lambda x, shape: x + np.zeros(shape),
    "concat": lambda tensors, axis: np.concatenate(tensors, axis),
    "expand_dims": np.expand_dims,
    "permute_dims": np.transpose,
    "reshape": np.reshape,
    "split": _split,
    "squeeze": np.squeeze,
    "stack": lambda tensors, axis: np.stack(tensors, axis),
    "unbind": lambda x, axis: tuple(np.take(x, i, axis) for i in range(x.shape[axis])),
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {
        "astype": lambda x, dtype: x.to(getattr(torch, dtype)),
        "broadcast_to": lambda x, shape: torch.broadcast_to(x, shape),
        "concat": lambda tensors, axis=0: torch.concat(tensors, axis),
        "expand_dims": torch.unsqueeze,
        "identity": torch.clone,
        "permute_dims": lambda x, axes=None: torch.permute(x, axes or tuple(range(x.ndim))[::-1]),
        "reshape": torch.reshape,
        "split": lambda x, sizes, axis=0: torch.split(x, sizes, axis),
        "squeeze": lambda x, axis=None: torch.squeeze(x) if axis is None else torch.squeeze(x, axis),
        "stack": lambda tensors, axis=0: torch.stack(tensors, axis),
        "unbind": lambda x, axis=0: torch.unbind(x, axis),
    }
