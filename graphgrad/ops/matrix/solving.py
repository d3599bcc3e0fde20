"""Linear equations and inverses."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops.array.axes import matrix_transpose, permute_dims
from graphgrad.ops.array.shaping import reshape
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.matrix.decompositions import lu
from graphgrad.ops.matrix.matmul import matmul
from graphgrad.ops.matrix.matrices import columns_of, is_singular, one_that, right_hand_side, square
from graphgrad.ops.matrix.triangular import solve_triangular
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import one_axis

NAMESPACE = "linalg"
__all__ = ["inv", "solve", "tensorinv", "tensorsolve"]

Shape = tuple[int, ...]

_DEPENDENT = "{name} is singular: its rows are linearly dependent, and nothing undoes it"


def regular_samples(rng: np.random.Generator, *shapes: Shape) -> Iterator[Any]:
    """Square matrices that are far from singular, with no symmetry."""
    for shape in shapes:
        yield 0.5 * rng.normal(size=shape) + np.eye(shape[-1]) * np.arange(2, 2 + shape[-1])


def singular_one(x: Any, name: str = "x") -> str:
    """What an error text calls the first matrix that has no inverse."""
    return one_that(x, is_singular, name)


SINGULAR = np.array([np.eye(2), [[1.0, 2.0], [2.0, 4.0]]])
"""Matrices of which the second has no inverse."""


# ---- equations -------------------------------------------------------------------------------------------------------


def _solve_joint(g: Any, a: Any, out: Any, b_shape: Shape, needs: Collection[str]) -> list[Any]:
    vector = len(b_shape) == 1
    g, x = (one[..., None] if vector else one for one in (g, out))
    to_b = _solve(a.mT, g)
    return [-(to_b @ x.mT) if "a" in needs else None, to_b[..., 0] if vector else to_b]


def _solve_expanded(a: Any, b: Any) -> Any:
    """By the triangular factors: p l u x = b."""
    p, lower, upper = lu(a)
    vector = b.ndim == 1
    permuted = matmul(matrix_transpose(p), b[:, None] if vector else b)
    x = solve_triangular(upper, solve_triangular(lower, permuted, lower=True, unit_diagonal=True))
    return x[..., 0] if vector else x


@op(
    joint=_solve_joint,
    formula="solve({a}, {b})",
    back={"a": "-(what b receives) {out}ᵀ", "b": "the solution with {a}ᵀ of {g}"},
    shape=lambda a, b, /: right_hand_side(a, b),
    cost=lambda a, b: 2 * math.prod(a) * a[-1] // 3 + 2 * a[-1] ** 2 * columns_of(a, b),
    samples=lambda rng: [
        sample(a, rng.normal(size=b))
        for a, b in zip(
            regular_samples(rng, (3, 3), (2, 2), (2, 2, 2), (2, 2, 2), (2, 2), (1, 1), (0, 2, 2), (0, 0)),
            ((3, 2), (2,), (2,), (2, 2, 1), (2, 2, 1), (1, 1), (2, 1), (0, 2)),
            strict=True,
        )
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros(2)), {}, ShapeError, "a must be a square matrix"),
        ErrorSample((np.eye(2), np.zeros(3)), {}, ShapeError, "b must have 2 elements; shape (3,) has 3"),
        ErrorSample((np.eye(2), np.zeros(())), {}, ShapeError, "not a single number"),
        ErrorSample((SINGULAR, np.zeros(2)), {}, ArgumentError, "a[1] is singular: its rows are linearly dependent"),
    ),
    expand=_solve_expanded,
    numpy=np.linalg.solve,
)
def solve(a: Array, b: Array) -> Any:
    """
    The solution x of a x = b, for one or many right-hand sides; axes in front of matrices broadcast.

    It is more exact than ``inv(a) @ b``, and quicker.

    Parameters
    ----------
    a
        Shape (..., n, n).
    b
        Shape (..., n, k), or (n,): a single vector.

    Raises
    ------
    ArgumentError
        If `a` is singular.

    Notes
    -----
    With v the solution of aᵀ v = g, `b` receives v and `a` receives -v xᵀ (M. B. Giles, "Collected matrix derivative
    results for forward and reverse mode algorithmic differentiation", 2008, section 2.3.1).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.solve([[2.0, 0.0], [1.0, 4.0]], [2.0, 9.0])
    tensor([1., 2.])
    """
    right_hand_side(np.shape(a), np.shape(b))
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        raise ValueError(_DEPENDENT.format(name=singular_one(a, "a"))) from None


_solve = polymorphic(solve)


# ---- inverses --------------------------------------------------------------------------------------------------------


def _inv_shape(x: Shape, /) -> Shape:
    square(x)
    return x


def _inv_expanded(x: Any) -> Any:
    p, lower, upper = lu(x)
    return solve_triangular(upper, solve_triangular(lower, matrix_transpose(p), lower=True, unit_diagonal=True))


@op(
    symbol="⁻¹",
    x=lambda g, out: -(out.mT @ g @ out.mT),
    formula="inv({x})",
    back={"x": "-{out}ᵀ @ {g} @ {out}ᵀ"},
    shape=_inv_shape,
    cost=lambda x: 2 * math.prod(x) * max(x[-1:], default=0),
    samples=lambda rng: map(sample, regular_samples(rng, (2, 2), (2, 3, 3), (1, 1), (0, 2, 2), (0, 0))),
    errors=(
        ErrorSample((np.zeros(3),), {}, ShapeError, "x must be a matrix, or a batch of them"),
        ErrorSample((np.zeros((2, 3)),), {}, ShapeError, "x must be a square matrix"),
        ErrorSample((SINGULAR,), {}, ArgumentError, "x[1] is singular: its rows are linearly dependent"),
    ),
    expand=_inv_expanded,
    covers=("P24.02",),
    numpy=np.linalg.inv,
)
def inv(x: Array) -> Any:
    """
    The inverse of a square matrix, or of each in a batch: x⁻¹ x = 1.

    To solve equations take `solve`, which is more exact.

    Parameters
    ----------
    x
        Shape (..., n, n).

    Raises
    ------
    ArgumentError
        If a matrix is singular.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.inv([[2.0, 0.0], [0.0, 4.0]])
    tensor([[0.5 , 0.  ],
            [0.  , 0.25]])
    """
    square(x.shape)
    try:
        return np.linalg.inv(x)
    except np.linalg.LinAlgError:
        raise ValueError(_DEPENDENT.format(name=singular_one(x))) from None


# ---- arrays of more axes ---------------------------------------------------------------------------------------------


def _regular_array(rng: np.random.Generator, shape: Shape, rows: int) -> Any:
    """An array that is a matrix far from singular with `rows` rows, in another shape."""
    return np.reshape(next(regular_samples(rng, (rows, rows))), shape)


def _prepare_ind(attrs: dict[str, Any]) -> None:
    attrs["ind"] = operator.index(attrs["ind"])


def _tensorinv_shape(x: Shape, /, ind: int) -> Shape:
    if not 0 < ind <= len(x):
        raise ValueError(f"ind tells how many axes make the rows, from 1 to {len(x)}, got {ind}")
    rows, columns = math.prod(x[:ind]), math.prod(x[ind:])
    if rows != columns:
        raise ValueError(f"the first {ind} axes of shape {x} make {rows} rows, the others {columns} columns")
    return (*x[ind:], *x[:ind])


@composite(
    formula="tensorinv({x}, ind={ind})",
    back={"x": "-{out}ᵀ @ {g} @ {out}ᵀ, with the axes of the rows as one and those of the columns as one"},
    shape=_tensorinv_shape,
    cost=lambda x, ind: 2 * math.prod(x[:ind]) ** 3,
    samples=lambda rng: [
        sample(_regular_array(rng, (2, 2, 4), 4), ind=2),
        sample(_regular_array(rng, (2, 2, 1), 2), ind=1),
        sample(_regular_array(rng, (2, 2), 2), ind=1),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3, 4)),), {}, ShapeError, "the first 2 axes of shape (2, 3, 4) make 6 rows"),
        ErrorSample((np.zeros((2, 2)),), {"ind": 0}, ShapeError, "ind tells how many axes make the rows"),
        ErrorSample((np.zeros((2, 2)),), {"ind": 1}, ArgumentError, "x is singular"),
    ),
    prepare=_prepare_ind,
    numpy=np.linalg.tensorinv,
)
def tensorinv(x: Array, ind: int = 2) -> Any:
    """
    The inverse of an array of any number of axes, the first ones of which stand for rows and the others for columns.

    It undoes what ``tensordot(x, y, x.ndim - ind)`` does to y.

    Parameters
    ----------
    ind
        How many axes make the rows. They must have as many elements as the others.

    Raises
    ------
    ArgumentError
        If `x` is singular.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.tensorinv([[[2.0, 0.0]], [[0.0, 4.0]]], ind=1).shape
    (1, 2, 2)
    """
    shape = _tensorinv_shape(x.shape, ind)
    rows = math.prod(x.shape[:ind])
    try:
        return reshape(inv(reshape(x, (rows, rows))), shape)
    except ArgumentError:
        raise ValueError(_DEPENDENT.format(name="x")) from None


def _prepare_axes(attrs: dict[str, Any]) -> None:
    if attrs["axes"] is not None:
        attrs["axes"] = tuple(map(operator.index, attrs["axes"]))


def _order(a: Shape, axes: Sequence[int] | None) -> Shape:
    """The axes of a, those of `axes` at the end."""
    last = [one_axis(axis, len(a)) for axis in axes or ()]
    if len(set(last)) < len(last):
        raise ValueError(f"axes {axes} names an axis twice")
    return (*(i for i in range(len(a)) if i not in last), *last)


def _tensorsolve_shape(a: Shape, b: Shape, /, axes: Sequence[int] | None) -> Shape:
    shape = tuple(a[i] for i in _order(a, axes))
    unknowns = shape[len(b) :]
    if shape[: len(b)] != b or math.prod(b) != math.prod(unknowns):
        raise ValueError(
            f"a must begin with the axes of b, {b}, and have as many elements in the others; its shape is {shape}"
        )
    return unknowns


@composite(
    formula="tensorsolve({a}, {b}, axes={axes})",
    back={"a": "-(what b receives) {out}ᵀ", "b": "the solution with the transpose of {a}, of {g}"},
    shape=_tensorsolve_shape,
    cost=lambda a, b, axes: 2 * math.prod(b) ** 3 // 3 + 2 * math.prod(b) ** 2,
    samples=lambda rng: [
        sample(_regular_array(rng, (2, 2, 4), 4), rng.normal(size=(2, 2))),
        sample(_regular_array(rng, (2, 4, 2), 4), rng.normal(size=(2, 4))[:, :2], axes=(1,)),
        sample(_regular_array(rng, (2, 1, 2), 2), rng.normal(size=2)),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros(2)), {}, ShapeError, "a must begin with the axes of b, (2,), and have"),
        ErrorSample((np.zeros((2, 2)), np.zeros(2)), {"axes": (0, 0)}, ShapeError, "names an axis twice"),
        ErrorSample((np.zeros((2, 2)), np.zeros(2)), {}, ArgumentError, "a is singular"),
    ),
    prepare=_prepare_axes,
    numpy=np.linalg.tensorsolve,
)
def tensorsolve(a: Array, b: Array, axes: Sequence[int] | None = None) -> Any:
    """
    The solution x of ``tensordot(a, x, x.ndim) = b``, for arrays of any number of axes.

    Parameters
    ----------
    a
        Its shape is that of `b`, followed by that of the solution, which has as many elements.
    axes
        Axes of `a` to be moved to the end first.

    Raises
    ------
    ArgumentError
        If `a` is singular.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.tensorsolve([[[2.0, 0.0]], [[0.0, 4.0]]], [2.0, 8.0])
    tensor([[1., 2.]])
    """
    shape = _tensorsolve_shape(np.shape(a), np.shape(b), axes)
    rows = math.prod(shape)
    try:
        return reshape(solve(reshape(permute_dims(a, _order(a.shape, axes)), (rows, rows)), reshape(b, (rows,))), shape)
    except ArgumentError:
        raise ValueError(_DEPENDENT.format(name="a")) from None
