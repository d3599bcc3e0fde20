"""Quantiles: values below which a given part of the elements lies. They are interpolated between sorted elements."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.aggregates import reduction_samples
from graphgrad.ops.array.arithmetic import abs as absolute
from graphgrad.ops.array.arithmetic import add, multiply, not_equal, subtract
from graphgrad.ops.array.joining import stack
from graphgrad.ops.array.lines import to_lines
from graphgrad.ops.array.logic import isnan, logical_not
from graphgrad.ops.array.reductions import BAD_AXIS, NO_ELEMENTS, Axis, floating, prepare_axis, reduced_of_some
from graphgrad.ops.array.reductions import sum as sum_of
from graphgrad.ops.array.rounding import ceil, floor
from graphgrad.ops.array.rounding import round as rounded
from graphgrad.ops.array.selection import maximum, where
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.array.sorting import comparisons, sort
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import reduced

__all__ = ["median", "nanmedian", "nanquantile", "quantile"]

Shape = tuple[int, ...]
METHODS = ("linear", "lower", "higher", "nearest", "midpoint")


def _quantiles(
    x: Shape, /, q: float | tuple[float, ...], axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Shape:
    shape = reduced_of_some(x, axis, keepdims)
    return (len(q), *shape) if isinstance(q, tuple) else shape


def _prepare(attrs: dict[str, Any]) -> None:
    prepare_axis(attrs)
    if isinstance(attrs["q"], Tensor):
        return  # refused with a hint: no gradient would reach it
    q = np.asarray(attrs["q"])
    if q.dtype.kind not in "fiu" or q.ndim > 1 or not q.size:
        raise TypeError(f"q is a number from 0 to 1, or several in a row, got {attrs['q']!r:.40}")
    if not ((q >= 0) & (q <= 1)).all():
        raise ValueError(f"q goes from 0 to 1, got {attrs['q']!r:.40}")
    attrs["q"] = tuple(map(float, q)) if q.ndim else float(q)
    if attrs["method"] not in METHODS:
        raise ValueError(f"method is one of {', '.join(METHODS)}, got {attrs['method']!r:.40}")


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    for q, method in zip((0.3, 0.6, 0.5, 0.45, 0.9), METHODS, strict=True):
        yield sample(rng.normal(size=(2, 4)), q=q, axis=1, method=method)
    yield sample(rng.normal(size=(2, 3)), q=(0.0, 0.25, 1.0), axis=0, keepdims=True)
    yield sample(rng.normal(size=(2, 3, 2)), q=0.7, axis=(0, -1))
    yield sample(rng.normal(size=()), q=(0.5,))


_BAD = (
    *(ErrorSample(one.operands, {**one.attrs, "q": 0.5}, one.error, one.says) for one in (*BAD_AXIS, NO_ELEMENTS)),
    ErrorSample((np.zeros(3),), {"q": 1.5}, ArgumentError, "q goes from 0 to 1, got 1.5"),
    ErrorSample((np.zeros(3),), {"q": [[0.5]]}, DTypeError, "q is a number from 0 to 1, or several in a row"),
    ErrorSample((np.zeros(3),), {"q": 0.5, "method": "hazen"}, ArgumentError, "method is one of linear, lower"),
)

_QUANTILE: dict[str, Any] = {
    "shape": _quantiles,
    "cost": comparisons,
    "samples": _samples,
    "errors": _BAD,
    "prepare": _prepare,
}
_MEDIAN: dict[str, Any] = {
    "shape": reduced_of_some,
    "cost": comparisons,
    "samples": lambda rng: [*reduction_samples()(rng), sample(rng.normal(size=(2, 5)), axis=1)],
    "errors": (*BAD_AXIS, NO_ELEMENTS),
    "prepare": prepare_axis,
}


# ---- of all elements -------------------------------------------------------------------------------------------------


def _between(lines: Any, q: float, method: str) -> Any:
    """The quantile of sorted lines, between two neighbours; one of them, in its own dtype, if `method` chooses one."""
    if method in ("linear", "midpoint"):
        lines = floating(lines)
    place = (lines.shape[-1] - 1) * q
    low, high = math.floor(place), math.ceil(place)
    match method:
        case "lower":
            high = low
        case "higher":
            low = high
        case "nearest":
            low = high = round(place)
    below = lines[..., low]
    if low == high:
        return below
    weight = 0.5 if method == "midpoint" else place - low
    return add(below, multiply(subtract(lines[..., high], below), weight))


def _nan_if_any(result: Any, lines: Any) -> Any:
    """A result, but nan where a line holds one: sorted, that is the last element."""
    if lines.dtype.kind != "f":
        return result
    last = lines[..., -1]
    return where(not_equal(last, last), last, result)


@composite(
    formula="quantile({x}, {q}, {axis}, {method}, {keepdims})",
    back={"x": "{g} at the elements that the quantile lies between, by how near they are"},
    numpy=np.quantile,
    **_QUANTILE,
)
def quantile(
    x: Array, q: float | Sequence[float], axis: Axis = None, *, method: str = "linear", keepdims: bool = False
) -> Any:
    """
    The value below which the part `q` of the elements lies, over all axes or some. Gradients go to its neighbours.

    Where nan is among the elements, the result is nan. Of equal elements, those receive gradients that a stable sort
    puts there.

    Parameters
    ----------
    q
        From 0, the smallest, to 1, the largest. Several make a first axis of the result.
    axis
        An axis or several, counted from the end if negative; None for all.
    method
        What to take between two elements: ``"linear"`` goes from one to the other in proportion, ``"lower"``,
        ``"higher"`` and ``"nearest"`` (of two equally near ones that with the even number) choose one of them,
        ``"midpoint"`` takes their mean.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.quantile([1.0, 2.0, 3.0, 5.0], 0.9)
    tensor(4.4)
    """
    reduced_of_some(x.shape, axis)
    lines = sort(to_lines(x, axis))
    return _each(q, lambda one: _nan_if_any(_between(lines, one, method), lines), reduced(x.shape, axis, keepdims))


def _each(q: float | Sequence[float], of_one: Callable[[float], Any], shape: Shape) -> Any:
    """A quantile in its shape; several along a first axis."""
    if isinstance(q, Sequence):
        return reshape(stack(list(map(of_one, q))), (len(q), *shape))
    return reshape(of_one(q), shape)


@composite(
    formula="median({x}, axis={axis}, keepdims={keepdims})",
    back={"x": "{g} at the middle element, half of it at each if there are two"},
    numpy=np.median,
    **_MEDIAN,
)
def median(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    The element in the middle, over all axes or some; the mean of two if they are in the middle.

    Where nan is among the elements, the result is nan. (PyTorch's function of this name takes the lower of two.)

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.median([[1.0, 9.0, 2.0], [4.0, 3.0, 8.0]], axis=1)
    tensor([2., 4.])
    """
    reduced_of_some(x.shape, axis)
    lines = floating(sort(to_lines(x, axis)))
    n = lines.shape[-1]
    middle = multiply(add(lines[..., (n - 1) // 2], lines[..., n // 2]), 0.5)
    return reshape(_nan_if_any(middle, lines), reduced(x.shape, axis, keepdims))


# ---- of those that aren't nan ----------------------------------------------------------------------------------------


def _known_quantile(lines: Any, q: float, method: str) -> Any:
    """The quantile of the elements that aren't nan, which come first in sorted lines: a sum with two weights."""
    if lines.dtype.kind != "f":
        return _between(lines, q, method)
    known = logical_not(isnan(lines))
    count = sum_of(known, -1, True)
    place = multiply(subtract(count, 1), q)
    match method:
        case "lower":
            place = floor(place)
        case "higher":
            place = ceil(place)
        case "nearest":
            place = rounded(place)
        case "midpoint":
            place = multiply(add(floor(place), ceil(place)), 0.5)
    weights = maximum(subtract(1.0, absolute(subtract(np.arange(float(lines.shape[-1])), place))), 0.0)
    weights = weights.astype(lines.dtype)
    # What has no weight may be infinite or nan, and must not be multiplied with 0.
    total = sum_of(multiply(where(weights > 0, lines, 0.0), weights), -1)
    return where(count[..., 0] > 0, total, math.nan)


@composite(
    formula="nanquantile({x}, {q}, {axis}, {method}, {keepdims})",
    back={"x": "{g} at the elements that the quantile lies between, by how near they are"},
    numpy=np.nanquantile,
    **_QUANTILE,
)
def nanquantile(
    x: Array, q: float | Sequence[float], axis: Axis = None, *, method: str = "linear", keepdims: bool = False
) -> Any:
    """
    The quantile of the elements that aren't nan, over all axes or some; nan if all are.

    Parameters
    ----------
    q
        From 0, the smallest, to 1, the largest. Several make a first axis of the result.
    axis
        An axis or several, counted from the end if negative; None for all.
    method
        What to take between two elements; see `quantile`.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nanquantile([1.0, float("nan"), 3.0, 4.0], 0.25)
    tensor(2.)
    """
    reduced_of_some(x.shape, axis)
    lines = sort(to_lines(x, axis))
    return _each(q, lambda one: _known_quantile(lines, one, method), reduced(x.shape, axis, keepdims))


@composite(
    formula="nanmedian({x}, axis={axis}, keepdims={keepdims})",
    back={"x": "{g} at the middle element, half of it at each if there are two"},
    numpy=np.nanmedian,
    **_MEDIAN,
)
def nanmedian(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    The median of the elements that aren't nan, over all axes or some; nan if all are.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nanmedian([1.0, float("nan"), 3.0, 4.0])
    tensor(3.)
    """
    reduced_of_some(x.shape, axis)
    return reshape(_known_quantile(sort(to_lines(x, axis)), 0.5, "linear"), reduced(x.shape, axis, keepdims))
