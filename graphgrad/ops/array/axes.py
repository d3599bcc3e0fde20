"""Axes: in another order, new ones of length 1, or such ones dropped."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.ops.array.reductions import prepare_axis
from graphgrad.ops.declare import Array, op
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import free, normalize_axes, one_axis

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "expand_dims",
    "matrix_transpose",
    "moveaxis",
    "permute_dims",
    "squeeze",
    "swapaxes",
    "transpose",
    "unsqueeze",
]

Shape = tuple[int, ...]


def _back(g: Any, x_shape: Shape) -> Any:
    return np.reshape(g, x_shape)


def _prepare_axes(attrs: dict[str, Any]) -> None:
    if attrs["axes"] is not None:
        attrs["axes"] = tuple(map(operator.index, attrs["axes"]))


def _permuted(x: Shape, /, axes: Shape | None) -> Shape:
    if axes is None:
        return x[::-1]
    if sorted(one_axis(axis, len(x)) for axis in axes) != list(range(len(x))):
        raise ValueError(f"axes {axes} are no order of the {len(x)} axes of shape {x}")
    return tuple(x[axis] for axis in axes)


def _with_last_two_exchanged(x: Shape, /) -> Shape:
    if len(x) < 2:
        raise ValueError(f"shape {x} has no two axes that could be exchanged")
    return (*x[:-2], x[-1], x[-2])


def _inverse(axes: Shape | None) -> Shape | None:
    if axes is None:
        return None
    inverse = [0] * len(axes)
    for position, axis in enumerate(axes):
        inverse[axis % len(axes)] = position
    return tuple(inverse)


@op(
    x=lambda g, axes: np.transpose(g, _inverse(axes)),
    linear="together",
    complex="own",
    numpy=(np.permute_dims, np.transpose),
    formula="permute_dims({x}, {axes})",
    back={"x": "{g} with the axes put back"},
    shape=_permuted,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3))),
        sample(rng.normal(size=(2, 3, 4)), axes=(2, 0, 1)),
        sample(rng.normal(size=(2, 3, 4)), axes=(-1, 0, -2)),
        sample(rng.normal(size=())),
        sample(rng.normal(size=(0, 2)), axes=(1, 0)),
    ],
    errors=(ErrorSample((np.zeros((2, 3)),), {"axes": (0, 0)}, ShapeError, "no order of the 2 axes"),),
    prepare=_prepare_axes,
    view=True,
    plumbing=True,
    covers=("P24.02",),
)
def permute_dims(x: Array, axes: Sequence[int] | None = None) -> Any:
    """
    The axes in another order; without `axes` in the reverse one, which for a matrix is the transpose.

    Parameters
    ----------
    axes
        For each axis of the result, which one of `x` it is; counted from the end if negative.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.permute_dims([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 3.],
            [2., 4.]])
    """
    return np.transpose(x, axes)


transpose = permute_dims


@op(
    x=lambda g: np.matrix_transpose(g),
    symbol="ᵀ",
    linear="together",
    complex="own",
    numpy=np.matrix_transpose,
    formula="matrix_transpose({x})",
    back={"x": "{g}, transposed"},
    shape=_with_last_two_exchanged,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3))),
        sample(rng.normal(size=(2, 1, 3))),
        sample(rng.normal(size=(0, 2))),
    ],
    errors=(ErrorSample((np.zeros(3),), {}, ShapeError, "has no two axes"),),
    view=True,
    plumbing=True,
    covers=("P24.02",),
)
def matrix_transpose(x: Array) -> Any:
    """
    The last two axes exchanged: the transpose of a matrix, or of each matrix of a batch.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.matrix_transpose([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 3.],
            [2., 4.]])
    """
    return np.matrix_transpose(x)


def _prepare_two_axes(attrs: dict[str, Any]) -> None:
    for name in ("axis1", "axis2"):
        attrs[name] = operator.index(attrs[name])


def _with_two_exchanged(x: Shape, /, axis1: int, axis2: int) -> Shape:
    first, second = one_axis(axis1, len(x)), one_axis(axis2, len(x))
    lengths = list(x)
    lengths[first], lengths[second] = lengths[second], lengths[first]
    return tuple(lengths)


@op(
    x=lambda g, axis1, axis2: np.swapaxes(g, axis1, axis2),
    linear="together",
    complex="own",
    numpy=np.swapaxes,
    formula="swapaxes({x}, {axis1}, {axis2})",
    back={"x": "{g} with the axes exchanged again"},
    shape=_with_two_exchanged,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3, 4)), axis1=0, axis2=2),
        sample(rng.normal(size=(2, 3)), axis1=-1, axis2=0),
        sample(rng.normal(size=(1,)), axis1=0, axis2=0),
        sample(rng.normal(size=(0, 2)), axis1=0, axis2=1),
    ],
    errors=(ErrorSample((np.zeros((2, 3)),), {"axis1": 0, "axis2": 2}, ShapeError, "axis 2 is out of range"),),
    prepare=_prepare_two_axes,
    view=True,
    plumbing=True,
)
def swapaxes(x: Array, axis1: int, axis2: int) -> Any:
    """
    Two axes exchanged.

    Parameters
    ----------
    axis1, axis2
        Counted from the end if negative.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.swapaxes(gg.zeros((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    return np.swapaxes(x, axis1, axis2)


def _prepare_moves(attrs: dict[str, Any]) -> None:
    for name in ("source", "destination"):
        places = attrs[name]
        attrs[name] = operator.index(places) if np.ndim(places) == 0 else tuple(map(operator.index, places))


def _moved(x: Shape, /, source: int | Shape, destination: int | Shape) -> Shape:
    sources = (source,) if isinstance(source, int) else source
    places = (destination,) if isinstance(destination, int) else destination
    if len(sources) != len(places):
        raise ValueError(f"source {source} and destination {destination} must be as many axes")
    taken, put = [one_axis(axis, len(x)) for axis in sources], [one_axis(axis, len(x)) for axis in places]
    for name, given, axes in (("source", source, taken), ("destination", destination, put)):
        if len(set(axes)) != len(axes):
            raise ValueError(f"{name} {given} names an axis twice")
    order = [axis for axis in range(len(x)) if axis not in taken]
    for place, axis in sorted(zip(put, taken, strict=True)):
        order.insert(place, axis)
    return tuple(x[axis] for axis in order)


@op(
    x=lambda g, source, destination: np.moveaxis(g, destination, source),
    linear="together",
    complex="own",
    numpy=np.moveaxis,
    formula="moveaxis({x}, {source}, {destination})",
    back={"x": "{g} with the axes put back"},
    shape=_moved,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3, 4)), source=0, destination=-1),
        sample(rng.normal(size=(2, 3, 4)), source=(0, -1), destination=(1, 0)),
        sample(rng.normal(size=(2, 3)), source=-1, destination=0),
        sample(rng.normal(size=(0, 2)), source=1, destination=0),
        sample(rng.normal(size=(1,)), source=0, destination=0),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)),), {"source": 0, "destination": (0, 1)}, ShapeError, "must be as many axes"),
        ErrorSample((np.zeros((2, 3)),), {"source": (0, -2), "destination": (0, 1)}, ShapeError, "an axis twice"),
        ErrorSample((np.zeros((2, 3)),), {"source": 0, "destination": 2}, ShapeError, "axis 2 is out of range"),
    ),
    prepare=_prepare_moves,
    view=True,
    plumbing=True,
)
def moveaxis(x: Array, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """
    Axes moved to other places; the others keep their order.

    Parameters
    ----------
    source
        The axis that moves, or several.
    destination
        Where each goes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.moveaxis(gg.zeros((8, 3, 32, 16)), 1, -1).shape
    (8, 32, 16, 3)
    """
    return np.moveaxis(x, source, destination)


def _prepare_new_axes(attrs: dict[str, Any]) -> None:
    axis = attrs["axis"]
    attrs["axis"] = operator.index(axis) if np.ndim(axis) == 0 else tuple(map(operator.index, axis))


def _expanded(x: Shape, /, axis: int | Shape) -> Shape:
    rank = len(x) + (1 if isinstance(axis, int) else len(axis))
    axes, lengths = normalize_axes(axis, rank), iter(x)
    return tuple(1 if i in axes else next(lengths) for i in range(rank))


@op(
    x=_back,
    linear="together",
    complex="own",
    numpy=np.expand_dims,
    formula="expand_dims({x}, {axis})",
    back={"x": "{g} in the shape of {x}"},
    shape=_expanded,
    cost=free,
    samples=lambda rng: [
        *(sample(rng.normal(size=(2, 3)), axis=axis) for axis in (0, 1, -1, (0, -1))),
        sample(rng.normal(size=()), axis=0),
        sample(rng.normal(size=(0,)), axis=1),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)),), {"axis": 4}, ShapeError, "axis 4 is out of range"),
        ErrorSample((np.zeros((2, 3)),), {"axis": (1, -3)}, ShapeError, "names an axis twice"),
    ),
    view=True,
    plumbing=True,
    prepare=_prepare_new_axes,
)
def expand_dims(x: Array, axis: int | Sequence[int]) -> Any:
    """
    A new axis of length 1 at the given place, or several at once.

    Parameters
    ----------
    axis
        Where the new axes stand in the result, counted from its end if negative.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.expand_dims([1.0, 2.0], 1).shape
    (2, 1)
    """
    return np.reshape(x, _expanded(x.shape, axis))  # type: ignore[arg-type]


