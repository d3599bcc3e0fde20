"""What passes back through a table of which rows were looked up: each row gets the sum over its places."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["add_rows"]

Array = np.ndarray[Any, Any]


def add_rows(g: Array, rows: Array, count: int) -> Array:
    """Zeros of shape (count, width), with each row of `g` added to the row whose number stands beside it, in order.

    Parameters
    ----------
    g
        Shape (places, width).
    rows
        Shape (places,), integers of 64 bits; a row of a number that is none, such as -1, goes nowhere.
    count
        How many rows there are.
    """
    out = np.zeros((count, g.shape[1]), g.dtype)
    is_row = (rows >= 0) & (rows < count)
    if not is_row.all():
        g, rows = g[is_row], rows[is_row]
    np.add.at(out, rows, g)
    return out
