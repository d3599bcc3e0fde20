"""What the kernels of pooling are given: planes and windows in the form that they are compiled for, and threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphgrad.kernels.plain.pooling import Window
from graphgrad.kernels.threads import in_parallel, shares

__all__ = [
    "ENOUGH",
    "described",
    "flat",
    "is_of_squares",
    "is_whole",
    "of_planes",
    "plain",
    "rows",
    "rows_of_windows",
    "run",
    "window_shape",
]

Array = np.ndarray[Any, Any]

ENOUGH = 1 << 19
"""From how many elements on it pays to wake other threads."""


def described(window: Window) -> tuple[Any, Any, Any]:
    """The windows as the kernels take them, tuples of numbers and arrays."""
    d, h, w = window
    return (
        (d.starts, d.stops, d.gap),
        (h.starts, h.stops, h.gap, h.length),
        (w.starts, w.stops, w.gap, w.kernel, w.stride, w.padding),
    )


def plain(x: Array) -> Array:
    """An array as the kernels are compiled for: in memory as its elements come. One that is read-only is copied."""
    return np.require(x, requirements=["C", "W"])


def flat(out: Array) -> Array:
    """Planes of rows as planes."""
    return out.reshape(len(out), out.shape[1] * out.shape[2])


def rows(x: Array, window: Window) -> Array:
    """Planes row by row."""
    d, h, w = window
    return plain(x).reshape(len(x), d.length * h.length, w.length)


def rows_of_windows(g: Array, window: Window) -> Array:
    """What belongs to windows, for planes: row by row of windows."""
    return plain(g).reshape(len(g), *window_shape(window))


def is_whole(window: Window) -> bool:
    """Whether the one window is the plane: NumPy does that many elements at once."""
    return all(
        slide.windows == 1 and len(range(slide.starts[0], slide.stops[0], slide.gap)) == slide.length
        for slide in window
    )


def is_of_squares(window: Window) -> bool:
    """Whether the windows are squares of four elements side by side, which leave out none."""
    d, h, w = window
    return d.length == 1 == d.windows and all(
        slide.kernel == slide.stride == 2 and slide.gap == 1 and not slide.padding and slide.length == 2 * slide.windows
        for slide in (h, w)
    )


def of_planes(x: Array, function: Callable[[Array], Array]) -> Array:
    """A function of planes, on threads."""
    blocks = shares(len(x)) if x.size >= ENOUGH else [range(len(x))]
    return np.concatenate(in_parallel(lambda block: function(x[block.start : block.stop]), blocks))


def run(kernel: Callable[..., None], arrays: tuple[Array, ...], *rest: Any) -> None:
    """A kernel over all planes, which are along the first axis of each array."""
    planes = len(arrays[0])
    if max(array.size for array in arrays) < ENOUGH:
        kernel(*arrays, *rest)
        return
    blocks = shares(planes)
    in_parallel(lambda block: kernel(*(array[block.start : block.stop] for array in arrays), *rest), blocks)


def window_shape(window: Window) -> tuple[int, int]:
    """Windows as rows of the result, and how many are in a row."""
    d, h, w = window
    return d.windows * h.windows, w.windows
