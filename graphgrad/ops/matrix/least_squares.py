"""Matrices without an inverse: pseudo-inverses, least squares, ranks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.arithmetic import divide, multiply, square, subtract
from graphgrad.ops.array.axes import matrix_transpose
from graphgrad.ops.array.reductions import sum as sum_of
from graphgrad.ops.array.selection import where
from graphgrad.ops.composite import through
from graphgrad.ops.declare import Array, op
from graphgrad.ops.matrix.decompositions import general_samples
from graphgrad.ops.matrix.matmul import matmul
from graphgrad.ops.matrix.matrices import batch_of_equations, lapack_floats, matrix, one_that, values_of
from graphgrad.ops.matrix.spectral import svd, svdvals
from graphgrad.ops.samples import sample

NAMESPACE = "linalg"
__all__ = ["lstsq", "matrix_rank", "pinv"]

Shape = tuple[int, ...]

_NO_MATRIX = ErrorSample((np.zeros(3),), {}, ShapeError, "x must be a matrix, or a batch of them")


def _bound(name: str) -> Any:
    """Keeps a relative bound for singular values as a float, or as None for the default."""

    def prepare(attrs: dict[str, Any]) -> None:
        bound = attrs[name]
        if bound is None:
            return
        if isinstance(bound, str) or np.ndim(bound):
            raise TypeError(f"{name} is a number or None, got {bound!r}")
        attrs[name] = float(bound)
        if not attrs[name] >= 0:
            raise ValueError(f"{name} must be at least 0, got {bound!r}")

    return prepare


def _errors(name: str) -> tuple[ErrorSample, ...]:
    return (
        _NO_MATRIX,
        ErrorSample((np.eye(2),), {name: -1.0}, ArgumentError, f"{name} must be at least 0, got -1.0"),
        ErrorSample((np.eye(2),), {name: "small"}, DTypeError, f"{name} is a number or None, got 'small'"),
    )


def _significant(s: Any, shape: Shape, bound: float | None) -> Any:
    """Which singular values count, of arrays and of what tensors hold."""
    if bound is None:
        bound = max(shape[-2:]) * float(np.finfo(s.dtype).eps)
    return s > bound * s.max(-1, keepdims=True, initial=0.0)


def _inverted(s: Any, counts: Any) -> Any:
    """One over the singular values that count, and 0 for the others."""
    return np.where(counts, 1.0 / np.where(counts, s, 1.0), 0.0)


# ---- pseudo-inverses -------------------------------------------------------------------------------------------------


def _pinv_shape(x: Shape, /, rtol: float | None) -> Shape:
    batch, rows, columns = matrix(x)
    return (*batch, columns, rows)


def _pinv_cost(x: Shape, /, **_: Any) -> int:
    batch, rows, columns = matrix(x)
    m, n = max(rows, columns), min(rows, columns)
    return math.prod(batch) * (16 * m * n * n + 8 * n**3)


def _pinv_x(g: Any, x: Any, out: Any) -> Any:
    gt = g.mT
    beside_rows, beside_columns = gt - x @ (out @ gt), gt - (gt @ out) @ x
    return (beside_rows @ out) @ out.mT + out.mT @ (out @ beside_columns) - out.mT @ g @ out.mT


def _pinv_expanded(x: Any, rtol: float | None) -> Any:
    u, s, vt = svd(x, full_matrices=False)
    counts = _significant(values_of(s), x.shape, rtol)
    inverses = where(counts, divide(1.0, where(counts, s, 1.0)), 0.0)
    return matmul(multiply(matrix_transpose(vt), inverses[..., None, :]), matrix_transpose(u))


@op(
    symbol="⁺",
    x=_pinv_x,
    formula="pinv({x}, rtol={rtol})",
    back={"x": "-{out}ᵀ {g} {out}ᵀ + (1 - {x} {out}) {g}ᵀ {out} {out}ᵀ + {out}ᵀ {out} {g}ᵀ (1 - {out} {x})"},
    shape=_pinv_shape,
    cost=_pinv_cost,
    samples=lambda rng: [
        *general_samples(rng, (3, 2), (2, 3), (2, 2, 2), (1, 1), (0, 2), (0, 2, 2)),
        next(general_samples(rng, (3, 3), rtol=1e-3)),
    ],
    errors=_errors("rtol"),
    prepare=_bound("rtol"),
    expand=_pinv_expanded,
    numpy=np.linalg.pinv,
)
def pinv(x: Array, *, rtol: float | None = None) -> Any:
    """
    The pseudo-inverse of a matrix of any shape and rank, or of each in a batch, by its singular values.

    It is the inverse of a regular square matrix; otherwise ``pinv(x) @ b`` is the shortest of all v that bring x v as
    near to b as can be. To solve such equations, `lstsq` is quicker and more exact.

    Parameters
    ----------
    x
        Shape (..., m, n). A matrix with a nan or an infinity gives nan.
    rtol
        Singular values up to this, times the largest one, are taken as 0. Default: max(m, n) times the precision of the
        dtype, as the Python array API and PyTorch have it (NumPy has 1e-15 here).

    Returns
    -------
    Tensor
        Shape (..., n, m).

    Notes
    -----
    The gradient holds where the rank doesn't change: elsewhere the pseudo-inverse jumps. (G. H. Golub and V. Pereyra,
    "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate", 1973.)

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.pinv([[2.0, 0.0], [0.0, 0.0], [0.0, 4.0]])
    tensor([[0.5 , 0.  , 0.  ],
            [0.  , 0.  , 0.25]])
    """
    u, s, vt = svd.op.forward(x, full_matrices=False)
    return (vt.mT * _inverted(s, _significant(s, x.shape, rtol))[..., None, :]) @ u.mT


# ---- least squares ---------------------------------------------------------------------------------------------------


def _lstsq_shapes(a: Shape, b: Shape, /, rcond: float | None) -> tuple[Shape, ...]:
    batch, rows, columns = matrix(a, "a")
    both, right = batch_of_equations(a, b), b[1:][-1:]
    return (*both, columns, *right), (*both, *(right or (1,))), batch, (*batch, min(rows, columns))


def _lstsq_cost(a: Shape, b: Shape, /, rcond: float | None) -> int:
    rows, columns = a[-2:]
    products = 2 * min(rows, columns) * (rows + columns) + 2 * rows * columns
    solution = math.prod(_lstsq_shapes(a, b, rcond)[0]) // max(columns, 1)
    return _pinv_cost(a) + products * solution


def _lstsq_expanded(a: Any, b: Any, rcond: float | None) -> Any:
    vector = b.ndim == 1
    columns = b[:, None] if vector else b
    x = matmul(pinv(a, rtol=rcond), columns)
    residuals = sum_of(square(subtract(matmul(a, x), columns)), -2)
    s = svdvals(a)
    rank = Tensor(_significant(values_of(s), a.shape, rcond).sum(-1))
    return x[..., 0] if vector else x, residuals, rank, s


@op(
    outputs=None,
    joint=through(_lstsq_expanded, ("a", "b")),
    formula="lstsq({a}, {b}, rcond={rcond})",
    back={
        "a": "from {g}, through pinv({a}) @ {b} and the residuals",
        "b": "pinv({a})ᵀ @ {g}, and what comes through the residuals",
    },
    shape=_lstsq_shapes,
    cost=_lstsq_cost,
    samples=lambda rng: [
        sample(one.operands[0], rng.normal(size=b), **one.attrs)
        for one, b in (
            (next(general_samples(rng, (4, 2))), (4, 3)),
            (next(general_samples(rng, (3, 2))), (3,)),
            (next(general_samples(rng, (2, 3, 2), rcond=1e-3)), (3,)),
            (next(general_samples(rng, (2, 2, 3))), (2, 1)),
            (next(general_samples(rng, (2, 2))), (0, 2, 1)),
        )
    ],
    errors=(
        ErrorSample((np.zeros(3), np.zeros(3)), {}, ShapeError, "a must be a matrix, or a batch of them"),
        ErrorSample((np.zeros((3, 2)), np.zeros(2)), {}, ShapeError, "b must have 3 elements; shape (2,) has 2"),
        ErrorSample((np.zeros((3, 2)), np.zeros(())), {}, ShapeError, "not a single number"),
        ErrorSample((np.zeros((2, 3, 2)), np.zeros((4, 3, 1))), {}, ShapeError, "the axes before the last two don't"),
        ErrorSample((np.eye(2), np.zeros(2)), {"rcond": -1.0}, ArgumentError, "rcond must be at least 0"),
    ),
    prepare=_bound("rcond"),
    expand=_lstsq_expanded,
    numpy=np.linalg.lstsq,
)
def lstsq(a: Array, b: Array, rcond: float | None = None) -> Any:
    """
    The x that bring a x as near to b as can be, in the sum of squares; the shortest if there are several.

    Axes in front of matrices broadcast.

    Parameters
    ----------
    a
        Shape (..., m, n). A matrix with a nan or an infinity gives nan.
    b
        Shape (..., m, k), or (m,): a single vector.
    rcond
        Singular values up to this, times the largest one, are taken as 0. Default: max(m, n) times the precision of the
        dtype.

    Returns
    -------
    tuple of Tensor
        The solution, of shape (..., n, k) or (..., n); the sum of squared residuals of each right-hand side, of shape
        (..., k) (NumPy leaves them out where n is not less than m, or the rank is less than n); the rank of each
        matrix, through which no gradient passes; and its singular values.

    Notes
    -----
    The gradient holds where the rank doesn't change; see `pinv`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> line, residuals, rank, s = gg.linalg.lstsq([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], [1.0, 3.0, 5.0])
    >>> line
    tensor([2., 1.])
    """
    _lstsq_shapes(np.shape(a), np.shape(b), rcond)
    a, b = lapack_floats(a, b)
    vector = b.ndim == 1
    columns = b[:, None] if vector else b
    u, s, vt = svd.op.forward(a, full_matrices=False)
    counts = _significant(s, a.shape, rcond)
    x = vt.mT @ (_inverted(s, counts)[..., :, None] * (u.mT @ columns))
    residuals = np.square(a @ x - columns).sum(-2)
    return x[..., 0] if vector else x, residuals, np.asarray(counts.sum(-1)), s


# ---- ranks -----------------------------------------------------------------------------------------------------------


def _rank_shape(x: Shape, /, rtol: float | None) -> Shape:
    return matrix(x)[0]


@op(
    formula="matrix_rank({x}, rtol={rtol})",
    shape=_rank_shape,
    cost=_pinv_cost,
    samples=lambda rng: [
        *general_samples(rng, (3, 2), (2, 2, 3), (0, 2)),
        sample(np.array([[1.0, 2.0], [2.0, 4.0]])),
        sample(np.diag([1.0, 1e-3, 1e-5]), rtol=1e-4),
    ],
    errors=(
        *_errors("rtol"),
        ErrorSample((np.array([np.eye(2), [[np.nan, 0.0], [0.0, 0.0]]]),), {}, ArgumentError, "x[1] holds nan or"),
    ),
    prepare=_bound("rtol"),
    numpy=np.linalg.matrix_rank,
)
def matrix_rank(x: Array, *, rtol: float | None = None) -> Any:
    """
    How many rows of a matrix are linearly independent, or of each in a batch. No gradient passes: a rank is an integer.

    Parameters
    ----------
    x
        Shape (..., m, n).
    rtol
        Singular values up to this, times the largest one, are taken as 0. Default: max(m, n) times the precision of the
        dtype.

    Raises
    ------
    ArgumentError
        If a matrix holds nan or infinities.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]])
    tensor(1)
    """
    matrix(x.shape)
    if not np.isfinite(x).all():
        raise ValueError(
            f"{one_that(x, lambda one: not np.isfinite(one).all())} holds nan or infinities, and has no rank"
        )
    return _significant(svdvals.op.forward(x), x.shape, rtol).sum(-1)
