"""Parts of matrices: triangles and diagonals, and matrices that are made of them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.operation import ErrorSample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.indexing import setitem
from graphgrad.ops.array.joining import concat
from graphgrad.ops.array.padding import pad
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import free, one_axis

__all__ = ["block_diag", "diag", "diag_embed", "diagflat", "diagonal", "tril", "triu"]

Shape = tuple[int, ...]

_setitem: Callable[..., Any] = polymorphic(setitem)


# ---- triangles -------------------------------------------------------------------------------------------------------


def _prepare_k(attrs: dict[str, Any]) -> None:
    attrs["k"] = operator.index(attrs["k"])


def _matrices(x: Shape, /, k: int) -> Shape:
    if len(x) < 2:
        raise ValueError(f"a matrix is needed, or a batch of them; shape {x} has less than two axes")
    return x


_TRIANGLE: dict[str, Any] = {
    "linear": "together",
    "complex": "own",
    "shape": _matrices,
    "cost": free,
    "samples": lambda rng: [
        sample(rng.normal(size=(3, 3))),
        sample(rng.normal(size=(2, 4)), k=1),
        sample(rng.normal(size=(2, 3, 2)), k=-1),
        sample(rng.normal(size=(0, 2))),
    ],
    "errors": (ErrorSample((np.zeros(3),), {}, ShapeError, "a matrix is needed"),),
    "prepare": _prepare_k,
}


@op(
    **_TRIANGLE,
    x=lambda g, k: np.tril(g, k),
    numpy=np.tril,
    formula="tril({x}, {k})",
    back={"x": "{g} on and below the diagonal, 0 above"},
)
def tril(x: Array, k: int = 0) -> Any:
    """
    The lower triangle: zeros above a diagonal of a matrix, or of each matrix of a batch.

    Parameters
    ----------
    k
        The diagonal from which on upwards elements become 0: 0 is the main one, above it is positive.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.tril([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 0.],
            [3., 4.]])
    """
    _matrices(x.shape, k)
    return np.tril(x, k)


@op(
    **_TRIANGLE,
    x=lambda g, k: np.triu(g, k),
    numpy=np.triu,
    formula="triu({x}, {k})",
    back={"x": "{g} on and above the diagonal, 0 below"},
)
def triu(x: Array, k: int = 0) -> Any:
    """
    The upper triangle: zeros below a diagonal of a matrix, or of each matrix of a batch.

    Parameters
    ----------
    k
        The diagonal below which elements become 0: 0 is the main one, above it is positive.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.triu([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [0., 4.]])
    """
    _matrices(x.shape, k)
    return np.triu(x, k)


# ---- diagonals -------------------------------------------------------------------------------------------------------


def _length(rows: int, columns: int, offset: int) -> int:
    """How many elements a diagonal has."""
    return max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)


def _two_axes(axis1: int, axis2: int, rank: int) -> tuple[int, int]:
    first, second = one_axis(axis1, rank), one_axis(axis2, rank)
    if first == second:
        raise ValueError(f"axis1 {axis1} and axis2 {axis2} must be two axes")
    return first, second


def _prepare_diagonal(attrs: dict[str, Any]) -> None:
    for name in ("offset", "axis1", "axis2"):
        attrs[name] = operator.index(attrs[name])


def _taken(x: Shape, /, offset: int, axis1: int, axis2: int) -> Shape:
    if len(x) < 2:
        raise ValueError(f"a diagonal needs two axes, shape {x} has fewer")
    first, second = _two_axes(axis1, axis2, len(x))
    others = (length for axis, length in enumerate(x) if axis not in (first, second))
    return (*others, _length(x[first], x[second], offset))


def _placed(values: Any, rows: int, columns: int, offset: int, axis1: int, axis2: int) -> Any:
    """Zeros, in the last axis's place a matrix with the values on its diagonal; of arrays and tensors."""
    *others, length = values.shape
    place = np.arange(length)
    key = (*[slice(None)] * len(others), place + max(-offset, 0), place + max(offset, 0))
    zeros = np.zeros((*others, rows, columns), values.dtype)
    return np.moveaxis(_setitem(zeros, values, key=key), (-2, -1), (axis1, axis2))


