"""Where the windows of pooling lie, how many there are, and what is refused."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.graph.errors import ArgumentError, DTypeError, ShapeError
from graphgrad.graph.operation import ErrorSample
from graphgrad.kernels.plain.pooling import Slide, Window

__all__ = [
    "INPUTS",
    "NO_AXIS",
    "SIZES",
    "Shape",
    "Sizes",
    "adaptive",
    "apart",
    "checked_rank",
    "errors",
    "line",
    "nested",
    "pooled",
    "prepare_sizes",
    "sliding",
    "total",
    "whole_numbers",
]

Shape = tuple[int, ...]
Sizes = int | Sequence[int]

SIZES = {1: "width", 2: "height and width", 3: "depth, height and width"}
"""What the lengths of a window are for, by how many there are."""
INPUTS = {1: "(N, C, L) or (C, L)", 2: "(N, C, H, W) or (C, H, W)", 3: "(N, C, D, H, W) or (C, D, H, W)"}
"""The shape of an input, by how many axes are pooled."""


# ---- attributes ------------------------------------------------------------------------------------------------------


def whole_numbers(value: Any, n: int, name: str, least: int) -> Shape:
    """One integer for each of n axes, of one that is for all, or of as many."""
    if type(value) is int and value >= least:
        return (value,) * n
    try:
        given = (operator.index(value),) if np.ndim(value) == 0 else tuple(map(operator.index, value))
    except TypeError:
        raise TypeError(f"{name} is an integer, or one for each of {n} axes, got {value!r:.60}") from None
    if len(given) == 1:
        given *= n
    if len(given) != n or min(given) < least:
        each = f" or {n} of them, for {SIZES[n]}," if n > 1 else ""
        raise ValueError(f"{name} is an integer from {least},{each} got {value!r:.60}")
    return given


def prepare_sizes(attrs: dict[str, Any], n: int) -> None:
    """Keep what describes sliding windows as tuples of n integers; the stride is the size of the window if not given.

    The padding may be half of what a window reaches over, so that no window sees padding only.
    """
    kernel = attrs["kernel_size"] = whole_numbers(attrs["kernel_size"], n, "kernel_size", 1)
    if attrs["stride"] is None:
        attrs["stride"] = kernel
    attrs["stride"] = whole_numbers(attrs["stride"], n, "stride", 1)
    if "padding" not in attrs:
        return
    padding = attrs["padding"] = whole_numbers(attrs["padding"], n, "padding", 0)
    dilation = (1,) * n
    if "dilation" in attrs:
        dilation = attrs["dilation"] = whole_numbers(attrs["dilation"], n, "dilation", 1)
    for k, p, d in zip(kernel, padding, dilation, strict=True):
        reach = d * (k - 1) + 1
        if p > reach // 2:
            raise ValueError(
                f"padding is at most half of what a window reaches over, (dilation * (kernel_size - 1) + 1) // 2 = "
                f"({d} * ({k} - 1) + 1) // 2 = {reach // 2}, got {p}"
            )


# ---- windows ---------------------------------------------------------------------------------------------------------


def checked_rank(input: Shape, n: int) -> None:
    """Refuse what has another number of axes, or none to pool over."""
    if len(input) not in (n + 1, n + 2):
        raise ValueError(f"input {input} must have the shape {INPUTS[n]}")
    if not all(input[-n:]):
        raise ValueError(f"input {input} has no elements to pool over: an axis has length 0")


def sliding(
    input: Shape, kernel_size: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil_mode: bool
) -> Window:
    """The windows that slide over the last axes of an input of some shape, by PyTorch's formula for their number."""
    n = len(kernel_size)
    checked_rank(input, n)
    slides = [NO_AXIS] * (3 - n)
    for i, (length, *sizes) in enumerate(zip(input[-n:], kernel_size, stride, padding, dilation, strict=True)):
        try:
            slides.append(_slide(length, *sizes, ceil_mode))
        except ValueError as reason:
            raise ValueError(f"axis {i - n} of input {input}: {reason}") from None
    return slides[0], slides[1], slides[2]


