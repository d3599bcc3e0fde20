"""Shape rules and costs: what an operation makes of shapes, without any values.

A rule returns the shape of the result, and raises ValueError with the reason, in words, if the shapes don't fit. The
reason becomes the first line of the error that the user reads.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = [
    "broadcast",
    "free",
    "normalize_axes",
    "one_axis",
    "one_per_element",
    "prepare_one_axis",
    "reduced",
    "rows",
    "same",
]

Shape = tuple[int, ...]


def broadcast(*shapes: Shape, **_: Any) -> Shape:
    """NumPy's rule: align at the right; an axis of length 1 stretches (P02.15)."""
    rank = max(map(len, shapes), default=0)
    result = [1] * rank
    for shape in shapes:
        for axis, length in enumerate(shape, start=rank - len(shape)):
            if length == 1 or length == result[axis]:
                continue
            if result[axis] != 1:
                raise ValueError(
                    f"shapes {' and '.join(map(str, shapes))} don't broadcast: "
                    f"counted from the right, axis {rank - axis} has lengths {result[axis]} and {length}"
                )
            result[axis] = length
    return tuple(result)


def same(x: Shape, /, **_: Any) -> Shape:
    """The operand's own shape."""
    return x


def one_per_element(*shapes: Any, **attrs: Any) -> int:
    """The cost of an elementwise operation: one for each element of the result."""
    return math.prod(broadcast(*shapes))


def free(*_: Any, **__: Any) -> int:
    """The cost of what moves numbers and computes none."""
    return 0


def one_axis(axis: int, rank: int) -> int:
    """The axis that `axis` means among `rank` axes, as a non-negative number."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} is out of range for {rank} axes")
    return axis % rank


def prepare_one_axis(attrs: dict[str, Any]) -> None:
    """Keep an axis as an int, and refuse what is none."""
    try:
        attrs["axis"] = operator.index(attrs["axis"])
    except TypeError:
        raise TypeError(f"axis: one axis is needed, an integer, got {attrs['axis']!r}") from None


def normalize_axes(axis: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """The axes that `axis` means in an array of `rank` axes, as non-negative numbers in order."""
    if axis is None:
        return tuple(range(rank))
    axes = []
    for wanted in axis if isinstance(axis, (tuple, list)) else (axis,):
        if not -rank <= wanted < rank:
            raise ValueError(f"axis {wanted} is out of range for {rank} axes")
        axes.append(wanted % rank)
    if len(set(axes)) != len(axes):
        raise ValueError(f"axis {axis} names an axis twice")
    return tuple(sorted(axes))


def reduced(x: Shape, /, axis: int | Sequence[int] | None = None, keepdims: bool = False, **_: Any) -> Shape:
    """The shape after a reduction over `axis`."""
    axes = normalize_axes(axis, len(x))
    if keepdims:
        return tuple(1 if i in axes else length for i, length in enumerate(x))
    return tuple(length for i, length in enumerate(x) if i not in axes)


def rows(x: Any) -> Any:
    """An array or tensor with all leading axes as one; its length is counted, as -1 can't be found beside a 0."""
    return np.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))
