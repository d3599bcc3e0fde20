"""Padding: more elements around those that are there."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample, Sample
from graphgrad.ops.array.indexing import index_add
from graphgrad.ops.declare import Array, op, polymorphic
from graphgrad.ops.samples import sample
from graphgrad.ops.shapes import free

__all__ = ["pad"]

Shape = tuple[int, ...]
Pairs = list[tuple[int, int]]

MODES = ("constant", "edge", "reflect", "symmetric", "wrap")

_index_add: Callable[..., Any] = polymorphic(index_add)


def _nested(values: Any, kind: Callable[[Any], Any]) -> Any:
    """One number, a pair of them, or pairs, as nested tuples."""
    return kind(values) if np.ndim(values) == 0 else tuple(_nested(one, kind) for one in values)


def _number(value: Any) -> int | float:
    """An integer stays one: not all of them are floats."""
    try:
        return operator.index(value)
    except TypeError:
        return float(value)


def _prepare(attrs: dict[str, Any]) -> None:
    width = attrs["pad_width"] = _nested(attrs["pad_width"], operator.index)
    if np.size(width) and np.min(width) < 0:
        raise ValueError(f"pad_width must not be negative, got {width}; a slice takes elements away")
    if attrs["mode"] not in MODES:
        raise ValueError(f"mode is one of {', '.join(MODES)}, got {attrs['mode']!r}")
    attrs["constant_values"] = _nested(attrs["constant_values"], _number)


def _pairs(pad_width: Any, rank: int) -> Pairs:
    """How many elements come before and after, for each axis."""
    try:
        return [(int(before), int(after)) for before, after in np.broadcast_to(pad_width, (rank, 2))]
    except ValueError:
        raise ValueError(
            f"pad_width {pad_width} must be one number, a pair (before, after), or a pair for each of {rank} axes"
        ) from None


def _padded(x: Shape, /, pad_width: Any, mode: str, constant_values: Any) -> Shape:
    pairs = _pairs(pad_width, len(x))
    for axis, (length, pair) in enumerate(zip(x, pairs, strict=True)):
        if mode != "constant" and not length and any(pair):
            raise ValueError(f"axis {axis} of shape {x} is empty, there is nothing to repeat; use mode 'constant'")
    return tuple(length + before + after for length, (before, after) in zip(x, pairs, strict=True))


def _back(g: Any, x_shape: Shape, pad_width: Any, mode: str) -> Any:
    """What arrives at each element and at its copies, axis after axis."""
    for axis, (length, (before, after)) in enumerate(zip(x_shape, _pairs(pad_width, len(x_shape)), strict=True)):
        if not before + after:
            continue
        others = (slice(None),) * axis
        whole = g
        g = whole[(*others, slice(before, before + length))]
        if mode != "constant" and length:
            place = np.pad(np.arange(length), (before, after), mode)  # type: ignore[call-overload]
            border = np.r_[:before, before + length : place.size]
            g = g + _index_add(whole[(*others, border)], shape=g.shape, key=(*others, place[border]))
    return g


def _samples(rng: np.random.Generator) -> Iterator[Sample]:
    yield sample(rng.normal(size=(2, 3)), pad_width=1)
    yield sample(rng.normal(size=(2, 3)), pad_width=((0, 1), (2, 0)), constant_values=((1, 2), (3, 4)))
    yield sample(rng.normal(size=(2, 3)), pad_width=(2, 1), mode="edge")
    yield sample(rng.normal(size=(2, 4)), pad_width=((0, 0), (3, 2)), mode="reflect")
    yield sample(rng.normal(size=(3,)), pad_width=(4, 5), mode="symmetric")
    yield sample(rng.normal(size=(2, 3)), pad_width=((1, 0), (4, 2)), mode="wrap")
    yield sample(rng.normal(size=()), pad_width=1)
    yield sample(rng.normal(size=(0, 2)), pad_width=((1, 1), (0, 0)))


@op(
    x=_back,
    complex="own",
    numpy=np.pad,
    formula="pad({x}, {pad_width}, {mode}, {constant_values})",
    back={"x": "{g} without the padding; what arrives at copies is added to their originals"},
    shape=_padded,
    cost=free,
    samples=_samples,
    errors=(
        ErrorSample((np.zeros((2, 3)),), {"pad_width": ((1, 1),) * 3}, ShapeError, "pair for each of 2 axes"),
        ErrorSample((np.zeros((2, 0)),), {"pad_width": 1, "mode": "edge"}, ShapeError, "there is nothing to repeat"),
        ErrorSample((np.zeros(3),), {"pad_width": -1}, ArgumentError, "must not be negative"),
        ErrorSample((np.zeros(3, int),), {"pad_width": 1, "constant_values": 0.5}, DTypeError, "holds no fractions"),
        ErrorSample((np.zeros(3),), {"pad_width": 1, "mode": "mean"}, ArgumentError, "mode is one of constant"),
    ),
    prepare=_prepare,
    covers=("P14.06",),
)
def pad(x: Array, pad_width: Any, mode: str = "constant", constant_values: Any = 0.0) -> Any:
    """
    More elements before and after those of each axis: a constant, or copies, whose gradients their originals receive.

    Parameters
    ----------
    pad_width
        How many: one number for all sides, a pair (before, after) for all axes, or a pair for each axis.
    mode
        ``"constant"``; ``"edge"`` repeats the outermost element; ``"reflect"`` mirrors at it, without repeating it;
        ``"symmetric"`` mirrors behind it; ``"wrap"`` goes on at the other end.
    constant_values
        For mode ``"constant"``: one number, or pairs as in `pad_width`.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.pad([1.0, 2.0, 3.0], (2, 1), mode="reflect")
    tensor([3., 2., 1., 2., 3., 2.])
    """
    if mode == "constant":
        if x.dtype.kind in "iub" and not np.all(np.mod(constant_values, 1.0) == 0.0):
            raise TypeError(f"x holds no fractions ({x.dtype}), so constant_values can't be {constant_values}")
        return np.pad(x, pad_width, constant_values=constant_values)
    return np.pad(x, pad_width, mode)  # type: ignore[call-overload]
