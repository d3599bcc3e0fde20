"""Powers, exponentials and chains of products of matrices."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops.array.selection import where
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array, Arrays, op, polymorphic
from graphgrad.ops.matrix.matmul import matmul
from graphgrad.ops.matrix.matrices import lapack_floats, square, values_of
from graphgrad.ops.matrix.solving import SINGULAR, inv, regular_samples, singular_one
from graphgrad.ops.samples import sample

NAMESPACE = "linalg"
__all__ = ["expm", "matrix_exp", "matrix_power", "multi_dot"]

Shape = tuple[int, ...]

_NO_SQUARE = (
    ErrorSample((np.zeros(3),), {}, ShapeError, "x must be a matrix, or a batch of them"),
    ErrorSample((np.zeros((2, 3)),), {}, ShapeError, "x must be a square matrix"),
)


def _same(x: Shape, /, **_: Any) -> Shape:
    square(x)
    return x


# ---- powers ----------------------------------------------------------------------------------------------------------


def _prepare_n(attrs: dict[str, Any]) -> None:
    attrs["n"] = operator.index(attrs["n"])


def _power_cost(x: Shape, /, n: int) -> int:
    products = max(abs(n).bit_length() - 1 + abs(n).bit_count() - 1, 0)
    return 2 * math.prod(x) * max(x[-1:], default=0) * (products + (n < 0))


@composite(
    formula="matrix_power({x}, {n})",
    back={"x": "the sum over k = 0 ... n - 1 of ({x}ᵀ)ᵏ {g} ({x}ᵀ)ⁿ⁻¹⁻ᵏ: each factor in turn is replaced by {g}"},
    shape=_same,
    cost=_power_cost,
    samples=lambda rng: [
        sample(x, n=n)
        for x, n in zip(
            regular_samples(rng, (2, 2), (2, 2, 2), (2, 2), (3, 3), (2, 2), (0, 2, 2)), (3, 5, -2, 1, 0, 2), strict=True
        )
    ],
    errors=(
        *(ErrorSample(one.operands, {"n": 2}, one.error, one.says) for one in _NO_SQUARE),
        ErrorSample((SINGULAR,), {"n": -1}, ArgumentError, "x[1] is singular, and n is negative"),
    ),
    prepare=_prepare_n,
    numpy=np.linalg.matrix_power,
)
def matrix_power(x: Array, n: int) -> Any:
    """
    A square matrix times itself, n factors in all, or each matrix of a batch; by squaring, in about log₂ n products.

    Parameters
    ----------
    x
        Shape (..., m, m).
    n
        How many factors. 0 gives the identity, a negative number the power of the inverse.

    Raises
    ------
    ArgumentError
        If `n` is negative and a matrix singular.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.matrix_power([[1.0, 1.0], [0.0, 1.0]], 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    _, rows = square(x.shape)
    if n in (0, 1):  # a choice that both sides of take part in, so that x gets a gradient of 0 from the identity
        return where(n == 1, x, np.eye(rows, dtype=x.dtype))
    if n < 0:
        try:
            x = inv(x)
        except ArgumentError:
            which = singular_one(values_of(x))
            raise ValueError(f"{which} is singular, and n is negative: there is no inverse to be multiplied") from None
    found, square_of, left = None, x, abs(n)
    while left:
        left, odd = divmod(left, 2)
        if odd:
            found = square_of if found is None else matmul(found, square_of)
        if left:
            square_of = matmul(square_of, square_of)
    return found


# ---- exponentials ----------------------------------------------------------------------------------------------------


def _matrix_exp_x(g: Any, x: Any) -> Any:
    """The upper right block of the exponential of [[xᵀ, g], [0, xᵀ]]."""
    rows = x.shape[-1]
    zeros = np.zeros(x.shape, x.dtype)
    blocks = np.concatenate((np.concatenate((x.mT, g), -1), np.concatenate((zeros, x.mT), -1)), -2)
    return _matrix_exp(blocks)[..., :rows, rows:]


@op(
    x=_matrix_exp_x,
    formula="matrix_exp({x})",
    back={"x": "the upper right block of matrix_exp([[{x}ᵀ, {g}], [0, {x}ᵀ]])"},
    shape=_same,
    cost=lambda x: 20 * math.prod(x) * max(x[-1:], default=0),
    samples=lambda rng: [
        sample(0.7 * rng.normal(size=shape)) for shape in ((2, 2), (2, 3, 3), (1, 1), (0, 2, 2), (0, 0))
    ],
    errors=_NO_SQUARE,
)
def matrix_exp(x: Array) -> Any:
    """
    The exponential of a square matrix, or of each in a batch: the sum of all xⁿ / n!; SciPy calls it expm.

    Parameters
    ----------
    x
        Shape (..., n, n).

    Notes
    -----
    SciPy scales and squares (A. H. Al-Mohy and N. J. Higham, "A new scaling and squaring algorithm for the matrix
    exponential", 2009). The gradient is that of C. F. Van Loan, "Computing integrals involving the matrix exponential",
    1978: one exponential of twice the size.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.matrix_exp([[0.0, 1.0], [0.0, 0.0]])
    tensor([[1., 1.],
            [0., 1.]])
    """
    from scipy import linalg

    square(x.shape)
    return linalg.expm(*lapack_floats(x))


expm = matrix_exp
_matrix_exp = polymorphic(matrix_exp)


# ---- chains of products ----------------------------------------------------------------------------------------------


def _sides(shapes: Sequence[Shape]) -> list[int]:
    """The rows of the first matrix, and the columns of each; a vector in front is a row, one at the end a column."""
    last = len(shapes) - 1
    if last < 1:
        raise ValueError("at least two matrices are needed")
    sides: list[int] = []
    for i, shape in enumerate(shapes):
        if len(shape) != 2 and not (len(shape) == 1 and i in (0, last)):
            which = "a vector or a matrix" if i in (0, last) else "a matrix"
            raise ValueError(f"matrices[{i}] must be {which}, and has shape {shape}")
        rows, columns = shape if len(shape) == 2 else (1, shape[0]) if i == 0 else (shape[0], 1)
        if sides and sides[-1] != rows:
            raise ValueError(
                f"matrices[{i}] of shape {shape} must have {sides[-1]} rows, as many as columns came before"
            )
        sides = [*sides, columns] if sides else [rows, columns]
    return sides


def _multi_dot_shape(shapes: Sequence[Shape], /) -> Shape:
    sides = _sides(shapes)
    return (*sides[:1][: len(shapes[0]) - 1], *sides[-1:][: len(shapes[-1]) - 1])


def _order(sides: Sequence[int]) -> tuple[int, dict[tuple[int, int], int]]:
    """The fewest multiplications, and where to split each part of the chain for that."""
    n = len(sides) - 1
    least: dict[tuple[int, int], int] = {(i, i): 0 for i in range(n)}
    splits: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            costs = {k: least[i, k] + least[k + 1, j] + sides[i] * sides[k + 1] * sides[j + 1] for k in range(i, j)}
            splits[i, j] = min(costs, key=costs.__getitem__)
            least[i, j] = costs[splits[i, j]]
    return least[0, n - 1], splits


@composite(
    formula="multi_dot({matrices})",
    back={"matrices": "the transposes of what stands before it and behind it, with {g} between them"},
    shape=_multi_dot_shape,
    cost=lambda shapes: 2 * _order(_sides(shapes))[0],
    linear="each",
    samples=lambda rng: [
        sample([rng.normal(size=shape) for shape in shapes])
        for shapes in (
            ((2, 3), (3, 2), (2, 2)),
            ((3,), (3, 3), (3, 2), (2,)),
            ((2, 3), (3, 1)),
            ((9,), (9,)),
            ((2, 0), (0, 3), (3, 2)),
        )
    ],
    errors=(
        ErrorSample(([np.eye(2)],), {}, ShapeError, "at least two matrices are needed"),
        ErrorSample(([np.eye(2), np.zeros(2), np.eye(2)],), {}, ShapeError, "matrices[1] must be a matrix, and has"),
        ErrorSample(([np.eye(2), np.eye(3)],), {}, ShapeError, "matrices[1] of shape (3, 3) must have 2 rows"),
    ),
    numpy=np.linalg.multi_dot,
)
def multi_dot(matrices: Arrays) -> Any:
    """
    The product of several matrices, in the order that takes the fewest multiplications.

    Parameters
    ----------
    matrices
        A sequence of at least two; the first and the last may be vectors, of which the axis is gone in the result.

    Notes
    -----
    The order is found by dynamic programming (T. H. Cormen et al., "Introduction to algorithms", chapter on matrix
    chains).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linalg.multi_dot([[[1.0, 2.0]], [[3.0], [4.0]], [[10.0, 1.0]]])
    tensor([[110.,  11.]])
    """
    _, splits = _order(_sides([np.shape(one) for one in matrices]))
    whole = (0, len(matrices) - 1)
    needed = [whole]
    for i, j in needed:  # it grows: each part needs two smaller ones
        if i < j:
            needed += [(i, splits[i, j]), (splits[i, j] + 1, j)]
    parts: dict[tuple[int, int], Any] = {(i, i): one for i, one in enumerate(matrices)}
    for i, j in reversed(needed):
        if i < j:
            parts[i, j] = matmul(parts[i, splits[i, j]], parts[splits[i, j] + 1, j])
    return parts[whole]
