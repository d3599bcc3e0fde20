"""Arrays as kernels are compiled for."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["in_order"]

Array = np.ndarray[Any, Any]


def in_order(x: Array) -> Array:
    """The elements in order: a view if they are so in memory, else a copy.

    Also of an array that is read-only, which is of another type, for which all would be compiled once more.
    """
    return (x if x.flags.carray else np.array(x, order="C")).reshape(-1)
