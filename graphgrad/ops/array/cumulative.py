"""Running totals along an axis, and what undoes them: differences; and the trapezoidal rule, which needs both."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.arithmetic import add, multiply
from graphgrad.ops.array.elementary import logaddexp
from graphgrad.ops.array.gathering import prepare_axis_or_none
from graphgrad.ops.array.joining import concat, stack
from graphgrad.ops.array.lines import from_lines, to_lines
from graphgrad.ops.array.reductions import floating
from graphgrad.ops.array.reductions import sum as sum_of
from graphgrad.ops.array.shaping import identity, reshape
from graphgrad.ops.array.splitting import unbind
from graphgrad.ops.attributes import keep_integers, keep_numbers
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import array, sample
from graphgrad.ops.shapes import one_axis, prepare_one_axis

__all__ = [
    "cumprod",
    "cumsum",
    "cumulative_trapezoid",
    "diff",
    "ediff1d",
    "logcumsumexp",
    "trapezoid",
]

Shape = tuple[int, ...]


# ---- running totals --------------------------------------------------------------------------------------------------


def same_or_flat(x: Shape, /, axis: int | None = None, **_: Any) -> Shape:
    """The shape of a result with a place for every element: the operand's own, or one axis if `axis` is None."""
    if axis is None:
        return (math.prod(x),)
    one_axis(axis, len(x))
    return x


def in_a_row(x: Any, axis: int | None) -> tuple[Any, int]:
    """The array to go along and the axis in it; an axis of None means all elements in a row."""
    return (np.reshape(x, (-1,)), 0) if axis is None else (x, one_axis(axis, x.ndim))


def running_samples(low: float = -2.0) -> Callable[[np.random.Generator], Iterator[Sample]]:
    """Samples for operations that go along an axis."""

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield sample(array(rng, 2, 3, low=low))
        yield sample(array(rng, 2, 5, low=low), axis=1)
        yield sample(array(rng, 3, 1, 2, low=low), axis=-3)
        yield sample(array(rng, low=low))
        yield sample(array(rng, 0, 2, low=low), axis=0)

    return samples


BAD_ONE_AXIS = (
    ErrorSample((np.zeros((2, 3)),), {"axis": 2}, ShapeError, "axis 2 is out of range for 2 axes"),
    ErrorSample((np.zeros(()),), {"axis": 0}, ShapeError, "axis 0 is out of range for 0 axes"),
)
"""What every operation refuses that goes along an axis."""


