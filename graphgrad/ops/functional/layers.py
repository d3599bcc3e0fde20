"""Layers as single operations: what modules are made of, with PyTorch's names, argument order and defaults."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.kernels.products import product
from graphgrad.kernels.sums import add_up
from graphgrad.ops.array.arithmetic import add, multiply
from graphgrad.ops.array.axes import permute_dims
from graphgrad.ops.array.reductions import sum as sum_of
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.composite import composite, named
from graphgrad.ops.declare import Array, op
from graphgrad.ops.functional.loss_parts import in_floats
from graphgrad.ops.matrix.matmul import matmul
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import rows

NAMESPACE = "nn.functional"
__all__ = ["bilinear", "linear"]

Shape = tuple[int, ...]


def linear_shape(input: Shape, weight: Shape, bias: Shape | None = None, /) -> Shape:
    if len(weight) != 2:
        raise ValueError(f"weight has the shape (out_features, in_features), got {weight}")
    n_out, n_in = weight
    if not input or input[-1] != n_in:
        raise ValueError(f"the last axis of input {input} must have length {n_in}, the in_features of weight {weight}")
    if bias is not None and bias != (n_out,):
        raise ValueError(f"bias must have the shape ({n_out},), the out_features of weight {weight}, got {bias}")
    return (*input[:-1], n_out)


def linear_cost(input: Shape, weight: Shape, bias: Shape | None = None, /) -> int:
    return math.prod(linear_shape(input, weight, bias)) * (2 * weight[1] + (bias is not None))


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


def linear_expanded(input: Any, weight: Any, bias: Any) -> Any:
    out = matmul(input, permute_dims(weight))
    return out if bias is None else out + bias


def in_rows(g: Any, weight: Any) -> Any:
    """The product of a gradient and a weight: of one matrix and another, however many axes there are in front."""
    return np.reshape(product(rows(g), weight), (*g.shape[:-1], weight.shape[1])) if g.ndim > 2 else product(g, weight)


def over_examples(g: Any) -> Any:
    """What a bias receives: as it is where that is recorded, since broadcasting is undone for all; else their sum."""
    return add_up(g, tuple(range(g.ndim - 1))) if type(g) is np.ndarray and g.ndim > 1 else g


@op(
    input=in_rows,
    weight=lambda g, input: product(rows(g).T, rows(input)),
    bias=over_examples,
    neutral={"bias": "0"},
    linear="each",
    formula="{input} @ {weight}.T + {bias}",
    back={"input": "{g} @ {weight}", "weight": "{g}ᵀ @ {input}", "bias": "{g}, summed over the examples"},
    shape=linear_shape,
    cost=linear_cost,
    samples=_linear_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros((4, 2)), np.zeros(4)), {}, ShapeError, "must have length 2"),
        ErrorSample((np.zeros((2, 3)), np.zeros((4, 2)), None), {}, ShapeError, "must have length 2"),
        ErrorSample((np.zeros(()), np.zeros((4, 2)), np.zeros(4)), {}, ShapeError, "must have length 2"),
        ErrorSample((np.zeros((2, 3)), np.zeros(3), np.zeros(3)), {}, ShapeError, "(out_features, in_features)"),
        ErrorSample((np.zeros((2, 3)), np.zeros((4, 3)), np.zeros((2, 4))), {}, ShapeError, "shape (4,)"),
        ErrorSample((np.zeros((2, 3)), np.zeros((4, 3)), np.zeros(1)), {}, ShapeError, "shape (4,)"),
    ),
    expand=linear_expanded,
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
        Shape (..., out_features). `dense` takes an activation as well, in the same node.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.linear([1.0, 2.0], [[3.0, 4.0]], [5.0])
    tensor([16.])
    """
    # NumPy would broadcast a bias of another shape.
    shape = linear_shape(np.shape(input), np.shape(weight), None if bias is None else np.shape(bias))
    # As one product of two matrices: NumPy would make one for each index in front.
    out = product(rows(input), weight.T).reshape(shape) if len(shape) > 2 else product(input, weight.T)
    if bias is None:
        return out
    if out.dtype != np.result_type(out, bias):
        return out + bias
    out += bias  # into the memory that is still at hand
    return out


# ---- of two inputs ---------------------------------------------------------------------------------------------------


