"""Sliding windows, and the sum of windows that overlap: each is the adjoint of the other."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view as _windows_of

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import free, one_axis

__all__ = ["overlap_add", "sliding_window_view"]

Shape = tuple[int, ...]
Axes = int | Sequence[int] | None


def _prepare(attrs: dict[str, Any]) -> None:
    window, axis = attrs["window_shape"], attrs["axis"]
    attrs["window_shape"] = (operator.index(window),) if np.ndim(window) == 0 else tuple(map(operator.index, window))
    if axis is not None:
        attrs["axis"] = (operator.index(axis),) if np.ndim(axis) == 0 else tuple(map(operator.index, axis))
    if min(attrs["window_shape"], default=1) < 1:
        raise ValueError(f"the lengths of a window are at least 1, got window_shape {window}")


def _slid_axes(rank: int, window_shape: Shape, axis: Shape | None) -> Shape:
    axes = tuple(range(rank)) if axis is None else tuple(one_axis(one, rank) for one in axis)
    if len(axes) != len(window_shape):
        which = f"all {rank} axes" if axis is None else f"axis {axis}"
        raise ValueError(f"window_shape {window_shape} needs a length for each of {which}")
    return axes


def _windows(x: Shape, /, window_shape: Shape, axis: Shape | None) -> Shape:
    lengths = list(x)
    for at, length in zip(_slid_axes(len(x), window_shape, axis), window_shape, strict=True):
        lengths[at] -= length - 1
        if lengths[at] < 1:
            raise ValueError(f"no window of length {length} fits into axis {at} of shape {x}")
    return (*lengths, *window_shape)


def _window_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(5,)), window_shape=3)
    yield sample(rng.normal(size=(4, 3)), window_shape=(2, 3))
    yield sample(rng.normal(size=(2, 4, 3)), window_shape=(2, 2), axis=(-1, 1))
    yield sample(rng.normal(size=(6,)), window_shape=(2, 3), axis=(0, 0))
    yield sample(rng.normal(size=(0, 3)), window_shape=2, axis=1)


@op(
    x=lambda g, window_shape, axis: _overlap_add(g, window_shape=window_shape, axis=axis),
    linear="together",
    complex="own",
    numpy=_windows_of,
    formula="sliding_window_view({x}, {window_shape}, {axis})",
    back={"x": "the sum of {g} over all windows that an element is in"},
    shape=_windows,
    cost=free,
    samples=_window_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)),), {"window_shape": 4, "axis": 1}, ShapeError, "length 4 fits into axis 1"),
        ErrorSample((np.zeros((2, 3)),), {"window_shape": 2}, ShapeError, "a length for each of all 2 axes"),
        ErrorSample((np.zeros(0),), {"window_shape": 1}, ShapeError, "fits into axis 0"),
        ErrorSample((np.zeros(3),), {"window_shape": 0}, ArgumentError, "at least 1"),
    ),
    prepare=_prepare,
    view=True,
    covers=("P14.01",),
)
def sliding_window_view(x: Array, window_shape: int | Sequence[int], axis: Axes = None) -> Any:
    """
    All windows of a size: their places along the axes of `x`, their elements along new axes at the end.

    What convolutions and pooling look at; a slice afterwards makes the stride. No element is copied. An element that is
    in several windows receives the sum of their gradients.

    Parameters
    ----------
    window_shape
        The lengths of a window.
    axis
        The axis that each length is for; None if there is one for every axis.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.sliding_window_view([1.0, 2.0, 3.0, 4.0], 3)
    tensor([[1., 2., 3.],
            [2., 3., 4.]])
    """
    return _windows_of(x, window_shape, axis)  # type: ignore[arg-type]


def _added(x: Shape, /, window_shape: Shape, axis: Shape | None) -> Shape:
    rank = len(x) - len(window_shape)
    if rank < 1 or x[rank:] != window_shape:
        raise ValueError(f"the last axes of x, which has shape {x}, must be those of the windows, {window_shape}")
    lengths = list(x[:rank])
    for at, length in zip(_slid_axes(rank, window_shape, axis), window_shape, strict=True):
        lengths[at] += length - 1
    return tuple(lengths)


def _slid_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(3, 3)), window_shape=3)
    yield sample(rng.normal(size=(2, 1, 2, 2)), window_shape=(2, 2))
    yield sample(rng.normal(size=(2, 3, 2)), window_shape=2, axis=0)
    yield sample(rng.normal(size=(3, 2, 2)), window_shape=(2, 2), axis=(0, 0))
    yield sample(rng.normal(size=(0, 2, 2)), window_shape=2, axis=1)


@op(
    x=lambda g, window_shape, axis: _sliding_window_view(g, window_shape=window_shape, axis=axis),
    linear="together",
    complex="own",
    formula="overlap_add({x}, {window_shape}, {axis})",
    back={"x": "the windows of {g}"},
    shape=_added,
    cost=lambda x, **_: math.prod(x),
    samples=_slid_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)),), {"window_shape": 2}, ShapeError, "must be those of the windows"),
        ErrorSample((np.zeros((2, 2, 2)),), {"window_shape": 2}, ShapeError, "a length for each of all 2 axes"),
    ),
    prepare=_prepare,
)
def overlap_add(x: Array, window_shape: int | Sequence[int], axis: Axes = None) -> Any:
    """
    The sum of windows, each in its place: what `sliding_window_view` took apart, with overlaps added up.

    Parameters
    ----------
    x
        Windows, in the form that `sliding_window_view` gives them.
    window_shape, axis
        As in `sliding_window_view`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.overlap_add([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]], 3)
    tensor([1., 4., 6., 4.])
    """
    window_shape = (window_shape,) if isinstance(window_shape, int) else tuple(window_shape)
    axis = (axis,) if isinstance(axis, int) else axis if axis is None else tuple(axis)
    out = np.zeros(_added(x.shape, window_shape, axis), x.dtype)
    rank = out.ndim
    axes = _slid_axes(rank, window_shape, axis)
    for offsets in itertools.product(*map(range, window_shape)):
        starts = [0] * rank
        for at, offset in zip(axes, offsets, strict=True):
            starts[at] += offset
        out[tuple(slice(start, start + n) for start, n in zip(starts, x.shape[:rank], strict=True))] += x[..., *offsets]
    return out


_overlap_add: Callable[..., Any] = polymorphic(overlap_add)
_sliding_window_view: Callable[..., Any] = polymorphic(sliding_window_view)
