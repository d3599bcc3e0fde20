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
- ``kept``: of each query its greatest score, and one divided by the sum of the exponentials above it
- ``room``: memory to work in, and what arguments of BLAS stand in
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.kernels.exponentials import exp_nonpositive
from graphgrad.kernels.gemm import gemm
from graphgrad.kernels.jit import jit
from graphgrad.kernels.random import bits
from graphgrad.kernels.runs import fill_run

__all__ = ["backward", "forward"]

# ---- parts -----------------------------------------------------------------------------------------------------------
# Arrays are flat, and elements counted by unsigned integers: slices would be counted by their users (with atomic
# instructions), and a signed number might mean an element from the end; neither can be done many elements at a time.


@jit
def _multiply(
    arguments: Any, turn: bool, m: int, n: int, k: int, factor: float, a: Any, step_a: int, b: Any, add: bool, c: Any
) -> None:
    """C = factor · A B, or added to C: A is m by k, or k by m and to be turned (transposed), with rows a step apart."""
    gemm(arguments, turn, False, m, n, k, factor, a, 0, step_a, b, 0, n, add, c, 0, n)


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
                fill_run(scores, k * rows, rows, nothing)
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
def _drop(weights: Any, rows: int, keys: int, factors: Any, place: int, whole: int, drop: Any) -> None:
    """Zero for weights that are dropped, and the others multiplied; each query's begin `whole` places further on."""
    high, long = np.uintp(rows), np.uint64(whole)
    zero, divisor = weights.dtype.type(0), weights.dtype.type(drop[2])
    for k in range(np.uintp(keys)):
        start, begin = k * high, np.uint64(place) + np.uint64(k)
        for r in range(high):
            weight = weights[start + r] * factors[r] / divisor
            weights[start + r] = weight if bits(drop[0], begin + np.uint64(r) * long) >= drop[1] else zero


@jit
def _masked_scores(
    sizes: Any, causal: bool, n: int, first: int, rows: int, keys: int, seen: Any, added: Any, room: Any, arguments: Any
) -> None:
    """The scores of a block of queries, which are in the room already, scaled; -inf where one sees nothing."""
    turned, scores, all_keys = room
    _multiply(arguments, False, keys, rows, sizes[2], 1.0, all_keys, sizes[2], turned, False, scores)
    if added[0].size:
        _add(scores, rows, keys, added[0], added[1][n] + first * added[2][0], added[2])
    if seen[0].size:
        _hide(scores, rows, keys, seen[0], seen[1][n] + first * seen[2][0], seen[2])
    if causal:
        for k in range(first + 1, keys):
            fill_run(scores, k * rows, min(rows, k - first), scores.dtype.type(-np.inf))


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
            weight = exp_nonpositive(scores[place + r] - top[r])
            scores[place + r] = weight
            total[r] += weight


@jit
def _again(scores: Any, grads: Any, rows: int, keys: int, kept: Any, at: int, sums: Any) -> None:
    """The weights, from their scores and what was kept; and the sums of weight times gradient."""
    high, start = np.uintp(rows), np.uintp(at)
    top, share = kept
    for r in range(high):
        sums[r] = 0
    for k in range(np.uintp(keys)):
        place = k * high
        for r in range(high):
            weight = exp_nonpositive(scores[place + r] - top[start + r]) * share[start + r]
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
    """The results and what is kept; of a query that sees nothing all of that is 0."""
    n_q, n_k, width, wide, most = sizes
    query, key, value = operands
    seen, added = masks
    all_keys, all_values, turned, scores, result, top, total, arguments = room
    into, (tops, shares) = out
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
                total[r] = one / total[r] if total[r] != 0 else total[r]
                tops[n * n_q + first + r], shares[n * n_q + first + r] = top[r], total[r]
            if drop[1]:
                _drop(scores, rows, keys, total, (n * n_q + first) * n_k, n_k, drop)
            _multiply(arguments, True, rows, wide, keys, 1.0, scores, rows, all_values, False, result)
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
    kept: Any,
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
        fill_run(d_keys, 0, n_k * width, 0.0)
        fill_run(d_values, 0, n_k * wide, 0.0)
        for first in range(part[2], part[3], most):
            rows = min(most, part[3] - first)
            keys = min(n_k, first + rows) if causal else n_k
            _turn(upstream[0], upstream[1][n] + first * upstream[2][0], upstream[2], rows, wide, one, turned)
            _multiply(arguments, False, keys, rows, wide, 1.0, all_values, wide, turned, False, grads)
            if drop[1]:
                fill_run(sums, 0, rows, one)
                _drop(grads, rows, keys, sums, (n * n_q + first) * n_k, n_k, drop)
            _turn(query[0], query[1][n] + first * query[2][0], query[2], rows, width, factor, turned)
            _masked_scores(sizes, causal, n, first, rows, keys, seen, added, (turned, scores, all_keys), arguments)
            _again(scores, grads, rows, keys, kept, n * n_q + first, sums)
            _back_through_softmax(scores, grads, rows, keys, sums)
            if d_added[0].size:
                _collect(grads, rows, keys, d_added[0], d_added[1][n] + first * d_added[2][0], d_added[2])
            if d_value[0].size:
                if drop[1]:
                    fill_run(sums, 0, rows, one)
                    _drop(scores, rows, keys, sums, (n * n_q + first) * n_k, n_k, drop)
                _take(upstream[0], upstream[1][n] + first * upstream[2][0], upstream[2], rows, wide, straight)
                _multiply(arguments, False, keys, wide, rows, 1.0, scores, rows, straight, True, d_values)
            if d_key[0].size:
                _take(query[0], query[1][n] + first * query[2][0], query[2], rows, width, straight)
                _multiply(arguments, False, keys, width, rows, scale, grads, rows, straight, True, d_keys)
            if d_query[0].size:
                _multiply(arguments, True, rows, width, keys, scale, grads, rows, all_keys, False, straight)
                _put(straight, rows, width, d_query[0], d_query[1][n] + first * d_query[2][0], d_query[2])
        if d_key[0].size:
            _put(d_keys, n_k, width, d_key[0], d_key[1][n], d_key[2])
        if d_value[0].size:
            _put(d_values, n_k, wide, d_value[0], d_value[1][n], d_value[2])
