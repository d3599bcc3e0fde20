"""Eigenvalues of symmetric matrices and singular values of any, with their vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.matrix.decompositions import general_samples, symmetric_samples
from graphgrad.ops.matrix.matrices import matrix, on_finite, square, values_of

NAMESPACE = "linalg"
__all__ = ["eigh", "eigvalsh", "svd", "svdvals"]

Shape = tuple[int, ...]

_linalg: Any = np.linalg  # NumPy's stubs know modes as literals only

_NO_MATRIX = ErrorSample((np.zeros(3),), {}, ShapeError, "x must be a matrix, or a batch of them")


def _unused(*gradients: Any) -> Any:
    """For each matrix, whether its vectors were not used: then it doesn't matter that they may not be unique."""
    batch = gradients[0].shape[:-2]
    if any(isinstance(g, Tensor) and g.requires_grad for g in gradients):
        return np.zeros(batch, bool)
    return np.all([(values_of(g) == 0).all((-2, -1)) for g in gradients], 0)


def _divided(x: Any, by: Any, unused: Any) -> Any:
    """The quotient, with 0 for 0 / 0 where the vectors are not used, and on the diagonal of differences."""
    nothing = (values_of(by) == 0) & unused
    return x / (np.where(nothing, np.inf, by) if nothing.any() else by)


# ---- eigenvalues -----------------------------------------------------------------------------------------------------


def _prepare_uplo(attrs: dict[str, Any]) -> None:
    if attrs["UPLO"] not in ("L", "U", "l", "u"):
        raise ValueError(f"UPLO is 'L' for the lower triangle or 'U' for the upper one, got {attrs['UPLO']!r}")
    attrs["UPLO"] = attrs["UPLO"].upper()


_TRIANGLE: dict[str, Any] = {"L": np.tril, "U": np.triu}


def _eigh_shapes(x: Shape, /, UPLO: str) -> tuple[Shape, ...]:
    square(x)
    return x[:-1], x


def _eigvalsh_shape(x: Shape, /, UPLO: str) -> Shape:
    square(x)
    return x[:-1]


def _eigh_x(g: Any, out: Any) -> Any:
    (g_values, g_vectors), (values, vectors) = g, out
    turned = vectors.mT @ g_vectors
    skew = (turned - turned.mT) * 0.5
    diagonal = np.eye(values.shape[-1], dtype=bool)
    gaps = values[..., None, :] - values[..., :, None]
    turns = _divided(skew, np.where(diagonal, np.inf, gaps), _unused(g_vectors)[..., None, None])
    return vectors @ np.where(diagonal, g_values[..., None, :], turns) @ vectors.mT


def _eigvalsh_x(g: Any, x: Any, UPLO: str) -> Any:
    vectors = _eigh(x, UPLO=UPLO)[1]
    return (vectors * g[..., None, :]) @ vectors.mT


_SYMMETRIC: dict[str, Any] = {
    "errors": (
        _NO_MATRIX,
        ErrorSample((np.zeros((2, 3)),), {}, ShapeError, "x must be a square matrix"),
        ErrorSample((np.eye(2),), {"UPLO": "both"}, ArgumentError, "UPLO is 'L' for the lower triangle"),
    ),
    "prepare": _prepare_uplo,
    "samples": lambda rng: [*symmetric_samples(rng), next(symmetric_samples(rng, UPLO="U"))],
}


@op(
    outputs=None,
    x=_eigh_x,
    **_SYMMETRIC,
    formula="eigh({x}, UPLO={UPLO})",
    back={"x": "V (diag(gw) + F ∘ (Vᵀ gV - gVᵀ V) / 2) Vᵀ, with F = 1 / (w of the column - w of the row)"},
    shape=_eigh_shapes,
    cost=lambda x, UPLO: 9 * math.prod(x) * x[-1],
    covers=("P09.03",),
    numpy=np.linalg.eigh,
)
def eigh(x: Array, UPLO: str = "L") -> Any:
    """
    The eigenvalues w, in ascending order, and eigenvectors V of a symmetric matrix, or of each in a batch.

    The columns of V are of length 1 and at right angles to each other, and x = V diag(w) Vᵀ. Which sign a column has is
    LAPACK's choice. Where two eigenvalues are equal their vectors are not unique, so a gradient that comes through the
    vectors is nan or inf there; through the eigenvalues alone it isn't.

    Only one triangle of `x` is read: that `x` is symmetric is taken for granted. Its gradient is symmetric, as that of
    a function of symmetric matrices is; PyTorch has it so too. To compare it with differences, make the matrix
    symmetric in the function: ``eigh((x + x.mT) / 2)``.

    Parameters
    ----------
    x
        Shape (..., n, n). One with a nan or an infinity in the triangle that is read gives nan.
    UPLO
        ``"L"`` to read the lower triangle, ``"U"`` for the upper one.

    Returns
    -------
    tuple of Tensor
        w and V, of shapes (..., n) and (..., n, n).

    Notes
    -----
    The rule is in M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
    differentiation", 2008, section 3.1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> w, v = gg.linalg.eigh([[2.0, 1.0], [1.0, 2.0]])
    >>> w
    tensor([1., 3.])
    """
    square(x.shape)
    return on_finite(lambda one: tuple(_linalg.eigh(one, UPLO)), x, _TRIANGLE[UPLO])


