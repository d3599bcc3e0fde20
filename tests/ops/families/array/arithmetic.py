"""What the tests know of arithmetic, powers and comparisons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {
    "abs": np.abs,
    "sign": lambda x: np.where(np.isnan(x), np.nan, (x > 0) * 1.0 - (x < 0) * 1.0),
    "sqrt": np.sqrt,
}

NO_BOOLS = {"negative", "sign", "subtract"}
DROPS_NAN = {"power"}  # 1 ** nan and nan ** 0


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {
        "abs": torch.abs,
        "add": torch.add,
        "divide": torch.divide,
        "equal": torch.eq,
        "greater": torch.greater,
        "greater_equal": torch.greater_equal,
        "less": torch.less,
        "less_equal": torch.less_equal,
        "multiply": torch.multiply,
        "negative": torch.negative,
        "not_equal": torch.not_equal,
        "power": torch.pow,
        "sign": torch.sign,
        "sqrt": torch.sqrt,
        "square": torch.square,
        "subtract": torch.subtract,
    }


EDGES: dict[str, Any] = {
    "abs": [([[0.0, -0.0, -1.0]], {})],
    "divide": [([[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]], {})],
    "power": [
        ([[0.0, 0.0, 0.0, 2.0, -2.0], [0.0, 2.0, 1.0, 0.0, 3.0]], {}),
        ([[4.0, 0.25], [0.5, -0.5]], {}),
    ],
    "sqrt": [([[0.0, 4.0]], {})],
}
