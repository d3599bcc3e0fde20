"""Sorting: the elements in order, or in order as far as it was asked for. Gradients go back to where they came from."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops.array.cumulative import BAD_ONE_AXIS, in_a_row, same_or_flat
from graphgrad.ops.array.gathering import prepare_axis_or_none
from graphgrad.ops.array.reductions import Axis, count_of
from graphgrad.ops.array.scattering import put_along_axis
from graphgrad.ops.attributes import keep_flags
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import sample

__all__ = ["argpartition", "argsort", "partition", "sort"]

Shape = tuple[int, ...]


def comparisons(x: Shape, /, axis: Axis = None, **_: Any) -> int:
    """The cost of sorting along an axis: about log2(n) comparisons for each element, of n in a line."""
    return math.prod(x) * max(count_of(x, axis) - 1, 0).bit_length()


def order_of(x: Any, axis: int, descending: bool = False, stable: bool = True) -> Any:
    """Where the elements of an array come from when they are sorted along an axis; nan counts as the largest."""
    kind: Any = "stable" if stable else None
    if not descending:
        return np.argsort(x, axis, kind)
    # Sorted from behind and turned round, equal elements stay in the order in which they were.
    return x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind), axis)


def _prepare_order(attrs: dict[str, Any]) -> None:
    prepare_axis_or_none(attrs)
    if attrs["stable"] is None:
        attrs["stable"] = True
    keep_flags(attrs, "descending", "stable")


def put_back(g: Any, places: Any, x_shape: Shape, axis: int | None) -> Any:
    """The gradient of elements that were taken from places along an axis, none of them twice."""
    return _put(np.zeros(x_shape, g.dtype), places, g, axis=axis)


_put = polymorphic(put_along_axis)


def _gradient_at(places: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of an operation that gives the elements in another order: each gradient back to its place."""

    def back(g: Any, x: Any, attrs: Any) -> Any:
        return put_back(g, places(x, **attrs), x.shape, attrs["axis"])

    return back


_SORTED: dict[str, Any] = {
    "shape": same_or_flat,
    "cost": comparisons,
    "samples": lambda rng: [
        sample(rng.normal(size=(2, 4))),
        sample(rng.normal(size=(4, 2)), axis=0, descending=True),
        sample(rng.normal(size=(2, 3)), axis=None, stable=False),
        sample(rng.normal(size=()), axis=None),
        sample(np.zeros((2, 0))),
    ],
    "errors": (
        *BAD_ONE_AXIS,
        ErrorSample((np.zeros(3),), {"descending": "no"}, DTypeError, "descending is True or False"),
    ),
    "prepare": _prepare_order,
}


@op(formula="argsort({x}, {axis}, {descending})", numpy=np.argsort, **_SORTED)
def argsort(x: Array, axis: int | None = -1, *, descending: bool = False, stable: bool = True) -> Any:
    """
    The places of the elements in sorted order. No gradient passes: a place is an integer, it stays or jumps.

    Parameters
    ----------
    axis
        The axis to sort along, counted from the end if negative; None for all elements in a row.
    descending
        From the largest to the smallest. nan counts as the largest.
    stable
        Whether equal elements stay in the order in which they are.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.argsort([3.0, 1.0, 2.0])
    tensor([1, 2, 0])
    """
    return order_of(*in_a_row(x, axis), descending, stable)


_places = polymorphic(argsort)


@op(
    x=_gradient_at(_places),
    formula="sort({x}, {axis}, {descending})",
    back={"x": "{g}, each element back where it came from"},
    numpy=np.sort,
    **_SORTED,
)
def sort(x: Array, axis: int | None = -1, *, descending: bool = False, stable: bool = True) -> Any:
    """
    Sort the elements along an axis. Each receives the gradient of the place that it came to.

    Where the order changes, at equal elements, the gradient jumps; they receive it in the order in which they are.

    Parameters
    ----------
    axis
        The axis to sort along, counted from the end if negative; None for all elements in a row.
    descending
        From the largest to the smallest. nan counts as the largest.
    stable
        Whether equal elements stay in the order in which they are. False may be quicker; then any of them may receive
        the gradient of any of their places.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.sort([3.0, 1.0, 2.0])
    tensor([1., 2., 3.])
    """
    x, axis = in_a_row(x, axis)
    result = np.sort(x, axis, "stable" if stable else None)
    return np.flip(result, axis) if descending else result