_eigh = polymorphic(eigh)


@op(
    x=_eigvalsh_x,
    **_SYMMETRIC,
    formula="eigvalsh({x}, UPLO={UPLO})",
    back={"x": "V diag({g}) Vᵀ, with the eigenvectors V in columns"},
    shape=_eigvalsh_shape,
    cost=lambda x, UPLO: 4 * math.prod(x) * x[-1] // 3,
    covers=("P09.04",),
    numpy=np.linalg.eigvalsh,
)
def eigvalsh(x: Array, UPLO: str = "L") -> Any:
    """
    The eigenvalues of a symmetric matrix, or of each in a batch, in ascending order.

    Where some are equal there is no derivative, and the gradient is what one choice of their vectors gives; that of a
    function in which equal ones count alike, such as their sum, is right. Only one triangle is read, and the gradient
    is symmetric: see `eigh`.

    Parameters
    ----------
    x
        Shape (..., n, n). One with a nan or an infinity in the triangle that is read gives nan.
    UPLO
        ``"L"`` to read the lower triangle, ``"U"`` for the upper one.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.eigvalsh([[2.0, 1.0], [1.0, 2.0]])
    tensor([1., 3.])
    """
    square(x.shape)
    return on_finite(lambda one: _linalg.eigvalsh(one, UPLO), x, _TRIANGLE[UPLO])


# ---- singular values -------------------------------------------------------------------------------------------------


def _svd_shapes(x: Shape, /, full_matrices: bool) -> tuple[Shape, ...]:
    batch, rows, columns = matrix(x)
    k = min(rows, columns)
    left, right = (rows, columns) if full_matrices else (k, k)
    return (*batch, rows, left), (*batch, k), (*batch, right, columns)


def _svdvals_shape(x: Shape, /) -> Shape:
    batch, rows, columns = matrix(x)
    return (*batch, min(rows, columns))


def _svd_cost(x: Shape, /, full_matrices: bool) -> int:
    batch, rows, columns = matrix(x)
    m, n = max(rows, columns), min(rows, columns)
    full = 4 * m * m * n if full_matrices else 0
    return math.prod(batch) * (full + 14 * m * n * n + 8 * n**3)


