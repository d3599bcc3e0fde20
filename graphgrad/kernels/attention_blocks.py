"""The kernels of attention: some problems, block by block of their queries.

Scores stand in memory key by key, (S, rows): what is done for each query (its maximum, its sum) is done to vectors,
with no sum along them. Products are those of BLAS. `graphgrad.kernels.attention` shares out the work.

What both kernels are told:

- ``sizes``: queries and keys of a problem, features of a key and of a value, queries of a block
- ``part``: the first problem and the one behind the last, and the same of the queries in each
- ``operands``, ``masks`` and gradients: an array as memory, where each problem begins in it, the steps of its rows and
  columns; one that isn't there is empty. Of the masks the first holds bools, the second floats.
- ``drop``: where the counter of random numbers begins, the least one that isn't dropped (0 for no dropout at all), and
  what the others are divided by
- ``lse``: of each query the logarithm of the sum of its exponentials
- ``room``: memory to work in, and what arguments of BLAS stand in
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from graphgrad.kernels.blas import dgemm, sgemm
from graphgrad.kernels.jit import jit
from graphgrad.kernels.plain.random import BITS, GAMMA, MIX_1, MIX_2

__all__ = ["backward", "forward"]

# A division that may raise can't become a vector instruction; a product and a sum in one go is quicker and more exact.
_INLINE: Any = {"error_model": "numpy", "fastmath": {"contract"}}

# ---- the exponential -------------------------------------------------------------------------------------------------
# By polynomials, which become vector instructions; libm's function doesn't.


def _f(value: float) -> np.float32:
    return np.float32(value)


_LOG2_E, _LN2_HIGH, _LN2_LOW = _f(1.4426950408889634), _f(0.693359375), _f(-2.12194440e-4)
_ROUND = _f(12582912.0)  # 1.5 · 2²³: added and taken away, it leaves an integer; and its last bits are that
_ZERO, _ONE, _LEAST = _f(0.0), _f(1.0), _f(-87.0)
# exp(r) = 1 + r + r² p(r) for |r| ≤ ln(2) / 2, as in Cephes (Moshier).
_E0, _E1, _E2, _E3, _E4, _E5 = map(
    _f, (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
)
# And in float64 the first terms of the series.
_D_LN2_HIGH, _D_LN2_LOW = 6.93145751953125e-1, 1.42860682030941723212e-6
_D_ROUND = 6755399441055744.0  # 1.5 · 2⁵²
_D2, _D3, _D4, _D5, _D6, _D7, _D8, _D9, _D10, _D11, _D12, _D13 = (1 / math.factorial(n) for n in range(2, 14))


def _exp(x: Any) -> Any:
    """exp(x) for x ≤ 0, to 1.5e-7 of its value in float32; 0 where it is less than the least normal number, about."""
    raise NotImplementedError("compiled code has it")


@overload(_exp, jit_options=_INLINE)
def _compiled_exp(x: Any) -> Any:
    def single(x: Any) -> Any:
        shifted = x * _LOG2_E + _ROUND
        n = shifted - _ROUND
        r = (x - n * _LN2_HIGH) - n * _LN2_LOW
        p = ((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5
        power = np.int32((np.float32(shifted).view(np.int32) + 127) << 23).view(np.float32)  # 2ⁿ, as the exponent
        return _ZERO if x < _LEAST else (p * r * r + r + _ONE) * power

    def double(x: Any) -> Any:
        shifted = x * 1.4426950408889634 + _D_ROUND
        n = shifted - _D_ROUND
        r = (x - n * _D_LN2_HIGH) - n * _D_LN2_LOW
        p = ((((((_D13 * r + _D12) * r + _D11) * r + _D10) * r + _D9) * r + _D8) * r + _D7) * r + _D6
        p = ((((p * r + _D5) * r + _D4) * r + _D3) * r) * r
        power = np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)
        return 0.0 if x < -708.0 else (p * r + _D2 * r * r + r + 1.0) * power

    return single if x is types.float32 else double


_GAMMA, _MIX_1, _MIX_2 = np.uint64(GAMMA), np.uint64(MIX_1), np.uint64(MIX_2)
_30, _27, _31, _REST = (np.uint64(one) for one in (30, 27, 31, 64 - BITS))

# ---- parts -----------------------------------------------------------------------------------------------------------
# Arrays are flat, and elements counted by unsigned integers: slices would be counted by their users (with atomic
# instructions), and a signed number might mean an element from the end; neither can be done many elements at a time.


@jit
def _gemm(
    arguments: Any,
    turn: bool,
    m: int,
    n: int,
    k: int,
    factor: float,
    a: Any,
    step_a: int,
    b: Any,
    add: bool,
    c: Any,
) -> None:
    """C = factor · A B, or added to C: A is m by k, or k by m and to be turned (transposed), with rows a step apart.

    Fortran, which counts columns first, sees all of them transposed, and computes Cᵀ = Bᵀ Aᵀ.
    """
    letters, integers, factors = arguments
    letters[0] = 78  # N
    letters[1] = 84 if turn else 78  # T
    integers[0], integers[1], integers[2] = n, m, k
    integers[3], integers[4], integers[5] = n, step_a, n
    factors[0] = factor
    factors[1] = 1.0 if add else 0.0
    at, i, f, wide = letters.ctypes.data, integers.ctypes.data, factors.ctypes.data, c.itemsize
    p, q, r = a.ctypes.data, b.ctypes.data, c.ctypes.data
    if wide == 4:
        sgemm(at, at + 1, i, i + 4, i + 8, f, q, i + 12, p, i + 16, f + wide, r, i + 20)
    else:
        dgemm(at, at + 1, i, i + 4, i + 8, f, q, i + 12, p, i + 16, f + wide, r, i + 20)


@jit
def _take(source: Any, at: int, steps: Any, rows: int, columns: int, to: Any) -> None:
    """Copy a matrix from anywhere, row by row."""
    row_step, column_step = np.uintp(steps[0]), np.uintp(steps[1])
    wide = np.uintp(columns)
    for r in range(np.uintp(rows)):
        start, place = np.uintp(at) + r * row_step, r * wide
        if column_step == 1:
            for c in range(wide):
                to[place + c] = source[start + c]
        else:
            for c in range(wide):
                to[place + c] = source[start + c * column_step]


@jit
def _turn(source: Any, at: int, steps: Any, rows: int, columns: int, factor: float, to: Any) -> None:
    """Copy a matrix from anywhere, column by column, and multiply it."""
    row_step, column_step = np.uintp(steps[0]), np.uintp(steps[1])
    high = np.uintp(rows)
    for c in range(np.uintp(columns)):
        start, place = np.uintp(at) + c * column_step, c * high
        for r in range(high):
            to[place + r] = factor * source[start + r * row_step]


@jit
def _put(source: Any, rows: int, columns: int, to: Any, at: int, steps: Any) -> None:
    """Copy a matrix to anywhere."""
    row_step, column_step = np.uintp(steps[0]), np.uintp(steps[1])
    wide = np.uintp(columns)
    for r in range(np.uintp(rows)):
        start, place = np.uintp(at) + r * row_step, r * wide
        if column_step == 1:
            for c in range(wide):
                to[start + c] = source[place + c]
        else:
            for c in range(wide):
                to[start + c * column_step] = source[place + c]


@jit
def _fill(to: Any, at: int, count: int, value: float) -> None:
    place = np.uintp(at)
    for j in range(np.uintp(count)):
        to[place + j] = value


_STRIP = 16
"""How many neighbours of a mask's row are read at a time, before the next row."""


