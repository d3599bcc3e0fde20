"""Reductions over axes: sum, mean, max, and the logarithm of a sum of exponentials."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.kernels.sums import add_up
from graphgrad.ops.array.elementwise import exp, log
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import normalize_axes, reduced

__all__ = ["amax", "amin", "logsumexp", "max", "mean", "min", "sum"]

Axis = int | Sequence[int] | None


def reduce_with(ufunc: Any) -> Any:
    """The bare reduction by a ufunc, untyped: NumPy's stubs know ``keepdims`` as a literal only."""
    return ufunc.reduce


_maximum_reduce = reduce_with(np.maximum)
_minimum_reduce = reduce_with(np.minimum)


def prepare_axis(attrs: dict[str, Any]) -> None:
    """Keep axes as an int or a tuple of ints, as NumPy wants and JSON can hold."""
    axis = attrs["axis"]
    if isinstance(axis, (list, tuple)):
        attrs["axis"] = tuple(map(operator.index, axis))
    elif axis is not None:
        attrs["axis"] = operator.index(axis)


def keep_axes(values: Any, x_shape: tuple[int, ...], axis: Axis, keepdims: bool) -> Any:
    """Give a reduced array its axes back, with length 1, so that it broadcasts against the operand."""
    return values if keepdims else np.reshape(values, reduced(x_shape, axis, True))


def floating(x: Any) -> Any:
    """Integers as floats: they wrap around, and there is no -inf among them to begin a search for the largest with."""
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def roomy(x: Any) -> Any:
    """Floats whose total is finite if their mean is: float16, which ends at 65504, as float32."""
    return x.astype(np.float32) if x.dtype == np.float16 else floating(x)


def refuse_number(x: Any, axis: Axis) -> None:
    """NumPy reduces a single number along axis 0 or -1, which it doesn't have; here that is an error like any other."""
    if axis is not None and not x.ndim:
        normalize_axes(axis, 0)


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(2, 3)))
    yield sample(rng.normal(size=(2, 3)), axis=0)
    yield sample(rng.normal(size=(2, 3)), axis=-1, keepdims=True)
    yield sample(rng.normal(size=(2, 3, 2)), axis=(0, 2))
    yield sample(rng.normal(size=(2, 3, 2)), axis=(-1, 0), keepdims=True)
    yield sample(rng.normal(size=()))
    yield sample(rng.normal(size=(1,)), axis=0)


def _samples_with_empty(rng: np.random.Generator) -> Iterator[Sample]:
    yield from _samples(rng)
    yield sample(rng.normal(size=(0, 3)), axis=1)
    yield sample(rng.normal(size=(0, 3)), axis=0)


BAD_AXIS = (
    ErrorSample((np.zeros((2, 3)),), {"axis": 2}, ShapeError, "axis 2 is out of range"),
    ErrorSample((np.zeros(()),), {"axis": 0, "keepdims": True}, ShapeError, "axis 0 is out of range for 0 axes"),
)
"""What every reduction refuses."""
NO_ELEMENTS = ErrorSample((np.zeros((0, 3)),), {"axis": 0}, ShapeError, "has length 0: among no elements")
"""And what those refuse that need one element at least."""


def reduced_of_some(x: tuple[int, ...], /, axis: Axis = None, keepdims: bool = False, **_: Any) -> tuple[int, ...]:
    """The shape after a reduction that needs one element at least."""
    for i in normalize_axes(axis, len(x)):
        if not x[i]:
            raise ValueError(f"axis {i} of shape {x} has length 0: among no elements there is none to choose")
    return reduced(x, axis, keepdims)


def elements(x: tuple[int, ...], /, **_: Any) -> int:
    """The cost of a reduction that does one thing for each element."""
    return math.prod(x)