def _svdvals_cost(x: Shape, /) -> int:
    batch, rows, columns = matrix(x)
    m, n = max(rows, columns), min(rows, columns)
    return math.prod(batch) * (4 * m * n * n - 4 * n**3 // 3)


def _svd_x(g: Any, out: Any, x_shape: Shape) -> Any:
    (g_u, g_s, g_vt), (u, s, vt) = g, out
    rows, columns = x_shape[-2:]
    k = min(rows, columns)
    unused = _unused(g_u, g_vt)[..., None, None]
    s_row, s_column = s[..., None, :], s[..., :, None]
    # With full_matrices there are more vectors on one side, which turn as the others let them.
    u, u_more, g_u, g_u_more = u[..., :, :k], u[..., :, k:], g_u[..., :, :k], g_u[..., :, k:]
    vt, vt_more, g_vt, g_vt_more = vt[..., :k, :], vt[..., k:, :], g_vt[..., :k, :], g_vt[..., k:, :]

    turned_u, turned_v = u.mT @ g_u, vt @ g_vt.mT
    diagonal = np.eye(k, dtype=bool)
    # Divided by S + S first, then by S - S: their product overflows, or is 0, long before the singular values are.
    total = s_row + s_column
    shares = s_row / np.where(values_of(total) == 0, 1.0, total)
    turns = shares * (turned_u - turned_u.mT) + shares.mT * (turned_v - turned_v.mT)
    gaps = np.where(diagonal, np.inf, s_row - s_column)
    found = u @ np.where(diagonal, g_s[..., None, :], _divided(turns, gaps, unused)) @ vt
    if rows > k:
        beside = g_u - u @ turned_u
        if u_more.shape[-1]:
            beside = beside - u_more @ (g_u_more.mT @ u)
        found = found + _divided(beside, s_row, unused) @ vt
    elif columns > k:
        beside = g_vt - turned_v.mT @ vt
        if vt_more.shape[-2]:
            beside = beside - vt @ g_vt_more.mT @ vt_more
        found = found + u @ _divided(beside, s_column, unused)
    return found


def _prepare_full(attrs: dict[str, Any]) -> None:
    attrs["full_matrices"] = bool(attrs["full_matrices"])


@op(
    outputs=None,
    x=_svd_x,
    formula="svd({x}, full_matrices={full_matrices})",
    back={
        "x": "U (F ∘ (Uᵀ gU - gUᵀ U) S + S F ∘ (Vᵀ gV - gVᵀ V) + diag(gS)) Vᵀ, with F = 1 / (S² of the column - S² of"
        " the row); with more rows than columns + (1 - U Uᵀ) gU S⁻¹ Vᵀ, with fewer + U S⁻¹ gVᵀ (1 - V Vᵀ)"
    },
    shape=_svd_shapes,
    cost=_svd_cost,
    samples=lambda rng: [
        *general_samples(rng, (3, 2), (2, 3), full_matrices=False),
        *general_samples(rng, (2, 2, 2), (3, 2), (2, 3), (1, 1), (0, 2), (0, 2, 2)),
    ],
    errors=(_NO_MATRIX,),
    prepare=_prepare_full,
    covers=("P24.06",),
    numpy=np.linalg.svd,
)
def svd(x: Array, full_matrices: bool = True) -> Any:
    """
    The singular value decomposition of a matrix, or of each in a batch: x = U diag(S) Vᵀ.

    U and V have orthonormal columns, and the singular values S are not negative, in descending order. Which sign a pair
    of columns has is LAPACK's choice. Where singular values are equal, or 0 in a matrix that isn't square, their
    vectors are not unique, so a gradient that comes through the vectors is nan or inf there; through the singular
    values alone it isn't.

    Parameters
    ----------
    x
        Shape (..., m, n), with k = min(m, n). A matrix with a nan or an infinity gives nan.
    full_matrices
        Give square U and V. Otherwise they have k columns each.

    Returns
    -------
    tuple of Tensor
        U, S and Vᵀ, of shapes (..., m, m), (..., k) and (..., n, n), or (..., m, k), (..., k) and (..., k, n).

    Notes
    -----
    The rule is in J. Townsend, "Differentiating the singular value decomposition", 2016. Of the columns that
    `full_matrices` adds only the space is determined: if there are several, their gradient is right for functions that
    don't depend on how they are turned within it.

    Examples
    --------
    >>> import graphgrad as gg
    >>> u, s, vt = gg.linalg.svd([[0.0, 2.0], [1.0, 0.0]])
    >>> s
    tensor([2., 1.])
    """
    return on_finite(lambda one: tuple(np.linalg.svd(one, full_matrices)), x)


_svd = polymorphic(svd)


def _svdvals_x(g: Any, x: Any) -> Any:
    u, _, vt = _svd(x, full_matrices=False)
    return (u * g[..., None, :]) @ vt


@op(
    x=_svdvals_x,
    formula="svdvals({x})",
    back={"x": "U diag({g}) Vᵀ, with the singular vectors U and V"},
    shape=_svdvals_shape,
    cost=_svdvals_cost,
    samples=lambda rng: [*general_samples(rng, (3, 2), (2, 3), (2, 2, 2), (1, 1), (0, 2))],
    errors=(_NO_MATRIX,),
    covers=("P24.06",),
    numpy=np.linalg.svdvals,
)
def svdvals(x: Array) -> Any:
    """
    The singular values of a matrix, or of each in a batch, in descending order.

    Where some are equal or 0 there is no derivative, and the gradient is what one choice of their vectors gives; that
    of a function in which equal ones count alike, such as their sum, is right.

    Parameters
    ----------
    x
        Shape (..., m, n). A matrix with a nan or an infinity gives nan.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.svdvals([[0.0, 2.0], [1.0, 0.0]])
    tensor([2., 1.])
    """
    matrix(x.shape)
    return on_finite(lambda one: np.linalg.svd(one, compute_uv=False), x)
