"""Losses, fused: value and gradient in the stable closed form. Their expansions are the textbook's formulas.

Names, argument order and defaults are PyTorch's; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError, describe
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.arithmetic import abs as absolute
from graphgrad.ops.arithmetic import square
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.elementwise import exp, log, log1p, sigmoid
from graphgrad.ops.reductions import mean, sum
from graphgrad.ops.samples import array, sample
from graphgrad.ops.selection import maximum
from graphgrad.ops.softmaxes import log_softmax, softmax

__all__ = ["binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "mse_loss"]

Shape = tuple[int, ...]
REDUCTIONS = ("mean", "sum", "none")


def _prepare(attrs: dict[str, Any]) -> None:
    if attrs["reduction"] not in REDUCTIONS:
        raise ValueError(f"reduction is one of {', '.join(REDUCTIONS)}, got {attrs['reduction']!r}")


def _reduce(losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    total = np.add.reduce(losses, axis=None)
    return total if reduction == "sum" else total / losses.size


def _reduced(losses: Any, reduction: str) -> Any:
    """The same on tensors, for the expansions."""
    return losses if reduction == "none" else sum(losses) if reduction == "sum" else mean(losses)


def _share(g: Any, n: int, reduction: str) -> Any:
    """The gradient of each single loss."""
    return g / n if reduction == "mean" else g


def _alike(input: Shape, target: Shape, /, reduction: str) -> Shape:
    if input != target:
        raise ValueError(f"input {input} and target {target} must have the same shape")
    return input if reduction == "none" else ()


def _same_shape(input: Any, target: Any, name: str) -> None:
    if np.shape(input) != np.shape(target):
        raise ShapeError(
            describe(
                f"{name}: input and target must have the same shape",
                f"input: {np.shape(input)}",
                f"target: {np.shape(target)}",
                hint="broadcasting here would silently compare every prediction with every target; reshape one",
            )
        )


_UNEVEN = (
    ErrorSample((np.zeros((3, 1)), np.zeros(3)), {}, ShapeError, "same shape"),
    ErrorSample((np.zeros(3), np.zeros(3)), {"reduction": "average"}, ArgumentError, "one of mean, sum, none"),
)


def _pairs(
    rng: np.random.Generator, low: float, high: float, target_low: float, target_high: float
) -> Iterator[Sample]:
    for shape in ((2, 3), (4,), ()):
        for reduction in REDUCTIONS:
            yield sample(
                array(rng, *shape, low=low, high=high),
                array(rng, *shape, low=target_low, high=target_high),
                reduction=reduction,
            )
    yield sample(np.zeros((0, 3)), np.zeros((0, 3)), reduction="sum")


@op(
    symbol="MSE",
    input=lambda g, input, target, reduction: _share(g, math.prod(input.shape), reduction) * (2.0 * (input - target)),
    target=lambda g, input, target, reduction: _share(g, math.prod(input.shape), reduction) * (2.0 * (target - input)),
    formula="({input} - {target}) ** 2",
    back={"input": "{g} · 2 · ({input} - {target}){share}", "target": "{g} · 2 · ({target} - {input}){share}"},
    shape=_alike,
    cost=lambda input, *_, **__: 3 * math.prod(input),
    samples=lambda rng: _pairs(rng, -2.0, 2.0, -2.0, 2.0),
    errors=_UNEVEN,
    prepare=_prepare,
    expand=lambda input, target, reduction: _reduced(square(input - target), reduction),
    covers=("P02.13", "P04.01"),
)
def mse_loss(input: Array, target: Array, *, reduction: str = "mean") -> Any:
    """
    The squared error of a regression, (input - target)².

    Parameters
    ----------
    input, target
        Predictions and true values, of one shape.
    reduction
        ``"mean"`` over all elements, ``"sum"``, or ``"none"`` for one loss per element.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.mse_loss([1.0, 2.0], [1.0, 4.0])
    tensor(2.)
    """
    _same_shape(input, target, "mse_loss")
    return _reduce(np.square(np.subtract(input, target)), reduction)


def _clamped_log(p: Any) -> Any:
    # As PyTorch: a confident mistake costs 100 at most, instead of infinity.
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), -100.0)


@op(
    symbol="BCE",
    input=lambda g, input, target, reduction: (
        _share(g, math.prod(input.shape), reduction) * ((input - target) / np.maximum(input * (1.0 - input), 1e-12))
    ),
    target=lambda g, input, reduction: (
        _share(g, math.prod(input.shape), reduction) * (np.log(1.0 - input) - np.log(input))
    ),
    formula="-({target} * log({input}) + (1 - {target}) * log(1 - {input}))",
    back={
        "input": "{g} · ({input} - {target}) / ({input} · (1 - {input})){share}",
        "target": "{g} · (log(1 - {input}) - log({input})){share}",
    },
    shape=_alike,
    cost=lambda input, *_, **__: 7 * math.prod(input),
    samples=lambda rng: _pairs(rng, 0.1, 0.9, 0.0, 1.0),
    errors=_UNEVEN,
    prepare=_prepare,
    expand=lambda input, target, reduction: _reduced(
        -(target * log(input) + (1.0 - target) * log(1.0 - input)), reduction
    ),
    covers=("P04.06",),
)
def binary_cross_entropy(input: Array, target: Array, *, reduction: str = "mean") -> Any:
    """
    The cross entropy of yes-or-no predictions that are probabilities. Prefer the one from logits.

    Each logarithm is held at -100 at least, as in PyTorch, so that a prediction of exactly 0 or 1 gives a finite loss.

    Parameters
    ----------
    input
        Probabilities in [0, 1].
    target
        True probabilities in [0, 1], of the same shape.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.binary_cross_entropy([0.5, 0.5], [0.0, 1.0])
    tensor(0.6931)
    """
    _same_shape(input, target, "binary_cross_entropy")
    return _reduce(-(target * _clamped_log(input) + (1.0 - target) * _clamped_log(1.0 - input)), reduction)


@op(
    symbol="BCE",
    input=lambda g, input, target, reduction: _share(g, math.prod(input.shape), reduction) * (_sigmoid(input) - target),
    target=lambda g, input, reduction: _share(g, math.prod(input.shape), reduction) * -input,
    formula="log(1 + exp({input})) - {input} * {target}",
    back={"input": "{g} · (sigmoid({input}) - {target}){share}", "target": "{g} · (-{input}){share}"},
    shape=_alike,
    cost=lambda input, *_, **__: 6 * math.prod(input),
    samples=lambda rng: _pairs(rng, -3.0, 3.0, 0.0, 1.0),
    errors=_UNEVEN,
    prepare=_prepare,
    expand=lambda input, target, reduction: _reduced(
        maximum(input, 0.0) - input * target + log1p(exp(-absolute(input))), reduction
    ),
    covers=("P04.06", "P04.07"),
)
def binary_cross_entropy_with_logits(input: Array, target: Array, *, reduction: str = "mean") -> Any:
    """
    The cross entropy of yes-or-no predictions, from logits: sigmoid and loss in one, without overflow.

    The gradient is sigmoid(input) - target.

    Parameters
    ----------
    input
        Logits, any real numbers.
    target
        True probabilities in [0, 1], of the same shape.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.binary_cross_entropy_with_logits([0.0, 1000.0], [1.0, 1.0])
    tensor(0.3466)
    """
    _same_shape(input, target, "binary_cross_entropy_with_logits")
    losses = np.maximum(input, 0.0) - np.multiply(input, target) + np.log1p(np.exp(0.0 - np.abs(input)))
    return _reduce(losses, reduction)


_sigmoid: Callable[..., Any] = polymorphic(sigmoid)
_softmax: Callable[..., Any] = polymorphic(softmax)
_log_softmax: Callable[..., Any] = polymorphic(log_softmax)


def _class_axis(rank: int) -> int:
    return 0 if rank == 1 else 1


def _one_hot(target: Any, shape: Shape, dtype: Any) -> Any:
    """Class indices as rows of zeros with a one, the classes on their axis."""
    indices = target.data if hasattr(target, "requires_grad") else target
    hot = np.zeros(shape, dtype)
    axis = _class_axis(len(shape))
    np.put_along_axis(hot, np.expand_dims(indices, axis), 1.0, axis)
    return hot


def _probabilities(input: Any, target: Any) -> Any:
    return target if target.dtype.kind == "f" else _one_hot(target, input.shape, input.dtype)


def _per_example(g: Any, shape: Shape, reduction: str) -> Any:
    """The gradient of each example's loss, with the class axis back."""
    axis = _class_axis(len(shape))
    if reduction == "none":
        return np.expand_dims(g, axis) if isinstance(g, np.ndarray) else np.reshape(g, _with_one(shape, axis))
    return _share(g, math.prod(shape) // shape[axis] if shape[axis] else 0, reduction)


def _with_one(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], 1, *shape[axis + 1 :])


