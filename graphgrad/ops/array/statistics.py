"""Statistics: variances, weighted means, covariances and correlations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.kernels.sums import add_up
from graphgrad.ops.array.arithmetic import divide, multiply, square, subtract
from graphgrad.ops.array.arithmetic import sqrt as square_root
from graphgrad.ops.array.axes import matrix_transpose, permute_dims
from graphgrad.ops.array.joining import concat
from graphgrad.ops.array.reductions import (
    BAD_AXIS,
    Axis,
    count_of,
    floating,
    keep_axes,
    mean,
    prepare_axis,
    refuse_number,
    roomy,
)
from graphgrad.ops.array.reductions import sum as sum_of
from graphgrad.ops.array.selection import maximum, minimum
from graphgrad.ops.array.shaping import broadcast_to, reshape
from graphgrad.ops.attributes import keep_flags, keep_numbers
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.matrix.matmul import matmul
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import normalize_axes, reduced

__all__ = ["average", "corrcoef", "cov", "std", "var"]

Shape = tuple[int, ...]


# ---- variances -------------------------------------------------------------------------------------------------------


def freedom(x_shape: Shape, axis: Axis, correction: float) -> float:
    """What the squared deviations are divided by; never less than 0."""
    return max(count_of(x_shape, axis) - correction, 0.0)


def prepare_variance(attrs: dict[str, Any]) -> None:
    """Keep the axes and the correction as plain numbers."""
    prepare_axis(attrs)
    keep_numbers(attrs, "correction")


def _variance(x: Any, axis: Axis, correction: float, keepdims: bool) -> Any:
    """The variance, of float16 in float32, in which the squares have room."""
    refuse_number(x, axis)
    x = roomy(x)
    deviations = x - add_up(x, axis, True) / count_of(x.shape, axis)
    return add_up(deviations * deviations, axis, keepdims) / freedom(x.shape, axis, correction)


def _in_float16_again(result: Any, x: Any) -> Any:
    return result.astype(x.dtype) if x.dtype == np.float16 else result


_mean = polymorphic(mean)


def _var_x(g: Any, x: Any, axis: Axis, correction: float, keepdims: bool) -> Any:
    slope = 2.0 * keep_axes(g, x.shape, axis, keepdims) / freedom(x.shape, axis, correction)
    return slope * (x - _mean(x, axis=axis, keepdims=True))


def _std_x(g: Any, x: Any, out: Any, axis: Axis, correction: float, keepdims: bool) -> Any:
    # The square root is infinitely steep at 0; all elements are equal there, and the slope is taken as 0.
    flat = out == 0
    slope = np.where(flat, 0.0, g / np.where(flat, 1.0, 2.0 * out))
    return _var_x(slope, x, axis, correction, keepdims)


def _deviations(x: Any, axis: Axis) -> Any:
    return subtract(x, mean(x, axis, True))


def _var_expanded(x: Any, axis: Axis, correction: float, keepdims: bool) -> Any:
    squares = sum_of(square(_deviations(x, axis)), axis, keepdims)
    return divide(squares, freedom(x.shape, axis, correction))


def variance_samples(rng: np.random.Generator) -> Iterator[Sample]:
    """Samples for variances: over all axes, one and several, with both corrections."""
    yield sample(rng.normal(size=(2, 3)))
    yield sample(rng.normal(size=(3, 2)), axis=0, correction=1)
    yield sample(rng.normal(size=(2, 3, 2)), axis=(-1, 0), keepdims=True, correction=0.5)
    yield sample(rng.normal(size=(4,)), axis=-1, correction=1.0)


BAD_CORRECTION = ErrorSample((np.zeros((2, 3)),), {"correction": "1"}, DTypeError, "correction is a number")
"""What every variance refuses, beside what every reduction does."""


_VARIANCE: dict[str, Any] = {
    "shape": reduced,
    "cost": lambda x, **_: 4 * math.prod(x),
    "samples": variance_samples,
    "errors": (*BAD_AXIS, BAD_CORRECTION),
    "prepare": prepare_variance,
}


@op(
    symbol="σ²",
    x=_var_x,
    formula="var({x}, axis={axis}, correction={correction}, keepdims={keepdims})",
    back={"x": "{g} · 2 · ({x} - mean) / (n - correction)"},
    expand=_var_expanded,
    covers=("P04.31",),
    numpy=np.var,
    **_VARIANCE,
)
def var(x: Array, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False) -> Any:
    """
    The variance of the elements, over all axes or some: the mean of the squared deviations from the mean.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    correction
        What is taken off the number of elements before dividing by it; 1 is Bessel's correction, with which the
        variance of a sample is right on average. The name is that of the Python array API, of PyTorch (whose default
        is 1) and of NumPy, whose older name for it, `ddof`, isn't taken here.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.var([1.0, 2.0, 3.0, 4.0])
    tensor(1.25)
    """
    return _in_float16_again(_variance(x, axis, correction, keepdims), x)


@op(
    symbol="σ",
    x=_std_x,
    formula="std({x}, axis={axis}, correction={correction}, keepdims={keepdims})",
    back={"x": "{g} · ({x} - mean) / ((n - correction) · {out})"},
    expand=lambda x, axis, correction, keepdims: square_root(_var_expanded(x, axis, correction, keepdims)),
    covers=("P05.16",),
    numpy=np.std,
    **_VARIANCE,
)
def std(x: Array, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False) -> Any:
    """
    The standard deviation, the square root of the variance, over all axes or some.

    Where all elements are equal it has a kink, and the gradient there is 0, as PyTorch has it.

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
    >>> gg.std([[1.0, 3.0], [2.0, 6.0]], axis=1)
    tensor([1., 2.])
    """
    return _in_float16_again(np.sqrt(_variance(x, axis, correction, keepdims)), x)


# ---- weighted means --------------------------------------------------------------------------------------------------


def _averaged(x: Shape, weights: Shape | None = None, /, axis: Axis = None, keepdims: bool = False) -> Shape:
    normalize_axes(axis, len(x))
    if weights is not None and weights != x:
        if axis is None:
            raise ValueError(f"weights of shape {weights} need an axis, or the shape of x, {x}")
        along = tuple(x[i] for i in (axis if isinstance(axis, tuple) else (axis,)))
        if weights != along:
            raise ValueError(f"weights have shape {x}, as x, or {along}, as x along axis {axis}; got {weights}")
    return reduced(x, axis, keepdims)


def _average_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(2, 3)), rng.uniform(0.5, 1.5, (2, 3)))
    yield sample(rng.normal(size=(2, 3)), rng.uniform(0.5, 1.5, 3), axis=-1, keepdims=True)
    yield sample(rng.normal(size=(2, 1, 3)), rng.uniform(0.5, 1.5, (3, 2)), axis=(-1, 0))
    yield sample(rng.normal(size=(2, 3)), None)
    yield sample(rng.normal(size=(2, 3)), None, axis=0, keepdims=True)
    yield sample(rng.normal(size=()), None)


@composite(
    formula="average({x}, {axis}, {weights}, {keepdims})",
    back={
        "x": "{g} · {weights} / their sum",
        "weights": "{g} · ({x} - {out}) / the sum of the weights",
    },
    neutral={"weights": "None"},
    shape=_averaged,
    cost=lambda x, *_, **__: 3 * math.prod(x),
    samples=_average_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros(2)), {"axis": 1}, ShapeError, "or (3,), as x along axis 1"),
        ErrorSample((np.zeros((2, 3)), np.zeros(3)), {}, ShapeError, "need an axis"),
    ),
    prepare=prepare_axis,
    numpy=np.average,
)
def average(x: Array, axis: Axis = None, weights: Array = None, *, keepdims: bool = False) -> Any:
    """
    The weighted mean of the elements, over all axes or some; without weights the plain mean.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    weights
        One for each element of `x`, or one for each place along `axis`, of several axes in the order named there. They
        need not add up to 1; where they add up to 0, the result is nan or infinite.
    keepdims
        Keep the axes that were averaged, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.average([1.0, 2.0, 4.0], weights=[1.0, 1.0, 2.0])
    tensor(2.75)
    """
    x = floating(x)
    if weights is None:
        return sum_of(x, axis, keepdims) / count_of(x.shape, axis)
    _averaged(x.shape, weights.shape, axis)
    if weights.shape != x.shape:
        axes = [i % x.ndim for i in (axis if isinstance(axis, tuple) else (axis,))]
        if axes != sorted(axes):
            weights = permute_dims(weights, np.argsort(axes).tolist())
        weights = reshape(weights, tuple(n if i in axes else 1 for i, n in enumerate(x.shape)))
    total = sum_of(multiply(x, weights), axis, keepdims)
    return divide(total, sum_of(broadcast_to(weights, x.shape), axis, keepdims))


# ---- covariances -----------------------------------------------------------------------------------------------------


def _variables(x: Shape, rowvar: bool) -> tuple[int, int]:
    """How many variables, with how many observations of each."""
    if len(x) > 2:
        raise ValueError(f"variables and observations are two axes, got shape {x}")
    if len(x) < 2:
        return 1, math.prod(x)
    count, observations = x if rowvar else x[::-1]
    return count, observations


def _together(x: Shape, y: Shape | None, rowvar: bool) -> Shape:
    count, observations = _variables(x, rowvar)
    if y is not None:
        others, as_many = _variables(y, rowvar)
        if as_many != observations:
            raise ValueError(f"variables have as many observations each: {observations} in the first, {as_many} in y")
        count += others
    return () if count == 1 else (count, count)


def _covariances(m: Shape, y: Shape | None = None, /, rowvar: bool = True, **_: Any) -> Shape:
    return _together(m, y, rowvar)


def _correlations(x: Shape, y: Shape | None = None, /, rowvar: bool = True) -> Shape:
    return _together(x, y, rowvar)


def _rows(x: Any, y: Any, rowvar: bool) -> Any:
    """A row for each variable."""
    _together(x.shape, None if y is None else y.shape, rowvar)
    rows = []
    for one in (x,) if y is None else (x, y):
        if one.ndim < 2:
            one = reshape(one, (1, -1))
        elif not rowvar:
            one = matrix_transpose(one)
        rows.append(one)
    return rows[0] if len(rows) == 1 else concat(rows)


def _squared(rows: Any) -> Any:
    """Each row with each; of a single row a number."""
    products = matmul(rows, matrix_transpose(rows))
    return reshape(products, ()) if rows.shape[0] == 1 else products


def _prepare_covariance(attrs: dict[str, Any]) -> None:
    keep_flags(attrs, "rowvar", "bias")
    if attrs["ddof"] is not None:
        keep_numbers(attrs, "ddof")
        if isinstance(attrs["ddof"], float) and not attrs["ddof"].is_integer():
            raise TypeError(f"ddof is an integer, got {attrs['ddof']!r}")


def _pairs(*options: dict[str, Any]) -> Callable[[np.random.Generator], Iterator[Sample]]:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        first, second = ({**one} for one in options)
        yield sample(rng.normal(size=(2, 4)), None)
        yield sample(rng.normal(size=(4, 3)), None, rowvar=False, **first)
        yield sample(rng.normal(size=(4,)), None, **second)
        yield sample(rng.normal(size=(5,)), rng.normal(size=(5,)))
        yield sample(rng.normal(size=(2, 4)), rng.normal(size=(1, 4)), **first)
        yield sample(rng.normal(size=(4, 2)), rng.normal(size=(4,)), rowvar=False, **second)

    return samples


@composite(
    formula="cov({m}, {y}, {rowvar}, {bias}, {ddof})",
    back={
        "m": "its rows of ({g} + {g}ᵀ) @ the deviations of all / (n - 1), or what is divided by instead",
        "y": "its rows of ({g} + {g}ᵀ) @ the deviations of all / (n - 1), or what is divided by instead",
    },
    neutral={"y": "None"},
    shape=_covariances,
    cost=lambda m, *_, **__: 2 * math.prod(m) * max(m, default=1),
    samples=_pairs({"bias": True}, {"ddof": 0}),
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros(4)), {}, ShapeError, "3 in the first, 4 in y"),
        ErrorSample((np.zeros((2, 3, 1)), np.zeros(3)), {}, ShapeError, "variables and observations are two axes"),
        ErrorSample((np.zeros((2, 3)), np.zeros(3)), {"ddof": 0.5}, DTypeError, "ddof is an integer, got 0.5"),
    ),
    prepare=_prepare_covariance,
    covers=("P04.31",),
    numpy=np.cov,
)
def cov(m: Array, y: Array = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None) -> Any:
    """
    The covariance of each variable with each; of a single variable its variance, a number.

    Parameters
    ----------
    m
        A row of observations for each variable, or a single row.
    y
        More variables, in the same form.
    rowvar
        False if `m` and `y` have a column for each variable.
    bias
        Divide by the number of observations; otherwise by one less.
    ddof
        What is taken off that number instead, whatever `bias` says.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.cov([[0.0, 1.0, 2.0], [4.0, 2.0, 0.0]])
    tensor([[ 1., -2.],
            [-2.,  4.]])
    """
    rows = _rows(m, y, rowvar)
    taken_off = ddof if ddof is not None else 0 if bias else 1
    return divide(_squared(_deviations(rows, 1)), freedom(rows.shape, 1, taken_off))


@composite(
    formula="corrcoef({x}, {y}, {rowvar})",
    back={
        "x": "its rows of ({g} + {g}ᵀ) @ u, less their parts along u, over the lengths; u: the deviations of length 1",
        "y": "its rows of ({g} + {g}ᵀ) @ u, less their parts along u, over the lengths; u: the deviations of length 1",
    },
    neutral={"y": "None"},
    shape=_correlations,
    cost=lambda x, *_, **__: 2 * math.prod(x) * max(x, default=1),
    samples=_pairs({}, {}),
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros(4)), {}, ShapeError, "3 in the first, 4 in y"),
        ErrorSample((np.zeros((2, 3, 1)), np.zeros(3)), {}, ShapeError, "variables and observations are two axes"),
    ),
    prepare=lambda attrs: keep_flags(attrs, "rowvar"),
    numpy=np.corrcoef,
)
def corrcoef(x: Array, y: Array = None, rowvar: bool = True) -> Any:
    """
    The correlation of each variable with each, from -1 to 1; nan for one that doesn't vary.

    Parameters
    ----------
    x
        A row of observations for each variable, or a single row.
    y
        More variables, in the same form.
    rowvar
        False if `x` and `y` have a column for each variable.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.corrcoef([[0.0, 1.0, 2.0], [4.0, 2.0, 0.0]])
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    deviations = _deviations(_rows(x, y, rowvar), 1)
    lengths = square_root(sum_of(square(deviations), 1, True))
    return minimum(maximum(_squared(divide(deviations, lengths)), -1.0), 1.0)
