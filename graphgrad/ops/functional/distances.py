"""Distances between all pairs of vectors.

Names, argument order and defaults are PyTorch's; `graphgrad.nn.functional` offers them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops.array.aggregates import vector_norm
from graphgrad.ops.array.arithmetic import subtract
from graphgrad.ops.array.axes import expand_dims
from graphgrad.ops.attributes import keep_numbers
from graphgrad.ops.composite import composite, named
from graphgrad.ops.declare import Array
from graphgrad.ops.functional.loss_parts import in_floats
from graphgrad.ops.samples import array, sample
from graphgrad.ops.shapes import broadcast

NAMESPACE = "nn.functional"
__all__ = ["cdist", "pdist"]

Shape = tuple[int, ...]

_BAD_ORDER = (
    ({"p": -1.0}, ArgumentError, "p must be at least 0, got -1.0"),
    ({"p": "long"}, DTypeError, "p is a number, got 'long'"),
)


def _prepare_p(attrs: dict[str, Any]) -> None:
    keep_numbers(attrs, "p")
    if not attrs["p"] >= 0:
        raise ValueError(f"p must be at least 0, got {attrs['p']}")


def _lengths(differences: Any, p: float) -> Any:
    """The norm of vectors along the last axis; of vectors without elements it is 0, whatever its order."""
    return vector_norm(named(differences, "differences"), axis=-1, ord=p if differences.shape[-1] else 2.0)


def _between(x1: Shape, x2: Shape, /, p: float) -> Shape:
    for shape, name in ((x1, "x1"), (x2, "x2")):
        if len(shape) < 2:
            raise ValueError(
                f"{name} must be a set of vectors, one in each row, or a batch of them; its shape is {shape}"
            )
    if x1[-1] != x2[-1]:
        raise ValueError(f"vectors of both sets must be of one length, they have {x1[-1]} and {x2[-1]} elements")
    try:
        batch = broadcast(x1[:-2], x2[:-2])
    except ValueError as reason:
        raise ValueError(f"the axes before the last two don't fit: {reason}") from None
    return (*batch, x1[-2], x2[-2])


@composite(
    formula="cdist({x1}, {x2}, {p})",
    back={
        "x1": "the sum over the vectors of {x2} of {g} times the slope of the norm: for p = 2 the direction from there",
        "x2": "the sum over the vectors of {x1} of {g} times the slope of the norm: for p = 2 the direction from there",
    },
    shape=_between,
    cost=lambda x1, x2, p: 4 * math.prod(_between(x1, x2, p)) * x1[-1],
    samples=lambda rng: [
        sample(array(rng, 2, 3), array(rng, 4, 3)),
        sample(array(rng, 2, 2, 3), array(rng, 1, 3), p=1),
        sample(array(rng, 2, 2), array(rng, 2, 2, 2), p=math.inf),
        sample(array(rng, 2, 2), array(rng, 3, 2), p=3.0),
        sample(array(rng, 2, 2), array(rng, 1, 2), p=0.0),
        sample(array(rng, 0, 2), array(rng, 2, 2)),
        sample(array(rng, 2, 0), array(rng, 3, 0), p=math.inf),
    ],
    errors=(
        ErrorSample((np.zeros(3), np.zeros((2, 3))), {}, ShapeError, "x1 must be a set of vectors, one in each row"),
        ErrorSample((np.zeros((2, 3)), np.zeros((2, 4))), {}, ShapeError, "of one length, they have 3 and 4 elements"),
        ErrorSample((np.zeros((2, 1, 3)), np.zeros((3, 1, 3))), {}, ShapeError, "the axes before the last two don't"),
        *(ErrorSample((np.eye(2), np.eye(2)), *refused) for refused in _BAD_ORDER),
    ),
    prepare=_prepare_p,
)
def cdist(x1: Array, x2: Array, p: float = 2.0) -> Any:
    """
    The distance between each vector of one set and each of another; in PyTorch it is ``torch.cdist``.

    At a distance of 0 the slope is taken as 0. For p = inf equal extremes share the gradient evenly.

    Parameters
    ----------
    x1
        Shape (..., m, k): m vectors of k elements.
    x2
        Shape (..., n, k). Axes in front broadcast.
    p
        The order of the norm: 2 for the usual distance, 1 for the sum of absolute differences, inf for the largest, 0
        for the number of differences.

    Returns
    -------
    Tensor
        Shape (..., m, n).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.cdist([[0.0, 0.0], [3.0, 0.0]], [[3.0, 4.0]])
    tensor([[5.],
            [4.]])
    """
    _between(np.shape(x1), np.shape(x2), p)
    x1, x2 = in_floats(x1, x2)
    return _lengths(subtract(expand_dims(x1, -2), expand_dims(x2, -3)), p)


def _within(input: Shape, /, p: float) -> Shape:
    if len(input) != 2:
        raise ValueError(f"input must be a set of vectors, one in each row; its shape is {input}")
    return (input[0] * (input[0] - 1) // 2,)


@composite(
    formula="pdist({input}, {p})",
    back={"input": "the sum over all other vectors of {g} times the slope of the norm"},
    shape=_within,
    cost=lambda input, p: 4 * math.prod(_within(input, p)) * input[-1],
    samples=lambda rng: [
        sample(array(rng, 4, 3)),
        sample(array(rng, 3, 2), p=1),
        sample(array(rng, 3, 2), p=math.inf),
        sample(array(rng, 3, 2), p=1.5),
        sample(array(rng, 1, 2)),
    ],
    errors=(
        ErrorSample(
            (np.zeros(3),), {}, ShapeError, "input must be a set of vectors, one in each row; its shape is (3,)"
        ),
        *(ErrorSample((np.eye(2),), *refused) for refused in _BAD_ORDER),
    ),
    prepare=_prepare_p,
)
def pdist(input: Array, p: float = 2.0) -> Any:
    """
    The distances between all pairs of vectors of one set, each pair once: the upper triangle of `cdist`, row by row.

    At a distance of 0 the slope is taken as 0. For p = inf equal extremes share the gradient evenly.

    Parameters
    ----------
    input
        Shape (n, k): n vectors of k elements.
    p
        The order of the norm; see `cdist`.

    Returns
    -------
    Tensor
        Shape (n (n - 1) / 2,).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.pdist([[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]])
    tensor([5., 4., 3.])
    """
    _within(input.shape, p)
    (input,) = in_floats(input)
    first, second = np.triu_indices(input.shape[0], 1)
    return _lengths(subtract(input[first], input[second]), p)
