"""Guards, compiled: whether a function would go the same way through its tape on other numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphgrad.kernels.jit import jit

__all__ = ["EQUAL", "LESS", "LESS_EQUAL", "SAME", "WHOLE", "guards_hold"]

Array = Any  # of NumPy; inside a compiled function only numba's types count

LESS, LESS_EQUAL, EQUAL, SAME, WHOLE = 0, 1, 2, 3, 4
"""What a guard asks of two values: <, <=, ==, the same bits or both nan, and the same whole number towards zero."""


@jit
def guards_hold(kinds: Array, left: Array, right: Array, outcomes: Array, values: Array, hold: Array) -> None:
    """
    See for which inputs all guards come out as they did when the tape was recorded.

    Parameters
    ----------
    kinds, left, right, outcomes
        What each guard asks of which two numbers, and what the answer was.
    values
        A row for each number, a column for each input.
    hold
        1 for each input that passes, to be filled.
    """
    for lane in range(hold.size):
        hold[lane] = 1
        for k in range(kinds.size):
            kind, a, b = kinds[k], values[left[k], lane], values[right[k], lane]
            if kind == LESS:
                answer = a < b
            elif kind == LESS_EQUAL:
                answer = a <= b
            elif kind == EQUAL:
                answer = a == b
            elif kind == SAME:
                answer = (a == b and math.copysign(1.0, a) == math.copysign(1.0, b)) or (a != a and b != b)
            else:
                answer = np.trunc(a) == np.trunc(b)  # as floats: most whole numbers are beyond those of the machine
            if answer != outcomes[k]:
                hold[lane] = 0
                break
