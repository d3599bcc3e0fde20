"""Losses of a regression: each compares a prediction with a number.

Value and gradient are in the stable closed form; the expansions are the textbook's formulas. Names, argument order and
defaults are PyTorch's where it has them; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.arithmetic import abs as absolute
from graphgrad.ops.array.arithmetic import divide, multiply, square, subtract
from graphgrad.ops.array.elementwise import softplus
from graphgrad.ops.array.reductions import sum
from graphgrad.ops.array.selection import maximum, where
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.functional.loss_parts import (
    ABOVE_ZERO,
    NOT_BELOW_ZERO,
    UNEVEN,
    alike,
    alike_weighted,
    cost,
    in_floats,
    pairs,
    per_loss,
    prepare,
    prepare_with,
    reduce,
    reduced,
    shapes_of,
)
from graphgrad.ops.samples import array, sample

NAMESPACE = "nn.functional"
__all__ = ["huber_loss", "l1_loss", "log_cosh_loss", "mse_loss", "pinball_loss", "smooth_l1_loss"]

_sum = polymorphic(sum)


# ---- with a weight for each element ----------------------------------------------------------------------------------


def _weighted(losses: Any, weight: Any) -> Any:
    return losses if weight is None else losses * weight


def _total(weight: Any) -> Any:
    """What a weighted mean divides by; None for the number of losses."""
    return None if weight is None else _sum(weight)


def _each(g: Any, input: Any, weight: Any, reduction: str) -> Any:
    """The gradient of each element's loss before it is weighted."""
    if weight is None:
        return per_loss(g, np.size(input), reduction)
    return per_loss(g, _sum(weight), reduction) * weight


def _for_weight(g: Any, losses: Any, weight: Any, out: Any, reduction: str) -> Any:
    # In Σ w l / Σ w a weight stands above and below.
    return g * (losses - out) / _sum(weight) if reduction == "mean" else g * losses


def _with_weights(rng: np.random.Generator, **attrs: Any) -> Iterator[Sample]:
    yield from pairs(rng, optional=1, **attrs)
    for shape, reduction in (((2, 3), "mean"), ((3,), "sum"), ((2, 2), "none"), ((), "mean")):
        of_all = (array(rng, *shape), array(rng, *shape), array(rng, *shape, low=0.2, high=2.0))
        yield sample(*of_all, reduction=reduction, **attrs)


_UNEVEN_WEIGHT = (
    *(one._replace(operands=(*one.operands, None)) for one in UNEVEN),
    ErrorSample((np.zeros((2, 3)), np.zeros((2, 3)), np.ones(3)), {}, ShapeError, "must have the shape of input"),
)


@op(
    symbol="MSE",
    input=lambda g, input, target, weight, reduction: _each(g, input, weight, reduction) * (2.0 * (input - target)),
    target=lambda g, input, target, weight, reduction: _each(g, input, weight, reduction) * (2.0 * (target - input)),
    weight=lambda g, input, target, weight, out, reduction: _for_weight(
        g, np.square(input - target), weight, out, reduction
    ),
    neutral={"weight": "1"},
    formula="{weight} * ({input} - {target}) ** 2",
    divisor="sum({weight})",
    back={
        "input": "{g} · {weight} · 2 · ({input} - {target}){share}",
        "target": "{g} · {weight} · 2 · ({target} - {input}){share}",
        "weight": "{g} · (({input} - {target})², of a mean minus {out}){share}",
    },
    shape=alike_weighted,
    cost=cost(3),
    samples=_with_weights,
    errors=_UNEVEN_WEIGHT,
    prepare=prepare,
    expand=lambda input, target, weight, reduction: _expanded(square, input, target, weight, reduction),
    covers=("P02.13", "P04.01"),
)
def mse_loss(input: Array, target: Array, *, reduction: str = "mean", weight: Array = None) -> Any:
    """
    The squared error of a regression, (input - target)².

    Parameters
    ----------
    input, target
        Predictions and true values, of one shape.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.
    weight
        How much each element counts, of the same shape. The mean then divides by the sum of the weights. None counts
        all alike.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.mse_loss([1.0, 2.0], [1.0, 4.0])
    tensor(2.)
    >>> gg.nn.functional.mse_loss([1.0, 2.0], [1.0, 4.0], weight=[3.0, 1.0])
    tensor(1.)
    """
    return _of_residuals(np.square, input, target, weight, reduction)


