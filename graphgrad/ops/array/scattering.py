"""Putting elements by integers along an axis: the lookups of `gathering` backwards.

The results are copies: nothing is written to an operand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.adding import add_at, assign, last_of_each
from graphgrad.ops.array.gathering import (
    flat_if,
    flat_shape,
    gather_key,
    gathered,
    key_along,
    prepare_axis_or_none,
    taken_along,
    within,
)
from graphgrad.ops.array.indexing import index_add, setitem
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import free, prepare_one_axis

__all__ = ["put_along_axis", "scatter", "scatter_add"]

Shape = tuple[int, ...]
Key = tuple[Any, ...]

_index_add: Callable[..., Any] = polymorphic(index_add)
_setitem: Callable[..., Any] = polymorphic(setitem)


def _with_zeros(g: Any, indices: Any, x_shape: Shape, axis: int | None) -> Any:
    shape = flat_shape(x_shape, axis)
    return np.reshape(_setitem(np.reshape(g, shape), 0.0, key=key_along(x_shape, indices, axis)), x_shape)


def _last_ones(g: Any, key: Key, shape: Shape) -> Any:
    """The gradient of assigned values: of those that went to one place, the last stayed."""
    last = last_of_each(shape, key)
    return g[key] if last is None else np.where(last, g[key], 0.0)


def _put(x: Shape, indices: Shape, values: Shape, /, axis: int | None) -> Shape:
    place = taken_along(x, indices, axis)
    if len(values) > len(place) or any(
        have not in (1, want) for have, want in zip(values[::-1], place[::-1], strict=False)
    ):
        raise ValueError(f"values of shape {values} don't broadcast to the places, which have shape {place}")
    return x


@op(
    x=_with_zeros,
    values=lambda g, indices, x_shape, axis: _last_ones(
        np.reshape(g, flat_shape(x_shape, axis)), key_along(x_shape, indices, axis), flat_shape(x_shape, axis)
    ),
    linear="together",
    complex="own",
    formula="put_along_axis({x}, {indices}, {values}, {axis})",
    back={"x": "{g}, but 0 where elements were replaced", "values": "{g} where the values went"},
    shape=_put,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(3, 4)), np.array([[0, 2], [1, 3], [3, -4]]), rng.normal(size=(3, 2)), axis=1),
        sample(rng.normal(size=(3, 2)), np.array([[2, 0]]), rng.normal(size=()), axis=0),
        sample(rng.normal(size=(2, 3)), np.array([[1, 1], [0, 2]]), rng.normal(size=(2, 2)), axis=-1),
        sample(rng.normal(size=(2, 2)), np.array([3, 0]), rng.normal(size=(1,)), axis=None),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros((2, 1), int), np.zeros(2)), {"axis": 1}, ShapeError, "don't broadcast"),
        ErrorSample((np.zeros((2, 3)), np.full((2, 1), 3), np.zeros(1)), {"axis": 1}, ArgumentError, "got 3"),
    ),
    prepare=prepare_axis_or_none,
)
def put_along_axis(x: Array, indices: Array, values: Array, axis: int | None) -> Any:
    """
    A copy of `x` in which, in each line along an axis, elements are replaced by number: `take_along_axis` backwards.

    NumPy's function of this name writes to `x` itself. If a number comes twice in a line, the last value stays.

    Parameters
    ----------
    indices
        Integers, counted from the end if negative, of as many axes as `x`. Lengths but that of `axis` broadcast.
    values
        Broadcasts to the places that `indices` names.
    axis
        None for all elements in row-major order.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.put_along_axis([[1.0, 2.0], [3.0, 4.0]], [[1], [0]], 0.0, axis=1)
    tensor([[1., 0.],
            [0., 4.]])
    """
    _put(np.shape(x), np.shape(indices), np.shape(values), axis)
    out = np.array(flat_if(x, axis), np.result_type(x, values))
    assign(out, key_along(x.shape, indices, axis), values)
    return np.reshape(out, x.shape)


def _scattered(x: Shape, index: Shape, src: Shape, /, axis: int) -> Shape:
    within(x, index, axis)
    if src and (len(src) != len(index) or any(have < want for have, want in zip(src, index, strict=True))):
        raise ValueError(f"src of shape {src} must be one number, or have an element for each of index {index}")
    return x


def _part(src: Any, index: Any) -> Any:
    """What of the source is used: as much as there are indices."""
    return src[tuple(map(slice, np.shape(index)))] if np.ndim(src) else src


def _in_its_part(g: Any, index: Any, src_shape: Shape) -> Any:
    if not src_shape or src_shape == np.shape(index):
        return g
    return _index_add(g, shape=src_shape, key=tuple(map(slice, np.shape(index))))


def _scatter_samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(3, 4)), np.array([[0, 2], [1, 3], [3, 0]]), rng.normal(size=(3, 2)), axis=1)
    yield sample(rng.normal(size=(3, 2)), np.array([[2, 2], [0, 2]]), rng.normal(size=(3, 3)), axis=0)
    yield sample(rng.normal(size=(2, 3)), np.array([[1], [0]]), rng.normal(size=()), axis=-1)
    yield sample(rng.normal(size=(2, 3)), np.zeros((0, 3), int), rng.normal(size=(0, 3)), axis=0)


_SCATTER: dict[str, Any] = {
    "linear": "together",
    "complex": "own",
    "shape": _scattered,
    "samples": _scatter_samples,
    "errors": (
        ErrorSample((np.zeros((2, 3)), np.array([0]), np.zeros(1)), {"axis": 0}, ShapeError, "as many axes as x"),
        ErrorSample((np.zeros((2, 3)), np.zeros((2, 1), int), np.zeros((1, 1))), {"axis": 1}, ShapeError, "an element"),
        ErrorSample((np.zeros((2, 3)), np.full((2, 1), 3), np.zeros((2, 1))), {"axis": 1}, ArgumentError, "got 3"),
    ),
    "prepare": prepare_one_axis,
}


@op(
    **_SCATTER,
    x=lambda g, index, axis: _setitem(g, 0.0, key=gather_key(g.shape, index, axis)),
    src=lambda g, index, src_shape, axis: _in_its_part(
        _last_ones(g, gather_key(g.shape, index, axis), g.shape), index, src_shape
    ),
    formula="scatter({x}, {axis}, {index}, {src})",
    back={"x": "{g}, but 0 where elements were replaced", "src": "{g} where the elements went"},
    cost=free,
)
def scatter(x: Array, axis: int, index: Array, src: Array) -> Any:
    """
    A copy of `x` in which, in each line along an axis, elements are replaced by number: `gather` backwards.

    ``out[i, index[i, j]] = src[i, j]`` for axis 1. If a number comes twice in a line, the last element stays and gets
    the gradient.

    Parameters
    ----------
    index
        Integers, of as many axes as `x` and, but for `axis`, no longer.
    src
        One number, or at least as long as `index` along each axis.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.scatter([[0.0, 0.0, 0.0]], 1, [[2, 0]], [[7.0, 8.0]])
    tensor([[8., 0., 7.]])
    """
    _scattered(np.shape(x), np.shape(index), np.shape(src), axis)
    out = np.array(x, np.result_type(x, src))
    assign(out, gather_key(x.shape, index, axis), _part(src, index))
    return out


@op(
    **_SCATTER,
    x=lambda g: g,
    src=lambda g, index, src_shape, axis: _in_its_part(gathered(g, index, axis), index, src_shape),
    formula="scatter_add({x}, {axis}, {index}, {src})",
    back={"x": "{g}", "src": "{g} where the elements went"},
    cost=lambda x, index, src, /, **_: math.prod(index),
)
def scatter_add(x: Array, axis: int, index: Array, src: Array) -> Any:
    """
    A copy of `x` to which, in each line along an axis, elements are added by number: the adjoint of `gather`.

    ``out[i, index[i, j]] += src[i, j]`` for axis 1; a number that comes twice in a line gets both.

    Parameters
    ----------
    index
        Integers, of as many axes as `x` and, but for `axis`, no longer.
    src
        One number, or at least as long as `index` along each axis.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.scatter_add([[1.0, 1.0, 1.0]], 1, [[2, 2]], [[7.0, 8.0]])
    tensor([[ 1.,  1., 16.]])
    """
    _scattered(np.shape(x), np.shape(index), np.shape(src), axis)
    out = np.array(x, np.result_type(x, src), order="C")
    values = np.broadcast_to(np.asarray(_part(src, index), out.dtype), np.shape(index))
    add_at(out, gather_key(x.shape, index, axis), values)
    return out
