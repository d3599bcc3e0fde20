"""More reductions: products, norms, ranges, and the logarithm of a mean of exponentials."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.kernels.sums import add_up
from graphgrad.ops.array.arithmetic import abs as absolute
from graphgrad.ops.array.arithmetic import multiply, not_equal, power, sqrt, square, subtract
from graphgrad.ops.array.cumulative import cumprod
from graphgrad.ops.array.lines import from_lines, to_lines
from graphgrad.ops.array.reductions import (
    BAD_AXIS,
    NO_ELEMENTS,
    Axis,
    count_of,
    elements,
    floating,
    keep_axes,
    logsumexp,
    prepare_axis,
    reduce_with,
    reduced_of_some,
    refuse_number,
    shared,
)
from graphgrad.ops.array.reductions import max as max_of
from graphgrad.ops.array.reductions import min as min_of
from graphgrad.ops.array.reductions import sum as sum_of
from graphgrad.ops.array.selection import where
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.array.splitting import unbind
from graphgrad.ops.attributes import keep_numbers
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import array, sample
from graphgrad.ops.shapes import normalize_axes, reduced

__all__ = ["logmeanexp", "prod", "ptp", "vector_norm"]

Shape = tuple[int, ...]

_maximum_reduce = reduce_with(np.maximum)
_minimum_reduce = reduce_with(np.minimum)
_multiply_reduce = reduce_with(np.multiply)


def reduction_samples(apart: float = 0.0, **attrs: Any) -> Callable[[np.random.Generator], Iterator[Sample]]:
    """Samples for a reduction: over all axes, one, several, and of a single number."""

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield sample(array(rng, 2, 3, apart=apart), **attrs)
        yield sample(array(rng, 3, 2, apart=apart), **attrs, axis=0)
        yield sample(array(rng, 2, 3, 2, apart=apart), **attrs, axis=(-1, 0), keepdims=True)
        yield sample(array(rng, apart=apart), **attrs)

    return samples


# ---- products --------------------------------------------------------------------------------------------------------


def _prod_x(g: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Every element gets the product of all others: of those before it and of those after it, without a division."""
    g = keep_axes(g, x.shape, axis, keepdims)
    if not x.size:
        return np.broadcast_to(g, x.shape)
    lines = to_lines(x, axis)
    one = np.ones((*lines.shape[:-1], 1), x.dtype)
    before = np.concatenate([one, _cumprod(lines[..., :-1], axis=-1)], -1)
    after = np.concatenate([one, _cumprod(lines[..., :0:-1], axis=-1)], -1)[..., ::-1]
    return g * from_lines(before * after, x.shape, axis)


def _prod_expanded(x: Any, axis: Axis, keepdims: bool) -> Any:
    lines = to_lines(x, axis)
    if lines.shape[-1]:
        first, *others = unbind(lines, -1)
        for one in others:
            first = multiply(first, one)
    else:
        first = sum_of(lines, -1) + 1.0  # the product of no factors
    return reshape(first, reduced(x.shape, axis, keepdims))


_cumprod = polymorphic(cumprod)


