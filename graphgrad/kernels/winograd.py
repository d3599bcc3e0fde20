"""The kernels of 3 by 3 convolutions with fewer products: Winograd's minimal filtering F(2×2, 3×3).

A tile of 2 by 2 outputs sees 4 by 4 elements of the input. After a transform of both these and the weights, which takes
sums alone, 16 products for a tile and a pair of channels do what else takes 36 (Lavin and Gray, 2016):

    outputs = Aᵀ [(G weight Gᵀ) · (Bᵀ input B)] A

For each of the 16 that is a product of matrices, weights by tiles. With ``Bᵀ d`` in the place of ``d`` it is the same
for the gradient of the weights. A number that is none spreads over its tile; who calls this looks for that.

Rows and columns with even and with odd numbers stand in planes of their own, P elements for a row of tiles and one
more. So the elements that all tiles see in one place are one line of memory, except that each row of tiles is followed
by one that is none. Some rows of tiles, a strip, are done at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.kernels.gemm import gemm
from graphgrad.kernels.jit import jit

__all__ = ["WEIGHTS", "forward", "weight_gradient"]

_G = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]])
WEIGHTS = np.kron(_G, _G)
"""What the nine weights become: (16, 9)."""

# Bᵀ: two elements each, the second with a sign. Aᵀ: three products each, with signs. A: two outputs each, with signs.
_FIRST, _SECOND, _SIGN = (0, 1, 2, 1), (2, 2, 1, 3), (-1.0, 1.0, -1.0, -1.0)
_TERMS = ((0, 1, 2), (1, 2, 3))
_SIGNS = ((1.0, 1.0, 1.0), (1.0, -1.0, -1.0))
_OUTPUTS = ((1.0, 0.0), (1.0, 1.0), (1.0, -1.0), (0.0, -1.0))


@jit
def _planes(images: Any, at: int, channels: int, lengths: Any, begin: Any, rows: int, pitch: int, planes: Any) -> None:
    """Some rows of an image from one on, even and odd ones and columns apart; zero outside of the image."""
    for c in range(channels):
        for row in range(2 * rows):
            y = begin[0] + row
            for odd in range(2):
                to = ((row % 2 * 2 + odd) * channels + c) * rows * pitch + row // 2 * pitch
                x = begin[1] + odd  # the column of the first element
                first = min(pitch, max(0, (1 - x) // 2))
                last = min(pitch, max(first, (lengths[1] + 1 - x) // 2))
                if not 0 <= y < lengths[0]:
                    first = last = pitch
                place = np.uintp(to)
                for j in range(np.uintp(first)):
                    planes[place + j] = 0.0
                place = np.uintp(to + first)
                source = np.uintp(at + (c * lengths[0] + y) * lengths[1] + x + 2 * first) if last > first else place
                for j in range(np.uintp(last - first)):
                    planes[place + j] = images[source + j * np.uintp(2)]
                place = np.uintp(to + last)
                for j in range(np.uintp(pitch - last)):
                    planes[place + j] = 0.0


@jit
def _inputs(planes: Any, channels: int, rows: int, pitch: int, tiles: int, found: Any) -> None:
    """Bᵀ d B of all tiles: (16, channels, tiles)."""
    length = (rows + 1) * pitch
    for i in range(4):
        for j in range(4):
            sign_y, sign_x = planes.dtype.type(_SIGN[i]), planes.dtype.type(_SIGN[j])
            for c in range(channels):
                to = np.uintp(((i * 4 + j) * channels + c) * tiles)
                above, below = _FIRST[i], _SECOND[i]
                left, right = _FIRST[j], _SECOND[j]
                a = np.uintp(((above % 2 * 2 + left % 2) * channels + c) * length + above // 2 * pitch + left // 2)
                b = np.uintp(((above % 2 * 2 + right % 2) * channels + c) * length + above // 2 * pitch + right // 2)
                e = np.uintp(((below % 2 * 2 + left % 2) * channels + c) * length + below // 2 * pitch + left // 2)
                f = np.uintp(((below % 2 * 2 + right % 2) * channels + c) * length + below // 2 * pitch + right // 2)
                for t in range(np.uintp(tiles)):
                    top = planes[a + t] + sign_x * planes[b + t]
                    found[to + t] = top + sign_y * (planes[e + t] + sign_x * planes[f + t])


@jit
def _outputs(found: Any, channels: int, c: int, tiles: int, at: int, more: float, y: int, x: int, line: Any) -> None:
    """One of the four outputs of all tiles, for one channel, Aᵀ M A, with the bias."""
    begin = np.uintp(at)
    for t in range(np.uintp(tiles)):
        line[begin + t] = more
    for k in range(3):
        i = _TERMS[y][k]
        a = np.uintp(((i * 4 + _TERMS[x][0]) * channels + c) * tiles)
        b = np.uintp(((i * 4 + _TERMS[x][1]) * channels + c) * tiles)
        e = np.uintp(((i * 4 + _TERMS[x][2]) * channels + c) * tiles)
        sign = line.dtype.type(_SIGNS[y][k])
        sign_b, sign_e = line.dtype.type(_SIGNS[x][1]), line.dtype.type(_SIGNS[x][2])
        for t in range(np.uintp(tiles)):
            line[begin + t] += sign * (found[a + t] + sign_b * found[b + t] + sign_e * found[e + t])


@jit
def _gradients(planes: Any, channels: int, rows: int, pitch: int, tiles: int, found: Any) -> None:
    """A g Aᵀ of all tiles: (16, channels, tiles)."""
    length = rows * pitch
    kind = planes.dtype.type
    for i in range(4):
        for j in range(4):
            upper, lower = kind(_OUTPUTS[i][0]), kind(_OUTPUTS[i][1])
            left, right = kind(_OUTPUTS[j][0]), kind(_OUTPUTS[j][1])
            for c in range(channels):
                to = np.uintp(((i * 4 + j) * channels + c) * tiles)
                a = np.uintp(c * length)
                b = np.uintp((channels + c) * length)
                e = np.uintp((2 * channels + c) * length)
                f = np.uintp((3 * channels + c) * length)
                for t in range(np.uintp(tiles)):
                    top = left * planes[a + t] + right * planes[b + t]
                    found[to + t] = upper * top + lower * (left * planes[e + t] + right * planes[f + t])


@jit
def forward(
    images: Any,
    weight: Any,
    bias: Any,
    out: Any,
    channels: Any,
    lengths: Any,
    size: Any,
    padding: Any,
    rows: int,
    begin: int,
    end: int,
    planes: Any,
    inputs: Any,
    products: Any,
    line: Any,
    arguments: Any,
) -> None:
    """Some strips of the results; the weights are transformed, (16, output channels, input channels)."""
    n_in, n_out = channels
    high, wide = (size[0] + 1) // 2, (size[1] + 1) // 2
    pitch = wide + 1
    strips = (high + rows - 1) // rows
    for item in range(begin, end):
        example, first = item // strips, item % strips * rows
        count = min(rows, high - first)
        tiles = count * pitch - 1
        start = 2 * first - padding[0], -padding[1]
        at = example * n_in * lengths[0] * lengths[1]
        _planes(images, at, n_in, lengths, start, count + 1, pitch, planes)
        _inputs(planes, n_in, count, pitch, tiles, inputs)
        for k in range(16):
            gemm(arguments, False, False, n_out, tiles, n_in, 1.0, weight, k * n_out * n_in, n_in,
                 inputs, k * n_in * tiles, tiles, False, products, k * n_out * tiles, tiles)  # fmt: skip
        for c in range(n_out):
            more = bias[c] if bias.size else bias.dtype.type(0)
            for y in range(2):
                _outputs(products, n_out, c, tiles, 0, more, y, 0, line)
                _outputs(products, n_out, c, tiles, tiles, more, y, 1, line)
                for row in range(count):
                    down = 2 * (first + row) + y
                    if down < size[0]:
                        to = np.uintp(((example * n_out + c) * size[0] + down) * size[1])
                        even, odd = np.uintp(row * pitch), np.uintp(tiles + row * pitch)
                        for x in range(np.uintp(size[1] // 2)):
                            out[to + np.uintp(2) * x] = line[even + x]
                            out[to + np.uintp(2) * x + np.uintp(1)] = line[odd + x]
                        if size[1] % 2:
                            last = np.uintp(size[1] // 2)
                            out[to + np.uintp(2) * last] = line[even + last]


@jit
def weight_gradient(
    images: Any,
    grad: Any,
    out: Any,
    channels: Any,
    lengths: Any,
    size: Any,
    padding: Any,
    rows: int,
    begin: int,
    end: int,
    planes: Any,
    inputs: Any,
    products: Any,
    arguments: Any,
) -> None:
    """What some strips add to the gradient of the transformed weights."""
    n_in, n_out = channels
    high, wide = (size[0] + 1) // 2, (size[1] + 1) // 2
    pitch = wide + 1
    strips = (high + rows - 1) // rows
    for item in range(begin, end):
        example, first = item // strips, item % strips * rows
        count = min(rows, high - first)
        tiles = count * pitch - 1
        start = 2 * first - padding[0], -padding[1]
        at = example * n_in * lengths[0] * lengths[1]
        _planes(images, at, n_in, lengths, start, count + 1, pitch, planes)
        _inputs(planes, n_in, count, pitch, tiles, inputs)
        at = example * n_out * size[0] * size[1]
        _planes(grad, at, n_out, size, (2 * first, 0), count, pitch, planes)
        _gradients(planes, n_out, count, pitch, tiles, products)
        for k in range(16):
            gemm(arguments, False, True, n_out, n_in, tiles, 1.0, products, k * n_out * tiles, tiles,
                 inputs, k * n_in * tiles, tiles, True, out, k * n_out * n_in, n_in)  # fmt: skip
