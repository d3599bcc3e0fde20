"""Losses of yes-or-no predictions, one or several for each example.

Those from logits have sigmoid and loss in one: value and gradient in the stable closed form; the expansions are the
textbook's formulas. Names, argument order and defaults are PyTorch's (of `sigmoid_focal_loss` torchvision's);
`graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.arithmetic import add, multiply, negative, subtract
from graphgrad.ops.array.elementwise import log, sigmoid, softplus
from graphgrad.ops.array.reductions import mean
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.functional.loss_parts import (
    NOT_BELOW_ZERO,
    UNEVEN,
    alike,
    broadcasts_into,
    cost,
    faded,
    in_floats,
    pairs,
    per_loss,
    prepare,
    prepare_with,
    reduce,
    reduced,
    reduction_only,
    shapes_of,
    signs,
)
from graphgrad.ops.samples import array, sample

NAMESPACE = "nn.functional"
__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "multilabel_soft_margin_loss",
    "sigmoid_focal_loss",
    "soft_margin_loss",
]

Shape = tuple[int, ...]

_sigmoid: Callable[..., Any] = polymorphic(sigmoid)
_softplus: Callable[..., Any] = polymorphic(softplus)


def _shape(input: Shape, target: Shape, *weights: Shape | None, reduction: str, **_: Any) -> Shape:
    shape = alike(input, target, reduction=reduction)
    for name, weight in zip(("weight", "pos_weight"), weights, strict=False):
        broadcasts_into(name, weight, input)
    return shape


def _weighted(losses: Any, weight: Any) -> Any:
    return losses if weight is None else losses * weight


def _each(g: Any, input: Any, weight: Any, reduction: str) -> Any:
    """The gradient of each element's loss before it is weighted; the mean divides by their number all the same."""
    return _weighted(per_loss(g, np.size(input), reduction), weight)


_SHAPES: tuple[tuple[Shape, Shape], ...] = (((2, 3), (3,)), ((3,), (3,)), ((2, 2), (2, 1)))


def _unevenly(given: int) -> tuple[ErrorSample, ...]:
    """What they refuse, for so many optional operands."""
    return (
        *(one._replace(operands=(*one.operands, *[None] * given)) for one in UNEVEN),
        ErrorSample(
            (np.full((2, 3), 0.5), np.zeros((2, 3)), np.ones(2), *[None] * (given - 1)),
            {},
            ShapeError,
            "weight (2,) must broadcast to the shape of input",
        ),
    )


# ---- from probabilities ----------------------------------------------------------------------------------------------


def _surprise(input: Any, target: Any) -> Any:
    """The unweighted losses, of arrays and tensors; log1p keeps the digits of small probabilities."""
    # As PyTorch: a confident mistake costs 100 at most, instead of infinity.
    with np.errstate(divide="ignore"):
        yes, no = np.minimum(-np.log(input), 100.0), np.minimum(-np.log1p(-input), 100.0)
    return target * yes + (1.0 - target) * no


def _refuse_others(name: str, p: Any) -> None:
    """Refuse what is no probability; nan goes on, to be found where it comes from."""
    if p.size and (p.min() < 0 or p.max() > 1):
        raise ValueError(f"{name} holds probabilities, from 0 to 1; it has {p.min()} to {p.max()}")


def _expanded(input: Any, target: Any, weight: Any, reduction: str) -> Any:
    input, target, weight = in_floats(input, target, weight)
    losses = -(target * log(input) + (1.0 - target) * log(1.0 - input))
    return reduced(_weighted(losses, weight), reduction)


def _with_weight(rng: np.random.Generator) -> Iterator[Sample]:
    yield from pairs(rng, (0.1, 0.9), (0.0, 0.95), optional=1)
    for (shape, weight), reduction in zip(_SHAPES, ("mean", "sum", "none"), strict=True):
        probabilities = (array(rng, *shape, low=0.1, high=0.9), array(rng, *shape, low=0.0, high=0.95))
        yield sample(*probabilities, array(rng, *weight, low=0.3, high=2.0), reduction=reduction)