@functools.lru_cache(1024)
def _slide(length: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> Slide:
    over = length + 2 * padding - dilation * (kernel - 1) - 1
    count = (-(-over // stride) if ceil_mode else over // stride) + 1
    if ceil_mode and (count - 1) * stride >= length + padding:
        count -= 1  # the last window has to begin inside
    if count < 1:
        rounded = "ceil" if ceil_mode else "floor"
        raise ValueError(
            f"no window fits: {rounded}((length + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1 = "
            f"{rounded}(({length} + 2 * {padding} - {dilation} * ({kernel} - 1) - 1) / {stride}) + 1 = {count}"
        )
    begins = np.arange(count) * stride - padding
    starts = np.where(begins < 0, begins + -(begins // dilation) * dilation, begins)
    stops = np.minimum(begins + dilation * (kernel - 1) + 1, length)
    if (starts >= stops).any():
        nothing = int(np.argmax(starts >= stops))
        raise ValueError(f"window {nothing} has no element inside: with dilation {dilation} all lie in the padding")
    return Slide(length, starts, stops, dilation, kernel, stride, padding)


@functools.lru_cache(1024)
def _even(length: int, count: int) -> Slide:
    """As many windows as are wanted, as alike as possible: from floor(i · length / count) to ceil((i + 1) · …)."""
    if count and length % count == 0:
        return _slide(length, length // count, length // count, 0, 1, False)
    i = np.arange(count)
    starts, stops = i * length // max(count, 1), -(-(i + 1) * length // max(count, 1))
    return Slide(length, starts, stops, 1, 0, 0, 0)


NO_AXIS = _slide(1, 1, 1, 0, 1, False)
"""One element and one window: along the axes that an input of fewer doesn't have."""


def adaptive(input: Shape, output_size: Sequence[int | None]) -> Window:
    """The windows that make an output of some size of an input of some shape; None for as many as the input has."""
    n = len(output_size)
    checked_rank(input, n)
    counts = [length if size is None else size for length, size in zip(input[-n:], output_size, strict=True)]
    slides = [NO_AXIS] * (3 - n) + [_even(length, count) for length, count in zip(input[-n:], counts, strict=True)]
    return slides[0], slides[1], slides[2]


def pooled(input: Shape, window: Window, n: int) -> Shape:
    """The shape of the result: a window in place of each element."""
    return (*input[: len(input) - n], *(slide.windows for slide in window[3 - n :]))


def total(window: Window) -> int:
    """How many elements all windows of a plane have together."""
    return math.prod(sum(len(range(a, b, s.gap)) for a, b in zip(s.starts, s.stops, strict=True)) for s in window)


# ---- what is refused -------------------------------------------------------------------------------------------------


def errors(n: int, **attrs: Any) -> tuple[ErrorSample, ...]:
    """What sliding windows refuse."""
    small = np.zeros((1, *[4] * n))
    found = [
        ErrorSample((np.zeros(4),), {"kernel_size": 2, **attrs}, ShapeError, f"must have the shape {INPUTS[n]}"),
        ErrorSample((np.zeros((1, *[0] * n)),), {"kernel_size": 1, **attrs}, ShapeError, "an axis has length 0"),
        ErrorSample(
            (small,), {"kernel_size": 5, "stride": 2, **attrs}, ShapeError, "((4 + 2 * 0 - 1 * (5 - 1) - 1) / 2) + 1 = "
        ),
        ErrorSample((small,), {"kernel_size": 0, **attrs}, ArgumentError, "kernel_size is an integer from 1"),
        ErrorSample((small,), {"kernel_size": (2,) * (n + 1), **attrs}, ArgumentError, "kernel_size is an integer"),
        ErrorSample((small,), {"kernel_size": 2.0, **attrs}, DTypeError, "kernel_size is an integer"),
        ErrorSample((small,), {"kernel_size": 2, "ceil_mode": "no", **attrs}, DTypeError, "ceil_mode is True or False"),
        ErrorSample((small.astype(np.int64),), {"kernel_size": 2, **attrs}, DTypeError, "for floats, got int64"),
    ]
    return tuple(found)


# ---- samples and examples --------------------------------------------------------------------------------------------


def apart(rng: np.random.Generator, *shape: int) -> Any:
    """Values that differ: where two are equal, a maximum has a kink."""
    return rng.permutation(math.prod(shape)).reshape(shape) / 4.0 - 2.0


_LINES = {
    1: ("[[1.0, 3.0, 2.0, 4.0]]", "2"),
    2: ("[[[1.0, 3.0], [2.0, 4.0]]]", "2"),
    3: ("[[[[1.0, 3.0], [2.0, 4.0]]]]", "(1, 2, 2)"),
}


def line(n: int) -> tuple[str, str]:
    """A small input of n axes for an example, and the size of a window."""
    return _LINES[n]


def nested(n: int, *values: str) -> str:
    """A row of results as a tensor of one channel prints it."""
    return f"tensor({'[' * (n + 1)}{', '.join(values)}{']' * (n + 1)})"