def _of_residuals(loss: Callable[[Any], Any], input: Any, target: Any, weight: Any, reduction: str) -> Any:
    alike_weighted(*shapes_of(input, target, weight), reduction=reduction)
    input, target, weight = in_floats(input, target, weight)
    return reduce(_weighted(loss(input - target), weight), reduction, _total(weight))


def _expanded(loss: Callable[[Any], Any], input: Any, target: Any, weight: Any, reduction: str) -> Any:
    input, target, weight = in_floats(input, target, weight)
    losses = _weighted(loss(input - target), weight)
    return reduced(losses, reduction, None if weight is None else sum(weight))


@op(
    symbol="L1",
    input=lambda g, input, target, weight, reduction: _each(g, input, weight, reduction) * np.sign(input - target),
    target=lambda g, input, target, weight, reduction: _each(g, input, weight, reduction) * np.sign(target - input),
    weight=lambda g, input, target, weight, out, reduction: _for_weight(
        g, np.abs(input - target), weight, out, reduction
    ),
    neutral={"weight": "1"},
    formula="{weight} * abs({input} - {target})",
    divisor="sum({weight})",
    back={
        "input": "{g} · {weight} · sign({input} - {target}){share}",
        "target": "{g} · {weight} · sign({target} - {input}){share}",
        "weight": "{g} · (|{input} - {target}|, of a mean minus {out}){share}",
    },
    shape=alike_weighted,
    cost=cost(3),
    samples=_with_weights,
    errors=_UNEVEN_WEIGHT,
    prepare=prepare,
    expand=lambda input, target, weight, reduction: _expanded(absolute, input, target, weight, reduction),
    covers=("P04.02", "P04.27"),
)
def l1_loss(input: Array, target: Array, *, reduction: str = "mean", weight: Array = None) -> Any:
    """
    The absolute error of a regression, |input - target|, which outliers pull no more than others.

    It is the error that Laplace noise makes likely. Its derivative is 0 where both are equal.

    Parameters
    ----------
    input, target
        Predictions and true values, of one shape.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.
    weight
        How much each element counts, of the same shape. The mean then divides by the sum of the weights. None counts
        all alike.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.l1_loss([1.0, 2.0], [1.0, 4.0])
    tensor(1.)
    """
    return _of_residuals(np.abs, input, target, weight, reduction)


# ---- between the two -------------------------------------------------------------------------------------------------


def _huber(r: Any, delta: float) -> Any:
    size = np.abs(r)
    squared = np.minimum(size, delta)  # the part that is: no large error is squared, which might overflow
    return squared * (size - 0.5 * squared)


def _huber_slope(r: Any, delta: float) -> Any:
    return np.where(np.abs(r) <= delta, r, delta * np.sign(r))


def _huber_expanded(input: Any, target: Any, weight: Any, delta: float, reduction: str) -> Any:
    input, target, weight = in_floats(input, target, weight)
    size = absolute(input - target)
    losses = where(size <= delta, multiply(0.5, square(size)), multiply(delta, subtract(size, 0.5 * delta)))
    return reduced(_weighted(losses, weight), reduction)


def _huber_each(g: Any, input: Any, weight: Any, reduction: str) -> Any:
    return _weighted(per_loss(g, np.size(input), reduction), weight)


_RESIDUAL = "{input} - {target}"