@op(
    x=lambda g, x_shape, offset, axis1, axis2: _placed(g, x_shape[axis1], x_shape[axis2], offset, axis1, axis2),
    linear="together",
    complex="own",
    numpy=np.diagonal,
    formula="diagonal({x}, {offset}, {axis1}, {axis2})",
    back={"x": "{g} on the diagonal, 0 elsewhere"},
    shape=_taken,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(3, 3))),
        sample(rng.normal(size=(2, 4)), offset=1),
        sample(rng.normal(size=(2, 3, 4)), offset=-1, axis1=-1, axis2=1),
        sample(rng.normal(size=(1, 1)), offset=5),
        sample(rng.normal(size=(0, 2))),
    ],
    errors=(
        ErrorSample((np.zeros(3),), {}, ShapeError, "needs two axes"),
        ErrorSample((np.zeros((2, 3)),), {"axis1": 1, "axis2": -1}, ShapeError, "must be two axes"),
        ErrorSample((np.zeros((2, 3)),), {"axis1": 2}, ShapeError, "axis 2 is out of range"),
    ),
    prepare=_prepare_diagonal,
    view=True,
)
def diagonal(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """
    The diagonal of a matrix, or of each matrix that two axes make, as the last axis.

    Parameters
    ----------
    offset
        Which diagonal: 0 is the main one, above it is positive.
    axis1, axis2
        The axes of the rows and of the columns.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.diagonal([[1.0, 2.0], [3.0, 4.0]])
    tensor([1., 4.])
    """
    return np.diagonal(x, offset, axis1, axis2)


def _embedded(x: Shape, /, offset: int, axis1: int, axis2: int) -> Shape:
    if not x:
        raise ValueError("a single number makes no diagonal, x needs an axis")
    first, second = _two_axes(axis1, axis2, len(x) + 1)
    others, side = list(x[:-1]), x[-1] + abs(offset)
    for axis in sorted((first, second)):
        others.insert(axis, side)
    return tuple(others)


def _embed(x: Any, offset: int, axis1: int, axis2: int) -> Any:
    side = x.shape[-1] + abs(offset)
    return _placed(x, side, side, offset, axis1, axis2)


@op(
    x=lambda g, offset, axis1, axis2: np.diagonal(g, offset, axis1, axis2),
    linear="together",
    complex="own",
    formula="diag_embed({x}, {offset}, {axis1}, {axis2})",
    back={"x": "the diagonal of {g}"},
    shape=_embedded,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(3,))),
        sample(rng.normal(size=(2, 3)), offset=1),
        sample(rng.normal(size=(2, 2)), offset=-1, axis1=2, axis2=0),
        sample(rng.normal(size=(2, 0))),
    ],
    errors=(
        ErrorSample((np.zeros(()),), {}, ShapeError, "x needs an axis"),
        ErrorSample((np.zeros(3),), {"axis1": 0, "axis2": -2}, ShapeError, "must be two axes"),
    ),
    prepare=_prepare_diagonal,
)
def diag_embed(x: Array, offset: int = 0, axis1: int = -2, axis2: int = -1) -> Any:
    """
    Square matrices with the elements of the last axis on a diagonal, zeros elsewhere; PyTorch's function.

    Parameters
    ----------
    offset
        Which diagonal: 0 is the main one, above it is positive.
    axis1, axis2
        The axes of the rows and of the columns in the result.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.diag_embed([[1.0, 2.0], [3.0, 4.0]]).shape
    (2, 2, 2)
    """
    return _embed(x, offset, axis1, axis2)


