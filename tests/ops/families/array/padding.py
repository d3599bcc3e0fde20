"""What the tests know of padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _place(mode: str, i: int, n: int) -> int:
    """Which of n elements stands at place i, which may lie before the first or behind the last."""
    if mode == "edge" or n == 1:
        return min(max(i, 0), n - 1)
    if mode == "wrap":
        return i % n
    period, end = (2 * n - 2, n - 1) if mode == "reflect" else (2 * n, 2 * n - 1)
    i %= period
    return i if i < n else (period - i if mode == "reflect" else end - i)


def _places(mode: str, n: int, before: int, after: int) -> list[int]:
    return [_place(mode, i, n) for i in range(-before, n + after)]


def _pad(x: Any, pad_width: Any, mode: str, constant_values: Any) -> Any:
    pairs = np.broadcast_to(pad_width, (x.ndim, 2))
    constants = np.broadcast_to(constant_values, (x.ndim, 2))
    for axis, ((before, after), (low, high)) in enumerate(zip(pairs, constants, strict=True)):
        if mode == "constant":
            sides = [np.full((*x.shape[:axis], n, *x.shape[axis + 1 :]), c) for n, c in ((before, low), (after, high))]
            x = np.concatenate([sides[0], x, sides[1]], axis)
        else:
            x = np.take(x, _places(mode, x.shape[axis], before, after), axis)
    return x


FUNCTIONS: dict[str, Any] = {"pad": _pad}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0.0) -> Any:
        pairs = np.broadcast_to(pad_width, (x.ndim, 2)).tolist()
        constants = np.broadcast_to(constant_values, (x.ndim, 2)).tolist()
        for axis, ((before, after), (low, high)) in enumerate(zip(pairs, constants, strict=True)):
            if mode == "constant":
                room = [0, 0] * (x.ndim - axis - 1)
                x = torch.nn.functional.pad(x, [*room, before, 0], value=low)
                x = torch.nn.functional.pad(x, [*room, 0, after], value=high)
            else:  # its own modes take some ranks and widths only
                x = torch.index_select(x, axis, torch.tensor(_places(mode, x.shape[axis], before, after)))
        return x

    return {"pad": pad}
