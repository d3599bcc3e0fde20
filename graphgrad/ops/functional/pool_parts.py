"""What is done with the windows of pooling, on arrays by the kernels and on tensors step by step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.graph.tensor import Tensor
from graphgrad.kernels.choice import kernels_of
from graphgrad.kernels.plain.pooling import Window, places
from graphgrad.ops.array.arithmetic import divide
from graphgrad.ops.array.gathering import take_along_axis
from graphgrad.ops.array.indexing import getitem, index_add
from graphgrad.ops.array.padding import pad
from graphgrad.ops.array.reductions import sum
from graphgrad.ops.array.scattering import scatter_add
from graphgrad.ops.array.searching import argmax
from graphgrad.ops.array.shaping import broadcast_to, reshape
from graphgrad.ops.composite import named
from graphgrad.ops.declare import polymorphic
from graphgrad.ops.functional.pool_windows import NO_AXIS, Shape, pooled

__all__ = [
    "back_at_places",
    "check_floats",
    "max_back",
    "max_expanded",
    "maxima",
    "maxima_and_indices",
    "mean_back",
    "mean_expanded",
    "means",
    "planes",
]


# ---- on arrays -------------------------------------------------------------------------------------------------------


def check_floats(x: Any) -> None:
    """Refuse integers and bools."""
    if x.dtype.kind != "f":
        raise TypeError(f"pooling is for floats, got {x.dtype}: make them floats first, with astype")


def planes(x: Any, n: int) -> Any:
    """An array with its last n axes as one and all before them as one, of a dtype that the kernels have."""
    check_floats(x)
    if x.dtype.itemsize not in (4, 8):
        x = x.astype(np.float32 if x.dtype.itemsize < 4 else np.float64)
    return x.reshape(math.prod(x.shape[: x.ndim - n]), math.prod(x.shape[x.ndim - n :]))


def maxima(x: Any, window: Window, n: int) -> Any:
    """The maximum of each window of an array."""
    found = kernels_of("pooling").max_pool(planes(x, n), window)
    return found.reshape(pooled(x.shape, window, n)).astype(x.dtype, copy=False)


def maxima_and_indices(x: Any, window: Window, n: int) -> tuple[Any, Any]:
    """The same, and which elements they are."""
    found, indices = kernels_of("pooling").max_pool_with_indices(planes(x, n), window)
    shape = pooled(x.shape, window, n)
    return found.reshape(shape).astype(x.dtype, copy=False), indices.reshape(shape)


def means(x: Any, window: Window, n: int, divisors: Any) -> Any:
    """The sum of each window of an array, divided by a number for each window."""
    flat = planes(x, n)
    found = kernels_of("pooling").mean_pool(flat, window, divisors.astype(flat.dtype))
    return found.reshape(pooled(x.shape, window, n)).astype(x.dtype, copy=False)


# ---- what passes back ------------------------------------------------------------------------------------------------


def max_back(g: Any, x: Any, window: Window, n: int, with_indices: Callable[..., Any]) -> Any:
    """What elements receive from the windows of which they are the maxima.

    Parameters
    ----------
    with_indices
        The operation on tensors that gives the maxima and their indices: they say all if the pass is recorded, since
        they stay where they are when the values move a little.
    """
    if isinstance(g, Tensor):
        return back_at_places(g, with_indices(x)[1], x.shape, n)
    flat = planes(g, n)
    found = kernels_of("pooling").max_pool_back(flat, planes(x, n).astype(flat.dtype, copy=False), window, x.shape)
    return found.astype(g.dtype, copy=False)


def back_at_places(g: Any, indices: Any, x_shape: Shape, n: int) -> Any:
    """What elements receive from all places that name them."""
    length = math.prod(x_shape[len(x_shape) - n :])
    if not isinstance(g, Tensor):
        flat = planes(g, n)
        found = kernels_of("pooling").back_at_places(flat, indices.reshape(flat.shape), length, x_shape)
        return found.astype(g.dtype, copy=False)
    count = math.prod(x_shape[: len(x_shape) - n])
    flat = (count, math.prod(g.shape[g.ndim - n :]))
    zeros = np.zeros((count, length), g.dtype)
    return reshape(scatter_add(zeros, 1, np.reshape(indices, flat), reshape(g, flat)), x_shape)


def mean_back(g: Any, x_shape: Shape, window: Window, n: int, divisors: Any) -> Any:
    """What elements receive from the means of the windows that they are in."""
    if isinstance(g, Tensor):
        shape = g.shape[g.ndim - n :]
        return _spread(divide(g, divisors.astype(g.dtype).reshape(shape)), window, x_shape, n)
    flat = planes(g, n)
    found = kernels_of("pooling").mean_pool_back(flat, window, divisors.astype(flat.dtype), x_shape)
    return found.astype(g.dtype, copy=False)


# ---- on tensors ------------------------------------------------------------------------------------------------------


def _windows_of(x: Any, window: Window, n: int, fill: float) -> Any:
    """The elements of all windows of a tensor: its leading axes, then windows, then elements, `fill` for none."""
    lead = x.shape[: x.ndim - n]
    table, has_gaps = places(window)
    flat = named(reshape(x, (*lead, math.prod(x.shape[x.ndim - n :]))), "plane")
    if has_gaps:
        flat = named(pad(flat, [(0, 0)] * len(lead) + [(0, 1)], constant_values=fill), "with padding")
    return named(getitem(flat, (Ellipsis, table)), "windows")


_index_add: Callable[..., Any] = polymorphic(index_add)
_broadcast_to: Callable[..., Any] = polymorphic(broadcast_to)


def _spread(shares: Any, window: Window, x_shape: Shape, n: int) -> Any:
    """What elements receive if each gets the share of every window that it is in, on tensors of any kind.

    As the kernel adds up: first what windows in the same rows give, then the rows.
    """
    depth, height, width = window
    count = math.prod(x_shape[: len(x_shape) - n])
    lines = depth.windows * height.windows
    columns, _ = places((NO_AXIS, NO_AXIS, width))
    values = np.reshape(shares, (count * lines, width.windows, 1))
    values = np.reshape(_broadcast_to(values, (count * lines, *columns.shape)), (count * lines, columns.size))
    rows = _index_add(values, shape=(count * lines, width.length + 1), key=(slice(None), columns.reshape(-1)))
    rows = np.reshape(rows[:, : width.length], (count, lines, 1, width.length))
    at, _ = places((depth, height, NO_AXIS))
    rows = _broadcast_to(rows, (count, *at.shape, width.length))
    rows = np.reshape(rows, (count, at.size, width.length))
    high = depth.length * height.length
    out = _index_add(rows, shape=(count, high + 1, width.length), key=(slice(None), at.reshape(-1)))
    return np.reshape(out[:, :high], x_shape)


def max_expanded(x: Any, window: Window, n: int) -> tuple[Any, Any]:
    """The maxima of a tensor's windows, and their indices: the first of those that are equal."""
    windows = _windows_of(x, window, n, -math.inf)
    shape = pooled(x.shape, window, n)
    chosen = named(argmax(windows, -1, True), "chosen")
    values = reshape(take_along_axis(windows, chosen, -1), shape)
    table = places(window)[0].reshape((1,) * (x.ndim - n) + (-1, windows.shape[-1]))
    return values, reshape(take_along_axis(table, chosen, -1), shape)


def mean_expanded(x: Any, window: Window, n: int, divisors: Any) -> Any:
    """The means of a tensor's windows."""
    summed = named(sum(_windows_of(x, window, n, 0.0), -1), "sums")
    shape = pooled(x.shape, window, n)
    sizes = named(Tensor(divisors.astype(x.dtype).reshape(shape[len(shape) - n :])), "divisors")
    return divide(reshape(summed, shape), sizes)