def _logits_gradient(g: Any, input: Any, target: Any, reduction: str) -> Any:
    axis = _class_axis(input.ndim)
    if isinstance(target, int):
        target = np.asarray(target)  # the class index of a single example
    p = _softmax(input, axis=axis)
    t = _probabilities(input, target)
    if target.dtype.kind == "f":
        p = p * np.sum(t, axis=axis, keepdims=True)
    return _per_example(g, input.shape, reduction) * (p - t)


def _target_gradient(g: Any, input: Any, reduction: str) -> Any:
    return _per_example(g, input.shape, reduction) * -_log_softmax(input, axis=_class_axis(input.ndim))


def _losses_shape(input: Shape, target: Shape, /, reduction: str) -> Shape:
    if not input:
        raise ValueError("input needs an axis of classes: shape (C,), (N, C) or (N, C, d1, ...)")
    axis = _class_axis(len(input))
    examples = (*input[:axis], *input[axis + 1 :])
    if target not in (input, examples):
        raise ValueError(
            f"target must hold class indices of shape {examples} or probabilities of shape {input}, got {target}"
        )
    return examples if reduction == "none" else ()


def _check_classes(input: Any, target: Any) -> None:
    try:
        _losses_shape(np.shape(input), np.shape(target), "mean")
    except ValueError as reason:
        raise ShapeError(describe(f"cross_entropy: {reason}")) from None
    classes = input.shape[_class_axis(input.ndim)]
    if target.dtype.kind == "f":
        if target.shape != input.shape:
            raise DTypeError(
                describe(
                    "cross_entropy: class indices must be integers",
                    f"target: shape {target.shape}, {target.dtype}",
                    hint="target.astype('int64'), or give probabilities of the input's shape",
                )
            )
    elif target.shape == input.shape and input.ndim > 0:
        raise DTypeError(
            describe(
                "cross_entropy: a target of the input's shape holds probabilities, which are floats",
                f"target: shape {target.shape}, {target.dtype}",
                hint="target.astype('float32') for one-hot rows, or give class indices",
            )
        )
    elif target.size and not (target.min() >= 0 and target.max() < classes):
        raise ArgumentError(
            describe(
                f"cross_entropy: class indices go from 0 to {classes - 1}",
                f"target: has {int(target.min())} to {int(target.max())}",
                hint=f"the class axis of input has length {classes}",
            )
        )


