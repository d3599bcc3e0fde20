"""How a convolution is done: by which kernels, and in which blocks."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any, NamedTuple

__all__ = ["SMALL", "Blocks", "Plan", "Steps", "planned"]

Shape = tuple[int, ...]
Steps = tuple[Shape, Shape, Shape, Shape]
"""The lengths of what is looked for, stride, padding and dilation, along three axes."""

_BLOCK = 1 << 20
"""How many bytes of columns there are at a time: they and the weights are to stay in a second-level cache."""
_LEAST = 64
"""But not fewer outputs than these, if there are so many."""
_ROOM = 4
"""Up to so many times as many bytes, where fewer outputs could not share the lines that taps along the height see."""
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
_FEW = 256
"""Up to how many weights a product of matrices is as quick with gradients as they are as with turned ones."""
SMALL = 1 << 23
"""Up to so many products one thread is done before others have begun."""
_MULTIPLIER = 4
"""Up to so many output channels for an input channel of its own, a loop is quicker than a product of matrices."""


class Blocks(NamedTuple):
    """How outputs are taken in blocks, each by a product of matrices."""

    cut: tuple[int, int, int, int]
    sets: tuple[int, int, bool, int]
    """These two as the kernels are told them (`graphgrad.kernels.convolution_columns`)."""
    columns: int
    """How many elements of columns that takes."""
    panel: int
    """And of a panel, where outputs of several examples stand side by side; otherwise, none."""
    pieces: int
    """How many pieces of work there are."""


class Plan:
    """What is where, as the kernels are told, of a convolution from images to outputs, whichever is looked for."""

    def __init__(
        self, images: Shape, taps: Shape, outs: Shape, steps: Steps, groups: int, itemsize: int, processors: int
    ) -> None:
        # A kept plan is found by what equals its arguments, so it must not be made of the 1.0 or True of one call.
        _, stride, padding, dilation = (tuple(int(operator.index(n)) for n in lengths) for lengths in steps)
        groups = int(operator.index(groups))
        size = outs[2:]
        reach = tuple(
            (count - 1) * step + gap * (n - 1) + 1
            for count, n, step, gap in zip(size, taps, stride, dilation, strict=True)
        )
        n_in, n_out = images[1] // groups, outs[1] // groups
        self.shape: tuple[int, int, int, int] = (images[0], groups, n_in, n_out)
        self.windows = (taps, size, stride, dilation)
        self.rooms = (images[2:], reach, padding)
        self.inside = not any(padding) and all(far <= n for far, n in zip(reach, images[2:], strict=True))
        """Whether windows lie inside of the images, counted from their first element."""
        self.products = math.prod(outs) * n_in * math.prod(taps)
        self.dense = groups == 1 and self.inside and taps == images[2:]
        """Whether there is one window, the whole image."""
        self.depthwise = groups > 1 == n_in and n_out <= _MULTIPLIER
        self.flips = (
            stride == (1, 1, 1)
            and not (self.depthwise and n_out > 1)
            and 4 * math.prod(images[2:]) <= 5 * math.prod(size)
            and (2 * n_in > n_out or n_in >= _CHANNELS)
        )
        """Whether the input's gradient is computed as a convolution with the flipped kernel.

        With a stride it isn't one, and with several outputs for each channel it would not be depthwise any more. Where
        the input is much larger than the gradient that it gets it from, most of what would be multiplied were zeros;
        and where it has fewer channels, products with few rows are slower than sums of columns.
        """
        self.high, self.pitch = (size[1] + 1) // 2, (size[2] + 1) // 2 + 1
        self.tiled = (
            groups == 1 == size[0] == images[2]
            and (taps, stride, dilation, padding[0]) == ((1, 3, 3), (1, 1, 1), (1, 1, 1), 0)
            and min(n_in, n_out) >= _CHANNELS
            and self.high * self.pitch >= _TILES[0]
            and self.products > _WORTH
        )
        """Whether windows of 3 by 3 are taken tile by tile, as `graphgrad.kernels.winograd` does."""
        self._itemsize, self._processors = itemsize, processors

    @functools.cached_property
    def room(self) -> int:
        """How many elements of the images of one group all windows reach over."""
        return self.shape[2] * math.prod(self.rooms[1])

    @functools.cached_property
    def across(self) -> Blocks:
        """The blocks of the results, and of the gradient of the weights."""
        return self._blocks(self.shape[2] * self.windows[0][2], True)

    @functools.cached_property
    def matrix(self) -> bool:
        """Whether each window is one element of each channel, so that the image is the matrix of its columns."""
        (inner, _, _), (taps, size, stride, _) = self.rooms, self.windows
        return self.inside and taps == (1, 1, 1) == stride and size == inner and self.across.cut[0] == 1

    @functools.cached_property
    def turned(self) -> int:
        """How many elements a block of gradients has that are turned for those of the weights; 0 if they aren't.

        Where there are few weights, gradients are multiplied as they are.
        """
        (together, high, wide, _), (_, _, n_in, n_out) = self.across.cut, self.shape
        is_small = n_in * self.windows[0][2] * n_out <= _FEW and together == 1
        return 0 if is_small else n_out * together * high * wide

    @functools.cached_property
    def back(self) -> tuple[int, int, Blocks]:
        """Of the gradient of the input, by columns, in how many parts channels are split, of how many; and blocks.

        There is a piece of work for each part of each group of some examples.
        """
        examples, groups, n_in, _ = self.shape
        parts = min(n_in, self._processors) if examples * groups < self._processors else 1
        most = -(-n_in // parts)
        blocks = self._blocks(most * self.windows[0][2], False)
        return parts, most, blocks._replace(pieces=-(-examples // blocks.cut[0]) * groups * parts)

    def _blocks(self, rows: int, apart: bool) -> Blocks:
        """The blocks for a matrix of so many rows; with `apart`, so many that there are some for each processor."""
        examples, groups, _, n_out = self.shape
        (deep, high, _), (planes, down, wide), (_, step, _), (_, gap, _) = self.windows
        together = 1 if down * wide >= _SIDE else min(-(-_SIDE // (down * wide)), -(-examples // self._processors))
        most = _BLOCK // (rows * deep * together * self._itemsize)  # elements of lines
        more = (high - 1) * gap // step
        least = min(-(-_LEAST // (wide * together)), down)
        n = min(most // (wide * step) - more, down)
        if n < least and wide * step * (least + more) <= _ROOM * most:
            n = least
        shared = n > 0 and min(step, high) * (n + more) < high * n
        sets = (step, 1, True, more) if shared else (high, gap, False, 0)
        if not shared:
            n = min(most // (wide * high), down)
        columns = wide if n > 0 else min(max(most // high, _LEAST), wide)
        if apart and self.products > SMALL and -(-examples // together) * groups * planes < self._processors:
            if down > 1:
                n = min(n, -(-down // self._processors))
            else:
                columns = min(columns, -(-wide // self._processors))
        n, columns = _even(down, max(n, 1)), _even(wide, columns)
        return Blocks(
            cut=(together, n, columns, _PRODUCT // (rows * n_out) // 16 * 16 or _MANY),
            sets=sets,
            columns=rows * deep * sets[0] * (n + sets[3]) * together * columns,
            panel=n_out * together * n * columns if together > 1 else 0,
            pieces=-(-examples // together) * groups * planes * -(-down // n) * -(-wide // columns),  # all rounded up
        )

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


planned = functools.lru_cache(maxsize=1024)(Plan)
"""A plan, kept: to make one takes as long as a small convolution."""


def _even(count: int, most: int) -> int:
    """The length of parts that are as long as each other, as far as can be, and none longer than `most`."""
    return -(-count // -(-count // most))
