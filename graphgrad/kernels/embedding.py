"""The gradient of a table of which rows were looked up, compiled.

The function is that of `graphgrad.kernels.plain.embedding`, where it is described. Measured on 4,096 places of 128
float32 in a table of 10,000 rows: 0.11 ms, where `np.add.at` takes 5 ms. Half of it is clearing the memory, which NumPy
takes fresh from the system, and so already cleared, where the table is large: with 50,000 rows of 512, of which one in
twelve is looked up, zeros and sums take 9 ms and writing zeros first takes 13. Neither is quicker on two threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphgrad.kernels.jit import jit

__all__ = ["add_rows"]

Array = np.ndarray[Any, Any]


@jit
def _add_rows(g: Array, rows: Array, count: int, width: int, out: Array) -> None:
    length = np.uintp(width)
    for i in range(np.uintp(rows.size)):
        row = rows[i]
        if row < 0 or row >= count:
            continue
        first, to = i * length, np.uintp(row) * length
        for j in range(length):
            out[to + j] += g[first + j]


def add_rows(g: Array, rows: Array, count: int) -> Array:
    """See `graphgrad.kernels.plain.embedding.add_rows`."""
    out = np.zeros((count, g.shape[1]), g.dtype)
    flat, rows = (np.require(one, requirements=["C", "W"]).reshape(-1) for one in (g, rows))
    _add_rows(flat, rows, count, g.shape[1], out.reshape(-1))
    return out
