"""Runs of neighbouring elements within kernels.

Arrays are flat, and elements counted by unsigned integers: slices would be counted by their users (with atomic
instructions), and a signed number might mean an element from the end; neither can be done many elements at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.kernels.jit import jit

__all__ = ["add_run", "copy_run", "fill_run"]


@jit
def copy_run(to: Any, at: int, source: Any, first: int, count: int) -> None:
    """Copy so many elements."""
    place, start = np.uintp(at), np.uintp(first)
    for j in range(np.uintp(count)):
        to[place + j] = source[start + j]


@jit
def add_run(to: Any, at: int, source: Any, first: int, count: int, factor: float) -> None:
    """Add so many elements, each times a factor."""
    place, start = np.uintp(at), np.uintp(first)
    for j in range(np.uintp(count)):
        to[place + j] += factor * source[start + j]


@jit
def fill_run(to: Any, at: int, count: int, value: float) -> None:
    """Give so many elements a value."""
    place = np.uintp(at)
    for j in range(np.uintp(count)):
        to[place + j] = value
