"""What the tests know of logic, bits and questions about numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {
    "bitwise_and": np.bitwise_and,
    "bitwise_left_shift": np.left_shift,
    "bitwise_not": np.invert,
    "bitwise_or": np.bitwise_or,
    "bitwise_right_shift": np.right_shift,
    "bitwise_xor": np.bitwise_xor,
    "isfinite": np.isfinite,
    "isinf": np.isinf,
    "isnan": np.isnan,
    "logical_and": np.logical_and,
    "logical_not": np.logical_not,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
    "nextafter": np.nextafter,
    "signbit": np.signbit,
}

ONLY_INTEGERS = {
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    names = [*FUNCTIONS, "isclose", "isneginf", "isposinf"]
    return {name: getattr(torch, name) for name in names}


EDGES: dict[str, Any] = {
    "isclose": [([[np.nan, np.inf, np.inf, 1.0], [np.nan, np.inf, -np.inf, np.inf]], {"equal_nan": True})],
    "nextafter": [([[0.0, 1.0, np.inf, 1.0], [1.0, 1.0, 0.0, -np.inf]], {})],
}