@op(
    symbol="Σ",
    x=lambda g, x_shape, axis, keepdims: np.broadcast_to(keep_axes(g, x_shape, axis, keepdims), x_shape),
    linear="together",
    complex="own",
    formula="sum({x}, axis={axis}, keepdims={keepdims})",
    back={"x": "{g}, handed to every element that was added"},
    shape=reduced,
    cost=elements,
    samples=_samples_with_empty,
    errors=BAD_AXIS,
    prepare=prepare_axis,
    covers=("P02.15",),
    numpy=np.sum,
)
def sum(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    Add up the elements, over all axes or some. Every element receives the gradient of its sum.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were added up, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    tensor([4., 6.])
    """
    refuse_number(x, axis)
    return add_up(x, axis, keepdims)


_sum = polymorphic(sum)


def count_of(x_shape: tuple[int, ...], axis: Axis) -> int:
    """How many elements a reduction over `axis` makes one of."""
    return math.prod(x_shape[i] for i in normalize_axes(axis, len(x_shape)))


@op(
    x=lambda g, x_shape, axis, keepdims: np.broadcast_to(
        keep_axes(g / count_of(x_shape, axis), x_shape, axis, keepdims), x_shape
    ),
    linear="together",
    complex="own",
    formula="mean({x}, axis={axis}, keepdims={keepdims})",
    back={"x": "{g} / n, handed to every element that was averaged"},
    shape=reduced,
    cost=elements,
    samples=_samples,
    errors=BAD_AXIS,
    prepare=prepare_axis,
    expand=lambda x, axis, keepdims: sum(x, axis, keepdims) / count_of(x.shape, axis),
    covers=("P04.12", "P04.31"),
    numpy=np.mean,
)
def mean(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    The mean of the elements, over all axes or some; nan of none.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were averaged, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.mean([[1.0, 2.0], [3.0, 4.0]], axis=1)
    tensor([1.5, 3.5])
    """
    result = add_up(roomy(x), axis, keepdims) / count_of(x.shape, axis)
    return result.astype(x.dtype) if x.dtype == np.float16 else result


def shared(g: Any, winners: Any, axis: Axis) -> Any:
    """The gradient of an extreme element, in even parts for all that are it; nan if it is nan, which equals none."""
    ones = winners.astype(g.dtype)
    return ones * (g / _sum(ones, axis=axis, keepdims=True))


def _shared_by_ties(g: Any, x: Any, out: Any, axis: Axis, keepdims: bool) -> Any:
    return shared(keep_axes(g, x.shape, axis, keepdims), x == keep_axes(out, x.shape, axis, keepdims), axis)


@op(
    x=_shared_by_ties,
    formula="max({x}, axis={axis}, keepdims={keepdims})",
    back={"x": "{g} where {x} is largest, in even parts if that is in several places; 0 elsewhere"},
    shape=reduced_of_some,
    cost=elements,
    samples=_samples,
    errors=(*BAD_AXIS, NO_ELEMENTS),
    prepare=prepare_axis,
    covers=("P02.05",),
    numpy=(np.max, np.amax),
)
def max(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    The largest element, over all axes or some. Equal largest elements share the gradient evenly, as in PyTorch's amax.

    Where nan is among the elements, the result is nan, and so is the gradient.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.max([[1.0, 5.0], [3.0, 4.0]], axis=1)
    tensor([5., 4.])
    """
    refuse_number(x, axis)
    return _maximum_reduce(x, axis=axis, keepdims=keepdims)


@op(
    x=_shared_by_ties,
    formula="min({x}, axis={axis}, keepdims={keepdims})",
    back={"x": "{g} where {x} is smallest, in even parts if that is in several places; 0 elsewhere"},
    shape=reduced_of_some,
    cost=elements,
    samples=_samples,
    errors=(*BAD_AXIS, NO_ELEMENTS),
    prepare=prepare_axis,
    expand=lambda x, axis, keepdims: -max(-x, axis, keepdims),
    numpy=(np.min, np.amin),
)
def min(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    The smallest element, over all axes or some. Equal ones share the gradient evenly, as in PyTorch's amin.

    Where nan is among the elements, the result is nan, and so is the gradient.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.min([[1.0, 5.0], [3.0, 4.0]], axis=1)
    tensor([1., 3.])
    """
    refuse_number(x, axis)
    return _minimum_reduce(x, axis=axis, keepdims=keepdims)


@op(
    x=lambda g, x, out, axis, keepdims: (
        keep_axes(g, x.shape, axis, keepdims) * np.exp(x - keep_axes(out, x.shape, axis, keepdims))
    ),
    formula="log(sum(exp({x}), axis={axis}, keepdims={keepdims}))",
    back={"x": "{g} · exp({x} - {out})"},
    shape=reduced,
    cost=lambda x, **_: 3 * math.prod(x),
    samples=lambda rng: [*_samples(rng), sample(rng.normal(size=(0, 3)), axis=1)],
    errors=BAD_AXIS,
    prepare=prepare_axis,
    expand=lambda x, axis, keepdims: log(sum(exp(x), axis, keepdims)),
    covers=("P02.11", "P03.17"),
)
def logsumexp(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    The logarithm of the sum of exponentials, without overflow: the largest element is taken out first. -inf of none.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.logsumexp([1000.0, 1000.0])
    tensor(1000.6932)
    """
    refuse_number(x, axis)
    x = floating(x)
    largest = _maximum_reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    # Taking out an infinite element would leave inf - inf.
    shift = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore"):
        total = np.log(add_up(np.exp(x - shift), axis, True)) + shift
    return total if keepdims else np.reshape(total, reduced(x.shape, axis, False))


# NumPy's other names, and PyTorch's for those that share the gradient among equal elements.
amax, amin = max, min
