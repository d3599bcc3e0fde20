"""Vectors: their direction, and how near they are to each other.

Names, argument order and defaults are PyTorch's; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops import shapes
from graphgrad.ops.array.aggregates import vector_norm
from graphgrad.ops.array.arithmetic import add, divide, multiply, subtract
from graphgrad.ops.array.reductions import sum as sum_of
from graphgrad.ops.array.selection import maximum
from graphgrad.ops.array.shaping import broadcast_to
from graphgrad.ops.attributes import keep_integers, keep_numbers
from graphgrad.ops.composite import composite, named
from graphgrad.ops.declare import Array
from graphgrad.ops.functional.loss_parts import in_floats
from graphgrad.ops.functional.normalizations import prepare_eps
from graphgrad.ops.samples import array, sample

NAMESPACE = "nn.functional"
__all__ = ["cosine_similarity", "normalize", "pairwise_distance"]

Shape = tuple[int, ...]


# ---- to length 1 -----------------------------------------------------------------------------------------------------


def _prepare_dim(attrs: dict[str, Any]) -> None:
    """Keep ``dim`` as an int or as a tuple of ints."""
    dim = attrs["dim"]
    if dim is not None:
        attrs["dim"] = operator.index(dim) if np.ndim(dim) == 0 else tuple(map(operator.index, dim))


def _prepare_normalize(attrs: dict[str, Any]) -> None:
    _prepare_dim(attrs)
    keep_numbers(attrs, "p")
    prepare_eps(attrs)


def _normalize_shape(input: Shape, /, *, dim: int | Shape, **_: Any) -> Shape:
    shapes.normalize_axes(dim, len(input))
    return input


@composite(
    formula="{input} / maximum(vector_norm({input}, axis={dim}, keepdims=True, ord={p}), {eps})",
    back={"input": "{g} / norm, minus for p = 2 the part of it that lies along {input}"},
    shape=_normalize_shape,
    cost=lambda input, /, **_: 4 * math.prod(input),
    samples=lambda rng: [
        sample(array(rng, 2, 3, apart=0.1)),
        sample(array(rng, 3, 2, apart=0.1), p=1.0, dim=0),
        sample(array(rng, 2, 3, 2, apart=0.1), p=3.0, dim=-1),
        sample(array(rng, 2, 2, 2, apart=0.1), dim=(0, 2)),
        sample(array(rng, 4, 2, apart=0.1), dim=0, eps=10.0),
        sample(array(rng, 0, 3)),
    ],
    errors=(
        ErrorSample((np.zeros(3),), {}, ShapeError, "axis 1 is out of range"),
        ErrorSample((np.zeros((2, 3)),), {"p": "fro"}, DTypeError, "p is a number, got 'fro'"),
    ),
    prepare=_prepare_normalize,
    covers=("P05.18",),
)
def normalize(input: Array, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12) -> Any:
    """
    Vectors divided by their length, so that only their direction is left.

    Parameters
    ----------
    p
        The order of the norm.
    dim
        The axis along which the vectors lie, or several.
    eps
        The least length that is divided by: vectors of zeros stay zeros.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.normalize([[3.0, 4.0], [0.0, 0.0]])
    tensor([[0.6, 0.8],
            [0. , 0. ]])
    """
    _normalize_shape(np.shape(input), dim=dim)  # type: ignore[arg-type]
    (input,) = in_floats(input)
    length = named(vector_norm(input, axis=dim, keepdims=True, ord=p), "length")
    return divide(input, maximum(length, eps))


# ---- two vectors -----------------------------------------------------------------------------------------------------


def _along(x1: Shape, x2: Shape, dim: int, keepdim: bool = False) -> Shape:
    both = shapes.broadcast(x1, x2)
    at = shapes.one_axis(dim, len(both))
    return (*both[:at], *([1] if keepdim else []), *both[at + 1 :])


def _prepare_cosine(attrs: dict[str, Any]) -> None:
    keep_integers(attrs, "dim")
    prepare_eps(attrs)


@composite(
    formula="sum({x1} * {x2}, axis={dim}) / (maximum(sqrt(sum({x1} ** 2, axis={dim})), {eps}) "
    "* maximum(sqrt(sum({x2} ** 2, axis={dim})), {eps}))",
    back={
        "x1": "{g} · ({x2}/‖{x2}‖ - cosine · {x1}/‖{x1}‖) / ‖{x1}‖",
        "x2": "{g} · ({x1}/‖{x1}‖ - cosine · {x2}/‖{x2}‖) / ‖{x2}‖",
    },
    shape=lambda x1, x2, /, *, dim, **_: _along(x1, x2, dim),
    cost=lambda x1, x2, /, **_: 9 * math.prod(shapes.broadcast(x1, x2)),
    samples=lambda rng: [
        sample(array(rng, 2, 3, apart=0.1), array(rng, 2, 3, apart=0.1)),
        sample(array(rng, 2, 3, 2, apart=0.1), array(rng, 2, 1, 2, apart=0.1), dim=0, eps=1e-6),
        sample(array(rng, 4, apart=0.1), array(rng, 4, apart=0.1), dim=-1),
        sample(array(rng, 1, 3, apart=0.1), array(rng, 2, 3, apart=0.1)),
        sample(array(rng, 0, 2), array(rng, 0, 2)),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros((2, 4))), {}, ShapeError, "don't broadcast"),
        ErrorSample((np.zeros(3), np.zeros(3)), {}, ShapeError, "axis 1 is out of range"),
        ErrorSample((np.zeros((2, 3)), np.zeros((2, 3))), {"eps": -1}, ArgumentError, "is from 0 on"),
    ),
    prepare=_prepare_cosine,
)
def cosine_similarity(x1: Array, x2: Array, dim: int = 1, eps: float = 1e-8) -> Any:
    """
    The cosine of the angle between vectors: 1 for the same direction, 0 for right angles, -1 for the opposite one.

    Parameters
    ----------
    x1, x2
        Vectors along an axis; their shapes broadcast.
    dim
        The axis, of the shape that they have together.
    eps
        The least length that is divided by: that of a vector of zeros isn't 0. Where it takes the place of a length it
        is a constant, as the derivative of the formula has it; PyTorch's derivative takes the length itself there.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.cosine_similarity([[1.0, 0.0], [3.0, 4.0]], [[2.0, 0.0], [4.0, 3.0]])
    tensor([1.  , 0.96])
    """
    _along(np.shape(x1), np.shape(x2), dim)
    x1, x2 = in_floats(x1, x2)
    whole = shapes.broadcast(x1.shape, x2.shape)
    x1, x2 = (one if one.shape == whole else broadcast_to(one, whole) for one in (x1, x2))
    directions = [
        named(divide(one, maximum(vector_norm(one, axis=dim, keepdims=True), eps)), f"direction {i}")
        for i, one in enumerate((x1, x2), start=1)
    ]
    return sum_of(multiply(*directions), dim)


def _prepare_distance(attrs: dict[str, Any]) -> None:
    keep_numbers(attrs, "p", "eps")


@composite(
    formula="vector_norm({x1} - {x2} + {eps}, axis=-1, keepdims={keepdim}, ord={p})",
    back={
        "x1": "{g} · the derivative of the norm: for p = 2 the direction of the difference",
        "x2": "the negative of what {x1} receives",
    },
    shape=lambda x1, x2, /, *, keepdim, **_: _along(x1, x2, -1, keepdim),
    cost=lambda x1, x2, /, **_: 5 * math.prod(shapes.broadcast(x1, x2)),
    samples=lambda rng: [
        sample(array(rng, 2, 3), array(rng, 2, 3) + 4.5),
        sample(array(rng, 2, 3), array(rng, 3) + 4.5, p=1.0, keepdim=True),
        sample(array(rng, 4), array(rng, 4) + 4.5, p=3.0, eps=0.1),
        sample(array(rng, 0, 2), array(rng, 1, 2)),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros((2, 4))), {}, ShapeError, "don't broadcast"),
        ErrorSample((np.zeros(()), np.zeros(())), {}, ShapeError, "axis -1 is out of range"),
    ),
    prepare=_prepare_distance,
)
def pairwise_distance(x1: Array, x2: Array, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """
    The distance between vectors along the last axis, ‖x1 - x2 + eps‖.

    Parameters
    ----------
    x1, x2
        Their shapes broadcast.
    p
        The order of the norm.
    eps
        Added to the differences, so that the distance of equal vectors has a gradient.
    keepdim
        Keep the last axis, with length 1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.pairwise_distance([[0.0, 0.0]], [[3.0, 4.0]])
    tensor([5.])
    """
    _along(np.shape(x1), np.shape(x2), -1)
    x1, x2 = in_floats(x1, x2)
    difference = named(add(subtract(x1, x2), eps), "difference")
    return vector_norm(difference, axis=-1, keepdims=keepdim, ord=p)
