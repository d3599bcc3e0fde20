"""Mean pooling, compiled: means of windows that slide over planes, and what passes back through them.

Laid out as `graphgrad.kernels.pooling`: rows first, then windows. `_inside` stands in both files, since what a kernel
calls has to be in its own: what was compiled is kept on disk until that file changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.kernels import planes as shared
from graphgrad.kernels.jit import jit
from graphgrad.kernels.plain.pooling import Shape, Window

__all__ = ["mean_pool", "mean_pool_back"]

Array = np.ndarray[Any, Any]


@jit
def _inside(count: int, width: int, gap: int, kernel: int, stride: int, padding: int) -> tuple[int, int]:
    """From where to where windows have all their elements on the axis and are computed many at once."""
    if not (stride == 1 or (stride == 2 and gap == 1 and (kernel == 2 or kernel == 3))):
        return 0, 0
    lo = min((padding + stride - 1) // stride, count)
    hi = min((width - 1 - (kernel - 1) * gap + padding) // stride + 1, count)
    return (lo, hi) if lo < hi else (0, 0)


@jit
def _any_sum(x: Array, total: Array, starts: Array, stops: Array, gap: int, lo: int, hi: int) -> None:
    """Long ones in eight parts, which is quicker and more exact."""
    for r in range(len(x)):
        row = x[r]
        for o in range(len(starts)):
            if lo <= o < hi:
                continue
            w = starts[o]
            s = row[w]
            w += gap
            if gap == 1 and stops[o] - w >= 8:
                a, b, c, d = row[w], row[w + 1], row[w + 2], row[w + 3]
                e, f, g, h = row[w + 4], row[w + 5], row[w + 6], row[w + 7]
                w += 8
                while w + 8 <= stops[o]:
                    a += row[w]
                    b += row[w + 1]
                    c += row[w + 2]
                    d += row[w + 3]
                    e += row[w + 4]
                    f += row[w + 5]
                    g += row[w + 6]
                    h += row[w + 7]
                    w += 8
                s += ((a + b) + (c + d)) + ((e + f) + (g + h))
            while w < stops[o]:
                s += row[w]
                w += gap
            total[r, o] = s


@jit
def _sum_of_rows(
    x: Array, total: Array, starts: Array, stops: Array, gap: int, kernel: int, stride: int, padding: int
) -> None:
    """The sums of the windows in each row."""
    rows, width = x.shape
    count = len(starts)
    lo, hi = _inside(count, width, gap, kernel, stride, padding)
    if hi - lo < count:
        _any_sum(x, total, starts, stops, gap, lo, hi)
    if hi == 0:
        return
    n = hi - lo
    begin = lo * stride - padding
    if stride == 1:
        for r in range(rows):
            row = x[r, begin:]
            out = total[r, lo:hi]
            for o in range(n):
                out[o] = row[o]
            for k in range(1, kernel):
                row = x[r, begin + k * gap :]
                for o in range(n):
                    out[o] += row[o]
    elif kernel == 2:
        for r in range(rows):
            row = x[r, begin:]
            out = total[r, lo:hi]
            for o in range(n):
                out[o] = row[2 * o] + row[2 * o + 1]
    else:
        for r in range(rows):
            row = x[r, begin:]
            out = total[r, lo:hi]
            for o in range(n):
                out[o] = (row[2 * o] + row[2 * o + 1]) + row[2 * o + 2]


@jit
def _mean(x: Array, out: Array, divisors: Array, d: Any, h: Any, w: Any) -> None:
    d_starts, d_stops, d_gap = d
    h_starts, h_stops, h_gap, height = h
    starts, stops, gap, kernel, stride, padding = w
    planes, rows, _ = x.shape
    count = len(starts)
    total = np.empty((rows, count), x.dtype)
    for p in range(planes):
        _sum_of_rows(x[p], total, starts, stops, gap, kernel, stride, padding)
        at = 0
        for i in range(len(d_starts)):
            for j in range(len(h_starts)):
                result = out[p, at]
                first = total[d_starts[i] * height + h_starts[j]]
                for o in range(count):
                    result[o] = first[o]
                for z in range(d_starts[i], d_stops[i], d_gap):
                    for y in range(h_starts[j], h_stops[j], h_gap):
                        if z == d_starts[i] and y == h_starts[j]:
                            continue
                        row = total[z * height + y]
                        for o in range(count):
                            result[o] += row[o]
                divisor = divisors[at]
                for o in range(count):
                    result[o] /= divisor[o]
                at += 1


@jit
def _mean_back(g: Array, out: Array, divisors: Array, d: Any, h: Any, w: Any) -> None:
    d_starts, d_stops, d_gap = d
    h_starts, h_stops, h_gap, height = h
    starts, stops, gap, kernel, stride, padding = w
    planes, _, width = out.shape
    count = len(starts)
    in_pairs = kernel == 2 and stride == 2 and gap == 1 and padding == 0 and width == 2 * count
    share = np.empty(count, g.dtype)
    line = np.empty(width, g.dtype)
    for p in range(planes):
        plane = out[p]
        plane[:] = 0
        at = 0
        for i in range(len(d_starts)):
            for j in range(len(h_starts)):
                arriving = g[p, at]
                divisor = divisors[at]
                at += 1
                for o in range(count):
                    share[o] = arriving[o] / divisor[o]
                if in_pairs:
                    for o in range(count):
                        line[2 * o] = share[o]
                        line[2 * o + 1] = share[o]
                elif stride > 0:
                    line[:] = 0
                    for k in range(kernel - 1, -1, -1):  # an element receives from one window after the other
                        offset = k * gap - padding
                        first = max((stride - 1 - offset) // stride, 0)
                        n = min((width - 1 - offset) // stride + 1, count) - first
                        if n > 0:
                            reached = line[offset + first * stride :]
                            given = share[first:]
                            for o in range(n):
                                reached[o * stride] += given[o]
                else:
                    line[:] = 0
                    for o in range(count):
                        for c in range(starts[o], stops[o], gap):
                            line[c] += share[o]
                for z in range(d_starts[i], d_stops[i], d_gap):
                    for y in range(h_starts[j], h_stops[j], h_gap):
                        row = plane[z * height + y]
                        for c in range(width):
                            row[c] += line[c]


def mean_pool(x: Array, window: Window, divisors: Array) -> Array:
    """See `graphgrad.kernels.plain.pooling.mean_pool`."""
    if shared.is_whole(window):
        return shared.of_planes(x, lambda part: np.sum(part, axis=1, keepdims=True)) / divisors
    out = np.empty((len(x), *shared.window_shape(window)), x.dtype)
    shared.run(
        _mean, (shared.rows(x, window), out), divisors.reshape(shared.window_shape(window)), *shared.described(window)
    )
    return shared.flat(out)


def mean_pool_back(g: Array, window: Window, divisors: Array, shape: Shape | None = None) -> Array:
    """See `graphgrad.kernels.plain.pooling.mean_pool_back`."""
    d, h, w = window
    rows = (len(g), d.length * h.length, w.length)
    out = np.empty((len(g), rows[1] * rows[2]) if shape is None else shape, g.dtype)
    if shared.is_whole(window):
        out.reshape(len(g), rows[1] * rows[2])[...] = g / divisors  # one share for all
        return out
    divisors = divisors.reshape(shared.window_shape(window))
    arrays = (shared.rows_of_windows(g, window), out.reshape(rows))
    shared.run(_mean_back, arrays, divisors, *shared.described(window))
    return out