def _diag(x: Shape, /, k: int) -> Shape:
    if len(x) not in (1, 2):
        raise ValueError(f"x is a vector or a matrix, not of shape {x}; diagonal and diag_embed take more axes")
    return (x[0] + abs(k),) * 2 if len(x) == 1 else (_length(x[0], x[1], k),)


def _diag_back(g: Any, x_shape: Shape, k: int) -> Any:
    return np.diagonal(g, k) if len(x_shape) == 1 else _placed(g, x_shape[0], x_shape[1], k, 0, 1)


@op(
    x=_diag_back,
    linear="together",
    complex="own",
    numpy=np.diag,
    formula="diag({x}, {k})",
    back={"x": "the diagonal of {g}, or {g} on the diagonal and 0 elsewhere"},
    shape=_diag,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(3,))),
        sample(rng.normal(size=(2,)), k=-1),
        sample(rng.normal(size=(3, 3))),
        sample(rng.normal(size=(2, 4)), k=1),
        sample(rng.normal(size=(0,))),
    ],
    errors=(ErrorSample((np.zeros((2, 2, 2)),), {}, ShapeError, "a vector or a matrix"),),
    prepare=_prepare_k,
    view=True,
)
def diag(x: Array, k: int = 0) -> Any:
    """
    The matrix with a vector on its diagonal, or the diagonal of a matrix.

    Parameters
    ----------
    k
        Which diagonal: 0 is the main one, above it is positive.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.diag([1.0, 2.0])
    tensor([[1., 0.],
            [0., 2.]])
    """
    return np.diag(x, k)


@op(
    x=lambda g, x_shape, k: np.reshape(np.diagonal(g, k), x_shape),
    linear="together",
    complex="own",
    numpy=np.diagflat,
    formula="diagflat({x}, {k})",
    back={"x": "the diagonal of {g}"},
    shape=lambda x, /, k: (math.prod(x) + abs(k),) * 2,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 2))),
        sample(rng.normal(size=(3,)), k=1),
        sample(rng.normal(size=())),
        sample(rng.normal(size=(0, 2))),
    ],
    prepare=_prepare_k,
)
def diagflat(x: Array, k: int = 0) -> Any:
    """
    The matrix with all elements of `x`, in row-major order, on a diagonal.

    Parameters
    ----------
    k
        Which diagonal: 0 is the main one, above it is positive.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.diagflat([[1.0], [2.0]])
    tensor([[1., 0.],
            [0., 2.]])
    """
    return np.diagflat(x, k)


def block_diag(*tensors: Any) -> Tensor:
    """The matrix with matrices along its diagonal, and zeros elsewhere.

    It is composed: each one is padded to the width of the whole, and then they are joined.

    Parameters
    ----------
    tensors
        Matrices of any shape; a vector is one row, a single number one element.

    Returns
    -------
    Tensor
        Its shape is the sum of the shapes.

    Raises
    ------
    ShapeError
        If there is none, or one has more than two axes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.block_diag([[1.0, 2.0]], [[3.0], [4.0]])
    tensor([[1., 2., 0.],
            [0., 0., 3.],
            [0., 0., 4.]])
    """
    if not tensors:
        raise ShapeError(describe("block_diag: at least one matrix is needed"))
    parts = [one if isinstance(one, Tensor) else Tensor(as_array(one, copy=True, what="block_diag")) for one in tensors]
    for i, one in enumerate(parts):
        if one.ndim > 2:
            raise ShapeError(describe(f"block_diag: matrices are joined, number {i} has shape {one.shape}"))
    matrices = [one if one.ndim == 2 else one.reshape(1, one.size) for one in parts]
    width = sum(one.shape[1] for one in matrices)
    rows, start = [], 0
    for one in matrices:
        end = start + one.shape[1]
        rows.append(pad(one, ((0, 0), (start, width - end))))
        start = end
    return concat(rows)  # type: ignore[no-any-return]
