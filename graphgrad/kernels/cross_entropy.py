"""Cross entropy of rows of logits, compiled: two sweeps over a row forward, and one backward.

The functions are those of `graphgrad.kernels.plain.cross_entropy`, where they are described. Measured on 128 rows of
1,000 classes in float32, one thread: 37 µs forward and 36 µs backward. NumPy, whose exponential is as quick, takes 154
and 123 µs, since each of its functions goes through memory again, row after row; in blocks that stay in the cache it
takes longer still. Float64 is left to NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba.extending import overload

from graphgrad.kernels.arrays import in_order
from graphgrad.kernels.exponentials import exp_nonpositive
from graphgrad.kernels.jit import jit
from graphgrad.kernels.plain import cross_entropy as plain
from graphgrad.kernels.threads import in_parallel

__all__ = ["gradient", "losses"]

Array = np.ndarray[Any, Any]

_BLOCK, _ENOUGH = 1 << 16, 1 << 20
"""How many logits a thread takes at a time, about; and from how many on it pays to wake others."""

_ZERO = np.float32(0.0)

# A sum in any order is one in lanes.
_IN_ANY_ORDER: Any = {"error_model": "numpy", "fastmath": {"reassoc", "nsz"}}


def _plus(a: Any, b: Any) -> Any:
    """The sum of two numbers, as part of a sum in any order."""
    raise NotImplementedError("compiled code has it")


@overload(_plus, jit_options=_IN_ANY_ORDER)
def _compiled_plus(a: Any, b: Any) -> Any:
    def plus(a: Any, b: Any) -> Any:
        return a + b

    return plus


# ---- rows ------------------------------------------------------------------------------------------------------------


@jit
def _ordered(bits: Any) -> Any:
    """The bits of floats as integers in the order of the floats, and back."""
    return np.int32(bits ^ ((bits >> 31) & 0x7FFFFFFF))


@jit
def _greatest(x: Array, first: Any, count: Any) -> Any:
    """The greatest of a run; of one with nan something: the sum of exponentials is nan then."""
    # Of integers, since a greatest float is looked for one after the other: nan is to be taken care of.
    most = np.int32(-(2**31))
    for j in range(count):
        most = max(most, _ordered(np.float32(x[first + j]).view(np.int32)))
    return np.int32(_ordered(most)).view(np.float32)


@jit
def _losses(x: Array, classes: int, target: Array, start: int, stop: int, out: Array, top: Array, total: Array) -> None:
    count = np.uintp(classes)
    for i in range(start, stop):
        first = np.uintp(i) * count
        most = _greatest(x, first, count)
        powers = _ZERO
        for j in range(count):
            powers = _plus(powers, exp_nonpositive(x[first + j] - most))
        top[i], total[i] = most, powers
        out[i] = _ZERO
        if 0 <= target[i] < classes:
            out[i] = np.float32(math.log(powers)) + (most - x[first + np.uintp(target[i])])


@jit
def _gradient(
    x: Array, classes: int, target: Array, top: Array, total: Array, scale: Array, start: int, stop: int, out: Array
) -> None:
    count = np.uintp(classes)
    for i in range(start, stop):
        first = np.uintp(i) * count
        if target[i] < 0 or target[i] >= classes:
            for j in range(count):
                out[first + j] = _ZERO
            continue
        most, factor = top[i], scale[i] / total[i]
        for j in range(count):
            out[first + j] = exp_nonpositive(x[first + j] - most) * factor
        out[first + np.uintp(target[i])] -= scale[i]


# ---- on threads ------------------------------------------------------------------------------------------------------


def _run(shape: tuple[int, ...], kernel: Callable[[int, int], None]) -> None:
    rows, classes = shape
    step = max(1, _BLOCK // classes) if rows * classes >= _ENOUGH else rows
    in_parallel(lambda start: kernel(start, min(start + step, rows)), range(0, rows, step))


def _is_ours(x: Array) -> bool:
    return x.dtype == np.float32 and x.size > 0


def losses(x: Array, target: Array) -> tuple[Array, Array, Array]:
    """See `graphgrad.kernels.plain.cross_entropy.losses`."""
    if not _is_ours(x):
        return plain.losses(x, target)
    flat, target = in_order(x), in_order(target)
    out, top, total = (np.empty(len(x), x.dtype) for _ in range(3))
    _run(x.shape, lambda start, stop: _losses(flat, x.shape[1], target, start, stop, out, top, total))
    return out, top, total


def gradient(x: Array, target: Array, top: Array, total: Array, scale: Array) -> Array:
    """See `graphgrad.kernels.plain.cross_entropy.gradient`."""
    if not _is_ours(x):
        return plain.gradient(x, target, top, total, scale)
    flat, target, scale = in_order(x), in_order(target), in_order(scale)
    out = np.empty(x.shape, x.dtype)
    to = out.reshape(-1)
    _run(x.shape, lambda start, stop: _gradient(flat, x.shape[1], target, top, total, scale, start, stop, to))
    return out
