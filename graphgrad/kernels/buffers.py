"""Work memory that is used again: fresh memory costs a page fault every 4 KiB, often as much as the work in it."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

__all__ = ["Buffers"]

Array = np.ndarray[Any, Any]


class Buffers:
    """Arrays that nobody needs just now, by their size.

    Parameters
    ----------
    most
        How many bytes are kept at most; what is given back beyond that is let go.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.bytes = 0
        self._lock = threading.Lock()
        self._free: dict[tuple[int, np.dtype[Any]], list[Array]] = {}

    def take(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array that holds anything."""
        size, dtype = math.prod(shape), np.dtype(dtype)
        with self._lock:
            free = self._free.get((size, dtype))
            if not free:
                return np.empty(shape, dtype)
            found = free.pop()
            self.bytes -= found.nbytes
        return found.reshape(shape)

    def give(self, *arrays: Array) -> None:
        """Give back arrays that were taken, which nobody else may have a view of."""
        with self._lock:
            for one in arrays:
                if one.nbytes and self.bytes + one.nbytes <= self.most:
                    self.bytes += one.nbytes
                    self._free.setdefault((one.size, one.dtype), []).append(one.reshape(-1))
