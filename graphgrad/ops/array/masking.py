"""Choosing elements by a condition: masked_select and its relatives, and where a condition holds.

How many elements are chosen depends on values, so that no shape rule knows the shape of the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.dtypes import as_array
from graphgrad.graph.errors import ArgumentError, ShapeError, describe
from graphgrad.graph.operation import ErrorSample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.gathering import prepare_axis_or_none, take_along_axis
from graphgrad.ops.array.indexing import index_add
from graphgrad.ops.array.joining import stack
from graphgrad.ops.array.selection import where
from graphgrad.ops.array.shaping import broadcast_to
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import broadcast, free, one_axis

__all__ = [
    "argwhere",
    "choose",
    "compress",
    "extract",
    "flatnonzero",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "nonzero",
    "select",
]

Shape = tuple[int, ...]

_index_add: Callable[..., Any] = polymorphic(index_add)


def _bools(mask: Any) -> Any:
    """The values of a condition, as bools."""
    return np.asarray(mask.data if isinstance(mask, Tensor) else mask) != 0


def _broadcast_only(*shapes: Shape) -> None:
    """Nothing is known but that the shapes fit."""
    broadcast(*shapes)


# ---- masks -----------------------------------------------------------------------------------------------------------


def _from_selected(g: Any, x_shape: Shape, mask: Any) -> Any:
    chosen = _bools(mask)
    shape = np.broadcast_shapes(x_shape, chosen.shape)
    return _index_add(g, shape=shape, key=(np.broadcast_to(chosen, shape),))


def _mask_samples(rng: np.random.Generator) -> list[Any]:
    return [
        sample(rng.normal(size=(2, 3)), rng.random((2, 3)) > 0.4),
        sample(rng.normal(size=(2, 3)), np.array([True, False, True])),
        sample(rng.normal(size=(3,)), np.array([[True], [False]])),
        sample(rng.normal(size=()), np.array(True)),
        sample(rng.normal(size=(0, 2)), np.zeros((0, 2), bool)),
    ]


@op(
    x=_from_selected,
    linear="together",
    complex="own",
    formula="masked_select({x}, {mask})",
    back={"x": "{g} where elements were chosen, 0 elsewhere"},
    shape=_broadcast_only,
    cost=free,
    samples=_mask_samples,
    errors=(ErrorSample((np.zeros((2, 3)), np.ones(2, bool)), {}, ShapeError, "don't broadcast"),),
)
def masked_select(x: Array, mask: Array) -> Any:
    """
    The elements for which a mask is true, in row-major order; PyTorch's function.

    Parameters
    ----------
    mask
        Bools, or numbers of which nonzero means yes. Broadcasts with `x`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.masked_select([1.0, 2.0, 3.0], [True, False, True])
    tensor([1., 3.])
    """
    x, chosen = np.broadcast_arrays(as_array(x, copy=False), _bools(mask))
    return x[chosen]


@op(
    x=lambda g, mask: np.where(mask, 0.0, g),
    value=lambda g, mask: np.where(mask, g, 0.0),
    formula="where({mask}, {value}, {x})",
    local={"x": "where({mask}, 0, 1)", "value": "where({mask}, 1, 0)"},
    linear="together",
    complex="own",
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3)), rng.random((2, 3)) > 0.5, rng.normal(size=(2, 3))),
        sample(rng.normal(size=(2, 3)), rng.random((2, 1)) > 0.5, rng.normal(size=())),
        sample(rng.normal(size=()), np.array(True), rng.normal(size=())),
        sample(rng.normal(size=(0, 2)), np.zeros((0, 2), bool), rng.normal(size=())),
    ],
)
def masked_fill(x: Array, mask: Array, value: Array) -> Any:
    """
    `x` with a value wherever a mask is true: ``where(mask, value, x)`` in PyTorch's order.

    Parameters
    ----------
    mask
        Bools, or numbers of which nonzero means yes. Broadcasts with `x` and `value`.
    value
        Mostly one number, which receives the gradients of all places that it fills.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.masked_fill([1.0, 2.0], [True, False], -7.0)
    tensor([-7.,  2.])
    """
    return np.where(mask, value, x)


def _for_source(g: Any, mask: Any, source_shape: Shape) -> Any:
    chosen = np.broadcast_to(_bools(mask), g.shape)
    size = math.prod(source_shape)
    used = _index_add(g[chosen], shape=(size,), key=(slice(0, int(np.count_nonzero(chosen))),))
    return np.reshape(used, source_shape)


def _covered(x: Shape, mask: Shape, source: Shape, /) -> Shape:
    return broadcast(x, mask)


@op(
    x=lambda g, mask: np.where(mask, 0.0, g),
    source=_for_source,
    linear="together",
    complex="own",
    formula="masked_scatter({x}, {mask}, {source})",
    back={"x": "{g}, but 0 where elements were replaced", "source": "{g} where the elements went"},
    shape=_covered,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3)), rng.random((2, 3)) > 0.4, rng.normal(size=(2, 3))),
        sample(rng.normal(size=(2, 3)), np.array([True, False, True]), rng.normal(size=(4,))),
        sample(rng.normal(size=()), np.array(True), rng.normal(size=())),
        sample(rng.normal(size=(0, 2)), np.zeros((0, 2), bool), rng.normal(size=(2,))),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)), np.ones(2, bool), np.zeros(6)), {}, ShapeError, "don't broadcast"),
        ErrorSample((np.zeros((2, 3)), np.ones(3, bool), np.zeros(5)), {}, ArgumentError, "6 elements are replaced"),
    ),
)
def masked_scatter(x: Array, mask: Array, source: Array) -> Any:
    """
    `x` with the elements of `source`, one after the other, wherever a mask is true; PyTorch's function.

    Parameters
    ----------
    mask
        Bools, or numbers of which nonzero means yes. Broadcasts with `x`.
    source
        At least as many elements as are replaced; further ones are left over and receive no gradient.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.masked_scatter([1.0, 2.0, 3.0], [True, False, True], [10.0, 20.0])
    tensor([10.,  2., 20.])
    """
    chosen = _bools(mask)
    shape = np.broadcast_shapes(np.shape(x), chosen.shape)
    chosen = np.broadcast_to(chosen, shape)
    wanted = int(np.count_nonzero(chosen))
    if np.size(source) < wanted:
        raise ValueError(f"{wanted} elements are replaced, but source has only {np.size(source)}")
    out = np.array(np.broadcast_to(x, shape), np.result_type(x, source))
    out[chosen] = np.ravel(source)[:wanted]
    return out


# ---- NumPy's ---------------------------------------------------------------------------------------------------------


def _compressed(condition: Shape, x: Shape, /, axis: int | None) -> None:
    if len(condition) != 1:
        raise ValueError(f"condition must be a vector, not of shape {condition}; masked_select takes any mask")
    length = math.prod(x) if axis is None else x[one_axis(axis, len(x))]
    if condition[0] > length:
        raise ValueError(f"condition of length {condition[0]} is longer than the axis of x, {length}")


def _from_compressed(g: Any, condition: Any, x_shape: Shape, axis: int | None) -> Any:
    places = np.flatnonzero(_bools(condition))
    shape, at = ((math.prod(x_shape),), 0) if axis is None else (x_shape, axis % len(x_shape))
    return np.reshape(_index_add(g, shape=shape, key=(*[slice(None)] * at, places)), x_shape)


@op(
    x=_from_compressed,
    linear="together",
    complex="own",
    numpy=np.compress,
    formula="compress({condition}, {x}, {axis})",
    back={"x": "{g} where elements were chosen, 0 elsewhere"},
    shape=_compressed,
    cost=free,
    samples=lambda rng: [
        sample(np.array([True, False, True]), rng.normal(size=(3, 2)), axis=0),
        sample(np.array([False, True]), rng.normal(size=(2, 3)), axis=-1),
        sample(np.array([True, True, False, True]), rng.normal(size=(2, 3))),
        sample(np.array([], bool), rng.normal(size=(0, 2)), axis=0),
    ],
    errors=(
        ErrorSample((np.ones((2, 2), bool), np.zeros((2, 2))), {}, ShapeError, "must be a vector"),
        ErrorSample((np.ones(3, bool), np.zeros((2, 2))), {"axis": 0}, ShapeError, "longer than the axis"),
        ErrorSample((np.ones(2, bool), np.zeros((2, 2))), {"axis": 2}, ShapeError, "axis 2 is out of range"),
    ),
    prepare=prepare_axis_or_none,
)
def compress(condition: Array, x: Array, axis: int | None = None) -> Any:
    """
    The members along an axis for which a condition holds; NumPy's function.

    Parameters
    ----------
    condition
        A vector of bools, or of numbers of which nonzero means yes, at most as long as the axis.
    axis
        None for all elements in row-major order.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.compress([False, True], [[1.0, 2.0], [3.0, 4.0]], axis=0)
    tensor([[3., 4.]])
    """
    _compressed(np.shape(condition), np.shape(x), axis)
    return np.compress(_bools(condition), x, axis)


def _as_many(condition: Shape, x: Shape, /) -> None:
    if math.prod(condition) != math.prod(x):
        raise ValueError(f"condition {condition} and x {x} must have as many elements")


@op(
    x=lambda g, condition, x_shape: _index_add(g, shape=x_shape, key=(np.reshape(_bools(condition), x_shape),)),
    linear="together",
    complex="own",
    numpy=np.extract,
    formula="extract({condition}, {x})",
    back={"x": "{g} where elements were chosen, 0 elsewhere"},
    shape=_as_many,
    cost=free,
    samples=lambda rng: [
        sample(rng.random((2, 3)) > 0.4, rng.normal(size=(2, 3))),
        sample(np.array([True, False, True, True]), rng.normal(size=(2, 2))),
        sample(np.zeros((0, 2), bool), rng.normal(size=(0, 2))),
    ],
    errors=(ErrorSample((np.ones(2, bool), np.zeros(3)), {}, ShapeError, "must have as many elements"),),
)
def extract(condition: Array, x: Array) -> Any:
    """
    The elements for which a condition holds, in row-major order: `masked_select` in NumPy's words.

    Parameters
    ----------
    condition
        Bools, or numbers of which nonzero means yes; as many as elements of `x`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.extract([True, False], [1.0, 2.0])
    tensor([1.])
    """
    _as_many(np.shape(condition), np.shape(x))
    return np.reshape(x, -1)[np.reshape(_bools(condition), -1)]


# ---- where it holds --------------------------------------------------------------------------------------------------


def _with_an_axis(x: Shape, /) -> None:
    if not x:
        raise ValueError("a single number has no places; x needs an axis")


_PLACES: dict[str, Any] = {
    "cost": lambda x, /: math.prod(x),
    "samples": lambda rng: [
        sample(rng.integers(-1, 2, (3, 4)) * 1.5),
        sample(rng.random((2, 1, 3)) > 0.5),
        sample(np.zeros(1)),
        sample(np.array([[0.0, 2.0], [-3.0, 0.0]])),
        sample(np.zeros((0, 2))),
    ],
}
_NO_NUMBER = (ErrorSample((np.zeros(()),), {}, ShapeError, "x needs an axis"),)


@op(
    **_PLACES,
    outputs=None,
    numpy=np.nonzero,
    formula="nonzero({x})",
    shape=_with_an_axis,
    errors=_NO_NUMBER,
)
def nonzero(x: Array) -> Any:
    """
    Where elements are not zero, as integers for each axis. No gradient passes: places don't change by small steps.

    Returns
    -------
    tuple of Tensor
        The places along each axis; together they index `x`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.nonzero([[0.0, 3.0], [4.0, 0.0]])
    (tensor([0, 1]), tensor([1, 0]))
    """
    return np.nonzero(x)


@op(**_PLACES, numpy=np.argwhere, formula="argwhere({x})", shape=_with_an_axis, errors=_NO_NUMBER)
def argwhere(x: Array) -> Any:
    """
    Where elements are not zero, a row for each. No gradient passes: places don't change by small steps.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.argwhere([[0.0, 3.0], [4.0, 0.0]])
    tensor([[0, 1],
            [1, 0]])
    """
    _with_an_axis(x.shape)
    return np.argwhere(x)


@op(**_PLACES, numpy=np.flatnonzero, formula="flatnonzero({x})", shape=lambda x, /: None)
def flatnonzero(x: Array) -> Any:
    """
    Where elements are not zero, counted in row-major order. No gradient passes: places don't change by small steps.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.flatnonzero([[0.0, 3.0], [4.0, 0.0]])
    tensor([1, 2])
    """
    return np.flatnonzero(x)


# ---- one of several --------------------------------------------------------------------------------------------------


def _tensors(name: str, values: Sequence[Any]) -> list[Tensor]:
    if not len(values):
        raise ShapeError(describe(f"{name}: there is nothing to choose from"))
    return [one if isinstance(one, Tensor) else Tensor(as_array(one, copy=True, what=name)) for one in values]


def choose(indices: Any, choices: Sequence[Any]) -> Tensor:
    """For each place, the element that the choice with this number has there.

    It is composed of `stack` and `take_along_axis`; the gradient goes to the elements that were chosen (P02.06).

    Parameters
    ----------
    indices
        Integers from 0, which choice is taken where.
    choices
        Tensors; all broadcast with each other and with `indices`.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If the shapes don't broadcast, or there is no choice.
    ArgumentError
        If there is no choice with one of the numbers.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.choose([1, 0], [[1.0, 2.0], [10.0, 20.0]])
    tensor([10.,  2.])
    """
    tensors = _tensors("choose", choices)
    (which,) = _tensors("choose", [indices])
    try:
        shape = broadcast(which.shape, *(one.shape for one in tensors))
    except ValueError as reason:
        raise ShapeError(describe(f"choose: {reason}")) from None
    if type(which) is Tensor and which.dtype.kind == "i" and which.size and which.data.min() < 0:
        raise ArgumentError(describe(f"choose: choices are numbered from 0, got {which.data.min()}"))
    table = stack([broadcast_to(one, shape) for one in tensors])
    return take_along_axis(table, broadcast_to(which, (1, *shape)), axis=0)[0]  # type: ignore[no-any-return]


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Tensor:
    """For each place, the element of the first choice whose condition holds there.

    It is composed of `where`, from the last condition to the first.

    Parameters
    ----------
    condlist
        Tensors of bools.
    choicelist
        As many tensors; all broadcast.
    default
        What stands where no condition holds.

    Returns
    -------
    Tensor

    Raises
    ------
    ShapeError
        If there are not as many choices as conditions, or none, or they don't broadcast.

    Examples
    --------
    >>> import graphgrad as gg
    >>> x = gg.tensor([-2.0, 0.5, 3.0])
    >>> gg.select([x < 0.0, x < 1.0], [0.0 * x, x], default=1.0)
    tensor([-0. ,  0.5,  1. ])
    """
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ShapeError(
            describe(f"select: a choice is needed for each condition, got {len(condlist)} and {len(choicelist)}")
        )
    result = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        result = where(condition, choice, result)
    return result  # type: ignore[no-any-return]
