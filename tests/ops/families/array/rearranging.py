"""What the tests know of elements in another order, or several times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _tile(x: Any, reps: Any) -> Any:
    for axis, times in enumerate(reps[::-1], start=1):
        x = x if x.ndim >= axis else x[np.newaxis]
        x = np.concatenate([x] * times, -axis) if times else np.take(x, [], -axis)
    return x


FUNCTIONS: dict[str, Any] = {
    "flip": np.flip,
    "fliplr": lambda x: x[:, ::-1],
    "flipud": lambda x: x[::-1],
    "repeat": np.repeat,
    "roll": np.roll,
    "rot90": np.rot90,
    "tile": _tile,
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def axes(x: Any, axis: Any) -> Any:
        return tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)

    def repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
        counts = repeats if isinstance(repeats, int) else torch.tensor(repeats)
        return torch.repeat_interleave(x, counts, axis)

    def roll(x: Any, shift: Any, axis: Any = None) -> Any:
        if isinstance(axis, tuple) and isinstance(shift, int):
            shift = (shift,) * len(axis)
        return torch.roll(x, shift, axis)

    return {
        "flip": lambda x, axis=None: torch.flip(x, axes(x, axis)),
        "fliplr": torch.fliplr,
        "flipud": torch.flipud,
        "repeat": repeat,
        "roll": roll,
        "rot90": lambda x, k=1, axes=(0, 1): torch.rot90(x, k, axes),
        "tile": lambda x, reps: torch.tile(x, (reps,) if isinstance(reps, int) else reps),
    }
