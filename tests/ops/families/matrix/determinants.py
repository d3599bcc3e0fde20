"""What the tests know of determinants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {"det": np.linalg.det, "slogdet": lambda x: tuple(np.linalg.slogdet(x))}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {"det": torch.linalg.det, "logdet": torch.logdet, "slogdet": torch.linalg.slogdet}


# At singular matrices PyTorch's gradient of the determinant is 0, and that of its logarithm has the sign of -0.0.
EDGES: dict[str, Any] = {
    "det": [([[[0.0, 1.0], [1.0, 0.0]]], {}), ([[[1e-20, 0.0], [0.0, 1e20]]], {})],
    "logdet": [([[[0.0, 1.0], [1.0, 0.0]]], {})],
    "slogdet": [([[[0.0, 1.0], [1.0, 0.0]]], {}), ([[[1e-30, 0.0], [0.0, 1e-30]]], {})],
}
