"""Looking elements up by integers along an axis: take, gather and their relatives.

The integers are an operand, so that a graph shows where they come from, and runs again with others. What is looked up
several times receives the sum of the gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.indexing import index_add
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import free, one_axis, prepare_one_axis

__all__ = ["gather", "index_select", "take", "take_along_axis"]

Shape = tuple[int, ...]
Key = tuple[Any, ...]

_index_add: Callable[..., Any] = polymorphic(index_add)


def integers(index: Any, length: int, name: str = "indices") -> np.ndarray[Any, Any]:
    """The values of an index operand, checked: integers from -length to length - 1."""
    array = np.asarray(index.data if isinstance(index, Tensor) else index, order="C")  # see adding.assign
    if array.size == 0:
        return array.astype(np.intp)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} are integers, got {array.dtype}")
    if not length:
        raise ValueError(f"{name}: among no elements there is none to look up")
    low, high = int(array.min()), int(array.max())
    if low < -length or high >= length:
        raise ValueError(f"{name} must lie from {-length} to {length - 1}, got {low if low < -length else high}")
    return array


def prepare_axis_or_none(attrs: dict[str, Any]) -> None:
    if attrs["axis"] is not None:
        prepare_one_axis(attrs)


# ---- rows ------------------------------------------------------------------------------------------------------------


def _looked_up(x: Shape, indices: Shape, /, axis: int | None) -> Shape:
    if axis is None:
        return indices
    at = one_axis(axis, len(x))
    return (*x[:at], *indices, *x[at + 1 :])


def _take(x: Any, indices: Any, axis: int | None) -> Any:
    x = as_array(x, copy=False)  # of a single number beside an array only its value arrives
    length = x.size if axis is None else x.shape[one_axis(axis, x.ndim)]
    return np.take(x, integers(indices, length), axis)


def _put_back(g: Any, indices: Any, x_shape: Shape, axis: int | None) -> Any:
    """Where elements were looked up, what they received."""
    if axis is None:
        x_size = math.prod(x_shape)
        return np.reshape(_index_add(g, shape=(x_size,), key=(integers(indices, x_size),)), x_shape)
    at = one_axis(axis, len(x_shape))
    return _index_add(g, shape=x_shape, key=(*[slice(None)] * at, integers(indices, x_shape[at])))


def _take_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(3, 4)), np.array([2, 0, 2, -1]), axis=0)
    yield sample(rng.normal(size=(3, 4)), np.array([[1, 1], [3, 0]]), axis=-1)
    yield sample(rng.normal(size=(2, 3)), np.array([5, 0, 0]))
    yield sample(rng.normal(size=(2, 3)), np.array(1), axis=1)
    yield sample(rng.normal(size=(2, 3)), np.zeros((0, 2), int), axis=0)
    yield sample(rng.normal(size=()), np.array([0, 0]))


@op(
    x=_put_back,
    linear="together",
    complex="own",
    numpy=np.take,
    formula="take({x}, {indices}, {axis})",
    back={"x": "the sum of {g} over all places where an element was taken to"},
    shape=_looked_up,
    cost=free,
    samples=_take_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)), np.array([3])), {"axis": 1}, ArgumentError, "from -3 to 2, got 3"),
        ErrorSample((np.zeros((2, 3)), np.array([0.0])), {"axis": 1}, DTypeError, "are integers, got float64"),
        ErrorSample((np.zeros((2, 3)), np.array([0])), {"axis": 2}, ShapeError, "axis 2 is out of range"),
    ),
    prepare=prepare_axis_or_none,
    covers=("P19.10",),
)
def take(x: Array, indices: Array, axis: int | None = None) -> Any:
    """
    Elements, rows or columns by number; one that is taken several times receives the sum of the gradients.

    Parameters
    ----------
    indices
        Integers of any shape, counted from the end if negative. They stand in place of the axis.
    axis
        The axis that is looked up; None for all elements in row-major order.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.take([[1.0, 2.0], [3.0, 4.0]], [1, 1], axis=0)
    tensor([[3., 4.],
            [3., 4.]])
    """
    return _take(x, indices, axis)


def _selected(x: Shape, index: Shape, /, axis: int) -> Shape:
    if len(index) > 1:
        raise ValueError(f"index is one integer or a vector of them, not of shape {index}; take allows any shape")
    at = one_axis(axis, len(x))
    return (*x[:at], *(index or (1,)), *x[at + 1 :])


@op(
    x=lambda g, index, x_shape, axis: _put_back(g, _vector(index), x_shape, axis),
    linear="together",
    complex="own",
    formula="index_select({x}, {axis}, {index})",
    back={"x": "the sum of {g} over all places where an element was taken to"},
    shape=_selected,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(3, 4)), np.array([2, 0, 2]), axis=0),
        sample(rng.normal(size=(3, 4)), np.array([1, -1]), axis=-1),
        sample(rng.normal(size=(2, 3)), np.array(1), axis=1),
        sample(rng.normal(size=(2, 3)), np.array([], int), axis=0),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)), np.array([[0]])), {"axis": 0}, ShapeError, "take allows any shape"),
        ErrorSample((np.zeros((2, 3)), np.array([-3])), {"axis": 0}, ArgumentError, "from -2 to 1, got -3"),
    ),
    prepare=prepare_one_axis,
)
def index_select(x: Array, axis: int, index: Array) -> Any:
    """
    The members along an axis with these numbers: `take` in PyTorch's words.

    Parameters
    ----------
    axis
        The axis that is looked up.
    index
        A vector of integers, counted from the end if negative.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.index_select([[1.0, 2.0], [3.0, 4.0]], 1, [1, 0])
    tensor([[2., 1.],
            [4., 3.]])
    """
    _selected(np.shape(x), np.shape(index), axis)
    return _take(x, _vector(index), axis)


def _vector(index: Any) -> Any:
    return np.atleast_1d(index.data if isinstance(index, Tensor) else index)


# ---- one of each line ------------------------------------------------------------------------------------------------


def _key_of_lines(shape: Shape, index: Any, axis: int, name: str) -> Key:
    """The index that takes, for each element of `index`, the element with this number of the line that it stands in.

    Other axes are numbered as far as `shape` goes; lengths of 1 broadcast against the index.
    """
    index = integers(index, shape[axis], name)
    rank = len(shape)
    return tuple(
        index if i == axis else np.arange(length).reshape(*[1] * i, length, *[1] * (rank - i - 1))
        for i, length in enumerate(shape)
    )


def _alike_but(x: Shape, indices: Shape, axis: int, name: str) -> int:
    if len(x) != len(indices):
        raise ValueError(f"{name} of shape {indices} must have as many axes as x of shape {x}")
    return one_axis(axis, len(x))


def taken_along(x: Shape, indices: Shape, /, axis: int | None) -> Shape:
    if axis is None:
        if len(indices) != 1:
            raise ValueError(f"indices of shape {indices} must be a vector if axis is None")
        return indices
    at = _alike_but(x, indices, axis, "indices")
    for i, (a, b) in enumerate(zip(x, indices, strict=True)):
        if i != at and a != b and 1 not in (a, b):
            raise ValueError(f"indices of shape {indices} don't fit x of shape {x}: axis {i} has lengths {b} and {a}")
    return tuple(b if i == at or a == 1 else a for i, (a, b) in enumerate(zip(x, indices, strict=True)))


def key_along(x_shape: Shape, indices: Any, axis: int | None) -> Key:
    if axis is None:
        return (integers(indices, math.prod(x_shape)),)
    return _key_of_lines(x_shape, indices, axis % len(x_shape), "indices")


def flat_if(x: Any, axis: int | None) -> Any:
    return x if axis is not None else np.reshape(x, math.prod(x.shape))


def flat_shape(x: Shape, axis: int | None) -> Shape:
    return x if axis is not None else (math.prod(x),)


@op(
    x=lambda g, indices, x_shape, axis: np.reshape(
        _index_add(g, shape=flat_shape(x_shape, axis), key=key_along(x_shape, indices, axis)), x_shape
    ),
    linear="together",
    complex="own",
    numpy=np.take_along_axis,
    formula="take_along_axis({x}, {indices}, {axis})",
    back={"x": "the sum of {g} over all places where an element was taken to"},
    shape=taken_along,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(3, 4)), np.array([[0, 2], [1, 1], [3, -4]]), axis=1),
        sample(rng.normal(size=(3, 4)), np.array([[2, 0, 0, 1]]), axis=0),
        sample(rng.normal(size=(2, 1, 2)), rng.integers(0, 2, (2, 3, 1)), axis=-1),
        sample(rng.normal(size=(2, 2)), np.array([3, 3, 0]), axis=None),
        sample(rng.normal(size=(2, 3)), np.zeros((2, 0), int)),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)), np.array([0])), {}, ShapeError, "as many axes as x"),
        ErrorSample((np.zeros((2, 3)), np.zeros((3, 1), int)), {}, ShapeError, "axis 0 has lengths 3 and 2"),
        ErrorSample((np.zeros((2, 3)), np.full((2, 1), 3)), {}, ArgumentError, "from -3 to 2, got 3"),
        ErrorSample((np.zeros((2, 3)), np.zeros((2, 1))), {}, DTypeError, "are integers"),
    ),
    prepare=prepare_axis_or_none,
)
def take_along_axis(x: Array, indices: Array, axis: int | None = -1) -> Any:
    """
    From each line along an axis, the elements with the numbers that the same line of `indices` holds.

    With what `argsort` or `argmax` (``keepdims=True``) return, it sorts or takes the largest.

    Parameters
    ----------
    indices
        Integers, counted from the end if negative, of as many axes as `x`. Lengths but that of `axis` broadcast.
    axis
        None for all elements in row-major order.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.take_along_axis([[1.0, 2.0], [3.0, 4.0]], [[1], [0]], axis=1)
    tensor([[2.],
            [3.]])
    """
    taken_along(np.shape(x), np.shape(indices), axis)
    return flat_if(x, axis)[key_along(x.shape, indices, axis)]


# ---- PyTorch's -------------------------------------------------------------------------------------------------------


def within(x: Shape, index: Shape, axis: int) -> int:
    at = _alike_but(x, index, axis, "index")
    for i, (length, wanted) in enumerate(zip(x, index, strict=True)):
        if i != at and wanted > length:
            raise ValueError(f"index of shape {index} is longer than x of shape {x} along axis {i}")
    return at


def _shape_of_index(x: Shape, index: Shape, /, axis: int) -> Shape:
    within(x, index, axis)
    return index


def gather_key(x_shape: Shape, index: Any, axis: int) -> Key:
    """The index for gather and scatter: axes other than `axis` are numbered as far as `index` goes."""
    at = axis % len(x_shape)
    shape = tuple(x_shape[i] if i == at else length for i, length in enumerate(np.shape(index)))
    return _key_of_lines(shape, index, at, "index")


def gathered(x: Any, index: Any, axis: int) -> Any:
    return x[gather_key(x.shape, index, axis)]


@op(
    x=lambda g, index, x_shape, axis: _index_add(g, shape=x_shape, key=gather_key(x_shape, index, axis)),
    linear="together",
    complex="own",
    formula="gather({x}, {axis}, {index})",
    back={"x": "the sum of {g} over all places where an element was taken to"},
    shape=_shape_of_index,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(3, 4)), np.array([[0, 2], [1, 1], [3, 0]]), axis=1),
        sample(rng.normal(size=(3, 4)), np.array([[2, 0], [0, 0], [1, 1], [1, 2]]), axis=0),
        sample(rng.normal(size=(2, 3, 2)), rng.integers(0, 2, (1, 3, 4)), axis=-1),
        sample(rng.normal(size=(2, 3)), np.zeros((0, 3), int), axis=0),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)), np.array([0])), {"axis": 0}, ShapeError, "as many axes as x"),
        ErrorSample((np.zeros((2, 3)), np.zeros((3, 1), int)), {"axis": 1}, ShapeError, "longer than x"),
        ErrorSample((np.zeros((2, 3)), np.full((2, 1), 3)), {"axis": 1}, ArgumentError, "got 3"),
        ErrorSample((np.zeros((2, 3)), np.zeros((2, 1))), {"axis": 1}, DTypeError, "are integers"),
    ),
    prepare=prepare_one_axis,
)
def gather(x: Array, axis: int, index: Array) -> Any:
    """
    From each line along an axis, the elements with the numbers that the same line of `index` holds; as in PyTorch.

    ``gather(x, 1, index)[i, j]`` is ``x[i, index[i, j]]``. `take_along_axis` is NumPy's way.

    Parameters
    ----------
    index
        Integers, of as many axes as `x` and, but for `axis`, no longer. They have the shape of the result.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.gather([[1.0, 2.0], [3.0, 4.0]], 1, [[0, 0], [1, 0]])
    tensor([[1., 1.],
            [4., 3.]])
    """
    _shape_of_index(np.shape(x), np.shape(index), axis)
    return gathered(x, index, axis)
