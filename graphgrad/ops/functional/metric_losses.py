"""Losses of distances between embeddings: what belongs together should lie close, what doesn't apart.

The vectors lie along the last axis. Names, argument order and defaults are PyTorch's where it has them;
`graphgrad.nn.functional` offers them. No gradient passes to the targets, which are signs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.aggregates import vector_norm
from graphgrad.ops.array.arithmetic import divide, equal, less, multiply, sqrt, square, subtract
from graphgrad.ops.array.elementwise import relu
from graphgrad.ops.array.reductions import sum
from graphgrad.ops.array.selection import minimum, where
from graphgrad.ops.composite import composite, named
from graphgrad.ops.declare import Array
from graphgrad.ops.functional.loss_parts import (
    ABOVE_ZERO,
    ANY_NUMBER,
    BAD_REDUCTION,
    alike,
    in_floats,
    prepare_with,
    reduced,
    reduction_only,
    shapes_of,
    signs,
)
from graphgrad.ops.functional.similarity import pairwise_distance
from graphgrad.ops.samples import array, sample

NAMESPACE = "nn.functional"
__all__ = ["contrastive_loss", "cosine_embedding_loss", "triplet_margin_loss"]

Shape = tuple[int, ...]


def from_zero(x: Any) -> Any:
    """A tensor where it isn't below 0, else 0; at 0 the slope is 1, as PyTorch has it in `clamp_min`."""
    return where(less(x, 0.0), 0.0, x)


def _of_vectors(*shapes: Shape, reduction: str, names: Sequence[str]) -> Shape:
    """The shape of a loss for each vector."""
    alike(*shapes, reduction="none", names=names)
    if not shapes[0]:
        raise ValueError(f"{', '.join(names[:-1])} and {names[-1]} need an axis of features, their last one")
    return reduction_only(shapes[0][:-1], reduction)


# ---- three vectors ---------------------------------------------------------------------------------------------------


def _triplet_shape(anchor: Shape, positive: Shape, negative: Shape, /, *, reduction: str, **_: Any) -> Shape:
    return _of_vectors(anchor, positive, negative, reduction=reduction, names=("anchor", "positive", "negative"))


def _triplet_samples(rng: np.random.Generator) -> Iterator[Sample]:
    for shape, attrs in (
        ((3, 2), {}),
        ((2, 3), {"p": 1, "margin": 2.0, "reduction": "none"}),
        ((2, 2), {"swap": True, "reduction": "sum"}),
        ((2, 2, 3), {"p": 3, "swap": True, "margin": 0.5}),
        ((4,), {"reduction": "none"}),
        ((0, 3), {"reduction": "sum"}),
    ):
        yield sample(*(array(rng, *shape) for _ in range(3)), **attrs)


_DISTANCE = "vector_norm({{{}}} - {{{}}} + {{eps}}, axis=-1, keepdims=False, ord={{p}})".format
_FURTHER = _DISTANCE("anchor", "negative")