unsqueeze = expand_dims


def _squeezed(x: Shape, /, axis: int | Sequence[int] | None = None) -> Shape:
    axes = [i for i, n in enumerate(x) if n == 1] if axis is None else normalize_axes(axis, len(x))
    long = [i for i in axes if x[i] != 1]
    if long:
        raise ValueError(f"axis {long[0]} of shape {x} has length {x[long[0]]}, only length 1 can be dropped")
    return tuple(length for i, length in enumerate(x) if i not in axes)


@op(
    x=_back,
    linear="together",
    complex="own",
    numpy=np.squeeze,
    formula="squeeze({x}, {axis})",
    back={"x": "{g} in the shape of {x}"},
    shape=_squeezed,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 1, 3, 1))),
        sample(rng.normal(size=(2, 1, 3, 1)), axis=1),
        sample(rng.normal(size=(2, 1, 3, 1)), axis=(1, -1)),
        sample(rng.normal(size=(1, 1))),
        sample(rng.normal(size=(0, 1)), axis=-1),
    ],
    errors=(ErrorSample((np.zeros((2, 3)),), {"axis": 0}, ShapeError, "only length 1 can be dropped"),),
    prepare=prepare_axis,
    view=True,
    plumbing=True,
)
def squeeze(x: Array, axis: int | Sequence[int] | None = None) -> Any:
    """
    Drop axes of length 1: the given ones, or all of them.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.squeeze([[1.0, 2.0]]).shape
    (2,)
    """
    return np.reshape(x, _squeezed(x.shape, axis))


