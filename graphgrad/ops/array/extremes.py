"""Chosen elements and the places that they come from: the k largest, the k-th, the most frequent, the largest so far.

These operations have two results. Gradients pass through the values; places are integers, which pass none.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.cumulative import BAD_ONE_AXIS, in_a_row, running_samples, same_or_flat
from graphgrad.ops.array.gathering import prepare_axis_or_none
from graphgrad.ops.array.scattering import scatter_add
from graphgrad.ops.array.sorting import comparisons, order_of, put_back
from graphgrad.ops.attributes import keep_flags, keep_integers
from graphgrad.ops.declare import Array, op
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import one_axis, prepare_one_axis, reduced

__all__ = ["cummax", "cummin", "kthvalue", "mode", "topk"]

Shape = tuple[int, ...]


# ---- the k largest, the k-th, the most frequent ----------------------------------------------------------------------


def _prepare_one(attrs: dict[str, Any]) -> None:
    prepare_one_axis(attrs)
    keep_flags(attrs, *(name for name in ("keepdims", "largest") if name in attrs))


def _prepare_k(attrs: dict[str, Any]) -> None:
    _prepare_one(attrs)
    keep_integers(attrs, "k")


def _top(x: Shape, /, k: int, axis: int = -1, largest: bool = True) -> tuple[Shape, Shape]:
    at = one_axis(axis, len(x))
    if not 0 <= k <= x[at]:
        raise ValueError(f"k is {k}, but axis {axis} has {x[at]} elements")
    return ((*x[:at], k, *x[at + 1 :]),) * 2


def _bad_axis(**attrs: Any) -> tuple[ErrorSample, ...]:
    return tuple(ErrorSample(one.operands, {**one.attrs, **attrs}, one.error, one.says) for one in BAD_ONE_AXIS)


@op(
    outputs=None,
    x=lambda g, x_shape, out, axis: put_back(g[0], out[1], x_shape, axis),
    formula="topk({x}, {k}, {axis}, {largest})",
    back={"x": "{g} where elements were chosen, 0 elsewhere"},
    shape=_top,
    cost=comparisons,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 5)), k=3),
        sample(rng.normal(size=(4, 2)), k=1, axis=0, largest=False),
        sample(rng.normal(size=(3,)), k=3),
        sample(rng.normal(size=(2, 3)), k=0),
    ],
    errors=(
        *_bad_axis(k=1),
        ErrorSample((np.zeros((2, 3)),), {"k": 4}, ShapeError, "k is 4, but axis -1 has 3 elements"),
        ErrorSample((np.zeros((2, 3)),), {"k": -1}, ShapeError, "k is -1, but"),
        ErrorSample((np.zeros((2, 3)),), {"k": 1, "largest": "no"}, DTypeError, "largest is True or False"),
    ),
    prepare=_prepare_k,
    covers=("P13.08",),
)
def topk(x: Array, k: int, axis: int = -1, largest: bool = True) -> Any:
    """
    The k largest elements along an axis, from the largest down, and where they are. Gradients pass through the values.

    Of equal elements the first is taken. (PyTorch leaves open which; and JAX calls this `top_k`.)

    Parameters
    ----------
    k
        How many.
    axis
        The axis to look along, counted from the end if negative.
    largest
        False for the k smallest, from the smallest up. nan counts as the largest.

    Returns
    -------
    tuple of Tensor
        The values, and their places along the axis.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.topk([1.0, 4.0, 2.0, 3.0], 2)
    (tensor([4., 3.]), tensor([1, 3]))
    """
    _top(x.shape, k, axis)
    places = np.take(order_of(x, axis, largest), range(k), axis)
    return np.take_along_axis(x, places, axis), places


def _kept(values: Any, axis: int, keepdims: bool) -> Any:
    return values if keepdims else np.squeeze(values, axis)


def _with_axis(values: Any, x_shape: Shape, axis: int) -> Any:
    """One element of each line, with its axis, whether that was kept or not."""
    return np.reshape(values, reduced(x_shape, axis, True))


def _one_of_each(x: Shape, /, axis: int = -1, keepdims: bool = False, **_: Any) -> tuple[Shape, Shape]:
    if not x[one_axis(axis, len(x))]:
        raise ValueError(f"axis {axis} of shape {x} has length 0: there is no element to choose")
    return (reduced(x, axis, keepdims),) * 2


def _kth(x: Shape, /, k: int, axis: int = -1, keepdims: bool = False) -> tuple[Shape, Shape]:
    at = one_axis(axis, len(x))
    if not 1 <= k <= x[at]:
        raise ValueError(f"k counts from 1, and axis {axis} has {x[at]} elements; got {k}")
    return (reduced(x, axis, keepdims),) * 2


def _back_to_one(g: Any, x_shape: Shape, out: Any, axis: int) -> Any:
    return put_back(_with_axis(g[0], x_shape, axis), _with_axis(out[1], x_shape, axis), x_shape, axis)


@op(
    outputs=None,
    x=_back_to_one,
    formula="kthvalue({x}, {k}, {axis}, {keepdims})",
    back={"x": "{g} where the element was chosen, 0 elsewhere"},
    shape=_kth,
    cost=comparisons,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 5)), k=3),
        sample(rng.normal(size=(4, 2)), k=1, axis=0, keepdims=True),
        sample(rng.normal(size=(3,)), k=3),
    ],
    errors=(
        *_bad_axis(k=1),
        ErrorSample((np.zeros((2, 3)),), {"k": 4}, ShapeError, "k counts from 1, and axis -1 has 3 elements; got 4"),
        ErrorSample((np.zeros((2, 3)),), {"k": 0}, ShapeError, "k counts from 1"),
    ),
    prepare=_prepare_k,
)
def kthvalue(x: Array, k: int, axis: int = -1, keepdims: bool = False) -> Any:
    """
    The k-th smallest element along an axis, and where it is. Gradients pass through the value.

    Equal elements count in the order in which they are. (PyTorch leaves that open.)

    Parameters
    ----------
    k
        Which, counted from 1. nan counts as the largest.
    axis
        The axis to look along, counted from the end if negative.
    keepdims
        Keep that axis, with length 1.

    Returns
    -------
    tuple of Tensor
        The values, and their places along the axis.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.kthvalue([1.0, 4.0, 2.0, 3.0], 2)
    (tensor(2.), tensor(2))
    """
    _kth(x.shape, k, axis)
    places = np.take(order_of(x, axis), [k - 1], axis)
    return _kept(np.take_along_axis(x, places, axis), axis, keepdims), _kept(places, axis, keepdims)


@op(
    outputs=None,
    x=_back_to_one,
    formula="mode({x}, {axis}, {keepdims})",
    back={"x": "{g} where the element was chosen, 0 elsewhere"},
    shape=_one_of_each,
    cost=comparisons,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 4))),
        sample(rng.normal(size=(3, 2)), axis=0, keepdims=True),
        sample(rng.normal(size=(1,))),
    ],
    errors=(
        *_bad_axis(),
        ErrorSample((np.zeros((2, 0)),), {}, ShapeError, "has length 0: there is no element to choose"),
    ),
    prepare=_prepare_one,
)
def mode(x: Array, axis: int = -1, keepdims: bool = False) -> Any:
    """
    The most frequent value along an axis, and where it comes last. Gradients pass through the value, to that element.

    Of equally frequent values it is the smallest, as with PyTorch. nan is equal to nothing, itself included.

    Parameters
    ----------
    axis
        The axis to look along, counted from the end if negative.
    keepdims
        Keep that axis, with length 1.

    Returns
    -------
    tuple of Tensor
        The values, and their places along the axis.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.mode([2.0, 1.0, 2.0, 1.0, 3.0])
    (tensor(1.), tensor(3))
    """
    _one_of_each(x.shape, axis)
    order = np.moveaxis(order_of(x, axis), axis, -1)
    sorted_ = np.take_along_axis(np.moveaxis(x, axis, -1), order, -1)
    number = np.arange(sorted_.shape[-1])
    begins = np.ones(sorted_.shape, np.bool)
    begins[..., 1:] = sorted_[..., 1:] != sorted_[..., :-1]
    # How far each element is from the first of its equals; the first to be farthest ends the longest run.
    run = number - np.maximum.accumulate(np.where(begins, number, 0), -1)
    places = np.moveaxis(np.take_along_axis(order, np.argmax(run, -1, keepdims=True), -1), -1, axis)
    return _kept(np.take_along_axis(x, places, axis), axis, keepdims), _kept(places, axis, keepdims)


# ---- the largest so far ----------------------------------------------------------------------------------------------


def _twice(x: Shape, /, axis: int | None = None) -> tuple[Shape, Shape]:
    return (same_or_flat(x, axis),) * 2


def _running_x(g: Any, x_shape: Shape, out: Any, axis: int | None) -> Any:
    """Each element gets what arrives at all places where it is the largest so far."""
    zeros = np.zeros(x_shape if axis is not None else math.prod(x_shape), g[0].dtype)
    along = 0 if axis is None else axis
    if isinstance(g[0], Tensor):
        return np.reshape(scatter_add(zeros, along, out[1], g[0]), x_shape)
    return np.reshape(scatter_add.op.forward(zeros, out[1], g[0], axis=along), x_shape)


def _so_far(x: Any, axis: int | None, extreme: Any) -> tuple[Any, Any]:
    x, axis = in_a_row(x, axis)
    values = extreme.accumulate(x, axis)
    number = np.arange(x.shape[axis]).reshape(-1, *[1] * (x.ndim - 1 - axis))
    reached = (x == values) | (x != x)  # nan stays the extreme from where it comes
    return values, np.maximum.accumulate(np.where(reached, number, 0), axis)


_RUNNING: dict[str, Any] = {
    "outputs": None,
    "x": _running_x,
    "shape": _twice,
    "cost": lambda x, **_: math.prod(x),
    "samples": running_samples(),
    "errors": BAD_ONE_AXIS,
    "prepare": prepare_axis_or_none,
}


@op(
    formula="cummax({x}, {axis})",
    back={"x": "{g} of all places where the element is the largest so far, added up"},
    **_RUNNING,
)
def cummax(x: Array, axis: int | None = None) -> Any:
    """
    The largest element so far along an axis, and where it is. Gradients pass through the values.

    Of equal elements it is the latest, as with PyTorch.

    Parameters
    ----------
    axis
        The axis, counted from the end if negative; None for all elements in a row.

    Returns
    -------
    tuple of Tensor
        The values, and their places along the axis.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.cummax([1.0, 3.0, 2.0, 4.0])
    (tensor([1., 3., 3., 4.]), tensor([0, 1, 1, 3]))
    """
    return _so_far(x, axis, np.maximum)


@op(
    formula="cummin({x}, {axis})",
    back={"x": "{g} of all places where the element is the smallest so far, added up"},
    **_RUNNING,
)
def cummin(x: Array, axis: int | None = None) -> Any:
    """
    The smallest element so far along an axis, and where it is. Gradients pass through the values.

    Of equal elements it is the latest, as with PyTorch.

    Parameters
    ----------
    axis
        The axis, counted from the end if negative; None for all elements in a row.

    Returns
    -------
    tuple of Tensor
        The values, and their places along the axis.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.cummin([3.0, 1.0, 2.0, 0.0])
    (tensor([3., 1., 1., 0.]), tensor([0, 1, 1, 3]))
    """
    return _so_far(x, axis, np.minimum)
