"""Determinants, and their logarithms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops.array.aggregates import prod
from graphgrad.ops.array.arithmetic import less, multiply
from graphgrad.ops.array.diagonals import diagonal
from graphgrad.ops.array.selection import where
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.matrix.decompositions import lu
from graphgrad.ops.matrix.matrices import square, values_of
from graphgrad.ops.matrix.solving import inv, regular_samples
from graphgrad.ops.matrix.spectral import svd
from graphgrad.ops.samples import sample

NAMESPACE = "linalg"
__all__ = ["det", "logdet", "slogdet"]

Shape = tuple[int, ...]

_inv, _svd = polymorphic(inv), polymorphic(svd)

_NO_SQUARE = (
    ErrorSample((np.zeros(3),), {}, ShapeError, "x must be a matrix, or a batch of them"),
    ErrorSample((np.zeros((2, 3)),), {}, ShapeError, "x must be a square matrix"),
)


def _batch(x: Shape, /) -> Shape:
    return square(x)[0]


def _cost(x: Shape, /) -> int:
    return 2 * math.prod(x) * max(x[-1:], default=0) // 3


def _only(x: Any, chosen: Any, instead: Any) -> Any:
    """The matrices that are chosen, and one that does no harm in the place of each other one."""
    return x if chosen.all() else np.where(chosen[..., None, None], x, instead.astype(x.dtype))


def _inverses(x: Any, regular: Any) -> Any:
    """The inverses of the regular matrices."""
    return _inv(_only(x, regular, np.eye(x.shape[-1])))


def _cofactors(x: Any, regular: Any) -> Any:
    """The cofactors of the other matrices: of each singular value the product of all others.

    With x = U diag(S) Vᵀ they are det(U) det(V) U diag(∏ of the others) Vᵀ. No division by a zero, as in det(x) x⁻ᵀ.
    """
    distinct = np.diag(np.arange(1.0, 1 + x.shape[-1]))  # its singular vectors have derivatives
    u, s, vt = _svd(_only(x, ~regular, distinct), full_matrices=False)
    itself = np.eye(x.shape[-1], dtype=bool)
    others = np.prod(np.where(itself, 1.0, s[..., None, :]), -1)
    sign = np.sign(np.linalg.det(values_of(u)) * np.linalg.det(values_of(vt))).astype(x.dtype)
    return (u * (others * sign[..., None])[..., None, :]) @ vt


def _det_x(g: Any, x: Any, out: Any) -> Any:
    regular = np.isfinite(values_of(out)) & (values_of(out) != 0)
    found = out[..., None, None] * _inverses(x, regular).mT
    if not regular.all():
        found = np.where(regular[..., None, None], found, _cofactors(x, regular))
    return g[..., None, None] * found


def _det_expanded(x: Any) -> Any:
    """By the triangular factors: the product of the diagonal of U, with the sign of the permutation."""
    p, _, upper = lu(x)
    return multiply(prod(diagonal(upper, 0, -2, -1), -1), np.round(np.linalg.det(p.data)).astype(p.dtype))


@op(
    symbol="|·|",
    x=_det_x,
    formula="det({x})",
    back={"x": "{g} times the cofactors of {x}, which are {out} {x}⁻ᵀ"},
    shape=_batch,
    cost=_cost,
    samples=lambda rng: map(sample, regular_samples(rng, (2, 2), (2, 3, 3), (2, 1, 2, 2), (1, 1), (0, 2, 2), (0, 0))),
    errors=_NO_SQUARE,
    expand=_det_expanded,
    covers=("P24.02",),
    numpy=np.linalg.det,
)
def det(x: Array) -> Any:
    """
    The determinant of a square matrix, or of each in a batch: by how much it scales volumes, 0 if it is singular.

    Singular matrices have a gradient too, the cofactors; PyTorch gives zeros there. Their second derivatives are nan
    where singular values are equal. For large matrices take `slogdet`, which doesn't overflow.

    Parameters
    ----------
    x
        Shape (..., n, n).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.det([[2.0, 1.0], [1.0, 3.0]])
    tensor(5.)
    """
    square(x.shape)
    return np.linalg.det(x)


def _slogdet_x(g: Any, x: Any, out: Any) -> Any:
    regular = np.abs(values_of(out[0])) == 1  # not where the sign is 0 or nan
    found = _inverses(x, regular).mT
    if not regular.all():
        found = np.where(regular[..., None, None], found, _cofactors(x, regular) / 0.0)
    return g[1][..., None, None] * found


def _twice(x: Shape, /) -> tuple[Shape, Shape]:
    return (_batch(x),) * 2


@op(
    outputs=None,
    x=_slogdet_x,
    formula="slogdet({x})",
    back={"x": "{g} of the logarithm times {x}⁻ᵀ; nothing passes through the sign"},
    shape=_twice,
    cost=_cost,
    samples=lambda rng: map(sample, regular_samples(rng, (2, 2), (2, 3, 3), (1, 1), (0, 2, 2), (0, 0))),
    errors=_NO_SQUARE,
    covers=("P24.02",),
    numpy=np.linalg.slogdet,
)
def slogdet(x: Array) -> Any:
    """
    The sign of the determinant and the logarithm of its absolute value, of a matrix or of each in a batch.

    They don't overflow as the determinant itself does. No gradient passes through the sign. Of a singular matrix they
    are 0 and -inf, and the gradient is infinite.

    Parameters
    ----------
    x
        Shape (..., n, n).

    Returns
    -------
    tuple of Tensor
        The signs, which are -1, 0 or 1, and the logarithms.

    Examples
    --------
    >>> import graphgrad as gg
    >>> sign, logabsdet = gg.linalg.slogdet([[0.0, 1.0], [1.0, 0.0]])
    >>> sign, logabsdet
    (tensor(-1.), tensor(0.))
    """
    square(x.shape)
    return tuple(np.linalg.slogdet(x))


@composite(
    formula="log(det({x}))",
    back={"x": "{g} {x}⁻ᵀ"},
    shape=_batch,
    cost=_cost,
    samples=lambda rng: [
        sample(np.abs(one)) for one in regular_samples(rng, (2, 2), (2, 3, 3), (1, 1), (0, 2, 2), (0, 0))
    ],
    errors=_NO_SQUARE,
    covers=("P24.02",),
)
def logdet(x: Array) -> Any:
    """
    The logarithm of the determinant of a matrix, or of each in a batch, without overflow: PyTorch's function.

    It is -inf for a singular matrix, where the gradient is infinite, and nan for a negative determinant, where it is 0.

    Parameters
    ----------
    x
        Shape (..., n, n).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.logdet([[1.0, 0.0], [0.0, 1.0]])
    tensor(0.)
    """
    square(x.shape)
    sign, logabsdet = slogdet(x)
    return where(less(sign, 0.0), np.nan, logabsdet)