def padded_to_two(x: Shape, /) -> Shape:
    return (*[1] * (2 - len(x)), *x)


def padded_to_three(x: Shape, /) -> Shape:
    return (*padded_to_two(x), 1) if len(x) < 3 else x


_AT_LEAST: dict[str, Any] = {
    "x": _back,
    "linear": "together",
    "complex": "own",
    "back": {"x": "{g} in the shape of {x}"},
    "cost": free,
    "samples": lambda rng: [sample(rng.normal(size=size)) for size in ((2, 3), (2,), (), (2, 1, 2, 1), (0, 2))],
    "view": True,
    "plumbing": True,
}


@op(**_AT_LEAST, numpy=np.atleast_1d, formula="atleast_1d({x})", shape=lambda x, /: x or (1,))
def atleast_1d(x: Array) -> Any:
    """
    A single number as one element along an axis; anything else as it is.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.atleast_1d(7.0)
    tensor([7.])
    """
    return np.atleast_1d(x)[...]  # a view even of what stays as it is


@op(**_AT_LEAST, numpy=np.atleast_2d, formula="atleast_2d({x})", shape=padded_to_two)
def atleast_2d(x: Array) -> Any:
    """
    A vector as one row, a single number as one row of one element; anything else as it is.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.atleast_2d([1.0, 2.0])
    tensor([[1., 2.]])
    """
    return np.atleast_2d(x)[...]


@op(**_AT_LEAST, numpy=np.atleast_3d, formula="atleast_3d({x})", shape=padded_to_three)
def atleast_3d(x: Array) -> Any:
    """
    Up to three axes: shape (n,) becomes (1, n, 1), shape (m, n) becomes (m, n, 1); more axes stay as they are.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.atleast_3d([1.0, 2.0]).shape
    (1, 2, 1)
    """
    return np.atleast_3d(x)[...]