@op(
    symbol="Π",
    x=_prod_x,
    formula="prod({x}, axis={axis}, keepdims={keepdims})",
    back={"x": "{g} times the product of all other elements"},
    shape=reduced,
    cost=elements,
    samples=lambda rng: [
        *reduction_samples()(rng),
        sample(np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 3.0]]), axis=1),
        sample(np.zeros((0, 2)), axis=0),
    ],
    errors=BAD_AXIS,
    prepare=prepare_axis,
    expand=_prod_expanded,
    covers=("P04.35",),
    numpy=np.prod,
)
def prod(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    Multiply the elements, over all axes or some. A zero among them gets the product of the others, as it should.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were multiplied up, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.prod([[1.0, 2.0], [3.0, 4.0]], axis=0)
    tensor([3., 8.])
    """
    refuse_number(x, axis)
    return _multiply_reduce(x, axis=axis, keepdims=keepdims)


# ---- norms -----------------------------------------------------------------------------------------------------------


def _prepare_norm(attrs: dict[str, Any]) -> None:
    prepare_axis(attrs)
    if isinstance(attrs["ord"], str):
        raise TypeError(f"ord is a number, inf or -inf, got {attrs['ord']!r}; norms of matrices have names")
    keep_numbers(attrs, "ord")
    order = attrs["ord"]
    if isinstance(order, float) and math.isnan(order):
        raise ValueError("ord is a number, inf or -inf, got nan")
    if isinstance(order, float) and order.is_integer():
        attrs["ord"] = int(order)


def _normed(x: Shape, /, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Shape:
    if ord < 0 or ord == math.inf:
        for i in normalize_axes(axis, len(x)):
            if not x[i]:
                raise ValueError(f"axis {i} of shape {x} has length 0: no elements have no norm of order {ord}")
    return reduced(x, axis, keepdims)


def _norm_samples(rng: np.random.Generator) -> Iterator[Sample]:
    for order in (2, 1, math.inf, -math.inf, 0, 3, 1.5, 0.5, -1):
        yield sample(array(rng, 2, 3, apart=0.2), axis=1, ord=order)
    yield from reduction_samples(apart=0.2)(rng)
    yield sample(np.zeros((0, 2)), axis=0)


def _norm_x(g: Any, x: Any, out: Any, axis: Axis, keepdims: bool, ord: float) -> Any:
    g, out = (keep_axes(one, x.shape, axis, keepdims) for one in (g, out))
    if ord == 0:
        return np.broadcast_to(g * 0.0, x.shape)
    if ord == 1:
        return g * np.sign(x)
    if math.isinf(ord):
        return np.sign(x) * shared(g, np.abs(x) == out, axis)
    # At a norm of 0 the slope is taken as 0; the other branch must not divide by it, or its own slopes are nan.
    flat = out == 0
    g, length = np.where(flat, 0.0, g), np.where(flat, 1.0, out)
    if ord == 2:
        return g * (x / length)
    ratio = np.where(x == 0, 1.0, np.abs(x)) / length
    return g * (np.sign(x) * ratio ** (ord - 1))


def _norm_expanded(x: Any, axis: Axis, keepdims: bool, ord: float) -> Any:
    match ord:
        case 0:
            return sum_of(where(not_equal(x, 0.0), 1.0, 0.0 * x), axis, keepdims)
        case 1:
            return sum_of(absolute(x), axis, keepdims)
        case 2:
            return sqrt(sum_of(square(x), axis, keepdims))
        case math.inf:
            return max_of(absolute(x), axis, keepdims)
        case _ if ord == -math.inf:
            return min_of(absolute(x), axis, keepdims)
    return power(sum_of(power(absolute(x), ord), axis, keepdims), 1 / ord)


@op(
    symbol="‖·‖",
    x=_norm_x,
    formula="vector_norm({x}, axis={axis}, keepdims={keepdims}, ord={ord})",
    back={"x": "{g} · sign({x}) · (|{x}| / {out})^(ord - 1)"},
    shape=_normed,
    cost=lambda x, **_: 3 * math.prod(x),
    samples=_norm_samples,
    errors=(
        *BAD_AXIS,
        ErrorSample((np.zeros((0, 3)),), {"axis": 0, "ord": math.inf}, ShapeError, "no elements have no norm of"),
        ErrorSample((np.zeros(3),), {"ord": "fro"}, DTypeError, "ord is a number, inf or -inf, got 'fro'"),
        ErrorSample((np.zeros(3),), {"ord": math.nan}, ArgumentError, "ord is a number, inf or -inf, got nan"),
    ),
    prepare=_prepare_norm,
    expand=_norm_expanded,
    covers=("P14.16", "P24.01"),
    numpy=np.linalg.vector_norm,
)
def vector_norm(x: Array, *, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Any:
    """
    The length of vectors, sum(|x|^ord)^(1/ord), over all axes or some, without overflow.

    The order inf takes the largest absolute value, -inf the smallest, and 0 counts the elements that aren't 0. Where
    the derivative is no number, it is chosen as PyTorch does: 0 at a norm of 0 and for elements that are 0 if
    ord <= 1, evenly shared by equal extremes, and 0 for the order 0.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.
    ord
        The order of the norm: a number, inf or -inf.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.vector_norm([[3.0, 4.0], [6.0, 8.0]], axis=1)
    tensor([ 5., 10.])
    """
    refuse_number(x, axis)
    x = np.abs(floating(x))
    if ord == 0:
        return add_up((x != 0).astype(x.dtype), axis, keepdims)
    if ord == 1:
        return add_up(x, axis, keepdims)
    if math.isinf(ord):
        return (_maximum_reduce if ord > 0 else _minimum_reduce)(x, axis=axis, keepdims=keepdims)
    # Powers of the ratio to the element that decides neither overflow nor vanish.
    if ord > 0:
        extreme = _maximum_reduce(x, axis=axis, keepdims=True, initial=0.0)
    else:
        extreme = _minimum_reduce(x, axis=axis, keepdims=True)
    scale = np.where((extreme > 0) & np.isfinite(extreme), extreme, 1.0)
    with np.errstate(divide="ignore"):
        if ord == 2:
            total = np.sqrt(add_up(np.square(x / scale), axis, True)) * scale
        else:
            total = add_up((x / scale) ** ord, axis, True) ** (1 / ord) * scale
    return total if keepdims else np.reshape(total, reduced(x.shape, axis, False))


# ---- ranges and means ------------------------------------------------------------------------------------------------


@composite(
    formula="max({x}, axis={axis}, keepdims={keepdims}) - min({x}, axis={axis}, keepdims={keepdims})",
    back={"x": "{g} where {x} is largest, -{g} where it is smallest, 0 elsewhere"},
    shape=reduced_of_some,
    cost=lambda x, **_: 2 * math.prod(x),
    samples=lambda rng: [*reduction_samples()(rng)][:3],
    errors=(*BAD_AXIS, NO_ELEMENTS),
    prepare=prepare_axis,
    numpy=np.ptp,
)
def ptp(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    The range from peak to peak: the largest element minus the smallest. Equal ones share the gradient evenly.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.ptp([[1.0, 5.0], [3.0, 4.0]], axis=1)
    tensor([4., 1.])
    """
    reduced_of_some(x.shape, axis)
    return subtract(max_of(x, axis, keepdims), min_of(x, axis, keepdims))


@composite(
    formula="log(mean(exp({x}), axis={axis}, keepdims={keepdims}))",
    back={"x": "{g} · exp({x} - {out}) / n"},
    shape=reduced,
    cost=lambda x, **_: 3 * math.prod(x),
    samples=reduction_samples(),
    errors=BAD_AXIS,
    prepare=prepare_axis,
)
def logmeanexp(x: Array, axis: Axis = None, keepdims: bool = False) -> Any:
    """
    The logarithm of the mean of exponentials, without overflow: a soft maximum that equal elements leave as they are.

    Parameters
    ----------
    axis
        An axis or several, counted from the end if negative; None for all.
    keepdims
        Keep the axes that were reduced, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.logmeanexp([1000.0, 1000.0])
    tensor(1000.)
    """
    count = count_of(x.shape, axis)
    return subtract(logsumexp(x, axis, keepdims), math.log(count) if count else -math.inf)
