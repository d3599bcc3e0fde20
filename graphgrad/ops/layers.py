"""Layers as single operations: what modules are made of, with PyTorch's names, argument order and defaults."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.declare import Array, op
from graphgrad.ops.linalg import matmul
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import rows
from graphgrad.ops.shaping import permute_dims

__all__ = ["linear"]

Shape = tuple[int, ...]


def _linear_shape(input: Shape, weight: Shape, bias: Shape | None = None, /) -> Shape:
    if len(weight) != 2:
        raise ValueError(f"weight has the shape (out_features, in_features), got {weight}")
    n_out, n_in = weight
    if not input or input[-1] != n_in:
        raise ValueError(f"the last axis of input {input} must have length {n_in}, the in_features of weight {weight}")
    if bias is not None and bias != (n_out,):
        raise ValueError(f"bias must have the shape ({n_out},), the out_features of weight {weight}, got {bias}")
    return (*input[:-1], n_out)


def _linear_cost(input: Shape, weight: Shape, bias: Shape | None = None, /) -> int:
    return math.prod(_linear_shape(input, weight, bias)) * (2 * weight[1] + (bias is not None))


def _linear_samples(rng: np.random.Generator) -> Iterator[Sample]:
    for leading, n_in, n_out in (
        ((2,), 3, 4),
        ((), 3, 2),
        ((2, 2), 3, 2),
        ((2, 1, 2), 2, 3),
        ((0,), 3, 2),
        ((2, 2), 0, 3),
        ((3,), 2, 0),
        ((1,), 1, 1),
    ):
        input, weight = rng.normal(size=(*leading, n_in)), rng.normal(size=(n_out, n_in))
        yield sample(input, weight, rng.normal(size=n_out))
        yield sample(input, weight, None)


def _linear_expanded(input: Any, weight: Any, bias: Any) -> Any:
    product = matmul(input, permute_dims(weight))
    return product if bias is None else product + bias


@op(
    input=lambda g, weight: g @ weight,
    weight=lambda g, input: rows(g).T @ rows(input),
    bias=lambda g: g,
    neutral={"bias": "0"},
    formula="{input} @ {weight}.T + {bias}",
    back={"input": "{g} @ {weight}", "weight": "{g}ᵀ @ {input}", "bias": "{g}, summed over the examples"},
    shape=_linear_shape,
    cost=_linear_cost,
    samples=_linear_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros((4, 2)), np.zeros(4)), {}, ShapeError, "must have length 2"),
        ErrorSample((np.zeros((2, 3)), np.zeros((4, 2)), None), {}, ShapeError, "must have length 2"),
        ErrorSample((np.zeros(()), np.zeros((4, 2)), np.zeros(4)), {}, ShapeError, "must have length 2"),
        ErrorSample((np.zeros((2, 3)), np.zeros(3), np.zeros(3)), {}, ShapeError, "(out_features, in_features)"),
        ErrorSample((np.zeros((2, 3)), np.zeros((4, 3)), np.zeros((2, 4))), {}, ShapeError, "shape (4,)"),
        ErrorSample((np.zeros((2, 3)), np.zeros((4, 3)), np.zeros(1)), {}, ShapeError, "shape (4,)"),
    ),
    expand=_linear_expanded,
    covers=("P02.01", "P02.02"),
)
def linear(input: Array, weight: Array, bias: Array = None) -> Any:
    """
    An affine layer, y = x W^T + b: each row of `weight` gives one output feature.

    Parameters
    ----------
    input
        Shape (..., in_features).
    weight
        Shape (out_features, in_features), as PyTorch keeps it.
    bias
        Shape (out_features,). None adds nothing.

    Returns
    -------
    Tensor
        Shape (..., out_features).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.linear([1.0, 2.0], [[3.0, 4.0]], [5.0])
    tensor([16.])
    """
    # NumPy would broadcast a bias of another shape.
    _linear_shape(np.shape(input), np.shape(weight), None if bias is None else np.shape(bias))
    product = np.matmul(input, weight.T)
    return product if bias is None else product + bias
