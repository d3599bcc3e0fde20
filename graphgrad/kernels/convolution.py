"""Convolutions in one, two and three dimensions: forward, and the gradients for the input and for the weights.

Along each axis, output o sees through tap r of the kernel the input's element i = o · stride + r · dilation - padding,
and zero where there is none. All three functions are sums over these pairs; they differ in what is summed:

    forward          out[o]    = Σ weight[r] · input[i]
    input_gradient   input[i]  = Σ weight[r] · grad[o]      a transposed convolution
    weight_gradient  weight[r] = Σ grad[o] · input[i]

Windows are written side by side as columns, and multiplied by the weights (`graphgrad.kernels.convolution_columns`);
or, if they are 3 by 3 and there are many channels, transformed (`graphgrad.kernels.winograd`); or gone through by a
plain loop where each channel has weights of its own (`graphgrad.kernels.depthwise`). Images, or blocks of one, are
shared out over the processors. Beyond operands and results that takes, for each processor, one padded image and a block
of columns, and `weight_gradient` the weights once or twice more.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.kernels import convolution_columns, depthwise, winograd
from graphgrad.kernels.blas import one_thread
from graphgrad.kernels.threads import in_parallel, processors, shares

__all__ = ["forward", "input_gradient", "weight_gradient"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Steps = tuple[Shape, Shape, Shape, Shape]
"""The lengths of what is looked for, stride, padding and dilation, along three axes."""

_BLOCK = 1 << 17
"""How many bytes of columns there are at a time: they and the weights are to stay in a second-level cache."""
_PRODUCT = 1_000_000
"""And how many products are in one product of matrices: OpenBLAS multiplies smaller ones without rearranging them."""
_LEAST = 128
"""But not fewer columns than these, if there are so many: the weights are rearranged for each product anew."""
_RUN = 1 << 12
"""How many sums of a depthwise convolution there are at a time: they are to stay in the first-level cache."""
_TILES = 48, 240
"""Of how many tiles of an image on they are transformed, and up to how many at a time."""
_CHANNELS = 32
"""And of how many channels on: the transforms cost as much for each, the products as much for each pair."""
_SMALL = 1 << 20
"""Up to so many products one thread is done before others have begun."""
_MULTIPLIER = 4
"""Up to so many output channels for an input channel of its own, a loop is quicker than a product of matrices."""
_KEPT = 1 << 24
"""Up to so many bytes of work memory are kept by each thread: fresh memory costs a page fault every 4 KiB."""


def forward(
    input: Array,
    weight: Array,
    bias: Array | None,
    size: Shape,
    stride: Shape,
    padding: Shape,
    dilation: Shape,
    groups: int,
) -> Array:
    """
    A convolution, as layers have it: the kernel is not flipped.

    Parameters
    ----------
    input
        Shape (N, C, *lengths), with one to three lengths; float32 or float64, like all other operands.
    weight
        Shape (K, C / groups, *kernel).
    bias
        Shape (K,), or None.
    size
        The lengths of the result.
    stride, padding, dilation
        A number for each length; the padding is that before the input. What a window sees beyond it is zero, however
        far that is.
    groups
        In how many parts the channels are split.

    Returns
    -------
    ndarray
        Shape (N, K, *size).
    """
    images, kernel, steps = _solid(input), _solid(weight), _triples(size, stride, padding, dilation)
    out = np.empty((len(input), len(weight), *steps[0]), input.dtype)
    if out.size and images.size and kernel.size:
        _forward(images, kernel, steps, _given(bias, out.dtype), out, groups)
    else:
        out[...] = 0.0 if bias is None else bias.reshape(-1, 1, 1, 1)
    return out.reshape(*out.shape[:2], *size)


def input_gradient(
    grad: Array,
    weight: Array,
    bias: Array | None,
    size: Shape,
    stride: Shape,
    padding: Shape,
    dilation: Shape,
    groups: int,
) -> Array:
    """
    What a convolution passes back to its input; a transposed convolution.

    Parameters
    ----------
    grad
        The gradient of the result, of shape (N, K, *lengths); of a transposed convolution the input.
    weight
        Shape (K, C / groups, *kernel).
    bias
        Shape (C,), for a transposed convolution, or None.
    size
        The lengths of the input whose gradient it is.
    stride, padding, dilation, groups
        As in `forward`.

    Returns
    -------
    ndarray
        Shape (N, C, *size).
    """
    grads, kernel, steps = _solid(grad), _solid(weight), _triples(size, stride, padding, dilation)
    out = np.empty((len(grad), weight.shape[1] * groups, *steps[0]), grad.dtype)
    more = _given(bias, out.dtype)
    if not (out.size and grads.size and kernel.size):
        out[...] = 0.0 if bias is None else more.reshape(-1, 1, 1, 1)
    elif _turns(kernel, grads, out, steps[1], groups):
        _forward(*_turned(grads, kernel, steps, groups), more, out, groups)
    else:
        _spread(grads, kernel, steps, more, out, groups)
    return out.reshape(*out.shape[:2], *size)


def weight_gradient(
    input: Array, grad: Array, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Array:
    """
    What a convolution passes back to its weights.

    Parameters
    ----------
    input
        Shape (N, C, *lengths).
    grad
        The gradient of the result, of shape (N, K, *lengths).
    kernel
        The lengths of the kernel.
    stride, padding, dilation, groups
        As in `forward`.

    Returns
    -------
    ndarray
        Shape (K, C / groups, *kernel).
    """
    images, grads, steps = _solid(input), _solid(grad), _triples(kernel, stride, padding, dilation)
    out = np.zeros((grad.shape[1], input.shape[1] // groups, *steps[0]), input.dtype)
    if out.size and images.size and grads.size:
        _weight_gradient(images, grads, steps, out, groups)
    return out.reshape(*out.shape[:2], *kernel)


# ---- how the work is shared out --------------------------------------------------------------------------------------


class _Plan:
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
        self.deep = n_in * math.prod(taps)
        self.places: int = math.prod(size)
        self.products = outs.size * self.deep
        self.depthwise = groups > 1 == n_in and n_out <= _MULTIPLIER
        self.matrix = self.inside and taps == (1, 1, 1) == stride and size == images.shape[2:]
        """Whether each window is one element of each channel, so that the image is the matrix of its columns."""
        self.high, self.pitch = (size[1] + 1) // 2, (size[2] + 1) // 2 + 1
        self.tiled = (
            groups == 1 == size[0] == images.shape[2]
            and (taps, stride, dilation, padding[0]) == ((1, 3, 3), (1, 1, 1), (1, 1, 1), 0)
            and min(n_in, n_out) >= _CHANNELS
            and self.high * self.pitch >= _TILES[0]
            and self.products > _SMALL
        )
        """Whether windows of 3 by 3 are taken tile by tile, as `graphgrad.kernels.winograd` does."""
        self.itemsize: int = images.itemsize

    def cut(self, deep: int, blocks_apart: bool = True) -> tuple[int, int]:
        """How many examples are taken together, and how many windows of one, with a piece for each processor."""
        examples, groups, _, n_out = self.shape
        most = min(_BLOCK // (deep * self.itemsize), _PRODUCT // (deep * n_out))
        most = max(most // 16 * 16, _LEAST)
        together = min(most // self.places, -(-examples // processors()))
        if together > 1:
            return together, self.places
        blocks = -(-self.places // most)
        if blocks_apart and self.products > _SMALL and examples * groups < processors():
            blocks = max(blocks, processors())
        return 1, -(-self.places // blocks)

    def pieces(self, cut: tuple[int, int]) -> int:
        return -(-self.shape[0] // cut[0]) * self.shape[1] * -(-self.places // cut[1])  # all rounded up

    def work(self, cut: tuple[int, int], deep: int) -> tuple[int, int]:
        """How many columns' and panel's elements that takes."""
        width = cut[0] * cut[1]
        return 0 if self.matrix and cut[0] == 1 else deep * width, self.shape[3] * width if cut[0] > 1 else 0

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

    def rows(self, wide: int) -> int:
        """How many rows of a depthwise convolution are taken at a time."""
        return int(max(1, min(_RUN // wide, self.windows[1][1])))


def _forward(images: Array, kernel: Array, steps: Steps, bias: Array, out: Array, groups: int) -> None:
    plan = _Plan(images, kernel.shape[2:], out, steps, groups)
    if plan.tiled:
        told, strips, work = plan.tiles()
        with np.errstate(all="ignore"):
            weight = winograd.WEIGHTS.astype(out.dtype) @ kernel.reshape(-1, 9).T

        def some(part: range) -> None:
            memory = _memory(out.dtype, 0, *work)[1:]
            winograd.forward(
                images.ravel(), weight.ravel(), bias, out.reshape(-1), *told, part.start, part.stop, *memory
            )

        _share(some, strips, plan.products)
        if np.isfinite(np.einsum("i->", out.reshape(-1))):  # else something may have spread over its tile
            return
    given = images.ravel(), kernel.ravel(), bias, out.reshape(-1), plan.shape, plan.windows, plan.rooms
    if plan.depthwise:
        room = 0 if plan.inside else math.prod(plan.reach)
        wide = images.shape[4] if plan.inside else plan.reach[2]
        rows = plan.rows(wide)

        def channels(part: range) -> None:
            memory = _memory(out.dtype, room, rows * wide)
            depthwise.forward(*given, rows, part.start, part.stop, *memory[:-1])

        _share(channels, len(out) * out.shape[1], plan.products, blas=False)
        return
    cut = plan.cut(plan.deep)
    room = 0 if plan.inside else plan.shape[2] * math.prod(plan.reach)
    work = plan.work(cut, plan.deep)

    def pieces(part: range) -> None:
        memory = _memory(out.dtype, room, *work)
        convolution_columns.forward(*given, cut, plan.matrix and cut[0] == 1, part.start, part.stop, *memory)

    _share(pieces, plan.pieces(cut), plan.products)


def _spread(grads: Array, kernel: Array, steps: Steps, bias: Array, out: Array, groups: int) -> None:
    plan = _Plan(out, kernel.shape[2:], grads, steps, groups)
    given = grads.ravel(), kernel.ravel(), bias, out.reshape(-1), plan.shape, plan.windows, plan.rooms
    if plan.depthwise and np.isfinite(kernel).all():  # it multiplies zeros too
        rows = plan.rows(plan.reach[2])

        def channels(part: range) -> None:
            memory = _memory(out.dtype, math.prod(plan.reach), rows * plan.reach[2])
            depthwise.spread(*given, rows, part.start, part.stop, *memory[:-1])

        _share(channels, len(out) * out.shape[1], plan.products, blas=False)
        return
    examples, _, n_in, _ = plan.shape
    parts = min(n_in, processors()) if examples * groups < processors() else 1
    most = -(-n_in // parts)
    deep = most * math.prod(kernel.shape[2:])
    cut = plan.cut(deep, blocks_apart=False)
    width = cut[0] * cut[1]
    work = deep * width, plan.shape[3] * width if cut[0] > 1 else 0

    def pieces(part: range) -> None:
        memory = _memory(out.dtype, most * math.prod(plan.reach), *work)
        convolution_columns.spread(*given, cut, parts, part.start, part.stop, *memory)

    _share(pieces, -(-examples // cut[0]) * groups * parts, plan.products)


def _weight_gradient(images: Array, grads: Array, steps: Steps, out: Array, groups: int) -> None:
    plan = _Plan(images, out.shape[2:], grads, steps, groups)
    given = images.ravel(), grads.ravel()
    places = plan.shape, plan.windows, plan.rooms
    if plan.depthwise:
        room = 0 if plan.inside else math.prod(plan.reach)
        wide = images.shape[4] if plan.inside else plan.reach[2]
        rows = plan.rows(wide)
        lanes = depthwise.LANES * math.prod(out.shape[2:])

        def channels(part: range) -> None:
            memory = _memory(out.dtype, room, rows * wide, lanes)
            depthwise.weight_gradient(*given, out.reshape(-1), *places, rows, part.start, part.stop, *memory[:-1])

        _share(channels, len(out), plan.products, blas=False)
        if np.isfinite(out).all():  # it multiplies zeros too
            return
        out[...] = 0.0
    if plan.tiled:
        told, strips, work = plan.tiles()

        def some(part: range) -> Array:
            mine = np.zeros(16 * out.size // 9, out.dtype)
            memory = _memory(out.dtype, 0, *work[:3])[1:]
            winograd.weight_gradient(*given, mine, *told, part.start, part.stop, *memory)
            return mine

        with np.errstate(all="ignore"):
            transformed = np.add.reduce(_share(some, strips, plan.products)).reshape(16, -1)
            out[...] = (winograd.WEIGHTS.T.astype(out.dtype) @ transformed).T.reshape(out.shape)
        if np.isfinite(out).all():  # else something may have spread over its tile
            return
        out[...] = 0.0
    cut = plan.cut(plan.deep)
    room = 0 if plan.inside else plan.shape[2] * math.prod(plan.reach)
    work = plan.work(cut, plan.deep)

    def pieces(part: range) -> Array:
        mine = out if part.start == 0 else np.zeros_like(out)
        memory = _memory(out.dtype, room, *work)
        matrix = plan.matrix and cut[0] == 1
        convolution_columns.weight_gradient(
            *given, mine.reshape(-1), *places, cut, matrix, part.start, part.stop, *memory
        )
        return mine

    for mine in _share(pieces, plan.pieces(cut), plan.products)[1:]:
        out += mine


def _turns(kernel: Array, grads: Array, out: Array, stride: Shape, groups: int) -> bool:
    """Whether the input's gradient is computed as a convolution with the flipped kernel.

    With a stride it isn't one, and where it is much larger than the gradient that it comes from, most of what would be
    multiplied were zeros; these must not meet infinite weights either.
    """
    n_in, n_out = kernel.shape[1], len(kernel) // groups
    return (
        stride == (1, 1, 1)
        and not (groups > 1 == n_in and n_out <= _MULTIPLIER)
        and math.prod(out.shape[2:]) * n_in * 4 <= math.prod(grads.shape[2:]) * n_in * 5
        and bool(np.isfinite(kernel).all())
    )


def _turned(grads: Array, kernel: Array, steps: Steps, groups: int) -> tuple[Array, Array, Steps]:
    """Each element of the input sees the outputs through the taps from the last to the first."""
    size, stride, padding, dilation = steps
    n_in, *taps = kernel.shape[1:]
    flipped = kernel[:, :, ::-1, ::-1, ::-1].reshape(groups, -1, n_in, *taps).swapaxes(1, 2)
    before = tuple(gap * (n - 1) - front for gap, n, front in zip(dilation, taps, padding, strict=True))
    return grads, np.ascontiguousarray(flipped).reshape(groups * n_in, -1, *taps), (size, stride, before, dilation)


def _share(function: Callable[[range], Any], count: int, products: int, blas: bool = True) -> list[Any]:
    """Call a function with ranges that make up `count`: with one if the work is small, else with one a processor."""
    if products <= _SMALL or count < 2:
        return [function(range(count))]
    if not blas:
        return in_parallel(function, shares(count))
    with one_thread():
        return in_parallel(function, shares(count))


# ---- arrays ----------------------------------------------------------------------------------------------------------


def _solid(array: Array) -> Array:
    """With three lengths, in C order, and writable: for arrays that aren't, all would be compiled once more."""
    if not array.flags.writeable:
        array = array.copy()
    return np.ascontiguousarray(array).reshape(*array.shape[:2], *[1] * (5 - array.ndim), *array.shape[2:])


def _triples(size: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Steps:
    """The same for three lengths."""
    more = 3 - len(size)
    return (1,) * more + size, (1,) * more + stride, (0,) * more + padding, (1,) * more + dilation


def _given(bias: Array | None, dtype: Any) -> Array:
    return np.empty(0, dtype) if bias is None else np.ascontiguousarray(bias, dtype)


_own = threading.local()


def _memory(dtype: Any, room: int, *more: int) -> tuple[Any, ...]:
    """Memory of this thread to work in: a room of zeros, others as they are, and what arguments of BLAS stand in."""
    kept = getattr(_own, dtype.name, None)
    if kept is None:
        kept = [np.empty(0, dtype), (np.empty(2, np.uint8), np.empty(6, np.int32), np.empty(2, dtype))]
        setattr(_own, dtype.name, kept)
    memory: Array = kept[0]
    if memory.size < room + sum(more):
        memory = np.empty(room + sum(more), dtype)
        if memory.nbytes <= _KEPT:
            kept[0] = memory
    memory[:room] = 0.0
    parts, at = [memory[:room]], room
    for count in more:
        parts.append(memory[at : at + count])
        at += count
    return (*parts, kept[1])
