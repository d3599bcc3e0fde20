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
        How many bytes are kept at most; beyond that, those go whose size was asked for the longest ago.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.bytes = 0
        self._lock = threading.Lock()
        # The size that was used last comes last.
        self._free: dict[tuple[int, np.dtype[Any]], list[Array]] = {}

    def take(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """An array that holds anything."""
        key = math.prod(shape), np.dtype(dtype)
        with self._lock:
            free = self._free.pop(key, None)
            if free is None:
                return np.empty(shape, dtype)
            found = free.pop()
            if free:
                self._free[key] = free
            self.bytes -= found.nbytes
        return found.reshape(shape)

    def give(self, *arrays: Array) -> None:
        """Give back arrays that were taken, which nobody else may have a view of."""
        with self._lock:
            for one in arrays:
                if 0 < one.nbytes <= self.most:
                    key = one.size, one.dtype
                    free = self._free.pop(key, [])
                    free.append(one.reshape(-1))
                    self._free[key] = free
                    self.bytes += one.nbytes
            while self.bytes > self.most:
                oldest = next(iter(self._free))
                self.bytes -= self._free[oldest].pop().nbytes
                if not self._free[oldest]:
                    del self._free[oldest]
