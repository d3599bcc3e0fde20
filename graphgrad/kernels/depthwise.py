"""The kernels of depthwise convolutions, where each channel has weights of its own and there is no matrix to speak of.

Seen through one tap, a plane of windows is the same plane of the room, some elements further on. So taps are gone
through in long lines, over the whole width of the room; what lies between the outputs is left out at the end. With a
stride the room is laid out as several planes, of every second row and column for example the even ones and the odd
ones: then that holds for each of them.

``shape``, ``windows``, ``rooms`` and ``room`` are those of `graphgrad.kernels.convolution_columns`, except for this
order of the room; ``most`` says how many rows are taken at a time, and ``line`` is memory for them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.kernels.jit import jit
from graphgrad.kernels.runs import add_run, copy_run, fill_run

__all__ = ["LANES", "forward", "spread", "weight_gradient"]

LANES = 64
"""How many sums of products stand side by side; one alone would be a long chain of additions."""


@jit
def _planes(windows: Any, lengths: Any, room: Any) -> Any:
    """How rows and columns are split into planes, and the lengths of one of these."""
    _, _, stride, _ = windows
    if not room.size:
        return (1, 1), lengths
    high, wide = (lengths[1] + stride[1] - 1) // stride[1], (lengths[2] + stride[2] - 1) // stride[2]
    return (stride[1], stride[2]), (lengths[0], high, wide)


@jit
def _line(z: int, y: int, split: Any, lengths: Any) -> Any:
    """Where a row begins in its first plane, and how far it is to the next plane."""
    plane = lengths[1] * lengths[2]
    return (z * split[0] + y % split[0]) * split[1] * plane + y // split[0] * lengths[2], plane


@jit
def _every(odd: int, step: int, before: int, inner: int, outer: int) -> Any:
    """Which elements of a plane come from the image, from one to before another: plane element i is i · step + odd."""
    first, last = max(before, 0), min(before + inner, outer)
    begin = (first - odd + step - 1) // step
    return begin, max(begin, (last - odd + step - 1) // step)


@jit
def _exchange(images: Any, at: int, room: Any, rooms: Any, split: Any, lengths: Any, out: bool) -> None:
    """Copy an image to the middle of a larger room, as far as there is room; or, `out`, add that to the image."""
    inner, outer, padding = rooms
    step = np.uintp(split[1])
    for odd_y in range(split[0]):
        top, bottom = _every(odd_y, split[0], padding[1], inner[1], outer[1])
        for odd_x in range(split[1]):
            left, right = _every(odd_x, split[1], padding[2], inner[2], outer[2])
            for z in range(max(padding[0], 0), min(padding[0] + inner[0], outer[0])):
                to = ((z * split[0] + odd_y) * split[1] + odd_x) * lengths[1] * lengths[2] + left
                start = at + (z - padding[0]) * inner[1] * inner[2] + left * split[1] + odd_x - padding[2]
                for y in range(top, bottom):
                    target = np.uintp(to + y * lengths[2])
                    source = np.uintp(start + (y * split[0] + odd_y - padding[1]) * inner[2])
                    if out:
                        for x in range(np.uintp(right - left)):
                            images[source + x * step] += room[target + x]
                    elif split[1] == 1:
                        for x in range(np.uintp(right - left)):
                            room[target + x] = images[source + x]
                    else:
                        for x in range(np.uintp(right - left)):
                            room[target + x] = images[source + x * step]


@jit
def _offsets(kernel: Any, dilation: Any, split: Any, lengths: Any) -> Any:
    """How many elements of the room further on each tap sees."""
    found = np.empty(kernel[0] * kernel[1] * kernel[2], np.intp)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            start, plane = _line(i * dilation[0], j * dilation[1], split, lengths)
            for k in range(kernel[2]):
                x = k * dilation[2]
                found[(i * kernel[1] + j) * kernel[2] + k] = start + x % split[1] * plane + x // split[1]
    return found


@jit
def _stuff(grad: Any, at: int, rows: int, run: int, line: Any, wide: int, pitch: int) -> None:
    """Rows of gradients as far apart as rows of the room, zeros between."""
    fill_run(line, 0, run, line.dtype.type(0))
    for row in range(rows):
        copy_run(line, row * pitch, grad, at + row * wide, wide)


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
    split, lengths = _planes(windows, outer if room.size else inner, room)
    offsets = _offsets(kernel, dilation, split, lengths)
    for item in range(begin, end):
        example, channel = item // count, item % count
        source, at = images, (example * channels + channel // multiplier) * inner[0] * inner[1] * inner[2]
        if room.size:
            _exchange(images, at, room, rooms, split, lengths, False)
            source, at = room, 0
        more = bias[channel] if bias.size else bias.dtype.type(0)
        for z in range(size[0]):
            row = 0
            while row < size[1]:
                rows = min(most, size[1] - row)
                run = (rows - 1) * lengths[2] + size[2]
                fill_run(line, 0, run, more)
                corner = at + _line(z * stride[0], 0, split, lengths)[0] + row * lengths[2]
                for tap in range(taps):
                    add_run(line, 0, source, corner + offsets[tap], run, weight[channel * taps + tap])
                for r in range(rows):
                    to = ((item * size[0] + z) * size[1] + row + r) * size[2]
                    copy_run(out, to, line, r * lengths[2], size[2])
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
    split, lengths = _planes(windows, outer, room)
    offsets = _offsets(kernel, dilation, split, lengths)
    for item in range(begin, end):
        fill_run(room, 0, room.size, line.dtype.type(0))
        for own in range(multiplier):
            channel = item % channels * multiplier + own
            plane = (item * multiplier + own) * size[0] * size[1] * size[2]
            for z in range(size[0]):
                row = 0
                while row < size[1]:
                    rows = min(most, size[1] - row)
                    run = (rows - 1) * lengths[2] + size[2]
                    _stuff(grad, plane + (z * size[1] + row) * size[2], rows, run, line, size[2], lengths[2])
                    corner = _line(z * stride[0], 0, split, lengths)[0] + row * lengths[2]
                    for tap in range(taps):
                        add_run(room, corner + offsets[tap], line, 0, run, weight[channel * taps + tap])
                    row += rows
        more = bias[item % channels] if bias.size else bias.dtype.type(0)
        whole = inner[0] * inner[1] * inner[2]
        fill_run(out, item * whole, whole, more)
        _exchange(out, item * whole, room, rooms, split, lengths, True)


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
    split, lengths = _planes(windows, outer if room.size else inner, room)
    offsets = _offsets(kernel, dilation, split, lengths)
    for channel in range(begin, end):
        fill_run(sums, 0, sums.size, line.dtype.type(0))
        for example in range(examples):
            source, at = images, (example * channels + channel // multiplier) * inner[0] * inner[1] * inner[2]
            if room.size:
                _exchange(images, at, room, rooms, split, lengths, False)
                source, at = room, 0
            plane = (example * count + channel) * size[0] * size[1] * size[2]
            for z in range(size[0]):
                row = 0
                while row < size[1]:
                    rows = min(most, size[1] - row)
                    run = (rows - 1) * lengths[2] + size[2]
                    _stuff(grad, plane + (z * size[1] + row) * size[2], rows, run, line, size[2], lengths[2])
                    corner = at + _line(z * stride[0], 0, split, lengths)[0] + row * lengths[2]
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
