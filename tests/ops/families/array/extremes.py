"""What the tests know of chosen elements and their places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.ops.families.array.sorting import order


def _chosen(choose: Callable[[list[float]], list[int]]) -> Callable[..., Any]:
    """Elements of each line along an axis, and their places."""

    def called(x: Any, axis: Any) -> Any:
        x, axis = (np.ravel(x), 0) if axis is None else (np.asarray(x), axis)
        if not x.size:
            return x, x.astype(int)
        places = np.apply_along_axis(lambda line: np.array(choose(line.tolist()), int), axis, x)
        return np.take_along_axis(x, places, axis), places

    return called


def _one(choose: Callable[[list[float]], int], x: Any, axis: int, keepdims: bool) -> Any:
    found = _chosen(lambda line: [choose(line)])(x, axis)
    return found if keepdims else tuple(np.squeeze(one, axis) for one in found)


def _mode(line: list[float]) -> int:
    numbers = [one for one in line if one == one]
    if not numbers:
        return 0
    most, _ = max(Counter(numbers).items(), key=lambda item: (item[1], -item[0]))
    return max(i for i, one in enumerate(line) if one == most)


def _so_far(beats: Callable[[float, float], bool]) -> Callable[..., Any]:
    def places(line: list[float]) -> list[int]:
        found: list[int] = []
        for i, one in enumerate(line):
            before = line[found[-1]] if found else one
            found.append(i if one != one or (before == before and beats(one, before)) else found[-1])
        return found

    return _chosen(places)


def _topk(x: Any, k: int, axis: int, largest: bool) -> Any:
    return _chosen(lambda line: order(line, largest)[:k])(x, axis)


FUNCTIONS: dict[str, Any] = {
    "cummax": _so_far(lambda one, before: one >= before),
    "cummin": _so_far(lambda one, before: one <= before),
    "kthvalue": lambda x, k, axis, keepdims: _one(lambda line: order(line, False)[k - 1], x, axis, keepdims),
    "mode": lambda x, axis, keepdims: _one(_mode, x, axis, keepdims),
    "topk": _topk,
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def along(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x, axis=None: function(x.reshape(-1), 0) if axis is None else function(x, axis)

    return {
        "cummax": along(torch.cummax),
        "cummin": along(torch.cummin),
        "kthvalue": lambda x, k, axis=-1, keepdims=False: torch.kthvalue(x, k, axis, keepdims),
        "mode": lambda x, axis=-1, keepdims=False: torch.mode(x, axis, keepdims),
        "topk": lambda x, k, axis=-1, largest=True: torch.topk(x, k, axis, largest),
    }


_TIES = [[1.0, 1.0, 0.0, 2.0, 2.0, 0.0, 1.0]]

EDGES: dict[str, Any] = {
    "cummax": [(_TIES, {}), ([[1.0, np.nan, 3.0, np.nan]], {})],
    "cummin": [(_TIES, {}), ([[1.0, np.nan, 3.0, np.nan]], {})],
    "mode": [(_TIES, {}), ([[2.0, 1.0, 1.0, 2.0, 0.0]], {})],
}
