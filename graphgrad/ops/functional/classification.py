"""Losses of a classification: one class of several for each example, or probabilities of all classes.

Softmax and loss are fused: value and gradient in the stable closed form; the expansion is the textbook's formula.
Names, argument order and defaults are PyTorch's where it has them; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, describe
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.arithmetic import multiply, negative
from graphgrad.ops.array.elementwise import log
from graphgrad.ops.array.indexing import index_add
from graphgrad.ops.array.reductions import sum
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.array.softmaxes import log_softmax, softmax
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.functional.classes import (
    REFUSED,
    Classes,
    along_classes,
    check_weight,
    class_axis,
    class_samples,
    classes_shape,
    for_rows,
    prepare_classes,
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
    reduction_only,
    shapes_of,
)
from graphgrad.ops.samples import sample

NAMESPACE = "nn.functional"
__all__ = ["cross_entropy", "focal_loss", "nll_loss"]

Shape = tuple[int, ...]

_softmax: Callable[..., Any] = polymorphic(softmax)
_log_softmax: Callable[..., Any] = polymorphic(log_softmax)
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
    return _to_weights(g, losses, hot, classes, weight, out, reduction)


def _to_weights(g: Any, losses: Any, hot: Any, classes: Classes, weight: Any, out: Any, reduction: str) -> Any:
    """From the unweighted losses of all classes of all examples to the gradient of the classes' weights."""
    if reduction == "mean":
        # In Σ w l / Σ w a weight stands above and below.
        losses = (losses - out * hot) / classes.total(weight)
        each = g
    else:
        each = for_rows(g, classes.shape, None, reduction)
    others = tuple(i for i in range(len(classes.shape)) if i != classes.axis)
    return np.sum(each * losses, axis=others)


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


# ---- softmax and loss in one -----------------------------------------------------------------------------------------


def _entropy_shape(input: Shape, target: Shape, weight: Shape | None = None, /, *, reduction: str, **_: Any) -> Shape:
    examples = without_classes(input)
    if target not in (input, examples):
        raise ValueError(
            f"target must hold class indices of shape {examples} or probabilities of shape {input}, got {target}"
        )
    check_weight(input, weight)
    return reduction_only(examples, reduction)


def _check_probabilities(input: Any, target: Any, ignore_index: int) -> None:
    """Tell apart, by dtype and shape, class indices and probabilities that look like the other."""
    if target.dtype.kind == "f":
        if target.shape != input.shape:
            raise DTypeError(
                describe(
                    "cross_entropy: class indices must be integers",
                    f"target: shape {target.shape}, {target.dtype}",
                    hint="target.astype('int64'), or give probabilities of the input's shape",
                )
            )
        if ignore_index >= 0:
            raise ArgumentError(
                describe(
                    "cross_entropy: a target of probabilities has no class that ignore_index could name",
                    f"target: shape {target.shape}, {target.dtype}",
                    f"ignore_index: {ignore_index}",
                )
            )
    elif target.shape == input.shape:
        raise DTypeError(
            describe(
                "cross_entropy: a target of the input's shape holds probabilities, which are floats",
                f"target: shape {target.shape}, {target.dtype}",
                hint="target.astype('float32') for one-hot rows, or give class indices",
            )
        )


def _prepare_entropy(attrs: dict[str, Any]) -> None:
    prepare_classes(attrs)
    check_number(attrs, "label_smoothing", (lambda share: 0 <= share <= 1, "from 0 to 1"))


def _smoothed(t: Any, classes: int, smoothing: float) -> Any:
    """True probabilities with a share of them spread evenly over all classes."""
    return t * (1.0 - smoothing) + smoothing / classes if smoothing else t


class _Truth:
    """The true probabilities of all classes of all examples, from either kind of target; arrays or tensors."""

    def __init__(self, target: Any, input: Any, ignore_index: int, smoothing: float) -> None:
        self.shape = np.shape(input)
        self.axis = class_axis(len(self.shape))
        n = self.shape[self.axis]
        self.classes: Classes | None = None
        if not isinstance(target, int) and target.dtype.kind == "f":
            self.table = _smoothed(target, n, smoothing)
        else:
            self.classes = Classes(target, self.shape, ignore_index)
            self.table = self.classes.rows(_smoothed(self.classes.hot(input.dtype), n, smoothing))

    def total(self, weight: Any) -> Any:
        """What a mean divides by: for probabilities the number of examples, weighted or not."""
        if self.classes is None:
            return math.prod(without_classes(self.shape))
        return self.classes.total(weight)

    def rows(self, table: Any) -> Any:
        return table if self.classes is None else self.classes.rows(table)


