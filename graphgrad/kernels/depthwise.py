"""The kernels of depthwise convolutions, where each channel has weights of its own and there is no matrix to speak of.

Seen through one tap, a plane of windows is the same plane of the room, some elements further on. So taps are gone
through in long lines, over the whole width of the room; what lies between the outputs is left out at the end.

``shape``, ``windows``, ``rooms`` and ``room`` are those of `graphgrad.kernels.convolution_columns`; ``most`` says how
many rows are taken at a time, and ``line`` is memory for them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.kernels.jit import jit

__all__ = ["LANES", "forward", "spread", "weight_gradient"]

LANES = 64
"""How many sums of products stand side by side; one alone would be a long chain of additions."""

# The first five functions are those of the other file: what a kernel calls has to stand in its own.


@jit
def _copy(to: Any, at: int, source: Any, first: int, count: int) -> None:
    place, start = np.uintp(at), np.uintp(first)
    for j in range(np.uintp(count)):
        to[place + j] = source[start + j]


@jit
def _add(to: Any, at: int, source: Any, first: int, count: int, factor: float) -> None:
    place, start = np.uintp(at), np.uintp(first)
    for j in range(np.uintp(count)):
        to[place + j] += factor * source[start + j]


@jit
def _fill(to: Any, at: int, count: int, value: float) -> None:
    place = np.uintp(at)
    for j in range(np.uintp(count)):
        to[place + j] = value


@jit
def _place(images: Any, at: int, channels: int, room: Any, rooms: Any) -> None:
    """Copy channels of an image to the middle of a larger room, as far as there is room."""
    inner, outer, padding = rooms
    front, top, left = padding
    first, last = max(left, 0), min(left + inner[2], outer[2])
    for c in range(channels):
        for z in range(max(front, 0), min(front + inner[0], outer[0])):
            for y in range(max(top, 0), min(top + inner[1], outer[1])):
                to = ((c * outer[0] + z) * outer[1] + y) * outer[2] + first
                start = at + ((c * inner[0] + z - front) * inner[1] + y - top) * inner[2] + first - left
                _copy(room, to, images, start, last - first)


@jit
def _take(room: Any, images: Any, at: int, channels: int, rooms: Any, bias: Any, channel: int) -> None:
    """The middle of a room as channels of an image, with the bias; zero where the room ends."""
    inner, outer, padding = rooms
    front, top, left = padding
    reached = max(0, min(inner[2], outer[2] - left))
    for c in range(channels):
        more = bias[channel + c] if bias.size else bias.dtype.type(0)
        for z in range(inner[0]):
            for y in range(inner[1]):
                to = at + ((c * inner[0] + z) * inner[1] + y) * inner[2]
                _fill(images, to, inner[2], more)
                if z + front < outer[0] and y + top < outer[1]:
                    start = ((c * outer[0] + z + front) * outer[1] + y + top) * outer[2] + left
                    _add(images, to, room, start, reached, bias.dtype.type(1))


@jit
def _strip(row: int, windows: Any, lengths: Any, most: int) -> Any:
    """How many rows of outputs are taken at a time from one on, and how many elements of the room that runs over."""
    size, stride = windows[1], windows[2]
    rows = min(most, size[1] - row) if stride[1] == 1 else 1
    return rows, (rows - 1) * lengths[2] + (size[2] - 1) * stride[2] + 1


@jit
def _offsets(kernel: Any, dilation: Any, lengths: Any) -> Any:
    """How many elements of the room further on each tap sees."""
    found = np.empty(kernel[0] * kernel[1] * kernel[2], np.intp)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            for k in range(kernel[2]):
                further = (i * dilation[0] * lengths[1] + j * dilation[1]) * lengths[2] + k * dilation[2]
                found[(i * kernel[1] + j) * kernel[2] + k] = further
    return found


@jit
def _stuff(grad: Any, at: int, rows: int, run: int, line: Any, windows: Any, lengths: Any) -> None:
    """Rows of gradients as far apart as the elements of the room that they belong to, zeros between."""
    size, stride = windows[1], windows[2]
    _fill(line, 0, run, line.dtype.type(0))
    for row in range(rows):
        to, start, step = np.uintp(row * lengths[2]), np.uintp(at + row * size[2]), np.uintp(stride[2])
        for j in range(np.uintp(size[2])):
            line[to + j * step] = grad[start + j]


@jit
def forward(
    images: Any,
    weight: Any,
    bias: Any,
    out: Any,
    shape: Any,
    windows: Any,
    rooms: Any,
    most: int,
    begin: int,
    end: int,
    room: Any,
    line: Any,
) -> None:
    """Some channels of the results, counted over all examples, each from one channel of the input."""
    _, channels, _, multiplier = shape
    kernel, size, stride, dilation = windows
    inner, outer, _ = rooms
    count = channels * multiplier
    taps = kernel[0] * kernel[1] * kernel[2]
    offsets = _offsets(kernel, dilation, outer if room.size else inner)
    for item in range(begin, end):
        example, channel = item // count, item % count
        source, at, lengths = (
            images,
            (example * channels + channel // multiplier) * inner[0] * inner[1] * inner[2],
            inner,
        )
        if room.size:
            _place(images, at, 1, room, rooms)
            source, at, lengths = room, 0, outer
        more = bias[channel] if bias.size else bias.dtype.type(0)
        for z in range(size[0]):
            row = 0
            while row < size[1]:
                rows, run = _strip(row, windows, lengths, most)
                _fill(line, 0, run, more)
                corner = at + (z * stride[0] * lengths[1] + row * stride[1]) * lengths[2]
                for tap in range(taps):
                    _add(line, 0, source, corner + offsets[tap], run, weight[channel * taps + tap])
                step = np.uintp(stride[2])
                for r in range(rows):
                    to = np.uintp(((item * size[0] + z) * size[1] + row + r) * size[2])
                    start = np.uintp(r * lengths[2])
                    for x in range(np.uintp(size[2])):
                        out[to + x] = line[start + x * step]
                row += rows


@jit
def spread(
    grad: Any,
    weight: Any,
    bias: Any,
    out: Any,
    shape: Any,
    windows: Any,
    rooms: Any,
    most: int,
    begin: int,
    end: int,
    room: Any,
    line: Any,
) -> None:
    """The input's gradient for some of its channels, counted over all examples."""
    _, channels, _, multiplier = shape
    kernel, size, stride, dilation = windows
    inner, outer, _ = rooms
    taps = kernel[0] * kernel[1] * kernel[2]
    offsets = _offsets(kernel, dilation, outer)
    for item in range(begin, end):
        _fill(room, 0, room.size, line.dtype.type(0))
        for own in range(multiplier):
            channel = item % channels * multiplier + own
            plane = (item * multiplier + own) * size[0] * size[1] * size[2]
            for z in range(size[0]):
                row = 0
                while row < size[1]:
                    rows, run = _strip(row, windows, outer, most)
                    _stuff(grad, plane + (z * size[1] + row) * size[2], rows, run, line, windows, outer)
                    corner = (z * stride[0] * outer[1] + row * stride[1]) * outer[2]
                    for tap in range(taps):
                        _add(room, corner + offsets[tap], line, 0, run, weight[channel * taps + tap])
                    row += rows
        _take(room, out, item * inner[0] * inner[1] * inner[2], 1, rooms, bias, item % channels)