@op(
    symbol="BCE",
    input=lambda g, input, target, weight, reduction: (
        _each(g, input, weight, reduction) * ((input - target) / np.maximum(input * (1.0 - input), 1e-12))
    ),
    target=lambda g, input, weight, reduction: _each(g, input, weight, reduction) * (np.log1p(-input) - np.log(input)),
    weight=lambda g, input, target, reduction: per_loss(g, np.size(input), reduction) * _surprise(input, target),
    neutral={"weight": "1"},
    formula="-({weight} * ({target} * log({input}) + (1 - {target}) * log(1 - {input})))",
    back={
        "input": "{g} · {weight} · ({input} - {target}) / ({input} · (1 - {input})){share}",
        "target": "{g} · {weight} · (log(1 - {input}) - log({input})){share}",
        "weight": "{g} · the unweighted losses{share}",
    },
    shape=_shape,
    cost=cost(7),
    samples=_with_weight,
    errors=(
        *_unevenly(1),
        ErrorSample((np.array([0.5, 1.5]), np.zeros(2), None), {}, ArgumentError, "input holds probabilities"),
        ErrorSample((np.full(2, 0.5), np.array([0, -1]), None), {}, ArgumentError, "target holds probabilities"),
    ),
    prepare=prepare,
    expand=_expanded,
    covers=("P04.06",),
)
def binary_cross_entropy(input: Array, target: Array, weight: Array = None, *, reduction: str = "mean") -> Any:
    """
    The cross entropy of yes-or-no predictions that are probabilities. Prefer the one from logits.

    Each logarithm is held at -100 at least, as in PyTorch, so that a prediction of exactly 0 or 1 gives a finite loss.

    Parameters
    ----------
    input
        Probabilities in [0, 1].
    target
        True probabilities in [0, 1], of the same shape.
    weight
        A factor for each element; broadcasts to the shape of the input. None leaves them alone.
    reduction
        ``"mean"`` over all elements, weighted or not, ``"sum"`` or ``"none"``.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.binary_cross_entropy([0.5, 0.5], [0.0, 1.0])
    tensor(0.6931)
    """
    _shape(*shapes_of(input, target, weight), reduction=reduction)
    input, target, weight = in_floats(input, target, weight)
    _refuse_others("input", input)
    _refuse_others("target", target)
    return reduce(_weighted(_surprise(input, target), weight), reduction)


# ---- from logits -----------------------------------------------------------------------------------------------------