def _one_by_one(step: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """The expansion of a running total: each element with the total before it."""

    def expand(x: Any, axis: int | None) -> Any:
        if axis is None:
            x, axis = reshape(x, (-1,)), 0
        if not x.shape[axis]:
            return identity(x)
        totals: list[Any] = []
        for element in unbind(x, axis):
            totals.append(step(totals[-1], element) if totals else element)
        return stack(totals, axis)

    return expand


def _from_the_end(g: Any) -> Any:
    """Running totals of lines, begun at their ends."""
    return np.cumsum(g[..., ::-1], -1)[..., ::-1]


@op(
    symbol="Σ",
    x=lambda g, x_shape, axis: from_lines(_from_the_end(to_lines(g, axis)), x_shape, axis),
    linear="together",
    formula="cumsum({x}, axis={axis})",
    back={"x": "{g}, added up from the end"},
    shape=same_or_flat,
    cost=lambda x, **_: math.prod(x),
    samples=running_samples(),
    errors=BAD_ONE_AXIS,
    prepare=prepare_axis_or_none,
    expand=_one_by_one(add),
    numpy=(np.cumsum, np.cumulative_sum),
)
def cumsum(x: Array, axis: int | None = None) -> Any:
    """
    Running sums along an axis: each element with all before it. The gradient is a running sum too, from the end.

    Parameters
    ----------
    axis
        The axis, counted from the end if negative; None for all elements in a row.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.cumsum([1.0, 2.0, 3.0])
    tensor([1., 3., 6.])
    """
    x, axis = in_a_row(x, axis)
    return np.cumsum(x, axis)


def _recurrence(a: Any, b: Any) -> Any:
    """Lines r with r[i] = b[i] + a[i] · r[i+1], where the last a is 0.

    In doubling steps instead of one by one, and without a division, so that zeros do no harm.
    """
    step = 1
    while step < b.shape[-1]:
        b = np.concatenate([b[..., :-step] + a[..., :-step] * b[..., step:], b[..., -step:]], -1)
        a = np.concatenate([a[..., :-step] * a[..., step:], a[..., -step:]], -1)
        step *= 2
    return b


def _cumprod_x(g: Any, x: Any, out: Any, axis: int | None) -> Any:
    """Element i gets out[i-1] · r[i], where r[i] = g[i] + x[i+1] · r[i+1] gathers what comes after it."""
    if not x.size:
        return np.reshape(g, x.shape)
    g, factors, products = to_lines(g, axis), to_lines(x, axis), to_lines(out, axis)
    one, zero = np.ones((*g.shape[:-1], 1), x.dtype), np.zeros((*g.shape[:-1], 1), x.dtype)
    before = np.concatenate([one, products[..., :-1]], -1)
    gathered = _recurrence(np.concatenate([factors[..., 1:], zero], -1), g)
    return from_lines(before * gathered, x.shape, axis)


@op(
    symbol="Π",
    x=_cumprod_x,
    formula="cumprod({x}, axis={axis})",
    back={"x": "{g} times all other factors of each product that it is in, added up"},
    shape=same_or_flat,
    cost=lambda x, **_: math.prod(x),
    samples=lambda rng: [*running_samples(0.3)(rng), sample(np.array([2.0, 0.0, 3.0, 0.0, 0.5]), axis=0)],
    errors=BAD_ONE_AXIS,
    prepare=prepare_axis_or_none,
    expand=_one_by_one(multiply),
    numpy=(np.cumprod, np.cumulative_prod),
)
def cumprod(x: Array, axis: int | None = None) -> Any:
    """
    Running products along an axis: each element with all before it. Zeros among them get their exact gradient too.

    Parameters
    ----------
    axis
        The axis, counted from the end if negative; None for all elements in a row.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.cumprod([1.0, 2.0, 3.0])
    tensor([1., 2., 6.])
    """
    x, axis = in_a_row(x, axis)
    return np.cumprod(x, axis)


def _logcumsumexp_x(g: Any, x: Any, out: Any, axis: int | None) -> Any:
    """Element i gets exp(x[i] - out[i]) · r[i], where r[i] = g[i] + exp(out[i] - out[i+1]) · r[i+1].

    Totals only grow, so both exponentials are at most 1.
    """
    if not x.size:
        return np.reshape(g, x.shape)
    g, values, totals = to_lines(g, axis), to_lines(x, axis), to_lines(out, axis)
    before, after = totals[..., :-1], totals[..., 1:]
    # Two infinite totals are equal, where their difference would be nan.
    shrink = np.exp(np.where(before == after, 0.0, before - after))
    zero = np.zeros((*g.shape[:-1], 1), x.dtype)
    gathered = _recurrence(np.concatenate([shrink, zero], -1), g)
    return from_lines(np.exp(values - totals) * gathered, x.shape, axis)


@op(
    x=_logcumsumexp_x,
    formula="log(cumsum(exp({x}), axis={axis}))",
    back={"x": "{g} times its share of each sum that it is in, added up"},
    shape=same_or_flat,
    cost=lambda x, **_: 4 * math.prod(x),
    samples=running_samples(),
    errors=BAD_ONE_AXIS,
    prepare=prepare_axis_or_none,
    expand=_one_by_one(logaddexp),
)
def logcumsumexp(x: Array, axis: int | None = None) -> Any:
    """
    The logarithms of running sums of exponentials along an axis, without overflow.

    Parameters
    ----------
    axis
        The axis, counted from the end if negative; None for all elements in a row.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.logcumsumexp([1000.0, 1000.0])
    tensor([1000.    , 1000.6932])
    """
    x, axis = in_a_row(floating(x), axis)
    return np.logaddexp.accumulate(x, axis)


# ---- differences -----------------------------------------------------------------------------------------------------


def _differences(x: Shape, /, n: int = 1, axis: int = -1) -> Shape:
    at = one_axis(axis, len(x))
    return (*x[:at], max(x[at] - n, 0), *x[at + 1 :])


def _diff_x(g: Any, x_shape: Shape, n: int, axis: int) -> Any:
    """The adjoint: g with n zeros on either side, its differences, and the sign of (-1)ⁿ."""
    at = one_axis(axis, len(x_shape))
    n = min(n, x_shape[at])
    zeros = [
        np.zeros((*x_shape[:at], length, *x_shape[at + 1 :]), g.dtype) for length in (x_shape[at] - g.shape[at], n)
    ]
    widened = np.concatenate([zeros[0], g, zeros[1]], at)
    result = _diff(widened, n=n, axis=at)
    return -result if n % 2 else result


def _prepare_diff(attrs: dict[str, Any]) -> None:
    prepare_one_axis(attrs)
    keep_integers(attrs, "n", least=0)


@op(
    symbol="Δ",
    x=_diff_x,
    linear="together",
    formula="diff({x}, {n}, {axis})",
    back={"x": "the differences of {g} with zeros around it, with their sign turned for odd n"},
    shape=_differences,
    cost=lambda x, n=1, axis=-1: min(n, x[axis]) * math.prod(x),
    samples=lambda rng: [
        sample(rng.normal(size=(2, 4))),
        sample(rng.normal(size=(5, 2)), n=2, axis=0),
        sample(rng.normal(size=(3, 3)), n=4),
        sample(rng.normal(size=(3, 3)), n=0),
        sample(rng.normal(size=(2, 0))),
    ],
    errors=(
        *BAD_ONE_AXIS,
        ErrorSample((np.zeros(3),), {"n": -1}, ArgumentError, "n is an integer from 0, got -1"),
    ),
    prepare=_prepare_diff,
    numpy=np.diff,
)
def diff(x: Array, n: int = 1, axis: int = -1) -> Any:
    """
    The differences of neighbours along an axis, the right one minus the left one; for n > 1 those of the differences.

    To go on beyond the ends, join values with `concat` first.

    Parameters
    ----------
    n
        How often. Each time there is one element less along the axis.
    axis
        The axis, counted from the end if negative.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.diff([1.0, 4.0, 9.0])
    tensor([3., 5.])
    """
    axis = one_axis(axis, x.ndim)
    return np.diff(x, min(n, x.shape[axis]), axis) if n else x.copy()


_diff = polymorphic(diff)


def _prepare_ends(attrs: dict[str, Any]) -> None:
    for name in ("to_end", "to_begin"):
        if not (attrs[name] is None or isinstance(attrs[name], Tensor)):
            attrs[name] = np.array(attrs[name]).ravel()


def _with_ends(x: Shape, /, to_end: Any = None, to_begin: Any = None) -> Shape:
    return (max(math.prod(x) - 1, 0) + sum(np.size(one) for one in (to_end, to_begin) if one is not None),)


def _end(values: Any, name: str, dtype: np.dtype[Any]) -> list[Any]:
    if values is None:
        return []
    if not np.can_cast(values, dtype, "same_kind"):
        raise TypeError(f"{name} holds {values.dtype}, which {dtype} can't hold")
    return [values.astype(dtype)]


@composite(
    formula="ediff1d({x}, {to_end}, {to_begin})",
    back={"x": "{g} as a difference has it: plus at its right, minus at its left"},
    shape=_with_ends,
    cost=lambda x, **_: math.prod(x),
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3))),
        sample(rng.normal(size=(3,)), to_end=np.array([7.0]), to_begin=np.array([[1.0, 2.0]])),
        sample(rng.normal(size=()), to_begin=0.5),
    ],
    errors=(ErrorSample((np.zeros(3, int),), {"to_end": np.array([0.5])}, DTypeError, "to_end holds float64"),),
    prepare=_prepare_ends,
    numpy=np.ediff1d,
)
def ediff1d(x: Array, to_end: Any = None, to_begin: Any = None) -> Any:
    """
    The differences of all elements in a row, with given numbers before and after them.

    Parameters
    ----------
    to_end, to_begin
        Constants to put after and before the differences; no gradient reaches them.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.ediff1d([[1.0, 4.0], [9.0, 16.0]], to_begin=0.0)
    tensor([0., 3., 5., 7.])
    """
    inner = diff(reshape(x, (-1,)))
    parts = [*_end(to_begin, "to_begin", inner.dtype), inner, *_end(to_end, "to_end", inner.dtype)]
    return inner if len(parts) == 1 else concat(parts)