@jit
def _hide(scores: Any, rows: int, keys: int, seen: Any, at: int, steps: Any) -> None:
    """Where a mask of bools is False, the score is -inf."""
    row_step, key_step, high = np.uintp(steps[0]), np.uintp(steps[1]), np.uintp(rows)
    nothing = scores.dtype.type(-np.inf)
    if row_step == 0:
        for k in range(keys):
            if not seen[at + k * steps[1]]:
                _fill(scores, k * rows, rows, nothing)
        return
    for first in range(0, keys, _STRIP):
        last = np.uintp(min(first + _STRIP, keys))
        for r in range(high):
            start = np.uintp(at) + r * row_step
            for k in range(np.uintp(first), last):
                if not seen[start + k * key_step]:
                    scores[k * high + r] = nothing


@jit
def _add(scores: Any, rows: int, keys: int, added: Any, at: int, steps: Any) -> None:
    """Add a mask of floats."""
    row_step, key_step, high, long = np.uintp(steps[0]), np.uintp(steps[1]), np.uintp(rows), np.uintp(keys)
    if row_step == 0:
        for k in range(long):
            more, place = added[np.uintp(at) + k * key_step], k * high
            for r in range(high):
                scores[place + r] += more
        return
    for first in range(0, keys, _STRIP):
        last = np.uintp(min(first + _STRIP, keys))
        for r in range(high):
            start = np.uintp(at) + r * row_step
            for k in range(np.uintp(first), last):
                scores[k * high + r] += added[start + k * key_step]


