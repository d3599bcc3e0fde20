"""What the tests know of powers, exponentials and chains of products of matrices."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg

FUNCTIONS: dict[str, Any] = {
    "matrix_exp": linalg.expm,
    "matrix_power": np.linalg.matrix_power,
    "multi_dot": lambda matrices: functools.reduce(np.matmul, matrices),
}

NO_INTEGERS = {"matrix_power"}  # bytes wrap around


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    return {
        "matrix_exp": torch.linalg.matrix_exp,
        "matrix_power": lambda x, n: torch.linalg.matrix_power(x, n),
        "multi_dot": torch.linalg.multi_dot,
    }
