"""Convolutions in one, two and three dimensions: forward, and the gradients for the input and for the weights.

Along each axis, output o sees through tap r of the kernel the input's element i = o · stride + r · dilation - padding,
and zero where there is none. All three functions are sums over these pairs; they differ in what is summed:

    forward          out[o]    = Σ weight[r] · input[i]
    input_gradient   input[i]  = Σ weight[r] · grad[o]      a transposed convolution
    weight_gradient  weight[r] = Σ grad[o] · input[i]

Lines of windows are written out as rows of a matrix, and multiplied by the weights
(`graphgrad.kernels.convolution_columns`); or, if they are 3 by 3 and there are many channels, transformed
(`graphgrad.kernels.winograd`); or gone through by a plain loop where each channel has weights of its own
(`graphgrad.kernels.depthwise`). Images, or blocks of one, are shared out over the processors.

Beyond operands and results that takes, for each processor:

- one padded image, or some if their planes have fewer than 64 outputs: then so many that there are 64 to 127 outputs
- 1 MiB of columns, or 4 MiB where that were fewer than 64 windows, or 64 windows if that is more; for transformed
  tiles, 240 tiles (or a row of them) of an image, 36 times as many numbers as there are channels
- `weight_gradient`: the weights once, or twice if they are transformed; in float64 where each channel has its own

and a copy of the weights in the order in which they are multiplied, transformed twice as many. None of it is kept but
up to 16 MiB for each thread.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.kernels import convolution_columns, depthwise, winograd
from graphgrad.kernels.blas import one_thread
from graphgrad.kernels.convolution_plan import SMALL, Plan, Steps, planned
from graphgrad.kernels.threads import in_parallel, processors, shares

__all__ = ["forward", "input_gradient", "weight_gradient"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
_LOOP = 4
"""How many times as long as a product of matrices a loop takes for each of its products."""
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
    elif _plan(out, kernel.shape[2:], grads, steps, groups).flips and np.isfinite(kernel).all():  # it multiplies zeros
        _forward(*_flipped(grads, kernel, steps, groups), more, out, groups)
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


def _plan(images: Array, taps: Shape, outs: Array, steps: Steps, groups: int) -> Plan:
    return planned(images.shape, taps, outs.shape, steps, groups, outs.itemsize, processors())


# ---- how the work is shared out --------------------------------------------------------------------------------------


def _forward(images: Array, kernel: Array, steps: Steps, bias: Array, out: Array, groups: int) -> None:
    plan = _plan(images, kernel.shape[2:], out, steps, groups)
    if plan.tiled:
        told, strips, work = plan.tiles()
        with one_thread(), np.errstate(all="ignore"):
            weight = winograd.WEIGHTS.astype(out.dtype) @ kernel.reshape(-1, 9).T

        def some(part: range) -> None:
            memory = _memory(out.dtype, 0, *work)[1:]
            winograd.forward(
                images.ravel(), weight.ravel(), bias, out.reshape(-1), *told, part.start, part.stop, *memory
            )

        _share_products(some, strips, plan.products)
        if np.isfinite(np.einsum("i->", out.reshape(-1))):  # else something may have spread over its tile
            return
    places = plan.shape, plan.windows, plan.rooms
    if plan.depthwise:
        room, rows, line = plan.lines(padded=False)

        def channels(part: range) -> None:
            memory = _memory(out.dtype, room, line)
            depthwise.forward(
                images.ravel(),
                kernel.ravel(),
                bias,
                out.reshape(-1),
                *places,
                rows,
                part.start,
                part.stop,
                *memory[:-1],
            )

        _share(channels, len(out) * out.shape[1], plan.products * _LOOP)
        return
    if plan.dense:
        _multiply(images.reshape(len(images), -1), kernel.reshape(len(kernel), -1).T, bias, out)
        return
    cut, sets, columns, panel, count = plan.across
    matrix = plan.matrix
    room = 0 if plan.inside else cut[0] * plan.room
    weight = np.ascontiguousarray(kernel.transpose(2, 3, 0, 1, 4)).ravel()

    def pieces(part: range) -> None:
        memory = _memory(out.dtype, room, 0 if matrix else columns, panel)
        convolution_columns.forward(
            images.ravel(), weight, bias, out.reshape(-1), *places, cut, sets, matrix, part.start, part.stop, *memory
        )

    _share_products(pieces, count, plan.products)


def _spread(grads: Array, kernel: Array, steps: Steps, bias: Array, out: Array, groups: int) -> None:
    plan = _plan(out, kernel.shape[2:], grads, steps, groups)
    places = plan.shape, plan.windows, plan.rooms
    if plan.depthwise and np.isfinite(kernel).all():  # it multiplies zeros too
        room, rows, line = plan.lines(padded=True)

        def channels(part: range) -> None:
            memory = _memory(out.dtype, room, line)
            depthwise.spread(
                grads.ravel(), kernel.ravel(), bias, out.reshape(-1), *places, rows, part.start, part.stop, *memory[:-1]
            )

        _share(channels, len(out) * out.shape[1], plan.products * _LOOP)
        return
    if plan.dense:
        _multiply(grads.reshape(len(grads), -1), kernel.reshape(len(kernel), -1), bias, out)
        return
    parts, most, (cut, sets, columns, panel, count) = plan.back
    n_out = plan.shape[3]
    turned = kernel.reshape(groups, n_out, *kernel.shape[1:]).transpose(3, 4, 0, 2, 5, 1)
    weight = np.ascontiguousarray(turned).ravel()

    def pieces(part: range) -> None:
        memory = _memory(out.dtype, cut[0] * most * math.prod(plan.rooms[1]), columns, panel)
        convolution_columns.spread(
            grads.ravel(), weight, bias, out.reshape(-1), *places, cut, sets, parts, part.start, part.stop, *memory
        )

    _share_products(pieces, count, plan.products)


def _weight_gradient(images: Array, grads: Array, steps: Steps, out: Array, groups: int) -> None:
    plan = _plan(images, out.shape[2:], grads, steps, groups)
    given = images.ravel(), grads.ravel()
    places = plan.shape, plan.windows, plan.rooms
    if plan.depthwise:
        room, rows, line = plan.lines(padded=False)

        def channels(part: range) -> None:
            memory = _memory(out.dtype, room, line)
            depthwise.weight_gradient(*given, out.reshape(-1), *places, rows, part.start, part.stop, *memory[:-1])

        _share(channels, len(out), plan.products * _LOOP)
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

        with one_thread(), np.errstate(all="ignore"):
            found = _total(_share_products(some, strips, plan.products)).reshape(16, -1)
            out[...] = (winograd.WEIGHTS.T.astype(out.dtype) @ found).T.reshape(out.shape)
        if np.isfinite(out).all():  # else something may have spread over its tile
            return
        out[...] = 0.0
    if plan.dense:
        none = _given(None, out.dtype)
        _multiply(grads.reshape(len(grads), -1).T, images.reshape(len(images), -1), none, out)
        return
    cut, sets, columns, _, count = plan.across
    matrix, panel = plan.matrix, plan.turned
    room = 0 if plan.inside else cut[0] * plan.room

    def pieces(part: range) -> Array:
        mine = np.zeros(out.size, out.dtype)
        memory = _memory(out.dtype, room, 0 if matrix else columns, panel)
        convolution_columns.weight_gradient(*given, mine, *places, cut, sets, matrix, part.start, part.stop, *memory)
        return mine

    found = _total(_share_products(pieces, count, plan.products))
    n_in, *taps = out.shape[1:]
    parts = found.reshape(*taps[:2], groups, n_in, taps[2], -1).transpose(2, 5, 3, 0, 1, 4)
    out[...] = parts.reshape(out.shape)


def _flipped(grads: Array, kernel: Array, steps: Steps, groups: int) -> tuple[Array, Array, Steps]:
    """Each element of the input sees the outputs through the taps from the last to the first."""
    size, stride, padding, dilation = steps
    n_in, *taps = kernel.shape[1:]
    weight = kernel[:, :, ::-1, ::-1, ::-1].reshape(groups, -1, n_in, *taps).swapaxes(1, 2)
    before = tuple(gap * (n - 1) - front for gap, n, front in zip(dilation, taps, padding, strict=True))
    return grads, np.ascontiguousarray(weight).reshape(groups * n_in, -1, *taps), (size, stride, before, dilation)


def _multiply(a: Array, b: Array, bias: Array, out: Array) -> None:
    """The product of two matrices, and a bias for each channel."""
    with one_thread(), np.errstate(all="ignore"):
        np.matmul(a, b, out.reshape(len(out), -1))
        if bias.size:
            out += bias.reshape(-1, 1, 1, 1)


def _total(parts: list[Array]) -> Array:
    """The sum of arrays, in the memory of the first."""
    found, *more = parts
    for one in more:
        found += one
    return found


def _share(function: Callable[[range], Any], count: int, products: int) -> list[Any]:
    """Call a function with ranges that make up `count`: with one if the work is small, else with one a processor."""
    return in_parallel(function, [range(count)] if products <= SMALL else shares(count))


def _share_products(function: Callable[[range], Any], count: int, products: int) -> list[Any]:
    """The same for a function that has BLAS multiply matrices."""
    with one_thread():
        return _share(function, count, products)


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
    return np.empty(0, dtype) if bias is None else np.array(bias, dtype)


_own = threading.local()
_LINE = 64
"""Bytes of a line of the processor's cache: what lies across two takes up to twice as long to read."""


def _memory(dtype: Any, *counts: int) -> tuple[Any, ...]:
    """Memory of this thread to work in: a room of zeros, others as they are, and what arguments of BLAS stand in."""
    kept = getattr(_own, dtype.char, None)
    if kept is None:
        kept = [np.empty(0, dtype), (np.empty(2, np.uint8), np.empty(6, np.int32), np.empty(2, dtype))]
        setattr(_own, dtype.char, kept)
    line = _LINE // dtype.itemsize
    places = [0, *itertools.accumulate(-(-count // line) * line for count in counts)]
    memory: Array = kept[0]
    if memory.size < places[-1]:
        memory = _in_lines(places[-1], dtype)
        if memory.nbytes <= _KEPT:
            kept[0] = memory
    memory[: counts[0]] = 0.0
    return (*(memory[at : at + count] for at, count in zip(places, counts, strict=False)), kept[1])


def _in_lines(count: int, dtype: Any) -> Array:
    """Memory for so many elements that begins where a line of the cache does."""
    memory = np.empty(count * dtype.itemsize + _LINE, np.uint8)
    begin = -memory.ctypes.data % _LINE
    return memory[begin : begin + count * dtype.itemsize].view(dtype)
