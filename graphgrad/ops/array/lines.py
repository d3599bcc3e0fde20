"""Lines: the elements along one axis or several, side by side in the last axis.

What goes through elements one after the other (running products, sorting, quantiles) is written for lines, on arrays
and on tensors alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphgrad.ops.shapes import normalize_axes

__all__ = ["from_lines", "to_lines"]

Axis = int | Sequence[int] | None
Shape = tuple[int, ...]


def _orders(rank: int, axis: Axis) -> tuple[Shape, Shape]:
    """The axes that stay, and those that become one line; None means all."""
    axes = normalize_axes(axis, rank)
    return tuple(i for i in range(rank) if i not in axes), axes


def to_lines(x: Any, axis: Axis) -> Any:
    """An array or tensor with the axes of `axis` as its last one."""
    kept, lined = _orders(x.ndim, axis)
    order = (*kept, *lined)
    if order != tuple(range(x.ndim)):
        x = np.transpose(x, order)
    if len(lined) == 1:
        return x
    shape = x.shape
    return np.reshape(x, (*shape[: len(kept)], math.prod(shape[len(kept) :])))


def from_lines(lines: Any, x_shape: Shape, axis: Axis) -> Any:
    """The same elements in the shape that they had before `to_lines`."""
    kept, lined = _orders(len(x_shape), axis)
    order = (*kept, *lined)
    if len(lined) != 1:
        lines = np.reshape(lines, tuple(x_shape[i] for i in order))
    if order == tuple(range(len(order))):
        return lines
    return np.transpose(lines, tuple(order.index(i) for i in range(len(order))))
