"""Losses that are the negative logarithm of a probability, and the divergence between two distributions.

Names, argument order and defaults are PyTorch's; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.kernels.sums import add_up
from graphgrad.ops.array.arithmetic import divide, greater, multiply, square, subtract
from graphgrad.ops.array.elementwise import exp, log
from graphgrad.ops.array.reductions import sum
from graphgrad.ops.array.selection import maximum, where
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.functional.loss_parts import (
    BAD_REDUCTION,
    NOT_BELOW_ZERO,
    REDUCTIONS,
    UNEVEN,
    alike,
    cost,
    in_floats,
    pairs,
    per_loss,
    prepare_with,
    reduce,
    reduced,
    reduction_only,
    shapes_of,
)
from graphgrad.ops.samples import array, sample

NAMESPACE = "nn.functional"
__all__ = ["gaussian_nll_loss", "kl_div", "poisson_nll_loss"]

Shape = tuple[int, ...]

_sum = polymorphic(sum)


# ---- counts ----------------------------------------------------------------------------------------------------------


def _above_one(target: Any) -> Any:
    """The targets above 1, and 1 for the others, for which log n! is taken as 0."""
    return np.where(target > 1, target, 1.0)


def _stirling(target: Any) -> Any:
    n = _above_one(target)
    return np.where(target > 1, n * np.log(n) - n + 0.5 * np.log(2.0 * math.pi * n), 0.0)


def _poisson_target(g: Any, input: Any, target: Any, attrs: Any) -> Any:
    slope = -input if attrs["log_input"] else -np.log(input + attrs["eps"])
    if attrs["full"]:
        n = _above_one(target)
        slope = slope + np.where(target > 1, np.log(n) + 0.5 / n, 0.0)
    return per_loss(g, np.size(input), attrs["reduction"]) * slope


def _poisson_expanded(input: Any, target: Any, log_input: bool, full: bool, eps: float, reduction: str) -> Any:
    input, target = in_floats(input, target)
    losses = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        is_large = greater(target, 1.0)
        n = where(is_large, target, 1.0)
        stirling = subtract(n * log(n), n) + multiply(0.5, log(multiply(2.0 * math.pi, n)))
        losses = losses + where(is_large, stirling, 0.0)
    return reduced(losses, reduction)


def _poisson_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield from pairs(rng, target=(0.0, 4.0))
    for log_input, full, reduction in ((False, False, "mean"), (True, True, "sum"), (False, True, "none")):
        rates, counts = array(rng, 2, 3, low=0.3, high=3.0), array(rng, 2, 3, low=0.2, high=4.0)
        yield sample(rates, counts, log_input=log_input, full=full, reduction=reduction)


_STIRLING = "{target} * log({target}) - {target} + 0.5 * log(2 * pi * {target})"


@op(
    symbol="Poisson",
    input=lambda g, input, target, log_input, eps, reduction: (
        per_loss(g, np.size(input), reduction) * (np.exp(input) - target if log_input else 1.0 - target / (input + eps))
    ),
    target=_poisson_target,
    formula="where({log_input}, exp({input}) - {target} * {input}, {input} - {target} * log({input} + {eps}))"
    f" + where({{full}}, where({{target}} > 1, {_STIRLING}, 0), 0)",
    back={
        "input": "{g} · (exp({input}) - {target}, of a rate 1 - {target} / {input}){share}",
        "target": "{g} · (-{input}, of a rate -log({input})){share}",
    },
    shape=alike,
    cost=cost(5),
    samples=_poisson_samples,
    errors=UNEVEN,
    prepare=prepare_with(eps=NOT_BELOW_ZERO),
    expand=_poisson_expanded,
    covers=("P04.41",),
)
def poisson_nll_loss(
    input: Array,
    target: Array,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Any:
    """
    The negative logarithm of the Poisson probability of a count, without log n!, which no prediction can change.

    Parameters
    ----------
    input
        The predicted rates, or their logarithms.
    target
        The counts, of the same shape.
    log_input
        Whether `input` is the logarithm of the rate: exp(input) - target · input. Else it is the rate:
        input - target · log(input + eps).
    full
        Add log n! by Stirling's formula, for counts above 1.
    eps
        Keeps the logarithm of a rate of 0 finite.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.poisson_nll_loss([0.0, 1.0], [1.0, 2.0])
    tensor(0.8591)
    """
    alike(*shapes_of(input, target), reduction=reduction)
    input, target = in_floats(input, target)
    losses = np.exp(input) - target * input if log_input else input - target * np.log(input + eps)
    return reduce(losses + _stirling(target) if full else losses, reduction)


# ---- numbers with noise ----------------------------------------------------------------------------------------------


def _is_per_row(var: Shape, input: Shape) -> bool:
    """Whether there is one variance for each row, and no axis along which it is repeated."""
    return bool(var) and var != input and var == input[:-1]


def _gaussian_shape(input: Shape, target: Shape, var: Shape, /, *, reduction: str, **_: Any) -> Shape:
    alike(input, target, reduction=reduction)
    if var not in ((), input) and not _is_per_row(var, input):
        others = [have for have, want in zip(var, input, strict=False) if have != want]
        if len(var) != len(input) or others != [1]:
            raise ValueError(
                f"var {var} must have the shape of input, {input}, the same without its last axis, "
                "or with one axis of length 1; or be a number"
            )
    return reduction_only(input, reduction)


def _beside(var: Any, input: Any) -> Any:
    """The variances so that they broadcast against the input."""
    return var[..., None] if _is_per_row(*shapes_of(var, input)) else var


def _gaussian_input(g: Any, input: Any, target: Any, var: Any, eps: float, reduction: str) -> Any:
    return per_loss(g, np.size(input), reduction) * ((input - target) / np.maximum(_beside(var, input), eps))


def _gaussian_var(g: Any, input: Any, target: Any, var: Any, eps: float, reduction: str) -> Any:
    v = np.maximum(_beside(var, input), eps)
    slopes = per_loss(g, np.size(input), reduction) * (0.5 / v - 0.5 * np.square((input - target) / v))
    return _sum(slopes, axis=-1) if _is_per_row(*shapes_of(var, input)) else slopes


def _gaussian_expanded(input: Any, target: Any, var: Any, full: bool, eps: float, reduction: str) -> Any:
    input, target, var = in_floats(input, target, var)
    v = maximum(_beside(var, input), eps)
    losses = multiply(0.5, log(v) + divide(square(input - target), v))
    return reduced(losses + 0.5 * math.log(2.0 * math.pi) if full else losses, reduction)


def _gaussian_samples(rng: np.random.Generator) -> Iterator[Sample]:
    for shape, var, attrs in (
        ((2, 3), (2, 3), {}),
        ((2, 3), (2,), {"reduction": "sum", "full": True}),
        ((2, 3), (1, 3), {"reduction": "none"}),
        ((2, 2), (2,), {}),
        ((4,), (), {"full": True}),
        ((), (), {"reduction": "none"}),
        ((0, 3), (0, 3), {"reduction": "sum"}),
    ):
        yield sample(*(array(rng, *one, low=0.3, high=2.0) for one in (shape, shape, var)), **attrs)


@op(
    symbol="Gauss",
    input=_gaussian_input,
    target=lambda g, input, target, var, eps, reduction: _gaussian_input(g, target, input, var, eps, reduction),
    var=_gaussian_var,
    formula="0.5 * (log(maximum({var}, {eps})) + ({input} - {target}) ** 2 / maximum({var}, {eps}))"
    " + where({full}, 0.5 * log(2 * pi), 0)",
    back={
        "input": "{g} · ({input} - {target}) / {var}{share}",
        "target": "{g} · ({target} - {input}) / {var}{share}",
        "var": "{g} · (1 / {var} - (({input} - {target}) / {var})²) / 2{share}",
    },
    shape=_gaussian_shape,
    cost=cost(6),
    samples=_gaussian_samples,
    errors=(
        *(one._replace(operands=(*one.operands, np.ones(3))) for one in UNEVEN),
        ErrorSample((np.zeros((2, 3)), np.zeros((2, 3)), np.ones((1, 1))), {}, ShapeError, "var (1, 1) must have"),
        ErrorSample((np.zeros((2, 3)), np.zeros((2, 3)), np.ones(3)), {}, ShapeError, "without its last axis"),
        ErrorSample((np.zeros(2), np.zeros(2), np.array([1.0, -1.0])), {}, ArgumentError, "var is not below 0"),
    ),
    prepare=prepare_with(eps=NOT_BELOW_ZERO),
    expand=_gaussian_expanded,
    covers=("P04.25", "P04.33"),
)
def gaussian_nll_loss(
    input: Array, target: Array, var: Array, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """
    The negative logarithm of a normal density with a predicted mean and variance.

    It is (log var + (input - target)² / var) / 2. With a variance that is held, only the squared error is left to be
    made small: that is where the mean squared error comes from.

    Parameters
    ----------
    input
        The predicted means.
    target
        The true values, of the same shape.
    var
        The predicted variances, not below 0: of the same shape, without the last axis (one for each row), with one axis
        of length 1, or a single number.
    full
        Add the constant, log(2π) / 2.
    eps
        What variances below it are taken as. The gradient passes as if they were that, as in PyTorch.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.gaussian_nll_loss([1.0, 2.0], [0.0, 2.0], [4.0, 1.0], reduction="none")
    tensor([0.8181, 0.    ])
    """
    _gaussian_shape(*shapes_of(input, target, var), reduction=reduction)
    input, target, var = in_floats(input, target, var)
    if np.any(var < 0):
        raise ValueError("var is not below 0: it is a variance")
    v = np.maximum(_beside(var, input), eps)
    losses = 0.5 * (np.log(v) + np.square(input - target) / v)
    return reduce(losses + 0.5 * math.log(2.0 * math.pi) if full else losses, reduction)


# ---- distributions ---------------------------------------------------------------------------------------------------


def _prepare_kl(attrs: dict[str, Any]) -> None:
    allowed = (*REDUCTIONS, "batchmean")
    if attrs["reduction"] not in allowed:
        raise ValueError(f"reduction is one of {', '.join(allowed)}, got {attrs['reduction']!r}")


def _kl_divisor(input: Shape, reduction: str) -> int:
    if reduction == "batchmean":
        return input[0] if input else 1
    return math.prod(input)


def _kl_each(g: Any, input: Shape, reduction: str) -> Any:
    return per_loss(g, _kl_divisor(input, reduction), reduction.removeprefix("batch"))


def _kl_parts(target: Any, log_target: bool) -> tuple[Any, Any, Any]:
    """The true probabilities, where they are above 0, and their logarithms there; what is 0 adds nothing."""
    p = np.exp(target) if log_target else target
    counts = p != 0
    return p, counts, np.where(counts, target, 0.0) if log_target else np.log(np.where(counts, p, 1.0))


def _kl_target(g: Any, input: Any, target: Any, attrs: Any) -> Any:
    each = _kl_each(g, np.shape(input), attrs["reduction"])
    if not attrs["log_target"]:
        return each * (np.log(target) + 1.0 - input)
    p, counts, log_p = _kl_parts(target, True)
    return each * np.where(counts, p * (log_p - np.where(counts, input, 0.0) + 1.0), 0.0)


def _kl_expanded(input: Any, target: Any, reduction: str, log_target: bool) -> Any:
    input, target = in_floats(input, target)
    if log_target:
        losses = exp(target) * (target - input)
    else:
        log_p = log(where(greater(target, 0.0), target, 1.0))
        losses = target * (log_p - input)
    if reduction == "batchmean":
        return divide(sum(losses), _kl_divisor(input.shape, reduction))
    return reduced(losses, reduction)


def _distributions(rng: np.random.Generator, n: int, k: int) -> tuple[Any, Any]:
    return np.log(rng.dirichlet(np.ones(k), n)), rng.dirichlet(np.ones(k), n)


def _kl_samples(rng: np.random.Generator) -> Iterator[Sample]:
    for reduction in ("mean", "batchmean", "none"):
        yield sample(*_distributions(rng, 2, 3), reduction=reduction)
    for reduction in ("sum", "batchmean"):
        log_q, p = _distributions(rng, 3, 2)
        yield sample(log_q, np.log(p), reduction=reduction, log_target=True)
    yield sample(np.log(np.array(0.25)), np.array(0.5), reduction="batchmean")
    yield sample(np.zeros((0, 3)), np.zeros((0, 3)), reduction="sum")


@op(
    symbol="KL",
    input=lambda g, target, target_shape, log_target, reduction: (
        -_kl_each(g, target_shape, reduction) * (np.exp(target) if log_target else target)
    ),
    target=_kl_target,
    formula="where({log_target}, exp({target}) * ({target} - {input}), {target} * (log({target}) - {input}))",
    back={
        "input": "{g} · (-{target}, or -exp({target}) of a logarithm){share}",
        "target": "{g} · (log({target}) + 1 - {input}, or of a logarithm exp({target}) times that){share}",
    },
    shape=alike,
    cost=cost(4),
    samples=_kl_samples,
    errors=(
        UNEVEN[0],
        ErrorSample((np.zeros(3), np.zeros(3)), BAD_REDUCTION, ArgumentError, "one of mean, sum, none, batchmean"),
    ),
    prepare=_prepare_kl,
    expand=_kl_expanded,
    covers=("P04.28", "P04.29"),
)
def kl_div(input: Array, target: Array, *, reduction: str = "mean", log_target: bool = False) -> Any:
    """
    The Kullback-Leibler divergence of predicted from true distributions, sum(p · (log p - log q)).

    It is 0 where both are the same, above 0 else, and not symmetric. Note which is which: `input` holds log q, the
    logarithm of what is predicted. Where p is 0 nothing is added, even if log q is -inf (PyTorch has nan there).

    Parameters
    ----------
    input
        Logarithms of the predicted probabilities.
    target
        The true probabilities, of the same shape, or their logarithms.
    reduction
        ``"batchmean"`` is the divergence as mathematics has it, averaged over the first axis. ``"mean"`` divides by the
        number of all elements instead, ``"sum"`` and ``"none"`` as usual.
    log_target
        Whether `target` holds logarithms.

    Examples
    --------
    >>> import graphgrad as gg
    >>> log_q = gg.log([[0.5, 0.5]])
    >>> gg.nn.functional.kl_div(log_q, [[0.25, 0.75]], reduction="batchmean")
    tensor(0.1308)
    """
    alike(*shapes_of(input, target), reduction=reduction)
    input, target = in_floats(input, target)
    p, counts, log_p = _kl_parts(target, log_target)
    losses = p * (log_p - np.where(counts, input, 0.0))
    if reduction == "batchmean":
        return add_up(losses) / _kl_divisor(input.shape, reduction)
    return reduce(losses, reduction)
