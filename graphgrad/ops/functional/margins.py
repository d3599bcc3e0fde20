"""Losses that are content with a margin: 0 where the right answer is ahead by enough, else what is missing.

Names, argument order and defaults are PyTorch's where it has them; `graphgrad.nn.functional` offers them. No gradient
passes to the targets, which are classes or signs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.arithmetic import divide, less, multiply, not_equal, square, subtract
from graphgrad.ops.array.axes import expand_dims
from graphgrad.ops.array.elementwise import relu
from graphgrad.ops.array.reductions import sum
from graphgrad.ops.array.selection import where
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array, op
from graphgrad.ops.functional.classes import Classes, check_classes, classes_shape
from graphgrad.ops.functional.loss_parts import (
    ANY_NUMBER,
    UNEVEN,
    alike,
    check_number,
    cost,
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
    values_of,
)
from graphgrad.ops.samples import array, sample

NAMESPACE = "nn.functional"
__all__ = [
    "hinge_embedding_loss",
    "hinge_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "squared_hinge_loss",
]

Shape = tuple[int, ...]


def _with_signs(rng: np.random.Generator, **attrs: Any) -> Iterator[Sample]:
    for (input, _), others in pairs(rng, **attrs):
        yield sample(input, signs(rng, np.shape(input)), **others)


# ---- one score -------------------------------------------------------------------------------------------------------


def _missing(input: Any, target: Any, margin: float) -> Any:
    """What a score lacks to be right by the margin."""
    return margin - target * input


def _hinge_expanded(shape: Callable[[Any], Any], input: Any, target: Any, margin: float, reduction: str) -> Any:
    input, target = in_floats(input, target)
    return reduced(shape(relu(subtract(margin, multiply(target, input)))), reduction)


@op(
    symbol="hinge",
    input=lambda g, input, target, margin, reduction: np.where(
        _missing(input, target, margin) > 0, -per_loss(g, np.size(input), reduction) * target, 0.0
    ),
    formula="maximum(0, {margin} - {target} * {input})",
    back={"input": "{g} · (-{target}) where the margin is missed{share}"},
    shape=alike,
    cost=cost(4),
    samples=lambda rng: [*_with_signs(rng), *_with_signs(rng, margin=0.5)][:7],
    errors=UNEVEN,
    prepare=prepare_with(margin=ANY_NUMBER),
    expand=lambda input, target, margin, reduction: _hinge_expanded(lambda x: x, input, target, margin, reduction),
    covers=("P06.07",),
)
def hinge_loss(input: Array, target: Array, margin: float = 1.0, *, reduction: str = "mean") -> Any:
    """
    The hinge loss of a support vector machine: max(0, margin - target · input).

    A score that is right by the margin costs nothing. The derivative at the kink is 0. No gradient passes to the
    target.

    Parameters
    ----------
    input
        Scores: above 0 for 1, below for -1.
    target
        1 or -1, of the same shape.
    margin
        By how much a score should be right.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.hinge_loss([2.0, 0.5, 3.0], [1.0, 1.0, -1.0], reduction="none")
    tensor([0. , 0.5, 4. ])
    """
    alike(*shapes_of(input, target), reduction=reduction)
    input, target = in_floats(input, target)
    return reduce(np.maximum(_missing(input, target, margin), 0.0), reduction)


@op(
    symbol="hinge²",
    input=lambda g, input, target, margin, reduction: (
        per_loss(g, np.size(input), reduction) * (-2.0 * target * np.maximum(_missing(input, target, margin), 0.0))
    ),
    formula="maximum(0, {margin} - {target} * {input}) ** 2",
    back={"input": "{g} · (-2 · {target}) · what is missing of the margin{share}"},
    shape=alike,
    cost=cost(5),
    samples=lambda rng: [*_with_signs(rng), *_with_signs(rng, margin=0.5)][:7],
    errors=UNEVEN,
    prepare=prepare_with(margin=ANY_NUMBER),
    expand=lambda input, target, margin, reduction: _hinge_expanded(square, input, target, margin, reduction),
)
def squared_hinge_loss(input: Array, target: Array, margin: float = 1.0, *, reduction: str = "mean") -> Any:
    """
    The square of the hinge loss, max(0, margin - target · input)², which has no kink. No gradient passes to the target.

    Parameters
    ----------
    input, target, margin, reduction
        As in `hinge_loss`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.squared_hinge_loss([2.0, 0.5, 3.0], [1.0, 1.0, -1.0], reduction="none")
    tensor([ 0.  ,  0.25, 16.  ])
    """
    alike(*shapes_of(input, target), reduction=reduction)
    input, target = in_floats(input, target)
    return reduce(np.square(np.maximum(_missing(input, target, margin), 0.0)), reduction)


# ---- distances and pairs of scores -----------------------------------------------------------------------------------


def _embedding_slope(g: Any, input: Any, target: Any, margin: float, reduction: str) -> Any:
    each = per_loss(g, np.size(input), reduction)
    # As PyTorch: at the kink the slope is that of the side where something is missing.
    apart = np.where(target != 1, np.where(margin - input >= 0, each, 0.0), 0.0)
    return np.where(target != -1, each, 0.0) - apart


def _embedding_expanded(input: Any, target: Any, margin: float, reduction: str) -> Any:
    input, target = in_floats(input, target)
    missing = subtract(margin, input)
    apart = where(less(missing, 0.0), 0.0, missing)
    losses = where(not_equal(target, 1.0), apart, 0.0) + where(not_equal(target, -1.0), input, 0.0)
    return reduced(losses, reduction)


@op(
    symbol="hinge",
    input=_embedding_slope,
    formula="where({target} == 1, {input}, maximum(0, {margin} - {input}))",
    back={"input": "{g} where {target} is 1, -{g} where it is -1 and the margin is missed{share}"},
    shape=alike,
    cost=cost(4),
    samples=lambda rng: [*_with_signs(rng), *_with_signs(rng, margin=0.5)][:7],
    errors=UNEVEN,
    prepare=prepare_with(margin=ANY_NUMBER),
    expand=_embedding_expanded,
)
def hinge_embedding_loss(input: Array, target: Array, margin: float = 1.0, *, reduction: str = "mean") -> Any:
    """
    The loss of a distance: itself between things that are alike, else what it lacks to the margin.

    The derivative at the kink is -1, as in PyTorch; a target that is neither 1 nor -1 counts as both. No gradient
    passes to the target.

    Parameters
    ----------
    input
        Distances.
    target
        1 for a pair that is alike, -1 for one that isn't, of the same shape.
    margin
        How far apart those should be that aren't alike.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.hinge_embedding_loss([0.3, 0.3, 2.0], [1.0, -1.0, -1.0], reduction="none")
    tensor([0.3, 0.7, 0. ])
    """
    alike(*shapes_of(input, target), reduction=reduction)
    input, target = in_floats(input, target)
    apart = np.where(target != 1, np.maximum(margin - input, 0.0), 0.0)
    return reduce(apart + np.where(target != -1, input, 0.0), reduction)


def _ranking_shape(input1: Shape, input2: Shape, target: Shape, /, margin: float = 0.0, *, reduction: str) -> Shape:
    return alike(input1, input2, target, reduction=reduction, names=("input1", "input2", "target"))


def _ranking_slope(g: Any, input1: Any, input2: Any, target: Any, margin: float, reduction: str) -> Any:
    """That of the first score; the second has the opposite."""
    missing = margin - target * (input1 - input2)
    return np.where(missing >= 0, -per_loss(g, np.size(input1), reduction) * target, 0.0)


def _ranking_expanded(input1: Any, input2: Any, target: Any, margin: float, reduction: str) -> Any:
    input1, input2, target = in_floats(input1, input2, target)
    missing = subtract(margin, multiply(target, subtract(input1, input2)))
    return reduced(where(less(missing, 0.0), 0.0, missing), reduction)


def _ranking_samples(rng: np.random.Generator) -> Iterator[Sample]:
    for (input1, input2), attrs in (*pairs(rng), *[*pairs(rng, margin=0.5)][:2]):
        yield sample(input1, input2, signs(rng, np.shape(input1)), **attrs)


@op(
    symbol="rank",
    input1=_ranking_slope,
    input2=lambda g, input1, input2, target, margin, reduction: (
        -_ranking_slope(g, input1, input2, target, margin, reduction)
    ),
    formula="maximum(0, {margin} - {target} * ({input1} - {input2}))",
    back={
        "input1": "{g} · (-{target}) where the margin is missed{share}",
        "input2": "{g} · {target} where the margin is missed{share}",
    },
    shape=_ranking_shape,
    cost=cost(5),
    samples=_ranking_samples,
    errors=tuple(one._replace(operands=(*one.operands, np.ones(3))) for one in UNEVEN),
    prepare=prepare_with(margin=ANY_NUMBER),
    expand=_ranking_expanded,
)
def margin_ranking_loss(
    input1: Array, input2: Array, target: Array, margin: float = 0.0, *, reduction: str = "mean"
) -> Any:
    """
    The loss of an order between two scores: max(0, margin - target · (input1 - input2)).

    At the kink the derivative is that of the side where something is missing, as in PyTorch. No gradient passes to the
    target.

    Parameters
    ----------
    input1, input2
        Scores, of one shape.
    target
        1 where the first should be the larger one, -1 where the second should, of the same shape.
    margin
        By how much.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.margin_ranking_loss([3.0, 1.0], [1.0, 2.0], [1.0, 1.0], margin=0.5, reduction="none")
    tensor([0. , 1.5])
    """
    _ranking_shape(*shapes_of(input1, input2, target), reduction=reduction)
    input1, input2, target = in_floats(input1, input2, target)
    return reduce(np.maximum(margin - target * (input1 - input2), 0.0), reduction)


# ---- scores of several classes ---------------------------------------------------------------------------------------


def _prepare_multi(attrs: dict[str, Any]) -> None:
    prepare(attrs)
    if attrs["p"] not in (1, 2):
        raise ValueError(f"p is 1 or 2, got {attrs['p']!r}")
    check_number(attrs, "margin", ANY_NUMBER)


def _multi_shape(input: Shape, target: Shape, weight: Shape | None = None, /, *, reduction: str, **_: Any) -> Shape:
    if len(input) > 2:
        raise ValueError(f"input has the shape (N, C) or (C,), got {input}")
    return classes_shape(input, target, weight, reduction=reduction)


def _multi_samples(rng: np.random.Generator) -> Iterator[Sample]:
    weight = rng.uniform(0.5, 2.0, 3)
    yield sample(array(rng, 4, 3), rng.integers(0, 3, 4), None)
    yield sample(array(rng, 2, 3), np.array([2, 0]), None, p=2, reduction="none")
    yield sample(array(rng, 3), np.array(1), None, margin=0.5, reduction="sum")
    yield sample(array(rng, 4, 3), rng.integers(0, 3, 4), weight, margin=2.0)
    yield sample(array(rng, 2, 3), np.array([2, 0]), weight, p=2, reduction="none")
    yield sample(array(rng, 3), np.array(1), weight, p=2)


@composite(
    symbol="multi-margin",
    neutral={"weight": "1"},
    formula="sum(maximum(0, {margin} - {input}[{target}] + others({input}, {target})) ** {p}) / size({input})"
    " * {weight}[{target}]",
    shape=_multi_shape,
    cost=cost(5),
    samples=_multi_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)), np.array([0, 3]), None), {}, ArgumentError, "class indices go from 0 to 2"),
        ErrorSample((np.zeros((2, 3)), np.array([0.0, 1.0]), None), {}, DTypeError, "must be integers"),
        ErrorSample((np.zeros((2, 3, 2)), np.zeros((2, 2), int), None), {}, ShapeError, "shape (N, C) or (C,)"),
        ErrorSample((np.zeros((2, 3)), np.array([0, 1]), np.ones(2)), {}, ShapeError, "one number for each class"),
        ErrorSample((np.zeros((2, 3)), np.array([0, 1]), None), {"p": 3}, ArgumentError, "p is 1 or 2, got 3"),
    ),
    prepare=_prepare_multi,
)
def multi_margin_loss(
    input: Array,
    target: Array,
    p: int = 1,
    margin: float = 1.0,
    weight: Array = None,
    *,
    reduction: str = "mean",
) -> Any:
    """
    The hinge loss of a classification: each wrong class should score less than the right one, by the margin.

    It adds max(0, margin - input[target] + input[i])^p over the wrong classes i and divides by the number C of classes.
    The derivative at the kink is 0.

    Parameters
    ----------
    input
        Scores of shape (N, C) or (C,).
    target
        Class indices, of shape (N,) or ().
    p
        1 or 2, the power.
    margin
        By how much the right class should be ahead.
    weight
        How much each class counts, of shape (C,). The mean still divides by the number of examples. None counts all
        alike.
    reduction
        ``"mean"`` over the examples, ``"sum"``, or ``"none"`` for one loss per example.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.multi_margin_loss([[0.1, 0.2, 0.4, 0.8]], [3])
    tensor(0.325)
    """
    _multi_shape(*shapes_of(input, target, weight), reduction=reduction)
    classes = Classes(target, input.shape)
    classes.check("multi_margin_loss")
    input, weight = in_floats(input, weight)
    right = expand_dims(classes.picked(input), -1)
    missing = where(classes.hot(np.bool_), 0.0, relu(subtract(margin, right) + input))
    losses = divide(sum(missing if p == 1 else square(missing), -1), input.shape[-1])
    return reduced(losses if weight is None else multiply(weight[classes.indices], losses), reduction)


def _multilabel_shape(input: Shape, target: Shape, /, *, reduction: str) -> Shape:
    if len(input) not in (1, 2):
        raise ValueError(f"input has the shape (N, C) or (C,), got {input}")
    alike(input, target, reduction=reduction)
    return reduction_only(input[:-1], reduction)


def _label_table(target: Any) -> tuple[Any, Any]:
    """The labels of each example up to the first -1, and which of them are there at all."""
    is_there = np.cumprod(target >= 0, axis=-1).astype(bool)
    most = int(is_there.sum(axis=-1).max(initial=0))
    return np.where(is_there, target, 0)[..., :most], is_there[..., :most]


def _multilabel_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(array(rng, 2, 4), np.array([[3, 0, -1, 1], [1, -1, -1, -1]]))
    yield sample(array(rng, 3, 4), np.array([[3, 0, 1, 2], [-1, 1, 0, 2], [2, 2, -1, 0]]), reduction="none")
    yield sample(array(rng, 3), np.array([1, -1, 0]), reduction="sum")
    yield sample(array(rng, 1, 2), np.array([[0, -1]]))


@composite(
    symbol="multi-margin",
    formula="sum(maximum(0, 1 - (held({input}, {target}) - others({input}, {target})))) / size({input})",
    shape=_multilabel_shape,
    cost=lambda input, *_, **__: 4 * math.prod(input) * (input[-1] if input else 0),
    samples=_multilabel_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)), np.array([[0, 3, -1], [0, -1, 0]])), {}, ArgumentError, "go from 0 to 2"),
        ErrorSample((np.zeros((2, 3)), np.zeros((2, 3))), {}, DTypeError, "must be integers"),
        ErrorSample((np.zeros((2, 3)), np.zeros(2, int)), {}, ShapeError, "must have the same shape"),
        ErrorSample((np.zeros(()), np.array(0)), {}, ShapeError, "shape (N, C) or (C,)"),
    ),
    prepare=prepare,
)
def multilabel_margin_loss(input: Array, target: Array, *, reduction: str = "mean") -> Any:
    """
    The hinge loss of several labels: each label that holds should score more, by 1, than each that doesn't.

    It adds max(0, 1 - (input[j] - input[i])) over all labels j that hold and i that don't, and divides by the number C
    of labels. The derivative at the kink is 0.

    Parameters
    ----------
    input
        Scores of shape (N, C) or (C,).
    target
        The indices of the labels that hold, of the same shape; a -1 ends them, and what follows doesn't count.
    reduction
        ``"mean"`` over the examples, ``"sum"``, or ``"none"`` for one loss per example.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.multilabel_margin_loss([[0.1, 0.2, 0.4, 0.8]], [[3, 0, -1, 1]])
    tensor(0.85)
    """
    labels = values_of(target)
    _multilabel_shape(*shapes_of(input, labels), reduction=reduction)
    n = input.shape[-1]
    check_classes("multilabel_margin_loss", labels[labels != -1], n)
    (input,) = in_floats(input)
    held, is_there = _label_table(labels)
    holds = np.zeros(input.shape, bool)
    holds[(*np.nonzero(is_there)[:-1], held[is_there])] = True
    # Axes: the example, a label that holds, one that doesn't.
    rows = tuple(np.ogrid[tuple(slice(length) for length in held.shape)])[:-1]
    right = expand_dims(input[(*rows, held)], -1)
    missing = relu(subtract(1.0, subtract(right, expand_dims(input, -2))))
    counts = is_there[..., :, None] & ~holds[..., None, :]
    return reduced(divide(sum(where(counts, missing, 0.0), (-2, -1)), n), reduction)
