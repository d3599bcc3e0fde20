"""Questions about elements: whether, how many, where. Their answers are bools and integers, which pass no gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.gathering import prepare_axis_or_none
from graphgrad.ops.array.reductions import (
    BAD_AXIS,
    NO_ELEMENTS,
    Axis,
    elements,
    prepare_axis,
    reduce_with,
    reduced_of_some,
    refuse_number,
)
from graphgrad.ops.attributes import keep_flags
from graphgrad.ops.declare import Array, op
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import reduced

__all__ = ["all", "any", "argmax", "argmin", "count_nonzero", "digitize", "searchsorted"]

Shape = tuple[int, ...]

_and_reduce = reduce_with(np.logical_and)
_or_reduce = reduce_with(np.logical_or)


def _truths(rng: np.random.Generator) -> Iterator[Sample]:
    """Bools, and numbers of which zero means no."""
    yield sample(rng.random((2, 3)) > 0.5)
    yield sample(rng.integers(0, 2, (3, 2)) * rng.normal(size=(3, 2)), axis=0)
    yield sample(rng.integers(0, 2, (2, 3, 2)), axis=(-1, 0), keepdims=True)
    yield sample(np.array(1.5))
    yield sample(np.zeros((0, 2)), axis=0)


_TRUTH: dict[str, Any] = {
    "shape": reduced,
    "cost": elements,
    "samples": _truths,
    "errors": BAD_AXIS,
    "prepare": prepare_axis,
}


@op(symbol="∀", formula="all({x}, axis={axis}, keepdims={keepdims})", numpy=np.all, **_TRUTH)
def all(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    Whether all elements hold, over all axes or some; nonzero means yes. No gradient passes: the result is a bool.

    Of no elements all hold, and nan is not zero.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.all([[True, True], [True, False]], axis=1)
    tensor([ True, False])
    """
    refuse_number(x, axis)
    return _and_reduce(x, axis=axis, keepdims=keepdims)


@op(symbol="∃", formula="any({x}, axis={axis}, keepdims={keepdims})", numpy=np.any, **_TRUTH)
def any(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    Whether any element holds, over all axes or some; nonzero means yes. No gradient passes: the result is a bool.

    Of no elements none holds, and nan is not zero.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.any([[True, False], [False, False]], axis=1)
    tensor([ True, False])
    """
    refuse_number(x, axis)
    return _or_reduce(x, axis=axis, keepdims=keepdims)


@op(
    symbol="#",
    formula="count_nonzero({x}, axis={axis}, keepdims={keepdims})",
    covers=("P24.01",),
    numpy=np.count_nonzero,
    **_TRUTH,
)
def count_nonzero(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    How many elements aren't zero, over all axes or some. No gradient passes: a count is an integer, it only jumps.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.count_nonzero([[0.0, 1.0], [2.0, 3.0]], axis=1)
    tensor([1, 2])
    """
    refuse_number(x, axis)
    return np.count_nonzero(x, axis=axis, keepdims=keepdims)


# ---- where the largest is --------------------------------------------------------------------------------------------


def _places(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(2, 3)))
    yield sample(rng.normal(size=(3, 2)), axis=0)
    yield sample(rng.integers(0, 3, (2, 3, 2)), axis=-1, keepdims=True)
    yield sample(rng.normal(size=()))


_PLACE: dict[str, Any] = {
    "shape": reduced_of_some,
    "cost": elements,
    "samples": _places,
    "errors": (
        *BAD_AXIS,
        NO_ELEMENTS,
        ErrorSample((np.zeros((2, 3)),), {"axis": (0, 1)}, DTypeError, "an integer, got (0, 1)"),
    ),
    "prepare": prepare_axis_or_none,
}


@op(formula="argmax({x}, axis={axis}, keepdims={keepdims})", covers=("P13.01",), numpy=np.argmax, **_PLACE)
def argmax(x: Array, axis: int | None = None, keepdims: bool = False) -> Any:
    """
    Where the largest element is. No gradient passes: a place is an integer, it stays or jumps; `softmax` is smooth.

    Of equal ones the first is named, and nan counts as larger than any number.

    Parameters
    ----------
    axis
        The axis to look along, counted from the end if negative; None for all elements in a row.
    keepdims
        Keep the axis, or all of them, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.argmax([[1.0, 5.0], [7.0, 4.0]], axis=1)
    tensor([1, 0])
    """
    refuse_number(x, axis)
    return np.argmax(x, axis=axis, keepdims=keepdims)


