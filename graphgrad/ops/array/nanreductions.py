"""Reductions that leave out what is nan, as missing values often are marked. What is left out gets a gradient of 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.ops.array.aggregates import prod, reduction_samples
from graphgrad.ops.array.arithmetic import divide, square, subtract
from graphgrad.ops.array.arithmetic import sqrt as square_root
from graphgrad.ops.array.cumulative import BAD_ONE_AXIS, cumprod, cumsum, running_samples, same_or_flat
from graphgrad.ops.array.gathering import prepare_axis_or_none
from graphgrad.ops.array.logic import isnan, logical_not
from graphgrad.ops.array.reductions import BAD_AXIS, NO_ELEMENTS, Axis, elements, mean, prepare_axis, reduced_of_some
from graphgrad.ops.array.reductions import max as max_of
from graphgrad.ops.array.reductions import min as min_of
from graphgrad.ops.array.reductions import sum as sum_of
from graphgrad.ops.array.searching import all as all_of
from graphgrad.ops.array.selection import where
from graphgrad.ops.array.statistics import BAD_CORRECTION, prepare_variance, variance_samples
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array
from graphgrad.ops.shapes import normalize_axes, reduced

__all__ = [
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
]


_REDUCTION: dict[str, Any] = {
    "shape": reduced,
    "cost": elements,
    "samples": lambda rng: [*reduction_samples()(rng)][:3],
    "errors": BAD_AXIS,
    "prepare": prepare_axis,
}
_OF_SOME: dict[str, Any] = {**_REDUCTION, "shape": reduced_of_some, "errors": (*BAD_AXIS, NO_ELEMENTS)}


def _known(x: Any, instead: float) -> Any:
    """The elements, with a number in place of each nan; among integers there is none."""
    return where(isnan(x), instead, x) if x.dtype.kind == "f" else x


def _checked(x: Any, axis: Axis) -> Axis:
    """An axis that was looked at, so that it is this operation that refuses it, not one of its expansion."""
    normalize_axes(axis, x.ndim)
    return axis


def _count(unknown: Any, axis: Axis, keepdims: bool, x: Any) -> Any:
    """How many elements are known, as floats of the operand's dtype: divided by, they leave float32 what it is."""
    counts = sum_of(logical_not(unknown), axis, keepdims)
    return counts.astype(x.dtype) if x.dtype.kind == "f" else counts


