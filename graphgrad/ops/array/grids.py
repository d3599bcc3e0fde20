"""Tensors brought to one shape, coordinates of grids, and the powers of a vector."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import ArgumentError, ShapeError, describe
from graphgrad.graph.operation import ErrorSample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.arithmetic import power
from graphgrad.ops.array.axes import expand_dims
from graphgrad.ops.array.shaping import broadcast_to, reshape
from graphgrad.ops.attributes import keep_flags
from graphgrad.ops.composite import composite
from graphgrad.ops.declare import Array
from graphgrad.ops.samples import array, sample
from graphgrad.ops.shapes import broadcast

__all__ = ["broadcast_arrays", "meshgrid", "vander"]

Shape = tuple[int, ...]


def _tensors(what: str, arrays: tuple[Any, ...]) -> list[Tensor]:
    return [one if isinstance(one, Tensor) else Tensor(as_array(one, copy=True, what=what)) for one in arrays]


def broadcast_arrays(*arrays: Any) -> tuple[Tensor, ...]:
    """Tensors repeated to the shape that they have together; each is a `broadcast_to` of its own.

    Parameters
    ----------
    arrays
        Tensors, arrays, numbers or nested lists.

    Returns
    -------
    tuple of Tensor

    Raises
    ------
    ShapeError
        If the shapes don't broadcast.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.broadcast_arrays([1.0, 2.0], 7.0)
    (tensor([1., 2.]), tensor([7., 7.]))
    """
    tensors = _tensors("broadcast_arrays", arrays)
    try:
        shape = broadcast(*(one.shape for one in tensors))
    except ValueError as reason:
        raise ShapeError(describe(f"broadcast_arrays: {reason}")) from None
    return tuple(broadcast_to(one, shape) for one in tensors)


def meshgrid(*arrays: Any, indexing: str = "xy") -> tuple[Tensor, ...]:
    """The coordinates of all points of a grid, a tensor for each direction; composed of `reshape` and `broadcast_to`.

    Parameters
    ----------
    arrays
        The coordinates along each direction, as vectors.
    indexing
        ``"xy"``: the first direction is that of the columns, as in pictures; ``"ij"``: that of the rows, as in
        matrices. NumPy's default is the former, PyTorch's the latter.

    Returns
    -------
    tuple of Tensor
        All of one shape, with an axis for each direction.

    Raises
    ------
    ShapeError
        If one of them has more than one axis.
    ArgumentError
        If `indexing` is neither.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x, y = gg.meshgrid([1.0, 2.0, 3.0], [10.0, 20.0])
    >>> y
    tensor([[10., 10., 10.],
            [20., 20., 20.]])
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(describe(f"meshgrid: indexing is 'xy' or 'ij', got {indexing!r}"))
    vectors = _tensors("meshgrid", arrays)
    for i, one in enumerate(vectors):
        if one.ndim > 1:
            raise ShapeError(describe(f"meshgrid: vectors are needed, number {i} has shape {one.shape}"))
    rank = len(vectors)
    places = list(range(rank))
    if indexing == "xy" and rank > 1:
        places[:2] = 1, 0
    shape = [0] * rank
    for place, one in zip(places, vectors, strict=True):
        shape[place] = one.size
    return tuple(
        broadcast_to(reshape(one, tuple(one.size if axis == place else 1 for axis in range(rank))), tuple(shape))
        for place, one in zip(places, vectors, strict=True)
    )


def _prepare_vander(attrs: dict[str, Any]) -> None:
    if attrs["N"] is not None:
        attrs["N"] = operator.index(attrs["N"])
        if attrs["N"] < 0:
            raise ValueError(f"N is the number of columns, got {attrs['N']}")
    keep_flags(attrs, "increasing")


def _powers(x: Shape, /, N: int | None, increasing: bool) -> Shape:
    if len(x) != 1:
        raise ValueError(f"x must be a vector, not of shape {x}")
    return (x[0], x[0] if N is None else N)


@composite(
    numpy=np.vander,
    formula="vander({x}, {N}, {increasing})",
    back={"x": "the sum over each row of {g} · k · {x}^(k - 1), k being the exponents"},
    shape=_powers,
    cost=lambda x, /, N, increasing: x[0] * (x[0] if N is None else N),
    samples=lambda rng: [
        sample(array(rng, 3, apart=0.3)),
        sample(array(rng, 2, apart=0.3), N=4),
        sample(array(rng, 3, apart=0.3), N=2, increasing=True),
        sample(np.zeros(0), N=2),
    ],
    errors=(
        ErrorSample((np.zeros((2, 2)),), {}, ShapeError, "x must be a vector"),
        ErrorSample((np.zeros(2),), {"N": -1}, ArgumentError, "the number of columns"),
    ),
    prepare=_prepare_vander,
)
def vander(x: Array, N: int | None = None, increasing: bool = False) -> Any:
    """
    The Vandermonde matrix: the powers of each element in a row. It times coefficients gives the values of polynomials.

    Parameters
    ----------
    N
        How many powers, from the zeroth on; by default as many as elements.
    increasing
        Begin with the zeroth power, not with the highest.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.vander([2.0, 3.0], 3)
    tensor([[4., 2., 1.],
            [9., 3., 1.]])
    """
    _powers(x.shape, N, increasing)
    exponents = np.arange(x.size if N is None else N, dtype=x.dtype)
    return power(expand_dims(x, 1), exponents if increasing else exponents[::-1])
