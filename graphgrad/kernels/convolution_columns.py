"""The kernels of convolutions by products of matrices: lines of windows as rows of a matrix, times the weights.

For each input channel and each tap along the last axis, what that tap sees is written out as a row of a matrix, line
after line of the image. A tap along the height then sees the same row some lines further on. So for each tap along the
height (and depth) there is a product of matrices, without columns of its own, and their sum is the result. Less is
written than if each window were a column (im2col), as many times as the kernel is high.

A block of the outputs at a time is done so: some rows of one plane, or a part of one row. Where planes are small, those
of several examples are done together, line by line side by side. With a stride along the height, lines come in sets: of
every second line the even ones, and the odd ones. `graphgrad.kernels.convolution` shares out the work.

Five tuples say what is where, most of them along three axes:

- ``shape``: examples, groups, input channels and output channels of a group
- ``windows``: lengths of the kernel, lengths of the outputs, stride, dilation
- ``rooms``: lengths of the input, of the room that all windows reach over, padding before the input
- ``cut``: of a block the examples, rows and columns at most, and how many outputs there are in a product of matrices
- ``sets``: how many there are, how many lines apart they begin, whether taps share them, how many lines more than rows
  there are in one

``room`` has place for the channels of one group of the examples, with zeros around them; it is empty where windows lie
inside of the image. ``columns`` and ``panel`` are memory to work in, the latter empty where nothing has to be put in
another order; ``arguments`` is what BLAS is given.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.kernels.gemm import gemm
from graphgrad.kernels.jit import jit
from graphgrad.kernels.runs import add_run, copy_run, fill_run

__all__ = ["forward", "spread", "weight_gradient"]

_TILE = 16
"""How many gradients are turned at a time: as many as a line of the cache has."""

# Arrays are flat, and elements counted by unsigned integers: slices would be counted by their users (with atomic
# instructions), and a signed number might mean an element from the end; neither can be done many elements at a time.


@jit
def _place(images: Any, at: int, channels: int, room: Any, begin: int, rooms: Any) -> None:
    """Copy channels of an image to the middle of a larger room, as far as there is room."""
    inner, outer, padding = rooms
    front, top, left = padding
    first, last = max(left, 0), min(left + inner[2], outer[2])
    for c in range(channels):
        for z in range(max(front, 0), min(front + inner[0], outer[0])):
            for y in range(max(top, 0), min(top + inner[1], outer[1])):
                to = begin + ((c * outer[0] + z) * outer[1] + y) * outer[2] + first
                start = at + ((c * inner[0] + z - front) * inner[1] + y - top) * inner[2] + first - left
                copy_run(room, to, images, start, last - first)


@jit
def _take(room: Any, begin: int, images: Any, at: int, channels: int, rooms: Any, bias: Any, channel: int) -> None:
    """The middle of a room as channels of an image, with the bias; zero where the room ends."""
    inner, outer, padding = rooms
    front, top, left = padding
    reached = max(0, min(inner[2], outer[2] - left))
    for c in range(channels):
        more = bias[channel + c] if bias.size else bias.dtype.type(0)
        for z in range(inner[0]):
            for y in range(inner[1]):
                to = at + ((c * inner[0] + z) * inner[1] + y) * inner[2]
                fill_run(images, to, inner[2], more)
                if z + front < outer[0] and y + top < outer[1]:
                    start = begin + ((c * outer[0] + z + front) * outer[1] + y + top) * outer[2] + left
                    add_run(images, to, room, start, reached, bias.dtype.type(1))


@jit
def _piece(item: int, shape: Any, windows: Any, cut: Any) -> Any:
    """What the number of a piece of work means: first example, how many, the group; and the block of outputs.

    Of a block that is the plane, the first row, how many, the first column, how many.
    """
    size = windows[1]
    across, down = (size[2] + cut[2] - 1) // cut[2], (size[1] + cut[1] - 1) // cut[1]
    x, item = item % across * cut[2], item // across
    y, item = item % down * cut[1], item // down
    z, item = item % size[0], item // size[0]
    group, example = item % shape[1], item // shape[1] * cut[0]
    block = z, y, min(cut[1], size[1] - y), x, min(cut[2], size[2] - x)
    return example, min(cut[0], shape[0] - example), group, block


@jit
def _read(image: Any, start: int, down: int, apart: int, step: int, columns: Any, to: int, how_many: Any) -> None:
    """Copy lines, each of some examples side by side, into a row of columns."""
    lines, together, wide = how_many
    target = np.uintp(to)
    for line in range(lines):
        for k in range(together):
            source = np.uintp(start + line * down + k * apart)
            if step == 1:
                for j in range(np.uintp(wide)):
                    columns[target + j] = image[source + j]
            else:
                for j in range(np.uintp(wide)):
                    columns[target + j] = image[source + j * np.uintp(step)]
            target += np.uintp(wide)


@jit
def _write(image: Any, start: int, down: int, apart: int, step: int, columns: Any, to: int, how_many: Any) -> None:
    """Add a row of columns to the lines that it was read from."""
    lines, together, wide = how_many
    target = np.uintp(to)
    for line in range(lines):
        for k in range(together):
            source = np.uintp(start + line * down + k * apart)
            if step == 1:
                for j in range(np.uintp(wide)):
                    image[source + j] += columns[target + j]
            else:
                for j in range(np.uintp(wide)):
                    image[source + j * np.uintp(step)] += columns[target + j]
            target += np.uintp(wide)


@jit
def _lines(row: int, lengths: Any, windows: Any, sets: Any, block: Any) -> Any:
    """Of a row of columns and one of its sets of lines: the first element, how far apart lines are, how many there are.

    Rows are for each channel and tap along the last axis; in each there are the sets for each tap along the depth.
    """
    kernel, _, stride, dilation = windows
    count, gap, shared, more = sets
    z, y, rows, x, _ = block
    one, deep = row % count, row // count % kernel[0]
    tap, channel = row // (count * kernel[0]) % kernel[2], row // (count * kernel[0] * kernel[2])
    used = not shared
    for high in range(kernel[1]):
        used = used or high * dilation[1] % stride[1] == one
    first = y * stride[1] + one * gap
    plane = (channel * lengths[0] + z * stride[0] + deep * dilation[0]) * lengths[1]
    start = (plane + first) * lengths[2] + x * stride[2] + tap * dilation[2]
    lines = min(rows + more, (lengths[1] - first + stride[1] - 1) // stride[1])
    return start, stride[1] * lengths[2], lines if used else 0


@jit
def _offset(tap: int, windows: Any, sets: Any, block: Any, together: int) -> Any:
    """Where the columns begin that a tap along depth and height sees, and how many there are in a row of the matrix."""
    kernel, _, stride, dilation = windows
    count, _, shared, more = sets
    _, _, rows, _, wide = block
    lines = rows + more
    deep, high = tap // kernel[1], tap % kernel[1]
    one, line = high, 0
    if shared:
        one, line = high * dilation[1] % stride[1], high * dilation[1] // stride[1]
    width = together * wide
    return ((deep * count + one) * lines + line) * width, kernel[0] * count * lines * width


@jit
def _columns(
    image: Any,
    at: int,
    apart: int,
    lengths: Any,
    channels: int,
    together: int,
    block: Any,
    windows: Any,
    sets: Any,
    columns: Any,
) -> None:
    """What taps see in a block. The first example begins at an element of its array, others are some elements apart."""
    kernel = windows[0]
    for row in range(channels * kernel[2] * kernel[0] * sets[0]):
        start, down, lines = _lines(row, lengths, windows, sets, block)
        to = row * (block[2] + sets[3]) * together * block[4]
        _read(image, at + start, down, apart, windows[2][2], columns, to, (lines, together, block[4]))


@jit
def _look(
    images: Any, room: Any, columns: Any, piece: Any, shape: Any, windows: Any, rooms: Any, sets: Any, fresh: bool
) -> None:
    """The columns of a piece of work; the room is filled before if it is that of others."""
    example, together, group, block = piece
    inner, outer, _ = rooms
    whole = shape[2] * inner[0] * inner[1] * inner[2]
    at = (example * shape[1] + group) * whole
    apart = shape[1] * whole
    image, lengths = images, inner
    if room.size:
        size = shape[2] * outer[0] * outer[1] * outer[2]
        if fresh:
            for k in range(together):
                _place(images, at + k * apart, shape[2], room, k * size, rooms)
        image, lengths, at, apart = room, outer, 0, size
    _columns(image, at, apart, lengths, shape[2], together, block, windows, sets, columns)


@jit
def _first(piece: Any, shape: Any, size: Any) -> Any:
    """The first output of a piece of work."""
    example, _, group, block = piece
    z, y, _, x, _ = block
    return (((example * shape[1] + group) * shape[3] * size[0] + z) * size[1] + y) * size[2] + x


@jit
def forward(
    images: Any,
    weight: Any,
    bias: Any,
    out: Any,
    shape: Any,
    windows: Any,
    rooms: Any,
    cut: Any,
    sets: Any,
    matrix: bool,
    begin: int,
    end: int,
    room: Any,
    columns: Any,
    panel: Any,
    arguments: Any,
) -> None:
    """The results of some pieces of work; with `matrix` the image is the matrix itself.

    The weights are those of one tap along depth and height after the other: (taps, output channels, input channels,
    taps along the last axis).
    """
    _, groups, n_in, n_out = shape
    kernel, size = windows[0], windows[1]
    places = size[0] * size[1] * size[2]
    rows = n_in * kernel[2]
    here = (-1, -1)
    for item in range(begin, end):
        piece = _piece(item, shape, windows, cut)
        example, together, group, block = piece
        width = together * block[2] * block[4]
        first = _first(piece, shape, size)
        if not matrix:
            _look(images, room, columns, piece, shape, windows, rooms, sets, here != (example, group))
            here = (example, group)
        to, start, step = out, first, places
        if cut[0] > 1:
            to, start, step = panel, 0, width
        if bias.size:
            for channel in range(n_out):
                fill_run(to, start + channel * step, width, bias[group * n_out + channel])
        for k in range(0, width, cut[3]):
            n = min(cut[3], width - k)
            for tap in range(kernel[0] * kernel[1]):
                at = (tap * groups + group) * n_out * rows
                add = tap > 0 or bias.size > 0
                if matrix:
                    source = first + (example * groups + group) * (n_in - n_out) * places
                    gemm(arguments, False, False, n_out, n, rows, 1.0, weight, at, rows, images, source + k, places,
                         add, to, start + k, step)  # fmt: skip
                else:
                    source, line = _offset(tap, windows, sets, block, together)
                    gemm(arguments, False, False, n_out, n, rows, 1.0, weight, at, rows, columns, source + k, line,
                         add, to, start + k, step)  # fmt: skip
        if cut[0] > 1:
            _exchange(out, first, panel, block, together, shape, size, True)


@jit
def _exchange(outs: Any, first: int, panel: Any, block: Any, together: int, shape: Any, size: Any, out: bool) -> None:
    """Between outputs and a panel where those of several examples stand side by side, a row for each channel."""
    _, _, rows, _, wide = block
    places = size[0] * size[1] * size[2]
    at = 0
    for channel in range(shape[3]):
        for row in range(rows):
            for k in range(together):
                place = first + (k * shape[1] * shape[3] + channel) * places + row * size[2]
                if out:
                    copy_run(outs, place, panel, at, wide)
                else:
                    copy_run(panel, at, outs, place, wide)
                at += wide


@jit
def _turn(grad: Any, first: int, panel: Any, block: Any, together: int, shape: Any, size: Any) -> None:
    """The gradients of a piece of work, a row for each output, a column for each channel."""
    _, _, rows, _, wide = block
    places = size[0] * size[1] * size[2]
    step = np.uintp(shape[3])
    for line in range(rows * together):
        row, k = line // together, line % together
        for x in range(0, wide, _TILE):
            count = np.uintp(min(_TILE, wide - x))
            for channel in range(shape[3]):
                source = np.uintp(first + (k * shape[1] * shape[3] + channel) * places + row * size[2] + x)
                target = np.uintp((line * wide + x) * shape[3] + channel)
                for j in range(count):
                    panel[target + j * step] = grad[source + j]


@jit
def weight_gradient(
    images: Any,
    grad: Any,
    out: Any,
    shape: Any,
    windows: Any,
    rooms: Any,
    cut: Any,
    sets: Any,
    matrix: bool,
    begin: int,
    end: int,
    room: Any,
    columns: Any,
    panel: Any,
    arguments: Any,
) -> None:
    """What some pieces of work add to the gradient of the weights: (taps, groups, channels, last taps, outputs)."""
    _, groups, n_in, n_out = shape
    kernel, size = windows[0], windows[1]
    places = size[0] * size[1] * size[2]
    rows = n_in * kernel[2]
    here = (-1, -1)
    for item in range(begin, end):
        piece = _piece(item, shape, windows, cut)
        example, together, group, block = piece
        width = together * block[2] * block[4]
        first = _first(piece, shape, size)
        if not matrix:
            _look(images, room, columns, piece, shape, windows, rooms, sets, here != (example, group))
            here = (example, group)
        if panel.size:
            _turn(grad, first, panel, block, together, shape, size)
        for k in range(0, width, cut[3]):
            n = min(cut[3], width - k)
            for tap in range(kernel[0] * kernel[1]):
                at = (tap * groups + group) * rows * n_out
                if matrix:
                    source = first + (example * groups + group) * (n_in - n_out) * places
                    _sum(arguments, images, source + k, places, grad, first + k, places, panel, k, out, at,
                         (rows, n_out, n))  # fmt: skip
                else:
                    source, line = _offset(tap, windows, sets, block, together)
                    _sum(arguments, columns, source + k, line, grad, first + k, places, panel, k, out, at,
                         (rows, n_out, n))  # fmt: skip


@jit
def _sum(
    arguments: Any,
    columns: Any,
    source: int,
    line: int,
    grad: Any,
    first: int,
    places: int,
    panel: Any,
    k: int,
    out: Any,
    at: int,
    lengths: Any,
) -> None:
    """Add to the gradient of some weights: each row of columns times each channel of gradients, turned or as it is."""
    rows, n_out, n = lengths
    if panel.size:
        gemm(arguments, False, False, rows, n_out, n, 1.0, columns, source, line, panel, k * n_out, n_out,
             True, out, at, n_out)  # fmt: skip
    else:
        gemm(arguments, False, True, rows, n_out, n, 1.0, columns, source, line, grad, first, places,
             True, out, at, n_out)  # fmt: skip


@jit
def spread(
    grad: Any,
    weight: Any,
    bias: Any,
    out: Any,
    shape: Any,
    windows: Any,
    rooms: Any,
    cut: Any,
    sets: Any,
    parts: int,
    begin: int,
    end: int,
    room: Any,
    columns: Any,
    panel: Any,
    arguments: Any,
) -> None:
    """The input's gradient for some pieces of work: a part of the channels of one group of some examples.

    The weights are turned: (taps, groups, input channels, last taps, output channels).
    """
    examples, groups, n_in, n_out = shape
    kernel, size = windows[0], windows[1]
    inner, outer, _ = rooms
    places = size[0] * size[1] * size[2]
    blocks = size[0] * ((size[1] + cut[1] - 1) // cut[1]) * ((size[2] + cut[2] - 1) // cut[2])
    for item in range(begin, end):
        part, group = item % parts, item // parts % groups
        channel, last = n_in * part // parts, n_in * (part + 1) // parts
        rows = (last - channel) * kernel[2]
        whole = (last - channel) * outer[0] * outer[1] * outer[2]
        fill_run(room, 0, cut[0] * whole, bias.dtype.type(0))
        for k in range(blocks):
            piece = _piece((item // (parts * groups) * groups + group) * blocks + k, shape, windows, cut)
            example, together, _, block = piece
            first = _first(piece, shape, size)
            width = together * block[2] * block[4]
            if cut[0] > 1:
                _exchange(grad, first, panel, block, together, shape, size, False)
            _, line = _offset(0, windows, sets, block, together)
            fill_run(columns, 0, rows * line, bias.dtype.type(0))
            for start in range(0, width, cut[3]):
                n = min(cut[3], width - start)
                for tap in range(kernel[0] * kernel[1]):
                    at = ((tap * groups + group) * n_in + channel) * kernel[2] * n_out
                    to, _ = _offset(tap, windows, sets, block, together)
                    if cut[0] > 1:
                        gemm(arguments, False, False, rows, n, n_out, 1.0, weight, at, n_out, panel, start, width,
                             True, columns, to + start, line)  # fmt: skip
                    else:
                        gemm(arguments, False, False, rows, n, n_out, 1.0, weight, at, n_out, grad, first + start,
                             places, True, columns, to + start, line)  # fmt: skip
            for row in range(rows * kernel[0] * sets[0]):
                begin_line, down, lines = _lines(row, outer, windows, sets, block)
                to = row * (block[2] + sets[3]) * together * block[4]
                _write(room, begin_line, down, whole, windows[2][2], columns, to, (lines, together, block[4]))
        example = item // (parts * groups) * cut[0]
        for k in range(min(cut[0], examples - example)):
            to = (((example + k) * groups + group) * n_in + channel) * inner[0] * inner[1] * inner[2]
            _take(room, k * whole, out, to, last - channel, rooms, bias, group * n_in + channel)
