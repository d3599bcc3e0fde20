"""Traces, and matrices that are constant along their diagonals."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.diagonals import diagonal
from graphgrad.ops.array.joining import concat
from graphgrad.ops.array.rearranging import flip
from graphgrad.ops.array.reductions import sum as sum_of
from graphgrad.ops.array.shaping import broadcast_to
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array, op
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import broadcast, free, one_axis

__all__ = ["toeplitz", "trace"]

Shape = tuple[int, ...]


# ---- traces ----------------------------------------------------------------------------------------------------------


def _prepare_trace(attrs: dict[str, Any]) -> None:
    for name in ("offset", "axis1", "axis2"):
        attrs[name] = operator.index(attrs[name])


def _traced(x: Shape, /, offset: int, axis1: int, axis2: int) -> Shape:
    if len(x) < 2:
        raise ValueError(f"a trace needs two axes, shape {x} has fewer")
    first, second = one_axis(axis1, len(x)), one_axis(axis2, len(x))
    if first == second:
        raise ValueError(f"axis1 {axis1} and axis2 {axis2} must be two axes")
    return tuple(n for axis, n in enumerate(x) if axis not in (first, second))


def _trace_x(g: Any, x_shape: Shape, offset: int, axis1: int, axis2: int) -> Any:
    on_diagonal = np.eye(x_shape[axis1], x_shape[axis2], offset, dtype=bool)
    return np.moveaxis(np.where(on_diagonal, g[..., None, None], 0.0), (-2, -1), (axis1, axis2))


@op(
    symbol="tr",
    x=_trace_x,
    linear="together",
    formula="trace({x}, offset={offset}, axis1={axis1}, axis2={axis2})",
    back={"x": "{g} on the diagonal, 0 elsewhere"},
    shape=_traced,
    cost=lambda x, offset, axis1, axis2: np.diagonal(np.broadcast_to(0, x), offset, axis1, axis2).size,
    samples=lambda rng: [
        sample(rng.normal(size=(3, 3))),
        sample(rng.normal(size=(2, 5)), offset=1),
        sample(rng.normal(size=(2, 3, 4)), offset=-1, axis1=-1, axis2=1),
        sample(rng.normal(size=(2, 5)), offset=5),
        sample(rng.normal(size=(0, 2))),
    ],
    errors=(
        ErrorSample((np.zeros(3),), {}, ShapeError, "a trace needs two axes"),
        ErrorSample((np.zeros((2, 3)),), {"axis1": 1, "axis2": -1}, ShapeError, "must be two axes"),
        ErrorSample((np.zeros((2, 3)),), {"axis1": 2}, ShapeError, "axis 2 is out of range"),
    ),
    prepare=_prepare_trace,
    expand=lambda x, offset, axis1, axis2: sum_of(diagonal(x, offset, axis1, axis2), -1),
    covers=("P24.02",),
    numpy=np.trace,
)
def trace(x: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """
    The sum of the diagonal of a matrix, or of each matrix that two axes make.

    Parameters
    ----------
    offset
        Which diagonal: 0 is the main one, above it is positive.
    axis1, axis2
        The axes of the rows and of the columns. By default they are the first two, as in NumPy; for a batch of
        matrices along leading axes take -2 and -1.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.trace([[1.0, 2.0], [3.0, 4.0]])
    tensor(5.)
    """
    _traced(x.shape, offset, axis1, axis2)
    return np.trace(x, offset, axis1, axis2)


# ---- Toeplitz --------------------------------------------------------------------------------------------------------


def _toeplitz_shape(c: Shape, r: Shape | None = None, /) -> Shape:
    for shape, name in ((c, "c"), (r, "r")):
        if shape == ():
            raise ValueError(f"{name} must be a vector, or a batch of them, not a single number")
    row = c if r is None else r
    return (*broadcast(c[:-1], row[:-1]), c[-1], row[-1])


def _toeplitz_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=3), rng.normal(size=4))
    yield sample(rng.normal(size=(2, 2)), rng.normal(size=3))
    yield sample(rng.normal(size=1), rng.normal(size=2))
    yield sample(np.zeros(0), rng.normal(size=2))
    yield sample(rng.normal(size=3), None)
    yield sample(rng.normal(size=(2, 2)), None)
    yield sample(np.zeros(0), None)


@composite(
    formula="toeplitz({c}, {r})",
    back={
        "c": "the sums of {g} along the main diagonal and those below it",
        "r": "the sums of {g} along the diagonals above the main one",
    },
    neutral={"r": "None"},
    linear="together",
    shape=_toeplitz_shape,
    cost=free,
    samples=_toeplitz_samples,
    errors=(
        ErrorSample((np.zeros(()), np.zeros(2)), {}, ShapeError, "c must be a vector, or a batch of them"),
        ErrorSample((np.zeros((2, 2)), np.zeros((3, 2))), {}, ShapeError, "don't broadcast"),
    ),
    covers=("P14.10",),
)
def toeplitz(c: Array, r: Array = None) -> Any:
    """
    The matrix that is constant along its diagonals, told by its first column and first row; SciPy's function.

    Axes in front make a batch, and broadcast.

    Parameters
    ----------
    c
        The first column, of shape (..., m).
    r
        The first row, of shape (..., n), of which the first element is not read: `c` has it. None for a symmetric
        matrix.

    Returns
    -------
    Tensor
        Shape (..., m, n).

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.toeplitz([1.0, 2.0], [1.0, 5.0, 6.0])
    tensor([[1., 5., 6.],
            [2., 1., 5.]])
    """
    *batch, rows, columns = _toeplitz_shape(np.shape(c), None if r is None else np.shape(r))
    row = c if r is None else r
    # All values in one vector, from the end of the column to that of the row; each element takes its own.
    parts = [one if one.shape[:-1] == tuple(batch) else broadcast_to(one, (*batch, one.shape[-1])) for one in (c, row)]
    values = concat([flip(parts[0], -1), parts[1][..., 1:]], -1)
    return values[..., rows - 1 - np.arange(rows)[:, None] + np.arange(columns)]
