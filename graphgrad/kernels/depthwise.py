"""The kernels of depthwise convolutions, where each channel has weights of its own and there is no matrix to speak of.

Seen through one tap, a plane of windows is the same plane of the room, some elements further on. So taps are gone
through in long lines, over the whole width of the room; what lies between the outputs is left out at the end. With a
stride the room is laid out as several planes, of every second row and column for example the even ones and the odd
ones: then that holds for each of them.

Nine taps, or three, are gone through together, so that sums are fetched and put back a ninth as often.

``shape``, ``windows``, ``rooms`` and ``room`` are those of `graphgrad.kernels.convolution_columns`, except for this
order of the room; ``most`` says how many rows are taken at a time, and ``line`` is memory for them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.kernels.jit import in_any_order, jit
from graphgrad.kernels.runs import add_run, copy_run, fill_run

__all__ = ["forward", "spread", "weight_gradient"]


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
def _stuff(grad: Any, at: int, rows: int, line: Any, wide: int, pitch: int) -> None:
    """Rows of gradients as far apart as rows of the room; the line has zeros between, where it is never written."""
    for row in range(rows):
        copy_run(line, row * pitch, grad, at + row * wide, wide)


@jit
def _see(
    line: Any, run: int, source: Any, corner: int, offsets: Any, weight: Any, first: int, taps: int, more: Any
) -> None:
    """Make a line: each element is `more` and the sum over all that its taps see, times their weights."""
    tap = 0
    if taps >= 9:
        _see_nine(line, run, source, corner, offsets, weight, first, 0, more, True)
        tap = 9
    else:
        fill_run(line, 0, run, more)
    while tap + 9 <= taps:
        _see_nine(line, run, source, corner, offsets, weight, first + tap, tap, more, False)
        tap += 9
    while tap + 3 <= taps:
        _see_three(line, run, source, corner, offsets, weight, first + tap, tap)
        tap += 3
    while tap < taps:
        add_run(line, 0, source, corner + offsets[tap], run, weight[first + tap])
        tap += 1


@jit
def _three_places(corner: int, offsets: Any, tap: int) -> Any:
    """Where three taps begin to see."""
    return np.uintp(corner + offsets[tap]), np.uintp(corner + offsets[tap + 1]), np.uintp(corner + offsets[tap + 2])


@jit
def _see_nine(
    line: Any,
    run: int,
    source: Any,
    corner: int,
    offsets: Any,
    weight: Any,
    first: int,
    tap: int,
    more: Any,
    fresh: bool,
) -> None:
    a, b, c = _three_places(corner, offsets, tap)
    d, e, f = _three_places(corner, offsets, tap + 3)
    g, h, i = _three_places(corner, offsets, tap + 6)
    p, q, r = weight[first], weight[first + 1], weight[first + 2]
    s, t, u = weight[first + 3], weight[first + 4], weight[first + 5]
    v, w, x = weight[first + 6], weight[first + 7], weight[first + 8]
    for j in range(np.uintp(run)):
        above = p * source[a + j] + q * source[b + j] + r * source[c + j]
        here = s * source[d + j] + t * source[e + j] + u * source[f + j]
        below = v * source[g + j] + w * source[h + j] + x * source[i + j]
        line[j] = (more if fresh else line[j]) + ((above + here) + below)


@jit
def _see_three(line: Any, run: int, source: Any, corner: int, offsets: Any, weight: Any, first: int, tap: int) -> None:
    a, b, c = _three_places(corner, offsets, tap)
    p, q, r = weight[first], weight[first + 1], weight[first + 2]
    for j in range(np.uintp(run)):
        line[j] += p * source[a + j] + q * source[b + j] + r * source[c + j]


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
            if item == begin or channel % multiplier == 0:
                _exchange(images, at, room, rooms, split, lengths, False)
            source, at = room, 0
        more = bias[channel] if bias.size else bias.dtype.type(0)
        for z in range(size[0]):
            row = 0
            while row < size[1]:
                rows = min(most, size[1] - row)
                run = (rows - 1) * lengths[2] + size[2]
                corner = at + _line(z * stride[0], 0, split, lengths)[0] + row * lengths[2]
                _see(line, run, source, corner, offsets, weight, channel * taps, taps, more)
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
    fill_run(line, 0, line.size, line.dtype.type(0))
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
                    _stuff(grad, plane + (z * size[1] + row) * size[2], rows, line, size[2], lengths[2])
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
) -> None:
    """The gradient of the weights of some output channels."""
    examples, channels, _, multiplier = shape
    kernel, size, stride, dilation = windows
    inner, outer, _ = rooms
    count = channels * multiplier
    taps = kernel[0] * kernel[1] * kernel[2]
    split, lengths = _planes(windows, outer if room.size else inner, room)
    offsets = _offsets(kernel, dilation, split, lengths)
    sums = np.zeros((end - begin, taps))
    fill_run(line, 0, line.size, line.dtype.type(0))
    for example in range(examples):
        for channel in range(begin, end):
            source, at = images, (example * channels + channel // multiplier) * inner[0] * inner[1] * inner[2]
            if room.size:
                if channel == begin or channel % multiplier == 0:
                    _exchange(images, at, room, rooms, split, lengths, False)
                source, at = room, 0
            plane = (example * count + channel) * size[0] * size[1] * size[2]
            for z in range(size[0]):
                row = 0
                while row < size[1]:
                    rows = min(most, size[1] - row)
                    run = (rows - 1) * lengths[2] + size[2]
                    _stuff(grad, plane + (z * size[1] + row) * size[2], rows, line, size[2], lengths[2])
                    corner = at + _line(z * stride[0], 0, split, lengths)[0] + row * lengths[2]
                    _products(sums[channel - begin], line, run, source, corner, offsets, taps)
                    row += rows
    for channel in range(begin, end):
        for tap in range(taps):
            out[channel * taps + tap] = sums[channel - begin, tap]


@jit
def _products(sums: Any, line: Any, run: int, source: Any, corner: int, offsets: Any, taps: int) -> None:
    """Add to the sum of each tap the products of a line with what the tap sees."""
    tap = 0
    while tap + 3 <= taps:
        a, b, c = _three_products(line, run, source, corner, offsets, tap)
        sums[tap] += a
        sums[tap + 1] += b
        sums[tap + 2] += c
        tap += 3
    while tap < taps:
        sums[tap] += _product(line, run, source, corner + offsets[tap])
        tap += 1


@in_any_order
def _three_products(line: Any, run: int, source: Any, corner: int, offsets: Any, tap: int) -> Any:
    a, b, c = _three_places(corner, offsets, tap)
    p = q = r = line.dtype.type(0)
    for j in range(np.uintp(run)):
        p += line[j] * source[a + j]
        q += line[j] * source[b + j]
        r += line[j] * source[c + j]
    return p, q, r


@in_any_order
def _product(line: Any, run: int, source: Any, start: int) -> Any:
    first, total = np.uintp(start), line.dtype.type(0)
    for j in range(np.uintp(run)):
        total += line[j] * source[first + j]
    return total