@op(
    symbol="Huber",
    input=lambda g, input, target, weight, reduction, delta: (
        _huber_each(g, input, weight, reduction) * _huber_slope(input - target, delta)
    ),
    target=lambda g, input, target, weight, reduction, delta: (
        _huber_each(g, input, weight, reduction) * _huber_slope(target - input, delta)
    ),
    weight=lambda g, input, target, reduction, delta: (
        per_loss(g, np.size(input), reduction) * _huber(input - target, delta)
    ),
    neutral={"weight": "1"},
    formula=f"{{weight}} * where(abs({_RESIDUAL}) <= {{delta}}, ({_RESIDUAL}) ** 2 / 2, "
    f"{{delta}} * (abs({_RESIDUAL}) - {{delta}} / 2))",
    back={
        "input": "{g} · {weight} · ({input} - {target}, held between -delta and delta){share}",
        "target": "{g} · {weight} · ({target} - {input}, held between -delta and delta){share}",
        "weight": "{g} · the unweighted losses{share}",
    },
    shape=alike_weighted,
    cost=cost(6),
    samples=lambda rng: [*_with_weights(rng), *_with_weights(rng, delta=0.5)][:12],
    errors=(
        *_UNEVEN_WEIGHT,
        ErrorSample((np.zeros(3), np.zeros(3), None), {"delta": 0.0}, ArgumentError, "delta is above 0, got 0.0"),
    ),
    prepare=prepare_with(delta=ABOVE_ZERO),
    expand=_huber_expanded,
    covers=("P04.03",),
)
def huber_loss(input: Array, target: Array, reduction: str = "mean", delta: float = 1.0, weight: Array = None) -> Any:
    """
    The Huber loss of a regression: squared for small errors, straight for large ones, so that outliers pull less.

    With r = input - target it is r² / 2 where |r| ≤ `delta`, else `delta` · (|r| - `delta` / 2); there is no jump.

    Parameters
    ----------
    input, target
        Predictions and true values, of one shape.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.
    delta
        Where the two meet, above 0.
    weight
        A factor for each element, of the same shape. The mean still divides by the number of elements, as PyTorch has
        it. None leaves them alone.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.huber_loss([0.5, 3.0], [0.0, 0.0], reduction="none")
    tensor([0.125, 2.5  ])
    """
    alike_weighted(*shapes_of(input, target, weight), reduction=reduction)
    input, target, weight = in_floats(input, target, weight)
    return reduce(_weighted(_huber(input - target, delta), weight), reduction)


def _smooth_slope(r: Any, beta: float) -> Any:
    return np.where(np.abs(r) < beta, r / (beta or 1.0), np.sign(r))


def _smooth_expanded(input: Any, target: Any, beta: float, reduction: str) -> Any:
    input, target = in_floats(input, target)
    size = absolute(input - target)
    losses = where(size < beta, divide(multiply(0.5, square(size)), beta or 1.0), subtract(size, 0.5 * beta))
    return reduced(losses, reduction)


@op(
    symbol="smooth L1",
    input=lambda g, input, target, reduction, beta: (
        per_loss(g, np.size(input), reduction) * _smooth_slope(input - target, beta)
    ),
    target=lambda g, input, target, reduction, beta: (
        per_loss(g, np.size(input), reduction) * _smooth_slope(target - input, beta)
    ),
    formula=f"where(abs({_RESIDUAL}) < {{beta}}, ({_RESIDUAL}) ** 2 / (2 * {{beta}}), abs({_RESIDUAL}) - {{beta}} / 2)",
    back={
        "input": "{g} · (({input} - {target}) / beta, held between -1 and 1){share}",
        "target": "{g} · (({target} - {input}) / beta, held between -1 and 1){share}",
    },
    shape=alike,
    cost=cost(6),
    samples=lambda rng: [*pairs(rng), *pairs(rng, beta=0.5)][:7] + [*pairs(rng, beta=0.0)][:1],
    errors=(
        *UNEVEN,
        ErrorSample((np.zeros(3), np.zeros(3)), {"beta": -1.0}, ArgumentError, "beta is not below 0, got -1.0"),
    ),
    prepare=prepare_with(beta=NOT_BELOW_ZERO),
    expand=_smooth_expanded,
)
def smooth_l1_loss(input: Array, target: Array, *, reduction: str = "mean", beta: float = 1.0) -> Any:
    """
    The absolute error with a rounded bottom: (input - target)² / (2 `beta`) for errors below `beta`.

    It is the Huber loss divided by `beta`. With 0 it is the absolute error itself.

    Parameters
    ----------
    input, target
        Predictions and true values, of one shape.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.
    beta
        Where the bottom ends, 0 or more.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.smooth_l1_loss([0.5, 3.0], [0.0, 0.0], reduction="none")
    tensor([0.125, 2.5  ])
    """
    alike(*shapes_of(input, target), reduction=reduction)
    input, target = in_floats(input, target)
    r = input - target
    return reduce(_huber(r, beta) / beta if beta else np.abs(r), reduction)


def _log_cosh(r: Any) -> Any:
    # log cosh r = log(1 + 2 sinh²(r / 2)) keeps the digits of small errors, the other form doesn't overflow.
    size = np.abs(r)
    small = np.log1p(2.0 * np.square(np.sinh(0.5 * np.minimum(size, 1.0))))
    return np.where(size < 1.0, small, size + np.log1p(np.exp(-2.0 * size)) - math.log(2.0))


