"""Pooling in plain NumPy: all windows side by side, then reduced. And what a window is, which the kernels share."""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "Shape",
    "Slide",
    "Window",
    "at_places",
    "back_at_places",
    "max_pool",
    "max_pool_back",
    "max_pool_with_indices",
    "mean_pool",
    "mean_pool_back",
    "places",
    "put_at_places",
]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]


class Slide(NamedTuple):
    """The windows along one axis.

    Attributes
    ----------
    length
        How many elements the axis has.
    starts, stops
        For each window its first element, and one past its last one; only those that lie on the axis. No window is
        empty.
    gap
        How far apart the elements of a window are.
    kernel, stride, padding
        How many elements a window has, how far apart windows are, and how far the first one begins before the axis.
        The stride is 0 if windows don't follow each other evenly, and the other two mean nothing then.
    """

    length: int
    starts: Array
    stops: Array
    gap: int
    kernel: int
    stride: int
    padding: int

    @property
    def windows(self) -> int:
        """How many windows there are."""
        return len(self.starts)


Window = tuple[Slide, Slide, Slide]
"""The windows along depth, height and width; what has fewer axes has one element, and one window, along the first."""


def places(window: Window) -> tuple[Array, bool]:
    """Which elements each window has, by number in the flattened plane, in row-major order: (windows, elements).

    Windows that have fewer are filled up with the number after the last element; and whether there are any.
    """
    along = [
        [list(range(start, stop, slide.gap)) for start, stop in zip(slide.starts, slide.stops, strict=True)]
        for slide in window
    ]
    _, height, width = (slide.length for slide in window)
    found = [[(d * height + h) * width + w for d, h, w in itertools.product(*one)] for one in itertools.product(*along)]
    most = max(map(len, found), default=1)
    outside = math.prod(slide.length for slide in window)
    table = np.full((len(found), most), outside, np.int64)
    for row, one in zip(table, found, strict=True):
        row[: len(one)] = one
    return table, bool((table == outside).any())


def _windows(x: Array, window: Window, fill: float) -> tuple[Array, Array]:
    """The elements of all windows, (planes, windows, elements), and their places."""
    table, _ = places(window)
    beside = np.full((len(x), 1), fill, x.dtype)
    windows: Array = np.concatenate([x, beside], axis=1)[:, table]
    return windows, table


def _chosen(windows: Array) -> Array:
    """Where in each window its maximum is: the first of equals, but the last nan, as PyTorch has it."""
    nans = np.isnan(windows)
    last_nan = windows.shape[-1] - 1 - np.argmax(nans[..., ::-1], axis=-1)
    chosen: Array = np.where(nans.any(axis=-1), last_nan, np.argmax(windows, axis=-1))
    return chosen


def max_pool(x: Array, window: Window) -> Array:
    """The maximum of each window; nan if there is one in it.

    Parameters
    ----------
    x
        Planes, flattened: (planes, elements).
    window
        The windows.

    Returns
    -------
    ndarray
        Shape (planes, windows).
    """
    return max_pool_with_indices(x, window)[0]


def max_pool_with_indices(x: Array, window: Window) -> tuple[Array, Array]:
    """The same, and the number of the element that it is, in the flattened plane."""
    windows, table = _windows(x, window, -np.inf)
    chosen = _chosen(windows)
    values = np.take_along_axis(windows, chosen[..., None], axis=-1)[..., 0]
    return values, table[np.arange(len(table)), chosen]


def max_pool_back(g: Array, x: Array, window: Window, shape: Shape | None = None) -> Array:
    """What arrives at the elements, if `g` arrives at the maxima.

    Parameters
    ----------
    shape
        The shape of the result, here and below; None for (planes, elements). A gradient that isn't a view of another
        array needs no copy before it is kept.
    """
    return back_at_places(g, max_pool_with_indices(x, window)[1], x.shape[1], shape)


def mean_pool(x: Array, window: Window, divisors: Array) -> Array:
    """The sum of each window, divided by a number for each.

    Parameters
    ----------
    x
        Planes, flattened: (planes, elements).
    window
        The windows.
    divisors
        Shape (windows,), of the dtype of `x`.
    """
    summed: Array = _windows(x, window, 0.0)[0].sum(axis=-1)
    return summed / divisors


def mean_pool_back(g: Array, window: Window, divisors: Array, shape: Shape | None = None) -> Array:
    """What arrives at the elements, if `g` arrives at the means.

    Windows that lie in the same rows are added up first, then the rows; each in the order in which they come.
    """
    depth, height, width = window
    shares = (g / divisors).reshape(len(g), depth.windows * height.windows, width.windows)
    rows = np.zeros((*shares.shape[:2], width.length), g.dtype)
    for i, (start, stop) in enumerate(zip(width.starts, width.stops, strict=True)):
        rows[..., start : stop : width.gap] += shares[..., i, None]
    out = np.zeros((len(g), depth.length, height.length, width.length), g.dtype)
    for i, (d, h) in enumerate(itertools.product(range(depth.windows), range(height.windows))):
        layers = slice(depth.starts[d], depth.stops[d], depth.gap)
        lines = slice(height.starts[h], height.stops[h], height.gap)
        out[:, layers, lines] += rows[:, None, None, i]
    return out.reshape((len(g), math.prod(slide.length for slide in window)) if shape is None else shape)


def back_at_places(g: Array, indices: Array, length: int, shape: Shape | None = None) -> Array:
    """Planes of zeros to which `g` is added at the numbers that stand in `indices`."""
    out = np.zeros((len(g), length), g.dtype)
    np.add.at(out, (np.arange(len(g))[:, None], indices), g)
    return out if shape is None else out.reshape(shape)


def put_at_places(x: Array, indices: Array, length: int) -> Array:
    """Planes of zeros into which `x` is written at the numbers that stand in `indices`; the last one stays."""
    out = np.zeros((len(x), length), x.dtype)
    rows = np.arange(len(x))
    for i in range(x.shape[1]):  # NumPy doesn't promise an order for what an index names twice
        out[rows, indices[:, i]] = x[:, i]
    return out


def at_places(g: Array, indices: Array) -> Array:
    """What arrives at values that were put, if `g` arrives at the planes: nothing at those that others replaced."""
    rows = np.arange(len(g))[:, None]
    numbers = np.arange(1.0, indices.shape[1] + 1.0)
    last = put_at_places(np.broadcast_to(numbers, indices.shape), indices, g.shape[1])[rows, indices] == numbers
    return np.where(last, g[rows, indices], g.dtype.type(0.0))