# ---- the trapezoidal rule --------------------------------------------------------------------------------------------


def _prepare_trapezoids(attrs: dict[str, Any]) -> None:
    prepare_one_axis(attrs)
    keep_numbers(attrs, "dx")


def _trapezoids(y: Shape, x: Shape | None, axis: int) -> tuple[Shape, int]:
    """The shape of the single trapezoids, and their axis in it."""
    at = one_axis(axis, len(y))
    if x is not None and len(x) not in (1, len(y)):
        raise ValueError(f"x has one axis or as many as y ({len(y)}), got shape {x}")
    long = None if x is None else x[0] if len(x) == 1 else x[at]
    if long not in (None, y[at]):
        raise ValueError(f"x has {long} places along axis {axis}, y has {y[at]} values")
    if x is not None and len(x) > 1 and x != y:
        raise ValueError(f"x of several axes has the shape of y, {y}, got {x}")
    return (*y[:at], max(y[at] - 1, 0), *y[at + 1 :]), at


def _integral(y: Shape, x: Shape | None = None, /, dx: float = 1.0, axis: int = -1) -> Shape:
    shape, at = _trapezoids(y, x, axis)
    return (*shape[:at], *shape[at + 1 :])


def _areas(y: Any, x: Any, dx: float, axis: int) -> Any:
    _trapezoids(y.shape, None if x is None else x.shape, axis)
    at = one_axis(axis, y.ndim)
    along = (slice(None),) * at
    middle = (y[(*along, slice(1, None))] + y[(*along, slice(None, -1))]) * 0.5
    if x is None:
        return middle * dx
    width = diff(x, axis=at if x.ndim == y.ndim else 0)
    return middle * (width if width.ndim == y.ndim else reshape(width, (-1, *[1] * (y.ndim - 1 - at))))