@jit
def _collect(grads: Any, rows: int, keys: int, to: Any, at: int, steps: Any) -> None:
    """Add the gradients of scores to those of a mask of floats."""
    row_step, key_step, high = np.uintp(steps[0]), np.uintp(steps[1]), np.uintp(rows)
    for first in range(0, keys, _STRIP):
        last = np.uintp(min(first + _STRIP, keys))
        for r in range(high):
            start = np.uintp(at) + r * row_step
            for k in range(np.uintp(first), last):
                to[start + k * key_step] += grads[k * high + r]


@jit
def _is_kept(drop: Any, place: Any) -> Any:
    """Whether the weight at a place isn't dropped, as `graphgrad.kernels.random` has it."""
    z = drop[0] + np.uint64(place + 1) * _GAMMA
    z = (z ^ (z >> _30)) * _MIX_1
    z = (z ^ (z >> _27)) * _MIX_2
    return ((z ^ (z >> _31)) >> _REST) >= drop[1]


@jit
def _drop(weights: Any, rows: int, keys: int, factors: Any, place: int, whole: int, drop: Any) -> None:
    """Zero for weights that are dropped, and the others multiplied; each query's begin `whole` places further on."""
    high, long = np.uintp(rows), np.uint64(whole)
    zero, divisor = weights.dtype.type(0), weights.dtype.type(drop[2])
    for k in range(np.uintp(keys)):
        start, begin = k * high, np.uint64(place) + np.uint64(k)
        for r in range(high):
            weight = weights[start + r] * factors[r] / divisor
            weights[start + r] = weight if _is_kept(drop, begin + np.uint64(r) * long) else zero


@jit
def _masked_scores(
    sizes: Any, causal: bool, n: int, first: int, rows: int, keys: int, seen: Any, added: Any, room: Any, arguments: Any
) -> None:
    """The scores of a block of queries, which are in the room already, scaled; -inf where one sees nothing."""
    turned, scores, all_keys = room
    _gemm(arguments, False, keys, rows, sizes[2], 1.0, all_keys, sizes[2], turned, False, scores)
    if added[0].size:
        _add(scores, rows, keys, added[0], added[1][n] + first * added[2][0], added[2])
    if seen[0].size:
        _hide(scores, rows, keys, seen[0], seen[1][n] + first * seen[2][0], seen[2])
    if causal:
        for k in range(first + 1, keys):
            _fill(scores, k * rows, min(rows, k - first), scores.dtype.type(-np.inf))


@jit
def _softmax(scores: Any, rows: int, keys: int, top: Any, total: Any) -> None:
    """The exponentials of scores above the largest of each query, and their sums; of nothing but -inf they are zero."""
    high, long = np.uintp(rows), np.uintp(keys)
    zero, nothing = scores.dtype.type(0), scores.dtype.type(-np.inf)
    for r in range(high):
        top[r] = nothing
        total[r] = zero
    for k in range(long):
        place = k * high
        for r in range(high):
            score = scores[place + r]
            top[r] = score if score > top[r] else top[r]  # noqa: FURB136 - max() would be no vector instruction
    for r in range(high):
        top[r] = zero if top[r] == nothing else top[r]
    for k in range(long):
        place = k * high
        for r in range(high):
            weight = _exp(scores[place + r] - top[r])
            scores[place + r] = weight
            total[r] += weight


@jit
def _again(scores: Any, grads: Any, rows: int, keys: int, lse: Any, at: int, sums: Any) -> None:
    """The weights, from their scores and the logarithm of the sum; and the sums of weight times gradient."""
    high, start = np.uintp(rows), np.uintp(at)
    for r in range(high):
        sums[r] = 0
    for k in range(np.uintp(keys)):
        place = k * high
        for r in range(high):
            weight = _exp(scores[place + r] - lse[start + r])
            scores[place + r] = weight
            sums[r] += weight * grads[place + r]


@jit
def _back_through_softmax(weights: Any, grads: Any, rows: int, keys: int, sums: Any) -> None:
    """The gradients of weights become those of scores."""
    high = np.uintp(rows)
    for k in range(np.uintp(keys)):
        place = k * high
        for r in range(high):
            grads[place + r] = weights[place + r] * (grads[place + r] - sums[r])


# ---- both passes -----------------------------------------------------------------------------------------------------


