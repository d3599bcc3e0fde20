"""What the tests know of trigonometric and hyperbolic functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {
    "acos": np.arccos,
    "asin": np.arcsin,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "cos": np.cos,
    "cosh": np.cosh,
    "sin": np.sin,
    "sinh": np.sinh,
}

LIMITS = {("sinc", np.inf): (None, 0.0), ("sinc", -np.inf): (None, 0.0)}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    names = "acos acosh asin asinh atan atan2 atanh cos cosh deg2rad hypot rad2deg sin sinc sinh tan"
    return {name: getattr(torch, name) for name in names.split()}


EDGES: dict[str, Any] = {
    "acos": [([[1.0, -1.0, 1.0 - 1e-7, 0.0]], {})],
    "acosh": [([[1.0, 1.0 + 1e-7, np.inf]], {})],
    "asin": [([[1.0, -1.0, 1.0 - 1e-7, 0.0]], {})],
    "asinh": [([[1e6, -1e6, 1e-12, 0.0, -np.inf]], {})],
    "atan": [([[1e6, -np.inf, 1e-12, 0.0]], {})],
    "atan2": [([[0.0, 0.0, 0.0, -0.0, 3.0, 1e-12], [0.0, 1.0, -1.0, -1.0, 0.0, 1.0]], {})],
    "atanh": [([[1.0 - 1e-7, 1e-12, 0.0]], {})],
    "cosh": [([[800.0, -800.0, 0.0]], {})],
    "hypot": [([[3e18, 0.0, 1e-18], [4e18, -2.0, 0.0]], {})],
    "sinc": [([[0.0, 0.25, 1.0, -2.0]], {})],
    "sinh": [([[800.0, -800.0, 1e-12]], {})],
    "tan": [([[0.0, 1.5, 1e-12]], {})],
}
