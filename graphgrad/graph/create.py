"""Making tensors."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.dtypes import as_array, as_dtype, get_default_dtype
from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError, describe
from graphgrad.graph.tensor import Tensor, make

__all__ = [
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "tensor",
    "tri",
    "zeros",
    "zeros_like",
]

Shape = int | Sequence[int]


def tensor(data: Any, dtype: DTypeLike | None = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Make a leaf from a copy of data.

    Parameters
    ----------
    data
        A number, nested lists of numbers, an array or a tensor.
    dtype
        The element type. By default that of an array; int64 or bool for Python ints or bools; and for Python floats
        the default dtype, see `set_default_dtype`.
    requires_grad
        Whether backward passes collect a gradient here. Only for floats.
    name
        What pictures and error texts call it.

    Raises
    ------
    DTypeError
        If `data` isn't made of numbers, or needs a gradient and isn't floating.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True).shape
    (2, 2)
    """
    return make(data, dtype, requires_grad, name, copy=True, what="tensor")


def asarray(data: Any, dtype: DTypeLike | None = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Make a leaf that shares the memory of an array; otherwise as `tensor`.

    Writing to the array afterwards changes the tensor, and graphgrad can't notice it.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> array = np.zeros(2)
    >>> t = gg.asarray(array)
    >>> array[0] = 5.0
    >>> t.tolist()
    [5.0, 0.0]
    """
    return make(data, dtype, requires_grad, name, copy=False, what="asarray")


def full(
    shape: Shape,
    fill_value: float,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Make a leaf of one repeated value, of the default dtype unless told otherwise.

    Raises
    ------
    ShapeError
        If `shape` isn't made of integers from 0.
    DTypeError
        If `fill_value` isn't a number, or `dtype` none of numbers.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.full((2,), 7.0)
    tensor([7., 7.])
    """
    return _filled("full", shape, fill_value, dtype, requires_grad, name)


def _filled(
    what: str, shape: Shape, value: float, dtype: DTypeLike | None, requires_grad: bool, name: str | None
) -> Tensor:
    number = as_array(value, get_default_dtype() if dtype is None else as_dtype(dtype, what), copy=False, what=what)
    if number.shape != ():
        raise DTypeError(describe(f"{what}: one number is needed, got an array of shape {number.shape}"))
    array = _shaped(what, shape, lambda: np.full(shape, number))
    return make(array, None, requires_grad, name, copy=False, what=what)


def _shaped(what: str, shape: Any, compute: Callable[[], Any]) -> Any:
    try:
        return compute()
    except (TypeError, ValueError) as error:
        raise ShapeError(
            describe(f"{what}: {error}", f"shape: {shape!r:.60}", hint="give an integer, or a tuple of integers")
        ) from None


def zeros(shape: Shape, dtype: DTypeLike | None = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Make a leaf of zeros; see `full`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.zeros(3)
    tensor([0., 0., 0.])
    """
    return _filled("zeros", shape, 0.0, dtype, requires_grad, name)


def ones(shape: Shape, dtype: DTypeLike | None = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Make a leaf of ones; see `full`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.ones((1, 2))
    tensor([[1., 1.]])
    """
    return _filled("ones", shape, 1.0, dtype, requires_grad, name)


def empty(shape: Shape, dtype: DTypeLike | None = None, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Make a leaf whose elements are whatever the memory held, to be written before they are read; see `full`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.empty((2, 3)).shape
    (2, 3)
    """
    kind = get_default_dtype() if dtype is None else as_dtype(dtype, "empty")
    array = _shaped("empty", shape, lambda: np.empty(shape, kind))
    return make(array, None, requires_grad, name, copy=False, what="empty")


def eye(
    n: int,
    m: int | None = None,
    k: int = 0,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Make a leaf that is a matrix with ones on a diagonal and zeros elsewhere: the identity matrix.

    Parameters
    ----------
    n, m
        Rows and columns; by default it is square.
    k
        Which diagonal: 0 is the main one, above it is positive.
    dtype, requires_grad, name
        As in `full`.

    Raises
    ------
    ShapeError
        If `n` or `m` is no integer from 0.
    ArgumentError
        If `k` is no integer.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _matrix("eye", np.eye, n, m, k, dtype, requires_grad, name)


def tri(
    n: int,
    m: int | None = None,
    k: int = 0,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Make a leaf that is a matrix with ones on and below a diagonal and zeros above; see `eye`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.tri(2, 3)
    tensor([[1., 0., 0.],
            [1., 1., 0.]])
    """
    return _matrix("tri", np.tri, n, m, k, dtype, requires_grad, name)


def _matrix(
    what: str,
    function: Callable[..., Any],
    n: int,
    m: int | None,
    k: int,
    dtype: DTypeLike | None,
    requires_grad: bool,
    name: str | None,
) -> Tensor:
    kind = get_default_dtype() if dtype is None else as_dtype(dtype, what)
    columns = n if m is None else m
    _shaped(what, (n, columns), lambda: np.broadcast_to(0, (n, columns)))
    try:
        diagonal = operator.index(k)
    except TypeError:
        raise ArgumentError(describe(f"{what}: k is an integer, which diagonal, got {k!r:.40}")) from None
    array = function(n, columns, diagonal, dtype=kind)
    return make(array, None, requires_grad, name, copy=False, what=what)


def zeros_like(x: Any, dtype: DTypeLike | None = None) -> Tensor:
    """Make a leaf of zeros with the shape and dtype of `x`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.zeros_like(gg.tensor([1, 2])).dtype
    dtype('int64')
    """
    return _filled_like("zeros_like", x, 0.0, dtype)


def ones_like(x: Any, dtype: DTypeLike | None = None) -> Tensor:
    """Make a leaf of ones with the shape and dtype of `x`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.ones_like(gg.tensor([1.0, 2.0]))
    tensor([1., 1.])
    """
    return _filled_like("ones_like", x, 1.0, dtype)


def full_like(x: Any, fill_value: float, dtype: DTypeLike | None = None) -> Tensor:
    """Make a leaf of one repeated value with the shape and dtype of `x`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.full_like(gg.tensor([1.0, 2.0]), 7.0)
    tensor([7., 7.])
    """
    return _filled_like("full_like", x, fill_value, dtype)


def empty_like(x: Any, dtype: DTypeLike | None = None) -> Tensor:
    """Make a leaf with the shape and dtype of `x`, whose elements are whatever the memory held; see `empty`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.empty_like(gg.tensor([1, 2])).dtype
    dtype('int64')
    """
    model = x.data if isinstance(x, Tensor) else as_array(x, copy=False, what="empty_like")
    return empty(model.shape, model.dtype if dtype is None else dtype)


def _filled_like(what: str, x: Any, value: float, dtype: DTypeLike | None) -> Tensor:
    model = x.data if isinstance(x, Tensor) else as_array(x, copy=False, what=what)
    return _filled(what, model.shape, value, model.dtype if dtype is None else dtype, False, None)
