"""Losses of a classification: one class of several for each example, or probabilities of all classes.

From logits, with the softmax in it, there is `cross_entropy` in a file of its own.
Names, argument order and defaults are PyTorch's where it has them; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.arithmetic import multiply, negative
from graphgrad.ops.array.indexing import index_add
from graphgrad.ops.array.reductions import sum
from graphgrad.ops.array.softmaxes import log_softmax, softmax
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.functional.classes import (
    REFUSED,
    Classes,
    class_samples,
    classes_shape,
    prepare_classes,
    to_weights,
    without_classes,
)
from graphgrad.ops.functional.loss_parts import (
    NOT_BELOW_ZERO,
    check_number,
    faded,
    in_floats,
    per_loss,
    reduce,
    reduced,
    shapes_of,
)
from graphgrad.ops.samples import sample

NAMESPACE = "nn.functional"
__all__ = ["focal_loss", "nll_loss"]

Shape = tuple[int, ...]

_index_add: Callable[..., Any] = polymorphic(index_add)


# ---- negative logarithms of probabilities ----------------------------------------------------------------------------


def _nll(log_p: Any, classes: Classes, weight: Any) -> Any:
    losses = classes.count(-log_p[classes.key()])
    return losses if weight is None else losses * weight[classes.indices]


def _nll_input(g: Any, target: Any, weight: Any, input_shape: Shape, ignore_index: int, reduction: str) -> Any:
    classes = Classes(target, input_shape, ignore_index)
    each = -per_loss(g, classes.total(weight), reduction)
    if weight is not None:
        each = each * weight[classes.indices]
    each = np.broadcast_to(each, classes.indices.shape)
    # An ignored example gets 0 even if nothing counts, and the divisor is 0.
    return _index_add(classes.count(each), input_shape, classes.key())


def _nll_weight(
    g: Any, input: Any, target: Any, weight: Any, out: Any, ignore_index: int, reduction: str, attrs: Any
) -> Any:
    classes = Classes(target, np.shape(input), ignore_index)
    hot = classes.hot(g.dtype)
    losses = np.where(hot != 0, -input, 0.0)
    return to_weights(g, losses, hot, classes, weight, out, reduction)


def _nll_expanded(input: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    classes = Classes(target, input.shape, ignore_index)
    input, weight = in_floats(input, weight)
    losses = negative(classes.picked(input))
    if weight is not None:
        losses = multiply(losses, weight[classes.indices])
    return reduced(losses, reduction, classes.total(weight))


@op(
    symbol="NLL",
    input=_nll_input,
    weight=_nll_weight,
    neutral={"weight": "1"},
    formula="-{input}[{target}] * {weight}[{target}]",
    divisor="sum({weight}[{target}])",
    back={
        "input": "{g} · (-one_hot({target})) · {weight}{share}",
        "weight": "{g} · (the unweighted losses of each class, of a mean minus {out} each){share}",
    },
    shape=classes_shape,
    cost=lambda input, *_, **__: math.prod(without_classes(input)) * 2,
    samples=lambda rng: class_samples(rng, lambda *shape: np.log(rng.uniform(0.1, 0.9, shape))),
    errors=REFUSED,
    prepare=prepare_classes,
    expand=_nll_expanded,
    covers=("P04.05",),
)
def nll_loss(
    input: Array, target: Array, weight: Array = None, *, ignore_index: int = -100, reduction: str = "mean"
) -> Any:
    """
    The negative log-likelihood of a classification, from logarithms of probabilities: minus that of the true class.

    With `log_softmax` before it, it is `cross_entropy`.

    Parameters
    ----------
    input
        Logarithms of probabilities, of shape (C,), (N, C) or (N, C, d1, ...), C being the number of classes.
    target
        Class indices, of the input's shape without the class axis.
    weight
        How much each class counts, of shape (C,). None counts all alike.
    ignore_index
        A target for examples that don't count: they add nothing, and the mean is that of the others.
    reduction
        ``"mean"`` over the examples, dividing by the sum of their weights; ``"sum"``; or ``"none"`` for one loss per
        example. If no example counts, the mean is nan and its gradient 0.

    Examples
    --------
    >>> import graphgrad as gg
    >>> log_p = gg.log([[0.5, 0.25, 0.25]])
    >>> gg.nn.functional.nll_loss(log_p, [0])
    tensor(0.6931)
    """
    target = np.asarray(target)
    classes_shape(*shapes_of(input, target, weight), reduction=reduction)
    classes = Classes(target, input.shape, ignore_index)
    classes.check("nll_loss")
    input, weight = in_floats(input, weight)
    return reduce(_nll(input, classes, weight), reduction, classes.total(weight))


# ---- hard examples first ---------------------------------------------------------------------------------------------


def _prepare_focal(attrs: dict[str, Any]) -> None:
    prepare_classes(attrs)
    check_number(attrs, "gamma", NOT_BELOW_ZERO)


def _focal_samples(rng: np.random.Generator) -> Iterator[Sample]:
    weight = rng.uniform(0.5, 2.0, 3)
    yield sample(rng.normal(size=(4, 3)), rng.integers(0, 3, 4), None)
    yield sample(rng.normal(size=(4, 3)), np.array([2, -100, 0, 1]), None, gamma=0.5, reduction="none")
    yield sample(rng.normal(size=(3,)), np.array(1), None, gamma=0.0)
    yield sample(rng.normal(size=(2, 3, 2)), rng.integers(0, 3, (2, 2)), weight, gamma=3.0, reduction="sum")
    yield sample(rng.normal(size=(4, 3)), np.array([2, -100, 0, 1]), weight)
    yield sample(rng.normal(size=(2, 3)), np.array([0, 2]), weight, reduction="none")


@composite(
    symbol="focal",
    neutral={"weight": "1"},
    formula="(1 - exp({input}[{target}] - logsumexp({input}))) ** {gamma}"
    " * (logsumexp({input}) - {input}[{target}]) * {weight}[{target}]",
    divisor="sum({weight}[{target}])",
    shape=classes_shape,
    cost=lambda input, *_, **__: 8 * math.prod(input),
    samples=_focal_samples,
    errors=(
        *REFUSED,
        ErrorSample((np.zeros((2, 3)), np.array([0, 1]), None), {"gamma": -1.0}, ArgumentError, "gamma is not below 0"),
    ),
    prepare=_prepare_focal,
    covers=("P04.15",),
)
def focal_loss(
    input: Array,
    target: Array,
    weight: Array = None,
    *,
    gamma: float = 2.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """
    A cross entropy that turns away from what is already right: (1 - p)^`gamma` · (-log p), p of the true class.

    The easy examples, which are many, then don't drown the hard ones. With `gamma` 0 it is `cross_entropy`. Lin et al.,
    "Focal Loss for Dense Object Detection" (2017), for several classes; `sigmoid_focal_loss` has two.

    Parameters
    ----------
    input
        Logits of shape (C,), (N, C) or (N, C, d1, ...).
    target
        Class indices, of the input's shape without the class axis.
    weight, ignore_index, reduction
        As in `cross_entropy`.
    gamma
        How much less an easy example counts, 0 or more.

    Examples
    --------
    >>> import graphgrad as gg
    >>> logits = gg.log([[0.9, 0.1], [0.4, 0.6]])
    >>> gg.nn.functional.focal_loss(logits, [0, 0], reduction="none")
    tensor([0.0011, 0.3299])
    """
    classes_shape(*shapes_of(input, target, weight), reduction=reduction)
    classes = Classes(target, input.shape, ignore_index)
    classes.check("focal_loss")
    input, weight = in_floats(input, weight)
    log_p = log_softmax(input, classes.axis)[classes.key()]
    losses = negative(log_p)
    if gamma:
        # 1 - p is the sum of the other classes' probabilities, which keeps its digits where p is nearly 1.
        others = sum(multiply(softmax(input, classes.axis), 1.0 - classes.hot(input.dtype)), classes.axis)
        losses = multiply(faded(others, gamma), losses)
    losses = classes.count(losses)
    if weight is not None:
        losses = multiply(losses, weight[classes.indices])
    return reduced(losses, reduction, classes.total(weight))
