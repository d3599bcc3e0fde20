"""Convolutions, tap after tap of the kernel: the twin of `graphgrad.kernels.convolution`, for arrays of any kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["forward", "input_gradient", "weight_gradient"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]


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
    """See `graphgrad.kernels.convolution.forward`."""
    padded = _around(input, weight.shape[2:], size, stride, padding, dilation)
    dtype = np.result_type(input, weight) if bias is None else np.result_type(input, weight, bias)
    out = np.zeros((len(input), groups, len(weight) // groups, int(np.prod(size))), dtype)
    for tap, place in _taps(weight.shape[2:], size, stride, dilation):
        out += _grouped_weight(weight[..., *tap], groups) @ _grouped(padded[..., *place], groups)
    out = out.reshape(len(input), len(weight), *size)
    return out if bias is None else out + bias.reshape(-1, *[1] * len(size))


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
    """See `graphgrad.kernels.convolution.input_gradient`."""
    channels = weight.shape[1] * groups
    dtype = np.result_type(grad, weight) if bias is None else np.result_type(grad, weight, bias)
    inner = np.zeros((len(grad), channels, *size), dtype)
    padded = _around(inner, weight.shape[2:], grad.shape[2:], stride, padding, dilation)
    for tap, place in _taps(weight.shape[2:], grad.shape[2:], stride, dilation):
        part = _grouped_weight(weight[..., *tap], groups).swapaxes(-1, -2) @ _grouped(grad, groups)
        padded[..., *place] += part.reshape(len(grad), channels, *grad.shape[2:])
    for axis, (length, before) in enumerate(zip(size, padding, strict=True), start=2):
        inside = min(length, padded.shape[axis] - before)
        here: Any = (slice(None),) * axis
        rest = np.zeros((*padded.shape[:axis], length - inside, *padded.shape[axis + 1 :]), dtype)
        padded = np.concatenate([padded[*here, before : before + inside], rest], axis)
    return padded if bias is None else padded + bias.reshape(-1, *[1] * len(size))


def weight_gradient(
    input: Array, grad: Array, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, groups: int
) -> Array:
    """See `graphgrad.kernels.convolution.weight_gradient`."""
    size = grad.shape[2:]
    padded = _around(input, kernel, size, stride, padding, dilation)
    out = np.zeros((grad.shape[1], input.shape[1] // groups, *kernel), np.result_type(input, grad))
    for tap, place in _taps(kernel, size, stride, dilation):
        each = _grouped(grad, groups) @ _grouped(padded[..., *place], groups).swapaxes(-1, -2)
        out[..., *tap] = each.sum(0).reshape(out.shape[:2])
    return out


def _around(input: Array, kernel: Shape, size: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Array:
    """The input with its padding before, and behind as many zeros as the last window needs."""
    pairs = [(0, 0), (0, 0)]
    for length, taps, count, step, before, gap in zip(
        input.shape[2:], kernel, size, stride, padding, dilation, strict=True
    ):
        reach = (count - 1) * step + gap * (taps - 1) + 1
        pairs.append((before, max(reach - before - length, 0)))
    return np.pad(input, pairs)


def _taps(kernel: Shape, size: Shape, stride: Shape, dilation: Shape) -> Iterator[tuple[Any, Any]]:
    """Each tap of the kernel, and which elements of the padded input it sees."""
    for tap in np.ndindex(*kernel):
        starts = [gap * at for gap, at in zip(dilation, tap, strict=True)]
        yield (
            tap,
            tuple(
                slice(start, start + step * (count - 1) + 1, step)
                for start, step, count in zip(starts, stride, size, strict=True)
            ),
        )


def _grouped(images: Array, groups: int) -> Array:
    """(examples, groups, channels in a group, places)."""
    count, channels, *size = images.shape
    return images.reshape(count, groups, channels // groups, int(np.prod(size)))


def _grouped_weight(weight: Array, groups: int) -> Array:
    """One tap's weights: (groups, output channels in a group, input channels in a group)."""
    return weight.reshape(groups, len(weight) // groups, weight.shape[1])