def _trapezoid_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(2, 4)), np.sort(rng.normal(size=4)))
    yield sample(rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), axis=0)
    yield sample(rng.normal(size=(3, 2)), np.arange(3.0), axis=-2)
    yield sample(rng.normal(size=(2, 4)), None, dx=0.5)
    yield sample(rng.normal(size=(3, 2)), None, axis=0)
    yield sample(rng.normal(size=(1,)), None)


_BAD_TRAPEZOIDS = (
    ErrorSample((np.zeros((2, 3)), np.zeros(2)), {}, ShapeError, "x has 2 places along axis -1, y has 3 values"),
    ErrorSample((np.zeros((2, 3)), np.zeros((1, 1, 3))), {}, ShapeError, "x has one axis or as many as y"),
    ErrorSample((np.zeros((2, 3)), np.zeros((1, 3))), {}, ShapeError, "x of several axes has the shape of y"),
    ErrorSample((np.zeros(3), np.zeros(3)), {"dx": "1"}, DTypeError, "dx is a number"),
)


@composite(
    symbol="∫",
    formula="trapezoid({y}, {x}, {dx}, {axis})",
    back={
        "y": "{g} times half the width of the trapezoids on either side",
        "x": "{g} times the height that its trapezoids gain or lose",
    },
    neutral={"x": "None"},
    shape=_integral,
    cost=lambda y, *_, **__: 4 * math.prod(y),
    samples=_trapezoid_samples,
    errors=_BAD_TRAPEZOIDS,
    prepare=_prepare_trapezoids,
    numpy=np.trapezoid,
)
def trapezoid(y: Array, x: Array = None, dx: float = 1.0, axis: int = -1) -> Any:
    """
    The integral along an axis by the trapezoidal rule.

    Parameters
    ----------
    y
        The values of the function.
    x
        Where they were taken: one axis for all, or the shape of `y`. Without it they are `dx` apart.
    dx
        The distance between neighbours if there is no `x`.
    axis
        The axis, counted from the end if negative.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.trapezoid([1.0, 2.0, 3.0], dx=2.0)
    tensor(8.)
    """
    return sum_of(_areas(y, x, dx, axis), axis)


def _integrals(y: Shape, x: Shape | None = None, /, dx: float = 1.0, axis: int = -1) -> Shape:
    return _trapezoids(y, x, axis)[0]


@composite(
    symbol="∫",
    formula="cumulative_trapezoid({y}, {x}, {dx}, {axis})",
    back={
        "y": "{g} of each integral that it is in, times half the width of its trapezoids",
        "x": "{g} of each integral that it is in, times the height that its trapezoids gain or lose",
    },
    neutral={"x": "None"},
    shape=_integrals,
    cost=lambda y, *_, **__: 4 * math.prod(y),
    samples=_trapezoid_samples,
    errors=_BAD_TRAPEZOIDS,
    prepare=_prepare_trapezoids,
)
def cumulative_trapezoid(y: Array, x: Array = None, dx: float = 1.0, axis: int = -1) -> Any:
    """
    Running integrals along an axis by the trapezoidal rule: one for each value but the first.

    Parameters
    ----------
    y
        The values of the function.
    x
        Where they were taken: one axis for all, or the shape of `y`. Without it they are `dx` apart.
    dx
        The distance between neighbours if there is no `x`.
    axis
        The axis, counted from the end if negative.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.cumulative_trapezoid([1.0, 2.0, 3.0])
    tensor([1.5, 4. ])
    """
    return cumsum(_areas(y, x, dx, axis), axis)
