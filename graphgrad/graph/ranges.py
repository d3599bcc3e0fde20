"""Making tensors whose elements follow each other: arange, linspace and the like; and the places in a triangle."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.dtypes import as_array, as_dtype, get_default_dtype
from graphgrad.graph.errors import ArgumentError, DTypeError, describe
from graphgrad.graph.tensor import Tensor, make

__all__ = ["arange", "geomspace", "linspace", "logspace", "tril_indices", "triu_indices"]


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Make a leaf of numbers at equal distances: from `start` on, in steps, up to `stop` but without it.

    Parameters
    ----------
    start
        The first number; or, if it is the only one given, where to stop when counting from 0.
    stop
        No number reaches it.
    step
        The distance, below 0 to go down.
    dtype
        The element type; by default int64 if all three are integers, else the default dtype.
    requires_grad, name
        As in `tensor`.

    Raises
    ------
    ArgumentError
        If `step` is 0, or the numbers would never end.
    DTypeError
        If the arguments aren't numbers.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.arange(2, 10, 3)
    tensor([2, 5, 8])
    >>> gg.arange(1.5)
    tensor([0., 1.])
    """
    first, end, by = (0, start, step) if stop is None else (start, stop, step)
    numbers = [_number("arange", one, what) for one, what in ((first, "start"), (end, "stop"), (by, "step"))]
    if numbers[2] == 0:
        raise ArgumentError(describe("arange: step must not be 0"))
    return _made("arange", lambda: np.arange(*numbers), dtype, requires_grad, name)


def linspace(
    start: float,
    stop: float,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Make a leaf of so many numbers at equal distances, from `start` to `stop`.

    Parameters
    ----------
    start, stop
        The first number and the last.
    num
        How many.
    endpoint
        Whether `stop` is among them.
    dtype
        The element type, by default the default dtype.
    requires_grad, name
        As in `tensor`.

    Raises
    ------
    ArgumentError
        If `num` is negative.
    DTypeError
        If the arguments aren't numbers.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.linspace(0.0, 1.0, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    ends = _number("linspace", start, "start"), _number("linspace", stop, "stop")
    kind = None if dtype is None else as_dtype(dtype, "linspace")  # NumPy rounds down to integers
    return _made("linspace", lambda: np.linspace(*ends, num, endpoint, dtype=kind), dtype, requires_grad, name)


def logspace(
    start: float,
    stop: float,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10.0,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Make a leaf of powers of `base` whose exponents are at equal distances, from `start` to `stop`.

    Learning rates to try come on such a scale (P08.29).

    Parameters
    ----------
    start, stop
        The first exponent and the last.
    num, endpoint, dtype, requires_grad, name
        As in `linspace`.
    base
        What is raised to the exponents.

    Raises
    ------
    ArgumentError
        If `num` is negative.
    DTypeError
        If the arguments aren't numbers.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.logspace(-2.0, 1.0, 4)
    tensor([ 0.01,  0.1 ,  1.  , 10.  ])
    """
    ends = _number("logspace", start, "start"), _number("logspace", stop, "stop")
    of = _number("logspace", base, "base")
    return _made("logspace", lambda: np.logspace(*ends, num, endpoint, of), dtype, requires_grad, name)


def geomspace(
    start: float,
    stop: float,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Make a leaf of numbers each of which is the same multiple of the one before, from `start` to `stop`.

    Parameters
    ----------
    start, stop
        The first number and the last; not 0, and of one sign.
    num, endpoint, dtype, requires_grad, name
        As in `linspace`.

    Raises
    ------
    ArgumentError
        If `num` is negative, or no real numbers lead from `start` to `stop`.
    DTypeError
        If the arguments aren't numbers.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.geomspace(1.0, 8.0, 4)
    tensor([1., 2., 4., 8.])
    """
    ends = _number("geomspace", start, "start"), _number("geomspace", stop, "stop")
    if not (min(ends) > 0 or max(ends) < 0):
        raise ArgumentError(describe("geomspace: start and stop must not be 0 and have one sign", f"got: {ends}"))
    return _made("geomspace", lambda: np.geomspace(*ends, num, endpoint), dtype, requires_grad, name)


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Tensor, Tensor]:
    """The places on and below a diagonal, as rows and columns: an index for matrices.

    Parameters
    ----------
    n, m
        Rows and columns of the matrices; by default they are square.
    k
        Which diagonal: 0 is the main one, above it is positive.

    Returns
    -------
    tuple of Tensor
        Integers.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.tril_indices(2)
    (tensor([0, 1, 1]), tensor([0, 0, 1]))
    """
    return _places("tril_indices", np.tril_indices, n, k, m)


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Tensor, Tensor]:
    """The places on and above a diagonal, as rows and columns: an index for matrices.

    Parameters
    ----------
    n, m
        Rows and columns of the matrices; by default they are square.
    k
        Which diagonal: 0 is the main one, above it is positive.

    Returns
    -------
    tuple of Tensor
        Integers.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.triu_indices(3, k=1)
    (tensor([0, 0, 1]), tensor([1, 2, 2]))
    """
    return _places("triu_indices", np.triu_indices, n, k, m)


def _number(what: str, value: Any, title: str) -> float:
    """A Python number, whatever it came as."""
    array = as_array(value.data if isinstance(value, Tensor) else value, copy=False, what=f"{what}: {title}")
    if array.size != 1:
        raise DTypeError(describe(f"{what}: {title} is one number, got an array of shape {array.shape}"))
    if array.dtype.kind == "c":
        raise DTypeError(describe(f"{what}: {title} is a real number, got {array.item()}"))
    # Not by way of the array: a float would be rounded to the default dtype.
    number: float = value if isinstance(value, (int, float)) else array.item()
    return number


def _made(what: str, compute: Any, dtype: DTypeLike | None, requires_grad: bool, name: str | None) -> Tensor:
    try:
        with np.errstate(all="ignore"):
            array = compute()
    except (TypeError, ValueError, OverflowError) as error:
        raise ArgumentError(describe(f"{what}: {error}")) from None
    if dtype is not None:
        array = array.astype(as_dtype(dtype, what))
    elif array.dtype.kind == "f":
        array = array.astype(get_default_dtype())
    return make(array, None, requires_grad, name, copy=False, what=what)


def _places(what: str, compute: Any, n: int, k: int, m: int | None) -> tuple[Tensor, Tensor]:
    try:
        rows, columns = compute(operator.index(n), operator.index(k), None if m is None else operator.index(m))
    except (TypeError, ValueError) as error:
        raise ArgumentError(describe(f"{what}: {error}")) from None
    return make(rows, None, False, None, copy=False, what=what), make(columns, None, False, None, copy=False, what=what)
