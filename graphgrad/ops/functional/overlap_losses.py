"""Losses of overlap between what is predicted and what is there: the soft forms of the Jaccard and the Dice index.

Background that is most of an image counts no more than what is small: each class has a score of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.arithmetic import add, divide, multiply, subtract
from graphgrad.ops.array.reductions import sum
from graphgrad.ops.composite import composite, named
from graphgrad.ops.declare import Array
from graphgrad.ops.functional.loss_parts import (
    BAD_REDUCTION,
    NOT_BELOW_ZERO,
    alike,
    in_floats,
    prepare_with,
    reduced,
    reduction_only,
    shapes_of,
)
from graphgrad.ops.samples import array, sample

NAMESPACE = "nn.functional"
__all__ = ["soft_dice_loss", "soft_jaccard_loss"]

Shape = tuple[int, ...]


def _shape(input: Shape, target: Shape, /, *, reduction: str, **_: Any) -> Shape:
    alike(input, target, reduction="none")
    if len(input) < 2:
        raise ValueError(f"input has the shape (N, C) or (N, C, d1, ...), got {input}: give a single mask a class axis")
    return reduction_only((input[1],), reduction)


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    for shape, attrs in (
        ((4, 3), {}),
        ((2, 3, 2), {"eps": 1.0, "reduction": "none"}),
        ((1, 1, 2, 2), {"reduction": "sum"}),
        ((3, 1), {"eps": 0.0}),
    ):
        yield sample(array(rng, *shape, low=0.05, high=1.0), array(rng, *shape, low=0.0, high=1.0), **attrs)


_REFUSED = (
    ErrorSample((np.zeros((2, 3)), np.zeros(3)), {}, ShapeError, "must have the same shape"),
    ErrorSample((np.zeros(3), np.zeros(3)), {}, ShapeError, "give a single mask a class axis"),
    ErrorSample((np.zeros((2, 3)), np.zeros((2, 3))), {"eps": -1.0}, ArgumentError, "eps is not below 0"),
    ErrorSample((np.zeros((2, 3)), np.zeros((2, 3))), BAD_REDUCTION, ArgumentError, "one of mean, sum, none"),
)
_prepare = prepare_with(eps=NOT_BELOW_ZERO)


def _overlap(input: Any, target: Any) -> tuple[Any, Any]:
    """For each class how much is in both, and how much in either counted twice."""
    input, target = in_floats(input, target)
    others = (0, *range(2, input.ndim))
    both = named(sum(multiply(input, target), others), "both")
    return both, named(sum(add(input, target), others), "either")


_BOTH = "sum_of_classes({input} * {target})"
_EITHER = "sum_of_classes({input} + {target})"


@composite(
    symbol="Jaccard",
    formula=f"1 - ({_BOTH} + {{eps}}) / ({_EITHER} - {_BOTH} + {{eps}})",
    shape=_shape,
    cost=lambda input, *_, **__: 4 * math.prod(input),
    samples=_samples,
    errors=_REFUSED,
    prepare=_prepare,
    covers=("P04.18", "P04.19"),
)
def soft_jaccard_loss(input: Array, target: Array, eps: float = 1e-6, *, reduction: str = "mean") -> Any:
    """
    1 minus the Jaccard index of each class, intersection over union, with probabilities for members of a set.

    The sums go over the batch and over all pixels. Rahman and Wang, "Optimizing Intersection-over-Union in Deep Neural
    Networks" (2016).

    Parameters
    ----------
    input
        Probabilities of shape (N, C) or (N, C, d1, ...), C being the number of classes.
    target
        1 where a class is and 0 elsewhere, or probabilities, of the same shape.
    eps
        Is added above and below: a class that is neither there nor predicted costs 0.
    reduction
        ``"mean"`` over the classes, ``"sum"``, or ``"none"`` for one loss per class.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.soft_jaccard_loss([[1.0, 0.0], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]], reduction="none")
    tensor([0.3333, 0.5   ])
    """
    _shape(*shapes_of(input, target), reduction=reduction)
    both, either = _overlap(input, target)
    return reduced(subtract(1.0, divide(both + eps, either - both + eps)), reduction)


@composite(
    symbol="Dice",
    formula=f"1 - (2 * {_BOTH} + {{eps}}) / ({_EITHER} + {{eps}})",
    shape=_shape,
    cost=lambda input, *_, **__: 4 * math.prod(input),
    samples=_samples,
    errors=_REFUSED,
    prepare=_prepare,
    covers=("P04.18", "P04.19"),
)
def soft_dice_loss(input: Array, target: Array, eps: float = 1e-6, *, reduction: str = "mean") -> Any:
    """
    1 minus the Dice index of each class, twice the intersection over both sizes, with probabilities for members.

    Milletari et al., "V-Net" (2016), without the squares below.

    Parameters
    ----------
    input, target, eps, reduction
        As in `soft_jaccard_loss`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.soft_dice_loss([[1.0, 0.0], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]], reduction="none")
    tensor([0.2   , 0.3333])
    """
    _shape(*shapes_of(input, target), reduction=reduction)
    both, either = _overlap(input, target)
    return reduced(subtract(1.0, divide(multiply(2.0, both) + eps, either + eps)), reduction)
