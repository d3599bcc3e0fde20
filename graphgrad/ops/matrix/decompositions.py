"""Decompositions into triangular and orthogonal matrices: Cholesky, LU and QR.

Eigenvalues and singular values are in `spectral`. The general eigenvalue decomposition isn't here: its results are
complex.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.matrix.matrices import lapack_floats, matrix, on_finite, one_that, square, values_of
from graphgrad.ops.matrix.triangular import solve_triangular
from graphgrad.ops.samples import sample

NAMESPACE = "linalg"
__all__ = ["cholesky", "lu", "qr"]

Shape = tuple[int, ...]

_linalg: Any = np.linalg  # NumPy's stubs know modes as literals only

_solve = polymorphic(solve_triangular)

_NO_MATRIX = ErrorSample((np.zeros(3),), {}, ShapeError, "x must be a matrix, or a batch of them")
_NOT_SQUARE = ErrorSample((np.zeros((2, 3)),), {}, ShapeError, "x must be a square matrix")


def _divisible(triangle: Any) -> Any:
    """A triangle to divide by in a rule. Singular ones are made nan, for there the derivative is no number."""
    singular = (np.diagonal(values_of(triangle), 0, -2, -1) == 0).any(-1)
    return np.where(singular[..., None, None], np.nan, triangle) if singular.any() else triangle


# ---- Cholesky --------------------------------------------------------------------------------------------------------


def symmetric_samples(rng: np.random.Generator, **attrs: Any) -> Iterator[Sample]:
    """Symmetric, positive definite matrices: one, batches, one number, and none."""
    for shape in ((2, 2), (2, 3, 3), (2, 1, 2, 2), (1, 1), (0, 2, 2), (0, 0)):
        x = rng.uniform(-0.5, 0.5, size=shape)
        yield sample(x + np.swapaxes(x, -1, -2) + np.diag(1.0 + 2.0 * np.arange(1, 1 + shape[-1])), **attrs)


def _square(x: Shape, /, **_: Any) -> Shape:
    square(x)
    return x


def _prepare_upper(attrs: dict[str, Any]) -> None:
    attrs["upper"] = bool(attrs["upper"])


def _cholesky_x(g: Any, out: Any, upper: bool) -> Any:
    lower, g = (out.mT, g.mT) if upper else (out, g)
    rows = lower.shape[-1]
    triangle = np.tril(lower.mT @ g) * (1.0 - 0.5 * np.eye(rows, dtype=g.dtype))
    inner = (triangle + triangle.mT) * 0.5
    half = _solve(lower, inner, trans=1, lower=True)
    return _solve(lower, half.mT, trans=1, lower=True)


def _fails(x: Any, upper: bool) -> bool:
    try:
        np.linalg.cholesky(x, upper=upper)
    except np.linalg.LinAlgError:
        return True
    return False


@op(
    x=_cholesky_x,
    formula="cholesky({x}, upper={upper})",
    back={"x": "L⁻ᵀ Φ(Lᵀ gL) L⁻¹, made symmetric; Φ keeps the lower triangle, with half of the diagonal"},
    shape=_square,
    cost=lambda x, **_: math.prod(x) * x[-1] // 3,
    samples=lambda rng: [*symmetric_samples(rng), *list(symmetric_samples(rng, upper=True))[:2]],
    errors=(
        _NO_MATRIX,
        _NOT_SQUARE,
        ErrorSample(
            (np.array([np.eye(2), [[1.0, 2.0], [2.0, 1.0]]]),), {}, ArgumentError, "x[1] is not positive definite"
        ),
    ),
    prepare=_prepare_upper,
    numpy=np.linalg.cholesky,
)
def cholesky(x: Array, *, upper: bool = False) -> Any:
    """
    The lower triangular L with L Lᵀ = x, of a symmetric, positive definite matrix, or of each in a batch.

    Only the lower triangle of `x` is read (with `upper` the upper one): that `x` is symmetric is taken for granted. Its
    gradient is symmetric, as that of a function of symmetric matrices is; PyTorch has it so too. To compare it with
    differences, make the matrix symmetric in the function: ``cholesky((x + x.mT) / 2)``.

    Parameters
    ----------
    x
        Shape (..., n, n).
    upper
        Give the upper triangular U with Uᵀ U = x.

    Raises
    ------
    ArgumentError
        If a matrix isn't positive definite.

    Notes
    -----
    The rule is that of I. Murray, "Differentiation of the Cholesky decomposition", 2016. A matrix with a nan or an
    infinity in the triangle that is read gives nan.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.cholesky([[4.0, 2.0], [2.0, 5.0]])
    tensor([[2., 0.],
            [1., 2.]])
    """
    square(x.shape)
    read = np.triu if upper else np.tril
    try:
        return on_finite(lambda one: np.linalg.cholesky(one, upper=upper), x, read)
    except np.linalg.LinAlgError:
        which = one_that(x, lambda one: bool(np.isfinite(read(one)).all()) and _fails(one, upper))
        raise ValueError(f"{which} is not positive definite: some vector v has vᵀ x v <= 0") from None


# ---- LU --------------------------------------------------------------------------------------------------------------


def _lu_shapes(x: Shape, /) -> tuple[Shape, ...]:
    batch, rows, columns = matrix(x)
    least = min(rows, columns)
    return (*batch, rows, rows), (*batch, rows, least), (*batch, least, columns)


def _lu_x(g: Any, out: Any, x_shape: Shape) -> Any:
    (_, g_l, g_u), (p, lower, upper) = g, out
    rows, columns = x_shape[-2:]
    k = min(rows, columns)
    square_u = _divisible(upper[..., :, :k])
    square_l = lower[..., :k, :]
    tail = None
    if rows > k:  # these rows of L are rows of x, divided by U
        tail = _solve(square_u, g_l[..., k:, :].mT).mT
        g_u = g_u - lower[..., k:, :].mT @ tail
        g_l = g_l[..., :k, :]
    elif columns > k:  # these columns of U are columns of x, divided by L
        tail = _solve(square_l, g_u[..., :, k:], trans=1, lower=True, unit_diagonal=True)
        g_l = g_l - tail @ upper[..., :, k:].mT
        g_u = g_u[..., :, :k]
    inner = np.tril(square_l.mT @ g_l, -1) + np.triu(g_u @ square_u.mT)
    left = _solve(square_l, inner, trans=1, lower=True, unit_diagonal=True)
    permuted = _solve(square_u, left.mT).mT
    if tail is not None:
        permuted = np.concatenate((permuted, tail), -2 if rows > k else -1)
    return p @ permuted


def general_samples(rng: np.random.Generator, *shapes: Shape, **attrs: Any) -> Iterator[Sample]:
    """Matrices of full rank, not square ones too."""
    for shape in shapes:
        yield sample(0.5 * rng.normal(size=shape) + np.eye(shape[-2], shape[-1]) * np.arange(2, 2 + shape[-1]), **attrs)


@op(
    outputs=None,
    x=_lu_x,
    formula="lu({x})",
    back={"x": "P L⁻ᵀ (tril(Lᵀ gL, -1) + triu(gU Uᵀ)) U⁻ᵀ, with the gradients gL and gU of L and U"},
    shape=_lu_shapes,
    cost=lambda x: math.prod(x[:-2]) * min(x[-2:]) ** 2 * (3 * max(x[-2:]) - min(x[-2:])) // 3,
    samples=lambda rng: [
        *general_samples(rng, (3, 3), (3, 2), (2, 3), (2, 2, 2), (1, 1), (0, 2, 2), (0, 2)),
        sample(np.array([[0.0, 2.0], [1.0, 3.0]])),
    ],
    errors=(_NO_MATRIX,),
)
def lu(x: Array) -> Any:
    """
    The factors P, L and U of a matrix, or of each in a batch: a permutation, a lower and an upper triangular matrix.

    Their product is `x`. L has ones on its diagonal, and no element is larger than 1, for in each step the row with the
    largest element is taken. P tells which; no gradient passes through it. Where U has a 0 on its diagonal, as it has
    for every singular matrix, the gradient is nan.

    Parameters
    ----------
    x
        Shape (..., m, n); with k = min(m, n) the factors have shapes (..., m, m), (..., m, k) and (..., k, n). A matrix
        with a nan or an infinity gives nan.

    Returns
    -------
    tuple of Tensor
        P, L and U.

    Examples
    --------
    >>> import graphgrad as gg
    >>> p, l, u = gg.linalg.lu([[0.0, 2.0], [1.0, 3.0]])
    >>> u
    tensor([[1., 3.],
            [0., 2.]])
    """
    from scipy import linalg

    shapes = _lu_shapes(x.shape)
    (floats,) = lapack_floats(x)
    if not floats.size:  # identities, as far as there is anything
        eyes = [np.eye(one[-2], one[-1], dtype=floats.dtype) for one in shapes]
        return tuple(np.broadcast_to(eye, shape).copy() for eye, shape in zip(eyes, shapes, strict=True))
    return on_finite(lambda one: linalg.lu(one, check_finite=False), floats)


# ---- QR --------------------------------------------------------------------------------------------------------------


def _prepare_mode(attrs: dict[str, Any]) -> None:
    if attrs["mode"] not in ("reduced", "complete"):
        raise ValueError(f"mode is 'reduced' or 'complete', got {attrs['mode']!r}; R alone is the second result")


def _qr_shapes(x: Shape, /, mode: str) -> tuple[Shape, ...]:
    batch, rows, columns = matrix(x)
    inner = rows if mode == "complete" else min(rows, columns)
    return (*batch, rows, inner), (*batch, inner, columns)


def _qr_cost(x: Shape, /, mode: str) -> int:
    batch, m, n = matrix(x)
    k = min(m, n)
    triangle = 2 * k**2 * max(m, n) - 2 * k**3 // 3
    if mode == "complete":
        return math.prod(batch) * (triangle + 4 * (m * m * k - m * k * k) + 4 * k**3 // 3)
    return math.prod(batch) * (triangle + 2 * k**2 * m - 2 * k**3 // 3)


def _qr_x(g: Any, out: Any, x_shape: Shape) -> Any:
    (g_q, g_r), (q, r) = g, out
    rows, columns = x_shape[-2:]
    k = min(rows, columns)
    g_beside = None
    if q.shape[-1] > k:  # complete: the other columns turn as the first ones let them
        first, others = q[..., :, :k], q[..., :, k:]
        g_q, g_others = g_q[..., :, :k], g_q[..., :, k:]
        q, r, g_q, g_r = first, r[..., :k, :], g_q - others @ (g_others.mT @ first), g_r[..., :k, :]
    if columns > k:  # the columns beside the square are Qᵀ times those of x
        g_beside = q @ g_r[..., :, k:]
        g_q = g_q + q @ (r[..., :, k:] @ g_r[..., :, k:].mT)
        r, g_r = r[..., :, :k], g_r[..., :, :k]
    m = r @ g_r.mT - g_q.mT @ q
    lower = np.tri(k, dtype=bool)
    inner = g_q + q @ np.where(lower, m, m.mT)
    to_square = _solve(_divisible(r), inner.mT).mT
    return to_square if g_beside is None else np.concatenate((to_square, g_beside), -1)


@op(
    outputs=None,
    x=_qr_x,
    formula="qr({x}, mode={mode})",
    back={"x": "(gQ + Q copyltu(R gRᵀ - gQᵀ Q)) R⁻ᵀ; copyltu copies the lower triangle to the upper one"},
    shape=_qr_shapes,
    cost=_qr_cost,
    samples=lambda rng: [
        *general_samples(rng, (3, 2), (2, 3), (2, 2, 2), (1, 1), (0, 2), (2, 0)),
        *general_samples(rng, (3, 2), (2, 2, 1), (2, 3), mode="complete"),
    ],
    errors=(
        _NO_MATRIX,
        ErrorSample((np.eye(2),), {"mode": "r"}, ArgumentError, "mode is 'reduced' or 'complete', got 'r'"),
    ),
    prepare=_prepare_mode,
    numpy=np.linalg.qr,
)
def qr(x: Array, mode: str = "reduced") -> Any:
    """
    The factors Q and R of a matrix, or of each in a batch: orthonormal columns, and an upper triangular matrix.

    Their product is `x`. Which sign a row of R has is LAPACK's choice.

    Parameters
    ----------
    x
        Shape (..., m, n), with k = min(m, n). A matrix with a nan or an infinity gives nan.
    mode
        ``"reduced"`` gives shapes (..., m, k) and (..., k, n); ``"complete"`` (..., m, m) and (..., m, n).

    Returns
    -------
    tuple of Tensor
        Q and R.

    Notes
    -----
    The gradient needs independent columns, among the first m; where R has a 0 on its diagonal it is nan. Of the columns
    that ``"complete"`` adds only the space is determined: if there are several, their gradient is right for functions
    that don't depend on how they are turned within it. (S. F. Walter and L. Lehmann, "Algorithmic differentiation of
    linear algebra functions", 2010; H.-J. Liao et al., "Differentiable programming tensor networks", 2019, for
    copyltu and for m < n.)

    Examples
    --------
    >>> import graphgrad as gg
    >>> q, r = gg.linalg.qr([[3.0, 1.0], [4.0, 2.0]])
    >>> abs(r)
    tensor([[5. , 2.2],
            [0. , 0.4]])
    """
    return on_finite(lambda one: tuple(_linalg.qr(one, mode)), x)