@op(formula="argmin({x}, axis={axis}, keepdims={keepdims})", covers=("P21.03",), numpy=np.argmin, **_PLACE)
def argmin(x: Array, axis: int | None = None, keepdims: bool = False) -> Any:
    """
    Where the smallest element is. No gradient passes: a place is an integer, it stays or jumps; `softmin` is smooth.

    Of equal ones the first is named, and nan counts as smaller than any number.

    Parameters
    ----------
    axis
        The axis to look along, counted from the end if negative; None for all elements in a row.
    keepdims
        Keep the axis, or all of them, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.argmin([[1.0, 5.0], [7.0, 4.0]], axis=1)
    tensor([0, 1])
    """
    refuse_number(x, axis)
    return np.argmin(x, axis=axis, keepdims=keepdims)


# ---- where a value belongs -------------------------------------------------------------------------------------------


def _line(name: str, shape: Shape) -> int:
    if len(shape) != 1:
        raise ValueError(f"{name} has one axis, got shape {shape}")
    return shape[0]


def _searched(a: Shape, v: Shape, /, **_: Any) -> Shape:
    _line("a", a)
    return v


def _steps(a: Shape, v: Shape, /, **_: Any) -> int:
    return math.prod(v) * max(_line("a", a), 1).bit_length()


def _prepare_side(attrs: dict[str, Any]) -> None:
    if attrs["side"] not in ("left", "right"):
        raise ValueError(f"side is 'left' or 'right', got {attrs['side']!r}")


@op(
    formula="searchsorted({a}, {v}, {side})",
    shape=_searched,
    cost=_steps,
    samples=lambda rng: [
        sample(np.sort(rng.normal(size=5)), rng.normal(size=(2, 3))),
        sample(np.array([1, 2, 2, 3]), np.array([2, 0, 4]), side="right"),
        sample(np.array([1.0, 2.0, 2.0, 3.0]), np.array(2.0)),
        sample(np.zeros(0), rng.normal(size=2)),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros(2)), {}, ShapeError, "a has one axis, got shape (2, 3)"),
        ErrorSample((np.array([2.0, 1.0]), np.zeros(2)), {}, ArgumentError, "a must not descend, but a[1] < a[0]"),
        ErrorSample((np.zeros(2), np.zeros(2)), {"side": "top"}, ArgumentError, "side is 'left' or 'right'"),
    ),
    prepare=_prepare_side,
    numpy=np.searchsorted,
)
def searchsorted(a: Array, v: Array, side: str = "left") -> Any:
    """
    Where each value belongs among sorted ones. No gradient passes: a place is an integer, it stays or jumps.

    Parameters
    ----------
    a
        One axis of values that don't descend.
    v
        The values to be put among them.
    side
        Whether the place is left or right of those that are equal.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.searchsorted([1.0, 2.0, 3.0], [2.0, 2.5])
    tensor([1, 2])
    """
    a, v = np.asarray(a), np.asarray(v)
    _line("a", a.shape)
    descends = np.flatnonzero(a[1:] < a[:-1])
    if descends.size:
        i = int(descends[0])
        raise ValueError(f"a must not descend, but a[{i + 1}] < a[{i}]")
    return np.searchsorted(a, v, "right" if side == "right" else "left")


def _binned(x: Shape, bins: Shape, /, **_: Any) -> Shape:
    _line("bins", bins)
    return x


@op(
    formula="digitize({x}, {bins}, {right})",
    shape=_binned,
    cost=lambda x, bins, **_: _steps(bins, x),
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3)), np.array([-1.0, 0.0, 1.0])),
        sample(np.array([0.0, 1.0, 2.0]), np.array([2.0, 1.0, 0.0]), right=True),
        sample(rng.normal(size=()), np.array([0.0])),
    ],
    errors=(
        ErrorSample((np.zeros(3), np.zeros((2, 2))), {}, ShapeError, "bins has one axis, got shape (2, 2)"),
        ErrorSample((np.zeros(3), np.array([0.0, 2.0, 1.0])), {}, ArgumentError, "monotonically increasing"),
        ErrorSample((np.zeros(3), np.zeros(2)), {"right": "no"}, DTypeError, "right is True or False"),
    ),
    prepare=lambda attrs: keep_flags(attrs, "right"),
    numpy=np.digitize,
)
def digitize(x: Array, bins: Array, right: bool = False) -> Any:
    """
    Which bin each element falls into. No gradient passes: the number of a bin is an integer, it stays or jumps.

    Parameters
    ----------
    bins
        One axis of edges, ascending or descending. Below the first edge is bin 0.
    right
        Whether a bin holds its right edge; otherwise it holds its left one.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.digitize([-0.5, 0.5, 7.0], [0.0, 1.0, 2.0])
    tensor([0, 1, 3])
    """
    _line("bins", np.shape(bins))
    return np.digitize(x, bins, right)
