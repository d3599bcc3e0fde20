"""What the tests know of choosing between values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {"maximum": np.maximum, "minimum": np.minimum, "where": np.where}

DROPS_NAN = {"where"}  # a number that was not chosen


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {"maximum": torch.maximum, "minimum": torch.minimum, "where": torch.where}


NOT_NUMBERS: tuple[list[Any], dict[str, Any]] = (
    [[np.nan, 1.0, np.nan, np.inf, -np.inf], [1.0, np.nan, np.nan, np.inf, 0.0]],
    {},
)
EDGES: dict[str, Any] = {
    "maximum": [([[1.0, 2.0, 3.0], [2.0, 2.0, 2.0]], {}), NOT_NUMBERS],
    "minimum": [([[1.0, 2.0, 3.0], [2.0, 2.0, 2.0]], {}), NOT_NUMBERS],
}