def _logits_input(g: Any, input: Any, target: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    p = _sigmoid(input)
    if pos_weight is None:
        slope = p - target
    else:
        slope = (1.0 + (pos_weight - 1.0) * target) * p - pos_weight * target
    return _each(g, input, weight, reduction) * slope


def _logits_target(g: Any, input: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    slope = -input if pos_weight is None else (pos_weight - 1.0) * _softplus(-input) - input
    return _each(g, input, weight, reduction) * slope


def _logits_losses(input: Any, target: Any, pos_weight: Any) -> Any:
    """The unweighted losses, of arrays and tensors. Nothing cancels: small losses keep their digits."""
    yes = target * _softplus(-input)
    return (yes if pos_weight is None else pos_weight * yes) + (1.0 - target) * _softplus(input)


def _logits_expanded(input: Any, target: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    input, target, weight, pos_weight = in_floats(input, target, weight, pos_weight)
    yes = multiply(target, softplus(negative(input)))
    if pos_weight is not None:
        yes = multiply(pos_weight, yes)
    losses = add(yes, multiply(subtract(1.0, target), softplus(input)))
    return reduced(_weighted(losses, weight), reduction)


def _with_weights(rng: np.random.Generator) -> Iterator[Sample]:
    yield from pairs(rng, (-3.0, 3.0), (0.0, 1.0), optional=2)
    for (shape, one), reduction in zip(_SHAPES, ("mean", "sum", "none"), strict=True):
        logits = (array(rng, *shape, low=-3.0, high=3.0), array(rng, *shape, low=0.0, high=1.0))
        weight, pos_weight = array(rng, *one, low=0.3, high=2.0), array(rng, shape[-1], low=0.3, high=2.0)
        for optional in ((weight, None), (None, pos_weight), (weight, pos_weight)):
            yield sample(*logits, *optional, reduction=reduction)


@op(
    symbol="BCE",
    input=_logits_input,
    target=_logits_target,
    weight=lambda g, input, target, pos_weight, reduction: (
        per_loss(g, np.size(input), reduction) * _logits_losses(input, target, pos_weight)
    ),
    pos_weight=lambda g, input, target, weight, reduction: (
        _each(g, input, weight, reduction) * (target * _softplus(-input))
    ),
    neutral={"weight": "1", "pos_weight": "1"},
    formula="{weight} * ({pos_weight} * {target} * log(1 + exp(-{input})) + (1 - {target}) * log(1 + exp({input})))",
    back={
        "input": "{g} · {weight} · (sigmoid({input}) - {target}, the part of {target} times {pos_weight}){share}",
        "target": "{g} · {weight} · ({pos_weight} · log(1 + exp(-{input})) - log(1 + exp({input}))){share}",
        "weight": "{g} · the unweighted losses{share}",
        "pos_weight": "{g} · {weight} · {target} · log(1 + exp(-{input})){share}",
    },
    shape=_shape,
    cost=cost(6),
    samples=_with_weights,
    errors=(
        *_unevenly(2),
        ErrorSample(
            (np.zeros((2, 3)), np.zeros((2, 3)), None, np.ones(2)), {}, ShapeError, "pos_weight (2,) must broadcast"
        ),
    ),
    prepare=prepare,
    expand=_logits_expanded,
    covers=("P04.06", "P04.07", "P04.20"),
)
def binary_cross_entropy_with_logits(
    input: Array, target: Array, weight: Array = None, *, reduction: str = "mean", pos_weight: Array = None
) -> Any:
    """
    The cross entropy of yes-or-no predictions, from logits: sigmoid and loss in one, without overflow.

    The gradient is sigmoid(input) - target.

    Parameters
    ----------
    input
        Logits, any real numbers.
    target
        True probabilities in [0, 1], of the same shape.
    weight
        A factor for each element; broadcasts to the shape of the input. A 0 leaves an element out that has no label.
    reduction
        ``"mean"`` over all elements, weighted or not, ``"sum"`` or ``"none"``.
    pos_weight
        A factor for the loss of a yes; broadcasts to the shape of the input. Above 1 it makes up for a yes that is
        rare.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.binary_cross_entropy_with_logits([0.0, 1000.0], [1.0, 1.0])
    tensor(0.3466)
    """
    _shape(*shapes_of(input, target, weight, pos_weight), reduction=reduction)
    input, target, weight, pos_weight = in_floats(input, target, weight, pos_weight)
    if pos_weight is None:  # with one exponential for both answers
        losses = np.maximum(input, 0.0) - input * target + np.log1p(np.exp(-np.abs(input)))
    else:
        losses = _logits_losses(input, target, pos_weight)
    return reduce(_weighted(losses, weight), reduction)


def _labels_shape(input: Shape, target: Shape, weight: Shape | None = None, /, *, reduction: str) -> Shape:
    _shape(input, target, weight, reduction="none")
    if not input:
        raise ValueError("input needs an axis of classes, its last one")
    return reduction_only(input[:-1], reduction)


def _labels_samples(rng: np.random.Generator) -> Iterator[Sample]:
    for (shape, weight), reduction in zip(_SHAPES, ("mean", "sum", "none"), strict=True):
        labels = (array(rng, *shape, low=-3.0, high=3.0), rng.integers(0, 2, shape) * 1.0)
        for factors in (None, array(rng, *weight, low=0.3, high=2.0)):
            yield sample(*labels, factors, reduction=reduction)


@composite(
    symbol="multi-label",
    neutral={"weight": "1"},
    formula="mean({weight} * ({target} * log(1 + exp(-{input})) + (1 - {target}) * log(1 + exp({input}))), axis=-1)",
    shape=_labels_shape,
    cost=cost(7),
    samples=_labels_samples,
    errors=(
        *_unevenly(1),
        ErrorSample((np.zeros(()), np.zeros(()), None), {}, ShapeError, "needs an axis of classes, its last one"),
    ),
    prepare=prepare,
    covers=("P04.20", "P04.23"),
)
def multilabel_soft_margin_loss(input: Array, target: Array, weight: Array = None, *, reduction: str = "mean") -> Any:
    """
    The cross entropy of several yes-or-no labels for each example, from logits, averaged over the labels.

    Parameters
    ----------
    input
        Logits, of shape (C,) or (..., C).
    target
        For each label whether it holds, 1 or 0, of the same shape.
    weight
        A factor for each label; broadcasts to the shape of the input. None leaves them alone.
    reduction
        ``"mean"`` over the examples, ``"sum"``, or ``"none"`` for one loss per example.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.multilabel_soft_margin_loss([[0.0, 1000.0]], [[1.0, 1.0]])
    tensor(0.3466)
    """
    _labels_shape(*shapes_of(input, target, weight), reduction=reduction)
    losses = binary_cross_entropy_with_logits(input, target, weight, reduction="none")
    return reduced(mean(losses, -1), reduction)


@op(
    symbol="log hinge",
    input=lambda g, input, target, reduction: (
        -per_loss(g, np.size(input), reduction) * target * _sigmoid(-(target * input))
    ),
    formula="log(1 + exp(-{target} * {input}))",
    back={"input": "{g} · (-{target} · sigmoid(-{target} · {input})){share}"},
    shape=alike,
    cost=cost(4),
    samples=lambda rng: [
        sample(one, signs(rng, np.shape(one)), **attrs) for (one, _), attrs in pairs(rng, (-3.0, 3.0))
    ],
    errors=UNEVEN,
    prepare=prepare,
    expand=lambda input, target, reduction: reduced(softplus(negative(multiply(*in_floats(target, input)))), reduction),
)
def soft_margin_loss(input: Array, target: Array, *, reduction: str = "mean") -> Any:
    """
    The cross entropy of a choice between 1 and -1, from a score: log(1 + exp(-target · input)), without overflow.

    It is a hinge loss without the kink. No gradient passes to the target.

    Parameters
    ----------
    input
        Scores: above 0 for 1, below for -1.
    target
        1 or -1, of the same shape.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.soft_margin_loss([0.0, 1000.0], [1.0, -1.0], reduction="none")
    tensor([6.9315e-01, 1.0000e+03])
    """
    alike(*shapes_of(input, target), reduction=reduction)
    input, target = in_floats(input, target)
    return reduce(_softplus(-(target * input)), reduction)


# ---- hard examples first ---------------------------------------------------------------------------------------------


def _focal_samples(rng: np.random.Generator) -> Iterator[Sample]:
    for attrs in (
        {"reduction": "mean"},
        {"alpha": -1.0, "gamma": 1.0, "reduction": "sum"},
        {"gamma": 3.0},
        {"gamma": 0.0, "alpha": 0.5},
    ):
        yield sample(array(rng, 2, 3, low=-3.0, high=3.0), array(rng, 2, 3, low=0.0, high=1.0), **attrs)
    yield sample(array(rng), np.array(1.0))


_COUNTS = "where({alpha} < 0, 1, {alpha} * {target} + (1 - {alpha}) * (1 - {target}))"
_WRONG = "({target} / (1 + exp({input})) + (1 - {target}) / (1 + exp(-{input})))"


@composite(
    symbol="focal",
    formula=f"{_COUNTS} * {_WRONG} ** {{gamma}} * (log(1 + exp({{input}})) - {{target}} * {{input}})",
    shape=alike,
    cost=cost(14),
    samples=_focal_samples,
    errors=(
        *UNEVEN,
        ErrorSample((np.zeros(3), np.zeros(3)), {"gamma": -1.0}, ArgumentError, "gamma is not below 0, got -1.0"),
        ErrorSample((np.zeros(3), np.zeros(3)), {"alpha": 2.0}, ArgumentError, "alpha is at most 1, got 2.0"),
    ),
    prepare=prepare_with(gamma=NOT_BELOW_ZERO, alpha=(lambda alpha: alpha <= 1, "at most 1")),
    covers=("P04.15",),
)
def sigmoid_focal_loss(
    input: Array, target: Array, alpha: float = 0.25, gamma: float = 2.0, *, reduction: str = "none"
) -> Any:
    """
    A binary cross entropy that turns away from what is already right, from logits: (1 - p)^`gamma` · (-log p).

    p is the probability of the true answer. The easy examples, which are many, then don't drown the hard ones. Lin et
    al., "Focal Loss for Dense Object Detection" (2017); arguments and defaults are those of torchvision.

    Parameters
    ----------
    input
        Logits, any real numbers.
    target
        1 for yes and 0 for no, or probabilities, of the same shape.
    alpha
        How much a yes counts; a no counts 1 - `alpha`. Below 0 both count 1.
    gamma
        How much less an easy example counts, 0 or more.
    reduction
        ``"none"`` for one loss per element, ``"mean"`` over all elements, or ``"sum"``.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.sigmoid_focal_loss([0.0, 5.0], [1.0, 1.0], alpha=-1)
    tensor([1.7329e-01, 3.0081e-07])
    """
    alike(*shapes_of(input, target), reduction=reduction)
    input, target = in_floats(input, target)
    other = subtract(1.0, target)
    losses = add(multiply(target, softplus(negative(input))), multiply(other, softplus(input)))
    if gamma:
        # The probability of the wrong answer, not 1 minus that of the right one, keeps its digits where it is small.
        wrong = add(multiply(target, sigmoid(negative(input))), multiply(other, sigmoid(input)))
        losses = multiply(faded(wrong, gamma), losses)
    if alpha >= 0:
        losses = multiply(add(multiply(alpha, target), multiply(1.0 - alpha, other)), losses)
    return reduced(losses, reduction)
