"""Cross entropy from logits: softmax and loss in one, computed in closed form and by kernels.

The expansion is the textbook's formula. Names, argument order and defaults are PyTorch's; `graphgrad.nn.functional`
offers this.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, describe
from graphgrad.graph.operation import ErrorSample
from graphgrad.kernels.choice import kernels_of
from graphgrad.kernels.plain import cross_entropy as plain
from graphgrad.kernels.plain import cross_entropy_places as plain_places
from graphgrad.kernels.reserve import Reserve
from graphgrad.kernels.sums import add_up
from graphgrad.ops.array.arithmetic import multiply, negative
from graphgrad.ops.array.elementwise import log
from graphgrad.ops.array.reductions import sum
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.array.softmaxes import log_softmax, softmax
from graphgrad.ops.declare import Array, op
from graphgrad.ops.functional.classes import (
    REFUSED,
    Classes,
    along_classes,
    check_weight,
    class_axis,
    class_samples,
    for_rows,
    prepare_classes,
    to_weights,
    without_classes,
)
from graphgrad.ops.functional.loss_parts import (
    check_number,
    in_floats,
    per_loss,
    reduce,
    reduced,
    reduction_only,
    shapes_of,
    values_of,
)
from graphgrad.ops.kernel_rules import by_kernel

NAMESPACE = "nn.functional"
__all__ = ["cross_entropy"]

Shape = tuple[int, ...]

_softmax, _log_softmax = softmax.op.forward, log_softmax.op.forward

_OPERANDS = ("input", "target", "weight")

# ---- what it takes ---------------------------------------------------------------------------------------------------


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


_DEFAULTS = {"ignore_index": -100, "reduction": "mean", "label_smoothing": 0.0}


def _prepare_entropy(attrs: dict[str, Any]) -> None:
    if [*map(type, attrs.values())] == [int, str, float] and attrs == _DEFAULTS:
        return  # as in nearly every training step
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


# ---- kernels ---------------------------------------------------------------------------------------------------------

_ENOUGH = 1 << 12
"""Below so many logits NumPy is asked, in 0.07 ms at most: nothing is compiled for a first small network."""

# The classes, and two numbers for each example: as many as there are examples, not logits.
_kept = Reserve()


def _kernels(subject: str, twins: ModuleType, logits: int) -> Any:
    return twins if logits < _ENOUGH else kernels_of(subject)


# ---- rows of logits --------------------------------------------------------------------------------------------------
# One class for each example: what nearly every classification is.


def _has_rows(input: Any, target: Any, label_smoothing: float) -> bool:
    return type(input) is np.ndarray and values_of(target).dtype.kind != "f" and not label_smoothing


def _as_rows(input: Any) -> Any:
    """A row of logits for each example."""
    last = np.moveaxis(input, class_axis(input.ndim), -1)
    return last.reshape(math.prod(last.shape[:-1]), last.shape[-1])


def _loss_of_rows(input: Any, classes: Classes, weight: Any, reduction: str) -> Any:
    x = input if input.ndim == 2 else _as_rows(input)
    losses, *found = _kernels("cross_entropy", plain, x.size).losses(x, classes.numbers())
    losses = losses.reshape(classes.indices.shape)
    if weight is not None:
        losses = losses * weight[classes.indices]
    out = np.asarray(reduce(losses, reduction, classes.total(weight)))
    _kept.keep(out, (classes, *found))
    return out


def _gradient_of_rows(g: Any, input: Any, target: Any, weight: Any, out: Any, ignore_index: int, reduction: str) -> Any:
    x = input if input.ndim == 2 else _as_rows(input)
    kernels = _kernels("cross_entropy", plain, x.size)
    found = None if out is None else _kept.take(out)
    if found is None:
        classes = Classes(target, input.shape, ignore_index)
        _, *found = kernels.losses(x, classes.numbers())
    else:
        classes, *found = found
    each = per_loss(g, classes.total(weight), reduction)
    if weight is not None:
        each = each * weight[classes.indices]
    scale = np.empty(classes.indices.shape, x.dtype)
    scale[...] = each
    scale = scale.reshape(-1)
    gradient = kernels.gradient(x, classes.numbers(), *found, scale)
    if input.ndim == 2:
        return gradient
    return np.moveaxis(gradient.reshape(*classes.indices.shape, x.shape[1]), -1, classes.axis)


# ---- places side by side ---------------------------------------------------------------------------------------------
# Images and sequences with the classes before their places, and either kind of target.

_SIDE_BY_SIDE = 16
"""From how many places on they are worked on as they lie: as many as fit into a register."""


def _has_places(input: Any, target: Any) -> bool:
    if type(input) is not np.ndarray or input.ndim < 3 or not input.size or input[0, 0].size < _SIDE_BY_SIDE:
        return False
    target = values_of(target)
    if target.dtype.kind == "f" and target.dtype != input.dtype:
        return False
    # What was turned, so that the classes come before the places, lies in rows.
    return not np.moveaxis(input, 1, -1).flags.c_contiguous


def _operands_of_places(
    input: Any, target: Any, weight: Any, classes: Classes | None, label_smoothing: float
) -> tuple[Any, ...]:
    """What the kernels take: logits, target, weights, and what a true probability is made of."""
    examples, n = input.shape[:2]
    x = input.reshape(examples, n, -1)
    truth = values_of(target).reshape(x.shape) if classes is None else classes.numbers().reshape(examples, -1)
    weight = np.ones(n, x.dtype) if weight is None else weight
    return x, truth, weight, 1.0 - label_smoothing, label_smoothing / n


def _loss_of_places(
    input: Any, target: Any, weight: Any, classes: Classes | None, reduction: str, label_smoothing: float
) -> Any:
    shape = without_classes(input.shape)
    divisor = math.prod(shape) if classes is None else classes.total(weight)
    operands = _operands_of_places(input, target, weight, classes, label_smoothing)
    losses, *found = _kernels("cross_entropy_places", plain_places, input.size).losses(*operands)
    out = np.asarray(reduce(losses.reshape(shape), reduction, divisor))
    _kept.keep(out, (classes, divisor, *found))
    return out


def _gradient_of_places(
    g: Any, input: Any, target: Any, weight: Any, out: Any, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    kernels = _kernels("cross_entropy_places", plain_places, input.size)
    shape = without_classes(input.shape)
    found = None if out is None else _kept.take(out)
    if found is None:
        is_table = values_of(target).dtype.kind == "f"
        classes = None if is_table else Classes(target, input.shape, ignore_index)
        divisor = math.prod(shape) if classes is None else classes.total(weight)
        operands = _operands_of_places(input, target, weight, classes, label_smoothing)
        _, *found = kernels.losses(*operands)
    else:
        classes, divisor, *found = found
        operands = _operands_of_places(input, target, weight, classes, label_smoothing)
    scale = np.empty(shape, input.dtype)
    scale[...] = per_loss(g, divisor, reduction)
    gradient = kernels.gradient(*operands, *found, scale.reshape(len(input), -1))
    return gradient.reshape(input.shape)


# ---- tables of probabilities -----------------------------------------------------------------------------------------


def _loss_of_tables(
    input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    truth = _Truth(target, input, ignore_index, label_smoothing)
    products = truth.rows(truth.table * -_log_softmax(input, axis=truth.axis))
    if weight is not None:
        products = products * along_classes(weight, input.shape)
    return reduce(add_up(products, truth.axis), reduction, truth.total(weight))


def _gradient_of_tables(
    g: Any, input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    truth = _Truth(target, input, ignore_index, label_smoothing)
    each = for_rows(g, truth.shape, truth.total(weight), reduction)
    p, t = _softmax(input, axis=truth.axis), truth.table
    if weight is not None:
        t = t * along_classes(weight, truth.shape)
    if weight is not None or truth.classes is None:
        p *= add_up(t, truth.axis, True)
    p -= t
    p *= each
    return truth.rows(p)


def _entropy_target(g: Any, input: Any, weight: Any, reduction: str, label_smoothing: float) -> Any:
    shape = np.shape(input)
    axis = class_axis(len(shape))
    each = for_rows(g, shape, math.prod(without_classes(shape)), reduction)
    slope = each * -_log_softmax(input, axis=axis)
    if weight is not None:
        slope = slope * along_classes(weight, shape)
    return slope * (1.0 - label_smoothing) if label_smoothing else slope


def _entropy_weight(
    g: Any, input: Any, target: Any, weight: Any, out: Any, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    truth = _Truth(target, input, ignore_index, label_smoothing)
    log_p = _log_softmax(input, axis=truth.axis)
    losses = -(truth.table * np.where(truth.table == 0, 0.0, log_p))
    if truth.classes is not None:
        hot = truth.classes.hot(input.dtype)
        return to_weights(g, losses, hot, truth.classes, weight, out, reduction)
    each = for_rows(g, truth.shape, truth.total(weight), reduction)
    return add_up(each * losses, tuple(i for i in range(len(truth.shape)) if i != truth.axis))


# ---- all gradients ---------------------------------------------------------------------------------------------------


def _backward(
    gs: Sequence[Any], operands: Sequence[Any], out: Any, attrs: Mapping[str, Any], wanted: Sequence[str]
) -> dict[str, Any]:
    """The gradients that are wanted, on arrays."""
    (g,), (input, target, weight) = gs, operands
    ignore_index, reduction, label_smoothing = (attrs[one] for one in ("ignore_index", "reduction", "label_smoothing"))
    input, weight = in_floats(input, weight)
    found = {}
    if "input" in wanted:
        if _has_places(input, target):
            found["input"] = _gradient_of_places(g, input, target, weight, out, **attrs)
        elif _has_rows(input, target, label_smoothing):
            found["input"] = _gradient_of_rows(g, input, target, weight, out, ignore_index, reduction)
        else:
            found["input"] = _gradient_of_tables(g, input, target, weight, **attrs)
    if "target" in wanted:
        found["target"] = _entropy_target(g, input, weight, reduction, label_smoothing)
    if "weight" in wanted:
        if out is None:
            out = cross_entropy.op.forward(input, target, weight, **attrs)
        found["weight"] = _entropy_weight(g, input, target, weight, out, **attrs)
    return found


def _expanded(
    input: Any,
    target: Any,
    weight: Any,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
    by_parts: bool = True,
) -> Any:
    """The textbook's formula; not by parts in the form that passes a gradient back where a probability is 0 too."""
    input, weight = in_floats(input, weight)
    truth = _Truth(target, input, ignore_index, label_smoothing)
    surprise = negative(log(softmax(input, truth.axis)) if by_parts else log_softmax(input, truth.axis))
    if weight is not None:
        surprise = multiply(surprise, reshape(weight, (-1, *[1] * (input.ndim - 1 - truth.axis))))
    return reduced(sum(truth.table * surprise, truth.axis), reduction, truth.total(weight))