@composite(
    formula="nansum({x}, axis={axis}, keepdims={keepdims})",
    back={"x": "{g}, handed to every element that was added, 0 where {x} is nan"},
    numpy=np.nansum,
    **_REDUCTION,
)
def nansum(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    Add up the elements that aren't nan, over all axes or some; 0 of none.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nansum([1.0, float("nan"), 3.0])
    tensor(4.)
    """
    return sum_of(_known(x, 0.0), _checked(x, axis), keepdims)


@composite(
    formula="nanprod({x}, axis={axis}, keepdims={keepdims})",
    back={"x": "{g} times the product of all other elements that aren't nan, 0 where {x} is nan"},
    numpy=np.nanprod,
    **_REDUCTION,
)
def nanprod(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    Multiply the elements that aren't nan, over all axes or some; 1 of none.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nanprod([2.0, float("nan"), 3.0])
    tensor(6.)
    """
    return prod(_known(x, 1.0), _checked(x, axis), keepdims)


@composite(
    formula="nanmean({x}, axis={axis}, keepdims={keepdims})",
    back={"x": "{g} / n, handed to each of the n elements that aren't nan"},
    numpy=np.nanmean,
    **_REDUCTION,
)
def nanmean(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    The mean of the elements that aren't nan, over all axes or some; nan of none.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nanmean([1.0, float("nan"), 3.0])
    tensor(2.)
    """
    if x.dtype.kind != "f":
        return mean(x, _checked(x, axis), keepdims)
    unknown = isnan(x)
    total = sum_of(where(unknown, 0.0, x), _checked(x, axis), keepdims)
    return divide(total, _count(unknown, axis, keepdims, x))


def _extreme(of: Any, x: Any, instead: float, axis: Axis, keepdims: bool) -> Any:
    if x.dtype.kind != "f":
        return of(x, axis, keepdims)
    unknown = isnan(x)
    return where(all_of(unknown, axis, keepdims), math.nan, of(where(unknown, instead, x), axis, keepdims))


@composite(
    formula="nanmax({x}, axis={axis}, keepdims={keepdims})",
    back={"x": "{g} where {x} is largest, in even parts if that is in several places; 0 elsewhere"},
    numpy=np.nanmax,
    **_OF_SOME,
)
def nanmax(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    The largest element that isn't nan, over all axes or some; nan if all are. Equal ones share the gradient evenly.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nanmax([1.0, float("nan"), 3.0])
    tensor(3.)
    """
    reduced_of_some(x.shape, axis)
    return _extreme(max_of, x, -math.inf, axis, keepdims)


@composite(
    formula="nanmin({x}, axis={axis}, keepdims={keepdims})",
    back={"x": "{g} where {x} is smallest, in even parts if that is in several places; 0 elsewhere"},
    numpy=np.nanmin,
    **_OF_SOME,
)
def nanmin(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    The smallest element that isn't nan, over all axes or some; nan if all are. Equal ones share the gradient evenly.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nanmin([1.0, float("nan"), 3.0])
    tensor(1.)
    """
    reduced_of_some(x.shape, axis)
    return _extreme(min_of, x, math.inf, axis, keepdims)


# ---- variances -------------------------------------------------------------------------------------------------------


def _variance(x: Any, axis: Axis, correction: float, keepdims: bool) -> Any:
    unknown = isnan(x)
    count = _count(unknown, _checked(x, axis), True, x)
    middle = divide(sum_of(where(unknown, 0.0, x), axis, True), count)
    # The difference is nan where x is, so it is chosen from before it is squared.
    squares = sum_of(square(where(unknown, 0.0, subtract(x, middle))), axis, True)
    found = divide(squares, where(count > max(correction, 0.0), subtract(count, correction), math.nan))
    return found if keepdims else found.reshape(reduced(x.shape, axis))


_VARIANCE: dict[str, Any] = {
    **_REDUCTION,
    "cost": lambda x, **_: 5 * math.prod(x),
    "samples": lambda rng: [*variance_samples(rng)][:3],
    "errors": (*BAD_AXIS, BAD_CORRECTION),
    "prepare": prepare_variance,
}


@composite(
    formula="nanvar({x}, axis={axis}, correction={correction}, keepdims={keepdims})",
    back={"x": "{g} · 2 · ({x} - mean) / (n - correction), 0 where {x} is nan"},
    numpy=np.nanvar,
    **_VARIANCE,
)
def nanvar(x: Array, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False) -> Any:
    """
    The variance of the elements that aren't nan, over all axes or some; nan of no more of them than `correction`.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    correction
        What is taken off the number of elements before dividing by it; see `var`.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nanvar([1.0, float("nan"), 3.0])
    tensor(1.)
    """
    return _variance(x, axis, correction, keepdims)


@composite(
    formula="nanstd({x}, axis={axis}, correction={correction}, keepdims={keepdims})",
    back={"x": "{g} · ({x} - mean) / ((n - correction) · {out}), 0 where {x} is nan"},
    numpy=np.nanstd,
    **_VARIANCE,
)
def nanstd(x: Array, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False) -> Any:
    """
    The standard deviation of the elements that aren't nan; nan of no more of them than `correction`.

    Where all of them are equal it has a kink, and the gradient there is 0.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    correction
        What is taken off the number of elements before dividing by it; see `var`.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nanstd([1.0, float("nan"), 3.0])
    tensor(1.)
    """
    variance = _variance(x, axis, correction, keepdims)
    # The square root is infinitely steep at 0; what isn't chosen there must not be its argument.
    flat = variance == 0.0
    return where(flat, 0.0 * variance, square_root(where(flat, 1.0, variance)))


# ---- running totals --------------------------------------------------------------------------------------------------


_RUNNING: dict[str, Any] = {
    "shape": same_or_flat,
    "cost": lambda x, **_: math.prod(x),
    "samples": lambda rng: [*running_samples()(rng)][:3],
    "errors": BAD_ONE_AXIS,
    "prepare": prepare_axis_or_none,
}


@composite(
    formula="nancumsum({x}, axis={axis})",
    back={"x": "{g}, added up from the end, 0 where {x} is nan"},
    numpy=np.nancumsum,
    **_RUNNING,
)
def nancumsum(x: Array, axis: int | None = None) -> Any:
    """
    Running sums along an axis in which nan counts as 0.

    Parameters
    ----------
    axis
        The axis, counted from the end if negative; None for all elements in a row.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nancumsum([1.0, float("nan"), 3.0])
    tensor([1., 1., 4.])
    """
    same_or_flat(x.shape, axis)
    return cumsum(_known(x, 0.0), axis)


@composite(
    formula="nancumprod({x}, axis={axis})",
    back={"x": "{g} times all other factors of each product that it is in, added up; 0 where {x} is nan"},
    numpy=np.nancumprod,
    **_RUNNING,
)
def nancumprod(x: Array, axis: int | None = None) -> Any:
    """
    Running products along an axis in which nan counts as 1.

    Parameters
    ----------
    axis
        The axis, counted from the end if negative; None for all elements in a row.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nancumprod([2.0, float("nan"), 3.0])
    tensor([2., 2., 6.])
    """
    same_or_flat(x.shape, axis)
    return cumprod(_known(x, 1.0), axis)
