"""What the tests know of linear equations and inverses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {
    "inv": np.linalg.inv,
    "solve": np.linalg.solve,
    "tensorinv": np.linalg.tensorinv,
    "tensorsolve": np.linalg.tensorsolve,
}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def solve(a: Any, b: Any) -> Any:
        return torch.linalg.solve(a, b[:, None])[..., 0] if b.ndim == 1 else torch.linalg.solve(a, b)

    return {
        "inv": torch.linalg.inv,
        "solve": solve,
        "tensorinv": lambda x, ind=2: torch.linalg.tensorinv(x, ind),
        "tensorsolve": lambda a, b, axes=None: torch.linalg.tensorsolve(a, b, axes),
    }