def _entropy_input(
    g: Any, input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    truth = _Truth(target, input, ignore_index, label_smoothing)
    each = for_rows(g, truth.shape, truth.total(weight), reduction)
    p, t = _softmax(input, axis=truth.axis), truth.table
    if weight is not None:
        t = t * along_classes(weight, truth.shape)
    if weight is not None or truth.classes is None:
        p = p * np.sum(t, axis=truth.axis, keepdims=True)
    return truth.rows(each * (p - t))


def _entropy_target(g: Any, input: Any, weight: Any, ignore_index: int, reduction: str, label_smoothing: float) -> Any:
    shape = np.shape(input)
    axis = class_axis(len(shape))
    each = for_rows(g, shape, math.prod(without_classes(shape)), reduction)
    slope = each * -_log_softmax(input, axis=axis)
    if weight is not None:
        slope = slope * along_classes(weight, shape)
    return slope * (1.0 - label_smoothing) if label_smoothing else slope


def _entropy_weight(
    g: Any,
    input: Any,
    target: Any,
    weight: Any,
    out: Any,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Any:
    truth = _Truth(target, input, ignore_index, label_smoothing)
    log_p = _log_softmax(input, axis=truth.axis)
    losses = -(truth.table * np.where(truth.table == 0, 0.0, log_p))
    if truth.classes is not None:
        hot = truth.classes.hot(input.dtype)
        return _to_weights(g, losses, hot, truth.classes, weight, out, reduction)
    each = for_rows(g, truth.shape, truth.total(weight), reduction)
    return np.sum(each * losses, axis=tuple(i for i in range(len(truth.shape)) if i != truth.axis))


def _entropy_expanded(
    input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    input, weight = in_floats(input, weight)
    truth = _Truth(target, input, ignore_index, label_smoothing)
    surprise = negative(log(softmax(input, truth.axis)))
    if weight is not None:
        surprise = multiply(surprise, reshape(weight, (-1, *[1] * (input.ndim - 1 - truth.axis))))
    return reduced(sum(truth.table * surprise, truth.axis), reduction, truth.total(weight))


@op(
    symbol="CE",
    input=_entropy_input,
    target=_entropy_target,
    weight=_entropy_weight,
    neutral={"weight": "1"},
    formula="(logsumexp({input}) - {input}[{target}]) * {weight}[{target}]",
    divisor="sum({weight}[{target}])",
    back={
        "input": "{g} · (softmax({input}) - one_hot({target})) · {weight}{share}",
        "target": "{g} · (-log_softmax({input})) · {weight}{share}",
        "weight": "{g} · (the unweighted losses of each class, of a mean minus {out} each){share}",
    },
    shape=_entropy_shape,
    cost=lambda input, *_, **__: 5 * math.prod(input),
    samples=lambda rng: class_samples(rng, lambda *shape: rng.normal(size=shape), probabilities=True),
    errors=(
        *REFUSED,
        ErrorSample((np.zeros((2, 3)), np.eye(3, dtype=int)[:2], None), {}, DTypeError, "which are floats"),
        ErrorSample((np.zeros((2, 3)), np.eye(3)[:2], None), {"ignore_index": 1}, ArgumentError, "ignore_index could"),
        ErrorSample(
            (np.zeros((2, 3)), np.array([0, 1]), None), {"label_smoothing": 1.5}, ArgumentError, "is from 0 to 1"
        ),
    ),
    prepare=_prepare_entropy,
    expand=_entropy_expanded,
    covers=("P04.05", "P04.08", "P04.09", "P04.16", "P04.17"),
)
def cross_entropy(
    input: Array,
    target: Array,
    weight: Array = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """
    The cross entropy of a classification, from logits: softmax and loss in one, without overflow.

    The gradient for the logits is softmax(input) - one_hot(target).

    Parameters
    ----------
    input
        Logits of shape (C,), (N, C) or (N, C, d1, ...), C being the number of classes.
    target
        Class indices (integers) of the input's shape without the class axis, or probabilities of the input's shape.
    weight
        How much each class counts, of shape (C,). None counts all alike.
    ignore_index
        A target for examples that don't count: they add nothing, and the mean is that of the others. Class indices
        only.
    reduction
        ``"mean"`` over the examples, ``"sum"``, or ``"none"`` for one loss per example. The mean of class indices
        divides by the sum of their weights, that of probabilities by the number of examples. If no example counts, the
        mean is nan and its gradient 0.
    label_smoothing
        The share, from 0 to 1, of the true probability that is spread evenly over all classes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.cross_entropy([[1.0, 2.0, 3.0]], [2])
    tensor(0.4076)
    >>> gg.nn.functional.cross_entropy([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], [2, 0], weight=[3.0, 1.0, 1.0])
    tensor(1.9076)
    """
    target = np.asarray(target)
    _entropy_shape(*shapes_of(input, target, weight), reduction=reduction)
    _check_probabilities(input, target, ignore_index)
    classes = None if target.dtype.kind == "f" else Classes(target, input.shape, ignore_index)
    if classes is not None:
        classes.check("cross_entropy")
    axis = class_axis(input.ndim)
    input, weight = in_floats(input, weight)
    log_p = log_softmax.op.forward(input, axis=axis)
    if classes is not None and not label_smoothing:
        return reduce(_nll(log_p, classes, weight), reduction, classes.total(weight))
    truth = _Truth(target, log_p, ignore_index, label_smoothing)
    products = truth.rows(truth.table * -log_p)
    if weight is not None:
        products = products * along_classes(weight, input.shape)
    return reduce(np.add.reduce(products, axis=axis), reduction, truth.total(weight))


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
