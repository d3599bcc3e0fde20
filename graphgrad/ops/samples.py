"""Samples: the arguments that an operation is checked with. Each declaration names its own or takes one of these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphgrad.graph.errors import ShapeError
from graphgrad.graph.operation import ErrorSample, Sample

__all__ = ["UNEVEN", "array", "elementwise_samples", "sample"]

Interval = tuple[float, float]

UNEVEN = (ErrorSample((np.zeros((2, 3)), np.zeros((2, 4))), {}, ShapeError, "don't broadcast"),)
"""What every elementwise operation on two operands refuses."""

# Several axes, one, none, empty, a length of one.
_SHAPES: tuple[tuple[int, ...], ...] = ((2, 3), (4,), (), (0, 3), (1, 1))
_PAIRS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((), (2, 2)),
    ((4,), ()),
    ((), ()),
    ((0, 3), (1, 3)),
)


def sample(*operands: Any, **attrs: Any) -> Sample:
    """Operands, then attributes by name."""
    return Sample(operands, attrs)


def array(rng: np.random.Generator, *shape: int, low: float = -2.0, high: float = 2.0, apart: float = 0.0) -> Any:
    """Random float64 values from an interval, none nearer to zero than `apart`."""
    values = rng.uniform(low, high, shape)
    if apart:
        values = np.where(np.abs(values) < apart, np.copysign(apart, values) + values, values)
    return np.asarray(values)


def elementwise_samples(
    n: int, *intervals: Interval, apart: float = 0.0
) -> Callable[[np.random.Generator], Iterator[Sample]]:
    """Samples for an elementwise operation on `n` operands: all shapes, with broadcasting.

    Parameters
    ----------
    intervals
        The values of each operand, (-2, 2) if left out.
    apart
        How far from zero the values stay, for operations that have a kink there.
    """
    ranges = [*intervals, *[(-2.0, 2.0)] * (n - len(intervals))]

    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        for shapes in zip(_SHAPES, strict=True) if n == 1 else _PAIRS:
            both = [*shapes, *[shapes[0]] * (n - len(shapes))]
            yield Sample(
                tuple(
                    array(rng, *shape, low=low, high=high, apart=apart)
                    for shape, (low, high) in zip(both, ranges, strict=True)
                ),
                {},
            )

    return samples
