"""The Gaussian error linear unit: x · Φ(x), Φ being the normal distribution, or something near to it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["CUBIC", "FLAT", "SLOPE", "gradient", "values"]

Array = np.ndarray[Any, Any]

SLOPE, CUBIC = math.sqrt(8.0 / math.pi), 0.044715
"""What the sigmoid is taken of that is near to Φ: the first times x + the second · x³."""
FLAT = 40.0
"""Beyond, the sigmoid is 0 or 1 in every dtype, and the cube of a large x would overflow."""
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)


def _distribution(x: Array) -> Any:
    from scipy.special import ndtr

    return ndtr(x).astype(x.dtype, copy=False)


def _near(x: Array) -> tuple[Any, Any]:
    """The sigmoid that is near to Φ, and where it isn't flat yet."""
    near = np.minimum(np.maximum(x, -FLAT), FLAT)
    with np.errstate(over="ignore"):  # 1 / inf is the 0 that is meant
        return 1.0 / (1.0 + np.exp(-SLOPE * (near * (1.0 + CUBIC * (near * near))))), near


def values(x: Array, approximate: str) -> Any:
    """
    The value, x · Φ(x), of each element.

    Parameters
    ----------
    x
        Float32 or float64 for the kernels; any floats for NumPy.
    approximate
        ``"none"``, or ``"tanh"`` for the sigmoid in the place of Φ.
    """
    return x * (_distribution(x) if approximate == "none" else _near(x)[0])


def gradient(g: Array, x: Array, approximate: str) -> Any:
    """
    What is passed back: `g` times the slope, Φ(x) + x · φ(x).

    Parameters
    ----------
    g, x
        For the kernels of one shape and one dtype.
    approximate
        As in `values`.
    """
    if approximate == "none":
        return g * (_distribution(x) + x * (np.exp(-0.5 * (x * x)) / _ROOT_TWO_PI))
    s, near = _near(x)
    return g * (s + near * (s * (1.0 - s) * (SLOPE * (1.0 + 3.0 * CUBIC * (near * near)))))