def _log_cosh_expanded(input: Any, target: Any, reduction: str) -> Any:
    input, target = in_floats(input, target)
    size = absolute(input - target)
    return reduced(subtract(size + softplus(multiply(-2.0, size)), math.log(2.0)), reduction)


@op(
    symbol="log cosh",
    input=lambda g, input, target, reduction: per_loss(g, np.size(input), reduction) * np.tanh(input - target),
    target=lambda g, input, target, reduction: per_loss(g, np.size(input), reduction) * np.tanh(target - input),
    formula="log(cosh({input} - {target}))",
    back={
        "input": "{g} · tanh({input} - {target}){share}",
        "target": "{g} · tanh({target} - {input}){share}",
    },
    shape=alike,
    cost=cost(7),
    samples=pairs,
    errors=UNEVEN,
    prepare=prepare,
    expand=_log_cosh_expanded,
    covers=("P04.04",),
)
def log_cosh_loss(input: Array, target: Array, *, reduction: str = "mean") -> Any:
    """
    The logarithm of the hyperbolic cosine of the error: near r² / 2 for small ones, |r| - log 2 for large ones.

    Its gradient is tanh(r), smooth everywhere, which that of the Huber loss isn't.

    Parameters
    ----------
    input, target
        Predictions and true values, of one shape.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.log_cosh_loss([0.0, 1000.0], [0.0, 0.0], reduction="none")
    tensor([  0.    , 999.3068])
    """
    alike(*shapes_of(input, target), reduction=reduction)
    input, target = in_floats(input, target)
    return reduce(_log_cosh(input - target), reduction)


def _pinball_slope(r: Any, alpha: float) -> Any:
    return np.where(r > 0, 1.0 - alpha, np.where(r < 0, -alpha, 0.0 * r))


def _pinball_expanded(input: Any, target: Any, alpha: float, reduction: str) -> Any:
    input, target = in_floats(input, target)
    r = input - target
    return reduced(maximum(multiply(1.0 - alpha, r), multiply(-alpha, r)), reduction)


@op(
    symbol="pinball",
    input=lambda g, input, target, reduction, alpha: (
        per_loss(g, np.size(input), reduction) * _pinball_slope(input - target, alpha)
    ),
    target=lambda g, input, target, reduction, alpha: (
        per_loss(g, np.size(input), reduction) * -_pinball_slope(input - target, alpha)
    ),
    formula="maximum({alpha} * ({target} - {input}), (1 - {alpha}) * ({input} - {target}))",
    back={
        "input": "{g} · (1 - alpha above {target}, -alpha below){share}",
        "target": "{g} · (alpha above {input}, alpha - 1 below){share}",
    },
    shape=alike,
    cost=cost(4),
    samples=lambda rng: [*pairs(rng, alpha=0.9), *pairs(rng)][:7],
    errors=(
        *UNEVEN,
        ErrorSample((np.zeros(3), np.zeros(3)), {"alpha": 1.5}, ArgumentError, "alpha is from 0 to 1, got 1.5"),
    ),
    prepare=prepare_with(alpha=(lambda alpha: 0 <= alpha <= 1, "from 0 to 1")),
    expand=_pinball_expanded,
)
def pinball_loss(input: Array, target: Array, alpha: float = 0.5, *, reduction: str = "mean") -> Any:
    """
    The loss of a regression for a quantile: too low costs `alpha` for each unit, too high 1 - `alpha`.

    The prediction that costs least is the `alpha`-quantile of the target: the median for 0.5, where it is half of the
    absolute error. The derivative is 0 where both are equal. Koenker and Bassett, "Regression Quantiles" (1978); the
    argument is named as in scikit-learn.

    Parameters
    ----------
    input, target
        Predictions and true values, of one shape.
    alpha
        Which quantile, from 0 to 1.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.pinball_loss([1.0, 3.0], [2.0, 2.0], 0.9, reduction="none")
    tensor([0.9, 0.1])
    """
    alike(*shapes_of(input, target), reduction=reduction)
    input, target = in_floats(input, target)
    r = input - target
    return reduce(np.maximum((1.0 - alpha) * r, -alpha * r), reduction)