def _expanded(input: Any, target: Any, reduction: str) -> Any:
    axis = _class_axis(input.ndim)
    t = target if target.dtype.kind == "f" else _one_hot(target, input.shape, input.dtype)
    losses = -sum(t * log(softmax(input, axis)), axis)
    return _reduced(losses, reduction)


def _class_samples(rng: np.random.Generator) -> Iterator[Sample]:
    for reduction in REDUCTIONS:
        yield sample(rng.normal(size=(4, 3)), rng.integers(0, 3, 4), reduction=reduction)
        yield sample(rng.normal(size=(2, 3, 2)), rng.integers(0, 3, (2, 2)), reduction=reduction)
        yield sample(rng.normal(size=(2, 3)), rng.dirichlet(np.ones(3), 2), reduction=reduction)
        yield sample(rng.normal(size=(3,)), np.array(2), reduction=reduction)
    yield sample(rng.normal(size=(2, 3)), rng.random((2, 3)))
    yield sample(np.zeros((0, 3)), np.zeros(0, np.int64), reduction="sum")


@op(
    symbol="CE",
    input=_logits_gradient,
    target=_target_gradient,
    formula="logsumexp({input}) - {input}[{target}]",
    back={
        "input": "{g} · (softmax({input}) - one_hot({target})){share}",
        "target": "{g} · (-log_softmax({input})){share}",
    },
    shape=_losses_shape,
    cost=lambda input, *_, **__: 5 * math.prod(input),
    samples=_class_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)), np.array([0, 3])), {}, ArgumentError, "class indices go from 0 to 2"),
        ErrorSample((np.zeros((2, 3)), np.array([0, 1, 2])), {}, ShapeError, "class indices of shape (2,)"),
        ErrorSample((np.zeros((2, 3)), np.array([0.0, 1.0])), {}, DTypeError, "must be integers"),
        ErrorSample((np.zeros((2, 3)), np.eye(3, dtype=int)[:2]), {}, DTypeError, "which are floats"),
        ErrorSample((np.zeros(()), np.array(0)), {}, ShapeError, "needs an axis of classes"),
    ),
    prepare=_prepare,
    expand=_expanded,
    covers=("P04.05", "P04.08", "P04.09"),
)
def cross_entropy(input: Array, target: Array, *, reduction: str = "mean") -> Any:
    """
    The cross entropy of a classification, from logits: softmax and loss in one, without overflow.

    The gradient for the logits is softmax(input) - one_hot(target).

    Parameters
    ----------
    input
        Logits of shape (C,), (N, C) or (N, C, d1, ...), C being the number of classes.
    target
        Class indices (integers) of the input's shape without the class axis, or probabilities of the input's shape.
    reduction
        ``"mean"`` over the examples, ``"sum"``, or ``"none"`` for one loss per example.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.cross_entropy([[1.0, 2.0, 3.0]], [2])
    tensor(0.4076)
    """
    target = np.asarray(target)
    _check_classes(input, target)
    axis = _class_axis(input.ndim)
    log_p = log_softmax.op.forward(input, axis=axis)
    if target.dtype.kind == "f":
        losses = -np.add.reduce(target * log_p, axis=axis)
    else:
        losses = -np.take_along_axis(log_p, np.expand_dims(target, axis), axis).squeeze(axis)
    return _reduce(losses, reduction)
