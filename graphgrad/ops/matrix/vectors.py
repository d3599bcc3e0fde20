"""Products of vectors, one by one or in batches, and of matrices with vectors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops.array.arithmetic import multiply, subtract
from graphgrad.ops.array.rearranging import roll
from graphgrad.ops.array.reductions import sum as sum_of
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.matrix.matmul import matmul
from graphgrad.ops.matrix.products import pairs_of
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import broadcast, one_axis, prepare_one_axis

__all__ = ["cross", "matvec", "vecdot", "vecmat"]

Shape = tuple[int, ...]

_vecdot: Any = np.vecdot  # NumPy's stubs don't know its axis


# ---- vectors with vectors --------------------------------------------------------------------------------------------


def _vectors(a: Shape, b: Shape, axis: int) -> tuple[Shape, int]:
    """The shape of both together, and the axis of the vectors in it, counted from the end."""
    if axis >= 0 and len(a) != len(b):
        raise ValueError(f"shapes {a} and {b} have different numbers of axes: count the axis from the end")
    at = min(one_axis(axis, len(shape)) - len(shape) for shape in (a, b))
    if a[at] != b[at]:
        raise ValueError(
            f"vectors must be of one length, along axis {axis} shapes {a} and {b} have {a[at]} and {b[at]}"
        )
    return broadcast(a, b), at


def _without_axis(a: Shape, b: Shape, /, axis: int) -> Shape:
    shape, at = _vectors(a, b, axis)
    return (*shape[:at], *shape[len(shape) + at + 1 :])


_ALONG: dict[str, Any] = {
    "linear": "each",
    "prepare": prepare_one_axis,
}


@op(
    a=lambda g, b, axis: np.expand_dims(g, axis) * b,
    b=lambda g, a, axis: np.expand_dims(g, axis) * a,
    **_ALONG,
    formula="vecdot({a}, {b}, axis={axis})",
    back={"a": "{g} · {b}", "b": "{g} · {a}"},
    shape=_without_axis,
    cost=lambda a, b, axis: 2 * math.prod(_vectors(a, b, axis)[0]),
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3)), rng.normal(size=(2, 3))),
        sample(rng.normal(size=(2, 3, 2)), rng.normal(size=(3, 1)), axis=-2),
        sample(rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), axis=0),
        sample(rng.normal(size=(3,)), rng.normal(size=(3,))),
        sample(rng.normal(size=(2, 0)), rng.normal(size=(2, 0))),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros(4)), {}, ShapeError, "vectors must be of one length"),
        ErrorSample((np.zeros((3, 2)), np.zeros(3)), {"axis": 0}, ShapeError, "count the axis from the end"),
        ErrorSample((np.zeros(3), np.zeros(())), {}, ShapeError, "axis -1 is out of range for 0 axes"),
    ),
    expand=lambda a, b, axis: sum_of(multiply(a, b), axis),
    covers=("P02.14", "P24.10"),
    numpy=(np.vecdot, np.linalg.vecdot),
)
def vecdot(a: Array, b: Array, axis: int = -1) -> Any:
    """
    The inner product of each vector of `a` with the vector of `b` in the same place; the other axes broadcast.

    Parameters
    ----------
    axis
        The axis along which the vectors lie; counted from the end where the operands have different numbers of axes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.vecdot([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [1.0, 1.0]])
    tensor([1., 7.])
    """
    _, at = _vectors(np.shape(a), np.shape(b), axis)
    return _vecdot(a, b, axis=at)


def _three(a: Shape, b: Shape, /, axis: int) -> Shape:
    shape, at = _vectors(a, b, axis)
    if a[at] != 3:
        raise ValueError(f"vectors of three elements are needed, axis {axis} has length {a[at]}")
    return shape


def _cross_expanded(a: Any, b: Any, axis: int) -> Any:
    along = {"shift": -1, "axis": axis}
    return roll(subtract(multiply(a, roll(b, **along)), multiply(roll(a, **along), b)), **along)


@op(
    symbol="×",
    a=lambda g, b, axis: _cross(b, g, axis=axis),
    b=lambda g, a, axis: _cross(g, a, axis=axis),
    **_ALONG,
    formula="cross({a}, {b}, axis={axis})",
    back={"a": "{b} × {g}", "b": "{g} × {a}"},
    shape=_three,
    cost=lambda a, b, axis: 3 * math.prod(_three(a, b, axis)),
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3)), rng.normal(size=(2, 3))),
        sample(rng.normal(size=(2, 3, 2)), rng.normal(size=(3, 1)), axis=-2),
        sample(rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), axis=0),
        sample(rng.normal(size=(3,)), rng.normal(size=(3,))),
        sample(rng.normal(size=(0, 3)), rng.normal(size=(3,))),
    ],
    errors=(
        ErrorSample((np.zeros((2, 2)), np.zeros((2, 2))), {}, ShapeError, "vectors of three elements are needed"),
        ErrorSample((np.zeros((2, 3)), np.zeros((5, 3))), {}, ShapeError, "don't broadcast"),
    ),
    expand=_cross_expanded,
    numpy=(np.cross, np.linalg.cross),
)
def cross(a: Array, b: Array, *, axis: int = -1) -> Any:
    """
    The cross product of vectors of three elements: at right angles to both. The other axes broadcast.

    Parameters
    ----------
    axis
        The axis along which the vectors lie; counted from the end where the operands have different numbers of axes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    tensor([0., 0., 1.])
    """
    _three(np.shape(a), np.shape(b), axis)
    return np.cross(a, b, axis=axis)


_cross: Callable[..., Any] = polymorphic(cross)


# ---- matrices with vectors -------------------------------------------------------------------------------------------


def _matvec_shape(a: Shape, b: Shape, /) -> Shape:
    if len(a) < 2 or not b:
        raise ValueError(f"a must be a matrix and b a vector, or batches of them; got shapes {a} and {b}")
    if a[-1] != b[-1]:
        raise ValueError(f"the columns of a ({a[-1]}) must be as many as the elements of b ({b[-1]})")
    return (*broadcast(a[:-2], b[:-1]), a[-2])


def _vecmat_shape(a: Shape, b: Shape, /) -> Shape:
    if len(b) < 2 or not a:
        raise ValueError(f"a must be a vector and b a matrix, or batches of them; got shapes {a} and {b}")
    if a[-1] != b[-2]:
        raise ValueError(f"the elements of a ({a[-1]}) must be as many as the rows of b ({b[-2]})")
    return (*broadcast(a[:-1], b[:-2]), b[-1])


matvec = op(
    np.matvec,
    a=lambda g, b: g[..., None] * b[..., None, :],
    b=lambda g, a: np.matvec(a.mT, g),
    linear="each",
    formula="matvec({a}, {b})",
    back={"a": "{g} {b}ᵀ", "b": "{a}ᵀ {g}"},
    shape=_matvec_shape,
    cost=lambda a, b: 2 * math.prod(_matvec_shape(a, b)) * a[-1],
    samples=pairs_of(((2, 3), (3,)), ((2, 3, 2), (2, 2)), ((3, 2), (2, 2)), ((2, 1, 2, 3), (2, 3)), ((2, 0), (0,))),
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros(2)), {}, ShapeError, "the columns of a (3) must be as many as"),
        ErrorSample((np.zeros(3), np.zeros(3)), {}, ShapeError, "a must be a matrix and b a vector"),
    ),
    expand=lambda a, b: matmul(a, b[..., None])[..., 0],
    covers=("P02.01", "P24.10"),
    doc="""
    A matrix times a vector, or each matrix of a batch with its vector; axes in front broadcast.

    Unlike `matmul` it takes the last axis of `b` for a vector, however many axes there are.

    Parameters
    ----------
    a
        Shape (..., m, n).
    b
        Shape (..., n).

    Returns
    -------
    Tensor
        Shape (..., m).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.matvec([[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]])
    tensor([[1., 3.],
            [2., 4.]])
    """,
)

vecmat = op(
    np.vecmat,
    a=lambda g, b: np.matvec(b, g),
    b=lambda g, a: a[..., None] * g[..., None, :],
    linear="each",
    formula="vecmat({a}, {b})",
    back={"a": "{b} {g}", "b": "{a} {g}ᵀ"},
    shape=_vecmat_shape,
    cost=lambda a, b: 2 * math.prod(_vecmat_shape(a, b)) * a[-1],
    samples=pairs_of(((3,), (3, 2)), ((2, 2), (2, 2, 3)), ((2, 3), (3, 2)), ((2, 3), (2, 1, 3, 2)), ((0,), (0, 2))),
    errors=(
        ErrorSample((np.zeros(2), np.zeros((3, 2))), {}, ShapeError, "the elements of a (2) must be as many as"),
        ErrorSample((np.zeros(3), np.zeros(3)), {}, ShapeError, "a must be a vector and b a matrix"),
    ),
    expand=lambda a, b: matmul(a[..., None, :], b)[..., 0, :],
    covers=("P02.01",),
    doc="""
    A row vector times a matrix, or each vector of a batch with its matrix; axes in front broadcast.

    Parameters
    ----------
    a
        Shape (..., n).
    b
        Shape (..., n, m).

    Returns
    -------
    Tensor
        Shape (..., m).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.vecmat([1.0, 10.0], [[1.0, 2.0], [3.0, 4.0]])
    tensor([31., 42.])
    """,
)