@jit
def weight_gradient(
    images: Any,
    grad: Any,
    out: Any,
    shape: Any,
    windows: Any,
    rooms: Any,
    most: int,
    begin: int,
    end: int,
    room: Any,
    line: Any,
    sums: Any,
) -> None:
    """The gradient of the weights of some output channels."""
    examples, channels, _, multiplier = shape
    kernel, size, stride, dilation = windows
    inner, outer, _ = rooms
    count = channels * multiplier
    taps = kernel[0] * kernel[1] * kernel[2]
    offsets = _offsets(kernel, dilation, outer if room.size else inner)
    for channel in range(begin, end):
        _fill(sums, 0, sums.size, line.dtype.type(0))
        for example in range(examples):
            source, lengths = images, inner
            at = (example * channels + channel // multiplier) * inner[0] * inner[1] * inner[2]
            if room.size:
                _place(images, at, 1, room, rooms)
                source, at, lengths = room, 0, outer
            plane = (example * count + channel) * size[0] * size[1] * size[2]
            for z in range(size[0]):
                row = 0
                while row < size[1]:
                    rows, run = _strip(row, windows, lengths, most)
                    _stuff(grad, plane + (z * size[1] + row) * size[2], rows, run, line, windows, lengths)
                    corner = at + (z * stride[0] * lengths[1] + row * stride[1]) * lengths[2]
                    for tap in range(taps):
                        _products(sums, tap * LANES, line, source, corner + offsets[tap], run)
                    row += rows
        for tap in range(taps):
            total = line.dtype.type(0)
            for lane in range(LANES):
                total += sums[tap * LANES + lane]
            out[channel * taps + tap] = total


@jit
def _products(sums: Any, at: int, line: Any, source: Any, start: int, count: int) -> None:
    """Add the products of two lines to sums in lanes."""
    place, first = np.uintp(at), np.uintp(start)
    whole = count // LANES * LANES
    for begin in range(np.uintp(0), np.uintp(whole), np.uintp(LANES)):
        for lane in range(np.uintp(LANES)):
            sums[place + lane] += line[begin + lane] * source[first + begin + lane]
    rest = np.uintp(whole)
    for lane in range(np.uintp(count - whole)):
        sums[place + lane] += line[rest + lane] * source[first + rest + lane]