def _cost(input: Shape, *_: Any, **__: Any) -> int:
    return 5 * math.prod(input)


_by_kernel = by_kernel(
    "cross_entropy",
    _OPERANDS,
    ("out",),
    backward=_backward,
    expand=functools.partial(_expanded, by_parts=False),
    cost=_cost,
    optional={"weight": "1"},
    attributes=("ignore_index", "reduction", "label_smoothing"),
)


def _joint(g: Any, input: Any, target: Any, weight: Any, out: Any, attrs: Any, needs: Any) -> Any:
    return _by_kernel([g], input, target, weight, out, attrs, needs)


# ---- the operation ---------------------------------------------------------------------------------------------------


@op(
    symbol="CE",
    joint=_joint,
    neutral={"weight": "1"},
    formula="(logsumexp({input}) - {input}[{target}]) * {weight}[{target}]",
    divisor="sum({weight}[{target}])",
    back={
        "input": "{g} · (softmax({input}) - one_hot({target})) · {weight}{share}",
        "target": "{g} · (-log_softmax({input})) · {weight}{share}",
        "weight": "{g} · (the unweighted losses of each class, of a mean minus {out} each){share}",
    },
    shape=_entropy_shape,
    cost=_cost,
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
    expand=_expanded,
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
    classes = None
    if target.dtype.kind != "f":
        classes = Classes(target, input.shape, ignore_index)
        classes.check("cross_entropy")
    input, weight = in_floats(input, weight)
    if _has_places(input, target):
        return _loss_of_places(input, target, weight, classes, reduction, label_smoothing)
    if classes is not None and _has_rows(input, target, label_smoothing):
        return _loss_of_rows(input, classes, weight, reduction)
    return _loss_of_tables(input, target, weight, ignore_index, reduction, label_smoothing)
