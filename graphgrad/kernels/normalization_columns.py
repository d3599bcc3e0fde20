"""The kernels of batch normalisation where a channel has few places in each example, or one, as features have.

A channel lies scattered there, so many channels that are side by side are worked on together: an example after the
other, a short run of memory each time. Sums are taken for each place of the run, and then put together for channels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.kernels.jit import jit

__all__ = ["WIDTH", "backward", "forward"]

WIDTH = 256
"""How many values of each example are worked on together."""
_FLUSH = 64
"""How many examples are added up before float64 takes over."""


@jit
def _flush(small: Any, found: Any) -> None:
    """Move sums over to float64."""
    half = small.size // 2
    for j in range(half):
        found[0, j] += small[j]
        found[1, j] += small[half + j]
        small[j] = 0
        small[half + j] = 0


@jit
def _per_channel(sums: Any, places: int, found: Any) -> None:
    """Of sums for each place those for each channel."""
    for c in range(found.size):
        total = 0.0
        for j in range(c * places, (c + 1) * places):
            total += sums[j]
        found[c] = total


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
    values = examples * places
    one, nothing = x.dtype.type(1), x.dtype.type(0)
    for block in range(begin, end):
        c = block * together
        count = min(together, channels - c)
        width = np.uintp(count * places)
        small, large = np.zeros(2 * width, x.dtype), np.zeros((2, width))
        near, scale, shift = np.empty(width, x.dtype), np.empty(width, x.dtype), np.empty(width, x.dtype)
        sums = np.zeros((2, count))
        if not fixed:
            for n in range(examples):
                at = np.uintp((n * channels + c) * places)
                for j in range(width):
                    small[j] += x[at + j]
                if n % _FLUSH == _FLUSH - 1:
                    _flush(small, large)
            _flush(small, large)
            _per_channel(large[0], places, sums[0])
            for i in range(count):
                near[i * places : (i + 1) * places] = x.dtype.type(sums[0, i] / values)
            large[:] = 0.0
            for n in range(examples):
                at = np.uintp((n * channels + c) * places)
                for j in range(width):
                    left = x[at + j] - near[j]
                    small[j] += left
                    small[width + j] += left * left
                if n % _FLUSH == _FLUSH - 1:
                    _flush(small, large)
            _flush(small, large)
            _per_channel(large[0], places, sums[0])
            _per_channel(large[1], places, sums[1])
            for i in range(count):
                rest, square = sums[0, i] / values, sums[1, i] / values
                mean[c + i] = near[i * places] + rest
                left_over = square - rest * rest
                variance[c + i] = max(left_over, 0.0)
        for i in range(count):
            close = x.dtype.type(mean[c + i])
            by = 1.0 / math.sqrt(variance[c + i] + eps)
            more = (close - mean[c + i]) * by
            factor = weight[c + i] if weight.size else one
            added = bias[c + i] if bias.size else nothing
            near[i * places : (i + 1) * places] = close
            scale[i * places : (i + 1) * places] = x.dtype.type(by * factor)
            shift[i * places : (i + 1) * places] = x.dtype.type(more * factor + added)
        for n in range(examples):
            at = np.uintp((n * channels + c) * places)
            for j in range(width):
                out[at + j] = (x[at + j] - near[j]) * scale[j] + shift[j]


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
        small, large = np.zeros(2 * width, x.dtype), np.zeros((2, width))
        near, factor, scale = np.empty(width, x.dtype), np.empty(width, x.dtype), np.empty(width, x.dtype)
        slope, level = np.empty(width, x.dtype), np.empty(width, x.dtype)
        for i in range(count):
            near[i * places : (i + 1) * places] = x.dtype.type(mean[c + i])
        for n in range(examples):
            at = np.uintp((n * channels + c) * places)
            for j in range(width):
                small[j] += g[at + j] * (x[at + j] - near[j])
                small[width + j] += g[at + j]
            if n % _FLUSH == _FLUSH - 1:
                _flush(small, large)
        _flush(small, large)
        found = learned[0, :, c : c + count]
        _per_channel(large[0], places, found[0])
        _per_channel(large[1], places, found[1])
        for i in range(count):
            by = 1.0 / math.sqrt(variance[c + i] + eps)
            more = (near[i * places] - mean[c + i]) * by
            total = found[1, i]
            along = found[0, i] * by + total * more
            found[0, i] = along
            here = weight[c + i] if weight.size else one
            pull = 0.0 if fixed else here * by * along / values
            drop = 0.0 if fixed else here * (more * along + total) / values
            factor[i * places : (i + 1) * places] = here
            scale[i * places : (i + 1) * places] = x.dtype.type(by)
            slope[i * places : (i + 1) * places] = x.dtype.type(pull)
            level[i * places : (i + 1) * places] = x.dtype.type(drop)
        if to_input.size:
            for n in range(examples):
                at = np.uintp((n * channels + c) * places)
                for j in range(width):
                    away = (x[at + j] - near[j]) * slope[j] + level[j]
                    to_input[at + j] = (g[at + j] * factor[j] - away) * scale[j]
