"""Equations with a triangular matrix, which the derivatives of most decompositions come down to."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.arithmetic import divide, multiply, subtract
from graphgrad.ops.array.axes import matrix_transpose
from graphgrad.ops.array.joining import stack
from graphgrad.ops.array.shaping import broadcast_to
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.matrix.matmul import matmul
from graphgrad.ops.matrix.matrices import columns_of, lapack_floats, one_that, right_hand_side
from graphgrad.ops.samples import sample

NAMESPACE = "linalg"
__all__ = ["solve_triangular"]

Shape = tuple[int, ...]


def _shape(a: Shape, b: Shape, /, **_: Any) -> Shape:
    return right_hand_side(a, b)


def _prepare(attrs: dict[str, Any]) -> None:
    trans = {0: 0, 1: 1, "N": 0, "T": 1}.get(attrs["trans"])
    if trans is None:
        raise ValueError(f"trans is 0 or 'N' for a, 1 or 'T' for its transpose, got {attrs['trans']!r}")
    attrs["trans"] = trans
    attrs["lower"], attrs["unit_diagonal"] = bool(attrs["lower"]), bool(attrs["unit_diagonal"])


def _joint(
    g: Any,
    a: Any,
    out: Any,
    b_shape: Shape,
    trans: int,
    lower: bool,
    unit_diagonal: bool,
    needs: Collection[str],
) -> list[Any]:
    vector = len(b_shape) == 1
    g, x = (one[..., None] if vector else one for one in (g, out))
    to_b = _either(a, g, trans=1 - trans, lower=lower, unit_diagonal=unit_diagonal)
    to_a = None
    if "a" in needs:
        whole = -(x @ to_b.mT) if trans else -(to_b @ x.mT)
        # What isn't read has no influence, nor has a diagonal that is taken as 1.
        to_a = np.tril(whole, -int(unit_diagonal)) if lower else np.triu(whole, int(unit_diagonal))
    return [to_a, to_b[..., 0] if vector else to_b]


def _substituted(a: Any, b: Any, trans: int, lower: bool, unit_diagonal: bool) -> Any:
    """Row after row: what the known ones make is taken away, and the rest divided by the diagonal."""
    rows, vector = a.shape[-1], b.ndim == 1
    if not rows:
        return matmul(a, b)  # of no elements, in the right shape
    if trans:
        a, lower = matrix_transpose(a), not lower
    if vector:
        b = b[:, None]
    *batch, _, columns = right_hand_side(a.shape, b.shape)
    known: dict[int, Any] = {}
    for i in range(rows) if lower else reversed(range(rows)):
        row = b[..., i, :]
        for k, other in known.items():
            row = subtract(row, multiply(a[..., i, k, None], other))
        if not unit_diagonal:
            row = divide(row, a[..., i, i, None])
        known[i] = row if row.shape == (*batch, columns) else broadcast_to(row, (*batch, columns))
    x = stack([known[i] for i in range(rows)], -2)
    return x[..., 0] if vector else x


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    for a, b, attrs in (
        ((2, 2), (2, 2), {}),
        ((3, 3), (3,), {"lower": True}),
        ((2, 2, 2), (2, 1), {"trans": 1}),
        ((2, 2, 2), (2,), {"lower": True, "trans": 1, "unit_diagonal": True}),
        ((2, 2), (2, 1, 2, 1), {"unit_diagonal": True}),
        ((1, 1), (1, 1), {}),
        ((0, 2, 2), (2, 3), {"lower": True}),
        ((0, 0), (0, 2), {}),
    ):
        yield sample(0.5 * rng.normal(size=a) + 2.0 * np.eye(a[-1]), rng.normal(size=b), **attrs)


_SINGULAR = np.array([np.eye(2), [[1.0, 2.0], [0.0, 0.0]]])


@op(
    joint=_joint,
    formula="solve_triangular({a}, {b}, trans={trans}, lower={lower}, unit_diagonal={unit_diagonal})",
    back={"a": "-(what b receives) {out}ᵀ, in its triangle", "b": "the solution with the transpose of {a}, of {g}"},
    shape=_shape,
    cost=lambda a, b, **_: a[-1] ** 2 * columns_of(a, b),
    samples=_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros(2)), {}, ShapeError, "a must be a square matrix"),
        ErrorSample((np.zeros(2), np.zeros(2)), {}, ShapeError, "a must be a matrix, or a batch of them"),
        ErrorSample((np.eye(2), np.zeros((3, 2))), {}, ShapeError, "b must have 2 rows; shape (3, 2) has 3"),
        ErrorSample((np.eye(2), np.zeros(())), {}, ShapeError, "not a single number"),
        ErrorSample((np.zeros((2, 2, 2)), np.zeros((3, 2, 2))), {}, ShapeError, "the axes before the last two don't"),
        ErrorSample((_SINGULAR, np.zeros(2)), {}, ArgumentError, "a[1] is singular: it has a 0 on its diagonal"),
        ErrorSample((np.eye(2), np.zeros(2)), {"trans": 3}, ArgumentError, "trans is 0 or 'N'"),
    ),
    prepare=_prepare,
    expand=_substituted,
)
def solve_triangular(a: Array, b: Array, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False) -> Any:
    """
    The solution x of a x = b, where `a` is triangular, by substituting one row after the other; SciPy's function.

    Axes in front of matrices broadcast. Of `a` only the triangle is read, and only it receives a gradient.

    Parameters
    ----------
    a
        Shape (..., n, n).
    b
        Shape (..., n, k), or (n,): a single vector.
    trans
        1 or ``"T"`` to take the transpose of `a`, whose triangle is then the other one.
    lower
        Whether the lower triangle of `a` is read, not the upper one.
    unit_diagonal
        Take the diagonal of `a` as all 1, whatever it holds.

    Raises
    ------
    ArgumentError
        If `a` is singular, which shows as a 0 on its diagonal.

    Notes
    -----
    With v the solution of aᵀ v = g, `b` receives v and `a` the triangle of -v xᵀ (M. B. Giles, "Collected matrix
    derivative results for forward and reverse mode algorithmic differentiation", 2008, section 2.3.1).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.solve_triangular([[2.0, 1.0], [0.0, 4.0]], [4.0, 8.0])
    tensor([1., 2.])
    """
    from scipy.linalg import get_blas_funcs

    shape = right_hand_side(np.shape(a), np.shape(b))
    a, b = lapack_floats(a, b)
    if not unit_diagonal and (np.diagonal(a, 0, -2, -1) == 0).any():
        which = one_that(a, lambda one: bool((np.diagonal(one) == 0).any()), "a")
        raise ValueError(f"{which} is singular: it has a 0 on its diagonal, and nothing can be divided by that")
    solution = np.empty(shape, a.dtype)
    if solution.size:
        batch = shape[: len(shape) - min(b.ndim, 2)]
        a, b = np.broadcast_to(a, (*batch, *a.shape[-2:])), np.broadcast_to(b, shape)
        (trsm,) = get_blas_funcs(("trsm",), (a,))
        for place in np.ndindex(batch):
            one = trsm(1.0, a[place], b[place], lower=lower, trans_a=trans, diag=unit_diagonal)
            solution[place] = one.reshape(solution[place].shape)
    return solution


_either = polymorphic(solve_triangular)