# ---- in order as far as it was asked for -----------------------------------------------------------------------------


def _partitioned(x: Shape, /, kth: int | Sequence[int], axis: int | None = -1) -> Shape:
    shape = same_or_flat(x, axis)
    length = shape[0 if axis is None else axis]
    for place in (kth,) if isinstance(kth, int) else kth:
        if not -length <= place < length:
            raise ValueError(f"kth is {place}, but the axis has {length} elements")
    return shape


def _prepare_kth(attrs: dict[str, Any]) -> None:
    prepare_axis_or_none(attrs)
    kth = attrs["kth"]
    attrs["kth"] = operator.index(kth) if np.ndim(kth) == 0 else tuple(map(operator.index, kth))


_PARTITIONED: dict[str, Any] = {
    "shape": _partitioned,
    "cost": comparisons,
    "samples": lambda rng: [
        sample(rng.normal(size=(2, 5)), kth=2),
        sample(rng.normal(size=(6, 2)), kth=(1, -2), axis=0),
        sample(rng.normal(size=(2, 3)), kth=3, axis=None),
    ],
    "errors": (
        *(ErrorSample(one.operands, {**one.attrs, "kth": 0}, one.error, one.says) for one in BAD_ONE_AXIS),
        ErrorSample((np.zeros(3),), {"kth": 3}, ValueError, "kth is 3, but the axis has 3 elements"),
    ),
    "prepare": _prepare_kth,
}


@op(formula="argpartition({x}, {kth}, {axis})", numpy=np.argpartition, **_PARTITIONED)
def argpartition(x: Array, kth: int | Sequence[int], axis: int | None = -1) -> Any:
    """
    The places of the elements as `partition` puts them. No gradient passes: a place is an integer, it stays or jumps.

    Parameters
    ----------
    kth
        The place, or places, that get what sorting would put there.
    axis
        The axis to go along, counted from the end if negative; None for all elements in a row.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.argpartition([3.0, 1.0, 2.0, 0.0], 1)
    tensor([3, 1, 0, 2])
    """
    _partitioned(x.shape, kth, axis)
    x, axis = in_a_row(x, axis)
    ranks = order_of(order_of(x, axis), axis)
    # 0 before the first of the places, 1 at it, 2 between it and the next, ...
    group = np.zeros(ranks.shape, np.int64)
    for place in {one % x.shape[axis] for one in ((kth,) if isinstance(kth, int) else kth)}:
        group += (ranks >= place).astype(np.int64) + (ranks > place)
    return order_of(group, axis)


_parts = polymorphic(argpartition)


@op(
    x=_gradient_at(_parts),
    formula="partition({x}, {kth}, {axis})",
    back={"x": "{g}, each element back where it came from"},
    numpy=np.partition,
    **_PARTITIONED,
)
def partition(x: Array, kth: int | Sequence[int], axis: int | None = -1) -> Any:
    """
    Put what sorting would put there at the places `kth`, the smaller elements before and the larger ones after it.

    Before, between and after these places the elements stay in the order in which they are. (NumPy leaves open in which
    order they come.)

    Parameters
    ----------
    kth
        The place, or places.
    axis
        The axis to go along, counted from the end if negative; None for all elements in a row.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.partition([3.0, 1.0, 2.0, 0.0], 1)
    tensor([0., 1., 3., 2.])
    """
    places = argpartition.op.forward(x, kth=kth, axis=axis)
    x, axis = in_a_row(x, axis)
    return np.take_along_axis(x, places, axis)
