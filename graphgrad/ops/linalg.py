"""Products of matrices."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.declare import Array, op
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import broadcast
from graphgrad.ops.shaping import permute_dims

__all__ = ["linear", "matmul"]

Shape = tuple[int, ...]


def _product(a: Shape, b: Shape, /) -> Shape:
    if not a or not b:
        raise ValueError("a number has no axis to sum over; use *")
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        which = "first" if len(b) == 1 else "second-last"
        raise ValueError(f"the last axis of a ({a[-1]}) must be as long as the {which} axis of b ({inner})")
    try:
        batch = broadcast(a[:-2], b[:-2])
    except ValueError as reason:
        raise ValueError(f"the axes before the last two don't fit: {reason}") from None
    return (*batch, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))


def _cost(a: Shape, b: Shape, /) -> int:
    return 2 * math.prod(_product(a, b)) * a[-1]


def _rows(x: Any) -> Any:
    """All leading axes as one; the length is counted, since -1 can't be found beside a length of 0."""
    return np.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


def _matmul_a(g: Any, b: Any, a_shape: Shape) -> Any:
    if b.ndim == 1:
        return g * b if len(a_shape) == 1 else g[..., None] * b
    if len(a_shape) == 1:
        return (g[..., None, :] @ b.mT)[..., 0, :]
    return g @ b.mT


def _matmul_b(g: Any, a: Any, b_shape: Shape) -> Any:
    if a.ndim == 1:
        return a * g if len(b_shape) == 1 else a[:, None] * g[..., None, :]
    if len(b_shape) == 1:
        return (a.mT @ g[..., None])[..., 0]
    if len(b_shape) == 2 and a.ndim > 2:
        # One product over the whole batch, instead of one per member that are added up afterwards.
        return _rows(a).mT @ _rows(g)
    return a.mT @ g


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    for a, b in (
        ((2, 3), (3, 4)),
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((2, 2, 3), (3, 2)),
        ((2, 2, 3), (2, 3, 2)),
        ((2, 1, 2, 3), (2, 3, 2)),
        ((3,), (2, 3, 2)),
        ((2, 2, 3), (3,)),
        ((0, 3), (3, 2)),
        ((2, 0), (0, 2)),
        ((2, 2, 0), (0, 2)),
        ((1, 1), (1, 1)),
    ):
        yield sample(rng.normal(size=a), rng.normal(size=b))


matmul = op(
    np.matmul,
    symbol="@",
    a=_matmul_a,
    b=_matmul_b,
    linear="each",
    formula="{a} @ {b}",
    back={"a": "{g} @ {b}ᵀ", "b": "{a}ᵀ @ {g}"},
    shape=_product,
    cost=_cost,
    samples=_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros((4, 5))), {}, ShapeError, "last axis of a (3)"),
        ErrorSample((np.zeros((2, 3)), np.zeros(())), {}, ShapeError, "use *"),
        ErrorSample((np.zeros((2, 2, 3)), np.zeros((3, 3, 2))), {}, ShapeError, "axes before the last two"),
    ),
    covers=("P02.01", "P02.02", "P02.14"),
    doc="""
    Multiply matrices: rows of `a` with columns of `b`; the operator ``@``.

    An operand with one axis is a row or a column vector, and its axis is gone afterwards. Axes before the last two
    broadcast.

    Parameters
    ----------
    a
        Shape (..., m, n) or (n,).
    b
        Shape (..., n, p) or (n,).

    Returns
    -------
    Tensor
        Shape (..., m, p).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.matmul([[1.0, 2.0], [3.0, 4.0]], [10.0, 1.0])
    tensor([12., 34.])
    """,
)


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
    weight=lambda g, input: _rows(g).T @ _rows(input),
    bias=lambda g: g,
    neutral={"bias": "0"},
    formula="{input} @ permute_dims({weight}) + {bias}",
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