@jit
def forward(
    sizes: Any, scale: float, causal: bool, part: Any, operands: Any, masks: Any, drop: Any, out: Any, room: Any
) -> None:
    """The results and `lse`; of a query that sees nothing they are zeros and inf."""
    n_q, n_k, width, wide, most = sizes
    query, key, value = operands
    seen, added = masks
    all_keys, all_values, turned, scores, result, top, total, arguments = room
    into, lse = out
    factor = scores.dtype.type(scale)
    one = scores.dtype.type(1)
    for n in range(part[0], part[1]):
        _take(key[0], key[1][n], key[2], n_k, width, all_keys)
        _take(value[0], value[1][n], value[2], n_k, wide, all_values)
        for first in range(part[2], part[3], most):
            rows = min(most, part[3] - first)
            keys = min(n_k, first + rows) if causal else n_k
            _turn(query[0], query[1][n] + first * query[2][0], query[2], rows, width, factor, turned)
            _masked_scores(sizes, causal, n, first, rows, keys, seen, added, (turned, scores, all_keys), arguments)
            _softmax(scores, rows, keys, top, total)
            for r in range(rows):
                lse[n * n_q + first + r] = top[r] + math.log(total[r]) if total[r] != 0 else np.inf
                total[r] = one / total[r] if total[r] != 0 else total[r]
            if drop[1]:
                _drop(scores, rows, keys, total, (n * n_q + first) * n_k, n_k, drop)
            _gemm(arguments, True, rows, wide, keys, 1.0, scores, rows, all_values, False, result)
            if not drop[1]:
                for r in range(rows):
                    for c in range(np.uintp(r * wide), np.uintp((r + 1) * wide)):
                        result[c] *= total[r]
            _put(result, rows, wide, into[0], into[1][n] + first * into[2][0], into[2])


@jit
def backward(
    sizes: Any,
    scale: float,
    causal: bool,
    part: Any,
    operands: Any,
    masks: Any,
    drop: Any,
    lse: Any,
    found: Any,
    room: Any,
) -> None:
    """The gradients of queries, keys, values and of a mask of floats, to which they are added."""
    n_q, n_k, width, wide, most = sizes
    query, key, value, upstream = operands
    seen, added = masks
    all_keys, all_values, d_keys, d_values, turned, straight, scores, grads, sums, arguments = room
    d_query, d_key, d_value, d_added = found
    factor = scores.dtype.type(scale)
    one = scores.dtype.type(1)
    for n in range(part[0], part[1]):
        _take(key[0], key[1][n], key[2], n_k, width, all_keys)
        _take(value[0], value[1][n], value[2], n_k, wide, all_values)
        _fill(d_keys, 0, n_k * width, 0.0)
        _fill(d_values, 0, n_k * wide, 0.0)
        for first in range(part[2], part[3], most):
            rows = min(most, part[3] - first)
            keys = min(n_k, first + rows) if causal else n_k
            _turn(upstream[0], upstream[1][n] + first * upstream[2][0], upstream[2], rows, wide, one, turned)
            _gemm(arguments, False, keys, rows, wide, 1.0, all_values, wide, turned, False, grads)
            if drop[1]:
                _fill(sums, 0, rows, one)
                _drop(grads, rows, keys, sums, (n * n_q + first) * n_k, n_k, drop)
            _turn(query[0], query[1][n] + first * query[2][0], query[2], rows, width, factor, turned)
            _masked_scores(sizes, causal, n, first, rows, keys, seen, added, (turned, scores, all_keys), arguments)
            _again(scores, grads, rows, keys, lse, n * n_q + first, sums)
            _back_through_softmax(scores, grads, rows, keys, sums)
            if d_added[0].size:
                _collect(grads, rows, keys, d_added[0], d_added[1][n] + first * d_added[2][0], d_added[2])
            if d_value[0].size:
                if drop[1]:
                    _fill(sums, 0, rows, one)
                    _drop(scores, rows, keys, sums, (n * n_q + first) * n_k, n_k, drop)
                _take(upstream[0], upstream[1][n] + first * upstream[2][0], upstream[2], rows, wide, straight)
                _gemm(arguments, False, keys, wide, rows, 1.0, scores, rows, straight, True, d_values)
            if d_key[0].size:
                _take(query[0], query[1][n] + first * query[2][0], query[2], rows, width, straight)
                _gemm(arguments, False, keys, width, rows, scale, grads, rows, straight, True, d_keys)
            if d_query[0].size:
                _gemm(arguments, True, rows, width, keys, scale, grads, rows, all_keys, False, straight)
                _put(straight, rows, width, d_query[0], d_query[1][n] + first * d_query[2][0], d_query[2])
        if d_key[0].size:
            _put(d_keys, n_k, width, d_key[0], d_key[1][n], d_key[2])
        if d_value[0].size:
            _put(d_values, n_k, wide, d_value[0], d_value[1][n], d_value[2])