def _bilinear_shape(input1: Shape, input2: Shape, weight: Shape, bias: Shape | None = None, /) -> Shape:
    if len(weight) != 3:
        raise ValueError(f"weight has the shape (out_features, in1_features, in2_features), got {weight}")
    for name, input, features in (("input1", input1, weight[1]), ("input2", input2, weight[2])):
        if not input or input[-1] != features:
            raise ValueError(f"the last axis of {name} {input} must have length {features}, as weight {weight} says")
    if input1[:-1] != input2[:-1]:
        raise ValueError(f"input1 {input1} and input2 {input2} must be alike but for the last axis")
    if bias is not None and bias != weight[:1]:
        raise ValueError(f"bias must have the shape {weight[:1]}, the out_features of weight {weight}, got {bias}")
    return (*input1[:-1], weight[0])


def _bilinear_cost(input1: Shape, input2: Shape, weight: Shape, bias: Shape | None = None, /) -> int:
    each = 2 * weight[1] * weight[2] + 2 * weight[2] + (bias is not None)
    return math.prod(_bilinear_shape(input1, input2, weight, bias)) * each


def _bilinear_samples(rng: np.random.Generator) -> Iterator[Sample]:
    for leading, n1, n2, n_out in (((2,), 3, 2, 4), ((), 2, 3, 2), ((2, 2), 1, 2, 1), ((0,), 2, 2, 3)):
        operands = [rng.normal(size=shape) for shape in ((*leading, n1), (*leading, n2), (n_out, n1, n2))]
        yield sample(*operands, rng.normal(size=n_out))
        yield sample(*operands, None)


_PAIR = (np.zeros((2, 3)), np.zeros((2, 2)))


@composite(
    neutral={"bias": "0"},
    linear="each",
    formula="bilinear({input1}, {input2}, {weight}) + {bias}",
    back={
        "input1": "the sum over features o of {g}[o] · {weight}[o] @ {input2}",
        "input2": "the sum over features o of {g}[o] · {input1} @ {weight}[o]",
        "weight": "{g}[o] · {input1}ᵀ @ {input2}, summed over the examples",
        "bias": "{g}, summed over the examples",
    },
    shape=_bilinear_shape,
    cost=_bilinear_cost,
    samples=_bilinear_samples,
    errors=(
        ErrorSample((*_PAIR, np.zeros((4, 2, 2)), None), {}, ShapeError, "of input1 (2, 3) must have length 2"),
        ErrorSample((*_PAIR, np.zeros((4, 3)), None), {}, ShapeError, "(out_features, in1_features, in2_features)"),
        ErrorSample((np.zeros((1, 3)), np.zeros((2, 2)), np.zeros((4, 3, 2)), None), {}, ShapeError, "must be alike"),
        ErrorSample((*_PAIR, np.zeros((4, 3, 2)), np.zeros(3)), {}, ShapeError, "shape (4,)"),
    ),
)
def bilinear(input1: Array, input2: Array, weight: Array, bias: Array = None) -> Any:
    """
    A layer of two inputs, linear in each: y[o] = x1 W[o] x2^T + b[o].

    Parameters
    ----------
    input1
        Shape (..., in1_features).
    input2
        Shape (..., in2_features), with the same leading axes.
    weight
        Shape (out_features, in1_features, in2_features).
    bias
        Shape (out_features,). None adds nothing.

    Returns
    -------
    Tensor
        Shape (..., out_features).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nn.functional.bilinear([1.0, 2.0], [3.0], [[[10.0], [1.0]]], [0.5])
    tensor([36.5])
    """
    bias_shape = None if bias is None else np.shape(bias)
    shape = _bilinear_shape(np.shape(input1), np.shape(input2), np.shape(weight), bias_shape)
    input1, input2, weight, bias = in_floats(input1, input2, weight, bias)
    n_out, n1, n2 = weight.shape
    first = matmul(input1, reshape(permute_dims(weight, (1, 0, 2)), (n1, n_out * n2)))
    first = named(reshape(first, (*shape, n2)), "input1 @ weight")
    second = reshape(input2, (*shape[:-1], 1, n2))
    result = named(sum_of(multiply(first, second), -1), "products")
    return result if bias is None else add(result, bias)
