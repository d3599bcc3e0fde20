"""What the tests know of taking tensors apart."""

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


def _chunk(x: Any, chunks: int, axis: int) -> tuple[Any, ...]:
    return _split(x, -(-x.shape[axis] // chunks), axis) if x.shape[axis] else (x,) * chunks


FUNCTIONS: dict[str, Any] = {
    "array_split": lambda x, indices_or_sections, axis: tuple(np.array_split(x, indices_or_sections, axis)),
    "chunk": _chunk,
    "split": _split,
    "unbind": lambda x, axis: tuple(np.take(x, i, axis) for i in range(x.shape[axis])),
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {
        "array_split": lambda x, indices_or_sections, axis=0: torch.tensor_split(x, indices_or_sections, axis),
        "chunk": lambda x, chunks, axis=0: torch.chunk(x, chunks, axis),
        "split": lambda x, sizes, axis=0: torch.split(x, sizes, axis),
        "unbind": lambda x, axis=0: torch.unbind(x, axis),
    }
