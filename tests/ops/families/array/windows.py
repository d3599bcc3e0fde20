"""What the tests know of sliding windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.ops.families.array.indexing import added_up


def _axes(rank: int, window_shape: Any, axis: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    lengths = window_shape if isinstance(window_shape, tuple) else (window_shape,)
    axes = range(rank) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return lengths, tuple(one % rank for one in axes)


def _places(shape: tuple[int, ...], window_shape: Any, axis: Any) -> Any:
    """Which element of an array of `shape`, by number, stands where in its windows."""
    lengths, axes = _axes(len(shape), window_shape, axis)
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    for at, length in zip(axes, lengths, strict=True):
        windows = [np.take(numbers, range(i, i + length), at) for i in range(numbers.shape[at] - length + 1)]
        numbers = np.moveaxis(np.stack(windows, at), at + 1, -1)
    return numbers


def _sliding_window_view(x: Any, window_shape: Any, axis: Any) -> Any:
    return np.ravel(x)[_places(x.shape, window_shape, axis)]


def _overlap_add(x: Any, window_shape: Any, axis: Any) -> Any:
    lengths, _ = _axes(1, window_shape, (0,) * np.size(window_shape))
    rank = x.ndim - len(lengths)
    shape = list(x.shape[:rank])
    for at, length in zip(_axes(rank, window_shape, axis)[1], lengths, strict=True):
        shape[at] += length - 1
    places = _places(tuple(shape), window_shape, axis)
    return added_up(places, x, int(np.prod(shape))).reshape(shape)


FUNCTIONS: dict[str, Any] = {"overlap_add": _overlap_add, "sliding_window_view": _sliding_window_view}


def counterparts() -> dict[str, Callable[..., Any]]:
    def sliding_window_view(x: Any, window_shape: Any, axis: Any = None) -> Any:
        lengths, axes = _axes(x.ndim, window_shape, axis)
        for at, length in zip(axes, lengths, strict=True):
            x = x.unfold(at, length, 1)
        return x

    return {"sliding_window_view": sliding_window_view}
