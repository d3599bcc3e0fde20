"""The kernels of batch normalisation where a channel has few places in each example, or one, as features have.

A channel lies scattered there, so many channels that are side by side are worked on together: a short run of memory of
each example, four examples at a time, so that sums are fetched and put back a quarter as often. They are taken for each
place of the run, and then put together for channels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.kernels.jit import jit

__all__ = ["WIDTH", "backward", "forward"]

WIDTH = 512
"""How many values of each example are worked on together at most. Measured against 64 to 2048."""
_START = 8
"""Of how many examples the mean is what all are first measured from."""
_FLUSH = 64
"""How many examples are added up before float64 takes over; a multiple of 4."""


@jit
def _flush(first: Any, second: Any, found: Any) -> None:
    """Move sums over to float64."""
    for j in range(first.size):
        found[0, j] += first[j]
        found[1, j] += second[j]
        first[j] = 0
        second[j] = 0


@jit
def _per_channel(sums: Any, places: int, found: Any) -> None:
    """Of sums for each place those for each channel."""
    for k in range(2):
        for c in range(found.shape[1]):
            total = 0.0
            for j in range(c * places, (c + 1) * places):
                total += sums[k, j]
            found[k, c] = total


@jit
def _spread(value: float, to: Any, places: int, number: int) -> None:
    """Write a number of a channel to each of its places."""
    for j in range(number * places, (number + 1) * places):
        to[j] = to.dtype.type(value)


@jit
def _sums_of_left(x: Any, near: Any, shape: Any, channel: int, examples: int, found: Any) -> None:
    """For channels from one on: the sum of what is left of their values without others, and that of the squares."""
    _, channels, places = shape
    width, step = np.uintp(near.size), np.uintp(channels * places)
    sums, squares, large = np.zeros(width, x.dtype), np.zeros(width, x.dtype), np.zeros((2, width))
    for n in range(0, examples, 4):
        first = np.uintp(n * step + channel * places)
        second, third, fourth = first + step, first + step + step, first + step + step + step
        if n + 4 <= examples:
            for j in range(width):
                p, q = x[first + j] - near[j], x[second + j] - near[j]
                r, s = x[third + j] - near[j], x[fourth + j] - near[j]
                sums[j] += (p + q) + (r + s)
                squares[j] += (p * p + q * q) + (r * r + s * s)
        else:
            for _ in range(n, examples):
                for j in range(width):
                    left = x[first + j] - near[j]
                    sums[j] += left
                    squares[j] += left * left
                first += step
        if n % _FLUSH == _FLUSH - 4:
            _flush(sums, squares, large)
    _flush(sums, squares, large)
    _per_channel(large, places, found)


@jit
def _statistics(x: Any, mean: Any, variance: Any, shape: Any, first: int, last: int) -> None:
    """
    Mean and variance of channels, in one go: of what is left of their values without the mean of the first examples.

    Where that turns out to be so far off that the variance loses digits, a second go is without the mean itself.
    """
    examples, _, places = shape
    near, found = np.zeros((last - first) * places, x.dtype), np.zeros((2, last - first))
    some = min(_START, examples)
    _sums_of_left(x, near, shape, first, some, found)
    for c in range(first, last):
        mean[c] = found[0, c - first] / (some * places)
    values = examples * places
    for _ in range(2):
        for c in range(first, last):
            _spread(mean[c], near, places, c - first)
        _sums_of_left(x, near, shape, first, examples, found)
        is_near = True
        for c in range(first, last):
            rest, square = found[0, c - first] / values, found[1, c - first] / values
            mean[c] = near[(c - first) * places] + rest
            variance[c] = max(square - rest * rest, 0.0)
            is_near = is_near and not rest * rest > variance[c]
        if is_near:
            break
    for c in range(first, last):
        if not variance[c] < np.inf:
            _large_statistics(x, mean, variance, shape, c)


@jit
def _large_statistics(x: Any, mean: Any, variance: Any, shape: Any, channel: int) -> None:
    """The same all in float64, of a channel with squares that no float32 can hold, or with nan."""
    examples, channels, places = shape
    total, square = 0.0, 0.0
    for n in range(examples):
        for j in range(places):
            total += x[(n * channels + channel) * places + j]
    mean[channel] = total / (examples * places)
    for n in range(examples):
        for j in range(places):
            left = x[(n * channels + channel) * places + j] - mean[channel]
            square += left * left
    variance[channel] = square / (examples * places)


@jit
def forward(
    x: Any,
    weight: Any,
    bias: Any,
    out: Any,
    mean: Any,
    variance: Any,
    shape: Any,
    together: int,
    fixed: bool,
    eps: float,
    begin: int,
    end: int,
) -> None:
    """Blocks of so many channels together, from one block to another."""
    examples, channels, places = shape
    one, nothing = x.dtype.type(1), x.dtype.type(0)
    for block in range(begin, end):
        c = block * together
        count = min(together, channels - c)
        width = np.uintp(count * places)
        near, scale, shift = np.empty(width, x.dtype), np.empty(width, x.dtype), np.empty(width, x.dtype)
        if not fixed:
            _statistics(x, mean, variance, shape, c, c + count)
        for i in range(count):
            close = x.dtype.type(mean[c + i])
            by = 1.0 / math.sqrt(variance[c + i] + eps)
            more = (close - mean[c + i]) * by
            factor = weight[c + i] if weight.size else one
            added = bias[c + i] if bias.size else nothing
            _spread(mean[c + i], near, places, i)
            _spread(by * factor, scale, places, i)
            _spread(more * factor + added, shift, places, i)
        for n in range(examples):
            at = np.uintp((n * channels + c) * places)
            for j in range(width):
                out[at + j] = (x[at + j] - near[j]) * scale[j] + shift[j]


@jit
def _sums_back(g: Any, x: Any, near: Any, scale: Any, shape: Any, channel: int, found: Any) -> None:
    """For channels from one on: the sum of what arrives times values normalised but for a shift, and that of itself."""
    examples, channels, places = shape
    width, step = np.uintp(near.size), np.uintp(channels * places)
    products, sums, large = np.zeros(width, x.dtype), np.zeros(width, x.dtype), np.zeros((2, width))
    for n in range(0, examples, 4):
        first = np.uintp(n * step + channel * places)
        second, third, fourth = first + step, first + step + step, first + step + step + step
        if n + 4 <= examples:
            for j in range(width):
                p, q, r, s = g[first + j], g[second + j], g[third + j], g[fourth + j]
                a, b = (x[first + j] - near[j]) * scale[j], (x[second + j] - near[j]) * scale[j]
                c, d = (x[third + j] - near[j]) * scale[j], (x[fourth + j] - near[j]) * scale[j]
                products[j] += (p * a + q * b) + (r * c + s * d)
                sums[j] += (p + q) + (r + s)
        else:
            for _ in range(n, examples):
                for j in range(width):
                    products[j] += g[first + j] * ((x[first + j] - near[j]) * scale[j])
                    sums[j] += g[first + j]
                first += step
        if n % _FLUSH == _FLUSH - 4:
            _flush(products, sums, large)
    _flush(products, sums, large)
    _per_channel(large, places, found)


@jit
def backward(
    g: Any,
    x: Any,
    weight: Any,
    mean: Any,
    variance: Any,
    to_input: Any,
    learned: Any,
    shape: Any,
    together: int,
    fixed: bool,
    eps: float,
    begin: int,
    end: int,
) -> None:
    """The same back. `to_input` is empty if it isn't wanted; `learned` is (1, 2, channels), for weight and bias."""
    examples, channels, places = shape
    values = examples * places
    one = x.dtype.type(1)
    for block in range(begin, end):
        c = block * together
        count = min(together, channels - c)
        width = np.uintp(count * places)
        near, scale = np.empty(width, x.dtype), np.empty(width, x.dtype)
        slope, level = np.empty(width, x.dtype), np.empty(width, x.dtype)
        for i in range(count):
            _spread(mean[c + i], near, places, i)
            _spread(1.0 / math.sqrt(variance[c + i] + eps), scale, places, i)
        found = learned[0, :, c : c + count]
        _sums_back(g, x, near, scale, shape, c, found)
        for i in range(count):
            by = 1.0 / math.sqrt(variance[c + i] + eps)
            more = (near[i * places] - mean[c + i]) * by
            found[0, i] += found[1, i] * more
            along, total = (0.0, 0.0) if fixed else (found[0, i] / values, found[1, i] / values)
            factor = weight[c + i] if weight.size else one
            _spread(by * factor, scale, places, i)
            _spread(by * along, slope, places, i)
            _spread(more * along + total, level, places, i)
        if to_input.size == 0:
            continue
        for n in range(examples):
            at = np.uintp((n * channels + c) * places)
            for j in range(width):
                away = (x[at + j] - near[j]) * slope[j] + level[j]
                to_input[at + j] = (g[at + j] - away) * scale[j]
