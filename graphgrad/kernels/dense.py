"""What a dense layer does beside its products of matrices, compiled: each pass in one sweep.

The functions are those of `graphgrad.kernels.plain.dense`, where they are described. Measured on 128 rows of 512
float32 while they are in the cache, with relu: 4 µs forward and 10 µs backward, where NumPy's sweeps take 20 and 200 µs
(30 µs where it computes with masks and not with choices). The hyperbolic tangent and the exponential are NumPy's, whose
are vectorised; what passes back through them is not in need of any.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.kernels.arrays import in_order
from graphgrad.kernels.jit import jit
from graphgrad.kernels.plain import dense as plain
from graphgrad.kernels.sums import TOGETHER, add_up

__all__ = ["back", "finish"]

Array = np.ndarray[Any, Any]


@jit
def _add_and_rectify(out: Array, bias: Array, count: int) -> None:
    width = np.uintp(bias.size)
    zero = out.dtype.type(0)
    for i in range(np.uintp(count)):
        first = i * width
        for j in range(width):
            value = out[first + j] + bias[j]
            out[first + j] = zero if value < zero else value  # noqa: FURB136 - max() would lose a nan


@jit
def _back(g: Array, out: Array, kind: int, count: int, columns: int, together: int, d: Array, totals: Array) -> None:
    """Of groups of so many rows `totals` has the sums, one group after the other."""
    width = np.uintp(columns)
    zero, one = g.dtype.type(0), g.dtype.type(1)
    for i in range(np.uintp(count)):
        first, block = i * width, i // np.uintp(together) * width
        if kind == 0:
            for j in range(width):
                passed = zero if out[first + j] <= zero else g[first + j]
                d[first + j] = passed
                totals[block + j] += passed
        elif kind == 1:
            for j in range(width):
                y = out[first + j]
                passed = g[first + j] * (one - y * y)
                d[first + j] = passed
                totals[block + j] += passed
        else:
            for j in range(width):
                y = out[first + j]
                passed = g[first + j] * (y * (one - y))
                d[first + j] = passed
                totals[block + j] += passed


def finish(out: Array, bias: Array | None, activation: str) -> None:
    """See `graphgrad.kernels.plain.dense.finish`; `out` is as `numpy.empty` makes it."""
    if activation != "relu" or bias is None:
        plain.finish(out, bias, activation)
    else:
        _add_and_rectify(out.reshape(-1), in_order(bias), len(out))


def back(g: Array, out: Array, activation: str) -> tuple[Array, Array]:
    """See `graphgrad.kernels.plain.dense.back`."""
    count, width = g.shape
    d, totals = np.empty(g.shape, g.dtype), np.zeros((-(-count // TOGETHER), width), g.dtype)
    kind = plain.ACTIVATIONS.index(activation)
    _back(in_order(g), in_order(out), kind, count, width, TOGETHER, d.reshape(-1), totals.reshape(-1))
    return d, add_up(totals, 0)
