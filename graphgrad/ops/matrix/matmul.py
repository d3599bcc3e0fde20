"""Products of matrices."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.declare import op
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import broadcast, rows

__all__ = ["matmul"]

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
        return rows(a).mT @ rows(g)
    return a.mT @ g


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    for a, b in (
        ((2, 2), (2, 3)),
        ((5,), (5,)),
        ((3, 4), (4,)),
        ((3,), (3, 4)),
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
    complex="holomorphic",
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
