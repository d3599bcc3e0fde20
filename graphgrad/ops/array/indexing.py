"""Indexing, and its adjoint: taking elements out and putting gradients back where they came from."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.adding import add_at, added_at, assign, last_of_each, of_rank
from graphgrad.ops.attributes import keep_flags
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import free

__all__ = ["getitem", "index_add", "index_put", "setitem"]

Shape = tuple[int, ...]
Key = tuple[Any, ...]


def prepare_key(attrs: dict[str, Any]) -> None:
    """Keep a key as a tuple of ints, slices of ints, None, Ellipsis and own copies of index arrays.

    A copy, because a caller may write to the array that it indexed with.
    """
    key = attrs["key"]
    attrs["key"] = tuple(map(_part, key)) if isinstance(key, tuple) else (_part(key),)


def _part(part: Any) -> Any:
    if part is None or part is Ellipsis:
        return part
    if isinstance(part, slice):
        start, stop, step = (None if end is None else operator.index(end) for end in (part.start, part.stop, part.step))
        return slice(start, stop, step)
    if isinstance(part, Tensor):
        part = part.data
    if isinstance(part, (bool, np.bool)):
        return np.array(bool(part))
    if isinstance(part, (int, np.integer)):
        return int(part)
    array = np.array(part, order="C")  # see graphgrad.ops.array.adding.assign
    if array.size == 0 and array.dtype.kind == "f" and isinstance(part, (list, tuple)):
        array = array.astype(np.int64)  # the empty list selects nothing
    if array.dtype.kind not in "iub":
        raise DTypeError(
            describe(
                f"index: {array.dtype} can't index a tensor",
                "expected: integers, slices, None, ..., or arrays of integers or bools",
            )
        )
    return int(array) if array.ndim == 0 and array.dtype.kind in "iu" else array


def _indexed(x: Shape, /, key: Key) -> Shape:
    try:
        return np.shape(np.broadcast_to(np.int8(0), x)[key])  # a view of one byte stands for an array of any size
    except IndexError as error:
        raise ValueError(f"the index doesn't fit shape {x}: {error}") from None


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    x = rng.normal(size=(3, 4))
    yield sample(x, key=(1,))
    yield sample(x, key=(-1, 2))
    yield sample(x, key=(slice(None, None, -1), slice(1, 3)))
    yield sample(x, key=(Ellipsis, None, 0))
    yield sample(x, key=(np.array([0, 2, 0]),))
    yield sample(x, key=(np.array([[0, 1], [2, 2]]), slice(0, 2)))
    yield sample(x, key=(np.array([0, 0]), np.array([1, 1])))
    yield sample(x, key=(np.array([True, False, True]),))
    yield sample(x, key=(x > 0,))
    yield sample(x, key=(slice(0, 0),))
    yield sample(rng.normal(size=()), key=())


@op(
    symbol="[ ]",
    x=lambda g, x_shape, key: _index_add(g, shape=x_shape, key=key),
    linear="together",
    complex="own",
    formula="{x}[{key}]",
    back={"x": "{g} where elements were taken, 0 elsewhere"},
    shape=_indexed,
    cost=free,
    samples=_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)),), {"key": (5,)}, ShapeError, "index 5 is out of bounds"),
        ErrorSample((np.zeros((2, 3)),), {"key": (0, 0, 0)}, ShapeError, "too many indices"),
        ErrorSample((np.zeros((2, 3)),), {"key": (0.5,)}, DTypeError, "can't index a tensor"),
    ),
    prepare=prepare_key,
    view=True,
    covers=("P01.21",),
)
def getitem(x: Array, key: Any) -> Any:
    """
    Elements by index, as NumPy takes them: what ``x[key]`` runs. An element that is taken twice gets both gradients.

    Parameters
    ----------
    key
        Integers, slices, None, Ellipsis, arrays of integers or bools, or a tuple of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.tensor([10.0, 20.0, 30.0])[[0, 0, 2]]
    tensor([10., 10., 30.])
    """
    return x[key]


def _prepare_target(attrs: dict[str, Any]) -> None:
    attrs["shape"] = tuple(map(operator.index, attrs["shape"]))
    prepare_key(attrs)


def _filled(x: Shape, /, shape: Shape, key: Key) -> Shape:
    place = _indexed(shape, key)
    if place != x:
        raise ValueError(f"the index takes shape {place} out of {shape}, the values have shape {x}")
    return shape


@op(
    x=lambda g, key: g[key],
    linear="together",
    complex="own",
    formula="index_add({x}, {shape}, {key})",
    back={"x": "{g} where the values were added"},
    shape=_filled,
    samples=lambda rng: [
        sample(rng.normal(size=(2,)), shape=(3,), key=(np.array([2, 2]),)),
        sample(rng.normal(size=(2, 2)), shape=(2, 3), key=(slice(None), slice(0, 2))),
        sample(rng.normal(size=(12, 6)), shape=(4, 6), key=(np.arange(12) * 5 % 4 - 2,)),
        sample(rng.normal(size=()), shape=(3,), key=(1,)),
    ],
    cost=lambda x, **_: math.prod(x),
    prepare=_prepare_target,
)
def index_add(x: Array, shape: tuple[int, ...], key: Any) -> Any:
    """
    Zeros of the given shape with the elements of `x` added at an index: the adjoint of indexing.

    An element that is named twice gets both. Beware that PyTorch's function of this name adds to another tensor, along
    one axis: that is ``index_put(input, key, source, accumulate=True)`` here.

    Parameters
    ----------
    shape
        The shape of the result.
    key
        Where the elements go: an index that takes the shape of `x` out of the result.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.index_add([1.0, 2.0], (3,), ([0, 0],))
    tensor([3., 0., 0.])
    """
    _filled(x.shape, shape, key)
    return added_at(shape, key, x)


_index_add: Callable[..., Any] = polymorphic(index_add)


def _without(g: Any, key: Key) -> Any:
    return _setitem(g, 0.0, key=key)


def _for_those_that_stayed(g: Any, x_shape: Shape, value_shape: Shape, key: Key) -> Any:
    """The gradient of assigned values: an element that is assigned twice keeps the last value."""
    last = last_of_each(x_shape, key)
    return _in_front(g[key] if last is None else np.where(last, g[key], 0.0), value_shape)


def _in_front(g: Any, value_shape: Shape) -> Any:
    """What arrives at values that have more axes than their place: those in front are of length 1."""
    more = len(value_shape) - len(g.shape)
    return g if more <= 0 else np.reshape(g, (*value_shape[:more], *g.shape))


def _assigned(x: Shape, value: Shape, /, key: Key) -> Shape:
    place = _indexed(x, key)
    lead = len(value) - len(place)
    if any(length != 1 for length in value[: max(lead, 0)]) or any(
        have not in (1, want) for have, want in zip(value[::-1], place[::-1], strict=False)
    ):
        raise ValueError(f"the index takes shape {place} out of {x}, values of shape {value} don't broadcast to that")
    return x


@op(
    symbol="[ ]=",
    x=_without,
    value=_for_those_that_stayed,
    linear="together",
    complex="own",
    formula="setitem({x}, {value}, {key})",
    back={"x": "{g}, but 0 where elements were replaced", "value": "{g} where elements were replaced"},
    shape=_assigned,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(3, 4)), rng.normal(size=(4,)), key=(1,)),
        sample(rng.normal(size=(3, 4)), rng.normal(size=()), key=(slice(0, 2), slice(1, 3))),
        sample(rng.normal(size=(3,)), rng.normal(size=(2,)), key=(np.array([2, 0]),)),
        sample(rng.normal(size=(3,)), rng.normal(size=()), key=(np.array([True, False, True]),)),
        sample(rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), key=(np.array([1, 0, 1]),)),
        sample(rng.normal(size=(2, 3)), rng.normal(size=(1, 1, 3)), key=(slice(None),)),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros(2)), {"key": (0,)}, ShapeError, "don't broadcast"),
        ErrorSample((np.zeros((2, 3)), 0.0), {"key": (5,)}, ShapeError, "out of bounds"),
    ),
    prepare=prepare_key,
)
def setitem(x: Array, value: Array, key: Any) -> Any:
    """
    A copy of `x` with `value` at an index: what ``x[key] = value`` records.

    Elements that were replaced pass no gradient to `x`. If an index array names an element twice, the last value stays
    and gets the gradient. (PyTorch gives it to all of these values, though only one counts.)

    Parameters
    ----------
    value
        Broadcasts to what the index takes out of `x`.
    key
        What indexing takes: integers, slices, None, Ellipsis, arrays of integers or bools, or a tuple of these.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.setitem([1.0, 2.0, 3.0], 9.0, 1)
    tensor([1., 9., 3.])
    """
    out = np.array(x, np.result_type(x, value) if x.dtype.kind not in "fc" else x.dtype)
    if np.iscomplexobj(value) and out.dtype.kind != "c":
        raise TypeError(f"complex values can't be written to elements of dtype {out.dtype}")
    assign(out, key, value)
    return out


_setitem: Callable[..., Any] = polymorphic(setitem)


def _prepare_put(attrs: dict[str, Any]) -> None:
    attrs["key"] = attrs.pop("indices")
    prepare_key(attrs)
    attrs["indices"] = attrs.pop("key")
    keep_flags(attrs, "accumulate")


@op(
    x=lambda g, indices, accumulate: g if accumulate else _without(g, indices),
    values=lambda g, x_shape, values_shape, indices, accumulate: (
        _in_front(g[indices], values_shape) if accumulate else _for_those_that_stayed(g, x_shape, values_shape, indices)
    ),
    linear="together",
    complex="own",
    formula="index_put({x}, {indices}, {values}, {accumulate})",
    back={"x": "{g}, but 0 where elements were replaced", "values": "{g} where the values went"},
    shape=lambda x, values, /, indices, accumulate: _assigned(x, values, key=indices),
    cost=lambda x, values, /, indices, accumulate: math.prod(_indexed(x, indices)) if accumulate else 0,
    samples=lambda rng: [
        sample(rng.normal(size=(3, 4)), rng.normal(size=(2, 4)), indices=(np.array([2, 0]),)),
        sample(rng.normal(size=(3, 4)), rng.normal(size=(3, 1)), indices=(np.array([1, 0, 1]),), accumulate=True),
        sample(rng.normal(size=(3, 4)), rng.normal(size=2), indices=(np.array([0, 0]), np.array([1, 1]))),
        sample(rng.normal(size=(3,)), rng.normal(size=()), indices=(np.array([True, False, True]),), accumulate=True),
        sample(rng.normal(size=(3,)), rng.normal(size=(1, 2)), indices=(np.array([2, 2]),), accumulate=True),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)), np.zeros(2)), {"indices": ([0],)}, ShapeError, "don't broadcast"),
        ErrorSample((np.zeros((2, 3)), 0.0), {"indices": ([5],)}, ShapeError, "out of bounds"),
        ErrorSample((np.zeros(3), 0.0), {"indices": 0, "accumulate": "no"}, DTypeError, "accumulate is True or False"),
    ),
    prepare=_prepare_put,
)
def index_put(x: Array, indices: Any, values: Array, accumulate: bool = False) -> Any:
    """
    A copy of `x` with `values` put, or added, at an index.

    PyTorch's function. JAX writes ``x.at[indices].set(values)`` and ``x.at[indices].add(values)``.

    Parameters
    ----------
    indices
        What indexing takes: arrays of integers or bools, slices, integers, or a tuple of these.
    values
        Broadcasts to what the index takes out of `x`.
    accumulate
        Add the values to what is there; an element that is named twice gets both. Without it they replace what is
        there, and the last one stays.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.index_put([1.0, 2.0, 3.0], ([0, 0],), [10.0, 20.0], accumulate=True)
    tensor([31.,  2.,  3.])
    """
    out = np.array(x, np.result_type(x, values), order="C")
    if accumulate:
        place = _indexed(out.shape, indices)
        values = of_rank(np.asarray(values, out.dtype), len(place))
        add_at(out, indices, np.broadcast_to(values, place))
    else:
        assign(out, indices, values)
    return out
