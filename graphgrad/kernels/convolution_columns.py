"""The kernels of convolutions by products of matrices: windows as columns, times the weights (im2col).

The windows of an image, a block of them at a time, are written side by side into columns that stay in the processor's
cache; where images are small, those of several stand side by side. `graphgrad.kernels.convolution` shares out the work.

Four tuples say what is where, each along three axes:

- ``shape``: examples, groups, input channels and output channels of a group
- ``windows``: lengths of the kernel, lengths of the outputs, stride, dilation
- ``rooms``: lengths of the input, of the room that all windows reach over, padding before the input
- ``cut``: how many examples are taken together, and how many outputs of one at a time

``room`` has place for the channels of one group of one image, with zeros around them; it is empty where windows lie
inside of the image. ``columns`` and ``panel`` are memory to work in, ``arguments`` what BLAS is given.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.kernels.blas import dgemm, sgemm
from graphgrad.kernels.jit import jit

__all__ = ["forward", "spread", "weight_gradient"]

# Arrays are flat, and elements counted by unsigned integers: slices would be counted by their users (with atomic
# instructions), and a signed number might mean an element from the end; neither can be done many elements at a time.


@jit
def _gemm(
    arguments: Any,
    turn_a: bool,
    turn_b: bool,
    m: int,
    n: int,
    k: int,
    a: Any,
    start_a: int,
    step_a: int,
    b: Any,
    start_b: int,
    step_b: int,
    add: bool,
    c: Any,
    start_c: int,
    step_c: int,
) -> None:
    """C = A B, or C += A B, for parts of arrays: A is m by k, B is k by n, each as it is or to be turned (transposed).

    A part begins at an element of the array's memory, and its rows are a step apart. Fortran, which counts columns
    first, sees all of them transposed, and computes Cᵀ = Bᵀ Aᵀ.
    """
    letters, integers, factors = arguments
    letters[0] = 84 if turn_b else 78  # T and N
    letters[1] = 84 if turn_a else 78
    integers[0], integers[1], integers[2] = n, m, k
    integers[3], integers[4], integers[5] = step_b, step_a, step_c
    factors[0] = 1.0
    factors[1] = 1.0 if add else 0.0
    at, i, f = letters.ctypes.data, integers.ctypes.data, factors.ctypes.data
    wide = c.itemsize
    pointer_a = a.ctypes.data + start_a * wide
    pointer_b = b.ctypes.data + start_b * wide
    pointer_c = c.ctypes.data + start_c * wide
    if wide == 4:
        sgemm(at, at + 1, i, i + 4, i + 8, f, pointer_b, i + 12, pointer_a, i + 16, f + wide, pointer_c, i + 20)
    else:
        dgemm(at, at + 1, i, i + 4, i + 8, f, pointer_b, i + 12, pointer_a, i + 16, f + wide, pointer_c, i + 20)


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
def _columns(image: Any, at: int, lengths: Any, windows: Any, block: Any, columns: Any, back: bool) -> None:
    """The windows of an image as columns, a row for each channel and tap; or, `back`, columns added to the windows.

    The image begins at an element of its array, and has these lengths. The block says from which window on how many
    are meant, how many rows there are, at which column they begin, and how many columns the matrix has.
    """
    kernel, size, stride, dilation = windows
    start, n, rows, column, width = block
    high, wide, step = size[1], size[2], stride[2]
    down = stride[1] * lengths[2]
    deeper = stride[0] * lengths[1] * lengths[2] - (high - 1) * down
    line = start // wide
    first_z = line // high
    first_y = line - first_z * high
    first_x = start - line * wide
    corner = at + (first_z * stride[0] * lengths[1] + first_y * stride[1]) * lengths[2]
    for row in range(rows):
        x = row % kernel[2] * dilation[2]
        y = row // kernel[2] % kernel[1] * dilation[1]
        z = row // (kernel[2] * kernel[1]) % kernel[0] * dilation[0]
        c = row // (kernel[2] * kernel[1] * kernel[0])
        here = corner + ((c * lengths[0] + z) * lengths[1] + y) * lengths[2] + x
        y, begin = first_y, first_x
        to = row * width + column
        stop = to + n
        while to < stop:
            count = min(wide - begin, stop - to)
            source, target = np.uintp(here + begin * step), np.uintp(to)
            if step == 1:
                if back:
                    for j in range(np.uintp(count)):
                        image[source + j] += columns[target + j]
                else:
                    for j in range(np.uintp(count)):
                        columns[target + j] = image[source + j]
            else:
                far = np.uintp(step)
                if back:
                    for j in range(np.uintp(count)):
                        image[source + j * far] += columns[target + j]
                else:
                    for j in range(np.uintp(count)):
                        columns[target + j] = image[source + j * far]
            to += count
            begin = 0
            y += 1
            if y == high:
                y = 0
                here += deeper
            else:
                here += down


@jit
def _item(item: int, shape: Any, windows: Any, cut: Any) -> Any:
    """What the number of a piece of work means: first example, how many, the group, first output, how many."""
    size = windows[1]
    places = size[0] * size[1] * size[2]
    blocks = (places + cut[1] - 1) // cut[1]
    block = item % blocks
    group = item // blocks % shape[1]
    example = item // (blocks * shape[1]) * cut[0]
    return example, min(cut[0], shape[0] - example), group, block * cut[1], min(cut[1], places - block * cut[1])


@jit
def _panel(images: Any, room: Any, columns: Any, piece: Any, shape: Any, windows: Any, rooms: Any, fresh: bool) -> None:
    """The windows of a piece of work as columns, those of its examples side by side."""
    example, together, group, start, n = piece
    inner, outer, _ = rooms
    kernel = windows[0]
    rows = shape[2] * kernel[0] * kernel[1] * kernel[2]
    whole = shape[2] * inner[0] * inner[1] * inner[2]
    for k in range(together):
        at = ((example + k) * shape[1] + group) * whole
        block = (start, n, rows, k * n, together * n)
        if room.size:
            if fresh:
                _place(images, at, shape[2], room, rooms)
            _columns(room, 0, outer, windows, block, columns, False)
        else:
            _columns(images, at, inner, windows, block, columns, False)


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
    matrix: bool,
    begin: int,
    end: int,
    room: Any,
    columns: Any,
    panel: Any,
    arguments: Any,
) -> None:
    """The results of some pieces of work; with `matrix` the image is the matrix of its columns."""
    _, groups, n_in, n_out = shape
    kernel, size = windows[0], windows[1]
    places = size[0] * size[1] * size[2]
    deep = n_in * kernel[0] * kernel[1] * kernel[2]
    here = (-1, -1)
    for item in range(begin, end):
        piece = _item(item, shape, windows, cut)
        example, together, group, start, n = piece
        first = (example * groups + group) * n_out * places + start
        width = together * n
        if matrix:
            at = (example * groups + group) * n_in * places + start
            _gemm(arguments, False, False, n_out, n, deep, weight, group * n_out * deep, deep, images, at, places,
                  False, out, first, places)  # fmt: skip
        else:
            _panel(images, room, columns, piece, shape, windows, rooms, cut[0] > 1 or here != (example, group))
            here = (example, group)
            if cut[0] == 1:
                _gemm(arguments, False, False, n_out, n, deep, weight, group * n_out * deep, deep, columns, 0, width,
                      False, out, first, places)  # fmt: skip
            else:
                _gemm(arguments, False, False, n_out, width, deep, weight, group * n_out * deep, deep,
                      columns, 0, width, False, panel, 0, width)  # fmt: skip
                for k in range(together):
                    for channel in range(n_out):
                        to = first + (k * groups * n_out + channel) * places
                        _copy(out, to, panel, channel * width + k * n, n)
        if bias.size:
            for k in range(together):
                for channel in range(n_out):
                    more = bias[group * n_out + channel]
                    to = np.uintp(first + (k * groups * n_out + channel) * places)
                    for j in range(np.uintp(n)):
                        out[to + j] += more


@jit
def weight_gradient(
    images: Any,
    grad: Any,
    out: Any,
    shape: Any,
    windows: Any,
    rooms: Any,
    cut: Any,
    matrix: bool,
    begin: int,
    end: int,
    room: Any,
    columns: Any,
    panel: Any,
    arguments: Any,
) -> None:
    """What some pieces of work add to the gradient of the weights."""
    _, groups, n_in, n_out = shape
    kernel, size = windows[0], windows[1]
    places = size[0] * size[1] * size[2]
    deep = n_in * kernel[0] * kernel[1] * kernel[2]
    here = (-1, -1)
    for item in range(begin, end):
        piece = _item(item, shape, windows, cut)
        example, together, group, start, n = piece
        first = (example * groups + group) * n_out * places + start
        width = together * n
        to = group * n_out * deep
        if matrix:
            at = (example * groups + group) * n_in * places + start
            _gemm(arguments, False, True, n_out, deep, n, grad, first, places, images, at, places,
                  True, out, to, deep)  # fmt: skip
            continue
        _panel(images, room, columns, piece, shape, windows, rooms, cut[0] > 1 or here != (example, group))
        here = (example, group)
        if cut[0] == 1:
            _gemm(arguments, False, True, n_out, deep, n, grad, first, places, columns, 0, width,
                  True, out, to, deep)  # fmt: skip
        else:
            _gather(grad, first, panel, together, n, shape, places)
            _gemm(arguments, False, True, n_out, deep, width, panel, 0, width, columns, 0, width,
                  True, out, to, deep)  # fmt: skip


@jit
def _gather(grad: Any, first: int, panel: Any, together: int, n: int, shape: Any, places: int) -> None:
    """The gradients of several examples side by side, a row for each output channel of a group."""
    for k in range(together):
        for channel in range(shape[3]):
            start = first + (k * shape[1] * shape[3] + channel) * places
            _copy(panel, (channel * together + k) * n, grad, start, n)


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
    parts: int,
    begin: int,
    end: int,
    room: Any,
    columns: Any,
    panel: Any,
    arguments: Any,
) -> None:
    """The input's gradient for some pieces of work: a part of the channels of one group of some examples."""
    examples, groups, n_in, n_out = shape
    kernel, size = windows[0], windows[1]
    inner, outer, _ = rooms
    places = size[0] * size[1] * size[2]
    taps = kernel[0] * kernel[1] * kernel[2]
    deep = n_in * taps
    for item in range(begin, end):
        part = item % parts
        group = item // parts % groups
        example = item // (parts * groups) * cut[0]
        together = min(cut[0], examples - example)
        channel, last = n_in * part // parts, n_in * (part + 1) // parts
        rows = (last - channel) * taps
        first = (example * groups + group) * n_out * places
        for start in range(0, places, cut[1]):
            n = min(cut[1], places - start)
            width = together * n
            at = group * n_out * deep + channel * taps
            if cut[0] == 1:
                _gemm(arguments, True, False, rows, n, n_out, weight, at, deep, grad, first + start, places,
                      False, columns, 0, n)  # fmt: skip
            else:
                _gather(grad, first, panel, together, n, shape, places)
                _gemm(arguments, True, False, rows, width, n_out, weight, at, deep, panel, 0, width,
                      False, columns, 0, width)  # fmt: skip
            for k in range(together):
                if start == 0:
                    _fill(room, 0, (last - channel) * outer[0] * outer[1] * outer[2], bias.dtype.type(0))
                _columns(room, 0, outer, windows, (start, n, rows, k * n, width), columns, True)
                if start + n == places:
                    whole = ((example + k) * groups + group) * n_in + channel
                    to = whole * inner[0] * inner[1] * inner[2]
                    _take(room, out, to, last - channel, rooms, bias, group * n_in + channel)