@composite(
    symbol="triplet",
    formula=f"maximum(0, {{margin}} + {_DISTANCE('anchor', 'positive')}"
    f" - where({{swap}}, minimum({_FURTHER}, {_DISTANCE('positive', 'negative')}), {_FURTHER}))",
    shape=_triplet_shape,
    cost=lambda anchor, *_, swap, **__: (12 if swap else 8) * math.prod(anchor),
    samples=_triplet_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(3)), {}, ShapeError, "must have the same shape"),
        ErrorSample((np.zeros(()), np.zeros(()), np.zeros(())), {}, ShapeError, "need an axis of features"),
        ErrorSample((np.zeros(3), np.zeros(3), np.zeros(3)), {"margin": 0.0}, ArgumentError, "margin is above 0"),
        ErrorSample((np.zeros(3), np.zeros(3), np.zeros(3)), BAD_REDUCTION, ArgumentError, "one of mean, sum, none"),
    ),
    prepare=prepare_with(margin=ABOVE_ZERO, eps=ANY_NUMBER),
    covers=("P17.23",),
)
def triplet_margin_loss(
    anchor: Array,
    positive: Array,
    negative: Array,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Any:
    """
    The loss of three vectors: max(0, margin + d(anchor, positive) - d(anchor, negative)).

    The anchor should lie closer to what belongs to it than to what doesn't, by the margin. The distance is the norm of
    order `p`, not its square as in FaceNet: `triplet_margin_with_distance_loss` takes any.

    Parameters
    ----------
    anchor, positive, negative
        Vectors along the last axis, of one shape: (..., D).
    margin
        By how much, above 0.
    p
        The order of the norm.
    eps
        Is added to each difference.
    swap
        Measure the negative from the positive where it is closer to that than to the anchor.
    reduction
        ``"mean"`` over the triplets, ``"sum"``, or ``"none"`` for one loss per triplet.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.triplet_margin_loss([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 2.0]], margin=1.0)
    tensor(4.)
    """
    _triplet_shape(*shapes_of(anchor, positive, negative), reduction=reduction)
    anchor, positive, negative = in_floats(anchor, positive, negative)
    further = pairwise_distance(anchor, negative, p, eps)
    if swap:
        further = minimum(further, pairwise_distance(positive, negative, p, eps))
    missing = named(subtract(margin + pairwise_distance(anchor, positive, p, eps), further), "missing")
    return reduced(from_zero(missing), reduction)


# ---- two vectors -----------------------------------------------------------------------------------------------------


def _pair_shape(input1: Shape, input2: Shape, target: Shape, /, *, reduction: str, **_: Any) -> Shape:
    examples = _of_vectors(input1, input2, reduction="none", names=("input1", "input2"))
    if target != examples:
        raise ValueError(f"target must have one sign for each pair, shape {examples}, got {target}")
    return reduction_only(examples, reduction)


def _pair_samples(rng: np.random.Generator, *variants: dict[str, Any]) -> Iterator[Sample]:
    shapes: tuple[Shape, ...] = ((4, 3), (2, 2), (3,), (4, 2), (3, 2))
    for shape, attrs in zip(shapes, variants, strict=False):
        yield sample(array(rng, *shape), array(rng, *shape), signs(rng, shape[:-1]), **attrs)


_PAIRS_REFUSED = (
    ErrorSample((np.zeros((2, 3)), np.zeros(3), np.ones(2)), {}, ShapeError, "must have the same shape"),
    ErrorSample((np.zeros((2, 3)), np.zeros((2, 3)), np.ones((2, 3))), {}, ShapeError, "one sign for each pair"),
    ErrorSample((np.zeros(()), np.zeros(()), np.ones(())), {}, ShapeError, "need an axis of features"),
    ErrorSample((np.zeros(3), np.zeros(3), np.ones(())), BAD_REDUCTION, ArgumentError, "one of mean, sum, none"),
)
_COSINE = (
    "sum({input1} * {input2}, axis=-1)"
    " / sqrt((sum({input1} ** 2, axis=-1) + 1e-12) * (sum({input2} ** 2, axis=-1) + 1e-12))"
)


@composite(
    symbol="cosine",
    formula=f"where({{target}} == 1, 1 - {_COSINE}, where({{target}} == -1, maximum(0, {_COSINE} - {{margin}}), 0))",
    shape=_pair_shape,
    cost=lambda input1, *_, **__: 6 * math.prod(input1),
    samples=lambda rng: _pair_samples(
        rng, {}, {"margin": 0.3, "reduction": "none"}, {"reduction": "none"}, {"margin": -0.5, "reduction": "sum"}
    ),
    errors=_PAIRS_REFUSED,
    prepare=prepare_with(margin=ANY_NUMBER),
)
def cosine_embedding_loss(
    input1: Array, input2: Array, target: Array, margin: float = 0.0, *, reduction: str = "mean"
) -> Any:
    """
    The loss of the angle between two vectors: 1 - cos for a pair that belongs together, else max(0, cos - margin).

    At the kink the derivative is that of the side where something is too much, as in PyTorch; the square of each length
    gets 1e-12. No gradient passes to the target.

    Parameters
    ----------
    input1, input2
        Vectors along the last axis, of one shape: (N, D) or (D,).
    target
        1 for a pair that belongs together, -1 for one that doesn't: (N,) or ().
    margin
        From which cosine on those count as too close that don't belong together, -1 to 1.
    reduction
        ``"mean"`` over the pairs, ``"sum"``, or ``"none"`` for one loss per pair.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.cosine_embedding_loss([[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]], [1, -1])
    tensor(1.)
    """
    _pair_shape(*shapes_of(input1, input2, target), reduction=reduction)
    input1, input2 = in_floats(input1, input2)
    lengths = multiply(sum(square(input1), -1) + 1e-12, sum(square(input2), -1) + 1e-12)
    cosine = named(divide(sum(multiply(input1, input2), -1), sqrt(lengths)), "cosine")
    apart = where(equal(target, -1), from_zero(subtract(cosine, margin)), 0.0)
    return reduced(where(equal(target, 1), subtract(1.0, cosine), apart), reduction)


_BETWEEN = "vector_norm({input1} - {input2}, axis=-1, keepdims=False, ord=2)"


@composite(
    symbol="contrast",
    formula=f"where({{target}} == 1, {_BETWEEN}, maximum(0, {{margin}} - {_BETWEEN})) ** where({{squared}}, 2, 1)",
    shape=_pair_shape,
    cost=lambda input1, *_, **__: 4 * math.prod(input1),
    samples=lambda rng: _pair_samples(
        rng,
        {"margin": 3.0},
        {"margin": 3.0, "squared": False, "reduction": "none"},
        {"reduction": "none"},
        {"margin": 2.0, "reduction": "sum"},
        {"margin": 2.0, "squared": False},
    ),
    errors=_PAIRS_REFUSED,
    prepare=prepare_with(margin=ANY_NUMBER),
    covers=("P17.21", "P17.22", "P21.05"),
)
def contrastive_loss(
    input1: Array,
    input2: Array,
    target: Array,
    margin: float = 1.0,
    squared: bool = True,
    *,
    reduction: str = "mean",
) -> Any:
    """
    The loss of a Siamese network: the squared distance of a pair that belongs together, else max(0, margin - d)².

    Hadsell, Chopra and LeCun, "Dimensionality Reduction by Learning an Invariant Mapping" (2006), without their factor
    1/2. The derivative of a distance of 0 is taken as 0. No gradient passes to the target.

    Parameters
    ----------
    input1, input2
        Vectors along the last axis, of one shape: (N, D) or (D,).
    target
        1 for a pair that belongs together, -1 for one that doesn't: (N,) or ().
    margin
        How far apart those should be that don't belong together.
    squared
        If not, the distance itself and max(0, margin - d), whose gradient is a unit vector however far apart they are.
    reduction
        ``"mean"`` over the pairs, ``"sum"``, or ``"none"`` for one loss per pair.

    Examples
    --------
    >>> import graphgrad as gg
    >>> a, b = [[3.0, 4.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]
    >>> gg.nn.functional.contrastive_loss(a, b, [1, -1], margin=6.0, squared=False, reduction="none")
    tensor([5., 1.])
    """
    _pair_shape(*shapes_of(input1, input2, target), reduction=reduction)
    input1, input2 = in_floats(input1, input2)
    difference = subtract(input1, input2)
    distance = named(vector_norm(difference, axis=-1), "distance")
    apart = relu(subtract(margin, distance))
    if squared:
        losses = where(equal(target, 1), sum(square(difference), -1), square(apart))
    else:
        losses = where(equal(target, 1), distance, apart)
    return reduced(losses, reduction)
