"""Elements in another order, or several times: flip, roll, rot90, tile, repeat."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.graph.tensor import Tensor
from graphgrad.ops.array.indexing import index_add
from graphgrad.ops.array.reductions import prepare_axis
from graphgrad.ops.array.reductions import sum as sum_of
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import free, normalize_axes, one_axis

__all__ = ["flip", "fliplr", "flipud", "repeat", "roll", "rot90", "tile"]

Shape = tuple[int, ...]
Counts = int | np.ndarray[Any, Any]

_index_add: Callable[..., Any] = polymorphic(index_add)
_sum: Callable[..., Any] = polymorphic(sum_of)


def _turned(x: Shape, /, axis: int | Sequence[int] | None) -> Shape:
    normalize_axes(axis, len(x))
    return x


@op(
    x=lambda g, axis: np.flip(g, axis),
    linear="together",
    complex="own",
    numpy=np.flip,
    formula="flip({x}, {axis})",
    back={"x": "{g}, turned back"},
    shape=_turned,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3))),
        sample(rng.normal(size=(2, 3)), axis=1),
        sample(rng.normal(size=(2, 3, 2)), axis=(0, -1)),
        sample(rng.normal(size=())),
        sample(rng.normal(size=(0, 3)), axis=0),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)),), {"axis": 2}, ShapeError, "axis 2 is out of range"),
        ErrorSample((np.zeros((2, 3)),), {"axis": (1, -1)}, ShapeError, "names an axis twice"),
    ),
    prepare=prepare_axis,
    view=True,
)
def flip(x: Array, axis: int | Sequence[int] | None = None) -> Any:
    """
    From the last element to the first, along the given axes or all.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.flip([1.0, 2.0, 3.0])
    tensor([3., 2., 1.])
    """
    return np.flip(x, normalize_axes(axis, x.ndim))


def _with_columns(x: Shape, /) -> Shape:
    if len(x) < 2:
        raise ValueError(f"shape {x} has no second axis; flip takes any")
    return x


def _with_rows(x: Shape, /) -> Shape:
    if not x:
        raise ValueError("shape () has no axis that could be turned")
    return x


@op(
    x=lambda g: np.flip(g, 1),
    linear="together",
    complex="own",
    numpy=np.fliplr,
    formula="fliplr({x})",
    back={"x": "{g}, turned back"},
    shape=_with_columns,
    cost=free,
    samples=lambda rng: [sample(rng.normal(size=size)) for size in ((2, 3), (2, 3, 2), (2, 0))],
    errors=(ErrorSample((np.zeros(3),), {}, ShapeError, "has no second axis"),),
    view=True,
)
def fliplr(x: Array) -> Any:
    """
    Left and right exchanged: `flip` along the second axis.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.fliplr([[1.0, 2.0], [3.0, 4.0]])
    tensor([[2., 1.],
            [4., 3.]])
    """
    return np.fliplr(x)


@op(
    x=lambda g: np.flip(g, 0),
    linear="together",
    complex="own",
    numpy=np.flipud,
    formula="flipud({x})",
    back={"x": "{g}, turned back"},
    shape=_with_rows,
    cost=free,
    samples=lambda rng: [sample(rng.normal(size=size)) for size in ((2, 3), (3,), (0, 2))],
    errors=(ErrorSample((np.zeros(()),), {}, ShapeError, "has no axis"),),
    view=True,
)
def flipud(x: Array) -> Any:
    """
    Up and down exchanged: `flip` along the first axis.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.flipud([[1.0, 2.0], [3.0, 4.0]])
    tensor([[3., 4.],
            [1., 2.]])
    """
    return np.flipud(x)


def _prepare_roll(attrs: dict[str, Any]) -> None:
    for name in ("shift", "axis"):
        given = attrs[name]
        if given is not None or name == "shift":
            attrs[name] = operator.index(given) if np.ndim(given) == 0 else tuple(map(operator.index, given))


def _rolled(x: Shape, /, shift: int | Shape, axis: int | Shape | None) -> Shape:
    shifts = 1 if isinstance(shift, int) else len(shift)
    if shift == () or axis == ():
        raise ValueError(f"shift {shift} and axis {axis} must be one at least; without an axis all elements are rolled")
    if axis is not None:
        axes = (axis,) if isinstance(axis, int) else axis
        for one in axes:
            one_axis(one, len(x))
        if shifts != len(axes) and 1 not in (shifts, len(axes)):
            raise ValueError(f"shift {shift} and axis {axis} must be as many")
    return x


@op(
    x=lambda g, shift, axis: np.roll(g, -shift if isinstance(shift, int) else tuple(-one for one in shift), axis),
    linear="together",
    complex="own",
    numpy=np.roll,
    formula="roll({x}, {shift}, {axis})",
    back={"x": "{g}, rolled back"},
    shape=_rolled,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3)), shift=2),
        sample(rng.normal(size=(2, 3)), shift=-1, axis=1),
        sample(rng.normal(size=(2, 3, 2)), shift=(1, 5), axis=(0, -2)),
        sample(rng.normal(size=(2, 3)), shift=1, axis=(0, 1)),
        sample(rng.normal(size=()), shift=3),
        sample(rng.normal(size=(0, 3)), shift=1, axis=0),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)),), {"shift": 1, "axis": 2}, ShapeError, "axis 2 is out of range"),
        ErrorSample((np.zeros((2, 3)),), {"shift": (1, 2, 3), "axis": (0, 1)}, ShapeError, "must be as many"),
    ),
    prepare=_prepare_roll,
)
def roll(x: Array, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Any:
    """
    Moved on by some places; what leaves at the end comes back at the beginning.

    Parameters
    ----------
    shift
        By how many places, or by how many for each axis; back if negative.
    axis
        Along which axis or axes; None to roll all elements in row-major order.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.roll([1.0, 2.0, 3.0], 1)
    tensor([3., 1., 2.])
    """
    _rolled(np.shape(x), shift, axis)  # type: ignore[arg-type]
    return np.roll(x, shift, axis)


def _prepare_rot90(attrs: dict[str, Any]) -> None:
    attrs["k"] = operator.index(attrs["k"])
    attrs["axes"] = tuple(map(operator.index, attrs["axes"]))


def _rotated(x: Shape, /, k: int, axes: Shape) -> Shape:
    if len(axes) != 2:
        raise ValueError(f"axes {axes} must be two")
    normalize_axes(axes, len(x))
    first, second = (one_axis(axis, len(x)) for axis in axes)
    lengths = list(x)
    if k % 2:
        lengths[first], lengths[second] = lengths[second], lengths[first]
    return tuple(lengths)


@op(
    x=lambda g, k, axes: np.rot90(g, -k, axes),
    linear="together",
    complex="own",
    numpy=np.rot90,
    formula="rot90({x}, {k}, {axes})",
    back={"x": "{g}, rotated back"},
    shape=_rotated,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3))),
        sample(rng.normal(size=(2, 3)), k=2),
        sample(rng.normal(size=(2, 3, 4)), k=-1, axes=(2, 0)),
        sample(rng.normal(size=(0, 2)), k=3),
    ],
    errors=(
        ErrorSample((np.zeros(3),), {}, ShapeError, "axis 1 is out of range"),
        ErrorSample((np.zeros((2, 3)),), {"axes": (0, 1, 1)}, ShapeError, "must be two"),
    ),
    prepare=_prepare_rot90,
    view=True,
)
def rot90(x: Array, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """
    Rotated by quarters of a turn in the plane of two axes.

    Parameters
    ----------
    k
        How many quarters, from the first of the axes towards the second.
    axes
        The plane.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.rot90([[1.0, 2.0], [3.0, 4.0]])
    tensor([[2., 4.],
            [1., 3.]])
    """
    first, second = axes
    return np.rot90(x, k, (first, second))


def _prepare_reps(attrs: dict[str, Any]) -> None:
    reps = attrs["reps"]
    attrs["reps"] = (operator.index(reps),) if np.ndim(reps) == 0 else tuple(map(operator.index, reps))


def _side_by_side(x: Shape, reps: Shape) -> tuple[Shape, Shape]:
    """Lengths and repetitions of all axes of the result; the shorter of both gets ones in front."""
    rank = max(len(x), len(reps))
    return (*[1] * (rank - len(x)), *x), (*[1] * (rank - len(reps)), *reps)


def _tiled(x: Shape, /, reps: Shape) -> Shape:
    if min(reps, default=1) < 0:
        raise ValueError(f"reps {reps} must not be negative")
    return tuple(length * times for length, times in zip(*_side_by_side(x, reps), strict=True))


def _over_tiles(g: Any, x_shape: Shape, reps: Shape) -> Any:
    lengths, times = _side_by_side(x_shape, reps)
    apart = np.reshape(g, [one for pair in zip(times, lengths, strict=True) for one in pair])
    return np.reshape(_sum(apart, axis=tuple(range(0, 2 * len(times), 2))), x_shape)


@op(
    x=_over_tiles,
    linear="together",
    complex="own",
    numpy=np.tile,
    formula="tile({x}, {reps})",
    back={"x": "{g}, summed over the copies"},
    shape=_tiled,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3)), reps=2),
        sample(rng.normal(size=(2, 1)), reps=(3, 1, 2)),
        sample(rng.normal(size=(3,)), reps=(2, 0)),
        sample(rng.normal(size=()), reps=(2, 2)),
        sample(rng.normal(size=(1,)), reps=()),
    ],
    errors=(ErrorSample((np.zeros(3),), {"reps": (2, -1)}, ShapeError, "must not be negative"),),
    prepare=_prepare_reps,
    covers=("P02.03",),
)
def tile(x: Array, reps: int | Sequence[int]) -> Any:
    """
    Copies of the whole side by side. Gradients of the copies add up.

    Parameters
    ----------
    reps
        How many copies along each axis, the last ones if there are fewer numbers than axes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.tile([1.0, 2.0], 2)
    tensor([1., 2., 1., 2.])
    """
    _tiled(np.shape(x), reps)  # type: ignore[arg-type]
    return np.tile(x, reps)


def _prepare_repeats(attrs: dict[str, Any]) -> None:
    given = attrs["repeats"]
    counts = np.array(given.data if isinstance(given, Tensor) else given)
    if counts.dtype.kind not in "iu" and counts.size:
        raise TypeError(f"repeats are integers, got {counts.dtype}")
    if counts.ndim > 1 or (counts < 0).any():
        raise ValueError("repeats are one count, or one for each element along the axis, none below 0")
    attrs["repeats"] = int(counts.item()) if counts.size == 1 else counts.astype(np.int64)
    prepare_axis(attrs)


def _repeated(x: Shape, /, repeats: Counts, axis: int | None) -> Shape:
    if axis is None:
        x, axis = (math.prod(x),), 0
    at = one_axis(axis, len(x))
    if isinstance(repeats, int):
        length = x[at] * repeats
    elif repeats.size == x[at]:
        length = int(repeats.sum())
    else:
        raise ValueError(f"repeats holds {repeats.size} counts for an axis of {x[at]} elements")
    return (*x[:at], length, *x[at + 1 :])


def _over_repeats(g: Any, x_shape: Shape, repeats: Counts, axis: int | None) -> Any:
    shape, at = (x_shape, axis % len(x_shape)) if axis is not None else ((math.prod(x_shape),), 0)
    if isinstance(repeats, int):
        apart = np.reshape(g, (*shape[: at + 1], repeats, *shape[at + 1 :]))
        return np.reshape(_sum(apart, axis=at + 1), x_shape)
    places = np.repeat(np.arange(shape[at]), repeats)
    return np.reshape(_index_add(g, shape=shape, key=(*[slice(None)] * at, places)), x_shape)


@op(
    x=_over_repeats,
    linear="together",
    complex="own",
    numpy=np.repeat,
    formula="repeat({x}, {repeats}, {axis})",
    back={"x": "{g}, summed over the copies"},
    shape=_repeated,
    cost=free,
    samples=lambda rng: [
        sample(rng.normal(size=(2, 3)), repeats=2, axis=1),
        sample(rng.normal(size=(2, 3)), repeats=(1, 0, 3), axis=-1),
        sample(rng.normal(size=(2, 2)), repeats=2),
        sample(rng.normal(size=(2, 2)), repeats=(1, 2, 0, 1)),
        sample(rng.normal(size=()), repeats=3),
        sample(rng.normal(size=(0, 2)), repeats=2, axis=0),
    ],
    errors=(
        ErrorSample((np.zeros((2, 3)),), {"repeats": (1, 2), "axis": 1}, ShapeError, "2 counts for an axis of 3"),
        ErrorSample((np.zeros((2, 3)),), {"repeats": 2, "axis": 2}, ShapeError, "axis 2 is out of range"),
        ErrorSample((np.zeros(3),), {"repeats": -1}, ArgumentError, "none below 0"),
        ErrorSample((np.zeros(3),), {"repeats": 1.5}, DTypeError, "repeats are integers"),
    ),
    prepare=_prepare_repeats,
    covers=("P02.03",),
)
def repeat(x: Array, repeats: int | Sequence[int], axis: int | None = None) -> Any:
    """
    Each element several times in a row. Gradients of the copies add up; PyTorch calls it repeat_interleave.

    Parameters
    ----------
    repeats
        How many times, or how many for each element of the axis.
    axis
        Along which axis; None for all elements in row-major order.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.repeat([1.0, 2.0], [2, 1])
    tensor([1., 1., 2.])
    """
    _repeated(np.shape(x), repeats, axis)  # type: ignore[arg-type]
    return np.repeat(x, repeats, axis)
