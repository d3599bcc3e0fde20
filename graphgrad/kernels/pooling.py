"""Pooling, compiled: maxima and means of windows that slide over planes, and what passes back through them.

A plane is an image of one channel, or a row, or a block. Each of its rows is reduced along the width first, then rows
are reduced to windows: what windows below each other share is computed once, and the inner loops run along memory. The
functions are those of `graphgrad.kernels.plain.pooling`, where they are described; threads share out the planes.

Beside its operands and results a kernel has, on each thread, room for the reduced rows of one plane.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.kernels import planes as shared
from graphgrad.kernels.jit import jit
from graphgrad.kernels.mean_pooling import mean_pool, mean_pool_back
from graphgrad.kernels.plain import pooling as plain
from graphgrad.kernels.plain.pooling import Shape, Window

__all__ = [
    "at_places",
    "back_at_places",
    "max_pool",
    "max_pool_back",
    "max_pool_with_indices",
    "mean_pool",
    "mean_pool_back",
    "put_at_places",
]

Array = np.ndarray[Any, Any]

_MOST = 1 << 31
"""A plane with as many elements has numbers that the kernels' 32 bits don't hold."""


# ---- along the width -------------------------------------------------------------------------------------------------
#
# Each takes a plane, (rows, width), and the windows along the width. Those that lie inside a row, of the sizes that
# networks mostly have, are computed many at once; `_any_...` does all others, one after the other.


@jit
def _inside(count: int, width: int, gap: int, kernel: int, stride: int, padding: int) -> tuple[int, int]:
    """From where to where windows have all their elements on the axis and are computed many at once."""
    if not (stride == 1 or (stride == 2 and gap == 1 and (kernel == 2 or kernel == 3))):
        return 0, 0
    lo = min((padding + stride - 1) // stride, count)
    hi = min((width - 1 - (kernel - 1) * gap + padding) // stride + 1, count)
    return (lo, hi) if lo < hi else (0, 0)


@jit
def _any_max(x: Array, best: Array, starts: Array, stops: Array, gap: int, lo: int, hi: int) -> None:
    for r in range(len(x)):
        for o in range(len(starts)):
            if lo <= o < hi:
                continue
            m = x[r, starts[o]]
            for w in range(starts[o] + gap, stops[o], gap):
                v = x[r, w]
                if v > m or v != v:
                    m = v
            best[r, o] = m


@jit
def _max_of_rows(
    x: Array, best: Array, starts: Array, stops: Array, gap: int, kernel: int, stride: int, padding: int
) -> None:
    """The maxima of the windows in each row."""
    rows, width = x.shape
    count = best.shape[1]
    lo, hi = _inside(count, width, gap, kernel, stride, padding)
    if hi - lo < count:
        _any_max(x, best, starts, stops, gap, lo, hi)
    if hi == 0:
        return
    n = hi - lo
    begin = lo * stride - padding
    if stride == 1:
        for r in range(rows):
            row = x[r, begin:]
            out = best[r, lo:hi]
            for o in range(n):
                out[o] = row[o]
            for k in range(1, kernel):
                row = x[r, begin + k * gap :]
                for o in range(n):
                    v = row[o]
                    m = out[o]
                    out[o] = v if (v > m) | (v != v) else m
    elif kernel == 2:
        for r in range(rows):
            row = x[r, begin:]
            out = best[r, lo:hi]
            for o in range(n):
                m = row[2 * o]
                v = row[2 * o + 1]
                out[o] = v if (v > m) | (v != v) else m
    else:
        for r in range(rows):
            row = x[r, begin:]
            out = best[r, lo:hi]
            for o in range(n):
                m = row[2 * o]
                v = row[2 * o + 1]
                m = v if (v > m) | (v != v) else m
                v = row[2 * o + 2]
                out[o] = v if (v > m) | (v != v) else m


@jit
def _any_place(x: Array, best: Array, place: Array, starts: Array, stops: Array, gap: int, lo: int, hi: int) -> None:
    rows, width = x.shape
    for r in range(rows):
        for o in range(len(starts)):
            if lo <= o < hi:
                continue
            column = starts[o]
            m = x[r, column]
            for w in range(column + gap, stops[o], gap):
                v = x[r, w]
                if v > m or v != v:
                    m = v
                    column = w
            best[r, o] = m
            place[r, o] = r * width + column


@jit
def _places_in_rows(
    x: Array, best: Array, place: Array, starts: Array, stops: Array, gap: int, kernel: int, stride: int, padding: int
) -> None:
    """The maxima of the windows in each row, and their numbers in the plane."""
    rows, width = x.shape
    count = best.shape[1]
    lo, hi = _inside(count, width, gap, kernel, stride, padding)
    if hi - lo < count:
        _any_place(x, best, place, starts, stops, gap, lo, hi)
    if hi == 0:
        return
    n = hi - lo
    begin = lo * stride - padding
    one, two = np.int32(1), np.int32(2)
    if stride == 1:
        for r in range(rows):
            row = x[r, begin:]
            out = best[r, lo:hi]
            at = place[r, lo:hi]
            here = np.int32(r * width + begin)
            for o in range(n):
                out[o] = row[o]
                at[o] = here + np.int32(o)
            for k in range(1, kernel):
                row = x[r, begin + k * gap :]
                there = here + np.int32(k * gap)
                for o in range(n):
                    v = row[o]
                    m = out[o]
                    taken = (v > m) | (v != v)
                    out[o] = v if taken else m
                    at[o] = there + np.int32(o) if taken else at[o]
    elif kernel == 2:
        for r in range(rows):
            row = x[r, begin:]
            out = best[r, lo:hi]
            at = place[r, lo:hi]
            here = np.int32(r * width + begin)
            for o in range(n):
                m = row[2 * o]
                v = row[2 * o + 1]
                first = here + two * np.int32(o)
                taken = (v > m) | (v != v)
                out[o] = v if taken else m
                at[o] = first + one if taken else first
    else:
        for r in range(rows):
            row = x[r, begin:]
            out = best[r, lo:hi]
            at = place[r, lo:hi]
            here = np.int32(r * width + begin)
            for o in range(n):
                m = row[2 * o]
                v = row[2 * o + 1]
                first = here + two * np.int32(o)
                taken = (v > m) | (v != v)
                m = v if taken else m
                before = first + one if taken else first
                v = row[2 * o + 2]
                taken = (v > m) | (v != v)
                out[o] = v if taken else m
                at[o] = first + two if taken else before


# ---- the kernels -----------------------------------------------------------------------------------------------------


@jit
def _in_pairs(width: int, count: int, gap: int, kernel: int, stride: int, padding: int) -> bool:
    """Whether each window of a row is a pair of its elements: a plane is one long row then, which is quicker."""
    return gap == 1 and kernel == 2 and stride == 2 and padding == 0 and width == 2 * count


@jit
def _max(x: Array, out: Array, d: Any, h: Any, w: Any) -> None:
    d_starts, d_stops, d_gap = d
    h_starts, h_stops, h_gap, height = h
    starts, stops, gap, kernel, stride, padding = w
    planes, rows, width = x.shape
    count = len(starts)
    best = np.empty((rows, count), x.dtype)
    long = best
    if _in_pairs(width, count, gap, kernel, stride, padding):
        x, long = x.reshape(planes, 1, rows * width), best.reshape(1, rows * count)
    for p in range(planes):
        _max_of_rows(x[p], long, starts, stops, gap, kernel, stride, padding)
        at = 0
        for i in range(len(d_starts)):
            for j in range(len(h_starts)):
                result = out[p, at]
                at += 1
                first = best[d_starts[i] * height + h_starts[j]]
                for o in range(count):
                    result[o] = first[o]
                for z in range(d_starts[i], d_stops[i], d_gap):
                    for y in range(h_starts[j], h_stops[j], h_gap):
                        if z == d_starts[i] and y == h_starts[j]:
                            continue
                        row = best[z * height + y]
                        for o in range(count):
                            v = row[o]
                            m = result[o]
                            result[o] = v if (v > m) | (v != v) else m


@jit
def _choose(best: Array, place: Array, z: Any, y: Any, height: int, value: Array, chosen: Array) -> None:
    """Of the maxima of rows those of windows, and their places."""
    count = len(value)
    r = z[0] * height + y[0]
    row = best[r]
    places = place[r]
    for o in range(count):
        value[o] = row[o]
        chosen[o] = places[o]
    for a in range(z[0], z[1], z[2]):
        for b in range(y[0], y[1], y[2]):
            if a == z[0] and b == y[0]:
                continue
            row = best[a * height + b]
            places = place[a * height + b]
            for o in range(count):
                v = row[o]
                m = value[o]
                taken = (v > m) | (v != v)
                value[o] = v if taken else m
                chosen[o] = places[o] if taken else chosen[o]


@jit
def _max_and_places(x: Array, out: Array, indices: Array, d: Any, h: Any, w: Any) -> None:
    d_starts, d_stops, d_gap = d
    h_starts, h_stops, h_gap, height = h
    starts, stops, gap, kernel, stride, padding = w
    planes, rows, width = x.shape
    count = len(starts)
    best = np.empty((rows, count), x.dtype)
    place = np.empty((rows, count), np.int32)
    chosen = np.empty(count, np.int32)
    long, places = best, place
    if _in_pairs(width, count, gap, kernel, stride, padding):
        x = x.reshape(planes, 1, rows * width)
        long, places = best.reshape(1, rows * count), place.reshape(1, rows * count)
    for p in range(planes):
        _places_in_rows(x[p], long, places, starts, stops, gap, kernel, stride, padding)
        at = 0
        for i in range(len(d_starts)):
            for j in range(len(h_starts)):
                z = (d_starts[i], d_stops[i], d_gap)
                y = (h_starts[j], h_stops[j], h_gap)
                _choose(best, place, z, y, height, out[p, at], chosen)
                where = indices[p, at]
                for o in range(count):
                    where[o] = chosen[o]
                at += 1


@jit
def _max_back(g: Array, x: Array, out: Array, d: Any, h: Any, w: Any) -> None:
    d_starts, d_stops, d_gap = d
    h_starts, h_stops, h_gap, height = h
    starts, stops, gap, kernel, stride, padding = w
    planes, rows, width = x.shape
    count = len(starts)
    best = np.empty((rows, count), x.dtype)
    place = np.empty((rows, count), np.int32)
    value = np.empty(count, x.dtype)
    chosen = np.empty(count, np.int32)
    long, places = best, place
    if _in_pairs(width, count, gap, kernel, stride, padding):
        x = x.reshape(planes, 1, rows * width)
        long, places = best.reshape(1, rows * count), place.reshape(1, rows * count)
    for p in range(planes):
        _places_in_rows(x[p], long, places, starts, stops, gap, kernel, stride, padding)
        plane = out[p]
        plane[:] = 0
        at = 0
        for i in range(len(d_starts)):
            for j in range(len(h_starts)):
                z = (d_starts[i], d_stops[i], d_gap)
                y = (h_starts[j], h_stops[j], h_gap)
                _choose(best, place, z, y, height, value, chosen)
                arriving = g[p, at]
                for o in range(count):
                    plane[chosen[o]] += arriving[o]
                at += 1


@jit
def _max_back_in_squares(g: Array, x: Array, out: Array, count: int) -> None:
    """Where windows are the squares of four elements that lie side by side, `count` in a row: most often they are."""
    one, two, n = np.uintp(1), np.uintp(2), np.uintp(count)
    width = two * n
    none = np.zeros(1, out.dtype)[0]
    first, upper = np.uintp(0), np.uintp(0)
    for _ in range(len(g) // count):
        lower = upper + width
        for i in range(n):
            o = np.uintp(i)
            arriving = g[first + o]
            above, below = upper + two * o, lower + two * o
            m, v = x[above], x[above + one]
            at_right = (v > m) | (v != v)
            most = v if at_right else m
            m, v = x[below], x[below + one]
            at_last = (v > m) | (v != v)
            v = v if at_last else m
            is_lower = (v > most) | (v != v)
            to_upper = none if is_lower else arriving
            to_lower = arriving if is_lower else none
            out[above] = none if at_right else to_upper
            out[above + one] = to_upper if at_right else none
            out[below] = none if at_last else to_lower
            out[below + one] = to_lower if at_last else none
        first += n
        upper = lower + width


@jit
def _back_at_places(g: Array, indices: Array, out: Array) -> None:
    for p in range(len(g)):
        plane = out[p]
        plane[:] = 0
        arriving = g[p]
        where = indices[p]
        for o in range(len(arriving)):
            plane[where[o]] += arriving[o]


@jit
def _put_at_places(x: Array, indices: Array, out: Array) -> None:
    for p in range(len(x)):
        plane = out[p]
        plane[:] = 0
        values = x[p]
        where = indices[p]
        for o in range(len(values)):
            plane[where[o]] = values[o]


@jit
def _at_places(g: Array, indices: Array, out: Array) -> None:
    owner = np.empty(g.shape[1], np.int64)
    for p in range(len(g)):
        arriving = g[p]
        where = indices[p]
        result = out[p]
        for o in range(len(where)):
            owner[where[o]] = o
        for o in range(len(where)):
            result[o] = arriving[where[o]] if owner[where[o]] == o else 0


# ---- on threads ------------------------------------------------------------------------------------------------------


def _place_of_max(x: Array) -> Array:
    """Of each plane the place of its maximum: the first of equals, but the last nan."""
    place: Array = np.argmax(x, axis=1)
    for p in np.flatnonzero(np.isnan(x[np.arange(len(x)), place])):
        place[p] = np.flatnonzero(np.isnan(x[p]))[-1]
    return place[:, None]


def _too_large(window: Window) -> bool:
    return math.prod(slide.length for slide in window) >= _MOST


def max_pool(x: Array, window: Window) -> Array:
    """See `graphgrad.kernels.plain.pooling.max_pool`."""
    if shared.is_whole(window):
        return shared.of_planes(x, lambda part: np.max(part, axis=1, keepdims=True))
    out = np.empty((len(x), *shared.window_shape(window)), x.dtype)
    shared.run(_max, (shared.rows(x, window), out), *shared.described(window))
    return shared.flat(out)


def max_pool_with_indices(x: Array, window: Window) -> tuple[Array, Array]:
    """See `graphgrad.kernels.plain.pooling.max_pool_with_indices`."""
    if _too_large(window):
        return plain.max_pool_with_indices(x, window)
    if shared.is_whole(window):
        places = shared.of_planes(x, _place_of_max)
        return np.take_along_axis(x, places, axis=1), places
    out = np.empty((len(x), *shared.window_shape(window)), x.dtype)
    indices = np.empty(out.shape, np.int64)
    shared.run(_max_and_places, (shared.rows(x, window), out, indices), *shared.described(window))
    return shared.flat(out), shared.flat(indices)


def max_pool_back(g: Array, x: Array, window: Window, shape: Shape | None = None) -> Array:
    """See `graphgrad.kernels.plain.pooling.max_pool_back`."""
    if _too_large(window):
        return plain.max_pool_back(g, x, window, shape)
    if shared.is_whole(window):
        return back_at_places(g, shared.of_planes(x, _place_of_max), x.shape[1], shape)
    out = np.empty(x.shape if shape is None else shape, g.dtype)
    if shared.is_of_squares(window):
        count = window[2].windows
        shared.run(
            lambda g, x, out: _max_back_in_squares(g.reshape(-1), x.reshape(-1), out.reshape(-1), count),
            (shared.plain(g), shared.plain(x), out.reshape(x.shape)),
        )
        return out
    arrays = (shared.rows_of_windows(g, window), shared.rows(x, window), out.reshape(x.shape))
    shared.run(_max_back, arrays, *shared.described(window))
    return out


def back_at_places(g: Array, indices: Array, length: int, shape: Shape | None = None) -> Array:
    """See `graphgrad.kernels.plain.pooling.back_at_places`."""
    if indices.size and not (indices.min() >= 0 and indices.max() < length):  # somebody wrote to them
        raise IndexError(f"indices go from 0 to {length - 1}, got {indices.min()} to {indices.max()}")
    out = np.empty((len(g), length) if shape is None else shape, g.dtype)
    shared.run(_back_at_places, (shared.plain(g), shared.plain(indices), out.reshape(len(g), length)))
    return out


def put_at_places(x: Array, indices: Array, length: int) -> Array:
    """See `graphgrad.kernels.plain.pooling.put_at_places`."""
    out = np.empty((len(x), length), x.dtype)
    shared.run(_put_at_places, (shared.plain(x), shared.plain(indices), out))
    return out


def at_places(g: Array, indices: Array) -> Array:
    """See `graphgrad.kernels.plain.pooling.at_places`."""
    out = np.empty(indices.shape, g.dtype)
    shared.run(_at_places, (shared.plain(g), shared.plain(indices), out))
    return out
