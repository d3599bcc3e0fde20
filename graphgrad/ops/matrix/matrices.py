"""What linear algebra has in common: which shapes are matrices, and what LAPACK needs and says.

Matrices are the last two axes, and all axes before them are a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.graph.tensor import Tensor
from graphgrad.ops.floats import as_floats
from graphgrad.ops.shapes import broadcast

__all__ = [
    "batch_of_equations",
    "columns_of",
    "is_singular",
    "lapack_floats",
    "matrix",
    "on_finite",
    "one_that",
    "right_hand_side",
    "square",
    "values_of",
]

Shape = tuple[int, ...]


def matrix(x: Shape, name: str = "x") -> tuple[Shape, int, int]:
    """The batch, the rows and the columns that a shape has."""
    if len(x) < 2:
        raise ValueError(f"{name} must be a matrix, or a batch of them; shape {x} has less than two axes")
    return x[:-2], x[-2], x[-1]


def square(x: Shape, name: str = "x") -> tuple[Shape, int]:
    """The batch and the number of rows of square matrices."""
    batch, rows, columns = matrix(x, name)
    if rows != columns:
        raise ValueError(f"{name} must be a square matrix, or a batch of them; shape {x} has {rows} x {columns}")
    return batch, rows


def batch_of_equations(a: Shape, b: Shape) -> Shape:
    """The batch of the equations a x = b, whose sides must have as many rows; `b` is a vector if it has one axis."""
    batch, rows, _ = matrix(a, "a")
    if not b:
        raise ValueError("b must be a vector, a matrix or a batch of matrices, not a single number")
    given = b[max(len(b) - 2, 0)]
    if given != rows:
        which = "elements" if len(b) == 1 else "rows"
        raise ValueError(f"with a of shape {a}, b must have {rows} {which}; shape {b} has {given}")
    try:
        return broadcast(batch, b[:-2])
    except ValueError as reason:
        raise ValueError(f"the axes before the last two don't fit: {reason}") from None


def right_hand_side(a: Shape, b: Shape) -> Shape:
    """The shape of the solution of equations with the square matrices `a`."""
    square(a, "a")
    return (*batch_of_equations(a, b), *b[-2:])


def columns_of(a: Shape, b: Shape) -> int:
    """How many right-hand sides there are, in the whole batch."""
    return math.prod(right_hand_side(a, b)) // max(a[-1], 1)


def lapack_floats(*operands: Any) -> list[Any]:
    """The operands as arrays of the dtype that they have together, which must be one that LAPACK has."""
    arrays = as_floats(*operands)
    if arrays[0].dtype == np.float16:
        raise TypeError("LAPACK has no float16; take float32")
    return arrays


def values_of(x: Any) -> Any:
    """The array that a rule was given, or that its tensor holds: to choose a way by, not to compute with."""
    return x.data if isinstance(x, Tensor) else x


def one_that(x: Any, fails: Callable[[Any], bool], name: str = "x") -> str:
    """What an error text calls the first matrix of a batch that fails: ``x[2]``, or ``x`` if there is only one."""
    for place in np.ndindex(x.shape[:-2]):
        if place and fails(x[place]):
            return f"{name}[{', '.join(map(str, place))}]"
    return name


def is_singular(x: Any) -> Any:
    """For each matrix of a batch, whether it has no inverse: elimination meets a column of zeros.

    A determinant that is 0 doesn't tell: it may be too small for a number.
    """
    return np.linalg.slogdet(x)[0] == 0


def on_finite(function: Callable[[Any], Any], x: Any, read: Callable[[Any], Any] = np.asarray) -> Any:
    """Run a decomposition on those matrices that hold finite numbers; it is nan for the others.

    LAPACK raises, runs for ever or makes up numbers when it meets a nan, each of its routines in its own way.

    Parameters
    ----------
    function
        From a batch of matrices to an array, or to a tuple of them.
    x
        A matrix or a batch of them.
    read
        Gives what the function reads of it, if not all.
    """
    if np.isfinite(x).all():
        return function(x)
    finite = np.isfinite(read(x)).all((-2, -1))
    if finite.all():
        return function(x)
    rows, columns = x.shape[-2:]
    results = function(np.where(finite[..., None, None], x, np.eye(rows, columns, dtype=x.dtype)))

    def blanked(result: Any) -> Any:
        mask = np.reshape(finite, (*finite.shape, *[1] * (result.ndim - finite.ndim)))
        return np.where(mask, result, np.asarray(np.nan, result.dtype))

    return tuple(map(blanked, results)) if isinstance(results, tuple) else blanked(results)
