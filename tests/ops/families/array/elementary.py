"""What the tests know of exponentials, logarithms and roots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

NO_BOOLS = {"positive"}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {
        "exp2": torch.exp2,
        "expm1": torch.expm1,
        "log10": torch.log10,
        "log2": torch.log2,
        "logaddexp": torch.logaddexp,
        "logaddexp2": torch.logaddexp2,
        "positive": torch.positive,
        "reciprocal": torch.reciprocal,
        "rsqrt": torch.rsqrt,
        "xlog1py": torch.special.xlog1py,
        "xlogy": torch.xlogy,
    }


EDGES: dict[str, Any] = {
    "exp2": [([[1100.0, -1100.0, 0.0]], {})],
    "expm1": [([[800.0, -1e-12, 1e-12, 0.0]], {})],
    "log10": [([[0.0, np.inf, 1e-300]], {})],
    "log2": [([[0.0, np.inf, 1e-300]], {})],
    "logaddexp": [([[-np.inf, 800.0, -800.0, 0.0], [2.0, 800.0, 0.0, 1e-12]], {})],
    "logaddexp2": [([[-np.inf, 2000.0, -2000.0, 0.0], [2.0, 2000.0, 0.0, 1e-12]], {})],
    "reciprocal": [([[0.0, np.inf, -np.inf]], {})],
    "rsqrt": [([[0.0, np.inf, 1e-30]], {})],
    "xlog1py": [([[0.0, 0.0, 1.0, 2.0], [-2.0, 3.0, -1.0, 1e-12]], {})],
    "xlogy": [([[0.0, 0.0, 1.0, 2.0], [-1.0, 3.0, 0.0, 1.0]], {})],
}
