"""Putting tensors together: stack, concat and their relatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.axes import padded_to_three, padded_to_two
from graphgrad.ops.array.gathering import prepare_axis_or_none
from graphgrad.ops.array.splitting import split, unbind
from graphgrad.ops.declare import Arrays, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import free, one_axis, prepare_one_axis

__all__ = ["column_stack", "concat", "concatenate", "dstack", "hstack", "stack", "vstack"]

Shape = tuple[int, ...]

_split: Callable[..., Any] = polymorphic(split)
_unbind: Callable[..., Any] = polymorphic(unbind)


def _check_alike(shapes: Sequence[Shape], but: int | None = None) -> None:
    first = shapes[0]
    for i, shape in enumerate(shapes):
        if len(shape) != len(first) or any(
            a != b for axis, (a, b) in enumerate(zip(first, shape, strict=True)) if axis != but
        ):
            where = "" if but is None else f" but for axis {but}"
            raise ValueError(f"all shapes must be alike{where}: number 0 is {first}, number {i} is {shape}")


def _stacked(shapes: Sequence[Shape], /, axis: int) -> Shape:
    _check_alike(shapes)
    at = one_axis(axis, len(shapes[0]) + 1)
    return (*shapes[0][:at], len(shapes), *shapes[0][at:])


def _unstack(g: Any, shapes: Sequence[Shape], axis: int) -> Sequence[Any]:
    return _unbind(g, axis=axis)  # type: ignore[no-any-return]


@op(
    joint=_unstack,
    linear="together",
    complex="own",
    numpy=np.stack,
    formula="stack({tensors}, {axis})",
    back={"tensors": "its slice of {g}"},
    shape=_stacked,
    cost=free,
    samples=lambda rng: [
        sample([rng.normal(size=(2, 3)) for _ in range(3)]),
        sample([rng.normal(size=(2, 3)) for _ in range(2)], axis=-1),
        sample([rng.normal(size=())]),
        sample([rng.normal(size=(0, 2)), rng.normal(size=(0, 2))], axis=1),
    ],
    errors=(ErrorSample(([np.zeros(2), np.zeros(3)],), {}, ShapeError, "must be alike"),),
    covers=("P02.18",),
    prepare=prepare_one_axis,
)
def stack(tensors: Arrays, axis: int = 0) -> Any:
    """
    Put tensors of one shape side by side along a new axis; or scalars, of which it makes a float64 tensor.

    Parameters
    ----------
    tensors
        A sequence of tensors, all of the same shape. Or of scalars, or lists of lists of them; among these may be
        numbers, and tensors of shape ``()``. The way back is ``tensor.scalars()``.
    axis
        Where the new axis goes.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.stack([[1.0, 2.0], [3.0, 4.0]], axis=1)
    tensor([[1., 3.],
            [2., 4.]])
    >>> s = gg.scalar(3.0)
    >>> gg.sum(gg.stack([s, s * s, 1.0])).backward()
    >>> s.grad
    7.0
    """
    return np.stack(tensors, axis)


def _joined(shapes: Sequence[Shape], /, axis: int | None) -> Shape:
    if axis is None:
        return (sum(map(math.prod, shapes)),)
    if not shapes[0]:
        raise ValueError("tensors of shape () have no axis to be joined along; stack makes one")
    at = one_axis(axis, len(shapes[0]))
    _check_alike(shapes, at)
    return (*shapes[0][:at], sum(shape[at] for shape in shapes), *shapes[0][at + 1 :])


def _cut(g: Any, shapes: Sequence[Shape], axis: int | None) -> Sequence[Any]:
    if axis is None:
        parts = _split(g, tuple(map(math.prod, shapes)))
        return [np.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]
    return _split(g, tuple(shape[axis] for shape in shapes), axis)  # type: ignore[no-any-return]


@op(
    joint=_cut,
    linear="together",
    complex="own",
    numpy=np.concatenate,
    formula="concat({tensors}, {axis})",
    back={"tensors": "its part of {g}"},
    shape=_joined,
    cost=free,
    samples=lambda rng: [
        sample([rng.normal(size=(2, 3)), rng.normal(size=(1, 3))]),
        sample([rng.normal(size=(2, 3)), rng.normal(size=(2, 1)), rng.normal(size=(2, 0))], axis=-1),
        sample([rng.normal(size=(4,))]),
        sample([rng.normal(size=(2, 2)), rng.normal(size=()), rng.normal(size=(3,))], axis=None),
    ],
    errors=(
        ErrorSample(([np.zeros((2, 3)), np.zeros((2, 4))],), {}, ShapeError, "must be alike but for axis 0"),
        ErrorSample(([np.zeros(()), np.zeros(())],), {}, ShapeError, "stack makes one"),
    ),
    prepare=prepare_axis_or_none,
)
def concat(tensors: Arrays, axis: int | None = 0) -> Any:
    """
    Join tensors along an axis that they have.

    Parameters
    ----------
    tensors
        A sequence of tensors whose shapes differ along `axis` at most.
    axis
        None for all elements of all tensors, in row-major order; their shapes may then be any.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.concat([[1.0, 2.0], [3.0]])
    tensor([1., 2., 3.])
    """
    return np.concatenate(tensors, axis)


concatenate = concat


def _widened(widen: Callable[[Shape], Shape], axis: Callable[[Shape], int]) -> dict[str, Any]:
    """What relatives of `concat` have in common: each tensor gets more axes, if it has few, and then they are joined.

    Parameters
    ----------
    widen
        The shape that a tensor of some shape is given before.
    axis
        The axis to join along, from the first of these shapes.
    """

    def joined(shapes: Sequence[Shape], /) -> Shape:
        wide = [widen(shape) for shape in shapes]
        return _joined(wide, axis(wide[0]))

    def cut(g: Any, shapes: Sequence[Shape]) -> Sequence[Any]:
        wide = [widen(shape) for shape in shapes]
        parts = _cut(g, wide, axis(wide[0]))
        return [np.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        yield sample([rng.normal(size=(2, 3)) for _ in range(2)])
        yield sample([rng.normal(size=(3,)) for _ in range(2)])
        yield sample([rng.normal(size=()), rng.normal(size=())])
        yield sample([rng.normal(size=(2, 0)), rng.normal(size=(2, 0))])

    return {
        "joint": cut,
        "linear": "together",
        "complex": "own",
        "back": {"tensors": "its part of {g}"},
        "shape": joined,
        "cost": free,
        "samples": samples,
        "errors": (ErrorSample(([np.zeros((2, 3)), np.zeros((3, 4))],), {}, ShapeError, "must be alike but for axis"),),
    }


@op(
    **_widened(lambda shape: shape or (1,), lambda first: 0 if len(first) == 1 else 1),
    numpy=np.hstack,
    formula="hstack({tensors})",
)
def hstack(tensors: Arrays) -> Any:
    """
    Side by side: `concat` along the second axis, for vectors along the only one.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.hstack([[[1.0], [2.0]], [[3.0], [4.0]]])
    tensor([[1., 3.],
            [2., 4.]])
    """
    return np.hstack(tensors)


@op(**_widened(padded_to_two, lambda _: 0), numpy=np.vstack, formula="vstack({tensors})")
def vstack(tensors: Arrays) -> Any:
    """
    One below the other: `concat` along the first axis; a vector is a row.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.vstack([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    return np.vstack(tensors)


@op(
    **_widened(padded_to_three, lambda _: 2),
    numpy=np.dstack,
    formula="dstack({tensors})",
)
def dstack(tensors: Arrays) -> Any:
    """
    One behind the other: `concat` along the third axis; a matrix is a layer, a vector the only row of one.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.dstack([[[1.0, 2.0]], [[3.0, 4.0]]])
    tensor([[[1., 3.],
             [2., 4.]]])
    """
    return np.dstack(tensors)


@op(
    **_widened(lambda shape: shape if len(shape) > 1 else (*shape, 1) if shape else (1, 1), lambda _: 1),
    numpy=np.column_stack,
    formula="column_stack({tensors})",
)
def column_stack(tensors: Arrays) -> Any:
    """
    Side by side: `concat` along the second axis; a vector is a column.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.column_stack([[1.0, 2.0], [3.0, 4.0]])
    tensor([[1., 3.],
            [2., 4.]])
    """
    return np.column_stack(tensors)
