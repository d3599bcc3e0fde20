"""How a convolution is done: by which kernels, and in which blocks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.kernels.threads import processors

__all__ = ["MULTIPLIER", "SMALL", "Plan", "Steps"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Steps = tuple[Shape, Shape, Shape, Shape]
"""The lengths of what is looked for, stride, padding and dilation, along three axes."""

_BLOCK = 1 << 19
"""How many bytes of columns there are at a time: they and the weights are to stay in a second-level cache."""
_LEAST = 64
"""But not fewer columns than these, if there are so many."""
_PRODUCT = 1_000_000
"""How many products there are in one product of matrices: OpenBLAS multiplies smaller ones without rearranging them."""
_MANY = 512
"""And how many columns, where even a few are more than that."""
_SIDE = 64
"""Planes of fewer outputs than these are done together with those of other examples."""
_RUN = 1 << 12
"""How many sums of a depthwise convolution there are at a time: they are to stay in the first-level cache."""
_TILES = 48, 240
"""Of how many tiles of an image on they are transformed, and up to how many at a time."""
_CHANNELS = 64
"""And of how many channels on: the transforms cost as much for each, the products as much for each pair."""
_WORTH = 1 << 20
"""And of how many products on."""
SMALL = 1 << 23
"""Up to so many products one thread is done before others have begun."""
MULTIPLIER = 4
"""Up to so many output channels for an input channel of its own, a loop is quicker than a product of matrices."""


class Plan:
    """What is where, as the kernels are told."""

    def __init__(self, images: Array, taps: Shape, outs: Array, steps: Steps, groups: int) -> None:
        """Of a convolution from `images` to `outs`, whichever of them is looked for."""
        _, stride, padding, dilation = steps
        size = outs.shape[2:]
        reach = tuple(
            (count - 1) * step + gap * (n - 1) + 1
            for count, n, step, gap in zip(size, taps, stride, dilation, strict=True)
        )
        n_in, n_out = images.shape[1] // groups, outs.shape[1] // groups
        self.shape: tuple[int, int, int, int] = (len(images), groups, n_in, n_out)
        self.windows = (taps, size, stride, dilation)
        self.rooms = (images.shape[2:], reach, padding)
        self.reach = reach
        self.inside = not any(padding) and all(far <= n for far, n in zip(reach, images.shape[2:], strict=True))
        """Whether windows lie inside of the images, counted from their first element."""
        self.products = outs.size * n_in * math.prod(taps)
        self.dense = groups == 1 and self.inside and taps == images.shape[2:]
        """Whether there is one window, the whole image."""
        self.depthwise = groups > 1 == n_in and n_out <= MULTIPLIER
        self.matrix = self.inside and taps == (1, 1, 1) == stride and size == images.shape[2:]
        """Whether each window is one element of each channel, so that the image is the matrix of its columns."""
        self.high, self.pitch = (size[1] + 1) // 2, (size[2] + 1) // 2 + 1
        self.tiled = (
            groups == 1 == size[0] == images.shape[2]
            and (taps, stride, dilation, padding[0]) == ((1, 3, 3), (1, 1, 1), (1, 1, 1), 0)
            and min(n_in, n_out) >= _CHANNELS
            and self.high * self.pitch >= _TILES[0]
            and self.products > _WORTH
        )
        """Whether windows of 3 by 3 are taken tile by tile, as `graphgrad.kernels.winograd` does."""
        self.itemsize: int = images.itemsize

    def cut(self, rows: int, apart: bool = True) -> tuple[Any, Any]:
        """The blocks in which outputs are taken, ``cut`` and ``sets`` of the kernels, for a matrix of so many rows."""
        examples, groups, _, n_out = self.shape
        (deep, high, _), (planes, down, wide), (_, step, _), (_, gap, _) = self.windows
        together = 1 if down * wide >= _SIDE else min(-(-_SIDE // (down * wide)), -(-examples // processors()))
        most = _BLOCK // (rows * deep * together * self.itemsize)  # elements of lines
        more = (high - 1) * gap // step
        n = min(most // (wide * step) - more, down)
        shared = n > 0 and min(step, high) * (n + more) < high * n
        sets = (step, 1, True, more) if shared else (high, gap, False, 0)
        if not shared:
            n = min(most // (wide * high), down)
        columns = wide if n > 0 else min(max(most // high, _LEAST), wide)
        if apart and self.products > SMALL and -(-examples // together) * groups * planes < processors():
            if down > 1:
                n = min(n, -(-down // processors()))
            else:
                columns = min(columns, -(-wide // processors()))
        n = _even(down, max(n, 1))
        return (together, n, _even(wide, columns), _PRODUCT // (rows * n_out) // 16 * 16 or _MANY), sets

    def pieces(self, cut: Any) -> int:
        """How many pieces of work that makes."""
        _, down, wide = self.windows[1]
        blocks = self.windows[1][0] * -(-down // cut[1]) * -(-wide // cut[2])  # all rounded up
        return int(-(-self.shape[0] // cut[0]) * self.shape[1] * blocks)

    def work(self, rows: int, cut: Any, sets: Any, panel: bool = False) -> tuple[int, int]:
        """How many columns' and panel's elements that takes."""
        together, high, wide, _ = cut
        columns = rows * self.windows[0][0] * sets[0] * (high + sets[3]) * together * wide
        return columns, self.shape[3] * together * high * wide if panel or together > 1 else 0

    def tiles(self) -> tuple[tuple[Any, Any, Any, Any, int], int, Any]:
        """What the kernels of tiles are told, the rows of tiles in a strip last; how many strips; and memory."""
        (_, *lengths), _, (_, *padding) = self.rooms
        _, _, n_in, n_out = self.shape
        strips = -(-self.high // max(1, _TILES[1] // self.pitch))
        rows = -(-self.high // strips)
        strips = -(-self.high // rows)
        told = (n_in, n_out), tuple(lengths), tuple(self.windows[1][1:]), tuple(padding), rows
        tiles = rows * self.pitch
        planes = 4 * max(n_in, n_out) * (tiles + self.pitch)
        return told, self.shape[0] * strips, (planes, 16 * n_in * tiles, 16 * n_out * tiles, 2 * tiles)

    def lines(self, padded: bool) -> tuple[int, int, int]:
        """Of a depthwise convolution the room's elements, how many rows are taken at a time, and their elements."""
        (lengths, reach, _), (_, _, stride, _) = self.rooms, self.windows
        if not padded and self.inside and stride[1:] == (1, 1):
            room, wide = 0, lengths[2]
        else:
            high, wide = -(-reach[1] // stride[1]), -(-reach[2] // stride[2])
            room = reach[0] * stride[1] * stride[2] * high * wide
        rows = max(1, min(_RUN // wide, self.windows[1][1]))
        return room, rows, rows * wide


def _even(count: int, most: int) -> int:
    """The length of parts that are as long as each other, as far as can be, and none longer than `most`."""
    return -(-count // -(-count // most))
